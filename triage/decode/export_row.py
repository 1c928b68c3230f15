"""One row of an export: a queue, a queued message or a tracking event, whatever the format that it was exported in.

Every reader of a format gives rows; `queue_export` and `tracking` read them.
"""

import html
import re
import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path

import msgspec

from triage.typed import converted

WORDS = Path(__file__).parent / "phrases" / "exports.toml"

MAX_CELL = 2**20
"""Characters of one value: a message with a thousand recipients and an error for each stays below."""

MAX_ITEMS = 5000
"""Members kept of one collection, such as the recipients of a message."""

Row = dict[str, str | None]
"""Values by name (`plain`). None is a value that was cut or that the format could not show; "" is an empty one; a
column that the export does not have is no key."""

_CUT = ("...", "\u2026")
_NUMBER = re.compile(r"[0-9]{1,11}|[0-9]{1,3}(?:[.,'\u2019\u00a0\u202f ][0-9]{3}){1,3}")
_NO_DIGIT = re.compile(r"[^0-9]")
_NO_LETTER = re.compile(r"[^a-z0-9]+")
_ESCAPED = re.compile(r"&(?:lt|gt|amp|quot|#39);")
_TYPED = re.compile(r"[a-z]_[bdgst]$")
_TYPE_NAME = re.compile(r"(?:Deserialized\.)?(?:System|Microsoft)\.[\w.`+]{1,200}(?:\[.{0,300})?")
_ZONED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
_JSON_DATE = re.compile(r"\\?/Date\((?P<milliseconds>-?\d{1,15})(?:[+-]\d{4})?\)\\?/")


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `phrases/exports.toml`."""

    telling: frozenset[str]
    together: tuple[frozenset[str], ...]
    known: frozenset[str]
    delivery_types: tuple[str, ...]
    more_delivery_types: tuple[str, ...]
    queue_statuses: tuple[str, ...]
    message_statuses: tuple[str, ...]
    recipient_statuses: tuple[str, ...]


@cache
def words() -> Words:
    """Load the names, once."""
    return converted(tomllib.loads(WORDS.read_text(encoding="utf-8")), Words)


@lru_cache(4096)
def plain(name: str) -> str:
    """Give the name of a column in the form in which names are compared: `Next Hop Domain` is `nexthopdomain`.

    Azure's store of logs puts a letter for the type behind the names of others' tables: `LastError_s`.
    """
    text = _NO_LETTER.sub("", name[:100].lower())
    return text[:-1] if _TYPED.search(name) and is_known(text[:-1]) else text


def is_delivery_type(name: str) -> bool:
    """Tell whether a value, already `plain`, is one of the types of delivery."""
    return name in words().delivery_types or name in words().more_delivery_types


@lru_cache(4096)
def is_known(name: str) -> bool:
    """Tell whether a name, already `plain`, is one of a column."""
    return name in words().known or name in words().telling


def is_export(names: Iterable[str]) -> bool:
    """Tell whether columns of these names, already `plain`, are those of an export."""
    known = {name for name in names if is_known(name)}
    telling = not known.isdisjoint(words().telling) or any(pair <= known for pair in words().together)
    return len(known) > 1 and telling


def cell(text: str) -> str | None:
    """Give a value as exported; None for a collection of which only the name of its type is left."""
    text = text[:MAX_CELL].strip()
    if "&" in text and _ESCAPED.search(text):
        text = html.unescape(text)  # a wiki's copy
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")  # JSON can hold half of a surrogate pair
    return None if text[:1] in "DSM" and _TYPE_NAME.fullmatch(text) else text


def is_cut(text: str) -> bool:
    """Tell whether a table shows only the start of a value. What follows is not known, so the value is not."""
    return text.endswith(_CUT)


def word(value: str | None, known: tuple[str, ...]) -> str | None:
    """Give a value of an enumeration as its plain name, also where the export shows its number; None if unknown."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        number = int(value[:6])
        return known[number] if number < len(known) else None
    return plain(value) or None


def number(value: str | None) -> int | None:
    """Give a count, also with the thousands set apart as cultures do it; None where it is none."""
    found = _NUMBER.fullmatch((value or "").strip())
    return int(_NO_DIGIT.sub("", found.group())) if found else None


def moment(value: str | None) -> str | None:
    """Give a time as UTC in RFC 3339 where its zone is written with it; None for a server's own local time.

    Zoned are ISO 8601 with an offset, and the `/Date(…)/` of ConvertTo-Json, which counts from 1970 in UTC.
    """
    text = (value or "").strip()
    try:
        if found := _JSON_DATE.fullmatch(text):
            time = datetime.fromtimestamp(int(found.group("milliseconds")) / 1000, UTC)
        elif _ZONED.fullmatch(text):
            time = datetime.fromisoformat(text).astimezone(UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if 1970 < time.year < 2200 else None
