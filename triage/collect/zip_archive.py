"""Members of a .zip (APPNOTE.TXT, the format's specification), one after the other and in constant memory.

Written here rather than taken from `zipfile`, which lists all members in memory before the first is read and
gives nothing of an archive that is cut off, which is how a broken download arrives.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO

import msgspec

from triage.collect.folder import natural
from triage.collect.inflate import CUT_OFF, DAMAGED, inflate
from triage.errors import BadInput

_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x1, 0x8, 0x800
_UNKNOWN = 0xFFFFFFFF
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_END_REACH = _END.size + 0xFFFF
"""The end record stands last, before a comment of at most 65,535 bytes (APPNOTE 4.3.16)."""

SORTED = 10_000
"""Members that are listed before the first is read, to put logs in order: a month of them is some thousand."""

_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "xz", 98: "PPMd"}


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One member as the archive describes it. `checksum` is None where it stands after the bytes."""

    name: str
    flags: int
    method: int
    offset: int
    packed_size: int
    checksum: int | None

    @property
    def is_folder(self) -> bool:
        """Tell whether this stands for a folder: its name ends in a slash (APPNOTE 4.4.17)."""
        return self.name.endswith(("/", "\\"))


class _Directory(msgspec.Struct, frozen=True):
    """Where the directory starts, its length, how far all offsets are shifted, and how many members it should list."""

    start: int
    length: int
    shift: int
    count: int


def members(file: IO[bytes], size: int) -> Iterator[Member]:
    """Give the members in the order of the archive's directory; without one, those that can still be found.

    `file` can seek and has `size` bytes. Raises `BadInput` after the last member where the archive is cut off.
    """
    directory = _directory(file, size)
    if directory is None:
        yield from _found_members(file, size)
        raise BadInput(CUT_OFF)
    listed = 0
    taken = 0
    for member in _listed_members(file, directory.start, directory.length, directory.shift):
        listed += 1
        # Members that share their bytes are only in bombs, where a few bytes are unpacked again and again.
        taken += _LOCAL.size + member.packed_size
        if taken > size:
            raise BadInput("It lists more than it can hold: members stand over one another. Nobody packs mail so.")
        yield member
    if listed % 2**16 != directory.count % 2**16:  # the short field counts no further
        raise BadInput(DAMAGED)


def logs_in_order(listing: Iterator[Member]) -> Iterator[Member]:
    """Give the members as they come, but those that look like logs by name, each in the place of another.

    Programs list the files of a folder in any order, and a session may begin in one log and end in the next. Of archives
    with more than `SORTED` members the order is left alone. Raises what `listing` raises, after its last member.
    """
    taken: list[Member] = []
    failure: BadInput | OSError | None = None
    try:
        taken.extend(islice(listing, SORTED + 1))
    except (BadInput, OSError) as error:
        failure = error
    if len(taken) <= SORTED:
        logs = iter(sorted((one for one in taken if _is_log(one)), key=lambda one: natural(one.name)))
        taken = [next(logs) if _is_log(one) else one for one in taken]
    yield from taken
    if failure is not None:
        raise failure
    yield from listing


def _is_log(member: Member) -> bool:
    return member.name.lower().endswith((".log", ".log.gz"))


