"""Diagnoses to incidents: what belongs together, what follows from all of it, and exact counts."""

from triage.group.affected import affected
from triage.group.blobs import BlobDocuments
from triage.group.claims import Claimed, claim, due, give_up, notices_of, peek, put_off, replay, told
from triage.group.commit import commit
from triage.group.documents import Documents, Listed
from triage.group.fold import Judge
from triage.group.incident import acknowledge, find_incident, incidents, receiving_addresses, resolve
from triage.group.join import join
from triage.group.lease import BlobLease, FileLease, Lease
from triage.group.memory import MemoryDocuments
from triage.group.names import known_names, learn
from triage.group.notices import Router, nobody
from triage.group.readings import counted_reading, keep, uncounted, waiting
from triage.group.relate import relate
from triage.group.sqlite import SqliteDocuments

__all__ = [
    "BlobDocuments",
    "BlobLease",
    "Claimed",
    "Documents",
    "FileLease",
    "Judge",
    "Lease",
    "Listed",
    "MemoryDocuments",
    "Router",
    "SqliteDocuments",
    "acknowledge",
    "affected",
    "claim",
    "commit",
    "counted_reading",
    "due",
    "find_incident",
    "give_up",
    "incidents",
    "join",
    "keep",
    "known_names",
    "learn",
    "nobody",
    "notices_of",
    "peek",
    "put_off",
    "receiving_addresses",
    "relate",
    "replay",
    "resolve",
    "told",
    "uncounted",
    "waiting",
]
