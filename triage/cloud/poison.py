"""Messages that the host gave up on after five tries: shown, put back, or dropped.

The host moves them to `<queue>-poison` as they are. Putting one back sends it before it is taken away, so that a
process killed in between leaves it twice, and twice changes nothing.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from triage.azure_storage import translated
from triage.cloud.storage import INBOX, INPUTS, NOTICES, POISON, Storage, decoded
from triage.collect.event import read_events
from triage.collect.given_up import tell_given_up
from triage.errors import BadInput, NotFound, TriageError

QUEUES = (INPUTS, NOTICES)

ROLE = "Storage Queue Data Contributor"

AT_ONCE = 32
"""Messages that the service shows in one answer."""

HIDDEN_SECONDS = 60
"""How long a message that is looked at for its id stays hidden; one that is not meant is shown again at once."""


class Poisoned(msgspec.Struct, frozen=True):
    """One message: the queue that it was meant for, its id, since when it lies there (UTC), and what it is about."""

    queue: str
    id: str
    at: str
    tries: int
    about: str


def poisoned(storage: Storage, queue: str) -> tuple[list[Poisoned], int]:
    """Give the oldest messages of a queue's poison queue, at most 32, and how many there are in all.

    Raises `Transient` where the service cannot be asked, `Misconfigured` where it refuses.
    """
    client = storage.queue(queue + POISON)
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    try:
        count = client.get_queue_properties().approximate_message_count or 0
        return [_poisoned(queue, one) for one in client.peek_messages(AT_ONCE)], count
    except ResourceNotFoundError:  # the host makes the queue with its first message
        return [], 0
    except AzureError as error:
        raise _told(queue, error) from error


def tell_waiting(storage: Storage) -> None:
    """Log one line for each poison queue with the number of its messages, none among them: an alert ends by that.

    Raises `Transient` where the service cannot be asked.
    """
    tell_given_up(lambda queue: poisoned(storage, queue.removesuffix(POISON))[1])


def replay(storage: Storage, queue: str, ids: Sequence[str]) -> int:
    """Put messages back on their queue, all where no id is named; give how many.

    Raises `NotFound` for an id that is not there, `Transient` where the service fails.
    """
    return _settle(storage, queue, ids, put_back=True)


def drop(storage: Storage, queue: str, ids: Sequence[str]) -> int:
    """Take messages away for good, all where no id is named; give how many. Raises as `replay`."""
    return _settle(storage, queue, ids, put_back=False)


def _settle(storage: Storage, queue: str, ids: Sequence[str], *, put_back: bool) -> int:
    client = storage.queue(queue + POISON)
    from azure.core.exceptions import AzureError

    count = 0
    try:
        for message in _meant(client, set(ids)):
            if put_back:
                storage.queue(queue).send_message(message.content, time_to_live=-1)
            client.delete_message(message)
            count += 1
    except AzureError as error:
        if getattr(error, "error_code", None) != "QueueNotFound":  # the host makes it with its first message
            raise _told(queue, error) from error
    if ids and count < len(set(ids)):
        raise NotFound(f"{len(set(ids)) - count} of the messages named are not in {queue}{POISON}; {count} were done.")
    return count


def _meant(client: Any, ids: set[str]) -> Iterator[Any]:
    """Give the messages with these ids, or all; whatever else was looked at is shown again at the end."""
    missing = set(ids)
    held: dict[str, Any] = {}
    try:
        while page := list(client.receive_messages(max_messages=AT_ONCE, visibility_timeout=HIDDEN_SECONDS)):
            held.update({message.id: message for message in page})
            for message in page:
                if not ids or message.id in missing:
                    yield message
                    del held[message.id]
                    missing.discard(message.id)
            if ids and not missing:
                return
    finally:
        for message in held.values():
            client.update_message(message, visibility_timeout=0)


def _poisoned(queue: str, message: Any) -> Poisoned:
    at = message.inserted_on.strftime("%Y-%m-%dT%H:%M:%SZ") if message.inserted_on else ""
    return Poisoned(queue, message.id, at, message.dequeue_count or 0, about(decoded(message.content)))


def about(text: str) -> str:
    """Give what a message is about: a blob, an incident, else its beginning."""
    try:
        events = read_events(text, INBOX)
        return ", ".join(f"{one.container}/{one.names[0]}" if one.names else one.ignored or "" for one in events)
    except BadInput:
        pass
    try:
        value = json.loads(text)
    except ValueError:
        return text[:200]
    incident = value.get("incident") if isinstance(value, dict) else None
    return f"incident {incident}" if isinstance(incident, str) else text[:200]


def _told(queue: str, error: Exception) -> TriageError:
    return translated(error, f"asking for the queue {queue}{POISON}", ROLE)
