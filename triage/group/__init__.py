"""Diagnoses to incidents: what belongs together, what follows from all of it, and exact counts."""

from triage.group.acts import (
    ActJournal,
    DocumentActs,
    InboxActs,
    acknowledge,
    act_on,
    apply_act,
    apply_waiting,
    read_act,
    resolve,
)
from triage.group.affected import affected
from triage.group.blobs import BlobDocuments
from triage.group.claims import Claimed, claim, due, give_up, notices_of, peek, put_off, replay, told
from triage.group.commit import commit
from triage.group.documents import Documents, Listed
from triage.group.fold import Judge
from triage.group.incident import find_incident, incidents, receiving_addresses
from triage.group.join import join
from triage.group.lease import BlobLease, FileLease, Lease
from triage.group.lifecycle import Periods, age
from triage.group.memory import MemoryDocuments
from triage.group.names import known_names, learn
from triage.group.notices import Router, nobody
from triage.group.readings import counted_reading, keep, uncounted, waiting
from triage.group.relate import relate
from triage.group.sqlite import SqliteDocuments

__all__ = [
    "ActJournal",
    "BlobDocuments",
    "BlobLease",
    "Claimed",
    "DocumentActs",
    "Documents",
    "FileLease",
    "InboxActs",
    "Judge",
    "Lease",
    "Listed",
    "MemoryDocuments",
    "Periods",
    "Router",
    "SqliteDocuments",
    "acknowledge",
    "act_on",
    "affected",
    "age",
    "apply_act",
    "apply_waiting",
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
    "read_act",
    "receiving_addresses",
    "relate",
    "replay",
    "resolve",
    "told",
    "uncounted",
    "waiting",
]
