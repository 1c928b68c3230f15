"""What waits in a queue is told exactly: one fault for each queue, one for each waiting message, nothing invented."""

import pytest

from triage.decode.queue_export import is_message, read_message, read_queue, server_of
from triage.hosts import Hosts
from triage.model import Observation, Reply, Tls

TENANT = "contoso-example.mail.protection.outlook.com"
HOSTS = Hosts(domains=["contoso.example"])
LOST = (
    "[{LED=451 4.4.397 Error communicating with target host. -> 421 4.4.2 Connection dropped due to SocketError};{MSG=};"
    f"{{FQDN={TENANT}}};{{IP=203.0.113.25}};{{LRT=10/18/2026 9:14:03 AM}}]"
)
QUEUE: dict[str, str | None] = {
    "identity": "HQ-EX13\\3",
    "deliverytype": "DnsConnectorDelivery",
    "nexthopdomain": "contoso.mail.onmicrosoft.com",
    "status": "Retry",
    "messagecount": "412",
    "lasterror": LOST,
    "lastretrytime": "18.10.2026 09:14:03",
}
MESSAGE: dict[str, str | None] = {
    "identity": "HQ-EX13\\3\\4711",
    "subject": "Offer 4711",
    "internetmessageid": "<offer-4711@contoso.example>",
    "fromaddress": "karl.holm@contoso.example",
    "status": "Retry",
    "lasterror": LOST,
    "queue": "HQ-EX13\\3",
    "recipients": "{Anna.Berg@fabrikam.example;3;2;" + LOST + ";0;CN=Outbound,DC=contoso,DC=example;0}",
    "expirationtime": "10/20/2026 9:00:00 AM",
}


def queue(**changes: str | None) -> Observation | str:
    """Read the queue above with changes; a column that is to be missing has the value "-"."""
    row = {name: value for name, value in (QUEUE | changes).items() if value != "-"}
    return read_queue(row, HOSTS)


def seen(**changes: str | None) -> Observation:
    """Read a queue that has an error."""
    found = queue(**changes)
    assert isinstance(found, Observation)
    return found


def messages(**changes: str | None) -> list[Observation]:
    """Read a message that waits."""
    found = read_message({name: value for name, value in (MESSAGE | changes).items() if value != "-"}, HOSTS)
    assert isinstance(found, list)
    return found


def test_a_queue_with_an_error_is_one_delay_of_its_depth() -> None:
    """Depth, server, next hop, domain and the innermost cause stand in one observation."""
    found = seen()
    assert (found.source, found.action, found.impact, found.count) == ("queue", "delayed", "waiting", 412)
    assert (found.reported_by, found.sending_host) == ("hq-ex13", "hq-ex13")
    assert (found.receiving_host, found.receiving_ip) == (TENANT, "203.0.113.25")
    assert found.recipient_domain == "contoso.mail.onmicrosoft.com"
    assert (found.reply_code, found.status) == (421, "4.4.2")
    assert found.diagnostic == "421 4.4.2 Connection dropped due to SocketError"
    assert found.wrappers == (Reply(451, "4.4.397", "Error communicating with target host."),)
    assert found.tls == Tls(error="SocketError")


ERRORS = {
    "order of 2013": ("[{LRT=};{LED=451 4.4.0 Primary target IP address responded with: \"421 4.4.1 Connection timed out."
        "\" Attempted failover to alternate host, but that did not succeed.};{FQDN=mx.fabrikam.example};{IP=203.0.113.9}]",
        "421 4.4.1 Connection timed out.", "mx.fabrikam.example", "203.0.113.9"),
    "order of 2016": ("[{LED=451 4.7.0 Busy};{MSG=};{FQDN=mx.fabrikam.example};{IP=203.0.113.9};{LRT=1/2/2026 1:00:00 AM}]",
        "451 4.7.0 Busy", "mx.fabrikam.example", "203.0.113.9"),
    "an opener lost": ("[{LED=451 4.7.0 Busy};{MSG=};mx.fabrikam.example};{IP=203.0.113.9};{LRT=1/2/2026 1:00:00 AM}]",
        "451 4.7.0 Busy", "mx.fabrikam.example", "203.0.113.9"),
    "the text alone": ("451 4.4.0 Primary target IP address responded with: \"451 5.7.3 Must issue a STARTTLS command"
        " first.\"", "451 5.7.3 Must issue a STARTTLS command first.", None, None),
    "read off a picture": ("[<LRI-2026/1/4 13:31:03>; <led-454 4.7.0 Temporary authentication failure.>;"
        "<FQDN-mx.fabrikam.example>;<IP=203.0.113.9>]", "454 4.7.0 Temporary authentication failure.",
        "mx.fabrikam.example", "203.0.113.9"),
    "an address for a name": ("[{LED=451 4.7.0 Busy};{FQDN=203.0.113.9};{IP=203.0.113.9}]",
        "451 4.7.0 Busy", None, "203.0.113.9"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "diagnostic", "host", "ip"), ERRORS.values(), ids=ERRORS.keys())
