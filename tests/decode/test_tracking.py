"""Message tracking tells of each recipient whether he failed or waits, and nothing of events that went well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.decode.exports import read_export
from triage.decode.tracking import is_tracking, read_event
from triage.hosts import Hosts
from triage.model import Observation

REFUSED = "[{LRT=};{LED=550 5.7.1 RESOLVER.RST.AuthRequired; authentication required};{FQDN=};{IP=}]"
LOST = (
    "[{LED=451 4.4.397 Error communicating with target host. -> 421 4.4.2 Connection dropped due to ConnectionReset};"
    "{MSG=};{FQDN=mx.fabrikam.example};{IP=203.0.113.9};{LRT=10/18/2026 9:14:03 AM}]"
)
EVENT: dict[str, str | None] = {
    "timestamp": "18.10.2026 09:14:03",
    "eventid": "FAIL",
    "source": "ROUTING",
    "clienthostname": "HQ-EX13",
    "messageid": "<offer-4711@contoso.example>",
    "recipients": "{anna@fabrikam.example}",
    "recipientstatus": f"{{{REFUSED}}}",
    "messagesubject": "Offer 4711",
    "sender": "karl.holm@contoso.example",
}


def events(**changes: str | None) -> list[Observation]:
    """Read the event above with changes; a column that is to be missing has the value "-"."""
    found = read_event({name: value for name, value in (EVENT | changes).items() if value != "-"})
    assert isinstance(found, list)
    return found


def test_a_failed_recipient_is_told_with_his_message() -> None:
    """Recipient, message, cause and the server that wrote the event stand in one observation."""
    (found,) = events()
    assert (found.source, found.action, found.impact) == ("tracking-log", "failed", "returned")
    assert (found.recipient, found.recipient_domain) == ("anna@fabrikam.example", "fabrikam.example")
    assert found.diagnostic == "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required"
    assert (found.original.message_id, found.original.subject) == ("offer-4711@contoso.example", "Offer 4711")
    assert (found.original.from_, found.reported_by) == ("karl.holm@contoso.example", "hq-ex13")


def test_a_refusal_before_any_hop_has_no_smtp_client() -> None:
    """Routing refused the message itself: no other server was tried."""
    assert [(one.sending_host, one.receiving_host) for one in events()] == [(None, None)]


def test_a_lost_session_names_both_ends() -> None:
    """An event about a session has our server at one end and the server tried at the other."""
    (found,) = events(eventid="DEFER", recipientstatus=f"{{{LOST}}}")
    assert (found.action, found.impact) == ("delayed", "waiting")
    assert (found.sending_host, found.receiving_host, found.receiving_ip) == (
        "hq-ex13", "mx.fabrikam.example", "203.0.113.9",
    )  # fmt: skip
    assert (found.diagnostic, found.tls.error) == (
        "421 4.4.2 Connection dropped due to ConnectionReset",
        "ConnectionReset",
    )


ENDS: dict[str, tuple[dict[str, str | None], tuple[str | None, ...]]] = {
    "the error names the server tried": (
        {"source": "SMTP", "serverhostname": "mx.fabrikam.example", "serverip": "203.0.113.9", "clientip": "192.0.2.11"},
        ("hq-ex13", "192.0.2.11", "mx.fabrikam.example", "203.0.113.9"),
    ),
    "the columns name another than the error": (
        {"source": "SMTP", "serverhostname": "mx2.fabrikam.example", "serverip": "203.0.113.10"},
        ("hq-ex13", None, "mx.fabrikam.example", "203.0.113.9"),
    ),
    "only the columns name it": (
        {"source": "SMTP", "serverhostname": "mx2.fabrikam.example", "serverip": "203.0.113.10",
            "recipientstatus": "{451 4.7.0 Busy}"},
        ("hq-ex13", None, "mx2.fabrikam.example", "203.0.113.10"),
    ),
    "the mailbox server of a delivery is no other end of a session": (
        {"source": "STOREDRIVER", "serverhostname": "HQ-MBX2", "recipientstatus": "{432 4.2.0 STOREDRV.Deliver; offline}"},
        (None, None, None, None),
    ),
    "the front end of a proxy session is the client": (
        {"source": "SMTP", "recipientstatus": "{[{LED=450 4.4.101 Proxy session setup failed on Frontend with '451 4.4.0"
            " Primary target IP address responded with: \"421 4.4.2 Connection dropped.\" The last endpoint attempted was"
            " 203.0.113.5:25'};{MSG=};{FQDN=HQ-EX14.contoso.example};{IP=192.0.2.14};{LRT=}]}"},
        ("hq-ex14.contoso.example", "192.0.2.14", None, "203.0.113.5"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "ends"), ENDS.values(), ids=ENDS.keys())
def test_both_ends_of_a_session_are_told_by_what_names_them(
    changes: dict[str, str | None], ends: tuple[str | None, ...]
) -> None:
    """The error comes before the columns, and a name of one source never stands beside the address of another."""
    (found,) = events(**{"eventid": "DEFER", "recipientstatus": f"{{{LOST}}}", **changes})
    assert (found.sending_host, found.sending_ip, found.receiving_host, found.receiving_ip) == ends


TWO = "{anna@fabrikam.example, ben@contoso.example}"
PAIRS = {
    "one for each": (TWO, f"{{{LOST}, {REFUSED}}}", [("anna@fabrikam.example", 421), ("ben@contoso.example", 550)]),
    "in the log file": ("anna@fabrikam.example;ben@contoso.example", f"{LOST};{REFUSED}",
        [("anna@fabrikam.example", 421), ("ben@contoso.example", 550)]),
    "one for all": (TWO, f"{{{LOST}}}", [("anna@fabrikam.example", 421), ("ben@contoso.example", 421)]),
    "more than recipients": ("{anna@fabrikam.example...}", f"{{{LOST}, {REFUSED}}}", [(None, 421), (None, 550)]),
}  # fmt: skip


@pytest.mark.parametrize(("recipients", "statuses", "pairs"), PAIRS.values(), ids=PAIRS.keys())
def test_each_recipient_has_his_own_status(
    recipients: str, statuses: str, pairs: list[tuple[str | None, int | None]]
) -> None:
    """Statuses belong to recipients by their place; where the numbers differ, to nobody in particular."""
    found = events(recipients=recipients, recipientstatus=statuses)
    assert [(one.recipient, one.reply_code) for one in found] == pairs


SET_ASIDE = {
    "a success": ({"eventid": "SEND", "recipientstatus": "{250 2.1.5 Recipient OK}"}, "other-event"),
    "a receipt": ({"eventid": "RECEIVE", "recipientstatus": "{To, Cc}"}, "other-event"),
    "a status that is none": ({"eventid": "", "recipientstatus": "{}"}, "no-error"),
    "an empty group": ({"eventid": "", "recipientstatus": "{[{LRT=};{LED=};{FQDN=};{IP=}]}"}, "no-error"),
    "nobody failed": ({"recipientstatus": "{250 2.1.5 Recipient OK}"}, "no-error"),
}


@pytest.mark.parametrize(("changes", "word"), SET_ASIDE.values(), ids=SET_ASIDE.keys())
def test_events_that_tell_no_fault_are_counted(changes: dict[str, str | None], word: str) -> None:
    """A tracking log is mostly about mail that went its way."""
    assert read_event(EVENT | changes) == word


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("[{LED=450 4.4.316 Connection refused};{MSG=}]", "delayed"),
        ("[{LED=550 5.1.8 Access denied};{MSG=}]", "failed"),
    ],
)
def test_without_an_event_the_reply_code_decides(text: str, action: str) -> None:
    """A trace's status stands alone: 4yz is tried again, 5yz is final."""
    assert [one.action for one in events(eventid="-", recipientstatus="-", status=text)] == [action]


