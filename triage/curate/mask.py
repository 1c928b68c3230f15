"""A reply without what differs from one message to the next: addresses, hosts, numbers, ids and times become marks.

Each word is looked at once and by itself, so the time is linear in the text whatever it holds.
"""

import re
from ipaddress import ip_address

MARKS = {
    "{address}": "user@fabrikam.example",
    "{host}": "mx.fabrikam.example",
    "{ip}": "192.0.2.10",
    "{link}": "https://fabrikam.example/help",
    "{time}": "2026-11-02T06:00:00Z",
    "{id}": "4F2A9C01D7",
    "{n}": "17",
}
"""What may stand in a text, and what a sample has in its place: nothing of anybody."""

MAX_TEXT = 2_000
"""Characters of a reply that are compared: what follows repeats links and advice."""

_BETWEEN = re.compile(r"([\s<>()\[\]{}'\",;=|]+)")
_STATUS = re.compile(r"#?[245]\.\d{1,3}\.\d{1,3}")
_CODE = re.compile(r"[245]\d\d-?")
_ADDRESS_CHARS = re.compile(r"[0-9A-Fa-f:.]{3,45}")
_PORT = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}")
_TIME = re.compile(
    r"(?=.{0,40}\d)(?:\d{1,2}:\d\d(?::\d\d)?(?:\.\d{1,9})?|\d{4}-\d\d-\d\d(?:T[0-9:.]{5,18}(?:Z|[+-]\d\d:?\d\d)?)?|[+-]\d{4})"
)
_DAY = frozenset("Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
_HOST = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.){1,12}[A-Za-z][A-Za-z0-9-]{1,62}")
_PROGRAM_WORD = re.compile(r".{1,200}\.[A-Z][a-z]{1,40}[A-Za-z]{0,40}")
"""`QUEUE.Expired`, `RESOLVER.ADR.RecipNotFound`: Exchange's own names, which mean the same everywhere."""
_ID = re.compile(
    r"(?=.{0,120}\d)(?=.{0,120}[A-Za-z])[A-Za-z0-9_.+/:-]{6,120}|[0-9A-Fa-f-]{8,80}|[A-Za-z0-9+/_-]{32,200}"
)


def masked(text: str) -> str:
    """Give a text on one line, each word that names something replaced by its mark; reply code and status stay."""
    pieces = _BETWEEN.split(" ".join(text[:MAX_TEXT].split()))
    out: list[str] = []
    for number, piece in enumerate(pieces):
        one = piece if number % 2 else _mark(piece, first=number == 0)
        if one in MARKS and len(out) > 1 and out[-2] == one and out[-1].strip() == "":
            out.pop()  # a date is many words, a list of hosts any number
            continue
        out.append(one)
    return " ".join("".join(out).split())


def example(mask: str) -> str:
    """Give a text of this shape with example names in it."""
    for mark, value in MARKS.items():
        mask = mask.replace(mark, value)
    return mask


def _mark(word: str, *, first: bool) -> str:
    bare = word.rstrip(".:!?")
    if not bare or _STATUS.fullmatch(bare) or (first and _CODE.fullmatch(bare)):
        return word
    tail = word[len(bare) :]
    if "://" in bare or bare.lower().startswith("www."):
        return "{link}" + tail
    if "@" in bare:
        return "{address}" + tail
    if mark := _number(bare) or _name(bare):
        return mark + tail
    return word


def _number(bare: str) -> str | None:
    if bare.isdigit():
        return "{n}"
    port = _PORT.fullmatch(bare)
    if _ADDRESS_CHARS.fullmatch(bare) and (":" in bare or bare.count(".") == 3):
        try:
            ip_address(port.group(1) if port else bare)
        except ValueError:
            pass
        else:
            return "{ip}"
    return "{time}" if bare in _DAY or _TIME.fullmatch(bare) else None


def _name(bare: str) -> str | None:
    if _HOST.fullmatch(bare):
        return None if _PROGRAM_WORD.fullmatch(bare) else "{host}"
    # A word of letters alone is a word, however long; `TLS1` and `4.3.2a` are too short to be anybody's.
    return "{id}" if _ID.fullmatch(bare) and any(char.isdigit() for char in bare) else None