def test_each_form_of_last_error_gives_cause_and_server(
    text: str, diagnostic: str, host: str | None, ip: str | None
) -> None:
    """Whatever the order of the groups and what was lost of them, the innermost reply and the server tried are read."""
    found = seen(lasterror=text, deliverytype="SmtpRelayToDag", nexthopdomain="dag1")
    assert (found.diagnostic, found.receiving_host, found.receiving_ip) == (diagnostic, host, ip)


NEXT_HOPS = {
    "a domain by DNS": ("DnsConnectorDelivery", "Fabrikam.example", None, None, "fabrikam.example"),
    "a tenant by DNS": ("1", "contoso.mail.onmicrosoft.com", "contoso.mail.onmicrosoft.com", None,
        "contoso.mail.onmicrosoft.com"),
    "a smart host": ("SmartHostConnectorDelivery", "relay.fabrikam.example", "relay.fabrikam.example", None, None),
    "Queue Viewer's words": ("Smart Host Connector Delivery", "relay.fabrikam.example", "relay.fabrikam.example", None,
        None),
    "a smart host by address": ("SmartHostConnectorDelivery", "[203.0.113.7]", None, "203.0.113.7", None),
    "two smart hosts": ("SmartHostConnectorDelivery", "a.fabrikam.example,b.fabrikam.example", None, None, None),
    "a database": ("SmtpDeliveryToMailbox", "mailbox database 1", None, None, None),
    "a site": ("SmtpRelayToMailboxDeliveryGroup", "site:default; version:14", None, None, None),
    "a type that is not shown": (None, "fabrikam.example", None, None, None),
    "Microsoft's pool, whatever the type": (None, TENANT, TENANT, None, None),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "host", "ip", "domain"), NEXT_HOPS.values(), ids=NEXT_HOPS.keys())
def test_the_next_hop_is_a_host_or_a_domain_by_its_delivery_type(
    kind: str | None, name: str, host: str | None, ip: str | None, domain: str | None
) -> None:
    """A domain is no host, a database is neither, and Microsoft's names are its pool."""
    found = seen(deliverytype=kind, nexthopdomain=name, lasterror="421 4.4.2 Connection dropped due to SocketError")
    assert (found.receiving_host, found.receiving_ip, found.recipient_domain) == (host, ip, domain)


SET_ASIDE = {
    "a healthy queue": ({"status": "Ready", "lasterror": ""}, "no-error"),
    "groups without an error": ({"lasterror": "[{LRT=};{LED=};{FQDN=};{IP=}]"}, "no-error"),
    "Retry, and an empty error": ({"lasterror": ""}, "no-error"),
    "an old error, nothing waits": ({"messagecount": "0"}, "empty"),
    "a shadow queue by name": ({"identity": "HQ-EX13\\Shadow\\7"}, "shadow"),
    "a shadow queue by type": ({"deliverytype": "ShadowRedundancy"}, "shadow"),
    "a shadow queue by number": ({"deliverytype": "10"}, "shadow"),
    "the poison queue": ({"identity": "HQ-EX13\\Poison"}, "poison"),
    "Ready, and no error shown": ({"status": "Ready", "lasterror": "-"}, "no-error"),
}