def opened(file: IO[bytes], member: Member) -> Callable[[int], bytes]:
    """Give a function that gives the member's bytes, up to so many at a time, b"" at the end.

    Raises `BadInput` for an encrypted member or another packing; the function raises it at damage.
    """
    if member.flags & _ENCRYPTED:
        raise BadInput("It is encrypted: unpack the archive with its password and give the folder.")
    if member.method not in (_STORED, _DEFLATED):
        name = _METHODS.get(member.method, f"method {member.method}")
        raise BadInput(f"It is packed with {name}, which is not read here: unpack the archive and give the folder.")
    header = _read_at(file, member.offset, _LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(b"PK\3\4"):
        raise BadInput(DAMAGED)
    *_, name_length, extra_length = _LOCAL.unpack(header)
    start = member.offset + _LOCAL.size + name_length + extra_length
    raw = _Slice(file, start, member.packed_size).read
    if member.method == _STORED:
        return _checked(raw, member.checksum)
    return _checked(inflate(raw), member.checksum)


class _Slice:
    # Other members may be read in between (an archive in the archive), so each read seeks first.
    def __init__(self, file: IO[bytes], start: int, length: int) -> None:
        self._file, self._at, self._left = file, start, length

    def read(self, size: int) -> bytes:
        wanted = min(size, self._left)
        given = _read_at(self._file, self._at, wanted)
        self._at += len(given)
        self._left -= len(given)
        if wanted and not given:
            raise BadInput(CUT_OFF)
        return given


def _checked(pull: Callable[[int], bytes], checksum: int | None) -> Callable[[int], bytes]:
    if checksum is None:
        return pull
    running = 0

    def read(size: int) -> bytes:
        nonlocal running
        given = pull(size)
        running = zlib.crc32(given, running)
        if not given and running != checksum:
            raise BadInput(DAMAGED)
        return given

    return read


def _read_at(file: IO[bytes], at: int, size: int) -> bytes:
    try:
        file.seek(at)
        return file.read(size)
    except (ValueError, OverflowError) as error:  # an offset that no file can have
        raise BadInput(DAMAGED) from error


def _directory(file: IO[bytes], size: int) -> _Directory | None:
    reach = min(size, _END_REACH)
    tail = _read_at(file, size - reach, reach)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        return None
    *_, count, length, offset, _ = _END.unpack_from(tail, at)
    end = size - reach + at
    locator = _read_at(file, end - _LOCATOR.size, _LOCATOR.size) if end >= _LOCATOR.size else b""
    if locator.startswith(b"PK\6\7"):
        _, _, end64, _ = _LOCATOR.unpack(locator)
        record = _read_at(file, end64, _END64.size)
        if len(record) < _END64.size or not record.startswith(b"PK\6\6"):
            return None
        *_, count, length, offset = _END64.unpack(record)
        end = end64
    # Bytes may stand before the archive (a program that unpacks itself): all offsets are then short by as much.
    start = end - length
    return _Directory(start, length, start - offset, count) if start >= 0 and start >= offset else None


def _listed_members(file: IO[bytes], start: int, length: int, shift: int) -> Iterator[Member]:
    at, end = start, start + length
    while at + _CENTRAL.size <= end:
        record = _read_at(file, at, _CENTRAL.size)
        if len(record) < _CENTRAL.size or not record.startswith(b"PK\1\2"):
            raise BadInput(DAMAGED)
        fields = _CENTRAL.unpack(record)
        flags, method, checksum, packed, unpacked = fields[3], fields[4], fields[7], fields[8], fields[9]
        name_length, extra_length, comment_length, offset = fields[10], fields[11], fields[12], fields[16]
        text = _read_at(file, at + _CENTRAL.size, name_length + extra_length)
        packed, offset = _large(text[name_length:], packed, unpacked, offset)
        yield Member(
            name=_name(text[:name_length], flags),
            flags=flags,
            method=method,
            offset=offset + shift,
            packed_size=packed,
            checksum=checksum,
        )
        at += _CENTRAL.size + name_length + extra_length + comment_length


def _found_members(file: IO[bytes], size: int) -> Iterator[Member]:
    at = 0
    while at + _LOCAL.size <= size:
        header = _read_at(file, at, _LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(b"PK\3\4"):
            return
        _, _, flags, method, _, _, checksum, packed, unpacked, name_length, extra_length = _LOCAL.unpack(header)
        text = _read_at(file, at + _LOCAL.size, name_length + extra_length)
        packed, _ = _large(text[name_length:], packed, unpacked, 0)
        start = at + _LOCAL.size + name_length + extra_length
        follows = bool(flags & _SIZES_FOLLOW)
        # Deflate knows its own end; no member may reach into the next, or hostile ones are read over and over.
        end = _next_header(file, start, size) if follows else start + packed
        # Stored bytes whose end nobody tells have none that can be trusted.
        if len(text) == name_length + extra_length and not (follows and method == _STORED):
            yield Member(
                name=_name(text[:name_length], flags),
                flags=flags,
                method=method,
                offset=at,
                packed_size=end - start,
                checksum=None if follows else checksum,
            )
        at = end


def _next_header(file: IO[bytes], at: int, size: int) -> int:
    kept = b""
    step = 2**10  # small at first: among many tiny members the next one is near
    while at < size:
        part = _read_at(file, at, step)
        step = min(2 * step, 2**16)
        if not part:
            break
        found = (kept + part).find(b"PK\3\4")
        if found >= 0:
            return at - len(kept) + found
        kept = part[-3:]
        at += len(part)
    return size


def _large(extra: bytes, packed: int, unpacked: int, offset: int) -> tuple[int, int]:
    """Give size and offset from the zip64 field (APPNOTE 4.5.3) where the short fields say "see there"."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1:
            values = [value for (value,) in struct.iter_unpack("<Q", extra[4 : 4 + length - length % 8])]
            if unpacked == _UNKNOWN and values:
                values.pop(0)
            if packed == _UNKNOWN and values:
                packed = values.pop(0)
            if offset == _UNKNOWN and values:
                offset = values.pop(0)
            break
        extra = extra[4 + length :]
    return packed, offset


def _name(raw: bytes, flags: int) -> str:
    # Without the flag it should be code page 437, but many programs write UTF-8 all the same.
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace") if flags & _UTF8 else raw.decode("cp437")
