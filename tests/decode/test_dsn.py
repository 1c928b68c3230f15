"""The machine part is read whole, in part, and as gateways leave it."""

import base64
import quopri
from collections.abc import Callable

import pytest

from triage.decode.dsn import find_status, read_status
from triage.decode.failure import read_address, read_host
from triage.model import Document, Observation

HEAD = "Reporting-MTA: dns; MX.contoso.example.\nArrival-Date: Sun, 18 Oct 2026 09:14:03 +0200\n"
ONE = (
    "Final-Recipient: rfc822; Anna@fabrikam.example\nAction: failed\nStatus: 5.1.1\n"
    "Remote-MTA: dns; mx.fabrikam.example [203.0.113.9]\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n"
    "Last-Attempt-Date: Mon, 19 Oct 2026 10:00:00 +0200\n"
)
TWO = "Final-Recipient: rfc822; ben@fabrikam.example\nAction: delayed\nStatus: 4.4.1\n"


def test_fields_of_one_recipient() -> None:
    """Every field of a plain report is read; times become UTC, hosts lower case, addresses keep their case."""
    report = read_status(f"{HEAD}\n{ONE}")
    assert report is not None
    assert (report.reported_by, report.arrival) == ("mx.contoso.example", "2026-10-18T07:14:03Z")
    (one,) = report.failures
    assert (one.recipient, one.action, one.status) == ("Anna@fabrikam.example", "failed", "5.1.1")
    assert (one.receiving_host, one.receiving_ip) == ("mx.fabrikam.example", "203.0.113.9")
    assert (one.diagnostic, one.time) == ("550 5.1.1 unknown", "2026-10-19T08:00:00Z")


