"""Diagnoses to incidents: what belongs together, what follows from all of it, and exact counts."""

from triage.group.affected import affected
from triage.group.commit import commit
from triage.group.documents import Documents, Listed
from triage.group.fold import Judge
from triage.group.incident import acknowledge, find_incident, incidents, receiving_addresses, resolve
from triage.group.join import join
from triage.group.names import known_names, learn
from triage.group.readings import counted_reading, keep, uncounted
from triage.group.relate import relate
from triage.group.sqlite import SqliteDocuments

__all__ = [
    "Documents",
    "Judge",
    "Listed",
    "SqliteDocuments",
    "acknowledge",
    "affected",
    "commit",
    "counted_reading",
    "find_incident",
    "incidents",
    "join",
    "keep",
    "known_names",
    "learn",
    "receiving_addresses",
    "relate",
    "resolve",
    "uncounted",
]
