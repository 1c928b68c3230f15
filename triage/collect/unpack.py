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
from triage.collect.large import (
    SNIFFED,
    Again,
    IsLog,
    Reopen,
    from_start,
    gunzipped,
    take,
    unpacked_member,
)
from triage.collect.limits import MIB, Limits
from triage.collect.mbox import messages
from triage.collect.stream import CHUNK, Stream, because
from triage.collect.zip_archive import Member, logs_in_order, members, opened
from triage.errors import BadInput, TooLarge
from triage.model import Place

Pull = Callable[[int], bytes]

SPOOL_IN_MEMORY = 8 * MIB
"""An inner archive up to this size is held in memory, a larger one in a temporary file."""

NAME_CHARACTERS = 300
"""Of a member's name: file systems end at 255, the format at 65,535."""


class Unpacking:
    """One input while it is read: what it may cost, and how many of its raw bytes were read."""

    def __init__(
        self,
        limits: Limits,
        raw_bytes: int | None,
        read_before: int = 0,
        streamed: bool = False,
        is_log: IsLog | None = None,
        reopen: Reopen | None = None,
    ) -> None:
        """Begin. `raw_bytes` None: the size is not known; `read_before`: raw bytes of the inputs before.

        `is_log` tells what is not held in memory where it is large; without it, nothing is. `reopen` opens the input
        anew where that can be done; without it, a large log is copied to a temporary file.
        """
        self._limits = limits
        self._is_log = is_log
        self._reopen = reopen
        self._budget = Budget(limits, raw_bytes)
        self._read_before = read_before
        self._streamed = streamed
        self.read = 0

    @property
    def consumed(self) -> int:
        """Give the raw bytes read so far, those of the inputs before included."""
        return self._read_before + self.read

    def items(
        self, stream: Stream, path: str, file: IO[bytes] | None = None, depth: int = 0, again: Again | None = None
    ) -> Iterator[Item]:
        """Give the documents of `stream`.

        `file` is the same bytes where they can be sought in; `again` opens a stream within the input anew.
        """
        if depth == 0 and self._reopen is not None:
            again = from_start(self._reopen)
        head = stream.peek(HEAD)
        shape = shape_of(head)
        if shape in ("zip", "gzip") and depth >= self._limits.archive_depth:
            yield self._unreadable(path, 0, "Archives lie too deep in one another here: unpack the outer ones first.")
        elif shape == "mbox":
            yield from self._mbox(stream, path)
        elif shape == "gzip":
            yield from self.items(self._gunzipped(stream), path, depth=depth + 1, again=again and gunzipped(again))
        elif shape == "zip" and file is not None:
            yield from self._zip(file, path, depth, self._reopen if depth == 0 else None)
        elif shape == "zip":
            yield from self._spooled_zip(stream, path, depth)
        elif sentence := not_read(head):
            yield self._unreadable(path, 0, sentence)
        else:
            yield from self._document(stream, path, again)

    def _document(self, stream: Stream, path: str, again: Again | None) -> Iterator[Item]:
        if self._is_log is not None and self._is_log(stream.peek(SNIFFED)):
            yield from self._log(stream, path, again)
            return
        content = stream.upto(self._limits.message_bytes + 1)
        if len(content) > self._limits.message_bytes:
            yield self._unreadable(path, 0, _too_large(self._limits.message_bytes))
            return
        if content or stream.failure is None:
            yield document(Place(path), content, self.consumed, self._streamed)
        if stream.failure is not None:
            yield self._unreadable(path, int(bool(content)), stream.failure)

    def _log(self, stream: Stream, path: str, again: Again | None) -> Iterator[Item]:
        """Give a log: held if it is small, else read again from where it lies, or from a copy where that is no place."""
        # What came through a pipe is kept in the journal, as far as that takes it.
        bounds = self._limits.message_bytes, self._limits.log_bytes
        held = bounds[0] if self._streamed else min(bounds)
        try:
            taken = take(stream, held, again, self._limits.spooled_bytes)
        except TooLarge:
            yield self._unreadable(path, 0, _too_large_to_copy("log", self._limits.spooled_bytes))
            return
        except OSError as error:  # no room for the temporary file
            yield self._unreadable(path, 0, because(error))
            return
        place = Place(path)
        yield Item(place, taken.content, taken.sha256, None, self.consumed, self._streamed, taken.large)
        if stream.failure is not None:
            yield self._unreadable(path, 1, stream.failure)

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
                        yield self._unreadable(path, 0, _too_large_to_copy("archive", self._limits.spooled_bytes))
                        return
                    file.write(part)
            except OSError as error:  # no room for the temporary file
                yield self._unreadable(path, 0, because(error))
                return
            yield from self._zip(file, path, depth, None)
        if stream.failure is not None and not self._budget.spent:
            yield self._unreadable(path, 0, stream.failure)

    def _zip(self, file: IO[bytes], path: str, depth: int, reopen: Reopen | None) -> Iterator[Item]:
        size = file.seek(0, io.SEEK_END)
        listing = logs_in_order(members(file, size))
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
                yield from self._member(file, member, path, depth, reopen)

    def _member(self, file: IO[bytes], member: Member, path: str, depth: int, reopen: Reopen | None) -> Iterator[Item]:
        place = f"{path}!{shown(member.name[:NAME_CHARACTERS])}"
        try:
            pull = opened(file, member)
        except BadInput as error:
            yield self._unreadable(place, 0, str(error))
        except OSError as error:
            yield self._unreadable(place, 0, because(error))
        else:
            again = reopen and unpacked_member(reopen, member)
            yield from self.items(Stream(self._counted(pull)), place, depth=depth + 1, again=again)

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


def _too_large_to_copy(what: str, limit: int) -> str:
    return (
        f"This {what} has more than {limit // MIB:,} MB and stands in another archive or in a pipe: save it as a file and "
        "give that."
    )
