"""All that a sink needs to write one message."""

from dataclasses import dataclass

from triage.model import FilledRunbook, Incident, Notice
from triage.notify.phrases import Texts


@dataclass(frozen=True, slots=True)
class Letter:
    """One message: its id, the incident as it stands, its steps, and the notices that it tells, the oldest first."""

    id: str
    incident: Incident
    runbook: FilledRunbook
    notices: tuple[Notice, ...]
    texts: Texts
    redact: bool
    now: str
