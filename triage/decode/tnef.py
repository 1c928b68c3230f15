"""`winmail.dat`, Outlook's own form of a message ([MS-OXTNEF]) → an item. Read within bounds, without recursion of its own.

No library: the one that reads TNEF in Python is LGPL, as no dependency of the runtime is.
"""

import struct
from collections.abc import Iterator

import msgspec

from triage.decode.limits import MAX_RECIPIENTS
from triage.decode.mapi import (
    BODY,
    BOOLEAN,
    CLASS,
    CONTENT,
    FILE_NAME,
    INTEGER,
    MAX_DEPTH,
    OBJECT,
    STRING8,
    SUBJECT,
    TIME,
    UNICODE,
    WANTED,
    Attached,
    Item,
    Properties,
    text_of,
)
from triage.decode.msg_file import MAX_ATTACHED, MAX_ATTACHMENTS, MAX_FILE, MAX_PROPERTY

MAGIC = b"\x78\x9f\x3e\x22"

_MESSAGE_PROPERTIES, _RECIPIENTS, _ATTACHMENT_PROPERTIES = 0x00069003, 0x00069004, 0x00069005
_ATTACHMENT_BEGINS, _ATTACHMENT_DATA, _ATTACHMENT_TITLE = 0x00069002, 0x0006800F, 0x00018010
_MESSAGE_CLASS, _SUBJECT, _BODY, _CODE_PAGE = 0x00078008, 0x00018004, 0x0002800C, 0x00069007
_NAMED = 0x8000
_MULTIPLE = 0x1000
_SIZES = {0x0002: 4, INTEGER: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000A: 4, BOOLEAN: 4, 0x0014: 8,
          TIME: 8, 0x0048: 16}  # fmt: skip
"""Bytes of the types that have a fixed size, padded to four."""
_INTERFACE_BYTES = 16
"""An object's value begins with the identifier of its interface."""
MAX_STEPS = 200_000
"""Attributes, properties and values of one file, of all recipients together: a recipient has about twenty."""


class _Damaged(Exception):
    pass


class _Cursor(msgspec.Struct):
    """A place in bytes that does not move past their end."""

    content: bytes
    at: int = 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.content):
            raise _Damaged
        self.at += size
        return self.content[self.at - size : self.at]

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")


class _State(msgspec.Struct):
    page: int | None = None
    attached: int = MAX_ATTACHED
    steps: int = MAX_STEPS

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise _Damaged


def is_tnef(content: bytes) -> bool:
    """True for what begins with the signature of TNEF."""
    return content.startswith(MAGIC)


def read_tnef(content: bytes) -> Item | None:
    """Read a `winmail.dat`; None where it is damaged before anything was told, or too large. Never raises."""
    if not is_tnef(content) or len(content) > MAX_FILE:
        return None
    item = _item(content, 0, _State())
    return item if item.properties or item.recipients or item.attached else None


def _item(content: bytes, depth: int, state: _State) -> Item:
    item = Item({}, [], [])
    try:
        for name, data in _attributes(content):
            state.step()
            _take(item, name, data, depth, state)
    except _Damaged:
        pass  # cut off: what stood before it is kept
    known = [one for one in item.attached if one.content]
    item.left_out += len(item.attached) - len(known)
    item.attached = known
    return item


def _attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give name and data of each attribute: level, name, length, data, and a checksum that nobody needs."""
    cursor = _Cursor(content, 6)
    while cursor.at < len(content):
        cursor.take(1)
        name, size = cursor.number(), cursor.number()
        yield name, cursor.take(size)
        cursor.take(2)


def _take(item: Item, name: int, data: bytes, depth: int, state: _State) -> None:
    """Put one attribute into the item; the properties of a message outrank its attributes ([MS-OXTNEF] 2.1.3)."""
    if name == _CODE_PAGE:
        state.page = int.from_bytes(data[:4], "little")
    elif name in (_MESSAGE_CLASS, _SUBJECT, _BODY):
        key = {_MESSAGE_CLASS: CLASS, _SUBJECT: SUBJECT, _BODY: BODY}[name]
        item.properties.setdefault(key, text_of(data[:MAX_PROPERTY], STRING8, state.page))
    elif name == _MESSAGE_PROPERTIES:
        item.properties |= _list(_Cursor(data), depth, state)[0]
    elif name == _RECIPIENTS:
        cursor = _Cursor(data)
        for _ in range(min(cursor.number(), MAX_RECIPIENTS)):
            item.recipients.append(_list(cursor, depth, state)[0])
    elif name == _ATTACHMENT_BEGINS:
        if len(item.attached) >= MAX_ATTACHMENTS:
            item.left_out += 1
            raise _Damaged
        item.attached.append(Attached({}, b""))
    elif item.attached:
        _take_attached(item.attached[-1], item, name, data, depth, state)


def _take_attached(one: Attached, item: Item, name: int, data: bytes, depth: int, state: _State) -> None:
    if name == _ATTACHMENT_TITLE:
        one.properties.setdefault(FILE_NAME, text_of(data[:1000], STRING8, state.page))
    elif name == _ATTACHMENT_DATA and not one.content and len(data) <= state.attached:
        state.attached -= len(data)
        one.content = data
    elif name == _ATTACHMENT_PROPERTIES:
        properties, inner = _list(_Cursor(data), depth, state)
        one.properties |= properties
        if inner is not None:
            one.content = inner
            item.left_out += inner.left_out


def _list(cursor: _Cursor, depth: int, state: _State) -> tuple[Properties, Item | None]:
    """Read a counted list of properties; and the item in it, where one is its value."""
    found: Properties = {}
    inner: Item | None = None
    for _ in range(cursor.number()):
        state.step()
        of_type, key = struct.unpack("<HH", cursor.take(4))
        if key >= _NAMED:
            _skip_name(cursor)
        values = _values(cursor, of_type, state)
        if key not in WANTED or of_type & _MULTIPLE or not values:
            continue
        value = values[0]
        if of_type == OBJECT and key == CONTENT:
            stream = value[_INTERFACE_BYTES:]
            inner = _item(stream, depth + 1, state) if is_tnef(stream) and depth < MAX_DEPTH else None
        elif of_type in (INTEGER, BOOLEAN, TIME):
            found[key] = int.from_bytes(value, "little")
        elif len(value) <= MAX_PROPERTY and key != CONTENT:
            found[key] = text_of(value, of_type, state.page) if of_type in (STRING8, UNICODE) else value
    return found, inner


def _skip_name(cursor: _Cursor) -> None:
    """Pass over the name of a named property: a set, then a number or a text."""
    cursor.take(16)
    if cursor.number() == 0:
        cursor.take(4)
    else:
        cursor.take(_padded(cursor.number()))


def _values(cursor: _Cursor, of_type: int, state: _State) -> list[bytes]:
    """Give the values of a property; all but fixed-size ones that stand alone are counted."""
    base = of_type & ~_MULTIPLE
    size = _SIZES.get(base)
    if size is not None:
        count = cursor.number() if of_type & _MULTIPLE else 1
        return [cursor.take(size * count)[:size]]
    values = []
    for _ in range(cursor.number()):
        state.step()
        length = cursor.number()
        values.append(cursor.take(_padded(length))[:length])
    return values


def _padded(size: int) -> int:
    return size + -size % 4
