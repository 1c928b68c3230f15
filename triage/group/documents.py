"""The document store that the group stage needs: named bytes, compare-and-swap, listing by prefix.

Two thin engines serve it (SQLite on a laptop, blobs in the cloud); everything that documents mean is written
once, above it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec


class Listed(msgspec.Struct, frozen=True):
    """A row of a listing: the key, its tag and the short head that was stored with the body."""

    key: str
    tag: str
    head: bytes


class Documents(Protocol):
    """Named documents, each replaced as a whole and only if nobody else replaced it first."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag, or None where there is no such document."""

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Write a document and give its new tag.

        `if_match` None inserts and never replaces; a tag replaces exactly that version. Raises
        `errors.Conflict` otherwise, with nothing written.
        """

    def list(self, prefix: str) -> Iterator[Listed]:
        """Give the documents whose key starts so, in the order of their keys, without reading bodies."""

    def delete(self, key: str) -> None:
        """Remove a document; one that is not there is no error."""

    def batch(self) -> AbstractContextManager[None]:
        """Make the writes inside durable together where the engine can; no caller relies on it."""
