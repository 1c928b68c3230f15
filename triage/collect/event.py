"""What Event Grid says in a queue message: which blob was written.

Both schemas are read (Event Grid's own and CloudEvents 1.0), as plain JSON or in base64, one event or a list. The
address in an event is never followed: only the container and the blob's name count, and only in our own account.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from triage.errors import BadInput

BLOB_CREATED = "Microsoft.Storage.BlobCreated"

NAME_CHARACTERS = 1024
"""Azure Storage's own bound for a blob's name."""

_SUBJECT = "/blobServices/default/containers/"
_NO_CONTENT_YET = frozenset({"CreateFile", "SftpCreate"})
"""Calls that make an empty file whose content comes with a later call, which has an event of its own."""


class BlobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. `ignored` says why it is none of ours; `container` and `names` tell the blob.

    `names` has the blob's name as the subject gives it, and second as the address gives it where that differs.
    `message` is this event alone, as JSON: what to put back on the queue to read on later.
    """

    message: str
    container: str = ""
    names: tuple[str, ...] = ()
    ignored: str | None = None


def read_events(message: str, container: str) -> list[BlobEvent]:
    """Give the events of one queue message, those for other containers or of other kinds marked as ignored.

    Raises `BadInput` for a message that is no event.
    """
    value = _json(message)
    events = value if isinstance(value, list) else [value]
    return [_event(one, container) for one in events]


def _json(message: str) -> Any:
    text = message.strip().removeprefix("\ufeff")
    try:
        if not text.startswith(("{", "[")):
            text = base64.b64decode(text, validate=True).decode("utf-8-sig")
        return json.loads(text)
    except (ValueError, binascii.Error, RecursionError) as error:
        raise BadInput("The queue message is no event: neither JSON nor JSON in base64.") from error


def _event(value: Any, wanted: str) -> BlobEvent:
    if not isinstance(value, dict):
        raise BadInput("The queue message is no event: a JSON object is missing.")
    message = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    kind = value.get("eventType", value.get("type"))
    if not isinstance(kind, str):
        raise BadInput("The queue message is no event: it has no eventType (Event Grid) and no type (CloudEvents).")
    if kind != BLOB_CREATED:
        return BlobEvent(message=message, ignored=f"it tells of {kind[:100]}")
    data = value.get("data")
    data = data if isinstance(data, dict) else {}
    if data.get("api") in _NO_CONTENT_YET:
        return BlobEvent(message=message, ignored="the file was begun and has no content yet")
    found = list(dict.fromkeys(_places(value.get("subject"), data.get("url"))))
    if not found:
        raise BadInput("The event names no blob: its subject and its data.url have none.")
    container = found[0][0]
    if container != wanted:
        return BlobEvent(message=message, ignored=f"the container is {container[:100]}, not {wanted}")
    return BlobEvent(
        message=message, container=container, names=tuple(name for where, name in found if where == wanted)
    )


def _places(subject: Any, url: Any) -> Iterator[tuple[str, str]]:
    """Give container and name as the subject has them, unescaped, then as the address has them, escaped as in URLs."""
    if isinstance(subject, str) and subject.startswith(_SUBJECT):
        container, _, name = subject.removeprefix(_SUBJECT).partition("/blobs/")
        if container and 0 < len(name) <= NAME_CHARACTERS:
            yield container, name
    if isinstance(url, str):
        try:
            path = unquote(urlsplit(url).path, errors="strict").lstrip("/")
        except ValueError:
            return
        container, _, name = path.partition("/")
        if container and 0 < len(name) <= NAME_CHARACTERS:
            yield container, name
