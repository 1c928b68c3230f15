"""Outlook's `.msg` files: a compound file ([MS-CFB]) of properties ([MS-OXMSG]) → an item. Read within bounds."""

import io
import struct
from typing import TYPE_CHECKING

import msgspec

from triage.decode.limits import MAX_RECIPIENTS
from triage.decode.mapi import (
    BINARY,
    BOOLEAN,
    CODE_PAGE,
    CONTENT,
    INTEGER,
    MAX_DEPTH,
    OBJECT,
    STRING8,
    TIME,
    UNICODE,
    WANTED,
    Attached,
    Item,
    Properties,
    text_of,
)

if TYPE_CHECKING:
    from olefile import OleFileIO

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAX_FILE = 64 * 2**20
"""Bytes: Exchange takes no message above 150 MB, and few servers one above 25."""
MAX_PROPERTY = 2**20
"""Bytes of one text: an hundred times of what the longest report says."""
MAX_ATTACHED = 4 * 2**20
"""Bytes of all attachments that are read; the rest is counted as left out."""
MAX_ATTACHMENTS = 50
MAX_TEXTS = 8 * 2**20
"""Bytes of all texts together: two thousand recipients with four kilobytes each."""
MAX_ITEMS = 50
"""Items within items, at all levels together."""
MAX_DIRECTORY = 20_000
"""Objects and streams of one file: two thousand recipients with some properties each."""
MAX_ENTRIES = 4000
"""Properties of one object that are looked at; Outlook writes about two hundred."""

_PROPERTIES = "__properties_version1.0"
_HEAD_BYTES = {"item": 32, "embedded": 24, "row": 8}
"""What stands before the entries of a property stream ([MS-OXMSG] section 2.4.1)."""
BROKEN = (
    OSError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    struct.error,
)
"""What the library raises on a damaged file."""


class _Budget(msgspec.Struct):
    """What may still be read of one file: the library lets streams overlap, so its size bounds nothing."""

    attached: int = MAX_ATTACHED
    texts: int = MAX_TEXTS
    items: int = MAX_ITEMS


def is_msg(content: bytes) -> bool:
    """True for a compound file: `.msg`, but Word and Excel of old as well."""
    return content.startswith(MAGIC)


def read_msg(content: bytes) -> Item | None:
    """Read a `.msg` file; None where it is damaged, too large, or a compound file of another program. Never raises."""
    if len(content) > MAX_FILE:
        return None
    try:
        with _bounded(content) as ole:
            return _item(ole, [], "item", 0, _Budget()) if ole.exists(_PROPERTIES) else None
    except BROKEN:
        return None


def _bounded(content: bytes) -> "OleFileIO":
    import olefile

    class Bounded(olefile.OleFileIO):  # type: ignore[misc]  # it brings no types
        """The library's reader, which would otherwise hold as many entries as the file claims."""

        def _load_direntry(self, sid: int) -> object:
            if sid > MAX_DIRECTORY:
                raise OSError
            return super()._load_direntry(sid)

    return Bounded(io.BytesIO(content))


def _item(ole: "OleFileIO", place: list[str], kind: str, depth: int, budget: _Budget) -> Item:
    properties = _properties(ole, place, kind, budget)
    page = properties.get(CODE_PAGE)
    item = Item(properties, [], [])
    children = _children(ole, place)
    for name in [one for one in children if one.startswith("__recip_version1.0_")][:MAX_RECIPIENTS]:
        item.recipients.append(_properties(ole, [*place, name], "row", budget, page if isinstance(page, int) else None))
    found = [one for one in children if one.startswith("__attach_version1.0_")]
    item.left_out = max(0, len(found) - MAX_ATTACHMENTS)
    for name in found[:MAX_ATTACHMENTS]:
        one = _attached(ole, [*place, name], depth, budget)
        if one is None:
            item.left_out += 1
        else:
            item.attached.append(one)
            item.left_out += one.content.left_out if isinstance(one.content, Item) else 0
    return item


def _attached(ole: "OleFileIO", place: list[str], depth: int, budget: _Budget) -> Attached | None:
    properties = _properties(ole, place, "row", budget)
    inner = [*place, f"__substg1.0_{CONTENT:04X}{OBJECT:04X}"]
    if ole.exists([*inner, _PROPERTIES]):
        budget.items -= 1
        if depth >= MAX_DEPTH or budget.items < 0:
            return None
        return Attached(properties, _item(ole, inner, "embedded", depth + 1, budget))
    stream = [*place, f"__substg1.0_{CONTENT:04X}{BINARY:04X}"]
    size = ole.get_size(stream) if ole.exists(stream) else 0
    if not 0 < size <= budget.attached:
        return None
    budget.attached -= size
    return Attached(properties, ole.openstream(stream).read())


def _children(ole: "OleFileIO", place: list[str]) -> list[str]:
    """Give the names of the objects right below a place, in the order of their numbers."""
    listed = ole.listdir(streams=False, storages=True)
    return sorted({one[len(place)] for one in listed if len(one) > len(place) and one[: len(place)] == place})


def _properties(ole: "OleFileIO", place: list[str], kind: str, budget: _Budget, page: int | None = None) -> Properties:
    """Read the wanted properties of one object: numbers stand in its entries, texts in streams of their own."""
    stream = [*place, _PROPERTIES]
    if not ole.exists(stream) or ole.get_size(stream) > MAX_ENTRIES * 16:
        return {}
    entries = ole.openstream(stream).read()[_HEAD_BYTES[kind] :]
    found: Properties = {}
    texts: list[tuple[int, int]] = []
    for at in range(0, len(entries) - 15, 16):
        of_type, key, _, value = struct.unpack_from("<HHIQ", entries, at)
        if key not in WANTED:
            continue
        if of_type in (INTEGER, BOOLEAN):
            found[key] = value & 0xFFFFFFFF
        elif of_type == TIME:
            found[key] = value
        elif of_type in (UNICODE, STRING8, BINARY) and key != CONTENT:
            texts.append((key, of_type))
    own = found.get(CODE_PAGE)
    for key, of_type in texts:
        name = [*place, f"__substg1.0_{key:04X}{of_type:04X}"]
        if ole.exists(name) and ole.get_size(name) <= min(MAX_PROPERTY, budget.texts):
            budget.texts -= ole.get_size(name)
            content = ole.openstream(name).read()
            is_text = of_type != BINARY
            found[key] = text_of(content, of_type, own if isinstance(own, int) else page) if is_text else content
    return found
