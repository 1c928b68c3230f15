"""Queue triggers as Azure's host serves them: base64, leases that are renewed, a count of tries, a poison queue."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from triage.cloud.storage import POISON, Storage, decoded
from triage.errors import Misconfigured
from triage.local.worker import Failed, Message, Worker

LEASE_SECONDS = 60
"""How long a message stays hidden while it is worked on: a process that is killed gives it back after that."""

RENEW_SECONDS = 20

Settle = Callable[[Any], object]
"""What is to be done with a message in the end, told apart from the message, whose receipt changes at each renewal."""


class QueueRules(msgspec.Struct, frozen=True, rename="camel"):
    """`extensions.queues` of host.json: only what is used here."""

    batch_size: int = 16
    max_dequeue_count: int = 5
    visibility_timeout: str = "00:00:00"
    message_encoding: str = "base64"

    @property
    def retry_seconds(self) -> int:
        """Give the seconds between a failure and the next try."""
        hours, minutes, seconds = map(int, self.visibility_timeout.split(":"))
        return (hours * 60 + minutes) * 60 + seconds


def queue_rules(folder: Path) -> QueueRules:
    """Read the rules of the app in `folder`. Raises `Misconfigured` where host.json is missing or no such file."""
    try:
        found = json.loads((folder / "host.json").read_bytes())
        return msgspec.convert(found.get("extensions", {}).get("queues", {}), QueueRules)
    except (OSError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"The file host.json cannot be read: {error}.") from error


class QueuePump:
    """Gives the messages of the app's queues to its queue triggers."""

    def __init__(self, worker: Worker, storage: Storage, rules: QueueRules) -> None:
        self._worker = worker
        self._storage = storage
        self._rules = rules
        self._pool = ThreadPoolExecutor(rules.batch_size, "queue")
        self._triggers = [
            (name, one["queueName"])
            for name, found in worker.bindings.items()
            for one in found
            if one["type"] == "queueTrigger"
        ]

    def make_queues(self) -> None:
        """Make the queues that the triggers and their poison messages need."""
        from azure.core.exceptions import ResourceExistsError

        for _, queue in self._triggers:
            for name in (queue, queue + POISON):
                try:
                    self._storage.queue(name).create_queue()
                except ResourceExistsError:
                    continue

    def turn(self) -> int:
        """Take one batch of each queue and invoke its trigger for each message; give how many messages there were."""
        running: dict[Future[Settle], tuple[Any, Any]] = {}
        for function, queue in self._triggers:
            client = self._storage.queue(queue)
            for message in client.receive_messages(
                max_messages=self._rules.batch_size, messages_per_page=min(self._rules.batch_size, 32),
                visibility_timeout=LEASE_SECONDS,
            ):  # fmt: skip
                running[self._pool.submit(self._handle, function, queue, message)] = (client, message)
        count = len(running)
        while running:
            done, _ = wait(running, timeout=RENEW_SECONDS)
            for one in done:
                _, message = running.pop(one)
                _quietly(one.result(), message)
            for client, message in running.values():
                _quietly(partial(self._renew, client), message)
        return count

    def close(self) -> None:
        """Wait for what is being worked on."""
        self._pool.shutdown()

    def _handle(self, function: str, queue: str, message: Any) -> Settle:
        """Invoke the trigger; give what is to be done with the message, for the thread that renews its lease."""
        client = self._storage.queue(queue)
        try:
            self._worker.invoke(function, self._worker.typed(string=decoded(message.content)), self._metadata(message))
        except Failed as error:
            structlog.get_logger().warning(
                "function_failed", function=function, tries=message.dequeue_count, why=str(error)[:500]
            )
            if message.dequeue_count >= self._rules.max_dequeue_count:
                return lambda held: self._give_up(queue, client, held)
            return lambda held: client.update_message(held, visibility_timeout=self._rules.retry_seconds)
        return client.delete_message

    def _give_up(self, queue: str, client: Any, message: Any) -> None:
        # Put there before it is taken away here: a process killed in between leaves two, and each may come twice.
        self._storage.queue(queue + POISON).send_message(message.content, time_to_live=-1)
        client.delete_message(message)
        structlog.get_logger().error("message_given_up", queue=queue, id=message.id)

    def _renew(self, client: Any, message: Any) -> None:
        renewed = client.update_message(message, visibility_timeout=LEASE_SECONDS)
        message.pop_receipt = renewed.pop_receipt

    def _metadata(self, message: Any) -> dict[str, Message]:
        typed = self._worker.typed
        times = {
            "InsertionTime": message.inserted_on,
            "ExpirationTime": message.expires_on,
            "NextVisibleTime": message.next_visible_on,
        }
        return {
            "Id": typed(string=message.id),
            "DequeueCount": typed(json=json.dumps(message.dequeue_count)),
            "PopReceipt": typed(string=message.pop_receipt),
            **{name: typed(json=json.dumps(_iso(time))) for name, time in times.items()},
        }


def _quietly(work: Settle, message: Any) -> None:
    """Do something with one message; where it fails, the message comes again when its lease ends, the others go on."""
    from azure.core.exceptions import AzureError

    try:
        work(message)
    except AzureError as error:
        structlog.get_logger().warning("message_not_settled", why=type(error).__name__)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.strftime("%Y-%m-%dT%H:%M:%S+00:00")
