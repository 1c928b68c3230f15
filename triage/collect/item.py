"""One document as it was found: its place, its bytes, their digest."""

from collections.abc import Iterator
from hashlib import sha256

import msgspec

from triage.collect.large import SNIFFED, Large
from triage.collect.stream import CHUNK
from triage.model import Place


class Item(msgspec.Struct, frozen=True):
    """One input document, or the sentence that says why there is none.

    `sha256` is the digest, in hex, of `content` exactly as it is: any tool gives the same, and line ends are
    evidence, so nothing is changed before it is taken. Where `error` is set there are no bytes; `sha256` then
    is a name made of the place and the sentence, so that two unreadable inputs are two.
    `consumed` is how many raw bytes of all inputs have been read so far. `streamed` marks what came through a
    pipe or standard input: nobody can read those bytes again.
    `large` stands for the bytes of a log that is not held in memory; `content` is then empty.
    """

    place: Place
    content: bytes
    sha256: str
    error: str | None = None
    consumed: int = 0
    streamed: bool = False
    large: Large | None = None

    @property
    def size(self) -> int:
        """Give how many bytes the document has."""
        return len(self.content) if self.large is None else self.large.size

    @property
    def head(self) -> bytes:
        """Give the first bytes of the document, by which a log is told."""
        return self.content[:SNIFFED] if self.large is None else self.large.head

    def chunks(self) -> Iterator[bytes]:
        """Give the document's bytes piece by piece, as often as asked; `sha256` is their digest.

        Raises `BadInput` where a large log changed since that was taken.
        """
        if self.large is not None:
            yield from self.large.chunks()
            return
        for at in range(0, len(self.content), CHUNK):
            yield self.content[at : at + CHUNK]


def document(place: Place, content: bytes, consumed: int = 0, streamed: bool = False) -> Item:
    """Give the item of a document; one without a byte is an error."""
    if not content:
        return unreadable(place, "It is empty: nothing was written to it, or the export did not finish.", consumed)
    return Item(place, content, sha256(content).hexdigest(), None, consumed, streamed)


def unreadable(place: Place, sentence: str, consumed: int = 0) -> Item:
    """Give the item that says in a sentence why this place could not be read."""
    name = "\0".join(("unreadable", place.path, str(place.index), sentence))
    return Item(place, b"", sha256(name.encode("utf-8", "replace")).hexdigest(), sentence, consumed)


def shown(name: str) -> str:
    r"""Give a file's or member's name as text that is safe to store and print.

    Controls, bidirectional marks and bytes that are not UTF-8 become a visible escape (`\x0a`), so a name can
    neither forge a line nor look like another one. Names are for people: no member's name is ever opened.
    """
    if name.isprintable():
        return name
    return "".join(one if one.isprintable() or one == "\u3000" or one == "\u00a0" else _escape(one) for one in name)


def _escape(one: str) -> str:
    code = ord(one)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that the file system's encoding could not read (PEP 383)
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
