"""Every counter again, from the stored readings alone, beside what the store says.

The readings are counted by the very function that counted them first, in the order of their digests, into documents
in memory; nothing is written to the store.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from triage.collect.journal import INPUTS
from triage.errors import Transient
from triage.group import Documents, Lease, MemoryDocuments
from triage.group.fold import report_key
from triage.group.incident import incident_of
from triage.group.ledger import REPORT, Ledger, read_ledger
from triage.group.packed import DIGEST, split
from triage.group.readings import READINGS, UNCOUNTED, bodies, read_reading
from triage.group.stored import INCIDENTS
from triage.model import Finding, Observation, Reading
from triage.model.wire import incident_json
from triage.notify.ticket_rows import Row
from triage.pipeline import Parts, count
from triage.upkeep.retention import readings_removed_before
from triage.upkeep.tickets import is_past, known

NOT_FROM_READINGS = frozenset(
    "state changes acknowledged_by acknowledged_until silenced_by silenced_until silence_reason quiet_since resolved_at"
    " proof verdict".split()
)
"""Fields of an incident that do not follow from readings alone: what people did, when something happened or was heard of,
and the verdict, which follows from today's rules too."""

_COUNTED_AT_ONCE = 1000

_NOTHING = Finding(Observation(source="received", action="relayed", impact="none"))
"""Stands for a finding that is not counted yet, so that those after it keep their places. It belongs to no incident."""


class Difference(msgspec.Struct, frozen=True):
    """One value of one incident (or document) that is not what its readings give."""

    what: str
    field: str
    stored: Any
    recomputed: Any


class Audit(msgspec.Struct, kw_only=True):
    """What an audit found.

    `verdicts` are those that today's rules would give differently, which is no fault of the store; `past_retention`
    gives for an incident how many of its reports can no longer be counted again; `waiting` is read and not counted
    yet, `unread` was written down and never read. Of `tickets` `left_open` are open as far as we know, and none of
    their incidents is there any more.
    """

    incidents: int = 0
    readings: int = 0
    waiting: int = 0
    unread: int = 0
    tickets: int = 0
    left_open: int = 0
    differences: list[Difference] = []
    verdicts: list[Difference] = []
    past_retention: dict[str, int] = {}


def audit(documents: Documents, parts: Parts, now: str, lease: Lease) -> Audit:
    """Compare what is stored with what the readings give. Nothing else may count meanwhile, so the lease is held.

    Raises `Transient` where somebody else holds it, or takes it on the way.
    """
    _hold(lease)
    try:
        return _audit(documents, parts, now, lease)
    finally:
        lease.release()


def _hold(lease: Lease) -> None:
    if not lease.hold():
        raise Transient("The committer is at work: what is counted now would look like a difference. Try again soon.")


def _audit(documents: Documents, parts: Parts, now: str, lease: Lease) -> Audit:
    found = Audit(differences=[], verdicts=[], past_retention={})
    ledgers = dict(_ledgers(documents, found))
    notes = {listed.key.removeprefix(UNCOUNTED) for listed in documents.list(UNCOUNTED)}
    landed = _landed(ledgers, {bytes.fromhex(sha256)[:DIGEST] for sha256 in notes})
    memory = MemoryDocuments(documents, (READINGS, INPUTS))
    sources: set[bytes] = set()
    batch: list[Reading] = []
    for reading in _readings(documents, found):
        sources.add(bytes.fromhex(reading.sha256)[:DIGEST])
        found.readings += 1
        if reading.sha256 in notes:
            found.waiting += 1
            reading = _only_landed(reading, landed)  # noqa: PLW2901
        batch.append(reading)
        if len(batch) >= _COUNTED_AT_ONCE:
            count(memory, batch, parts, now)
            batch = []
            _hold(lease)
    count(memory, batch, parts, now)
    _hold(lease)
    found.incidents = sum(ledger.is_incident for ledger in ledgers.values())
    found.unread = _unread(documents, sources)
    _look_at_tickets(documents, found)
    _compare(ledgers, dict(_ledgers(memory, found)), sources, readings_removed_before(documents), found)
    return found


def _ledgers(documents: Documents, found: Audit) -> Iterator[tuple[str, Ledger]]:
    for key, body in bodies(documents, INCIDENTS):
        try:
            yield key.removeprefix(INCIDENTS), read_ledger(body)
        except msgspec.DecodeError as error:
            found.differences.append(Difference(key, "document", f"damaged: {error}", None))


