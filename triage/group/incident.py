"""From the stored ledger to the incident that people see, and what people may do to one."""

from collections.abc import Callable, Iterator

import msgspec

from triage.errors import NotFound
from triage.group.documents import Documents
from triage.group.ledger import Ledger
from triage.group.notices import Router, nobody, with_notices
from triage.group.packed import DIGEST
from triage.group.stored import INCIDENTS, change_ledger, load_ledger
from triage.model import Change, Diagnosis, Incident, Tallied
from triage.model.words import State, rank


def incident_of(ledger: Ledger) -> Incident:
    """Give the incident of a ledger that holds a failure."""
    sample = _sample(ledger)
    return Incident(
        id=ledger.id,
        state=_state(ledger),
        family=ledger.family,
        ends=ledger.ends,
        verdict=ledger.verdict,
        counts=ledger.counts(),
        recipients=_size(ledger.recipients),
        senders=_size(ledger.senders),
        domains=_size(ledger.domains),
        first_seen=ledger.first_seen,
        last_seen=ledger.last_seen,
        changes=ledger.changes,
        sample=None if sample is None else sample.observation,
        acknowledged_by=ledger.acknowledged_by,
    )


def _size(packed: bytes) -> int:
    return len(packed) // DIGEST


def _state(ledger: Ledger) -> State:
    return "resolved" if ledger.resolved_at else "open"


def _sample(ledger: Ledger) -> Tallied | None:
    """Give the tally that shows the verdict best: same category, surest, most often seen, then the earliest."""
    failures = [(one.diagnosis, one) for one in ledger.tallies.values() if one.diagnosis is not None]
    best = min(failures, key=lambda pair: _sample_order(pair[0], pair[1], ledger), default=None)
    return None if best is None else best[1]


def _sample_order(diagnosis: Diagnosis, tallied: Tallied, ledger: Ledger) -> tuple[bool, int, int, int, str, bytes]:
    seen = tallied.observation
    known = sum(value is not None for value in (seen.sending_host, seen.receiving_host, seen.software.sending))
    return (
        diagnosis.category != ledger.verdict.category,
        -rank(diagnosis.confidence),
        -known,
        -tallied.count,
        tallied.first or "~",
        msgspec.msgpack.encode(seen),
    )


def incidents(documents: Documents) -> Iterator[Incident]:
    """Give every incident in the store, in the order of their ids."""
    for listed in documents.list(INCIDENTS):
        ledger = load_ledger(documents, listed.key.removeprefix(INCIDENTS))
        if ledger is not None and ledger.is_incident:
            yield incident_of(ledger)


def find_incident(documents: Documents, name: str) -> Incident:
    """Give the incident whose id is or begins with `name`, in any case. Raises `NotFound` where none or several do."""
    prefix = name.strip().upper()
    matches = [listed.key.removeprefix(INCIDENTS) for listed in documents.list(INCIDENTS + prefix)] if prefix else []
    found = [load_ledger(documents, incident_id) for incident_id in matches]
    ledgers = [ledger for ledger in found if ledger is not None and ledger.is_incident]
    if len(ledgers) > 1:
        names = ", ".join(ledger.id for ledger in ledgers[:5])
        raise NotFound(f"“{name}” could be {len(ledgers)} incidents: {names}. Give more of the id.")
    if not ledgers:
        raise NotFound(f"There is no incident “{name}” in this store. `triage incidents` lists them.")
    return incident_of(ledgers[0])


def acknowledge(documents: Documents, incident_id: str, by: str, now: str, *, route: Router = nobody) -> Incident:
    """Note that somebody has the incident. Done twice by the same name, it changes nothing."""

    def change(ledger: Ledger) -> Ledger:
        if ledger.acknowledged_by == by:
            return ledger
        noted = Change(kind="acknowledged", at=now, text=f"by {by}")
        changed = msgspec.structs.replace(ledger, acknowledged_by=by, changes=(*ledger.changes, noted))
        return with_notices(changed, [noted], route)

    return _changed(documents, incident_id, change)


def resolve(documents: Documents, incident_id: str, reason: str, now: str, *, route: Router = nobody) -> Incident:
    """Close the incident by hand; a later failure opens it again. An incident already resolved stays as it is."""

    def change(ledger: Ledger) -> Ledger:
        if ledger.resolved_at is not None:
            return ledger
        noted = Change(kind="resolved", at=now, text=reason)
        changed = msgspec.structs.replace(ledger, resolved_at=now, changes=(*ledger.changes, noted))
        return with_notices(changed, [noted], route)

    return _changed(documents, incident_id, change)


def _changed(documents: Documents, incident_id: str, change: Callable[[Ledger], Ledger]) -> Incident:
    def of_existing(ledger: Ledger | None) -> Ledger:
        if ledger is None:
            raise NotFound(f"There is no incident “{incident_id}” in this store.")
        return change(ledger)

    ledger, _ = change_ledger(documents, incident_id, of_existing)
    return incident_of(ledger)
