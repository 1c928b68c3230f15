"""What kind of document a message is, as far as its form tells: before anything is read in its text."""

import re
import tomllib
from functools import cache
from pathlib import Path

import msgspec

from triage.decode.mailbox import mailbox_of
from triage.decode.message import Mail
from triage.model.words import Kind
from triage.typed import converted

PHRASES = Path(__file__).parent / "phrases" / "kinds.toml"

_NULL = frozenset({"", "<>", "< >"})
_SENDER_LINE = re.compile(
    r"(?im)^[> |*]{0,12}\*?(?:from|von|de|da|van|fr[åa]n|от|差出人)\*?\s{0,4}:\*?\s{0,4}(?P<who>.{1,200})$"
)
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


def form_of(mail: Mail) -> Form:
    """Judge a message by its headers and the types of its parts."""
    subject = mail.words("subject").lower().strip()
    kind = _by_parts(mail, subject)
    bare = _RE_PREFIX.sub("", subject)
    answers = _starts(bare.lstrip("[("), "auto_reply")
    report_subject = not answers and (_starts(bare, "report") or any(one in bare for one in _reports_within()))
    of_exchange = _is_exchange_report(mail)
    has_form = of_exchange or _has_form_of_report(mail, report_subject)
    system = has_form or is_mail_system(mail.words("from"))
    auto_reply = not of_exchange and _is_auto_reply(mail, answers, system)
    return Form(
        kind=kind,
        mail_system=system,
        doubtful=system and not has_form and not _is_alone_a_system(mail.words("from"), report_subject),
        report_subject=report_subject,
        forward=bare.startswith(words().subjects["forward"]),
        bulk=not system and _is_bulk(mail),
        auto_reply=auto_reply,
    )


def forwarded_report(text: str) -> tuple[str, bool] | None:
    """Give what stands behind the line of an inline forward that names a mail system as its sender, and whether no person
    writes from that mailbox; None without such a line."""
    for _, found in zip(range(MAX_SENDERS), _SENDER_LINE.finditer(text, 0, MAX_TEXT), strict=False):
        if is_mail_system(found.group("who")):
            sure = _name_and_mailbox(found.group("who"))[1] not in words().mail_system["people_too"]
            return text[found.end() :], sure
    return None


def is_forwarded_text(text: str) -> bool:
    """True where a text holds the marks of an inline forward of a mail system's message."""
    head = text[:MAX_TEXT]
    flat = head.lower().replace("\u2019", "'")
    senders = [found.group("who") for _, found in zip(range(MAX_SENDERS), _SENDER_LINE.finditer(head), strict=False)]
    if any(is_mail_system(who) for who in senders):
        return True
    return bool(senders) and any(mark in flat for mark in words().bodies["forwarded"])


def is_challenge(text: str) -> bool:
    """True where a text asks the sender to confirm that he is a person."""
    flat = " ".join(text[:MAX_TEXT].lower().split())
    return any(mark in flat for mark in words().bodies["challenge"])


def _by_parts(mail: Mail, subject: str) -> Kind | None:
    report_type = mail.parameter("report-type")
    kinds = {leaf.kind for leaf in mail.leaves}
    if _starts(subject, "notice"):
        return "other"
    if "text/delivery-status" in kinds:
        return None
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


def _is_alone_a_system(sender: str, report_subject: bool) -> bool:
    """True where the mailbox, and not the name beside it alone, says that a mail system wrote it."""
    local = _name_and_mailbox(sender)[1]
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
    known = words().mail_system
    plain, local = _name_and_mailbox(sender)
    if _is_mailbox_of_system(local):
        return True
    return plain in known["names"] or any(one in plain for one in _long_names())


def _is_auto_reply(mail: Mail, answers: bool, system: bool) -> bool:
    if mail.has("x-autoreply", "x-autorespond", "x-autoresponder"):
        return True
    if (mail.header("precedence") or "").lower().replace("-", "_") == "auto_reply":
        return True
    if answers:
        return True
    submitted = (mail.header("auto-submitted") or "no").lower()
    return submitted.startswith("auto-replied") and not system


def _is_bulk(mail: Mail) -> bool:
    if mail.has("list-unsubscribe", "list-id", "list-post"):
        return True
    return (mail.header("precedence") or "").lower() in ("bulk", "list", "junk")


def _starts(text: str, which: str) -> bool:
    return text.startswith(words().subjects[which])
