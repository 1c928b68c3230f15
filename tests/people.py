"""What people do most often to incidents, as tests do it: one call of `act_on` each."""

from triage.group import ActJournal, Documents, Router, act_on, nobody
from triage.model import Incident


def acknowledge(
    documents: Documents,
    incident_id: str,
    by: str,
    now: str,
    *,
    until: str | None = None,
    route: Router = nobody,
    journal: ActJournal | None = None,
) -> Incident:
    """Say that somebody has the incident."""
    return act_on(documents, incident_id, "acknowledge", by, now, until=until, route=route, journal=journal)


def resolve(
    documents: Documents,
    incident_id: str,
    reason: str,
    now: str,
    *,
    route: Router = nobody,
    journal: ActJournal | None = None,
) -> Incident:
    """Close the incident by hand."""
    return act_on(documents, incident_id, "resolve", "", now, text=reason, route=route, journal=journal)
