"""An input that lies elsewhere, as a file that can be sought in: read in ranges, never held as a whole."""

from collections.abc import Callable
from io import SEEK_CUR, SEEK_END, BufferedReader, RawIOBase
from typing import IO, TYPE_CHECKING

from triage.collect.limits import MIB

if TYPE_CHECKING:
    from typing_extensions import Buffer

RANGE = 4 * MIB
"""Bytes asked for at once: few enough for memory, enough that a request's delay does not count."""

ReadRange = Callable[[int, int], bytes]
"""Gives the bytes from a place on, so many, fewer only past the end."""


class _Ranges(RawIOBase):
    def __init__(self, read: ReadRange, size: int) -> None:
        self._read, self._size, self._at = read, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        start = self._at if whence == SEEK_CUR else self._size if whence == SEEK_END else 0
        self._at = max(start + offset, 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer).cast("B")
        given = self._read(self._at, len(view)) if self._at < self._size else b""
        view[: len(given)] = given
        self._at += len(given)
        return len(given)


def ranged(read: ReadRange, size: int) -> IO[bytes]:
    """Give the file; what `read` raises comes out of it."""
    return BufferedReader(_Ranges(read, size), RANGE)
