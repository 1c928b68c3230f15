"""Incidents that turn out to be one: their ends were the same hosts under other names.

The incident that is joined is frozen first, then taken over, then emptied, each by one conditional put: after a crash at
any line the next pass goes on, and nothing is counted twice. What is frozen keeps its id and points on.
"""

import msgspec

from triage.group.documents import Documents
from triage.group.fingerprint import Fingerprint
from triage.group.fold import Judge, bounded
from triage.group.ledger import MESSAGE, REPORT, Ledger
from triage.group.packed import DIGEST, split, union
from triage.group.stored import MAX_JOINED, change_ledger, heads, load_ledger
from triage.group.tallies import greatest, least, together
from triage.hosts import Hosts
from triage.model import Change, Ends


def join(documents: Documents, hosts: Hosts, judge: Judge, now: str) -> set[str]:
    """Join the incidents whose ends `hosts` knows to be the same, and give the ids of those that others went on in."""
    grown: set[str] = set()
    for old_id, head in list(heads(documents)):
        if head.joined_to is not None and head.is_empty:
            continue
        mark = Fingerprint(head.family, Ends(_named(head.sending, hosts), _named(head.receiving, hosts)))
        # A move that was begun is ended as it was begun, whatever is known since.
        target = head.joined_to or _where_it_goes_on(documents, mark.incident_id)
        if target is not None and target != old_id:
            _move(documents, old_id, mark, target, judge, now)
            grown.add(target)
    return grown


def _named(end: str | None, hosts: Hosts) -> str | None:
    return hosts.pool(end) or hosts.canonical(end) or end


def _where_it_goes_on(documents: Documents, incident_id: str) -> str | None:
    """Give the id in which an incident goes on, its own where it does itself; None where it went too far to follow."""
    for _ in range(MAX_JOINED):
        ledger = load_ledger(documents, incident_id)
        if ledger is None or ledger.joined_to is None:
            return incident_id
        incident_id = ledger.joined_to
    return None


def _move(documents: Documents, old_id: str, mark: Fingerprint, target: str, judge: Judge, now: str) -> None:
    frozen, _ = change_ledger(documents, old_id, lambda found: _frozen(found, old_id, mark, target))
    empty = Ledger(id=target, family=mark.family, ends=mark.ends)
    change_ledger(documents, target, lambda found: _taken_over(found or empty, frozen, judge, now))
    change_ledger(documents, old_id, lambda found: _emptied(found, frozen))


def _frozen(found: Ledger | None, old_id: str, mark: Fingerprint, target: str) -> Ledger:
    if found is None:  # it was removed in between
        return Ledger(id=old_id, family=mark.family, ends=mark.ends, joined_to=target)
    return found if found.joined_to == target else msgspec.structs.replace(found, joined_to=target)


def _taken_over(ledger: Ledger, old: Ledger, judge: Judge, now: str) -> Ledger:
    """Give the ledger with all that the other one knows; the same object where it was taken over before."""
    if old.id in ledger.absorbed:
        return ledger
    tallies = together(ledger.tallies, old.tallies)
    was_incident = msgspec.structs.replace(old, joined_to=None).is_incident
    changes = sorted((*ledger.changes, *old.changes), key=lambda one: one.at)
    if was_incident:
        ends = " → ".join(end or "unknown" for end in (old.ends.sending, old.ends.receiving))
        changes.append(Change(kind="joined", at=now, text=f"incident {old.id} ({ends}) is the same trouble"))
    both_resolved = [ledger.resolved_at, old.resolved_at] if ledger.is_incident and was_incident else []
    resolved_at = greatest(*both_resolved) if both_resolved and all(both_resolved) else None
    if not both_resolved:
        resolved_at = ledger.resolved_at or old.resolved_at
    return msgspec.structs.replace(
        ledger,
        reports=union(ledger.reports, old.reports, REPORT),
        messages=_messages(ledger.messages, old.messages),
        recipients=union(ledger.recipients, old.recipients),
        senders=union(ledger.senders, old.senders),
        domains=union(ledger.domains, old.domains),
        tallies=tallies,
        depths={key: max(ledger.depths.get(key, 0), old.depths.get(key, 0)) for key in {**ledger.depths, **old.depths}},
        first_seen=least(ledger.first_seen, old.first_seen),
        last_seen=greatest(ledger.last_seen, old.last_seen),
        grown_to=max(ledger.grown_to, old.grown_to),
        verdict=judge(tuple(tallies.values()), ledger.around),
        changes=bounded(_opened_once(tuple(changes))),
        resolved_at=resolved_at,
        acknowledged_by=ledger.acknowledged_by or old.acknowledged_by,
        absorbed=(*ledger.absorbed, old.id),
    )


def _messages(one: bytes, other: bytes) -> bytes:
    seen = {record[:DIGEST]: record[-1] for record in split(one, MESSAGE)}
    for record in split(other, MESSAGE):
        seen[record[:DIGEST]] = seen.get(record[:DIGEST], 0) | record[-1]
    return b"".join(name + bytes([mark]) for name, mark in seen.items())


def _opened_once(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Keep the first "opened" alone: the trouble began once."""
    first = next((one for one in changes if one.kind == "opened"), None)
    return tuple(one for one in changes if one.kind != "opened" or one is first)


def _emptied(found: Ledger | None, frozen: Ledger) -> Ledger:
    """Give what stays of an incident that went on in another: where it went on."""
    pointer = Ledger(id=frozen.id, family=frozen.family, ends=frozen.ends, joined_to=frozen.joined_to)
    return found if found == pointer else pointer
