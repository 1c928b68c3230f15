"""The same queues say the same in every format that they can be exported in, and no mail is taken for an export."""

import codecs
import csv
import io
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.decode.export_row import Row
from triage.decode.export_table import read_tables
from triage.decode.exports import MAX_OBSERVATIONS, MAX_ROWS, read_export, read_rows
from triage.hosts import Hosts
from triage.model import Document

TENANT = "contoso-example.mail.protection.outlook.com"
HOSTS = Hosts(domains=["contoso.example"])
LOST = (
    "[{LED=451 4.4.397 Error communicating with target host. -> 421 4.4.2 Connection dropped due to SocketError};{MSG=};"
    f"{{FQDN={TENANT}}};{{IP=203.0.113.25}};{{LRT=10/18/2026 9:14:03 AM}}]"
)
DEMANDED = (
    '[{LRT=18-10-26 09:14:03};{LED=451 4.4.0 Primary target IP address responded with: "451 5.7.3 Must issue a STARTTLS'
    ' command first." Attempted failover to alternate host, but that did not succeed. Either there are no alternate hosts,'
    " or delivery failed to all alternate hosts.};{FQDN=mx.fabrikam.example};{IP=203.0.113.9}]"
)
Queue = dict[str, str]


def queue(identity: str, kind: str, status: str, count: int, domain: str, error: str) -> Queue:
    """Give a queue with the properties of Exchange 2016, in the order of Format-List."""
    return {
        "RunspaceId": "0b0e1f52-3a55-4a3e-9d0e-0b9e7a1c2d3e",
        "DeliveryType": kind,
        "NextHopDomain": domain,
        "TlsDomain": "",
        "NextHopConnector": "5f3c2b1a-0000-4000-8000-000000000000",
        "Status": status,
        "MessageCount": str(count),
        "LastError": error,
        "RetryCount": "17",
        "LastRetryTime": "18.10.2026 09:14:03",
        "NextRetryTime": "18.10.2026 09:24:03",
        "DeferredMessageCount": "0",
        "MessageCountsPerPriority": "{0, 412, 0, 0}",
        "NextHopCategory": "External",
        "OverrideSource": "",
        "QueueIdentity": identity,
        "PriorityDescriptions": "{High, Normal, Low, None}",
        "Identity": identity,
        "IsValid": "True",
        "ObjectState": "New",
    }


QUEUES = [
    queue("HQ-EX13\\3", "DnsConnectorDelivery", "Retry", 412, "contoso.mail.onmicrosoft.com", LOST),
    queue("HQ-EX13\\9", "DnsConnectorDelivery", "Retry", 5, "fabrikam.example", DEMANDED),
    queue("HQ-EX13\\Submission", "Undefined", "Ready", 0, "Submission", ""),
    queue("HQ-EX13\\Shadow\\7", "ShadowRedundancy", "Ready", 30, "hq-ex14.contoso.example", ""),
]
EXPECTED = [
    ("hq-ex13", 412, TENANT, "203.0.113.25", "421 4.4.2 Connection dropped due to SocketError"),
    ("hq-ex13", 5, "mx.fabrikam.example", "203.0.113.9", "451 5.7.3 Must issue a STARTTLS command first."),
]


def wrapped(text: str, width: int) -> list[str]:
    """Break a value as PowerShell does: a word goes with its space; one longer than a line fills line after line."""
    lines, line = [], ""
    for word in (f"{one} " for one in text.split(" ")):
        if len(word) > width:
            line += word
            while len(line) > width:
                lines.append(line[:width])
                line = line[width:]
        elif len(line) + len(word) > width:
            lines.append(line)
            line = word
        else:
            line += word
    return [one.rstrip() for one in [*lines, line]]


def as_list(queues: list[Queue], width: int = 120, *, indented: bool = True) -> str:
    """Give what Format-List prints in a console of this width."""
    out = [""]
    name_width = max(map(len, queues[0]))
    for one in queues:
        for name, value in one.items():
            first, *more = wrapped(value, width - 1 - name_width - 3)
            out.append(f"{name:<{name_width}} : {first}")
            out += [f"{'':{name_width + 3 if indented else 0}}{line}" for line in more]
        out.append("")
    return "\r\n".join(out)


