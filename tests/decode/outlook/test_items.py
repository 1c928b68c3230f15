"""Outlook's items are read as the reports that they stand for, in both of its forms, and whatever is wrong with them."""

import struct
from base64 import encodebytes
from collections.abc import Callable
from typing import Any

import pytest

from triage.decode import decode
from triage.decode.mapi import as_message
from triage.decode.msg_file import MAX_ATTACHED, MAX_DIRECTORY, read_msg
from triage.decode.tnef import read_tnef
from triage.hosts import Hosts
from triage.model import Document

Writer = Callable[[dict[str, Any]], bytes]
INTEGER, STRING8, UNICODE, TIME, BINARY = 0x0003, 0x001E, 0x001F, 0x0040, 0x0102

ANNA = {
    (0x3001, UNICODE): "Anna Holm",
    (0x39FE, UNICODE): "anna@fabrikam.example",
    (0x0C20, INTEGER): 511,
    (0x0C1B, UNICODE): "<mx.fabrikam.example #5.1.1 smtp;550 5.1.1 User unknown>",
}
BO = {(0x3003, UNICODE): "bo@tailspin.example", (0x0C20, INTEGER): 522}
ORIGINAL = {
    "properties": {
        (0x001A, UNICODE): "IPM.Note",
        (0x0037, UNICODE): "Offer",
        (0x1035, UNICODE): "<o-1@contoso.example>",
        (0x0C1F, UNICODE): "karl@contoso.example",
        (0x1000, UNICODE): "Hello Anna",
    }
}
REPORT: dict[str, Any] = {
    "class": "REPORT.IPM.Note.NDR",
    "properties": {
        (0x001A, UNICODE): "REPORT.IPM.Note.NDR",
        (0x0037, UNICODE): "Undeliverable: Offer",
        (0x0C1A, UNICODE): "Microsoft Outlook",
        (0x0C1F, UNICODE): "postmaster@contoso.example",
        (0x6820, UNICODE): "hq-ex16.contoso.example",
        (0x1000, UNICODE): "Delivery has failed to these recipients or groups:\r\n\r\nAnna Holm\r\n",
        (0x0E06, TIME): 134_372_736_000_000_000,
        (0x8501, INTEGER): 7,
    },
    "recipients": [ANNA, BO],
    "attached": [({(0x3705, INTEGER): 5}, ORIGINAL)],
}


def read(content: bytes) -> Document:
    """Read one document."""
    return decode(content, Hosts())


def told(document: Document) -> list[tuple[object, ...]]:
    """Give what each recipient's observation says."""
    return [
        (one.action, one.recipient, one.reply_code, one.status, one.receiving_host) for one in document.observations
    ]


EXPECTED = [
    ("failed", "anna@fabrikam.example", 550, "5.1.1", "mx.fabrikam.example"),
    ("failed", "bo@tailspin.example", None, "5.2.2", None),
]


@pytest.mark.parametrize("form", ["msg", "winmail"])
def test_a_report_says_what_its_properties_say(request: pytest.FixtureRequest, form: str) -> None:
    """Recipients, status, the remote server's reply, the reporter, the time and the returned message come out."""
    document = read(request.getfixturevalue(form)(REPORT))
    assert (document.kind, told(document)) == ("bounce", EXPECTED)
    one = document.observations[0]
    assert (one.reported_by, one.original.message_id, one.original.from_, one.original.subject) == (
        "hq-ex16.contoso.example",
        "o-1@contoso.example",
        "karl@contoso.example",
        "Offer",
    )
    assert one.time == "2026-10-24T00:00:00Z"  # 20,750 days after 1970, which began at 116,444,736,000,000,000


KINDS = {
    "REPORT.IPM.Note.DR": ("success", None, "delivered"),
    "REPORT.IPM.Note.Relayed.DR": ("success", None, "relayed"),
    "REPORT.IPM.Note.Expanded.DR": ("success", None, "expanded"),
    "REPORT.IPM.Note.Delayed.DR": ("delay", None, "delayed"),
    "report.ipm.note.ndr": ("bounce", None, "failed"),
    "REPORT.IPM.Note.IPNRN": ("other", "read-receipt", None),
    "REPORT.IPM.Note.IPNNRN": ("other", "read-receipt", None),
    "IPM.Note": ("other", None, None),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["msg", "winmail"])
