"""Diagnoses to incidents: what belongs together, what follows from all of it, and exact counts."""

from triage.group.acts import (
    ActJournal,
    DocumentActs,
    InboxActs,
    act_on,
    apply_act,
    apply_waiting,
    read_act,
    silence_all,
)
from triage.group.affected import affected
from triage.group.blobs import BlobDocuments
from triage.group.bundles import (
    ClaimedBundle,
    bundle_told,
    claim_bundle,
    give_up_bundle,
    put_off_bundle,
    release_held,
    still_open,
    waiting_for,
)
from triage.group.claims import Claimed, claim, due, facts_by_id, give_up, notices_of, peek, put_off, replay, told
from triage.group.commit import commit
from triage.group.documents import Documents, Listed
from triage.group.fold import Judge
from triage.group.incident import find_incident, incidents, receiving_addresses
from triage.group.join import join
from triage.group.lease import BlobLease, FileLease, Lease
from triage.group.lifecycle import Periods, age
from triage.group.memory import MemoryDocuments
from triage.group.names import known_names, learn
from triage.group.notices import Router, Timer, at_once, nobody
from triage.group.readings import counted_readings, keep, uncounted, waiting
from triage.group.relate import relate
from triage.group.silences import Silence, lift, silences, silent_now, under
from triage.group.sqlite import SqliteDocuments
from triage.group.telling import not_full, room_left, say_full, take_room, telling

__all__ = [
    "ActJournal",
    "BlobDocuments",
    "BlobLease",
    "Claimed",
    "ClaimedBundle",
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
    "Silence",
    "SqliteDocuments",
    "Timer",
    "act_on",
    "affected",
    "age",
    "apply_act",
    "apply_waiting",
    "at_once",
    "bundle_told",
    "claim",
    "claim_bundle",
    "commit",
    "counted_readings",
    "due",
    "facts_by_id",
    "find_incident",
    "give_up",
    "give_up_bundle",
    "incidents",
    "join",
    "keep",
    "known_names",
    "learn",
    "lift",
    "nobody",
    "not_full",
    "notices_of",
    "peek",
    "put_off",
    "put_off_bundle",
    "read_act",
    "receiving_addresses",
    "relate",
    "release_held",
    "replay",
    "room_left",
    "say_full",
    "silence_all",
    "silences",
    "silent_now",
    "still_open",
    "take_room",
    "telling",
    "told",
    "uncounted",
    "under",
    "waiting",
    "waiting_for",
]
