"""The reply of a server within the reason that a human part gives for a recipient."""

import re
from collections.abc import Iterator

from triage.decode.limits import MAX_LINE
from triage.decode.prose_words import phrases

_HAS_LETTER = re.compile(r"[^\W\d_]")
_CODE = re.compile(r"(?<![\d.])[45]\d\d(?![\d.])")
_GENERATED = re.compile(r"\[?(?:RCPT_TO|MAIL_FROM|DATA)\]?$|Giving up on|I'm not going to try")


def has_words(reason: list[str]) -> bool:
    """True for a reason with at least one letter."""
    return any(map(_HAS_LETTER.search, reason))


def reply_in(reason: list[str]) -> str | None:
    """Give the server's reply out of a reason; where none is quoted, the reason itself."""
    for search in phrases().replies.searching(reason):
        for at, line in enumerate(reason):
            if found := search(line):
                rest = _same_reply(reason[at + 1 :], found.group("reply"), line.lstrip().startswith(("<<<", ">")))
                return _without_noise(" ".join([found.group("reply").rstrip(), *rest]).strip()) or None
    text = " ".join(line.strip() for line in reason if _HAS_LETTER.search(line) or "(#" in line).strip()
    text = text.removeprefix("-- ")  # Mimecast
    if len(reason) > 1 and _CODE.search(text):  # a reply that was broken within what shows it
        for search in phrases().replies.searching([text]):
            if found := search(text):
                return _without_noise(found.group("reply").strip()) or None
    return text[:MAX_LINE] or None


def _without_noise(reply: str) -> str:
    for pattern in phrases().noise:
        reply = pattern.sub(" ", reply)
    if reply.endswith(")") and reply.count(")") > reply.count("("):
        reply = reply[:-1]  # sendmail: (reason: 550 …)
    return re.sub(r"^([45]\d\d) \1(?=[ -])", r"\1", " ".join(reply.split()))


def _same_reply(lines: list[str], first: str, is_dialog: bool) -> Iterator[str]:
    """Give the lines that go on with a reply: wrapped text, or further lines of it (RFC 5321 §4.2.1)."""
    code, more = first[:3], first[3:4] == "-"
    for line in lines:
        bare = line.strip()
        if is_dialog or not bare or bare.startswith((">>>", "<<<", "...")) or _GENERATED.match(bare):
            break
        if re.match(r"[2-5]\d\d[ -]", bare):
            if not more or not bare.startswith(code):
                break
            more = bare[3] == "-"
        yield bare