def _readings(documents: Documents, found: Audit) -> Iterator[Reading]:
    for key, body in bodies(documents, READINGS):
        try:
            reading = read_reading(body)
        except msgspec.DecodeError as error:
            found.differences.append(Difference(key, "document", f"damaged: {error}", None))
            continue
        if READINGS + reading.sha256 == key:
            yield reading
        else:
            found.differences.append(Difference(key, "document", f"says that it is {reading.sha256}", None))


def _look_at_tickets(documents: Documents, found: Audit) -> None:
    """Count what is known of tickets, which no reading tells of, and name what of it cannot be read."""
    for one in known(documents):
        if isinstance(one.said, str):
            found.differences.append(Difference(one.key, "document", f"damaged: {one.said}", None))
        elif isinstance(one.said, Row):
            found.tickets += one.said.state not in ("void", "gone")
            found.left_open += one.said.is_live and is_past(documents, one.said)


def _landed(ledgers: dict[str, Ledger], noted: set[bytes]) -> set[bytes]:
    """Give the reports of readings with a note that are counted all the same: a process died before it took the note."""
    if not noted:
        return set()
    reports = (report for ledger in ledgers.values() for report in split(ledger.reports, REPORT))
    return {report for report in reports if report[:DIGEST] in noted}


def _only_landed(reading: Reading, landed: set[bytes]) -> Reading:
    findings = tuple(
        finding if report_key(reading.sha256, index) in landed else _NOTHING
        for index, finding in enumerate(reading.findings)
    )
    return msgspec.structs.replace(reading, findings=findings)


def _unread(documents: Documents, sources: set[bytes]) -> int:
    inputs = (bytes.fromhex(listed.key.removeprefix(INPUTS))[:DIGEST] for listed in documents.list(INPUTS))
    return sum(one not in sources for one in inputs)


def _compare(
    stored: dict[str, Ledger],
    recomputed: dict[str, Ledger],
    sources: set[bytes],
    removed_before: str | None,
    found: Audit,
) -> None:
    for incident_id in sorted({*stored, *recomputed}):
        old, new = stored.get(incident_id), recomputed.get(incident_id)
        if old is None:
            found.differences.append(Difference(incident_id, "incident", None, "its readings make one"))
            continue
        gone = {report[:DIGEST] for report in split(old.reports, REPORT)} - sources
        if gone and removed_before is not None and (old.first_seen or "") < removed_before:
            found.past_retention[incident_id] = sum(report[:DIGEST] in gone for report in split(old.reports, REPORT))
            found.differences.extend(_more_than_stored(incident_id, old, new))
            continue
        for one in sorted(gone):
            found.differences.append(Difference(incident_id, "reading", f"{one.hex()}…", None))
        if new is None:
            found.differences.append(Difference(incident_id, "incident", "an incident", None))
            continue
        found.differences.extend(_different(incident_id, facts(old), facts(new)))
        if old.verdict != new.verdict:
            found.verdicts.append(Difference(incident_id, "verdict", _short(old), _short(new)))


def _more_than_stored(incident_id: str, old: Ledger, new: Ledger | None) -> Iterator[Difference]:
    """Give counters that even the readings that are left put higher than stored."""
    if new is not None:
        before, after = facts(old), facts(new)
        for field, value in after.items():
            if isinstance(value, int) and value > before.get(field, 0):
                yield Difference(incident_id, field, before.get(field, 0), value)


def _different(incident_id: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    for field in sorted({*before, *after}):
        if before.get(field) != after.get(field):
            yield Difference(incident_id, field, before.get(field), after.get(field))


def facts(ledger: Ledger) -> dict[str, Any]:
    """Give all that the readings alone decide, flat: "counts.returned" → 3."""
    plain: dict[str, Any] = {"reports": len(ledger.reports) // REPORT}
    if ledger.is_incident:
        for field, value in incident_json(incident_of(ledger)).items():
            if field in NOT_FROM_READINGS:
                continue
            if isinstance(value, dict):
                plain |= {f"{field}.{inner}": one for inner, one in value.items()}
            else:
                plain[field] = value
    return plain


def _short(ledger: Ledger) -> str:
    verdict = ledger.verdict
    return f"{verdict.category} ({verdict.confidence}), acts: {verdict.actor or 'unknown'}"
