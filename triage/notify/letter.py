"""All that a sink needs to write one message."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from triage.model import Affected, FilledRunbook, Incident, Notice
from triage.model.mark import Mark
from triage.notify.phrases import Texts
from triage.notify.ticket_rows import Records


def _nobody() -> Sequence[Affected]:
    return ()


@dataclass(frozen=True, slots=True)
class Letter:
    """One message: its id, the incident as it stands, its steps, and the notices that it tells, the oldest first.

    `absorbed` are incidents that went on in this one. `records` is where a sink remembers what it made of an incident,
    and `affected` reads the list of affected mail; both are for sinks that ask. `mark` is how mail of ours is known again;
    `team` is whose the incident is, by the routing.
    """

    id: str
    incident: Incident
    runbook: FilledRunbook
    notices: tuple[Notice, ...]
    texts: Texts
    redact: bool
    now: str
    absorbed: tuple[str, ...] = ()
    records: Records | None = None
    mark: Mark | None = None
    affected: Callable[[], Sequence[Affected]] = _nobody
    team: str | None = None
