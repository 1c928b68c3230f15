"""Generation D of Exchange Online's human part: a table of labels and values, often run together without a space."""

import re
from itertools import takewhile

import msgspec

from triage.decode.exchange_words import ADDRESS, HOST, labelled, name_and_address, same_host

_CODE = r"[245]\d\d[ \n-][245]\.\d{1,3}\.\d{1,3}"
_REPORTED = "reported"
"""The first word of the one label of a reported error, in lower case."""
_VALUE_CODE = re.compile(rf"[:：\t]\s{{0,8}}(?P<code>{_CODE})(?!\.?\d)(?P<rest>[^\n]{{0,4000}})")
_MICROSOFT = (
    r"\s{0,8}(?P<host>(?:[A-Za-z0-9-]{1,63}\.){2,6}(?:outlook\.com|outlook\.cn|office365\.us|exchangelabs\.com))"
)
_OF_MICROSOFT = ("outlook.c", "office365.us", "exchangelabs.com")
_MORE_THAN_A_CODE = re.compile(r"(?!_[A-Z]{2,8}\s{0,8}$)\s*\S")
"""Behind the status code alone stands nothing, or of a mail flow rule its mark: `550 5.7.1_ETR`."""
_LABEL = r"\s{0,8}[^:：\t\n]{3,60}[:：\t]"
_GENERATED_BY = re.compile(rf"[:：\t]{_MICROSOFT}", re.IGNORECASE)
_FOLLOWING = re.compile(rf"{_LABEL}[ \t]{{0,8}}\n?[ \t]{{0,8}}(?P<value>[^\n]{{4,300}})")
"""The line below the generating server: where another server refused, its name (`mx.example (192.0.2.1)`)."""
_IN_SENTENCE = re.compile(r"(?:^|\n)[^\n:：<>]{0,200}\Z")
MAX_ABOVE = 2000
"""Characters above the table in which a sentence names the recipient."""
_NEWER = re.compile(
    rf"{_LABEL}\s{{0,8}}(?P<value>[^\n]{{4,300}})\n(?:[ \t]{{0,8}}\n){{0,3}}[^:：\t\n]{{3,60}}\n{_LABEL}{_MICROSOFT}",
    re.IGNORECASE,
)
"""Below the error since 2024: who rejected the message, a heading, and below it who sent the report."""
_NEWER_WRAPPED = re.compile(
    r"[:：\t]\s{0,8}(?P<value>(?:[\w-]{1,63}\.){1,12}[A-Za-z][\w-]{1,62}(?:\s\([^()\s]{2,45}\))?)[ \t]{0,8}\n"
    rf"(?:[ \t]{{0,8}}\n[^:：\t]{{3,120}}|[^:：\t\n]{{3,60}}\n[^:：\t\n]{{3,60}})[:：\t]{_MICROSOFT}",
    re.IGNORECASE,
)
"""The same where a program wrapped the error, or put a paragraph on one line."""
_PARTY = re.compile(r"[:：\t]\s{0,8}<?[^\s@<>:：]{1,256}@")
"""An address behind a label: the sender's and the recipient's stand between the code and the error."""
_LABEL_ALONE = re.compile(r"[^:：\t\n()\[\]=<>.;]{0,60}\Z")
_LABEL_LINE = re.compile(r"[ \t]{0,8}[^:：\t\n()\[\]=<>.;]{3,60}[:：\t]")
MAX_ERROR = 4000
"""Characters of an error that a program wrapped, with the label below it."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What the table says; `end` is where its known part ends in the text."""

    reply: str
    recipient: str
    end: int
    generating_server: str | None = None
    receiving_server: str | None = None
    receiving_ip: str | None = None
    sender: str | None = None
    subject: str | None = None


def may_be_table(text: str) -> bool:
    """True where a text, quoted or not, may hold the table: it labels the reported error or names a server that it is by."""
    lower = text.lower()
    return _REPORTED in lower or any(map(lower.__contains__, _OF_MICROSOFT)) or not text.isascii()