def test_the_class_says_what_happened(request: pytest.FixtureRequest, form: str, kind: str) -> None:
    """Delivered, relayed, expanded, delayed, failed, read: [MS-OXCMAIL] 2.2.3.7.1.1 and [MS-OXOMSG] 2.2.2.1."""
    item = {
        "properties": {(0x001A, STRING8): kind, (0x0037, UNICODE): "Offer", (0x1000, UNICODE): "Text"},
        "recipients": [{(0x39FE, UNICODE): "anna@fabrikam.example"}],
    }
    document = read(request.getfixturevalue(form)(item))
    actions = {one.action for one in document.observations}
    assert (document.kind, document.what, actions) == (*KINDS[kind][:2], {KINDS[kind][2]} - {None})


def test_a_status_of_two_digits_stands_in_the_supplement_alone(msg: Writer) -> None:
    """5.7.64 is packed as 570 ([MS-OXCMAIL] 2.2.3.7.1.3); the supplement has it whole."""
    row = {
        (0x39FE, UNICODE): "anna@tailspin.example",
        (0x0C20, INTEGER): 570,
        (0x0C1B, UNICODE): "<#5.7.64 smtp;550 5.7.64 TenantAttribution; Relay Access Denied>",
    }
    document = read(msg({"properties": REPORT["properties"], "recipients": [row]}))
    assert told(document) == [("failed", "anna@tailspin.example", 550, "5.7.64", None)]


def test_exchange_own_text_outranks_the_row(msg: Writer) -> None:
    """The item's body is Exchange's human part: the cause in it is found as in any report."""
    body = (
        "Delivery has failed to these recipients or groups:\r\n\r\nanna@fabrikam.example\r\n\r\n"
        "Diagnostic information for administrators:\r\n\r\nGenerating server: hq-ex16.contoso.example\r\n\r\n"
        "anna@fabrikam.example\r\nRemote Server at mx.fabrikam.example (203.0.113.9) returned '451 4.4.397 Error "
        "communicating with target host. -> 421 4.4.2 Connection dropped due to SocketError'\r\n"
    )
    row = {(0x39FE, UNICODE): "anna@fabrikam.example", (0x0C20, INTEGER): 547}
    properties = {**REPORT["properties"], (0x1000, UNICODE): body}
    (one,) = read(msg({"properties": properties, "recipients": [row]})).observations
    assert (one.reply_code, one.status, one.receiving_ip) == (421, "4.4.2", "203.0.113.9")


def test_a_report_without_a_text_has_that_of_its_rows(winmail: Writer) -> None:
    """Where a row has a report text and no supplement, the text is the diagnostic."""
    row = {(0x39FE, UNICODE): "anna@fabrikam.example", (0x1001, UNICODE): "The mailbox is full", (0x0C20, INTEGER): 522}
    (one,) = read(winmail({"properties": {(0x001A, UNICODE): "REPORT.IPM.Note.NDR"}, "recipients": [row]})).observations
    assert (one.status, one.diagnostic) == ("5.2.2", "The mailbox is full")


def test_an_html_body_is_read_in_its_code_page(msg: Writer) -> None:
    """The bytes of an HTML body are those of the code page that the item names."""
    html = "<p>Ihre Nachricht konnte nicht zugestellt werden.</p><p>anna@fabrikam.example:<br>552 5.2.2 Größe</p>"
    properties = {
        (0x001A, UNICODE): "IPM.Note",
        (0x0037, UNICODE): "Returned mail",
        (0x0C1F, UNICODE): "MAILER-DAEMON@mx.contoso.example",
        (0x1013, BINARY): html.encode("cp1252"),
        (0x3FDE, INTEGER): 1252,
    }
    (one,) = read(msg({"properties": properties})).observations
    assert (one.recipient, one.diagnostic) == ("anna@fabrikam.example", "552 5.2.2 Größe")


