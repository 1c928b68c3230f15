"""Logs that are too large to be held: read once for their digest, and again, in pieces, for what they say."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import sha256
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO

import msgspec

from triage.collect.inflate import gunzip
from triage.collect.stream import CHUNK, Stream
from triage.collect.zip_archive import Member, opened
from triage.errors import BadInput, TooLarge

SNIFFED = 4096
"""Bytes by which a log is told from anything else."""

Again = Callable[[], AbstractContextManager[Stream]]
"""Opens the same bytes anew, from their start."""

Reopen = Callable[[], AbstractContextManager[IO[bytes]]]
"""Opens an input anew, to be sought in."""

IsLog = Callable[[bytes], bool]
"""Tells a log by its first bytes."""

_CHANGED = "It changed while it was read: it is shorter than before, or another file has its name. Read it again."


class Large(msgspec.Struct, frozen=True):
    """The bytes of a document that is not held in memory: as many as there were when it was first read."""

    head: bytes
    size: int
    open: Again

    def chunks(self) -> Iterator[bytes]:
        """Give the bytes piece by piece; raises `BadInput` where fewer are left than there were."""
        left = self.size
        with self.open() as stream:
            # Asked for as `take` asked: what unpacks a damaged archive gives the same bytes to the same questions.
            stream.peek(SNIFFED)
            while left > 0:
                part = stream.read(CHUNK)[:left]
                if not part:
                    raise BadInput(_CHANGED)
                left -= len(part)
                yield part


class Taken(msgspec.Struct, frozen=True):
    """A log as it was read first: its digest in hex, and its bytes or what stands for them."""

    sha256: str
    content: bytes = b""
    large: Large | None = None


def take(stream: Stream, held: int, again: Again | None, spooled: int) -> Taken:
    """Read a log to its end; past `held` bytes it is not held, but found `again` or else in a copy.

    Raises `TooLarge` where a copy passes `spooled` bytes, and `OSError` where it cannot be written.
    """
    head, digest, size = stream.peek(SNIFFED), sha256(), 0
    parts: list[bytes] = []
    copy: Copy | None = None
    while part := stream.read(CHUNK):
        digest.update(part)
        size += len(part)
        if size <= held:
            parts.append(part)
            continue
        if again is None:
            copy = Copy()
            again = copy.again
        if copy is not None:
            if size > spooled:
                raise TooLarge
            copy.file.writelines(parts)
            copy.file.write(part)
        parts.clear()
    if size <= held:
        return Taken(digest.hexdigest(), b"".join(parts))
    assert again is not None  # noqa: S101 - set where the bound was passed
    return Taken(digest.hexdigest(), large=Large(head, size, again))


class Copy:
    """A temporary file that a stream is copied to. It is gone when nobody holds this any more."""

    def __init__(self) -> None:
        self.file = TemporaryFile()  # noqa: SIM115 - closed below

    def __del__(self) -> None:
        if hasattr(self, "file"):  # there may have been no room for it
            self.file.close()

    @contextmanager
    def again(self) -> Iterator[Stream]:
        """Open the copy."""
        self.file.seek(0)
        yield Stream(self.file.read)


def reopened(path: str, status: os.stat_result) -> Reopen:
    """Give what opens a regular file again; it raises `BadInput` where another file has its name by then."""

    @contextmanager
    def reopen() -> Iterator[IO[bytes]]:
        try:
            file = open(path, "rb")  # noqa: SIM115 - closed below
        except OSError as error:
            raise BadInput(_CHANGED) from error
        with file:
            now = os.fstat(file.fileno())
            if (now.st_dev, now.st_ino) != (status.st_dev, status.st_ino):
                raise BadInput(_CHANGED)
            yield file

    return reopen


def reread(content: bytes) -> Reopen:
    """Give what opens bytes in memory."""
    return lambda: nullcontext(BytesIO(content))


def from_start(reopen: Reopen) -> Again:
    """Give the stream of what `reopen` opens."""

    @contextmanager
    def again() -> Iterator[Stream]:
        with reopen() as file:
            yield Stream(file.read)

    return again


def gunzipped(packed: Again) -> Again:
    """Give what is packed in a .gz; its bounds were held when it was unpacked first."""

    @contextmanager
    def again() -> Iterator[Stream]:
        with packed() as stream:
            yield Stream(gunzip(stream.pull, lambda: None))

    return again


def unpacked_member(reopen: Reopen, member: Member) -> Again:
    """Give a member of the .zip that `reopen` opens."""

    @contextmanager
    def again() -> Iterator[Stream]:
        with reopen() as file:
            yield Stream(opened(file, member))

    return again