@pytest.mark.parametrize(("changes", "word"), SET_ASIDE.values(), ids=SET_ASIDE.keys())
def test_a_queue_in_which_nobody_waits_on_an_error_is_set_aside(changes: dict[str, str], word: str) -> None:
    """Copies, suspended messages, old errors and healthy queues are counted, never reported."""
    assert queue(**changes) == word


def test_a_cut_error_is_an_error_of_which_nothing_is_known() -> None:
    """A table that cuts LastError still shows that the queue waits; the text is null, never the part that is left."""
    found = seen(lasterror=None)
    assert (found.count, found.diagnostic, found.reply_code, found.receiving_host) == (
        412, None, None, "contoso.mail.onmicrosoft.com",
    )  # fmt: skip


def test_a_queue_in_retry_waits_even_where_the_export_has_no_error() -> None:
    """The default table has no LastError: Retry alone says that the last connection failed."""
    found = seen(lasterror="-")
    assert (found.action, found.count, found.diagnostic) == ("delayed", 412, None)


@pytest.mark.parametrize("own", ["Submission", "Unreachable"])
def test_a_queue_without_a_next_hop_has_no_smtp_client(own: str) -> None:
    """Messages in Submission and Unreachable have not been routed: their server reports, and sent to nobody."""
    found = seen(
        identity=f"HQ-EX13\\{own}", deliverytype="Undefined", nexthopdomain=own, lasterror="451 4.4.0 DNS query"
    )
    assert (found.reported_by, found.sending_host, found.receiving_host) == ("hq-ex13", None, None)


PROXY = (
    "[{LRT=};{LED=450 4.4.101 Proxy session setup failed on Frontend with '451 4.4.0 Primary target IP address responded"
    ' with "451 5.7.3 STARTTLS is required to send mail." Attempted failover to alternate host, but that did not succeed.'
    " The last endpoint attempted was 203.0.113.5:25'};{FQDN=%s};{IP=192.0.2.10}]"
)


@pytest.mark.parametrize(
    ("frontend", "sending"),
    [("HQ-EX13.contoso.example", "hq-ex13"), ("HQ-EX14.contoso.example", "hq-ex14.contoso.example")],
    ids=["same machine", "another machine"],
)
def test_the_front_end_of_a_proxy_session_is_never_the_receiver(frontend: str, sending: str) -> None:
    """FQDN and IP name our own front end then: the client of the hop, while the endpoint is the server tried."""
    found = seen(lasterror=PROXY % frontend, nexthopdomain="fabrikam.example")
    assert (found.reported_by, found.sending_host, found.sending_ip) == ("hq-ex13", sending, "192.0.2.10")
    assert (found.receiving_host, found.receiving_ip) == (None, "203.0.113.5")
    assert (found.tls.phase, found.tls.required) == ("starttls", True)


TIMES = {
    "a culture's own": ("18.10.2026 09:14:03", None),
    "ISO without a zone": ("2026-10-18T09:14:03", None),
    "ISO with an offset": ("2026-10-18T11:14:03.1234567+02:00", "2026-10-18T09:14:03Z"),
    "ConvertTo-Json": ("/Date(1792314843000)/", "2026-10-18T09:14:03Z"),
    "a day that is none": ("2026-13-45T09:14:03Z", None),
}


@pytest.mark.parametrize(("text", "time"), TIMES.values(), ids=TIMES.keys())
def test_only_a_time_with_its_zone_is_a_time(text: str, time: str | None) -> None:
    """A server prints its local time in its own culture's order: day and month are never guessed."""
    assert seen(lastretrytime=text).time == time


def test_the_time_that_exchange_online_stamped_stands_in() -> None:
    """Its closing brackets hold UTC, whatever the zone of the queue's own server."""
    stamp = "[AB1PEPF00000016.namprd21.prod.outlook.com 2026-10-18T19:07:30.476Z 08DD3FA5DBC8F401]"
    assert seen(lasterror=f"[{{LED=451 4.7.500 Server busy {stamp}}};{{MSG=}}]").time == "2026-10-18T19:07:30Z"


