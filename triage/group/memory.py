"""Documents in memory, in front of others: for what is worked out and then thrown away (`upkeep/audit.py`)."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from triage.errors import Conflict
from triage.group.documents import Documents, Listed, R, T, checked


class MemoryDocuments:
    """Documents that live as long as this object. Keys below the prefixes `shown` are read from the store behind."""

    def __init__(self, behind: Documents | None = None, shown: Sequence[str] = ()) -> None:
        """Begin empty; whatever is written stays here."""
        self._documents: dict[str, tuple[bytes, str, bytes]] = {}
        self._tags = itertools.count(1)
        self._behind, self._shown = behind, tuple(shown)

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag, or None."""
        found = self._documents.get(checked(key))
        if found is None:
            return self._behind.get(key) if self._behind and key.startswith(self._shown) else None
        return found[:2]

    def get_many(self, keys: Iterable[str]) -> list[tuple[bytes, str] | None]:
        """Give what `get` gives for each key."""
        return [self.get(key) for key in keys]

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Insert (`if_match` None) or replace exactly the version named. Raises `Conflict` otherwise."""
        self._expect(key, if_match)
        tag = str(next(self._tags))
        self._documents[key] = body, tag, head
        return tag

    def _expect(self, key: str, tag: str | None) -> None:
        found = self._documents.get(checked(key))
        if (None if found is None else found[1]) != tag:
            raise Conflict(f"The document {key} was changed by somebody else.")

    def list(self, prefix: str) -> Iterator[Listed]:
        """Give keys, tags and heads in key order."""
        if self._behind and prefix.startswith(self._shown):
            yield from self._behind.list(prefix)
            return
        for key in sorted(key for key in self._documents if key.startswith(prefix)):
            found = self._documents.get(key)
            if found is not None:
                yield Listed(key, found[1], found[2])

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Remove a document if it is there; with a tag, that version alone. Raises `Conflict` for another."""
        if if_match is not None and checked(key) in self._documents:
            self._expect(key, if_match)
        self._documents.pop(checked(key), None)

    def each(self, work: Callable[[T], R], ones: Iterable[T]) -> Sequence[R]:
        """Do it for each, one after another."""
        return [work(one) for one in ones]

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Do nothing: memory is not durable."""
        yield
