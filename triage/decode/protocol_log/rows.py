"""Rows of a protocol log out of chunks of bytes: one code page, one row a line, no row longer than a bound."""

import codecs
from collections.abc import Iterable, Iterator

MAX_ROW = 65_536
"""Bytes kept of one row. Exchange cuts what it logs at about 1 kB; the rest of a longer row is passed over."""

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_SNIFFED = 4


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


def blocks(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Give the rows of one file, without their line ends, as UTF-8 or as whatever single-byte code they were written in.

    A list of them for each chunk: where the chunks are cut changes nothing else. Memory is bounded by the chunks and
    by `MAX_ROW`.
    """
    pieces: list[bytes] = []
    kept = 0
    for chunk in single_bytes(chunks):
        if b"\n" not in chunk:
            if kept < MAX_ROW:
                pieces.append(chunk[: MAX_ROW - kept])
                kept += len(pieces[-1])
            continue
        first, _, rest = chunk.partition(b"\n")
        pieces.append(first)
        rows = rest.split(b"\n")
        pieces, ready = [rows.pop()[:MAX_ROW]], [b"".join(pieces), *rows]
        kept = len(pieces[0])
        yield _bounded(ready)
    if kept:
        yield _bounded([b"".join(pieces)])


def _bounded(rows: list[bytes]) -> list[bytes]:
    return rows if max(map(len, rows)) <= MAX_ROW else [row[:MAX_ROW] for row in rows]


def single_bytes(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give the chunks of one file without a byte order mark, UTF-16 as UTF-8."""
    left = iter(chunks)
    head = b""
    for chunk in left:
        head += chunk
        if len(head) >= _SNIFFED:
            break
    encoding, mark = encoding_of(head)
    if encoding is None:
        yield head[mark:]
        yield from left
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(head[mark:]).encode("utf-8", "replace")
    for chunk in left:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")