HEADER = (
    "Received: from mx.contoso.example by hq.contoso.example; Mon, 19 Oct 2026 08:00:00 +0000\r\n"
    "From: MAILER-DAEMON@mx.contoso.example\r\nSubject: Returned\r\n mail\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=lost\r\n\r\n"
)


def test_the_header_of_a_received_message_is_kept(msg: Writer) -> None:
    """Its transport header stands, folded as it was, without the fields that describe a form which it lost."""
    item = read_msg(
        msg({"properties": {(0x001A, UNICODE): "IPM.Note", (0x007D, UNICODE): HEADER, (0x1000, UNICODE): "x"}})
    )
    assert item is not None
    head = as_message(item).partition(b"\r\n\r\n")[0].decode()
    assert head.startswith("Received: from mx.contoso.example by hq")
    assert "Subject: Returned\r\n mail\r\n" in head
    assert "lost" not in head
    assert head.count("Content-Type:") == head.count("MIME-Version:") == 1


def attached(
    content: bytes, name: str, kind: str = "application/octet-stream", sender: str = "eve@contoso.example"
) -> bytes:
    """Give a mail with one attachment."""
    packed = encodebytes(content).decode()
    return (
        f"From: {sender}\nTo: help@contoso.example\nSubject: FW: Undeliverable\nMIME-Version: 1.0\n"
        f"Content-Type: multipart/mixed; boundary=f\n\n--f\nContent-Type: text/plain\n\nLook\n--f\nContent-Type: {kind}\n"
        f'Content-Disposition: attachment; filename="{name}"\nContent-Transfer-Encoding: base64\n\n{packed}\n--f--\n'
    ).encode()


def test_an_attached_item_is_read(msg: Writer) -> None:
    """A report that Outlook attached as an item of its own counts as one that is attached as a message."""
    document = read(attached(msg(REPORT), "Undeliverable.msg", "application/vnd.ms-outlook"))
    assert (document.kind, told(document)) == ("bounce", EXPECTED)


def test_a_message_that_is_a_winmail_is_read_under_its_own_header(winmail: Writer) -> None:
    """A report sent in Outlook's form is that report: its header tells who wrote it."""
    content = attached(winmail(REPORT), "winmail.dat", "application/ms-tnef", sender="postmaster@contoso.example")
    document = read(
        content.replace(b"Subject: FW: Undeliverable", b"Subject: Undeliverable: Offer\nDate: 19 Oct 2026 08:00 Z")
    )
    assert (document.kind, told(document)) == ("bounce", EXPECTED)


BESIDE = (
    b"An error occurred while trying to deliver the mail to the following recipients:\nanna@fabrikam.example\n\n"
    b"Final-Recipient: rfc822; anna@fabrikam.example\nAction: failed\nStatus: 5.2.2\n"
    b"Diagnostic-Code: smtp; 550 5.2.2 Mailbox full\n"
)


def test_the_text_beside_a_winmail_counts(winmail: Writer) -> None:
    """Where the item names no recipient, what stands beside it does; where it names some, both are read together."""
    sender = "MAILER-DAEMON@mx.contoso.example"
    bare = attached(winmail({**REPORT, "recipients": []}), "winmail.dat", "application/ms-tnef", sender=sender)
    assert told(read(bare.replace(b"\nLook\n", b"\n" + BESIDE))) == [
        ("failed", "anna@fabrikam.example", 550, "5.2.2", None)
    ]
    row = {(0x39FE, UNICODE): "anna@fabrikam.example", (0x0C20, INTEGER): 522}
    properties = {(0x001A, UNICODE): "REPORT.IPM.Note.NDR"}
    both = attached(
        winmail({"properties": properties, "recipients": [row]}), "winmail.dat", "application/ms-tnef", sender=sender
    )
    said = b"Delivery failed.\n\n<anna@fabrikam.example>:\n550 5.2.2 Mailbox full\n"
    assert told(read(both.replace(b"\nLook\n", b"\n" + said))) == [
        ("failed", "anna@fabrikam.example", 550, "5.2.2", None)
    ]


def test_a_report_within_an_item_within_an_item_is_read(msg: Writer) -> None:
    """A forward saved as an item holds the report as an item."""
    forward = {"properties": {(0x001A, UNICODE): "IPM.Note", (0x0037, UNICODE): "FW"}, "attached": [({}, REPORT)]}
    assert told(read(msg(forward))) == EXPECTED


