"""The journal: which document came from where and when, written before anything reads it.

An entry is a document of the store under `input/<sha256>`: a line of JSON, then the document's own bytes where
they exist nowhere else. Entries are written once and never changed.
"""

from typing import Protocol

import msgspec

from triage.collect.item import Item
from triage.errors import Conflict


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an input: where it came from first, its size in bytes, when (UTC, RFC 3339).

    `kept` tells whether its bytes follow in the journal.
    """

    path: str
    index: int
    sha256: str
    size: int
    at: str
    kept: bool = False


class Documents(Protocol):
    """What the journal needs of the store."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag, or None where there is no such document."""

    def put(self, key: str, body: bytes, if_match: str | None) -> str:
        """Insert (`if_match` None) or replace a document; raises `Conflict` where somebody else was first."""


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
        size=len(item.content) if size is None else size,
        at=now,
        kept=item.streamed,
    )
    body = msgspec.json.encode(entry) + b"\n" + (item.content if item.streamed else b"")
    try:
        documents.put(_key(item.sha256), body, None)
    except Conflict:
        return False
    return True


def entry_of(documents: Documents, sha256: str) -> Entry | None:
    """Give what the journal knows of an input; None for one that it does not know."""
    found = documents.get(_key(sha256))
    return None if found is None else msgspec.json.decode(found[0].partition(b"\n")[0], type=Entry)


def stored_bytes(documents: Documents, sha256: str) -> bytes | None:
    """Give the bytes that came without a path; None where the entry's path still has them, or without an entry."""
    found = documents.get(_key(sha256))
    if found is None:
        return None
    line, _, content = found[0].partition(b"\n")
    return content if msgspec.json.decode(line, type=Entry).kept else None


def _key(sha256: str) -> str:
    return f"input/{sha256}"
