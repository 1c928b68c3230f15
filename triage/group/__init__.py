"""Diagnoses to incidents: what belongs together, what follows from all of it, and exact counts."""

from triage.group.affected import affected
from triage.group.blobs import BlobDocuments
from triage.group.commit import commit
from triage.group.documents import Documents, Listed
from triage.group.fold import Judge
from triage.group.incident import acknowledge, find_incident, incidents, resolve
from triage.group.lease import BlobLease, FileLease, Lease
from triage.group.memory import MemoryDocuments
from triage.group.readings import counted_reading, keep, uncounted, waiting
from triage.group.sqlite import SqliteDocuments

__all__ = [
    "BlobDocuments",
    "BlobLease",
    "Documents",
    "FileLease",
    "Judge",
    "Lease",
    "Listed",
    "MemoryDocuments",
    "SqliteDocuments",
    "acknowledge",
    "affected",
    "commit",
    "counted_reading",
    "find_incident",
    "incidents",
    "keep",
    "resolve",
    "uncounted",
    "waiting",
]
