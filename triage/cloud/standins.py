"""Thin versions of parts that are written elsewhere, with the same names: each is replaced as a whole at the merge.

BlobDocuments → group/blobs.py; commit_waiting → pipeline.py; WholeLog → decode/protocol_log, LogReader.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, Self

from triage.decode.protocol_log import read_protocol_log
from triage.diagnose import judge
from triage.errors import Conflict
from triage.group import Documents, commit, uncounted
from triage.group.documents import Listed
from triage.hosts import Hosts
from triage.model import Document
from triage.pipeline import AT_ONCE, Parts

COMMIT_SECONDS = 240


class BlobDocuments:
    """The document store in one blob container."""

    def __init__(self, container: Any) -> None:
        """`container` is a `ContainerClient`."""
        self._container = container

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            found = self._container.download_blob(key)
        except ResourceNotFoundError:
            return None
        return found.readall(), found.properties.etag

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Insert or replace exactly the version named."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        blob = self._container.get_blob_client(key)
        metadata = {"head": base64.b64encode(head).decode()} if head else None
        try:
            if if_match is None:
                return str(blob.upload_blob(body, metadata=metadata)["etag"])
            done = blob.upload_blob(
                body, metadata=metadata, overwrite=True, etag=if_match, match_condition=MatchConditions.IfNotModified
            )
            return str(done["etag"])
        except (ResourceExistsError, ResourceModifiedError) as error:
            raise Conflict(f"The document {key} was changed by somebody else.") from error

    def list(self, prefix: str) -> Iterator[Listed]:
        """Give keys, tags and heads in key order."""
        for one in self._container.list_blobs(name_starts_with=prefix, include=["metadata"]):
            head = (one.metadata or {}).get("head")
            yield Listed(one.name, one.etag, base64.b64decode(head) if head else b"")

    def delete(self, key: str) -> None:
        """Remove a document if it is there."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            self._container.delete_blob(key)
        except ResourceNotFoundError:
            return

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Blobs have no transaction over several."""
        yield

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return


def commit_waiting(
    documents: Documents, parts: Parts, now: str, clock: Callable[[], float] = time.monotonic
) -> set[str]:
    """Count what waits, in batches, until nothing does or time is up; give the incidents that changed."""
    weigh = partial(judge, rulebook=parts.rulebook, hosts=parts.hosts)
    began = clock()
    changed: set[str] = set()
    while chunk := list(islice(uncounted(documents), AT_ONCE)):
        changed |= commit(documents, chunk, weigh, parts.hosts, now)
        if clock() - began > COMMIT_SECONDS:
            break
    return changed


class WholeLog:
    """A protocol log that is held and read at its end: its state is its bytes."""

    def __init__(self, hosts: Hosts, state: bytes | None = None) -> None:
        """Begin, or go on."""
        self._hosts = hosts
        self._held = bytearray(state or b"")

    def take(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._held += chunk

    def state(self) -> bytes:
        """Give what was taken."""
        return bytes(self._held)

    def end(self, *, last: bool = False) -> Document:  # noqa: ARG002
        """Give what the log says."""
        return read_protocol_log([bytes(self._held)], self._hosts)


def kick(incident: str) -> str:
    """Give the message that asks for an incident's notices."""
    return json.dumps({"incident": incident})
