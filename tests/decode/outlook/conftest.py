"""Writers of Outlook's files, from [MS-CFB], [MS-OXMSG] and [MS-OXTNEF]: no library writes them, and ours only reads."""

import struct
from collections.abc import Callable
from typing import Any

import pytest

INTEGER, OBJECT, STRING8, UNICODE, TIME, BINARY = 0x0003, 0x000D, 0x001E, 0x001F, 0x0040, 0x0102
END, FREE, FAT_SECTOR, NO_STREAM = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD, 0xFFFFFFFF
SECTOR, MINI, CUTOFF = 512, 64, 4096

Tree = dict[str, Any]
"""A storage: names to streams (bytes) or storages (a tree)."""
Object = dict[str, Any]
"""`properties` by (id, type), `recipients` (a list of such), `attached`: (properties, bytes or another object)."""


class _Chains:
    """Sectors of one size and their allocation table."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.sectors: list[bytes] = []
        self.table: list[int] = []

    def add(self, content: bytes) -> int:
        """Put content into sectors, and give the first of them."""
        if not content:
            return END
        first = len(self.sectors)
        for at in range(0, len(content), self.size):
            self.sectors.append(content[at : at + self.size].ljust(self.size, b"\0"))
            self.table.append(len(self.sectors))
        self.table[-1] = END
        return first


def compound_file(tree: Tree) -> bytes:
    """Give a compound file of version 3 ([MS-CFB] section 2) with these storages and streams."""
    large, small = _Chains(SECTOR), _Chains(MINI)
    entries: list[list[Any]] = []
    _enter(entries, "Root Entry", tree, large, small)
    mini_stream = b"".join(small.sectors)
    entries[0][6], entries[0][7] = large.add(mini_stream), len(mini_stream)
    mini_table = b"".join(struct.pack("<I", one) for one in small.table)
    mini_sectors = -(-len(mini_table) // SECTOR)
    first_mini = large.add(mini_table.ljust(mini_sectors * SECTOR, b"\xff"))
    directory = b"".join(map(_entry, entries))
    first_directory = large.add(
        directory + _entry(["", 0, NO_STREAM, NO_STREAM, NO_STREAM, 0, 0, 0]) * (-len(entries) % 4)
    )
    count = next(n for n in range(1, 109) if n * 128 >= len(large.table) + n)
    table = [*large.table, *[FAT_SECTOR] * count]
    table += [FREE] * (count * 128 - len(table))
    at = len(large.sectors)
    header = struct.pack(
        "<8s16xHHHHH6xIIIIIIIIII",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, count, first_directory, 0, CUTOFF, first_mini, mini_sectors, END, 0, at,
    )  # fmt: skip
    more = struct.pack(f"<{count - 1}I", *range(at + 1, at + count))
    head = (header + more).ljust(SECTOR, b"\xff")
    return head + b"".join(large.sectors) + struct.pack(f"<{len(table)}I", *table)


def _enter(entries: list[list[Any]], name: str, content: Any, large: _Chains, small: _Chains) -> int:
    """Add one storage or stream with all below it, and give its number."""
    own = len(entries)
    is_stream = isinstance(content, bytes)
    entries.append([name, 2 if is_stream else 1 if own else 5, NO_STREAM, NO_STREAM, NO_STREAM, 0, END, 0])
    if is_stream:
        chains = small if len(content) < CUTOFF else large
        entries[own][6], entries[own][7] = chains.add(content), len(content)
        return own
    names = sorted(content, key=lambda one: (len(one), one.upper()))
    numbers = [_enter(entries, one, content[one], large, small) for one in names]
    entries[own][4] = _balanced(entries, numbers)
    return own


def _balanced(entries: list[list[Any]], numbers: list[int]) -> int:
    if not numbers:
        return NO_STREAM
    middle = len(numbers) // 2
    top = numbers[middle]
    entries[top][2], entries[top][3] = _balanced(entries, numbers[:middle]), _balanced(entries, numbers[middle + 1 :])
    return top


def _entry(one: list[Any]) -> bytes:
    name, kind, left, right, child, _, start, size = one
    spelt = name.encode("utf-16-le") + b"\0\0" if name else b""
    return struct.pack("<64sHBBIII16xI8x8xIQ", spelt, len(spelt), kind, 1, left, right, child, 0, start, size)


def _stored(item: Object, head: int) -> Tree:
    """Give an object as [MS-OXMSG] section 2 lays it out."""
    tree: Tree = {}
    entries = b""
    for (key, kind), value in item.get("properties", {}).items():
        fixed = kind in (INTEGER, TIME)
        content = value.to_bytes(8, "little") if fixed else _encoded(value, kind)
        tail = 2 if kind == UNICODE else 1 if kind == STRING8 else 0
        entries += struct.pack("<HHI", kind, key, 6) + (
            content if fixed else struct.pack("<II", len(content) + tail, 0)
        )
        if not fixed:
            tree[f"__substg1.0_{key:04X}{kind:04X}"] = content
    for number, one in enumerate(item.get("recipients", [])):
        tree[f"__recip_version1.0_#{number:08X}"] = _stored({"properties": one}, 8)
    for number, (properties, content) in enumerate(item.get("attached", [])):
        below = _stored({"properties": properties}, 8)
        if isinstance(content, bytes):
            below[f"__substg1.0_3701{BINARY:04X}"] = content
        else:
            below[f"__substg1.0_3701{OBJECT:04X}"] = _stored(content, 24)
        tree[f"__attach_version1.0_#{number:08X}"] = below
    tree["__properties_version1.0"] = bytes(head) + entries
    return tree


def _encoded(value: Any, kind: int) -> bytes:
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-16-le") if kind == UNICODE else str(value).encode("cp1252")


def write_msg(item: Object) -> bytes:
    """Give a `.msg` file."""
    return compound_file(_stored(item, 32))


def write_winmail(item: Object) -> bytes:
    """Give a `winmail.dat` ([MS-OXTNEF] section 2.1)."""
    out = struct.pack("<IH", 0x223E9F78, 1) + _attribute(1, 0x00089006, struct.pack("<I", 0x00010000))
    out += _attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
    if "class" in item:
        out += _attribute(1, 0x00078008, item["class"].encode() + b"\0")
    if item.get("recipients"):
        rows = b"".join(_list(one) for one in item["recipients"])
        out += _attribute(1, 0x00069004, struct.pack("<I", len(item["recipients"])) + rows)
    out += _attribute(1, 0x00069003, _list(item.get("properties", {})))
    for properties, content in item.get("attached", []):
        out += _attribute(2, 0x00069002, bytes(14))
        if isinstance(content, bytes):
            out += _attribute(2, 0x0006800F, content) + _attribute(2, 0x00069005, _list(properties))
        else:
            inner = bytes(16) + write_winmail(content)
            out += _attribute(2, 0x00069005, _list({**properties, (0x3701, OBJECT): inner}))
    return out


def _attribute(level: int, name: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, name, len(data)) + data + struct.pack("<H", sum(data) % 65536)


def _list(properties: dict[tuple[int, int], Any]) -> bytes:
    out = struct.pack("<I", len(properties))
    for (key, kind), value in properties.items():
        out += struct.pack("<HH", kind, key)
        if key >= 0x8000:
            out += bytes(16) + struct.pack("<II", 0, 0x8501)
        if kind == INTEGER:
            out += struct.pack("<I", value)
        elif kind == TIME:
            out += struct.pack("<Q", value)
        else:
            end = b"\0\0" if kind == UNICODE else b"\0" if kind == STRING8 else b""
            content = _encoded(value, kind) + end
            out += struct.pack("<II", 1, len(content)) + content + bytes(-len(content) % 4)
    return out


@pytest.fixture
def msg() -> Callable[[Object], bytes]:
    """Give the writer of `.msg` files."""
    return write_msg


@pytest.fixture
def winmail() -> Callable[[Object], bytes]:
    """Give the writer of `winmail.dat`."""
    return write_winmail
