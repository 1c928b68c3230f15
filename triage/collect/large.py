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
            # Asked for as they were at first: what unpacks a damaged archive gives the same bytes to the same questions.
            stream.peek(SNIFFED)
            while left > 0:
                part = stream.read(CHUNK)[:left]
                if not part:
                    raise BadInput(_CHANGED)
                left -= len(part)
                yield part


def digest_of(begun: bytes, stream: Stream, copy: IO[bytes] | None, limit: int | None) -> tuple[int, str]:
    """Read a stream, of which `begun` was read, to its end; give size and digest (hex) of both, and write on to `copy`.

    Raises `TooLarge` past `limit` bytes, and `OSError` where the copy cannot be written.
    """
    digest, size = sha256(begun), len(begun)
    while part := stream.read(CHUNK):
        size += len(part)
        if limit is not None and size > limit:
            raise TooLarge
        digest.update(part)
        if copy is not None:
            copy.write(part)
    return size, digest.hexdigest()


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
