"""Mail by SMTP: the ticket as text and HTML, with the list of affected mail; what comes later joins its thread.

Each is marked as a notice of ours (`triage.model.mark`), and by default has no envelope sender: a bounce of it goes
nowhere, or is known again. Mail knows no repeated id for sure: what arrives twice may be shown twice.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from triage.errors import Misconfigured
from triage.model import Affected
from triage.model.mark import Mark
from triage.notify.affected import affected_csv
from triage.notify.digest import Digest, digest_text
from triage.notify.letter import Letter
from triage.notify.news import kind_of
from triage.notify.outcome import Accepted, Outcome, Refused
from triage.notify.own_markdown import to_html, to_plain
from triage.notify.post import Line
from triage.notify.ticket import ticket_html, ticket_markdown
from triage.notify.ticket_text import comment_text, ticket_text
from triage.settings import Sinks
from triage.sink_settings import MailSettings

if TYPE_CHECKING:
    from email.message import EmailMessage

LISTED = 10_000
"""Rows of the attached list: some 2 MB, which every mail system takes."""

_PLACEHOLDER = Mark("triage@localhost")
"""Marks a preview where no sender is set."""


class Mail:
    """Some people's mailboxes. `at_most_twice`: a mailbox shows what arrives."""

    name = "mail"
    at_most_twice = True

    def __init__(self, settings: MailSettings, line: Line) -> None:
        self._settings, self._line = settings, line

    def send(self, letter: Letter) -> Outcome:
        """Send one mail; its Message-ID is the same at each try."""
        return self._send(letter.mark, lambda mark: mail(letter, mark, self._settings))

    def send_digest(self, digest: Digest) -> Outcome:
        """Send one mail about several incidents."""
        return self._send(digest.mark, lambda mark: digest_mail(digest, mark, self._settings))

    def _send(self, mark: Mark | None, write: "Callable[[Mark], EmailMessage]") -> Outcome:
        if mark is None:
            return Refused("notices.sender is not set: nobody would know our notices again.")
        from email.policy import SMTP

        from triage.notify.smtp import Relay, send_mail

        own, made = self._settings, write(mark)
        relay = Relay(own.host or "", own.port, own.security, own.user, own.password)
        result = send_mail(relay, self._line, own.envelope_sender, own.to, made.as_bytes(policy=SMTP))
        if not isinstance(result, Accepted):
            return result
        left = f" ({result.remote})" if result.remote else ""
        return Accepted(f"{made['Message-ID'].strip('<>')}{left}")


def mail(letter: Letter, mark: Mark, settings: MailSettings) -> "EmailMessage":
    """Give the whole message."""
    is_first = any(kind_of(one) == "opened" for one in letter.notices) or not letter.notices
    hit = letter.affected() if settings.attach_affected and letter.incident.state != "resolved" else ()
    text = ticket_text(letter, "mail") if is_first else comment_text(letter, "mail", "news")
    body = _work_order(letter, hit) if is_first and hit else text.body
    made = _begun(mark, settings, text.title if is_first else f"Re: {text.title}", letter.id, letter.now)
    root = mark.headers(_first(letter))["Message-ID"]
    if root != made["Message-ID"]:
        made["In-Reply-To"] = root
        made["References"] = root
    plain = f"{body}\n\n{text.tail}"
    made.set_content(to_plain(plain) + "\n", cte="quoted-printable")
    made.add_alternative(_html(letter, hit, is_first, plain), subtype="html", cte="quoted-printable")
    if hit:
        made.add_attachment(_csv(letter, hit), maintype="text", subtype="csv", filename="affected.csv")
    return made


def digest_mail(digest: Digest, mark: Mark, settings: MailSettings) -> "EmailMessage":
    """Give the whole message about several incidents: plain text, since it is read on the way to work."""
    subject, body = digest_text(digest)
    made = _begun(mark, settings, subject, digest.id, digest.now)
    made.set_content(body, cte="quoted-printable")
    return made


def _begun(mark: Mark, settings: MailSettings, subject: str, message_id: str, now: str) -> "EmailMessage":
    """Give a message with its header, our mark in it, and nothing else."""
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime

    made = EmailMessage(policy=SMTP)
    made["From"] = mark.sender
    made["To"] = ", ".join(settings.to)
    made["Subject"] = subject
    made["Date"] = format_datetime(datetime.fromisoformat(now))
    for name, value in mark.headers(message_id).items():
        made[name] = value
    return made


def _first(letter: Letter) -> str:
    """Give the id of the message with which a thread begins: what an incident is told by first."""
    return f"{letter.incident.id}/opened:1/mail"


def _work_order(letter: Letter, hit: Sequence[Affected]) -> str:
    """Give the ticket with its list beside it. Registry files stay where they are: mail filters take them away."""
    return ticket_markdown(
        letter.incident, letter.runbook, hit, letter.texts, redact=letter.redact, now=letter.now, is_elsewhere=True
    )


def _html(letter: Letter, hit: Sequence[Affected], is_first: bool, markdown: str) -> str:
    if is_first and hit:
        return ticket_html(
            letter.incident, letter.runbook, hit, letter.texts, redact=letter.redact, now=letter.now, is_elsewhere=True
        )
    return f'<!doctype html>\n<html lang="{letter.texts.locale}"><body>\n{to_html(markdown)}</body></html>\n'


def _csv(letter: Letter, hit: Sequence[Affected]) -> bytes:
    return affected_csv(hit[:LISTED], letter.texts, redact=letter.redact).encode("utf-8", "replace")


def make(settings: Sinks, line: Line) -> Mail | None:
    """Give the sink that the settings name; None where they name none. Raises `Misconfigured`."""
    own = settings.mail
    if own.host is None:
        return None
    if not own.to:
        raise Misconfigured("sinks.mail.host is set and sinks.mail.to is not.")
    if any(not _is_address(one) for one in (*own.to, *([own.envelope_sender] if own.envelope_sender else ()))):
        raise Misconfigured(
            "sinks.mail.to and sinks.mail.envelope_sender hold plain addresses, of ASCII characters alone."
        )
    if (own.user is None) != (own.password is None):
        raise Misconfigured("sinks.mail.user and sinks.mail.password are set together, or neither is.")
    if own.security == "none" and own.user is not None:
        raise Misconfigured("sinks.mail.security is none, and a password is not sent in clear text.")
    return Mail(own, line)


def _is_address(text: str) -> bool:
    name, at, domain = text.rpartition("@")
    plain = text.isascii() and text.isprintable() and not any(one in text for one in ' <>,;:\\"()[]')
    return bool(at and name and domain) and plain and len(text) <= 254


def message(letter: Letter) -> dict[str, Any]:
    """Give the mail that would be sent: its fields, its text and the names of what is attached."""
    made = mail(letter, letter.mark or _PLACEHOLDER, MailSettings())
    text = made.get_body(("plain",))
    return {
        "headers": {name: str(value) for name, value in made.items()},
        "text": text.get_content() if text is not None else "",
        "attachments": [one.get_filename() for one in made.iter_attachments()],
    }
