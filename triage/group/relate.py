"""What incidents say about each other: one host that fails with several others, and other people's tallies about it.

A pass over the heads of all incidents, which writes only where something changed: repeated, it changes nothing, and a pass
that was cut off is made good by the next.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from triage.group.documents import Documents
from triage.group.fold import Judge, note_changes
from triage.group.ledger import HEARSAY, Ledger
from triage.group.names import known_builds
from triage.group.stored import Head, change_ledger, heads, load_ledger
from triage.hosts import Hosts, pool_ids
from triage.model import Ends, Surroundings, Tallied
from triage.model.words import Category

MAX_ENDS = 20
"""Other ends that are named: two already make the pattern."""
MAX_HEARSAY = 50
"""Tallies out of TLS reports that one incident takes into account."""

WAYS: Mapping[Category, str] = {
    "tls-version": "lost",
    "tls-negotiation": "lost",
    "tls-cipher": "lost",
    "connection-dropped": "lost",
    "tls-required": "not offered",
    "tls-certificate": "certificate",
}
"""Faults that may lie with either host, and which of them are alike in how they show: only alike ones make a pattern."""

_Known = Mapping[str, Head]


def relate(documents: Documents, hosts: Hosts, judge: Judge, now: str) -> set[str]:
    """Bring the surroundings of every incident up to date, and its verdict with them. Gives the ids that changed."""
    known = dict(heads(documents))
    patterns = _Patterns(known.values(), hosts)
    builds = known_builds(documents, hosts)
    hearsay = _hearsay(documents, known)
    blaming = _blaming(known)
    changed: set[str] = set()
    for name, head in known.items():
        if not head.is_incident:
            continue
        is_session = head.family == "session"
        around = Surroundings(
            receivers=patterns.receivers(head),
            senders=patterns.senders(head),
            builds={end: builds[end] for end in (head.sending, head.receiving) if end in builds and is_session},
            hearsay=hearsay.get(head.receiving or "", ()) if is_session else (),
        )
        linked = tuple(other for other in blaming.get(head.blamed or "", ()) if other != name)
        if _change(documents, name, around, linked, judge, now):
            changed.add(name)
    return changed


def _change(
    documents: Documents, name: str, around: Surroundings, linked: tuple[str, ...], judge: Judge, now: str
) -> bool:
    def change(found: Ledger | None) -> Ledger:
        ledger = found or Ledger(id=name, family="session", ends=Ends())
        if not ledger.is_incident or (ledger.around == around and ledger.linked == linked):
            return ledger
        again = msgspec.structs.replace(ledger, around=around, linked=linked)
        if ledger.around == around:
            return again
        again = msgspec.structs.replace(again, verdict=judge(tuple(again.tallies.values()), around))
        return note_changes(ledger, again, (), now, ("other incidents",))

    # Read before it is changed: nearly always nothing is to be done, and a look is cheaper than a lost race.
    ledger = load_ledger(documents, name)
    if ledger is None or (ledger.around == around and ledger.linked == linked):
        return False
    return change_ledger(documents, name, change)[1]


class _Patterns:
    """Who fails with whom, among the open incidents, in each way. A pool of a provider is no one host."""

    def __init__(self, heads_of_all: Iterable[Head], hosts: Hosts) -> None:
        self._hosts = hosts
        self._receivers: defaultdict[tuple[str | None, str], set[str]] = defaultdict(set)
        self._senders: defaultdict[tuple[str | None, str], set[str]] = defaultdict(set)
        for head in heads_of_all:
            way = _way(head)
            if way is not None and head.sending and head.receiving:
                self._receivers[head.sending, way].add(head.receiving)
                self._senders[head.receiving, way].add(head.sending)

    def receivers(self, head: Head) -> tuple[str, ...]:
        """Give the unrelated ends that the sending host fails to reach in the same way, where they are two or more."""
        return self._unrelated(self._receivers, head.sending, head)

    def senders(self, head: Head) -> tuple[str, ...]:
        """Give the unrelated ends that fail to reach the receiving host in the same way, where they are two or more."""
        return self._unrelated(self._senders, head.receiving, head)

    def _unrelated(
        self, known: Mapping[tuple[str | None, str], set[str]], host: str | None, head: Head
    ) -> tuple[str, ...]:
        way = _way(head)
        if way is None or host is None or host in pool_ids():
            return ()
        by_owner = {_owner(other, self._hosts): other for other in sorted(known.get((host, way), ()), reverse=True)}
        return tuple(sorted(by_owner.values()))[:MAX_ENDS] if len(by_owner) > 1 else ()


def _way(head: Head) -> str | None:
    is_open = head.is_incident and head.resolved_at is None and head.family == "session"
    return WAYS.get(head.category) if is_open else None


def _owner(end: str, hosts: Hosts) -> str:
    """Give what stands for the owner of an end: its pool, ourselves, its domain, or the address alone."""
    if hosts.is_ours(end) is True:
        return "ours"
    labels = end.split(".")
    return ".".join(labels[-2:]) if len(labels) > 1 and not labels[-1].isdigit() and ":" not in end else end


def _hearsay(documents: Documents, known: _Known) -> dict[str, tuple[Tallied, ...]]:
    """Give, for each receiving end, what TLS reports of others tally about it, the largest first."""
    found: defaultdict[str, list[Tallied]] = defaultdict(list)
    for name, head in known.items():
        if head.has_hearsay and head.receiving and head.joined_to is None:
            ledger = load_ledger(documents, name)
            tallies = ledger.tallies.values() if ledger is not None else ()
            found[head.receiving] += [one for one in tallies if one.observation.source == HEARSAY]
    return {end: tuple(sorted(tallies, key=_weight)[:MAX_HEARSAY]) for end, tallies in found.items()}


def _weight(one: Tallied) -> tuple[int, bytes]:
    return (-one.count, msgspec.msgpack.encode(one.observation))


def _blaming(known: _Known) -> dict[str, tuple[str, ...]]:
    """Give the open incidents that blame each host."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, head in known.items():
        if head.is_incident and head.resolved_at is None and head.blamed:
            found[head.blamed].append(name)
    return {host: tuple(names) for host, names in found.items()}