def as_csv(queues: list[Queue], delimiter: str = ",", head: str = "") -> str:
    """Give what Export-Csv writes: every value quoted, collections as the names of their types."""
    out = io.StringIO()
    shown = [{k: "System.Int32[]" if v.startswith("{") else v for k, v in one.items()} for one in queues]
    writer = csv.DictWriter(out, list(queues[0]), delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(shown)
    return head + out.getvalue()


def as_copy(queues: list[Queue], head: bool = True) -> str:
    """Give what Queue Viewer puts on the clipboard."""
    columns = ["NextHopDomain", "DeliveryType", "Status", "MessageCount", "NextRetryTime", "LastError"]
    lines = ["Next Hop Domain\tDelivery Type\tStatus\tMessage Count\tNext Retry Time\tLast Error"] if head else []
    return "\r\n".join([*lines, *("\t".join(one[name] for name in columns) for one in queues)]) + "\r\n"


def as_json(queues: list[Queue], numbers: bool = False) -> str:
    """Give what ConvertTo-Json prints; `numbers` as of a local shell's objects, whose enumerations are numbers."""
    kinds = {"DnsConnectorDelivery": 1, "Undefined": 0, "ShadowRedundancy": 10}
    rows: list[dict[str, object]] = [{**one, "MessageCount": int(one["MessageCount"])} for one in queues]
    for row in rows if numbers else []:
        row["DeliveryType"] = kinds[str(row["DeliveryType"])]
        row["Status"] = {"Retry": 3, "Ready": 2}[str(row["Status"])]
        row["LastRetryTime"] = "/Date(1792314843000)/"
        server, _, number = str(row["Identity"]).partition("\\")
        row["QueueIdentity"] = row["Identity"] = {"Server": server, "RowId": number, "IsLocal": False}
    return json.dumps(rows if len(rows) > 1 else rows[0], indent=4)


PROMPT = "[PS] C:\\Windows\\system32>"
TRANSCRIPT = (
    "**********************\r\nWindows PowerShell transcript start\r\nStart time: 20261018091500\r\n"
    f"**********************\r\n{PROMPT}Get-Queue | Format-List\r\n"
)
TYPE = "#TYPE Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo\r\n"
FORMATS: dict[str, Callable[[], bytes]] = {
    "Format-List, 120 wide": lambda: as_list(QUEUES).encode(),
    "Format-List, 80 wide": lambda: as_list(QUEUES, 80).encode(),
    "Format-List without indentation": lambda: as_list(QUEUES, 150, indented=False).encode(),
    "Format-List with blank lines between": lambda: as_list(QUEUES, 4096).replace("\r\n", "\r\n\r\n").encode(),
    "Format-List, moved in": lambda: as_list(QUEUES).replace("\r\n", "\r\n    ").encode(),
    "Format-List, redirected": lambda: codecs.BOM_UTF16_LE + as_list(QUEUES).encode("utf-16-le"),
    "Format-List, UTF-8 with a mark": lambda: codecs.BOM_UTF8 + as_list(QUEUES).encode(),
    "a transcript": lambda: codecs.encode(f"{TRANSCRIPT}{as_list(QUEUES)}\r\n{PROMPT}exit\r\n", "utf-8"),
    "a copy from the prompt on": lambda: codecs.encode(f"{PROMPT}Get-Queue | fl\r\n{as_list(QUEUES)}", "utf-8"),
    "Format-List, spaces lost": lambda: "\n".join(f"{k}: {v}" for q in QUEUES for k, v in q.items()).encode(),
    "Export-Csv": lambda: as_csv(QUEUES).encode("ascii"),
    "Export-Csv with #TYPE": lambda: as_csv(QUEUES, head=TYPE).encode("ascii"),
    "Export-Csv -UseCulture": lambda: as_csv(QUEUES, ";", "#TYPE Selected." + TYPE[6:]).encode("ascii"),
    "Export-Csv -Encoding Unicode": lambda: codecs.BOM_UTF16_LE + as_csv(QUEUES).encode("utf-16-le"),
    "Export-Csv -Encoding BigEndianUnicode": lambda: codecs.BOM_UTF16_BE + as_csv(QUEUES).encode("utf-16-be"),
    "Export-Csv, UTF-16 without a mark": lambda: as_csv(QUEUES).encode("utf-16-le"),
    "ConvertTo-Json": lambda: as_json(QUEUES).encode(),
    "ConvertTo-Json -Compress": lambda: json.dumps(json.loads(as_json(QUEUES)), separators=(",", ":")).encode(),
    "ConvertTo-Json with numbers": lambda: as_json(QUEUES, numbers=True).encode(),
    "ConvertTo-Json, redirected": lambda: codecs.BOM_UTF16_LE + as_json(QUEUES).encode("utf-16-le"),
}


def read(content: bytes) -> Document:
    """Read what must be an export."""
    document = read_export(content, HOSTS)
    assert document is not None
    return document


def told(content: bytes) -> list[tuple[object, ...]]:
    """Give what the queues of an export say, without what not every format shows."""
    return [
        (one.reported_by, one.count, one.receiving_host, one.receiving_ip, one.diagnostic)
        for one in read(content).observations
    ]


@pytest.mark.parametrize("export", FORMATS.values(), ids=FORMATS.keys())
def test_every_format_tells_the_same_queues(export: Callable[[], bytes]) -> None:
    """Server, depth, receiving server and cause do not depend on how the queues were exported."""
    content = export()
    assert told(content) == EXPECTED
    assert (read(content).kind, read(content).suppressed) == ("queue", {"empty": 1, "shadow": 1})


@pytest.mark.parametrize("head", [True, False], ids=["with its head", "without"])
def test_a_copy_out_of_queue_viewer_tells_all_but_the_server(head: bool) -> None:
    """The copy does not say whose queues these are: nothing is put in its place."""
    content = as_copy(QUEUES, head).encode()
    assert told(content) == [(None, *rest) for _, *rest in EXPECTED]
    assert read(content).suppressed == {"empty": 1, "shadow": 1}


@pytest.mark.parametrize("indented", [True, False], ids=["as printed", "indentation lost"])
@pytest.mark.parametrize("width", range(60, 260, 7))
def test_no_width_of_the_console_changes_what_is_read(width: int, indented: bool) -> None:
    """Names that the console broke in the middle are whole again, words that it moved down stay apart."""
    assert told(as_list(QUEUES, width, indented=indented).encode()) == EXPECTED


def test_one_object_in_json_is_one_queue() -> None:
    """ConvertTo-Json prints a single queue without the brackets of a list."""
    assert told(as_json(QUEUES[:1]).encode()) == EXPECTED[:1]


MESSAGE = {
    "InternetMessageId": "<offer-4711@contoso.example>",
    "FromAddress": "karl.holm@contoso.example",
    "Subject": "Offer 4711",
    "Status": {"value": 5, "Value": "Retry"},
    "LastError": None,
    "ExpirationTime": {"value": "/Date(1792314843000)/", "DateTime": "Sunday"},
    "Queue": {"Server": "HQ-EX13", "RowId": 3},
    "Identity": {"InternalId": 4711, "QueueIdentity": {"Server": "HQ-EX13", "RowId": 3}},
    "Recipients": [
        {"Address": "anna@fabrikam.example", "Status": 3, "Type": 2, "LastError": LOST},
        {"Address": "ben@fabrikam.example", "Status": 1, "Type": 2, "LastError": None},
    ],
    "IsValid": True,
}


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"value": [one], "Count": 1}], ids=["bare", "wrapped"])
def test_queued_messages_in_json_are_read_whole(wrap: Callable[[object], object]) -> None:
    """Objects within objects are recipients, identities and enumerations; a list may be wrapped in an object."""
    (found,) = read(json.dumps(wrap(MESSAGE)).encode()).observations
    assert (found.recipient, found.original.message_id) == ("anna@fabrikam.example", "offer-4711@contoso.example")
    assert (found.reported_by, found.receiving_host) == ("hq-ex13", TENANT)
    assert found.retry_until == "2026-10-18T09:14:03Z"


