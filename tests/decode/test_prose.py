"""Reports without a machine part are read in whatever words their server says it."""

from collections.abc import Callable

import pytest

from triage.decode.prose import HumanText, read_prose, reason_for, report_text
from triage.decode.prose_words import phrases
from triage.model import Observation

DAEMON = "MAILER-DAEMON@mx.contoso.example"
INTRODUCTIONS = [(one.mailer, one) for one in phrases().introductions]


def _flat(text: str) -> str:
    return " ".join(text.lower().replace("#", "").split())


@pytest.mark.parametrize(
    "one", [one for _, one in INTRODUCTIONS], ids=[f"{name}, {one.action}" for name, one in INTRODUCTIONS]
)
def test_each_introduction_knows_its_own(one) -> None:
    """The example of every introduction holds one of its phrases; the counterexample holds none."""
    assert any(phrase in _flat(one.example) for phrase in (*one.strong, *one.weak))
    assert not any(phrase in _flat(one.counterexample) for phrase in (*one.strong, *one.weak))
    assert one.source


REPORTS = {
    "qmail": (
        ("Hi. This is the qmail-send program at mx.contoso.example.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n\n"
        "<anna@fabrikam.example>:\n203.0.113.9 does not like recipient.\n"
        "Remote host said: 550 5.1.1 <anna@fabrikam.example>... unknown\nGiving up on 203.0.113.9.\n\n"
        "--- Below this line is a copy of the message.\n\nReturn-Path: <karl@contoso.example>\nFrom: karl@contoso.example\n"),
        ("anna@fabrikam.example", 550, "5.1.1", None, "203.0.113.9", "mx.contoso.example"),
    ),
    "Postfix, wrapped": (
        ("This is the mail system at host mx.contoso.example.\n\n"
        "<anna@fabrikam.example>: host mx.fabrikam.example[203.0.113.9] said: 550 5.1.1\n"
        "    <anna@fabrikam.example>: Recipient address rejected: unknown (in reply to\n    RCPT TO command)\n"),
        ("anna@fabrikam.example", 550, "5.1.1", "mx.fabrikam.example", "203.0.113.9", "mx.contoso.example"),
    ),
    "Postfix, TLS": (
        ("This is the mail system at host mx.contoso.example.\n\n"
        "<anna@fabrikam.example>: Cannot start TLS: handshake failure\n"),
        ("anna@fabrikam.example", None, None, None, None, "mx.contoso.example"),
    ),
    "Exim": (
        ("This message was created automatically by mail delivery software.\n\n"
        "A message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error.\n\n"
        "  anna@fabrikam.example\n    SMTP error from remote mail server after RCPT TO:<anna@fabrikam.example>:\n"
        "    host mx.fabrikam.example [203.0.113.9]: 550 5.1.1 unknown\n    here\n\n"
        "------ This is a copy of the message, including all the headers. ------\n\nReceived: from x\n"),
        ("anna@fabrikam.example", 550, "5.1.1", "mx.fabrikam.example", "203.0.113.9", None),
    ),
    "sendmail": (
        ("   ----- The following addresses had permanent fatal errors -----\n<anna@fabrikam.example>\n"
        "    (reason: 550 5.1.1 <anna@fabrikam.example>... User unknown)\n\n"
        "   ----- Transcript of session follows -----\n... while talking to mx.fabrikam.example.:\n"
        ">>> DATA\n<<< 550 5.1.1 <anna@fabrikam.example>... User unknown\n"),
        ("anna@fabrikam.example", 550, "5.1.1", "mx.fabrikam.example", None, None),
    ),
    "Gmail": (
        ("Delivery to the following recipient failed permanently:\n\n     anna@fabrikam.example\n\n"
        "Technical details of permanent failure:\nGoogle tried to deliver your message, but it was rejected by the server "
        "for the recipient domain fabrikam.example by mx.fabrikam.example. [203.0.113.9].\n\n"
        "The error that the other server returned was:\n550-5.1.1 The account does not exist.\n550 5.1.1 Learn more\n\n"
        "----- Original message -----\n\nFrom: karl@contoso.example\n"),
        ("anna@fabrikam.example", 550, "5.1.1", "mx.fabrikam.example", "203.0.113.9", None),
    ),
    "Exchange 2003": (
        ("Your message\n\n  To:      anna@fabrikam.example\n  Subject: x\n\ndid not reach the following recipient(s):\n\n"
        "anna@fabrikam.example on Thu, 29 Apr 2010 00:00:00 -0000\n    The recipient name is not recognized\n"),
        ("anna@fabrikam.example", None, None, None, None, None),
    ),
    "Exchange 2003 names itself": (
        ("Your message\n\n  Subject: x\n\ndid not reach the following recipient(s):\n\n"
        "anna@fabrikam.example on Thu, 29 Apr 2010 00:00:00 -0000\n    No specific reason was given.\n"
        "    <ex03.contoso.example #5.5.0 smtp;550 5.7.1 Unable to relay>\n"),
        ("anna@fabrikam.example", 550, "5.7.1", None, None, "ex03.contoso.example"),
    ),
    "a session transcript": (
        ("YOUR MESSAGE WAS NOT DELIVERED TO ONE OR MORE RECIPIENTS!\n\nFailed address: anna@fabrikam.example\n\n"
        "--- Session Transcript ---\n Mon 2026-10-19 09:14:01: <-- 250 fine\n"
        " Mon 2026-10-19 09:14:02: --> RCPT To:<anna@fabrikam.example>\n"
        " Mon 2026-10-19 09:14:02: <-- 550 5.1.1 Nobody of that name\n--- End Transcript ---\n"),
        ("anna@fabrikam.example", 550, "5.1.1", None, None, None),
    ),
    "a server without a name": (
        ("Your message did not reach some or all of the intended recipients.\n\nanna@fabrikam.example\n"
        "   Error Type: SMTP\n   Remote server (203.0.113.9) issued an error.\n"
        "   Remote server replied: 550 5.1.1 Nobody of that name\n"),
        ("anna@fabrikam.example", 550, "5.1.1", None, "203.0.113.9", None),
    ),
    "a detail behind two hyphens": (
        ("This is a delivery failure notification message indicating that\nan email you addressed to email address :\n"
        "-- anna@fabrikam.example\n\ncould not be delivered.\n\nAdditional information follows :\n"
        "-- 5.4.1 Recipient address rejected\n"),
        ("anna@fabrikam.example", None, "5.4.1", None, None, None),
    ),
    "Chinese, full-width colon": (
        ("抱歉，您的邮件被退回来了\n收件人邮件地址：anna@fabrikam.example\n550 5.1.1 Mailbox not found\n"),
        ("anna@fabrikam.example", 550, "5.1.1", None, None, None),
    ),
    "Notes": (
        ("------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\nanna@fabrikam.example\n\n"
        "------- Returned Message --------\n\nReceived: from x\n"),
        ("anna@fabrikam.example", None, None, None, None, None),
    ),
    "labelled lines": (
        ("MailEnable: Message could not be delivered to some recipients.\n\n"
        "\tRecipient: [SMTP:anna@fabrikam.example]\n\tReason: Remote SMTP Server Returned: 550 no such mailbox\n"),
        ("anna@fabrikam.example", 550, None, None, None, None),
    ),
    "a sentence": (
        ("Sorry, we cannot go on.\n\nUnable to deliver message to: <anna@fabrikam.example>\n\n"
        "Delivery failed for the following reason:\n"
        "Server mx.fabrikam.example[203.0.113.9] failed with: 552 5.2.2 mailbox full\n"),
        ("anna@fabrikam.example", 552, "5.2.2", "mx.fabrikam.example", "203.0.113.9", None),
    ),
    "Japanese": (
        ("以下のメールアドレスへの送信に失敗しました。\n\nanna@fabrikam.example\n\n-------server message\n550 5.1.1 unknown\n\n"
        "-------SMTP command\nDATA\n"),
        ("anna@fabrikam.example", 550, "5.1.1", None, None, None),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REPORTS.values(), ids=REPORTS)
def test_report_in_prose(
    plain_mail: Callable[..., bytes],
    said: Callable[[bytes], list[Observation]],
    text: str,
    expected: tuple[str | int | None, ...],
) -> None:
    """Recipient, codes, the other end and who reports come out of each server's way to say it."""
    (one,) = said(plain_mail(text, sender=DAEMON, subject="Undelivered Mail"))
    seen = (one.recipient, one.reply_code, one.status, one.receiving_host, one.receiving_ip, one.reported_by)
    assert (one.action, seen) == ("failed", expected)


DELAYS = [
    (
        "This is the mail system at host mx.contoso.example.\n\n"
        "# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #\n\n"
        "<anna@fabrikam.example>: connect to mx.fabrikam.example[203.0.113.9]:25: Connection refused\n"
    ),
    (
        "A message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours."
        "\n\n  anna@fabrikam.example\n    Delay reason: Connection timed out\n"
    ),
    (
        "Delivery to the following recipient has been delayed:\n\n     anna@fabrikam.example\n\n"
        "Message will be retried for 2 more day(s)\n"
    ),
]


@pytest.mark.parametrize("text", DELAYS, ids=["Postfix", "Exim", "Gmail"])
def test_delay_is_no_failure(
    plain_mail: Callable[..., bytes], said: Callable[[bytes], list[Observation]], text: str
) -> None:
    """A server that goes on trying reports a delay, though it uses the words of a failure too."""
    (one,) = said(plain_mail(text, sender=DAEMON))
    assert (one.recipient, one.action, one.impact) == ("anna@fabrikam.example", "delayed", "waiting")


def test_each_recipient_has_its_own_reason() -> None:
    """Two recipients of one report keep their replies apart."""
    text = (
        "This is the qmail-send program at mx.contoso.example.\n\n<anna@fabrikam.example>:\nSorry. (#5.1.1)\n\n"
        "<ben@fabrikam.example>:\nRemote host said: 452 4.2.2 full\n"
    )
    prose = read_prose(HumanText(text), from_mail_system=True)
    assert prose is not None
    assert [(one.recipient, one.diagnostic) for one in prose.failures] == [
        ("anna@fabrikam.example", "Sorry. (#5.1.1)"),
        ("ben@fabrikam.example", "452 4.2.2 full"),
    ]


def test_weak_words_need_a_mail_system() -> None:
    """What people write too counts only where a mail system wrote it."""
    text = "Your message could not be delivered.\n\nanna@fabrikam.example\n"
    assert read_prose(HumanText(text), from_mail_system=False) is None
    assert read_prose(HumanText(text), from_mail_system=True) is not None


def test_header_names_the_recipient(
    plain_mail: Callable[..., bytes], said: Callable[[bytes], list[Observation]]
) -> None:
    """Where the text names nobody, X-Failed-Recipients does."""
    mail = plain_mail("Skupina neexistuje.\n", sender=DAEMON, extra="X-Failed-Recipients: anna@fabrikam.example\n")
    assert [one.recipient for one in said(mail)] == ["anna@fabrikam.example"]


def test_mailbox_name_without_its_domain(
    plain_mail: Callable[..., bytes], said: Callable[[bytes], list[Observation]]
) -> None:
    """AOL names mailboxes of its own without the domain: the report's own domain is meant."""
    text = "Your mail to the following recipients could not be delivered because they are not accepting mail:\n\tanna\n"
    assert [one.recipient for one in said(plain_mail(text, sender="<MAILER-DAEMON@AOL.example>"))] == [
        "anna@aol.example"
    ]


def test_text_adds_what_the_machine_part_leaves_out(
    report: Callable[..., bytes], said: Callable[[bytes], list[Observation]]
) -> None:
    """A machine part without a diagnostic takes the reply from the text for people."""
    machine = (
        "Reporting-MTA: dns; mx.contoso.example\n\n"
        "Final-Recipient: rfc822; anna@fabrikam.example\nAction: failed\nStatus: 5.0.0\n"
    )
    human = "<anna@fabrikam.example>:\n    host mx.fabrikam.example [203.0.113.9]: 550 5.7.1 not today\n"
    (one,) = said(report(machine, human=human))
    assert (one.reply_code, one.status, one.receiving_ip) == (550, "5.7.1", "203.0.113.9")
    assert [reply.status for reply in one.wrappers] == ["5.0.0"]


def test_reason_of_somebody_else_is_not_taken() -> None:
    """What a text says of one recipient is never said of another."""
    text = "<anna@fabrikam.example>: 550 5.1.1 unknown\n\n<eve@fabrikam.example>: 552 5.2.2 full\n"
    assert reason_for(HumanText(text), "ben@fabrikam.example") is None
    found = reason_for(HumanText(text), "eve@fabrikam.example")
    assert found is not None
    assert found.diagnostic == "552 5.2.2 full"


def test_returned_message_is_cut_off() -> None:
    """What the returned message says is never taken for the report."""
    text = "> unable to deliver\n>\n> ----- Original message -----\n> From: karl@contoso.example\n"
    assert report_text(HumanText(text)).strip() == "unable to deliver"
