"""What kind of document a message is, as far as its form tells: before anything is read in its text."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain, islice
from pathlib import Path

import msgspec

from triage.decode.mailbox import mailbox_of
from triage.decode.message import Mail
from triage.model.words import Kind
from triage.typed import converted

PHRASES = Path(__file__).parent / "phrases" / "kinds.toml"

_NULL = frozenset({"", "<>", "< >"})
_SENDER_LINE = re.compile(
    r"(?im)^[> |*]{0,12}\*?(?:from|von|de|da|van|fr[åa]n?|od|nadawca|odesílatel|felad[óo]|l[äa]hett[äa]j[äa]|kimden|от|від|από"
    r"|差出人|보낸 사람|发件人|寄件者)\*?\s{0,4}[:\uff1a]\*?\s{0,4}(?P<who>.{1,200})$"
)
_ATTRIBUTION = re.compile(
    r"(?m)^[> |]{0,12}[^\n]{0,200}[ <](?P<who>[^<>\s@]{1,64}@[^<>\s:]{1,255})>?[^\n:]{0,40}:[ \t]{0,8}\r?$"
)
"""The line above a quote, in any language: `On Tue, 24 Nov 2026, Mail Delivery System <MAILER-DAEMON@…> wrote:`."""
_SYSTEMS = ("aemon@", "AEMON@", "aster@", "ASTER@")
"""One of these stands in the address of most mail systems: without one no line above a quote is looked for."""
_BLANK = re.compile(r"\n[> |\t]{0,12}\r?\n")
MAX_QUOTED_HEADERS = 2048
"""Characters behind a quoted sender in which the other quoted headers end with a blank line."""
_RE_PREFIX = re.compile(r"^(?:(?:re|aw|sv|antw|r)\s{0,2}:\s{0,4}){1,5}", re.IGNORECASE)
MAX_TEXT = 65_536
"""Characters of a text in which the marks of a forward are looked for."""
MAX_SENDERS = 20
"""Lines of a text that look like a From field and are asked whom they name."""


class Words(msgspec.Struct, frozen=True):
    """The whole of `phrases/kinds.toml`."""

    mail_system: dict[str, tuple[str, ...] | str]
    subjects: dict[str, tuple[str, ...]]
    bodies: dict[str, tuple[str, ...]]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """What the form of a message says of who wrote it.

    `kind` is decided where the form alone decides. `mail_system`: a mail system wrote it; `doubtful` where nothing says so
    but the name beside the address, which anyone can choose, or a mailbox from which people write too. `forward`: a person
    passes on something. `bulk`: a list or newsletter. `auto_reply`: a mailbox answered by itself.
    """

    kind: Kind | None = None
    mail_system: bool = False
    doubtful: bool = False
    report_subject: bool = False
    forward: bool = False
    bulk: bool = False
    auto_reply: bool = False


@cache
def words() -> Words:
    """Load the phrases, once."""
    return converted(tomllib.loads(PHRASES.read_text(encoding="utf-8")), Words)


@cache
def _reports_within() -> tuple[str, ...]:
    """Give the subjects of reports as they stand behind other words."""
    return tuple(f" {one}" for one in words().subjects["report"])


@cache
def _long_names() -> tuple[str, ...]:
    """Give the names of mail systems that tell one within a longer name."""
    return tuple(one for one in words().mail_system["names"] if " " in one)


@cache
def _challenge_words() -> tuple[str, ...]:
    """Give the last of the longest words of each sentence that asks for a confirmation."""
    return tuple(max(reversed(mark.split()), key=len) for mark in words().bodies["challenge"])


def form_of(mail: Mail) -> Form:
    """Judge a message by its headers and the types of its parts."""
    if mail.has("x-ms-journal-report"):
        return Form()  # its text lists the addresses of the message that is attached
    subject = mail.words("subject").lower().strip()
    kind = _by_parts(mail, subject)
    bare = _RE_PREFIX.sub("", subject)
    known = words().subjects
    answers = bare.lstrip("[(").startswith(known["auto_reply"])
    report_subject = not answers and (
        bare.startswith(known["report"]) or any(map(bare.__contains__, _reports_within()))
    )
    of_exchange = _is_exchange_report(mail)
    has_form = of_exchange or _has_form_of_report(mail, report_subject)
    system, doubtful = has_form, False
    if not has_form:
        name, local = _name_and_mailbox(mail.words("from"))
        system = _is_mail_system(name, local)
        doubtful = system and not _is_alone_a_system(local, report_subject)
    auto_reply = not of_exchange and _is_auto_reply(mail, answers, system)
    return Form(
        kind=kind,
        mail_system=system,
        doubtful=doubtful,
        report_subject=report_subject,
        forward=bare.startswith(known["forward"]),
        bulk=not system and _is_bulk(mail, report_subject),
        auto_reply=auto_reply,
    )


def forwarded_report(text: str, report_subject: bool) -> tuple[str, bool] | None:
    """Give what stands behind the line of an inline forward that names a mail system as its sender, and whether that mailbox
    writes reports alone, or the `report_subject` says that it is one; None without such a line."""
    for found in _senders(text):
        if is_mail_system(found.group("who")):
            sure = _is_alone_a_system(_name_and_mailbox(found.group("who"))[1], report_subject)
            headers = _BLANK.search(text, found.end(), found.end() + MAX_QUOTED_HEADERS)
            return text[headers.end() if headers else found.end() :], sure
    return None


def is_forwarded_text(text: str) -> bool:
    """True where a text holds the marks of an inline forward of a mail system's message."""
    head = text[:MAX_TEXT]
    flat = head.lower().replace("\u2019", "'")
    senders = [found.group("who") for found in _senders(head)]
    if any(is_mail_system(who) for who in senders):
        return True
    return bool(senders) and any(mark in flat for mark in words().bodies["forwarded"])


