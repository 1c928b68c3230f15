"""Packed bytes unpacked in small steps: gzip (RFC 1952) and the deflate (RFC 1951) of zip members."""

import zlib
from collections.abc import Callable

from triage.errors import BadInput

STEP = 2**14
"""Packed bytes taken at once: what a damaged file loses before the damage is at most what one step holds."""

_RAW = -zlib.MAX_WBITS
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"

CUT_OFF = "It is cut off: what came before the cut was read. Copy or export it again."
DAMAGED = "It is damaged: what came before the damage was read. Copy or export it again."


def gunzip(pull: Callable[[int], bytes], begin: Callable[[], None]) -> Callable[[int], bytes]:
    """Give the unpacked bytes of one or several gzip members, checked against their checksums.

    `begin` is called for each further member, and may raise: members without a byte cost time all the same.
    Raises `BadInput` after the last good byte where the input is cut off, damaged, or followed by other bytes.
    """
    return _Inflating(pull, _GZIP, begin).read


def inflate(pull: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """Give the unpacked bytes of one deflate stream. Raises `BadInput` as `gunzip` does."""
    return _Inflating(pull, _RAW, lambda: None).read


class _Inflating:
    def __init__(self, pull: Callable[[int], bytes], shape: int, begin: Callable[[], None]) -> None:
        self._pull = pull
        self._begin = begin
        self._shape = shape
        self._inflater = zlib.decompressobj(shape)
        self._packed = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        while not self._ended:
            if not self._packed:
                self._packed = self._pull(STEP)
            at_end = not self._packed
            try:
                given = self._inflater.decompress(self._packed, size)
            except zlib.error as error:
                raise BadInput(DAMAGED) from error
            self._packed = self._inflater.unconsumed_tail
            if self._inflater.eof:
                self._packed = self._inflater.unused_data
                self._begin_next_member()
            if given:
                return given
            if at_end and not self._ended:
                raise BadInput(CUT_OFF)
        return b""

    def _begin_next_member(self) -> None:
        if self._shape == _RAW:
            self._ended = True
            return
        self._packed = self._packed.lstrip(b"\0")  # zeros after the end are a tape's padding
        while not self._packed:
            part = self._pull(STEP)
            if not part:
                self._ended = True
                return
            self._packed = part.lstrip(b"\0")
        if len(self._packed) < len(_GZIP_MAGIC):
            self._packed += self._pull(STEP)
        self._inflater = zlib.decompressobj(self._shape)
        if not self._packed.startswith(_GZIP_MAGIC):
            raise BadInput("After the end of the packed part stand other bytes, which were not read.")
        self._begin()
