"""The documents in one input: it is what its bytes say, and a container gives what it holds."""

import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from tempfile import SpooledTemporaryFile
from typing import IO

from triage.collect.budget import Budget
from triage.collect.folder import DELIVERED, is_own
from triage.collect.inflate import gunzip
from triage.collect.item import Item, document, shown, unreadable
from triage.collect.kind import HEAD, not_read, shape_of
from triage.collect.limits import MIB, Limits
from triage.collect.mbox import messages
from triage.collect.stream import CHUNK, Stream, because
from triage.collect.zip_archive import Member, members, opened
from triage.errors import BadInput
from triage.model import Place

Pull = Callable[[int], bytes]

SPOOL_IN_MEMORY = 8 * MIB
"""An inner archive up to this size is held in memory, a larger one in a temporary file."""

NAME_CHARACTERS = 300
"""Of a member's name: file systems end at 255, the format at 65,535."""


class Unpacking:
    """One input while it is read: what it may cost, and how many of its raw bytes were read."""

    def __init__(self, limits: Limits, raw_bytes: int | None, read_before: int = 0, streamed: bool = False) -> None:
        """Begin. `raw_bytes` None: the size is not known; `read_before`: raw bytes of the inputs before."""
        self._limits = limits
        self._budget = Budget(limits, raw_bytes)
        self._read_before = read_before
        self._streamed = streamed
        self.read = 0

    @property
    def consumed(self) -> int:
        """Give the raw bytes read so far, those of the inputs before included."""
        return self._read_before + self.read

    def items(self, stream: Stream, path: str, file: IO[bytes] | None = None, depth: int = 0) -> Iterator[Item]:
        """Give the documents of `stream`. `file` is the same bytes where they can be sought in."""
        head = stream.peek(HEAD)
        shape = shape_of(head)
        if shape in ("zip", "gzip") and depth >= self._limits.archive_depth:
            yield self._unreadable(path, 0, "Archives lie too deep in one another here: unpack the outer ones first.")
        elif shape == "mbox":
            yield from self._mbox(stream, path)
        elif shape == "gzip":
            yield from self.items(self._gunzipped(stream), path, depth=depth + 1)
        elif shape == "zip" and file is not None:
            yield from self._zip(file, path, depth)
        elif shape == "zip":
            yield from self._spooled_zip(stream, path, depth)
        elif sentence := not_read(head):
            yield self._unreadable(path, 0, sentence)
        else:
            yield from self._document(stream, path)

    def _document(self, stream: Stream, path: str) -> Iterator[Item]:
        content = stream.upto(self._limits.message_bytes + 1)
        if len(content) > self._limits.message_bytes:
            yield self._unreadable(path, 0, _too_large(self._limits.message_bytes))
            return
        if content or stream.failure is None:
            yield document(Place(path), content, self.consumed, self._streamed)
        if stream.failure is not None:
            yield self._unreadable(path, int(bool(content)), stream.failure)

    def _mbox(self, stream: Stream, path: str) -> Iterator[Item]:
        index = 0
        for message in messages(stream, self._limits.message_bytes):
            if message.content is None:
                yield self._unreadable(path, index, _too_large(self._limits.message_bytes))
            else:
                yield document(Place(path, index), message.content, self.consumed, self._streamed)
            index += 1
        if stream.failure is not None:
            yield self._unreadable(path, index, stream.failure)

    def _gunzipped(self, stream: Stream) -> Stream:
        return Stream(self._counted(gunzip(stream.pull, self._budget.member)))

    def _counted(self, pull: Pull) -> Pull:
        def read(size: int) -> bytes:
            # One byte past the bound tells that it was passed; what stands before it is still given.
            given = pull(min(size, max(self._budget.left, 1)))
            self._budget.unpack(len(given))
            return given

        return read

    def _spooled_zip(self, stream: Stream, path: str, depth: int) -> Iterator[Item]:
        with SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY) as file:
            left = self._limits.spooled_bytes
            try:
                while part := stream.read(CHUNK):
                    left -= len(part)
                    if left < 0:
                        sentence = (
                            f"This archive has more than {self._limits.spooled_bytes // MIB:,} MB and stands in another"
                        )
                        yield self._unreadable(path, 0, f"{sentence} or in a pipe: save it as a file and give that.")
                        return
                    file.write(part)
            except OSError as error:  # no room for the temporary file
                yield self._unreadable(path, 0, because(error))
                return
            yield from self._zip(file, path, depth)
        if stream.failure is not None and not self._budget.spent:
            yield self._unreadable(path, 0, stream.failure)

    def _zip(self, file: IO[bytes], path: str, depth: int) -> Iterator[Item]:
        size = file.seek(0, io.SEEK_END)
        listing = members(file, size)
        is_empty = True
        while self._budget.spent is None:
            try:
                member = next(listing, None)
                if member is None:
                    if is_empty:
                        yield self._unreadable(path, 0, "It is an archive with nothing in it.")
                    return
                is_empty = False
                self._budget.member()
            except BadInput as error:
                yield self._unreadable(path, 0, str(error))
                return
            except OSError as error:
                yield self._unreadable(path, 0, because(error))
                return
            if depth == 0:
                self.read = max(self.read, min(member.offset, size))
            if not member.is_folder and not _is_own(member.name):
                yield from self._member(file, member, path, depth)

    def _member(self, file: IO[bytes], member: Member, path: str, depth: int) -> Iterator[Item]:
        place = f"{path}!{shown(member.name[:NAME_CHARACTERS])}"
        try:
            pull = opened(file, member)
        except BadInput as error:
            yield self._unreadable(place, 0, str(error))
        except OSError as error:
            yield self._unreadable(place, 0, because(error))
        else:
            yield from self.items(Stream(self._counted(pull)), place, depth=depth + 1)

    def _unreadable(self, path: str, index: int, sentence: str) -> Item:
        return unreadable(Place(path, index), sentence, self.consumed)


def _is_own(name: str) -> bool:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    # A hidden folder above `cur` or `new` is a subfolder of a Maildir (Maildir++).
    return any(is_own(part) and after not in DELIVERED for part, after in pairwise([*parts, ""]))


def _too_large(limit: int) -> str:
    return (
        f"One document may have {limit // MIB} MB and this one has more. If it holds many messages, export them as "
        f"mbox or as .eml files; if it is a log, cut it between two lines into files of at most {limit // MIB} MB."
    )