def test_recipients_as_text_in_json_are_read() -> None:
    """The default depth of ConvertTo-Json leaves each recipient as one text."""
    texts = ["anna@fabrikam.example;3;2;451 4.7.0 Busy;0;;0", "cleo@fabrikam.example;3;2;452 4.3.1 Full;0;;0"]
    found = read(json.dumps([MESSAGE | {"Recipients": texts}]).encode()).observations
    assert [(one.recipient, one.diagnostic) for one in found] == [
        ("anna@fabrikam.example", "451 4.7.0 Busy"),
        ("cleo@fabrikam.example", "452 4.3.1 Full"),
    ]


def test_a_time_in_json_has_its_zone() -> None:
    """`/Date(…)/` counts in UTC; the text of another format is the server's local time, which nobody knows here."""
    assert read(as_json(QUEUES, numbers=True).encode()).observations[0].time == "2026-10-18T09:14:03Z"
    assert read(as_list(QUEUES).encode()).observations[0].time is None


TABLE = """
Identity           DeliveryType         Status MessageCount NextHopDomain                LastError
--------           ------------         ------ ------------ -------------                ---------
HQ-EX13\\3          DnsConnectorDelivery Retry           412 contoso.mail.onmicrosoft.com [{LED=451 4.4.397 Error com{cut}
HQ-EX13\\9          DnsConnectorDelivery Retry             5 fabrikam.exa{cut}              451 4.7.0 Busy
HQ-EX13\\1203{cut}    SmartHostConnecto{cut} Retry             7 relay.fabrikam.example       421 4.4.2 Connection dropped
HQ-EX13\\Submission Undefined            Ready             0 Submission

"""


