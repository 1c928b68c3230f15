"""The document of one incident: everything that is known of it, in one place, committed by one conditional put."""

from collections.abc import Iterable

import msgspec

from triage.group.packed import DIGEST, split
from triage.model import Change, Counts, Diagnosis, Ends, Notice, Sent, Surroundings, Tallied
from triage.model.words import SESSION_LOGS, Family, Impact

LEDGER_VERSION = 1

REPORT = DIGEST + 4
"""A report: the first 16 bytes of its document's SHA-256, then the finding's index in four bytes."""

SESSION = 8
"""A session of a protocol log: eight bytes of digest, made where the log is read."""

MESSAGE = DIGEST + 1
"""A message: the digest of original Message-ID and recipient, then what was reported of it."""


HEARSAY = "tls-report"
"""A source that corroborates and never alerts: daily tallies by other people (RFC 8460)."""

WAITING, DELIVERED, RETURNED = 1, 2, 4
"""What was reported of a message: bits, so that reports may come in any order."""
MARKS = 8


def is_hit(seen: int) -> bool:
    """True for a message that was returned, or waited at some time."""
    return bool(seen & (WAITING | RETURNED))


def still_waits(seen: int) -> bool:
    """True for a message of which nothing but a delay was reported."""
    return seen == WAITING


MAX_ACTS = 1_000
"""Acts of one incident that are known by their ids: people do a few."""


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """An end that somebody declared, or that time alone brought: it holds until a failure later than `at`."""

    at: str
    text: str


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The stored form of an incident. Sets are packed digests, so counts stay exact and replays change nothing.

    `around` is what the verdict takes from outside the incident, `related` a digest of it all. `joined_to` names the incident in
    which this one went on, once its ends turned out to be the same hosts; `absorbed` those that went on in this one.

    `last_failed` is when the last failure happened, and `last_news` when one was last heard of. `closed` is an end that was
    declared; whether the incident is over (`resolved_at`) follows from it and from all evidence (`lifecycle.py`). `acts`
    are the entries of the journal that took effect here; the newest of a kind holds, whatever order they come in.

    A ledger without a failure holds successes seen between two ends: it is no incident yet and is not listed.
    """

    version: int = LEDGER_VERSION
    id: str
    family: Family
    ends: Ends
    reports: bytes = b""
    messages: bytes = b""
    recipients: bytes = b""
    senders: bytes = b""
    domains: bytes = b""
    tallies: dict[str, Tallied] = {}
    depths: dict[str, int] = {}
    first_seen: str | None = None
    last_seen: str | None = None
    grown_to: int = 1
    verdict: Diagnosis = Diagnosis()
    changes: tuple[Change, ...] = ()
    resolved_at: str | None = None
    acknowledged_by: str | None = None
    acknowledged_at: str | None = None
    acknowledged_until: str | None = None
    acknowledged_size: int = 0
    silenced_at: str | None = None
    silenced_by: str | None = None
    silenced_until: str | None = None
    silence_reason: str | None = None
    last_failed: str | None = None
    last_news: str | None = None
    quiet_since: str | None = None
    closed: Closed | None = None
    acts: tuple[str, ...] = ()
    around: Surroundings = Surroundings()
    linked: tuple[str, ...] = ()
    related: str = ""
    joined_to: str | None = None
    absorbed: tuple[str, ...] = ()
    pending: dict[str, Notice] = {}
    sent: dict[str, Sent] = {}

    @property
    def is_incident(self) -> bool:
        """True once a failure was seen between these ends; what others tell of (TLS reports) opens nothing by itself."""
        if self.joined_to is not None:
            return False
        return any(one.diagnosis is not None and one.observation.source != HEARSAY for one in self.tallies.values())

    def counts(self) -> Counts:
        """Give the exact counts, kept apart. A queue's depth is a snapshot: its peak counts."""
        marks = self._marks()
        return Counts(
            returned=sum(count for mark, count in marks.items() if mark & RETURNED),
            waiting=max(sum(count for mark, count in marks.items() if still_waits(mark)), sum(self.depths.values())),
            sessions=sessions_of(one for one in self.tallies.values() if _is_failed_session(one)),
            sent_unencrypted=sessions_of(one for one in self.tallies.values() if _is_unencrypted(one)),
        )

    def impacts(self) -> tuple[Impact, ...]:
        """Give what came of the mail: what `counts` counts, without counting it."""
        seen = self._marks()
        found: dict[Impact, bool] = {
            "returned": any(one & RETURNED for one in seen),
            "waiting": any(map(still_waits, seen)) or any(self.depths.values()),
            "sent-unencrypted": any(map(_is_unencrypted, self.tallies.values())),
        }
        return tuple(impact for impact, is_there in found.items() if is_there)

    def size(self) -> int:
        """Give what growth is measured on: distinct messages, or the peak depth where only a queue is known."""
        hit = sum(count for mark, count in self._marks().items() if is_hit(mark))
        return max(hit, sum(self.depths.values()))

    def _marks(self) -> dict[int, int]:
        """Count the messages of which the same was reported."""
        marks = self.messages[MESSAGE - 1 :: MESSAGE]  # the last byte of each record
        return {mark: count for mark in range(MARKS) if (count := marks.count(mark))}

    def after_act(self, act_id: str) -> "Ledger":
        """Give the ledger with an act that took effect here; the oldest are forgotten."""
        return msgspec.structs.replace(self, acts=(*self.acts, act_id)[-MAX_ACTS:])

    def encode(self) -> bytes:
        """Give the bytes to store."""
        return msgspec.msgpack.encode(self)


def sessions_of(tallies: Iterable[Tallied]) -> int:
    """Count the sessions of several tallies, each once, though a cut copy of a log may show one in another way."""
    members: set[bytes] = set()
    without = 0
    for one in tallies:
        members.update(split(one.members, SESSION))
        without += sum(one.parts.values())
    return len(members) + without


def _is_failed_session(one: Tallied) -> bool:
    return one.observation.source in SESSION_LOGS and one.diagnosis is not None


def _is_unencrypted(one: Tallied) -> bool:
    return one.observation.source in SESSION_LOGS and one.observation.impact == "sent-unencrypted"


def read_ledger(body: bytes) -> Ledger:
    """Give the ledger that these bytes hold. Raises `msgspec.DecodeError` on bytes that are none."""
    return _DECODER.decode(body)


_DECODER = msgspec.msgpack.Decoder(Ledger)
"""Made here, once: many threads read ledgers (`triage.typed`)."""