def test_items_nest_no_deeper_than_the_bound(msg: Writer) -> None:
    """What lies too deep is counted as left out, and the rest is read."""
    item = REPORT
    for _ in range(6):
        item = {"properties": {(0x001A, UNICODE): "IPM.Note", (0x1000, UNICODE): "x"}, "attached": [({}, item)]}
    document = read(msg(item))
    assert (document.kind, document.suppressed) == ("other", {"left-out": 1})


def test_a_large_attachment_is_left_out_and_counted(msg: Writer) -> None:
    """A picture of megabytes does not keep the report from being read."""
    big = ({(0x3707, UNICODE): "plan.bin"}, bytes(MAX_ATTACHED + 1))
    document = read(msg({**REPORT, "attached": [big]}))
    assert (told(document), document.suppressed) == (EXPECTED, {"left-out": 1})


def test_a_compound_file_of_another_program_is_unreadable(msg: Writer) -> None:
    """An old Word file has the same first bytes; the sentence says what to do."""
    document = read(msg(REPORT).replace("__properties".encode("utf-16-le"), "__propertied".encode("utf-16-le")))
    assert document.kind == "unreadable"
    assert ".eml" in (document.error or "")


@pytest.mark.parametrize("form", ["msg", "winmail"])
def test_cut_and_damaged_files_never_raise(request: pytest.FixtureRequest, form: str) -> None:
    """Cut at any place, or with any stretch overwritten, a file is read as far as it goes or is unreadable."""
    whole = request.getfixturevalue(form)(REPORT)
    for at in range(8, len(whole), 37):
        for content in (
            whole[:at],
            whole[:at] + b"\xff" * 40 + whole[at + 40 :],
            whole[:at] + bytes(40) + whole[at + 40 :],
        ):
            assert read(content).kind in ("bounce", "other", "unreadable")


def test_a_count_that_lies_ends_at_once() -> None:
    """A recipient table that claims four thousand million rows, or properties with as many values, costs nothing."""
    liar = struct.pack("<IH", 0x223E9F78, 1)
    for name, data in ((0x00069004, b"\xff" * 8), (0x00069003, struct.pack("<IHHI", 1, 0x101F, 0x1000, 0xFFFFFFFF))):
        liar += struct.pack("<BII", 1, name, len(data)) + data + bytes(2)
    assert read_tnef(liar) is None
    assert read(liar).kind == "unreadable"


def test_a_directory_past_the_bound_is_not_held(msg: Writer) -> None:
    """More entries than any report has make a file unreadable, before they fill the memory."""
    crowd = {
        (0x4000 + number % 0x4000, UNICODE + 0x1000 * (number // 0x4000)): "" for number in range(MAX_DIRECTORY + 10)
    }
    properties = {**REPORT["properties"], **crowd}
    assert read_msg(msg({"properties": properties})) is None


def test_many_recipients_are_read(msg: Writer, winmail: Writer) -> None:
    """A report to a list of a thousand gives a thousand observations, in both forms."""
    rows = [{(0x39FE, UNICODE): f"anna{number}@fabrikam.example", (0x0C20, INTEGER): 511} for number in range(1000)]
    for write in (msg, winmail):
        document = read(write({"properties": {(0x001A, UNICODE): "REPORT.IPM.Note.NDR"}, "recipients": rows}))
        assert len({one.recipient for one in document.observations}) == 1000


def test_a_recipient_without_an_address_stays_unknown(msg: Writer) -> None:
    """A row with a directory's name alone names nobody to whom mail could go: null, nothing made up."""
    row = {
        (0x3001, UNICODE): "Anna Holm",
        (0x3003, UNICODE): "/o=Contoso/ou=HQ/cn=Recipients/cn=anna",
        (0x0C20, INTEGER): 511,
    }
    document = read(msg({"properties": {(0x001A, UNICODE): "REPORT.IPM.Note.NDR"}, "recipients": [row]}))
    assert (document.kind, told(document)) == ("bounce", [("failed", None, None, "5.1.1", None)])