@pytest.mark.parametrize("cut", ["...", "\u2026"], ids=["PowerShell 5", "PowerShell 7"])
def test_what_a_table_cuts_is_null(cut: str) -> None:
    """An error, a domain or a delivery type of which only the start is left is not known; the rest of the row is."""
    lines = TABLE.replace("{cut}", cut.ljust(3))
    found = read(lines.encode()).observations
    assert [(one.count, one.diagnostic) for one in found] == [
        (412, None), (5, "451 4.7.0 Busy"), (7, "421 4.4.2 Connection dropped"),
    ]  # fmt: skip
    assert [one.recipient_domain for one in found] == ["contoso.mail.onmicrosoft.com", None, None]
    assert [one.receiving_host for one in found] == ["contoso.mail.onmicrosoft.com", None, None]
    assert {one.reported_by for one in found} == {"hq-ex13"}


def test_a_table_whose_columns_were_moved_invents_nothing() -> None:
    """A copy in which a column has slipped gives null for what stands across the border, and no half of a name."""
    table = (
        "PS C:\\>Get-Queue | ft Identity,MessageCount,NextHopDomain,Status\n\n"
        "Identity  MessageCount NextHopDomain    Status\n--------  ------------ -------------    ------\n"
        "HQ-EX13\\3          412 fabrikam.example Retry\nHQ-EX13\\9 123456789012fabrikam.example Retry\n"
    )
    rows = list(read_tables(table.split("\n")))
    assert [row["nexthopdomain"] for row in rows] == ["fabrikam.example", None]
    assert [one.count for one in read(table.encode()).observations] == [412]


def test_a_wrapped_table_gives_whole_errors() -> None:
    """Format-Table -Wrap runs on in the lines below a row."""
    table = (
        "Identity  MessageCount LastError\n--------  ------------ ---------\n"
        "HQ-EX13\\3          412 451 4.4.0 Primary target IP address\n"
        "                       responded with: \"421 4.4.1 Connection timed\n"
        '                       out."\n'
        "HQ-EX13\\9            5 451 4.7.0 Busy\n"
    )  # fmt: skip
    found = read(table.encode()).observations
    assert [(one.count, one.diagnostic) for one in found] == [
        (412, "421 4.4.1 Connection timed out."),
        (5, "451 4.7.0 Busy"),
    ]


def test_the_default_table_tells_which_queues_wait() -> None:
    """Without LastError, a queue in Retry waits, and why is not known."""
    table = (
        "Identity           DeliveryType         Status MessageCount Velocity RiskLevel OutboundIPPool NextHopDomain\n"
        "--------           ------------         ------ ------------ -------- --------- -------------- -------------\n"
        "HQ-EX13\\3          DnsConnectorDelivery Retry  17           0        Normal    0              fabrikam.example\n"
        "HQ-EX13\\Submission Undefined            Ready  0            0        Normal    0              Submission\n"
    )
    (found,) = read(table.encode()).observations
    assert (found.count, found.diagnostic, found.recipient_domain) == (17, None, "fabrikam.example")


