"""Documents from what a person names: files, folders, Maildirs, mbox files, archives and standard input."""

import os
import stat
import sys
from collections.abc import Generator, Iterator, Sequence
from io import BufferedReader, BytesIO, FileIO

import msgspec

from triage.collect.folder import files
from triage.collect.item import Item, document, shown, unreadable
from triage.collect.kind import HEAD, is_store, not_read, shape_of
from triage.collect.large import IsLog, reopened, reread
from triage.collect.limits import Limits
from triage.collect.stream import CHUNK, Stream, because
from triage.collect.unpack import Unpacking
from triage.errors import NotFound
from triage.model import Place

__all__ = ["STANDARD_INPUT", "Item", "measure", "unpacked", "walk"]

STANDARD_INPUT = "-"
_DEFAULT = Limits()


class _Named(msgspec.Struct, frozen=True):
    """A path that a person named, as it was found. `mode` is None where this account may not look at it."""

    path: str
    mode: int | None = None
    size: int = 0
    error: str | None = None

    @property
    def is_folder(self) -> bool:
        return self.mode is not None and stat.S_ISDIR(self.mode)

    @property
    def is_pipe(self) -> bool:
        odd = self.mode is not None and not stat.S_ISREG(self.mode) and not self.is_folder
        return odd or self.path == STANDARD_INPUT


def measure(paths: Sequence[str]) -> int:
    """Give the raw bytes of all files that `walk` would read, for a progress bar; a pipe counts as none.

    Raises `NotFound` as `walk` does.
    """
    total = 0
    for named in [_look(path) for path in paths]:
        if named.is_folder:
            total += sum(_size(found.entry) for found in files(named.path, _DEFAULT))
        elif not named.is_pipe:
            total += named.size
    return total


def walk(paths: Sequence[str], limits: Limits = _DEFAULT, is_log: IsLog | None = None) -> Iterator[Item]:
    """Give every document in `paths`, in the order of the paths, of names and of places in a container.

    `is_log` tells by their first bytes what may have any size: these are read in pieces where they are large.

    "-" is standard input. What the bytes say decides what is done: an mbox gives its messages, a .zip its
    members, a .gz what is packed in it, in one another to a bound. What cannot be read is an item with `error`,
    and the rest goes on. Raises `NotFound`, before anything is read, for a path that does not exist.
    """
    return _walk([_look(path) for path in paths], limits, is_log)


def unpacked(content: bytes, path: str, limits: Limits = _DEFAULT, is_log: IsLog | None = None) -> Iterator[Item]:
    """Give the documents in bytes that are in memory already; `path` says where they came from."""
    stream = Stream(BytesIO(content).read)
    unpacking = Unpacking(limits, len(content), is_log=is_log, reopen=reread(content))
    return unpacking.items(stream, shown(path), BytesIO(content))


def _look(path: str) -> _Named:
    if path == STANDARD_INPUT:
        return _Named(path)
    try:
        status = os.stat(path)
    except PermissionError as error:
        return _Named(path, error=because(error))
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise NotFound(f"There is no file or folder {shown(path)}.") from error
    return _Named(path, status.st_mode, status.st_size)


def _walk(paths: Sequence[_Named], limits: Limits, is_log: IsLog | None) -> Iterator[Item]:
    consumed = 0
    count = 0
    for named in paths:
        for path, is_named, error in _files(named, limits):
            count += 1
            if count > limits.files:
                yield unreadable(Place(shown(path)), f"Reading stopped after {limits.files:,} files.", consumed)
                return
            if error is not None:
                yield unreadable(Place(shown(path)), error, consumed)
            elif named.is_pipe:
                yield from _pipe(path, Unpacking(limits, None, consumed, streamed=True, is_log=is_log))
            else:
                consumed = yield from _file(path, is_named, limits, consumed, is_log)


def _files(named: _Named, limits: Limits) -> Iterator[tuple[str, bool, str | None]]:
    if not named.is_folder:
        yield named.path, True, named.error
        return
    for found in files(named.path, limits):
        yield found.path, False, found.error


def _file(path: str, is_named: bool, limits: Limits, before: int, is_log: IsLog | None) -> Generator[Item, None, int]:
    """Give the documents of a regular file, and at last the raw bytes read so far."""
    place = shown(path)
    try:
        with open(path, "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            size = status.st_size
            # One byte more than there is tells the end in the same call; files of /proc have a size of none.
            head = file.read(min(size + 1, CHUNK))
            if not is_named and is_store(head):
                return before + size
            whole = len(head) == size <= limits.message_bytes
            if whole and shape_of(head[:HEAD]) == "document" and not not_read(head[:HEAD]):
                yield document(Place(place), head, before + size)
            else:
                unpacking = Unpacking(limits, size, before, is_log=is_log, reopen=reopened(path, status))
                yield from _large_file(file, size, head, unpacking, place)
    except OSError as error:
        yield unreadable(Place(place), because(error), before)
        return before
    return before + size


def _large_file(file: FileIO, size: int, head: bytes, unpacking: Unpacking, place: str) -> Iterator[Item]:
    """Give the documents of a file that takes more than one look; of one that grows, as far as it went at first."""

    def read(wanted: int) -> bytes:
        given = file.read(min(wanted, size - unpacking.read) if size else wanted)
        unpacking.read += len(given)
        return given

    head = head[: size or None]
    unpacking.read = len(head)
    # A .zip is sought in, which the stream never sees: it gives only the head that tells so.
    with BufferedReader(file) as seekable:
        yield from unpacking.items(Stream(read, head), place, seekable)


def _pipe(path: str, unpacking: Unpacking) -> Iterator[Item]:
    before = unpacking.consumed
    try:
        if path != STANDARD_INPUT:
            with open(path, "rb") as file:
                yield from unpacking.items(Stream(file.read), shown(path))
        elif sys.stdin is None:
            yield unreadable(Place(path), "There is no standard input.", before)
        else:
            yield from unpacking.items(Stream(sys.stdin.buffer.read), path)
    except OSError as error:
        yield unreadable(Place(shown(path)), because(error), before)


def _size(entry: os.DirEntry[str] | None) -> int:
    try:
        return entry.stat().st_size if entry is not None else 0
    except OSError:
        return 0