def test_a_message_gives_one_delay_for_each_recipient_who_waits() -> None:
    """Message-ID and recipient are there to count by; who has got the message is left out."""
    two = MESSAGE["recipients"] or ""
    two = two.removesuffix("}") + ", ben@fabrikam.example;1;2;;0;;0, cleo@fabrikam.example;2;2;;0;;0}"
    found = messages(recipients=two)
    assert [one.recipient for one in found] == ["Anna.Berg@fabrikam.example", "cleo@fabrikam.example"]
    assert {one.original.message_id for one in found} == {"offer-4711@contoso.example"}
    assert {(one.original.from_, one.original.subject) for one in found} == {
        ("karl.holm@contoso.example", "Offer 4711")
    }
    assert {(one.count, one.impact, one.receiving_host, one.sending_host) for one in found} == {
        (1, "waiting", TENANT, "hq-ex13")
    }


RECIPIENTS = {
    "names instead of numbers": ("{anna@fabrikam.example;Retry;To;451 4.7.0 Busy}", "451 4.7.0 Busy"),
    "no type": ("{anna@fabrikam.example;3;451 4.7.0 Busy}", "451 4.7.0 Busy"),
    "semicolons in the text": ("{anna@fabrikam.example;3;2;451 4.7.0 Busy; later;0;CN=x;0}", "451 4.7.0 Busy; later"),
    "the rest left out": ("{anna@fabrikam.example;3;2;451 4.7.0 Busy;0;CN=x;0...}", "451 4.7.0 Busy"),
    "the address alone": ("{anna@fabrikam.example}", "421 4.4.2 Connection dropped due to SocketError"),
}


@pytest.mark.parametrize(("text", "diagnostic"), RECIPIENTS.values(), ids=RECIPIENTS.keys())
def test_a_recipients_own_error_comes_before_the_messages(text: str, diagnostic: str) -> None:
    """Each form of `address;status;type;error` gives the address and its error; without one the message's holds."""
    assert [(one.recipient, one.diagnostic) for one in messages(recipients=text)] == [
        ("anna@fabrikam.example", diagnostic)
    ]


def test_a_message_whose_recipients_are_not_shown_still_waits() -> None:
    """`Export-Csv` leaves only the name of the collection's type: the recipient is null, the message is there."""
    (found,) = messages(recipients=None)
    assert (found.recipient, found.original.message_id) == (None, "offer-4711@contoso.example")


def test_until_when_the_server_tries_is_read_with_its_zone() -> None:
    """ExpirationTime is when Exchange gives up; without a zone it is not known."""
    assert messages()[0].retry_until is None
    assert messages(expirationtime="2026-10-20T09:00:00Z")[0].retry_until == "2026-10-20T09:00:00Z"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"lasterror": "", "recipients": "{anna@fabrikam.example;2;2;;0;;0}"}, "no-error"),
        ({"identity": "HQ-EX13\\Shadow\\7\\12", "queue": "HQ-EX13\\Shadow\\7"}, "shadow"),
    ],
    ids=["on its way", "a shadow copy"],
)
def test_a_message_that_meets_no_error_is_set_aside(changes: dict[str, str | None], word: str) -> None:
    """A queued message is no fault by itself, and a shadow copy is no message more."""
    assert read_message(MESSAGE | changes, HOSTS) == word


@pytest.mark.parametrize(
    ("row", "message"),
    [(QUEUE, False), (MESSAGE, True), ({"identity": "A\\3\\17", "lasterror": ""}, True),
     ({"identity": "A\\Shadow\\17", "lasterror": ""}, False), ({"identity": "A\\3", "lasterror": ""}, False)],
    ids=["queue", "message", "three parts", "shadow queue", "two parts"],
)  # fmt: skip
def test_messages_are_told_from_queues(row: dict[str, str | None], message: bool) -> None:
    """Their columns tell; where few were chosen, the parts of the identity."""
    assert is_message(row) is message


@pytest.mark.parametrize(
    ("identity", "server"),
    [
        ("HQ-EX13\\3", "hq-ex13"),
        ("hq-ex13.contoso.example\\3", "hq-ex13.contoso.example"),
        ("3", None),
        ("a b\\3", None),
    ],
)
def test_the_server_is_the_identitys_first_part(identity: str, server: str | None) -> None:
    """A short name stays short: which server it is, only the settings or another input can say."""
    assert server_of({"identity": identity}) == server
