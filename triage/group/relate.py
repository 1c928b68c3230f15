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
from triage.group.stored import Head, change_ledger, heads, load_ledger
from triage.hosts import Hosts, pool_ids
from triage.model import Ends, Surroundings, Tallied

MAX_ENDS = 20
"""Other ends that are named: two already make the pattern."""
MAX_HEARSAY = 50
"""Tallies out of TLS reports that one incident takes into account."""

FAULTS_OF_A_HOST = ("connection-dropped", "expired", "unclassified")
"""Categories beside the `tls-` ones that may lie with either host: what both of two hosts do is no fault of one."""

_Known = Mapping[str, Head]


def relate(documents: Documents, hosts: Hosts, judge: Judge, now: str) -> set[str]:
    """Bring the surroundings of every incident up to date, and its verdict with them. Gives the ids that changed."""
    known = dict(heads(documents))
    failing = {name: head for name, head in known.items() if _may_be_a_hosts_fault(head)}
    receivers, senders = _patterns(failing.values(), hosts)
    hearsay = _hearsay(documents, known)
    blaming = _blaming(known)
    changed: set[str] = set()
    for name, head in known.items():
        if not head.is_incident:
            continue
        around = Surroundings(
            receivers=receivers.get(head.sending or "", ()) if name in failing else (),
            senders=senders.get(head.receiving or "", ()) if name in failing else (),
            hearsay=hearsay.get(head.receiving or "", ()) if head.family == "session" else (),
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


def _may_be_a_hosts_fault(head: Head) -> bool:
    is_open = head.is_incident and head.resolved_at is None and head.family == "session"
    return is_open and (head.category.startswith("tls-") or head.category in FAULTS_OF_A_HOST)


def _patterns(failing: Iterable[Head], hosts: Hosts) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Give, for each sending host, the unrelated ends that it fails to reach, and for each receiving host those that
    fail to reach it; only where there are two or more. A pool of a provider is no one host.
    """
    receivers: defaultdict[str, set[str]] = defaultdict(set)
    senders: defaultdict[str, set[str]] = defaultdict(set)
    for head in failing:
        if head.sending and head.receiving:
            if hosts.pool(head.sending) is None and not _is_pool(head.sending):
                receivers[head.sending].add(head.receiving)
            if hosts.pool(head.receiving) is None and not _is_pool(head.receiving):
                senders[head.receiving].add(head.sending)
    return _unrelated(receivers, hosts), _unrelated(senders, hosts)


def _unrelated(ends: Mapping[str, set[str]], hosts: Hosts) -> dict[str, tuple[str, ...]]:
    found = {}
    for host, others in ends.items():
        by_owner = {_owner(other, hosts): other for other in sorted(others, reverse=True)}
        if len(by_owner) > 1:
            found[host] = tuple(sorted(by_owner.values()))[:MAX_ENDS]
    return found


def _owner(end: str, hosts: Hosts) -> str:
    """Give what stands for the owner of an end: its pool, ourselves, its domain, or the address alone."""
    if hosts.is_ours(end) is True:
        return "ours"
    labels = end.split(".")
    return ".".join(labels[-2:]) if len(labels) > 1 and not labels[-1].isdigit() and ":" not in end else end


def _is_pool(end: str) -> bool:
    """Tell a pool's id, as the ends of an incident name it, from a host."""
    return end in pool_ids()


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
