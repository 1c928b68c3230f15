"""Azure's host in small: new blobs become events, queues and timers run the app's functions through the worker library.

Azurite tells nobody of a new blob, so the inbox is listed and each blob that was not seen before is put on the queue
as the event that Event Grid would send. What was seen is not kept: after a restart every blob is told of again, and
reading one twice changes nothing.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import structlog

from triage.cloud.storage import INBOX, INPUTS, STORE, Storage
from triage.errors import Misconfigured
from triage.local.cron import Schedule
from triage.local.worker import Failed, Worker

SCHEDULES = {
    "PollCron": "0 */2 * * * *",
    "CommitCron": "*/15 * * * * *",
    "RelayCron": "30 */5 * * * *",
    "LifecycleCron": "45 */15 * * * *",
    "RetentionCron": "0 30 3 * * *",
}
"""Where the environment sets no schedule: counting comes soon here, since somebody sits before the screen."""


def make_containers(storage: Storage) -> None:
    """Make the two containers."""
    from azure.core.exceptions import ResourceExistsError

    for name in (INBOX, STORE):
        try:
            storage.blobs.create_container(name)
        except ResourceExistsError:
            continue


class Announcer:
    """Puts an event on the queue for each new blob of the inbox."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._seen: dict[str, str] = {}

    def turn(self) -> int:
        """Tell of every blob that is new or was replaced; give how many."""
        count = 0
        for blob in self._storage.blobs.get_container_client(INBOX).list_blobs():
            if self._seen.get(blob.name) != blob.etag:
                self._storage.send(INPUTS, json.dumps(event_of(self._storage, blob)))
                self._seen[blob.name] = blob.etag
                count += 1
        return count


def event_of(storage: Storage, blob: Any) -> dict[str, Any]:
    """Give the event that Event Grid sends for a blob, in its own schema."""
    return {
        "topic": "/subscriptions/local/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/local",
        "subject": f"/blobServices/default/containers/{INBOX}/blobs/{blob.name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": blob.etag.strip('"'),
        "data": {
            "api": "PutBlob",
            "eTag": blob.etag.strip('"'),
            "contentType": blob.content_settings.content_type,
            "contentLength": blob.size,
            "blobType": "BlockBlob",
            "url": f"{storage.blobs.url.rstrip('/')}/{INBOX}/{quote(blob.name)}",
        },
        "dataVersion": "",
        "metadataVersion": "1",
        "eventTime": blob.last_modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


class Timers:
    """Runs the app's timer triggers when they are due."""

    def __init__(self, worker: Worker, environment: Mapping[str, str] | None = None) -> None:
        """Read the schedules. Raises `Misconfigured` where one is wrong, or names a setting that is not there."""
        self._worker = worker
        found = {**SCHEDULES, **(os.environ if environment is None else environment)}
        self._schedules = {
            name: Schedule(_resolved(one["schedule"], name, found))
            for name, bindings in worker.bindings.items()
            for one in bindings
            if one["type"] == "timerTrigger"
        }
        now = datetime.now(UTC)
        self._due = {name: schedule.after(now) for name, schedule in self._schedules.items()}

    def turn(self, now: datetime) -> list[str]:
        """Run what is due, and set its next time. Gives the names of what ran, the failed ones among them."""
        due = [name for name, moment in self._due.items() if moment <= now]
        for name in due:
            self.fire(name, is_late=(now - self._due[name]).total_seconds() > 1)
            self._due[name] = self._schedules[name].after(max(now, datetime.now(UTC)))
        return due

    def fire(self, name: str, *, is_late: bool = False) -> bool:
        """Run one timer's function now; False where it failed, which is logged."""
        due = self._due[name].isoformat()
        status = {"Last": due, "Next": due, "LastUpdated": due}
        data = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": is_late}
        try:
            self._worker.invoke(name, self._worker.typed(json=json.dumps(data)))
        except Failed as error:
            structlog.get_logger().warning("function_failed", function=name, why=str(error)[:500])
            return False
        return True


def _resolved(schedule: str, function: str, settings: Mapping[str, str]) -> str:
    if not (schedule.startswith("%") and schedule.endswith("%")):
        return schedule
    name = schedule.strip("%")
    if name not in settings:
        raise Misconfigured(f"The schedule of {function} is the setting {name}, which is not there.")
    return settings[name]
