"""What incidents say about each other: one host that fails with several others, and other people's tallies about it.

A pass over the heads of all incidents, which reads and writes only those around which something changed: repeated, it
changes nothing, and a pass that was cut off is made good by the next.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from triage.errors import NotFound
from triage.group.documents import Documents
from triage.group.fold import Judge, note_changes
from triage.group.ledger import HEARSAY, Ledger
from triage.group.names import known_builds
from triage.group.notices import Router, nobody
from triage.group.owners import owner_of
from triage.group.packed import digest
from triage.group.stored import Head, change_existing, heads, load_ledger
from triage.group.times import later
from triage.hosts import Hosts, pool_ids
from triage.model import Surroundings, Tallied
from triage.model.words import SOURCE_NAMES, Category

MAX_ENDS = 20
"""Other ends that are named: two already make the pattern."""
MAX_HEARSAY = 50
"""Tallies out of TLS reports that one incident takes into account."""
MAX_REACHED = 3
"""Ends that took mail meanwhile: one already shows that the way out is open."""
NEAR, LATELY = timedelta(hours=1), timedelta(days=1)
"""How near to a failure mail has to have passed; where its time is not known, how long before we heard of it."""
MAX_LINKED = 20
"""Other incidents that are named: the first ids, so that all incidents of one host name the same ones."""

WAYS: Mapping[Category, str] = {
    "tls-version": "lost",
    "tls-negotiation": "lost",
    "tls-cipher": "lost",
    "connection-dropped": "lost",
    "tls-required": "not offered",
    "tls-certificate": "certificate",
    "connection-timeout": "no answer",
    "dns": "no lookup",
}
"""Faults that may lie with either host, and which of them are alike in how they show: only alike ones make a pattern."""

_Known = Mapping[str, Head]
_News = tuple[Surroundings, tuple[str, ...], str]
"""What is around an incident, the incidents that it names, and a digest of it all."""


def relate(documents: Documents, hosts: Hosts, judge: Judge, now: str, route: Router = nobody) -> set[str]:
    """Bring the surroundings of every incident up to date, and its verdict with them. Gives the ids that changed."""
    known = dict(heads(documents))
    patterns, reached = _Patterns(known.values(), hosts), _Reached(known.values(), hosts)
    builds = known_builds(documents, hosts)
    hearsay = _Hearsay(documents, known)
    blaming = _blaming(known)
    news: list[tuple[str, _News]] = []
    for name, head in known.items():
        if not head.is_incident or head.resolved_at is not None:  # what is over keeps its last verdict
            continue
        around = Surroundings(
            receivers=patterns.receivers(head), senders=patterns.senders(head), reached=reached.ends(head)
        )
        told = ""
        if head.family == "session":
            of_ends = {end: builds[end] for end in (head.sending, head.receiving) if end in builds}
            around = msgspec.structs.replace(around, builds=of_ends)
            told = hearsay.digest(head.receiving)
        linked = tuple(other for other in blaming.get(head.blamed or "", ()) if other != name)[:MAX_LINKED]
        related = digest(repr((around, told, linked))).hex() if told or linked or around != Surroundings() else ""
        if related == head.related:
            continue
        around = msgspec.structs.replace(around, hearsay=hearsay.tallies(head.receiving) if told else ())
        news.append((name, (around, linked, related)))

    def one(named: tuple[str, _News]) -> bool:
        return _change(documents, *named, judge, now, route)

    changed = documents.each(one, news)
    return {name for (name, _), is_new in zip(news, changed, strict=True) if is_new}


def _change(
    documents: Documents,
    name: str,
    news: _News,
    judge: Judge,
    now: str,
    route: Router,
) -> bool:
    around, linked, related = news

    def change(found: Ledger) -> Ledger:
        if not found.is_incident or found.related == related:
            return found
        again = msgspec.structs.replace(found, around=around, linked=linked, related=related)
        if found.around == around:
            return again
        again = msgspec.structs.replace(again, verdict=judge(tuple(again.tallies.values()), around))
        return note_changes(found, again, now, _told_by(found.around, around), route)

    try:
        return change_existing(documents, name, change)[1]
    except NotFound:
        return False


def _told_by(was: Surroundings, now_is: Surroundings) -> list[str]:
    """Name what is new around an incident, in people's words."""
    sources = {source for end, (_, source) in now_is.builds.items() if was.builds.get(end) != now_is.builds[end]}
    if (was.receivers, was.senders) != (now_is.receivers, now_is.senders):
        sources.add("other incidents")
    if was.reached != now_is.reached:
        sources.add(SOURCE_NAMES["send-log"])
    return sorted(sources)


