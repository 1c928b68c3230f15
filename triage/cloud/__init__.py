"""What each function of the app does, with real parts: one function here for each trigger in `function_app.py`.

Settings and the storage account come from the environment. Each can be repeated and be killed at any line.
"""

import json
import time
from typing import Any

import msgspec
import structlog

from triage import pipeline, wiring
from triage.cloud.host_log import function
from triage.cloud.intake import Bounds, Intake, take_in_blob
from triage.cloud.poison import tell_waiting
from triage.cloud.storage import INBOX, INPUTS, NOTICES, Storage, storage_of
from triage.collect.event import BlobEvent, read_events
from triage.collect.inbox import BlobInbox
from triage.collect.limits import MIB
from triage.collect.upload import upload_name
from triage.decode import LogReader
from triage.errors import NotFound
from triage.group.acts import INBOX_ACTS
from triage.safe_text import log
from triage.settings import Settings, load_settings
from triage.upkeep import retain as clear
from triage.wiring import acts_of, lease_of, loaded_parts, now, periods_of, raw_mail_of, store_of

COMMIT_SECONDS = 240
"""How long one call counts: the next tick goes on before a function's five minutes are over."""

__all__ = [
    "commit_waiting",
    "live_on",
    "poll_mailbox",
    "read_blob",
    "relay_incident",
    "relay_waiting",
    "retain",
    "take_in_upload",
]


@function
def poll_mailbox() -> None:
    """Bring new mail of the mailbox into the inbox."""
    wiring.poll_mailbox()


@function
def read_blob(event: str) -> None:
    """Read the input that an event tells of, and keep what it says for the committer.

    Where time is up before its end, the event goes back on the queue and the next call goes on. Events of other kinds
    and for inputs that are gone are logged and done with. Raises `BadInput` for a message that is no event, so that
    it ends in the poison queue, where it is seen, and `Conflict` for an input that was replaced while it was read: the
    host tries again, with the new one.
    """
    storage = storage_of()
    events = read_events(event, INBOX)
    for one in events:
        if one.ignored is not None:
            structlog.get_logger().info("event_ignored", why=log(one.ignored))
        elif len(events) > 1 or not _read_one(storage, one):  # of several, each gets a call and its time for itself
            storage.send(INPUTS, one.message)


def _read_one(storage: Storage, event: BlobEvent) -> bool:
    if event.names[0].startswith(INBOX_ACTS):
        structlog.get_logger().info("act_written", act=log(event.names[0]))  # what people did is no input
        return True
    settings = load_settings()
    try:
        blob = _newest(storage, event)
        with store_of(settings) as documents:
            intake = Intake(
                documents=documents,
                parts=loaded_parts(settings),
                begin_log=LogReader,
                now=now,
                bounds=_bounds(settings),
            )
            done = take_in_blob(blob, intake)
    except NotFound:
        structlog.get_logger().info("input_gone", input=log(event.names[0]))
        return True
    structlog.get_logger().info("input_read" if done else "input_read_in_part", input=log(blob.name), size=blob.size)
    return done


def _newest(storage: Storage, event: BlobEvent) -> Any:
    for name in event.names[:-1]:
        try:
            return storage.open_blob(event.container, name)
        except NotFound:
            continue
    return storage.open_blob(event.container, event.names[-1])


@function
def commit_waiting() -> None:
    """Count the readings that wait, and ask for the notices of the incidents that changed."""
    settings = load_settings()
    deadline = time.monotonic() + COMMIT_SECONDS
    with store_of(settings) as documents:
        changed = pipeline.commit_waiting(documents, loaded_parts(settings), now(), deadline, lease_of(settings))
    _kick(changed)
    structlog.get_logger().info("committed", incidents=len(changed))


@function
def live_on() -> None:
    """Apply what time alone changes, and acts that did not take effect; ask for the notices of what changed."""
    settings = load_settings()
    with store_of(settings) as documents:
        changed = pipeline.live_on(documents, loaded_parts(settings), acts_of(settings, documents), now())
    _kick(changed)
    structlog.get_logger().info("lived_on", incidents=len(changed))


def _kick(changed: set[str]) -> None:
    storage = storage_of()
    for incident in sorted(changed):
        storage.send(NOTICES, json.dumps({"incident": incident}))


@function
def relay_incident(message: str) -> None:
    """Send what waits to be told of one incident."""
    wiring.relay_incident(message)


@function
def relay_waiting() -> None:
    """Send what waits to be told of any incident; say how many messages lie in the poison queues, for the alert."""
    tell_waiting(storage_of())
    wiring.relay_waiting()


@function
def retain() -> None:
    """Remove what is older than the settings say."""
    settings = load_settings()
    with store_of(settings) as documents:
        removed = clear(documents, raw_mail_of(settings), periods_of(settings), now())
    structlog.get_logger().info("retained", **msgspec.to_builtins(removed))


@function
def take_in_upload(body: bytes, name: str) -> dict[str, object]:
    """Keep one posted input in the inbox; its event has it read. Gives its SHA-256, its name there, and whether it is new.

    Raises `Transient` where the inbox takes nothing for now.
    """
    digest, place = upload_name(body, name, now()[:10])
    is_new = BlobInbox(storage_of().blobs.get_container_client(INBOX)).put(place, body)
    return {"sha256": digest, "name": place, "new": is_new}


def _bounds(settings: Settings) -> Bounds:
    return Bounds(largest_bytes=settings.intake.largest_mb * MIB)
