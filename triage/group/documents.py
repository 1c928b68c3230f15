"""The document store that the group stage needs: named bytes, compare-and-swap, listing by prefix.

Two thin engines serve it (SQLite on a laptop, blobs in the cloud); everything that documents mean is written
once, above it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import msgspec

T = TypeVar("T")
R = TypeVar("R")

LONGEST_KEY = 1000
"""Azure Storage ends at 1,024 characters."""

_KEY = re.compile(r"[!-\[\]-~]+")
_ODD_PART = re.compile(r"(^|/)(\.*)(/|$)|\.$")


class Listed(msgspec.Struct, frozen=True):
    """A row of a listing: the key, its tag and the short head that was stored with the body."""

    key: str
    tag: str
    head: bytes


class Documents(Protocol):
    """Named documents, each replaced as a whole and only if nobody else replaced it first.

    Keys are printable ASCII without spaces and backslashes, in parts between slashes, none of them empty or dots
    alone: `checked` refuses others, so that a store that works on a laptop works in the cloud.
    """

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag, or None where there is no such document."""

    def get_many(self, keys: Iterable[str]) -> list[tuple[bytes, str] | None]:
        """Give what `get` gives for each key, in their order, at once where the engine can."""

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Write a document and give its new tag.

        `if_match` None inserts and never replaces; a tag replaces exactly that version. Raises
        `errors.Conflict` otherwise, with nothing written.
        """

    def list(self, prefix: str) -> Iterator[Listed]:
        """Give the documents whose key starts so, in the order of their keys, without reading bodies.

        What is written or removed meanwhile may be missing or not; all else is given once.
        """

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Remove a document; one that is not there is no error.

        A tag removes exactly that version; raises `errors.Conflict` where there is another.
        """

    def each(self, work: Callable[[T], R], ones: Iterable[T]) -> Sequence[R]:
        """Do work that reads and writes documents for each, and give what comes of it, in their order.

        Side by side where documents are far, in one transaction where each write waits for a disk: so each work must
        be right by itself and safe in a thread, and where one raises, of the others any may be done, or none.
        """

    def batch(self) -> AbstractContextManager[None]:
        """Make the writes inside durable together where the engine can; no caller relies on it."""


def checked(key: str) -> str:
    """Give the key as it is. Raises `ValueError` for one that some engine cannot name a document by."""
    if not _KEY.fullmatch(key) or len(key) > LONGEST_KEY or _ODD_PART.search(key):
        raise ValueError(f"{key[:80]!r} cannot be a document's key.")
    return key
