"""Committing readings to incidents: one conditional put for each incident and batch, repeated until it lands."""

from collections.abc import Sequence

from triage.errors import Transient
from triage.group.documents import Documents
from triage.group.fingerprint import Fingerprint, fingerprint
from triage.group.fold import Judge, Report, fold, report_key
from triage.group.join import finish_move
from triage.group.ledger import Ledger
from triage.group.notices import Router, nobody
from triage.group.readings import counted
from triage.group.stored import MAX_JOINED, change_ledger
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

    def one(group: tuple[Fingerprint, list[Report]]) -> str | None:
        return _commit_one(documents, *group, judge, hosts, now, route)

    done = documents.each(one, _by_incident(readings, hosts).items())
    with documents.batch():
        for reading in readings:
            counted(documents, reading.sha256)
    return {incident_id for incident_id in done if incident_id is not None}


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
    documents: Documents, mark: Fingerprint, reports: list[Report], judge: Judge, hosts: Hosts, now: str, route: Router
) -> str | None:
    """Fold reports into their incident, or into the one in which it went on. Gives its id where something was new."""
    incident_id = mark.incident_id

    def change(found: Ledger | None) -> Ledger:
        ledger = found or Ledger(id=incident_id, family=mark.family, ends=mark.ends)
        return ledger if ledger.joined_to is not None else fold(ledger, reports, judge, now, route)

    for _ in range(MAX_JOINED):
        ledger, changed = change_ledger(documents, incident_id, change)
        if ledger.joined_to is None:
            return incident_id if changed else None
        # A report that is counted in what was frozen must be known where it goes on, before it comes there again.
        incident_id = (
            finish_move(documents, ledger.id, hosts, judge, now, route) if ledger.reports else ledger.joined_to
        )
    raise Transient(f"Incident {mark.incident_id} went on in others more than {MAX_JOINED} times.")
