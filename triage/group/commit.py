"""Committing readings to incidents: one conditional put for each incident and batch, repeated until it lands."""

import random
import time
from collections.abc import Sequence

import msgspec

from triage.errors import Conflict, Transient
from triage.group.documents import Documents
from triage.group.fingerprint import Fingerprint, fingerprint
from triage.group.fold import Judge, Report, fold, report_key
from triage.group.incident import INCIDENTS, load_ledger
from triage.group.ledger import Ledger
from triage.group.readings import counted
from triage.hosts import Hosts
from triage.model import Finding, Reading

MAX_TRIES = 40
"""Lost races in a row before a batch is given back: far more than two committers ever cause each other."""


def commit(documents: Documents, readings: Sequence[Reading], judge: Judge, hosts: Hosts, now: str) -> set[str]:
    """Count the reports of these readings and give the ids of the incidents that changed.

    Safe to repeat, with the same readings or some of them: a report that is counted is known by its key.
    Raises `Transient` where another process kept winning every race.
    """
    changed: set[str] = set()
    for mark, reports in _by_incident(readings, hosts).items():
        if _commit_one(documents, mark, reports, judge, now):
            changed.add(mark.incident_id)
    with documents.batch():
        for reading in readings:
            counted(documents, reading.sha256)
    return changed


def _by_incident(readings: Sequence[Reading], hosts: Hosts) -> dict[Fingerprint, list[Report]]:
    groups: dict[Fingerprint, list[Report]] = {}
    for reading in readings:
        for index, finding in enumerate(reading.findings):
            mark = _mark(finding, hosts)
            if mark is not None:
                groups.setdefault(mark, []).append(Report(report_key(reading.sha256, index), finding))
    return groups


def _mark(finding: Finding, hosts: Hosts) -> Fingerprint | None:
    """Give the trouble to which a finding belongs; a success belongs to the session between its two ends."""
    seen = finding.observation
    if finding.diagnosis is not None:
        return fingerprint(seen, finding.diagnosis.family, hosts)
    mark = fingerprint(seen, "session", hosts)
    pooled = hosts.pool(seen.sending_host) or hosts.pool(seen.receiving_host)
    known = mark.ends.sending is not None and mark.ends.receiving is not None
    # Other hops of a message's way (a list's, a far mailbox's) say nothing about a trouble of ours.
    return mark if known and (pooled or seen.source != "received") else None


def _commit_one(documents: Documents, mark: Fingerprint, reports: list[Report], judge: Judge, now: str) -> bool:
    key = INCIDENTS + mark.incident_id
    for attempt in range(MAX_TRIES):
        found = load_ledger(documents, mark.incident_id)
        ledger, tag = found or (Ledger(id=mark.incident_id, family=mark.family, ends=mark.ends), None)
        folded = fold(ledger, reports, judge, now)
        if folded is ledger:
            return False
        try:
            documents.put(key, folded.encode(), tag, _head(folded))
        except Conflict:
            # Spread the writers, so that one of them wins.
            time.sleep(random.random() * 0.01 * min(attempt + 1, 20))
            continue
        return True
    raise Transient(
        f"Incident {mark.incident_id} is written to by others without a pause; the batch is kept for later."
    )


def _head(ledger: Ledger) -> bytes:
    """Give what a listing shows of an incident, in JSON: enough to sort and filter without reading the body."""
    summary = {
        "category": ledger.verdict.category,
        "confidence": ledger.verdict.confidence,
        "last_seen": ledger.last_seen,
        "resolved_at": ledger.resolved_at,
        "size": ledger.size(),
    }
    return msgspec.json.encode(summary)