BROKEN = {
    "double blank lines": f"{HEAD}\n\n\n{ONE}\n\n\n{TWO}",
    "a blank line after each field": "\n\n".join(f"{HEAD}{ONE}{TWO}".splitlines()),
    "no blank line at all": f"{HEAD}{ONE}{TWO}",
    "carriage returns": f"{HEAD}\n{ONE}\n{TWO}".replace("\n", "\r\n"),
    "quoted by a reply": "".join(f"> {line}\n" for line in f"{HEAD}\n{ONE}\n{TWO}".splitlines()),
    "recipient last": "Action: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822; Anna@fabrikam.example\n\n" + TWO,
    "space before colons": f"{HEAD}\n{ONE}\n{TWO}".replace(": ", " : "),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_groups_are_told_apart_however_gateways_break_them(text: str) -> None:
    """Two recipients stay two, each with its own action, whatever became of the blank lines."""
    report = read_status(text)
    assert report is not None
    assert [(one.recipient, one.action) for one in report.failures] == [
        ("Anna@fabrikam.example", "failed"),
        ("ben@fabrikam.example", "delayed"),
    ]


ACTIONS = [
    ("Action: Failed (permanently)\nStatus: 5.0.0", "failed"),
    ("Action: error\nStatus: 5.0.0", "failed"),
    ("Action: expanded\nStatus: 2.0.0", "expanded"),
    ("Status: 4.4.1 (no answer from host)", "delayed"),
    ("Action: relayed\nStatus: 2.1.5", "relayed"),
]


@pytest.mark.parametrize(("fields", "action"), ACTIONS, ids=[action for _, action in ACTIONS])
def test_action_is_read_or_follows_from_the_status(fields: str, action: str) -> None:
    """RFC 3464's words, a server's own word for them, or else the class of the status say what happened."""
    report = read_status(f"{HEAD}\nFinal-Recipient: rfc822; a@fabrikam.example\n{fields}\n")
    assert report is not None
    assert report.failures[0].action == action


def test_text_without_recipient_is_no_report() -> None:
    """A part that names neither recipient nor action says nothing."""
    assert read_status("Reporting-MTA: dns; mx.contoso.example\n\nMessage removed\n") is None


def test_wrapped_diagnostic_is_one_text() -> None:
    """A folded diagnostic is joined, also where its first line is empty."""
    report = read_status(f"{HEAD}\n{TWO}Diagnostic-Code: smtp;\n 421 4.4.2 Connection\n dropped\n")
    assert report is not None
    assert report.failures[0].diagnostic == "421 4.4.2 Connection dropped"


ADDRESSES = [
    ("rfc822; <anna@fabrikam.example>", "anna@fabrikam.example"),
    ("RFC822;anna@fabrikam.example>", "anna@fabrikam.example"),
    (r"utf-8; J\x{F6}rg@fabrikam.example", "Jörg@fabrikam.example"),
    ("utf-8;用户@fabrikam.example", "用户@fabrikam.example"),
    ("rfc822;@relay.example,@mx.example:anna@fabrikam.example", "anna@fabrikam.example"),
    ('rfc822; "anna berg"@fabrikam.example', '"anna berg"@fabrikam.example'),
    ("anna@fabrikam.example", "anna@fabrikam.example"),
    ("system;<>", None),
    ("rfc822;|/usr/local/bin/filter anna", None),
    ("", None),
]


@pytest.mark.parametrize(("value", "address"), ADDRESSES, ids=[value or "empty" for value, _ in ADDRESSES])
def test_address_of_a_field(value: str, address: str | None) -> None:
    """An address comes out of its field with its case; what is none gives None."""
    assert read_address(value) == address


HOSTS = [
    ("dns; MX.Fabrikam.example.", ("mx.fabrikam.example", None)),
    ("dns;[203.0.113.9]", (None, "203.0.113.9")),
    ("DNS; mx.fabrikam.example (203.0.113.9, the server for fabrikam.example)", ("mx.fabrikam.example", "203.0.113.9")),
    ("dns; mx.fabrikam.example (TCP|192.0.2.1|34321|203.0.113.9|25)", ("mx.fabrikam.example", "203.0.113.9")),
    ("dns; ", (None, None)),
    ("dns; mx.fabrikam.example:25", ("mx.fabrikam.example", None)),
]  # fmt: skip


@pytest.mark.parametrize(("value", "host"), HOSTS, ids=[value for value, _ in HOSTS])
def test_host_of_a_field(value: str, host: tuple[str | None, str | None]) -> None:
    """Name and address of an MTA field are told apart."""
    assert read_host(value) == host


def _encoded(how: str, text: str) -> str:
    return (
        base64.encodebytes(text.encode()).decode() if how == "base64" else quopri.encodestring(text.encode()).decode()
    )


SHAPES = {
    "base64": {"encoding": "base64"},
    "quoted-printable": {"encoding": "quoted-printable"},
    "labelled text/plain": {"kind": "text/plain"},
    "multipart/mixed": {"outer": "multipart/mixed"},
    "RFC 6533": {"kind": "message/global-delivery-status", "original_kind": "message/global-headers"},
    "message/rfc822 original": {"original_kind": "message/rfc822"},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_machine_part_in_any_wrapping(
    report: Callable[..., bytes], said: Callable[[bytes], list[Observation]], shape: dict[str, str]
) -> None:
    """Encoded, mislabelled or outside of multipart/report, the machine part says the same."""
    machine = f"{HEAD}\n{ONE}"
    text = _encoded(shape["encoding"], machine) if "encoding" in shape else machine
    (one,) = said(report(text, **shape))
    assert (one.recipient, one.reply_code, one.status) == ("Anna@fabrikam.example", 550, "5.1.1")
    assert one.original.message_id == "offer-4711@contoso.example"


def test_mixed_report_is_a_bounce(report: Callable[..., bytes], read: Callable[[bytes], Document]) -> None:
    """Failed and delayed recipients in one report: one observation each, and the document is a bounce."""
    document = read(report(f"{HEAD}\n{ONE}\n{TWO}Will-Retry-Until: Thu, 22 Oct 2026 09:00:00 +0000\n"))
    seen = [one for one in document.observations if one.source == "ndr"]
    assert document.kind == "bounce"
    assert [(one.action, one.impact) for one in seen] == [("failed", "returned"), ("delayed", "waiting")]
    assert seen[1].retry_until == "2026-10-22T09:00:00Z"


def test_the_address_that_the_sender_wrote_is_kept_beside_the_final_one(
    report: Callable[..., bytes], read: Callable[[bytes], Document]
) -> None:
    """Original-Recipient is given where it is another address than the final one, and not where it repeats it."""
    alias = "Original-Recipient: rfc822;Info@fabrikam.example\nFinal-Recipient: rfc822;anna@fabrikam.example\n"
    same = "Original-Recipient: rfc822;BO@tailspin.example\nFinal-Recipient: rfc822;bo@tailspin.example\n"
    ended = "Action: failed\nStatus: 5.1.1\n"
    seen = read(report(f"{HEAD}\n{alias}{ended}\n{same}{ended}")).observations
    assert [(one.recipient, one.original_recipient) for one in seen if one.source == "ndr"] == [
        ("anna@fabrikam.example", "Info@fabrikam.example"),
        ("bo@tailspin.example", None),
    ]


KINDS = [("delayed", "4.4.1", "delay"), ("delivered", "2.0.0", "success"), ("expanded", "2.0.0", "success")]


@pytest.mark.parametrize(("action", "status", "kind"), KINDS, ids=[kind[0] for kind in KINDS])
def test_action_decides_the_kind(
    report: Callable[..., bytes], read: Callable[[bytes], Document], action: str, status: str, kind: str
) -> None:
    """A delay is a delay and a success a success: neither is a bounce."""
    machine = f"{HEAD}\nFinal-Recipient: rfc822; a@fabrikam.example\nAction: {action}\nStatus: {status}\n"
    assert read(report(machine)).kind == kind


def test_machine_part_twice_is_one_report(
    report: Callable[..., bytes], said: Callable[[bytes], list[Observation]]
) -> None:
    """A gateway that attaches the machine part twice does not double the failure."""
    machine = f"{HEAD}\n{ONE}"
    twice = f"{machine}\n--frontier\nContent-Type: message/delivery-status\n\n{machine}"
    assert len(said(report(twice))) == 1


def test_stretch_of_a_text_that_is_a_machine_part() -> None:
    """A machine part inside a text is found by its fields; a text that only speaks of them is left alone."""
    assert find_status(f"Hello\n\n{HEAD}\n{ONE}") == f"{HEAD}\n{ONE}"
    assert find_status("What does Final-Recipient: mean, and Action: failed?") is None