GROUPS = {
    "LastError": (LOST, "queue", "delayed"),
    "with its name": (f"LastError : {LOST}", "queue", "delayed"),
    "bare marker": ("LED=450 4.4.317 Cannot connect to remote server [Message=451 5.7.3 STARTTLS is required to send mail]",
        "queue", "delayed"),
    "RecipientStatus": ("{[{LRT=};{LED=550 5.7.1 RESOLVER.RST.AuthRequired; authentication required};{FQDN=};{IP=}]}",
        "tracking-log", "failed"),
    "message trace": ("Reason: [{LED=450 4.4.316 Connection refused [Message=Socket error code 10061]};{MSG=}].",
        "tracking-log", "delayed"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "source", "action"), GROUPS.values(), ids=GROUPS.keys())
def test_an_error_by_itself_is_an_export(text: str, source: str, action: str) -> None:
    """What somebody copied out of a property page is read like the column that it stood in."""
    (found,) = read(f"\r\n{text}\r\n".encode()).observations
    assert (found.source, found.action) == (source, action)


def test_errors_below_each_other_are_one_each() -> None:
    """Each line that opens groups begins another; lines between run on."""
    first, second = LOST.replace("target host.", "target\r\n host."), DEMANDED
    assert [one.reply_code for one in read(f"{first}\r\n\r\n{second}".encode()).observations] == [421, 451]


MAIL = (
    "From: Karl Holm <karl.holm@contoso.example>\nTo: helpdesk@contoso.example\nSubject: queue\n"
    "Date: Tue, 20 Oct 2026 09:14:11 +0000\n\n"
)
NO_EXPORTS: dict[str, bytes] = {
    "a mail that shows a list": (MAIL + as_list(QUEUES)).encode(),
    "a mail that shows a table": (MAIL + TABLE).encode(),
    "a mail that shows CSV": (MAIL + as_csv(QUEUES)).encode(),
    "a mail behind an empty line": ("\n" + MAIL + as_list(QUEUES)).encode(),
    "a mailbox": ("From karl.holm@contoso.example Tue Oct 20 09:14:11 2026\n" + MAIL + LOST).encode(),
    "a mail that begins with Status": ("Status: RO\n" + MAIL + as_list(QUEUES)).encode(),
    "a forward without its header": ("Hello,\n\n" + MAIL + as_list(QUEUES)).encode(),
    "prose about errors": b"The queue says 421 4.4.2 Connection dropped due to SocketError.\nWhat does Status : mean?",
    "a send log": b"#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: SMTP Send Protocol Log\r\n"
    b"#Date: 2026-10-18T09:14:03.000Z\r\n#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,"
    b"remote-endpoint,event,data,context\r\n",
    "other CSV": b"Name,Status,Size\r\nanna,Active,17\r\n",
    "other JSON": b'{"Identity": "x", "Status": "Retry"}',
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0",
    "nothing": b"",
    "white space": b" \r\n\t\r\n",
    "gzip of something else": codecs.decode(b"1f8b08000000000002034bcb0700", "hex"),
}  # fmt: skip


@pytest.mark.parametrize("content", NO_EXPORTS.values(), ids=NO_EXPORTS.keys())
def test_mail_and_everything_else_is_left_alone(content: bytes) -> None:
    """Whatever a message quotes, it is read as mail; another program's table, JSON or log is not ours either."""
    assert read_export(content, HOSTS) is None


def test_reports_in_their_real_shapes_are_left_alone(ndr: Callable[..., object], report: Callable[..., bytes]) -> None:
    """No bounce, forward or plain report is ever taken for an export."""
    one = ndr()
    for content in (bytes(one), one.attached(), one.pasted(), report()):  # type: ignore[call-overload,attr-defined]
        assert read_export(content, HOSTS) is None


def test_damaged_json_says_so() -> None:
    """JSON of an export that was cut off is unreadable, and a sentence says why."""
    document = read(as_json(QUEUES).encode()[:-40])
    assert (document.kind, document.observations) == ("unreadable", ())
    assert "JSON" in (document.error or "")