def read_table(text: str) -> Table | None:
    """Read the table in a text whose quotes and quote marks are plain; None where there is none.

    In a language without known labels the code stands twice: as the status code alone and before the reported error.
    """
    codes = list(_VALUE_CODE.finditer(text))
    if not codes:
        return None
    values = labelled(text[max(0, codes[0].start() - 200) :]) if _REPORTED in text.lower() else {}
    known = "reported_error" in values and ("generated_by" in values or "status_code" in values)
    if known and ((table := _known(text, values)) or "recipient_address" in values):
        return table
    error = _error_in(text, codes)
    if error is None:
        return None
    between = [found.group("address") for found in ADDRESS.finditer(text, codes[0].end("code"), error.start())]
    between = between or _above(text[max(0, codes[0].start() - MAX_ABOVE) : codes[0].start()])
    stop = error.end("code") + MAX_ERROR
    newer = _NEWER.match(text, error.end()) or _newer_wrapped(text, error.end("code"), stop)
    server = newer or _GENERATED_BY.search(text, error.end("code"))
    if not between or not server:
        return None
    other = newer or _FOLLOWING.match(text, server.end())
    receiving, ip = name_and_address(other.group("value")) if other else (None, None)
    if same_host(receiving, server.group("host")):
        receiving = None
    return Table(
        reply=_whole(error, (newer or server).start(), own_lines=not _MORE_THAN_A_CODE.match(codes[0].group("rest"))),
        recipient=between[1] if len(between) > 1 else between[0],
        end=server.end(),
        generating_server=server.group("host"),
        receiving_server=receiving,
        receiving_ip=ip if receiving else None,  # a Received field may stand there
        sender=between[0] if len(between) > 1 else None,
    )


def _newer_wrapped(text: str, start: int, stop: int) -> re.Match[str] | None:
    """Find who rejected the message and who reports it; a label alone between two of Microsoft's hosts is the older table's."""
    found = _NEWER_WRAPPED.search(text, start, stop)
    if found is None or not any(map(found.group("value").lower().__contains__, _OF_MICROSOFT)):
        return found
    return found if "\n" in text[found.end("value") : found.start("host")].strip() else None


def _above(text: str) -> list[str]:
    """Give the last address that stands in a sentence above the table, for one who passes on no more than its ends."""
    named = [found.group("address") for found in ADDRESS.finditer(text) if _IN_SENTENCE.search(text, 0, found.start())]
    return named[-1:]


def _error_in(text: str, codes: list[re.Match[str]]) -> re.Match[str] | None:
    """Find the reported error by its code, that of the status; None without one.

    Where all of it stands on few lines, sender and recipient stand between the two: a reply that repeats a code has none.
    """
    first = codes[0]
    if not _MORE_THAN_A_CODE.match(first.group("rest")):
        same = [one for one in codes[1:] if _code(one) == _code(first)]
        said = (one for one in same if one.group("rest").strip() or not _LABEL_LINE.match(text, one.end() + 1))
        return next(said, None)
    again = _VALUE_CODE.search(text, first.end("code"))
    if again is None or _code(again) != _code(first):
        return None
    return again if len(_PARTY.findall(text, first.end("code"), again.start())) > 1 else None


def _code(found: re.Match[str]) -> str:
    return " ".join(found.group("code").split())


def _whole(error: re.Match[str], stop: int, *, own_lines: bool) -> str:
    """Give the reported error on one line, with the lines that a program made of it.

    Where labels have lines of their own it ends before the one below; else nothing shows where that begins.
    """
    start = error.start("code")
    if stop <= error.end():
        return " ".join(error.string[start : max(stop, error.end("code"))].split())
    first, *more = error.string[start : min(stop, start + MAX_ERROR)].partition("\n\n")[0].split("\n")
    if not own_lines:
        return " ".join(" ".join((first, *more)).split())
    if more and _LABEL_ALONE.match(more[-1]):
        more.pop()
    error_lines = takewhile(lambda line: _LABEL_LINE.match(line) is None, more)
    return " ".join(" ".join((first, *error_lines)).split())


def _known(text: str, values: dict[str, str]) -> Table | None:
    """Read the table by its labels."""
    recipient = ADDRESS.search(values.get("recipient_address", ""))
    if not recipient:
        return None
    sender = ADDRESS.search(values.get("sender_address", ""))
    generating = HOST.match(values.get("generated_by", ""))
    receiving, ip = name_and_address(values.get("remote_server", ""))
    if generating and same_host(receiving, generating.group("host")):
        receiving = ip = None
    return Table(
        reply=" ".join(values["reported_error"].split()),
        recipient=recipient.group("address"),
        end=text.find(values["reported_error"]) + len(values["reported_error"]),
        generating_server=generating.group("host") if generating else None,
        receiving_server=receiving,
        receiving_ip=ip,
        sender=sender.group("address") if sender else None,
        subject=values.get("subject") or None,
    )