class _Patterns:
    """Who fails with whom, among the open incidents, in each way. A pool of a provider is no one host."""

    def __init__(self, heads_of_all: Iterable[Head], hosts: Hosts) -> None:
        self._hosts = hosts
        self._receivers: defaultdict[tuple[str | None, str], set[str]] = defaultdict(set)
        self._senders: defaultdict[tuple[str | None, str], set[str]] = defaultdict(set)
        for head in heads_of_all:
            way = _way(head)
            # What nobody believes makes no pattern: anybody could write a bounce for each of two peers.
            if way is not None and head.is_believed and head.sending and head.receiving:
                self._receivers[head.sending, way].add(head.receiving)
                self._senders[head.receiving, way].add(head.sending)
        self._unrelated: dict[tuple[str, str, bool], tuple[str, ...]] = {}

    def receivers(self, head: Head) -> tuple[str, ...]:
        """Give the unrelated ends that the sending host fails to reach in the same way, where they are two or more."""
        return self._of(head.sending, _way(head), is_sender=True)

    def senders(self, head: Head) -> tuple[str, ...]:
        """Give the unrelated ends that fail to reach the receiving host in the same way, where they are two or more."""
        return self._of(head.receiving, _way(head), is_sender=False)

    def _of(self, host: str | None, way: str | None, *, is_sender: bool) -> tuple[str, ...]:
        if way is None or host is None or host in pool_ids():
            return ()
        key = (host, way, is_sender)
        if key not in self._unrelated:
            others = (self._receivers if is_sender else self._senders).get((host, way), ())
            by_owner = {owner_of(other, self._hosts): other for other in sorted(others, reverse=True)}
            by_owner.pop(None, None)
            self._unrelated[key] = tuple(sorted(by_owner.values()))[:MAX_ENDS] if len(by_owner) > 1 else ()
        return self._unrelated[key]


def _way(head: Head) -> str | None:
    is_open = head.is_incident and head.resolved_at is None and head.family in ("session", "routing")
    if head.category == "dns" and head.confidence == "certain":
        return None  # a domain that is stated not to exist was looked up well
    return WAYS.get(head.category) if is_open else None


class _Reached:
    """To whom each server hands mail over, by its own Send logs."""

    def __init__(self, heads_of_all: Iterable[Head], hosts: Hosts) -> None:
        self._hosts = hosts
        self._passed: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for head in heads_of_all:
            if head.passed and head.sending and head.receiving and head.joined_to is None:
                self._passed[head.sending].append((head.receiving, head.passed))

    def ends(self, head: Head) -> tuple[str, ...]:
        """Give unrelated ends that took mail from a server at about the time at which another did not answer it."""
        if head.category != "connection-timeout" or head.sending is None or head.sending not in self._passed:
            return ()
        at = head.last_seen or head.news or ""
        since = later(at, -NEAR if head.last_seen else -LATELY)
        owner = owner_of(head.receiving or "", self._hosts)
        near = (end for end, passed in self._passed[head.sending] if since <= passed <= later(at, NEAR))
        return tuple(sorted(end for end in near if owner_of(end, self._hosts) not in (None, owner)))[:MAX_REACHED]


class _Hearsay:
    """What TLS reports of others tally about each receiving end."""

    def __init__(self, documents: Documents, known: _Known) -> None:
        self._documents = documents
        self._told: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, head in known.items():
            if head.hearsay and head.receiving and head.joined_to is None:
                self._told[head.receiving].append((name, head.hearsay))
        self._read: dict[str, tuple[Tallied, ...]] = {}

    def digest(self, end: str | None) -> str:
        """Give what changes with what is told about an end; an empty text where nothing is."""
        told = self._told.get(end or "")
        return digest(*(word for pair in told for word in pair)).hex() if told else ""

    def tallies(self, end: str | None) -> tuple[Tallied, ...]:
        """Give the tallies about an end, the largest first."""
        if end is None or end in self._read:
            return self._read.get(end or "", ())
        ledgers = [ledger for name, _ in self._told.get(end, ()) if (ledger := load_ledger(self._documents, name))]
        told = [one for ledger in ledgers for one in ledger.tallies.values() if one.observation.source == HEARSAY]
        bare = [msgspec.structs.replace(one, members=b"", parts={}, hours={}) for one in told]
        self._read[end] = tuple(sorted(bare, key=_weight)[:MAX_HEARSAY])
        return self._read[end]


def _weight(one: Tallied) -> tuple[int, bytes]:
    return (-one.count, msgspec.msgpack.encode(one.observation))


def _blaming(known: _Known) -> dict[str, tuple[str, ...]]:
    """Give the first of the open incidents that blame each host, one more than any of them names."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, head in known.items():
        if head.is_incident and head.resolved_at is None and head.blamed and len(found[head.blamed]) <= MAX_LINKED:
            found[head.blamed].append(name)
    return {host: tuple(names) for host, names in found.items()}