def test_a_damaged_row_costs_only_itself() -> None:
    """A quote that never ends takes its own row with it; the queues above and below are read, and the row is counted."""
    above, below = as_csv(QUEUES).encode(), as_csv(QUEUES).encode().partition(b"\r\n")[2]
    document = read(above + b'"HQ-EX13\\5","never ends\r\n' + below.replace(b"HQ-EX13", b"HQ-EX14"))
    told_by = [(one.reported_by, one.count) for one in document.observations]
    assert told_by == [("hq-ex13", 412), ("hq-ex13", 5), ("hq-ex14", 412), ("hq-ex14", 5)]
    assert document.suppressed["unreadable-row"] == 1


def test_a_message_to_a_thousand_people_is_one_row() -> None:
    """A value may be longer than the standard library's reader allows by itself."""
    people = [f"p{at}@fabrikam.example" for at in range(1000)]
    status = ";".join(["[{LED=550 5.1.1 No such user here, and the reply goes on for quite a while so that it is long"
        " enough to pass what the reader of the standard library takes for one value of a row};{MSG=};{FQDN=};{IP=}]"]
        * 1000)  # fmt: skip
    content = f'EventId,MessageId,Recipients,RecipientStatus\nFAIL,<a@b.example>,{";".join(people)},"{status}"\n'
    assert [one.recipient for one in read(content.encode()).observations] == people


def test_more_rows_than_the_bound_are_counted() -> None:
    """Beyond the bound nothing is read, and how many were left out is told."""
    line = "fabrikam.example\tDnsConnectorDelivery\tRetry\t5\t\t451 4.7.0 Busy\n"
    document = read((line * (MAX_OBSERVATIONS + 7)).encode())
    assert (len(document.observations), document.suppressed) == (MAX_OBSERVATIONS, {"left-out": 7})


EXAMPLES = Path(__file__).parents[2] / "examples" / "queues"


@pytest.mark.parametrize("example", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_each_example_tells_something(example: Path) -> None:
    """Every file in `examples/queues` is read as an export with observations."""
    document = read(example.read_bytes())
    assert document.kind == ("tls-report" if "tls-report" in example.name else "queue")
    assert document.observations


@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_raise(content: bytes) -> None:
    """Any bytes give an answer: a document or None."""
    document = read_export(content, HOSTS)
    assert document is None or isinstance(document, Document)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Address", "Server", "RowId", "value",
        "Status", "LastError", "QueueIdentity"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
NAMES = ["Identity", "Queue", "Status", "MessageCount", "Recipients", "LastError", "RecipientStatus", "EventId",
    "InternetMessageId", "FromAddress", "DeliveryType", "NextHopDomain", "ExpirationTime", "LastRetryTime"]  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON_VALUES), max_size=3))
def test_no_json_raises_and_what_it_gives_can_be_kept(objects: list[object]) -> None:
    """Any values in any property, half surrogate pairs too, give a document that can be written down."""
    document = read_export(json.dumps([{"LastError": "4", "MessageCount": 1}, *objects]).encode(), HOSTS)
    assert document is not None
    assert msgspec.msgpack.encode(document)
    assert all(0 < one.count < 10**12 for one in document.observations)


def test_rows_beyond_the_bound_are_told() -> None:
    """A text of rows without end is read up to a bound, and that it was cut is told."""
    row: Row = {"identity": "A\\3", "status": "Ready"}
    document = read_rows(itertools.repeat(row, MAX_ROWS + 1), HOSTS)
    assert document.suppressed == {"no-error": MAX_ROWS, "cut-off": 1}


@settings(deadline=None)
@given(
    st.sampled_from([*FORMATS]),
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1), st.binary(max_size=12)), max_size=6),
)
def test_no_damage_to_an_export_raises(name: str, damages: list[tuple[int, float, bytes]]) -> None:
    """Bytes put in and cut out anywhere leave something that is read, set aside or left alone."""
    content = FORMATS[name]()
    for cut, place, new in damages:
        at = int(place * len(content))
        content = content[:at] + new + content[at + cut * 50 :]
    document = read_export(content, HOSTS)
    assert document is None or all(0 < one.count < 10**12 for one in document.observations)


