"""What a reading of a mailbox has to remember: how far it came, what it decided, and what it could not read.

Documents of the store:

- `mailbox/<folder>`: the place in the folder's list of changes, and the messages of the present page that are being
  kept. Written before a message is kept, so that a message whose bytes Exchange writes anew after a crash is not kept
  a second time. It is replaced conditionally: of two runs at once one loses and stops before it keeps anything.
- `mailbox/left/<folder>`, `mailbox/moved/<folder>`: digests of the messages that were decided on, newest last.
- `mailbox/failed/<digest>`: one message that could not be read, why, and how often it was tried.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from triage.errors import Conflict

REMEMBERED = 20_000
"""Messages of each decision that are remembered: a mailbox with more in its Inbox has the rest read again when the
service forgets its place. Eight bytes each."""

DIGEST = 8
"""Bytes of a message's digest: that a new message shares that of one of twenty thousand happens once in 10**15."""

SAVE_TRIES = 5
"""How often the memory is written where others write it too; losing it costs requests, never a message."""

GIVE_UP = 5
"""Runs in which a message may fail before it is left to a person."""

KEPT_DAYS = 90
"""Days for which a message that was given up stays on record."""

FAILED = "mailbox/failed/"


class Entry(Protocol):
    """A row of a listing."""

    @property
    def key(self) -> str:
        """The document's key."""


class Documents(Protocol):
    """What this needs of the store."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag, or None where there is no such document."""

    def put(self, key: str, body: bytes, if_match: str | None) -> str:
        """Insert (`if_match` None) or replace a document; raises `Conflict` where somebody else was first."""

    def list(self, prefix: str) -> Iterator[Any]:
        """Give the documents whose key starts so, each with its `key`."""

    def delete(self, key: str) -> None:
        """Remove a document; one that is not there is no error."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be read or moved. `name`: the input under which it is kept, where only moving failed.

    `final`: it is not tried again by itself.
    """

    id: str
    reason: str
    attempts: int
    first: str
    last: str
    received: str | None = None
    name: str | None = None
    final: bool = False


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    mailbox: str
    version: str
    link: str | None = None
    flight: dict[str, str] = {}


class Place:
    """The place in one folder's list of changes, as it was saved last. `flight`: message id → name of the input."""

    def __init__(self, documents: Documents, mailbox: str, folder: str, version: str) -> None:
        """Load it. What belongs to another mailbox counts for nothing.

        `is_new_version`: another version of this program decided what was left so far, so everything is listed anew.
        """
        self._documents, self._key = documents, f"mailbox/{quote(folder, safe='')}"
        self._mailbox, self._version = mailbox, version
        found = documents.get(self._key)
        self._tag = found[1] if found is not None else None
        saved = msgspec.json.decode(found[0], type=_Saved) if found is not None else None
        mine = saved is not None and saved.mailbox == mailbox
        self.is_new_version = saved is not None and saved.version != version
        self.link = saved.link if saved is not None and mine and not self.is_new_version else None
        self.flight = dict(saved.flight) if saved is not None and mine else {}

    def save(self) -> None:
        """Write it down. Raises `Conflict` where another run did so first."""
        saved = _Saved(mailbox=self._mailbox, version=self._version, link=self.link, flight=self.flight)
        self._tag = self._documents.put(self._key, msgspec.json.encode(saved), self._tag)


class Memory:
    """The messages on which one decision fell, the newest of them."""

    def __init__(self, documents: Documents, decision: str, folder: str) -> None:
        self._documents, self._key = documents, f"mailbox/{decision}/{quote(folder, safe='')}"
        found = documents.get(self._key)
        self._tag = found[1] if found is not None else None
        self._digests = dict.fromkeys(_digests(found[0] if found is not None else b""))
        self._is_changed = False

    def __contains__(self, message: str) -> bool:
        return _digest(message) in self._digests

    def add(self, message: str) -> None:
        """Remember a message, and forget the oldest past the bound."""
        self._digests.pop(_digest(message), None)
        self._digests[_digest(message)] = None
        if len(self._digests) > REMEMBERED:
            del self._digests[next(iter(self._digests))]
        self._is_changed = True

    def clear(self) -> None:
        """Forget all."""
        self._digests.clear()
        self._is_changed = True

    def save(self) -> None:
        """Write it down where it changed. What another run wrote meanwhile is kept too, as older."""
        for _ in range(SAVE_TRIES if self._is_changed else 0):
            with suppress(Conflict):
                self._tag = self._documents.put(self._key, b"".join(self._digests), self._tag)
                self._is_changed = False
                return
            found = self._documents.get(self._key)
            self._tag = found[1] if found is not None else None
            self._digests = dict.fromkeys([*_digests(found[0] if found is not None else b""), *self._digests])
            for oldest in list(self._digests)[: max(len(self._digests) - REMEMBERED, 0)]:
                del self._digests[oldest]


class Failures:
    """The record of messages that could not be read."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._known: dict[str, tuple[Failure, str]] = {}
        for listed in list(documents.list(FAILED)):
            found = documents.get(listed.key)
            if found is not None:
                failure = msgspec.json.decode(found[0], type=Failure)
                self._known[failure.id] = (failure, found[1])

    def __contains__(self, message: str) -> bool:
        return message in self._known

    def __iter__(self) -> Iterator[Failure]:
        return iter([failure for failure, _ in self._known.values()])

    def add(
        self, message: str, reason: str, now: str, *, received: str | None, name: str | None, final: bool
    ) -> Failure:
        """Write down that a message failed, once more where it did before; give the record."""
        before, tag = self._known.get(message, (None, None))
        attempts = 1 + (before.attempts if before is not None else 0)
        failure = Failure(
            id=message,
            reason=reason,
            attempts=attempts,
            first=before.first if before is not None else now,
            last=now,
            received=received or (before.received if before is not None else None),
            name=name or (before.name if before is not None else None),
            final=final or attempts >= GIVE_UP,
        )
        tag = self._documents.put(_failed_key(message), msgspec.json.encode(failure), tag)
        self._known[message] = (failure, tag)
        return failure

    def remove(self, message: str) -> None:
        """Take a message off the record: it was read after all."""
        if self._known.pop(message, None) is not None:
            self._documents.delete(_failed_key(message))

    def prune(self, now: str) -> None:
        """Take off the record what was given up long before `now`."""
        end = (datetime.fromisoformat(now) - timedelta(days=KEPT_DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for failure in self:
            if failure.final and failure.last < end:
                self.remove(failure.id)

    def forget(self) -> None:
        """Count from the start again, so that what was given up is tried once more."""
        for failure, tag in list(self._known.values()):
            anew = msgspec.structs.replace(failure, attempts=0, final=False)
            self._known[anew.id] = (anew, self._documents.put(_failed_key(anew.id), msgspec.json.encode(anew), tag))


def _digests(body: bytes) -> list[bytes]:
    return [body[at : at + DIGEST] for at in range(0, len(body), DIGEST)]


def _digest(message: str) -> bytes:
    return sha256(message.encode()).digest()[:DIGEST]


def _failed_key(message: str) -> str:
    return FAILED + sha256(message.encode()).hexdigest()[:32]
