"""Mail that carries the same words and is no bounce never becomes one."""

import pytest

from tests.seed.conftest import DROPPED

HEAD = "From: {sender}\r\nTo: karl.holm@contoso.example\r\nDate: Tue, 20 Oct 2026 08:00:00 +0000\r\nSubject: {subject}\r\nMessage-ID: <x1@fabrikam.example>\r\nMIME-Version: 1.0\r\n{more}"  # noqa: E501
PLAIN = "Content-Type: text/plain; charset=utf-8\r\n\r\n"


def mail(subject, body, sender="Exchange weekly <news@fabrikam.example>", more=""):
    """Give a message of somebody to us."""
    return (HEAD.format(sender=sender, subject=subject, more=more) + PLAIN + body + "\r\n").encode()


NEWSLETTER = mail(
    "Mail flow in October: 421 4.4.2 explained",
    "This week: what to do when the queue shows\r\n"
    f"  {DROPPED}\r\nand the Send log says 'TLS negotiation failed with error SocketError'.\r\n"
    "An NDR reads: Remote Server at mx.fabrikam.example (198.51.100.7) returned\r\n"
    "'451 5.7.3 Must issue a STARTTLS command first'.\r\n"
    "Write to editor@fabrikam.example, or leave the list at leave@fabrikam.example.",
    more="List-Id: <weekly.fabrikam.example>\r\nList-Unsubscribe: <mailto:leave@fabrikam.example>\r\nPrecedence: bulk\r\n",
)
AWAY = mail(
    "Automatic reply: Undeliverable: Offer 4711",
    f"I am away until Monday. Your message was: {DROPPED}",
    "Anna Berg <anna.berg@fabrikam.example>",
    "Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n",
)
SUPPORT = mail(
    "Re: Ticket 77: mail to Office 365",
    "Hello Karl,\r\n\r\nthe queue of hq-ex10a says 421 4.4.2 Connection dropped due to SocketError since Monday.\r\n"
    "Did you check TLS 1.2? Without it you would see 451 5.7.3 Must issue a STARTTLS command first.\r\n\r\nRegards, Anna\r\n"
    "\r\n> On Monday Karl wrote:\r\n> our users get bounces, status 4.4.7, what can we do?",
    "Anna Berg <anna.berg@fabrikam.example>",
    "In-Reply-To: <q@contoso.example>\r\n",
)
FEEDBACK = (
    HEAD.format(sender="<abuse@fabrikam.example>", subject="FW: complaint", more="")
    + 'Content-Type: multipart/report; report-type=feedback-report; boundary="r"\r\n\r\n--r\r\n'
    + f"Content-Type: text/plain\r\n\r\nA complaint on a message that says {DROPPED}.\r\n"
    + "--r\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: Loop/1.0\r\nVersion: 1\r\n"
    + "\r\n--r\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: a@contoso.example\r\nSubject: Offer\r\n\r\n--r--\r\n"
).encode()
RECEIPT = (
    HEAD.format(sender="Anna Berg <anna.berg@fabrikam.example>", subject="Read: Offer 4711", more="")
    + 'Content-Type: multipart/report; report-type=disposition-notification; boundary="r"\r\n\r\n--r\r\n'
    + "Content-Type: text/plain\r\n\r\nYour message was read on Tuesday.\r\n--r\r\n"
    + "Content-Type: message/disposition-notification\r\n\r\nReporting-UA: hq-ex13a.contoso.example; Exchange\r\n"
    + "Final-Recipient: rfc822;anna.berg@fabrikam.example\r\nOriginal-Message-ID: <offer-4711@contoso.example>\r\n"
    + "Disposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--r--\r\n"
).encode()
LOOK_ALIKES = {
    "newsletter": (NEWSLETTER, ("other",)),
    "out of office": (AWAY, ("auto-reply",)),
    "support conversation": (SUPPORT, ("other",)),
    "complaint report": (FEEDBACK, ("feedback",)),
    "read receipt": (RECEIPT, ("other", "auto-reply")),
}


@pytest.mark.parametrize(("content", "kinds"), LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_the_same_words_in_other_mail_are_no_bounce(reading, content, kinds):
    """A newsletter, an absence note, a conversation, a complaint and a receipt give no observation."""
    result = reading(content)
    assert result.kind in kinds
    assert result.findings == ()


def test_a_newsletter_forwarded_as_an_attachment_is_no_bounce(reading):
    """Somebody who passes the newsletter on does not make it a bounce."""
    note = "--f\r\nContent-Type: text/plain\r\n\r\nLook.\r\n--f\r\n"
    body = f"{note}Content-Type: message/rfc822\r\n\r\n{NEWSLETTER.decode()}\r\n--f--\r\n"
    head = HEAD.format(sender="karl.holm@contoso.example", subject="FW: 421 4.4.2", more="")
    result = reading((head + 'Content-Type: multipart/mixed; boundary="f"\r\n\r\n' + body).encode())
    assert (result.kind, result.findings) == ("other", ())


def test_a_report_in_a_reply_of_support_is_a_bounce_still(build, reading):
    """The conversation that does carry the whole report, quoted, is the forward of a bounce."""
    result = reading(build["to-cloud"]().inline(quote="> ", width=74))
    assert result.kind == "bounce"


def test_a_success_is_no_fault(build, told, reading):
    """The same report with Action delivered is a success, and has no diagnosis."""
    text = build["to-cloud"](cause=None, notice="250 2.1.5 Delivered", status="2.0.0", action="delivered").text()
    result = reading(text.encode())
    assert result.kind == "success"
    assert all(one.diagnosis is None for one in result.findings)