LIST = """
Timestamp      : 18.10.2026 09:14:03
Sender         : karl.holm@contoso.example
To             : anna@fabrikam.example
Status         : [{LED=550 5.1.8 Access denied, bad outbound sender AS(42000001)
                 [AB1PEPF00000001.eurprd02.prod.outlook.com]};{MSG=};
                 {FQDN=192.0.2.40};{IP=192.0.2.40};{LRT=18.10.2026 09:14:03}]
MessageSubject : Offer 4711
MessageId      : <offer-4711@contoso.example>
"""
LOG = (
    "#Software: Microsoft Exchange Server\r\n#Version: 15.02.1748.010\r\n#Log-type: Message Tracking Log\r\n"
    "#Date: 2026-10-18T00:00:12.000Z\r\n#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,"
    "source-context,connector-id,source,event-id,internal-message-id,message-id,network-message-id,recipient-address,"
    "recipient-status,total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address\r\n"
    "2026-10-18T09:14:03.123Z,,HQ-EX13,,,,Outbound,SMTP,DEFER,17,<offer-4711@contoso.example>,,anna@fabrikam.example,"
    + LOST.replace(",", "") + ",2690,1,,,Offer 4711,karl.holm@contoso.example\r\n"
    "2026-10-18T09:15:03.123Z,,HQ-EX13,,,,Outbound,SMTP,SEND,18,<b@contoso.example>,,ben@fabrikam.example,250 2.1.5 OK,"
    "2690,1,,,Other,karl.holm@contoso.example\r\n"
)  # fmt: skip
TRACE = (
    '"MessageTraceId","MessageId","Date","Event","Action","Detail","Data"\r\n'
    '"0f0e","<offer-4711@contoso.example>","10/18/2026 9:14:03 AM","Defer","","Reason: [{LED=450 4.4.317 Cannot connect to'
    " remote server [Message=451 5.7.3 STARTTLS is required to send mail]};{MSG=}]. OutboundProxyTargetIP: 203.0.113.9."
    ' OutboundProxyTargetHostName: mx.fabrikam.example",""\r\n'
)


