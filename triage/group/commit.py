"""Committing readings to incidents: one conditional put for each incident and batch, repeated until it lands."""

from collections.abc import Sequence

from triage.group.documents import Documents
from triage.group.fingerprint import Fingerprint, fingerprint
from triage.group.fold import Judge, Report, fold, report_key
from triage.group.ledger import Ledger
from triage.group.notices import Router, nobody
from triage.group.readings import counted
from triage.group.stored import change_ledger
from triage.hosts import Hosts
from triage.model import Finding, Reading


def commit(
    documents: Documents,
    readings: Sequence[Reading],
    judge: Judge,
    hosts: Hosts,
    now: str,
    *,
    route: Router = nobody,
) -> set[str]:
    """Count the reports of these readings and give the ids of the incidents that changed.

    What the sinks that `route` names are to be told is written in the same put as the change.
    Safe to repeat, with the same readings or some of them: a report that is counted is known by its key.
    Raises `Transient` where another process kept winning every race.
    """
    changed: set[str] = set()
    for mark, reports in _by_incident(readings, hosts).items():
        if _commit_one(documents, mark, reports, judge, now, route):
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


def _commit_one(
    documents: Documents, mark: Fingerprint, reports: list[Report], judge: Judge, now: str, route: Router
) -> bool:
    empty = Ledger(id=mark.incident_id, family=mark.family, ends=mark.ends)
    _, changed = change_ledger(
        documents, mark.incident_id, lambda found: fold(found or empty, reports, judge, now, route)
    )
    return changed