def _senders(text: str) -> Iterator[re.Match[str]]:
    """Give the lines that name the sender of what is quoted below them, within their bound."""
    lines = _SENDER_LINE.finditer(text, 0, MAX_TEXT)
    above = _ATTRIBUTION.finditer(text, 0, MAX_TEXT) if any(one in text for one in _SYSTEMS) else ()
    return islice(chain(lines, above), MAX_SENDERS)


def answers(subject: str) -> bool:
    """True for the subject of an answer in a conversation."""
    return _RE_PREFIX.match(subject.strip()) is not None


def is_challenge(text: str) -> bool:
    """True where a text asks the sender to confirm that he is a person."""
    lower = text[:MAX_TEXT].lower()
    if not any(map(lower.__contains__, _challenge_words())):
        return False
    flat = " ".join(lower.split())
    return any(mark in flat for mark in words().bodies["challenge"])


def _by_parts(mail: Mail, subject: str) -> Kind | None:
    kinds = [leaf.kind for leaf in mail.leaves]
    if any(map(subject.__contains__, words().subjects["notice"])):
        return "other"
    if "text/delivery-status" in kinds:
        return None
    report_type = mail.parameter("report-type")
    if "text/feedback-report" in kinds or report_type == "feedback-report" or _is_complaint(mail, subject):
        return "feedback"
    if report_type == "tlsrpt" or any(kind.startswith("application/tlsrpt") for kind in kinds):
        return "tls-report"
    if report_type == "disposition-notification" or "text/disposition-notification" in kinds:
        return None if _is_refusal(mail) else "other"
    return None


def _is_refusal(mail: Mail) -> bool:
    """True for a message that a filter refused after it was taken (RFC 5429 section 2.2): the refusal has a receipt's form."""
    texts = (leaf.text[:MAX_TEXT].lower() for leaf in mail.of_kind("text/plain"))
    return any(mark in text for text in texts for mark in words().bodies["refusal"])


def _is_complaint(mail: Mail, subject: str) -> bool:
    """True for complaints that are no ARF: Microsoft's feedback loop sends the message behind a subject of its own."""
    return any(mark in subject for mark in words().bodies["complaint"]) or bool(mail.header("x-hmxmroriginalrecipient"))


def _is_exchange_report(mail: Mail) -> bool:
    return mail.has("x-ms-exchange-message-is-ndr") or mail.content_type == "multipart/report"


def _is_alone_a_system(local: str, report_subject: bool) -> bool:
    """True where the mailbox, and not the name beside it alone, says that a mail system wrote it."""
    if local in words().mail_system["people_too"]:
        return report_subject
    return _is_mailbox_of_system(local)


def _has_form_of_report(mail: Mail, report_subject: bool) -> bool:
    if mail.header("x-failed-recipients"):
        return True
    null_sender = (mail.header("return-path") or "-").strip() in _NULL
    return null_sender and (report_subject or mail.words("from").strip() in _NULL or bool(mail.attached))


def _name_and_mailbox(sender: str) -> tuple[str, str]:
    """Give the name and the mailbox of a sender in lower case, each as far as it is there."""
    name, address = mailbox_of(sender)
    local = (address or sender).strip(" <>\"'").partition("@")[0].strip("\"'").lower()
    return (name or sender).strip(" \"'<>").lower(), local


def _is_mailbox_of_system(local: str) -> bool:
    known = words().mail_system
    return (
        local in known["local_parts"] or local in known["names"] or local.startswith(str(known["exchange_local_part"]))
    )


def is_mail_system(sender: str) -> bool:
    """True where an address, or the name beside it, is that of a mail system."""
    return _is_mail_system(*_name_and_mailbox(sender))


def _is_mail_system(name: str, local: str) -> bool:
    """True where a sender's name or mailbox is one of those that mail systems have."""
    if _is_mailbox_of_system(local):
        return True
    return name in words().mail_system["names"] or any(map(name.__contains__, _long_names()))


def _is_auto_reply(mail: Mail, answers: bool, system: bool) -> bool:
    if mail.has("x-autoreply", "x-autorespond", "x-autoresponder"):
        return True
    if (mail.header("precedence") or "").lower().replace("-", "_") == "auto_reply":
        return True
    if answers:
        return True
    submitted = (mail.header("auto-submitted") or "no").lower()
    return submitted.startswith("auto-replied") and not system


def _is_bulk(mail: Mail, report_subject: bool) -> bool:
    """True for a list or newsletter; a ticket system too says that it writes in bulk, and its subject is the report's."""
    if mail.has("list-unsubscribe", "list-id", "list-post"):
        return True
    precedence = (mail.header("precedence") or "").lower()
    return precedence in ("list", "junk") or (precedence == "bulk" and not report_subject)