def test_a_trace_as_a_list_is_read() -> None:
    """An address in FQDN is an address, and the subject and sender are the message's."""
    document = read_export(LIST.encode(), Hosts())
    assert document is not None
    (found,) = document.observations
    assert (found.action, found.receiving_host, found.receiving_ip) == ("failed", None, "192.0.2.40")
    assert (found.recipient, found.original.from_) == ("anna@fabrikam.example", "karl.holm@contoso.example")
    assert found.diagnostic == (
        "550 5.1.8 Access denied, bad outbound sender AS(42000001) [AB1PEPF00000001.eurprd02.prod.outlook.com]"
    )


def test_the_log_file_has_utc_times() -> None:
    """The log writes UTC with its zone; healthy rows are counted."""
    document = read_export(LOG.encode(), Hosts())
    assert document is not None
    assert document.suppressed == {"other-event": 1}
    assert [(one.time, one.action, one.reported_by) for one in document.observations] == [
        ("2026-10-18T09:14:03Z", "delayed", "hq-ex13")
    ]


def test_a_traces_detail_names_the_server_tried() -> None:
    """The words behind the groups say which server Exchange Online's proxy tried, and which message it was."""
    document = read_export(TRACE.encode(), Hosts())
    assert document is not None
    (found,) = document.observations
    assert (found.action, found.receiving_host, found.receiving_ip) == ("delayed", "mx.fabrikam.example", "203.0.113.9")
    assert (found.diagnostic, found.tls.required) == ("451 5.7.3 STARTTLS is required to send mail", True)
    assert found.original.message_id == "offer-4711@contoso.example"


@pytest.mark.parametrize(
    ("row", "tracking"),
    [(EVENT, True), ({"status": LOST, "to": "a@b.example"}, True), ({"status": "Retry", "lasterror": LOST}, False)],
    ids=["event", "trace", "queue"],
)
def test_events_are_told_from_queues(row: dict[str, str | None], tracking: bool) -> None:
    """A queue's Status is a word, a trace's holds the groups."""
    assert is_tracking(row) is tracking


@given(st.dictionaries(st.sampled_from([*EVENT, "status", "detail"]), st.none() | st.text(max_size=200)))
def test_no_event_raises(row: dict[str, str | None]) -> None:
    """Any values give observations or a word."""
    assert isinstance(read_event(row), list | str)
