"""Mail that is no report never becomes one."""

import base64
import gzip
from collections.abc import Callable

import pytest

from triage.decode.kinds import form_of, is_challenge, is_forwarded_text
from triage.decode.message import read_mail
from triage.model import Document

EVE = "Eve Roth <eve@contoso.example>"
POSTFIX = (
    "This is the mail system at host mx.contoso.example.\n\n"
    "<anna@fabrikam.example>: host mx.fabrikam.example[203.0.113.9] said: 550 5.1.1 unknown\n"
)
NOT_REPORTS = {
    "newsletter that explains codes": (
        {"extra": "List-Unsubscribe: <mailto:off@contoso.example>\n", "subject": "Returned mail explained"},
        f"What 550 5.1.1 and 421 4.4.2 mean. An example:\n\n{POSTFIX}",
        "other",
    ),
    "conversation that quotes one line": (
        {"subject": "Re: Undeliverable: Offer"},
        "I still get\n\nRemote Server returned '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found'\n\nPlease help.\n",
        "other",
    ),
    "conversation about an error": (
        {"subject": "Re: mail problem"},
        "Mail to anna@fabrikam.example could not be delivered: 550 5.7.1 rejected. Can you look?\n",
        "other",
    ),
    "out of office": (
        {"subject": "Automatic reply: Offer", "extra": "Return-Path: <>\nAuto-Submitted: auto-replied\n"},
        "I am away until Monday. Mail could not be delivered to me in person.\n",
        "auto-reply",
    ),
    "German out of office": (
        {"subject": "Abwesenheitsnotiz: Angebot", "extra": "X-Autoreply: yes\n"},
        "Ich bin nicht im Haus. Ihre Nachricht konnte nicht zugestellt werden.\n",
        "auto-reply",
    ),
    "Finnish out of office": (
        {"subject": "Automaattinen vastaus: Tarjous", "extra": "Return-Path: <>\nAuto-Submitted: auto-generated\n"},
        "Palaan maanantaina.\n",
        "auto-reply",
    ),
    "list of held mail": (
        {"subject": "Email on hold digest", "sender": "postmaster@contoso.example"},
        "You have 2 emails on hold.\n\nFrom: x@fabrikam.example  Subject: Delivery failed\n",
        "other",
    ),
    "request to confirm": (
        {"subject": "Undelivered Mail", "extra": "Return-Path: <>\n"},
        "Your message to anna@fabrikam.example was not delivered. Confirm that you are not a robot: http://x.example\n",
        "other",
    ),
    "shipping notice": (
        {"subject": "Delivery failed", "sender": "Parcels <parcels@fabrikam.example>"},
        "Your parcel could not be delivered to karl@contoso.example.\n",
        "other",
    ),
}


@pytest.mark.parametrize(("head", "body", "kind"), NOT_REPORTS.values(), ids=NOT_REPORTS)
def test_no_false_alarm(
    plain_mail: Callable[..., bytes],
    read: Callable[[bytes], Document],
    head: dict[str, str],
    body: str,
    kind: str,
) -> None:
    """Error codes in somebody's mail are no report, and neither is an answer of a mailbox."""
    document = read(plain_mail(body, **{"sender": EVE, **head}))
    assert (document.kind, document.observations) == (kind, ())


STRUCTURES = [
    ("multipart/report; report-type=feedback-report", "message/feedback-report", "feedback"),
    ("multipart/mixed", "message/feedback-report", "feedback"),
    ("multipart/report; report-type=disposition-notification", "message/disposition-notification", "other"),
    ("multipart/mixed", "application/zip", "other"),
]


@pytest.mark.parametrize(("outer", "part", "kind"), STRUCTURES, ids=[f"{one[1]} in {one[0]}" for one in STRUCTURES])
def test_structure_decides(
    report: Callable[..., bytes], read: Callable[[bytes], Document], outer: str, part: str, kind: str
) -> None:
    """Complaints and read receipts are known by their parts, though they quote a whole message."""
    content = report("Feedback-Type: abuse\n", outer=outer, kind=part, human="See the report.\n", sender=EVE)
    assert (
        read(content.replace(b"Undelivered Mail Returned to Sender", b"Report").replace(b"<>", b"<e@x.example>")).kind
        == kind
    )


TLS_REPORT = b'{"report-id": "1", "policies": [{"summary": {"total-failure-session-count": 3}}]}'
TLS_REPORTS = {"whole": (gzip.compress(TLS_REPORT), "tls-report"), "damaged": (b"Feedback", "unreadable")}


@pytest.mark.parametrize(("content", "kind"), TLS_REPORTS.values(), ids=TLS_REPORTS)
@pytest.mark.parametrize("outer", ["multipart/report; report-type=tlsrpt", "multipart/mixed"])
def test_a_tls_report_is_known_by_its_part(
    report: Callable[..., bytes], read: Callable[[bytes], Document], outer: str, content: bytes, kind: str
) -> None:
    """What its part holds is read; where that is no report, the message is unreadable, and never a bounce."""
    packed = base64.b64encode(content).decode()
    mail = report(packed, outer=outer, kind="application/tlsrpt+gzip", encoding="base64", human="See it.\n", sender=EVE)
    assert read(mail).kind == kind


SENDERS = [
    ("MAILER-DAEMON@mx.contoso.example", True),
    ("Mail Delivery Subsystem <noreply@contoso.example>", True),
    ("Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@contoso.example>", True),
    ("=?utf-8?Q?Mail_Delivery_System?= <x@contoso.example>", True),
    ("Eve Roth <eve@contoso.example>", False),
    ("Postmaster's Friend <eve@contoso.example>", False),
]


@pytest.mark.parametrize(("sender", "system"), SENDERS, ids=[sender[:30] for sender, _ in SENDERS])
def test_mail_systems_are_known_by_their_names(plain_mail: Callable[..., bytes], sender: str, system: bool) -> None:
    """A mail system gives itself away by its address or its display name."""
    assert form_of(read_mail(plain_mail("text", sender=sender))).mail_system is system


def test_exchange_report_header_counts_though_it_is_empty(plain_mail: Callable[..., bytes]) -> None:
    """Exchange marks its reports with a header that has no value."""
    mail = read_mail(plain_mail("text", sender=EVE, extra="X-MS-Exchange-Message-Is-Ndr:\n"))
    assert form_of(mail).mail_system


def test_marks_of_an_inline_forward() -> None:
    """A quoted sender line of a mail system marks a forward; one of a person alone does not."""
    assert is_forwarded_text("Look!\n\n> From: MAILER-DAEMON@mx.contoso.example\n> Subject: x\n")
    assert is_forwarded_text("-----Original Message-----\nFrom: Somebody\nSubject: x\n")
    assert not is_forwarded_text("From: eve@contoso.example\n\nhello")


def test_request_to_confirm_is_known() -> None:
    """A challenge asks its reader to prove that he is one."""
    assert is_challenge("Please confirm that you are\nnot a robot.")
    assert not is_challenge("550 5.7.1 Sender not allowed")