MB = 2**20 // 20
LIST_HEAD = b"Identity : HQ-EX13\\3\nStatus : Retry\nMessageCount : 5\nLastError : "
CSV_HEAD = b"Identity,MessageCount,Status,LastError\r\n"
RULE = b"Identity  MessageCount LastError\n--------  ------------ ---------\n"
HOSTILE: dict[str, Callable[[], bytes]] = {
    "a list of small rows": lambda: b"Identity : A\\3\nLastError : 4\n" * (50 * MB // 29),
    "a value without end": lambda: LIST_HEAD + b"{LED=" * (10 * MB),
    "a value of many lines": lambda: LIST_HEAD + b"    x\n" * (8 * MB),
    "lines that are half names": lambda: LIST_HEAD + b"A" * 60 + b"\n" + (b"Status:x\n" * (5 * MB)),
    "arrows": lambda: LIST_HEAD + b"451 4.4.0 a -> " * (3 * MB),
    "recipients": lambda: (
        b"InternetMessageId : <a>\nStatus : Retry\nRecipients : {" + b"a@b.example;3;2;4;0;;0, " * (2 * MB)
    ),
    "recipients that never end": lambda: (
        b"InternetMessageId : <a>\nStatus : Retry\nRecipients : {" + b"a@b;;;," * (7 * MB)
    ),
    "a CSV of quotes": lambda: CSV_HEAD + b'"' * (50 * MB),
    "a CSV of empty rows": lambda: CSV_HEAD + b"\r\n" * (25 * MB),
    "a CSV of small rows": lambda: CSV_HEAD + b"A\\3,5,Retry,4\r\n" * (3 * MB),
    "a table of small rows": lambda: RULE + b"A\\3                  5 421 x\n" * (2 * MB),
    "tables of nothing": lambda: RULE * (50 * MB // len(RULE)),
    "a table of one line": lambda: RULE + b"A\\3" + b" " * (50 * MB),
    "JSON in JSON": lambda: b'{"NextHopDomain":' + b"[" * (10 * MB),
    "groups": lambda: b"[{LED=4};{LRT=};{FQDN=};{IP=}]\n" * (MB + MB // 2),
    "tabs": lambda: b"x\tDnsConnectorDelivery\tRetry\t5\t\n" + b"\t" * (50 * MB),
    "UTF-16 of nothing": lambda: codecs.BOM_UTF16_LE + b"\0" * (50 * MB),
    "spaces": lambda: b" " * (50 * MB),
    "a quote on each line": lambda: CSV_HEAD + b'"A,5,Retry,4\r\n' * (5 * MB),
    "quotes alone": lambda: CSV_HEAD + b'"\n' * (20 * MB),
    "a CSV of huge values": lambda: CSV_HEAD + (b'A,5,Retry,"' + b"x" * (2 * MB) + b'"\n') * 20,
    "semicolons": lambda: CSV_HEAD.replace(b",", b";") + b";" * (50 * MB),
    "bars": lambda: CSV_HEAD.replace(b",", b"|") + b"|||\n" * (10 * MB),
    "a tracking event of everybody": lambda: (
        b"EventId,Recipients,RecipientStatus\nFAIL," + b"a@b.example;" * MB + b"," + b"550 5.1.1 x;" * MB + b"\n"
    ),
    "groups that never end": lambda: b"[{LED=" * (8 * MB),
    "groups that never end, line by line": lambda: b"[{LED=4\n" * (5 * MB),
    "replies that wrap nothing": lambda: b"451 4.4.397 Error communicating with target host. ->\n" * MB,
    "JSON one behind the other": lambda: b'{"LastError":"4","MessageCount":5}\n' * MB,
    "JSON that breaks off again and again": lambda: b'{"LastError":"4"}\n{"a\n' * (2 * MB),
    "brackets behind JSON": lambda: b'{"LastError":"4"}\n' + b'[PS] \n["\n' * (5 * MB),
    "half surrogates": lambda: b'{"LastError":"' + b"\\ud800" * (8 * MB) + b'","MessageCount":5}',
    "a header field without end": lambda: b"Content-Type: a;\n " + b"report-type\t \n " * (3 * MB),
}
SECONDS = 15
"""For a twentieth of the largest document: linear work takes below two, quadratic work hours."""


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_reading_anything_ends_soon(content: Callable[[], bytes]) -> None:
    """The time is in proportion to the size, whatever is in it: rows, quotes, columns or groups without end."""
    made = content()
    begun = time.process_time()
    read_export(made, HOSTS)
    assert time.process_time() - begun < SECONDS
