"""Rows of a protocol log out of chunks of bytes: one code page, one row a line, no row longer than a bound."""

import codecs
from collections.abc import Iterable, Iterator

import msgspec

MAX_ROW = 65_536
"""Bytes kept of one row. Exchange cuts what it logs at about 1 kB; the rest of a longer row is passed over."""

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SNIFFED = 4
_IN_A_CELL = b'\n"2'
"""What a row begins with where all of it stands in quotes: its time is of this millennium."""


def encoding_of(head: bytes) -> tuple[str | None, int]:
    """Give the two-byte encoding of a text that begins so, or None for one of single bytes, and the length of its mark.

    Rows are ASCII but for names of connectors, so that zeros beside the first characters tell UTF-16 without a mark.
    """
    if head.startswith(_UTF8_BOM):
        return None, len(_UTF8_BOM)
    if (encoding := _UTF16_BOMS.get(head[:2])) is not None:
        return encoding, 2
    if len(head) >= _SNIFFED and head[0] and head[2] and not head[1] and not head[3]:
        return "utf-16-le", 0
    if len(head) >= _SNIFFED and head[1] and head[3] and not head[0] and not head[2]:
        return "utf-16-be", 0
    return None, 0


class LinesState(msgspec.Struct, frozen=True):
    """How far the text of one file was read: its code page once that is known, and what is left of a row."""

    begun: bool = False
    encoding: str | None = None
    left: bytes = b""
    half: bytes = b""
    """Bytes of a character of which the rest is in the next chunk."""


class Lines:
    """Cuts the text of one file at row ends, as UTF-8 or as whatever single-byte code it was written in.

    Where the chunks are cut changes nothing. Memory is bounded by the chunk and by `MAX_ROW`.
    """

    def __init__(self, state: LinesState | None = None) -> None:
        """Begin a file, or go on where `state` was taken."""
        state = state or LinesState()
        self._begun, self._left, self._encoding = state.begun, state.left, state.encoding
        self._decoder = _decoder(state.encoding, state.half)

    def state(self) -> LinesState:
        """Give what is needed to go on from here."""
        half = self._decoder.getstate()[0] if self._decoder else b""
        return LinesState(self._begun, self._encoding, self._left, half)

    def push(self, chunk: bytes) -> bytes:
        """Give the whole rows that the chunk completes, with their line ends; b"" where it completes none."""
        more = self._decoded(chunk)
        text = self._left + more
        end = text.rfind(b"\n") + 1
        self._left = text[end : end + MAX_ROW]
        return text[:end]

    def end(self) -> bytes:
        """Give what stands after the last line end. Another file may follow."""
        more = self._decoded(b"", at_end=True)
        text = self._left + more
        self._begun, self._left, self._encoding, self._decoder = False, b"", None, None
        return text

    def _decoded(self, chunk: bytes, at_end: bool = False) -> bytes:
        if not self._begun:
            chunk, self._left = self._left + chunk, b""
            if len(chunk) < _SNIFFED and not at_end:
                self._left = chunk
                return b""
            self._encoding, mark = encoding_of(chunk)
            self._decoder = _decoder(self._encoding, b"")
            self._begun, chunk = True, chunk[mark:]
        return self._decoder.decode(chunk, at_end).encode("utf-8", "replace") if self._decoder else chunk


def _decoder(encoding: str | None, half: bytes) -> codecs.IncrementalDecoder | None:
    if encoding is None:
        return None
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    decoder.setstate((half, 0))
    return decoder


def texts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give the text of one file in pieces of whole rows."""
    lines = Lines()
    for chunk in chunks:
        if text := lines.push(chunk):
            yield text
    if text := lines.end():
        yield text


def rows_in(text: bytes) -> list[bytes]:
    """Give the rows of a piece of text that ends where a row ends, without their line feeds."""
    rows = text.split(b"\n")
    if not rows[-1]:
        rows.pop()
    if _IN_A_CELL in text or text.startswith(_IN_A_CELL[1:]):
        rows = [in_fields(row) for row in rows]
    return rows if max(map(len, rows), default=0) <= MAX_ROW else [row[:MAX_ROW] for row in rows]


def in_fields(row: bytes) -> bytes:
    """Give a row that a spreadsheet took for one value, and put in quotes, as it was; any other as it is."""
    bare = row.rstrip(b"\r")
    if not bare.startswith(_IN_A_CELL[1:]) or bare[-1:] != b'"' or b'"' in bare[1:].partition(b",")[0]:
        return row
    return bare[1:-1].replace(b'""', b'"')
