"""The journal: which document came from where and when, written before anything reads it.

An entry is a document of the store under `input/<sha256>`: a line of JSON, then the document's own bytes where
they exist nowhere else. Entries are written once; retention alone takes out the bytes, and later the entry.
"""

from typing import Protocol

import msgspec

from triage.collect.item import Item, unreadable
from triage.collect.limits import MIB
from triage.errors import Conflict

INPUTS = "input/"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an input: where it came from first, its size in bytes, when (UTC, RFC 3339).

    `kept` tells whether its bytes follow in the journal; `removed` when they were, by retention.
    """

    path: str
    index: int
    sha256: str
    size: int
    at: str
    kept: bool = False
    removed: str | None = None


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a listing shows of an entry."""

    at: str
    kept: bool = False


_ENTRY, _HEAD = msgspec.json.Decoder(Entry), msgspec.json.Decoder(Head)


class Documents(Protocol):
    """What the journal needs of the store."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag, or None where there is no such document."""

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Insert (`if_match` None) or replace a document, with a short head for listings.

        Raises `Conflict` where somebody else was first.
        """


def accepted(item: Item) -> Item:
    """Give the item as the journal takes it: what it can neither keep nor find again becomes one with a sentence.

    A large log is found again where it lies; one that came through a pipe lies nowhere, and would make the store as
    large as itself.
    """
    if item.large is None or not item.streamed:
        return item
    sentence = (
        f"A log of {item.size // MIB:,} MB came through a pipe, and only what can be read again is counted: save it as a "
        "file and give that."
    )
    return unreadable(item.place, sentence, item.consumed)


def record(documents: Documents, item: Item, now: str, size: int | None = None) -> bool:
    """Write down `item`, once; True where it is new. `size` where the item does not hold the bytes themselves.

    The same bytes under a second path keep the first entry. An item without bytes (`error`) leaves none, so
    that it is read again when it has become readable.
    """
    if item.error is not None:
        return False
    entry = Entry(
        path=item.place.path,
        index=item.place.index,
        sha256=item.sha256,
        size=item.size if size is None else size,
        at=now,
        kept=item.streamed,
    )
    try:
        documents.put(*encoded(entry, item.content if item.streamed else b""))
    except Conflict:
        return False
    return True


def encoded(entry: Entry, content: bytes = b"", if_match: str | None = None) -> tuple[str, bytes, str | None, bytes]:
    """Give an entry as `put` takes it: key, body, the version that it replaces, head."""
    body = msgspec.json.encode(entry) + b"\n" + content
    return _key(entry.sha256), body, if_match, msgspec.json.encode(Head(at=entry.at, kept=entry.kept))


def decoded(body: bytes) -> tuple[Entry, bytes]:
    """Give the entry in these bytes, and the input's own bytes where they are kept there.

    Raises `msgspec.DecodeError` on bytes that are none.
    """
    line, _, content = body.partition(b"\n")
    return _ENTRY.decode(line), content


def head_of(head: bytes) -> Head | None:
    """Give what a listing shows of an entry; None for one written before there were heads."""
    try:
        return _HEAD.decode(head)
    except msgspec.DecodeError:
        return None


def entry_of(documents: Documents, sha256: str) -> Entry | None:
    """Give what the journal knows of an input; None for one that it does not know."""
    found = documents.get(_key(sha256))
    return None if found is None else decoded(found[0])[0]


def stored_bytes(documents: Documents, sha256: str) -> bytes | None:
    """Give the bytes that came without a path; None where the entry's path still has them, or without an entry."""
    found = documents.get(_key(sha256))
    if found is None:
        return None
    entry, content = decoded(found[0])
    return content if entry.kept else None


def _key(sha256: str) -> str:
    return INPUTS + sha256
