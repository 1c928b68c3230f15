"""The document store in the cloud: one blob for each document, replaced under its ETag.

The SDK repeats a request whose answer was lost, and cannot know that the first one had landed: the repeated put then
loses against itself. Each put therefore carries a mark of its own, by which such a loss is seen to be none. So
`Conflict` means what the protocol says: somebody else.
"""

import base64
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from triage.azure_storage import code_of, in_our_words
from triage.errors import Conflict, Transient
from triage.group.documents import Listed, R, T, checked

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import BlobProperties, ContainerClient

LISTED_AT_ONCE = 1000
HEAD_BYTES = 5000
"""A head up to here travels as metadata, in base64: Azure Storage takes 8 KB of ASCII for all of a blob's metadata.
A longer one stands before the body, and a listing asks for those bytes alone."""

AT_ONCE = 8
"""Requests side by side: what the SDK's connection pool takes; more would wait for each other."""

REMOVED_AT_ONCE = 256
"""Azure Storage's own bound for one batch."""

_TRIES = 5
"""Times that a document changes under the reader before it gives up: each try reads the newest version."""


class BlobDocuments:
    """Documents in one container, which the first put makes where it is missing."""

    def __init__(self, container: "ContainerClient") -> None:
        """Use this container; nothing is asked of it yet."""
        self._container = container
        self._removals: list[str] | None = None

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag, or None."""
        self._remove_now()
        found = self._read(key)
        return None if found is None else found[:2]

    def get_many(self, keys: Iterable[str]) -> list[tuple[bytes, str] | None]:
        """Give the body and tag of each, in the order of the keys, several requests side by side."""
        self._remove_now()
        with ThreadPoolExecutor(AT_ONCE) as readers:
            return [None if found is None else found[:2] for found in readers.map(self._read, keys)]

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Insert (`if_match` None) or replace exactly the version named. Raises `Conflict` otherwise."""
        self._remove_now()
        with in_our_words(f"writing {key}"):
            try:
                return self._put(key, body, if_match, head)
            except _ContainerMissing:
                self._make_container()
                return self._put(key, body, if_match, head)

    def _put(self, key: str, body: bytes, if_match: str | None, head: bytes) -> str:
        from azure.core.exceptions import HttpResponseError

        mark, repeats = secrets.token_hex(8), _Repeats()
        metadata = {"mark": mark}
        if len(head) > HEAD_BYTES:
            metadata["head_bytes"], body = str(len(head)), head + body
        elif head:
            metadata["head"] = base64.b64encode(head).decode("ascii")
        blob = self._container.get_blob_client(checked(key))
        try:
            done = blob.upload_blob(body, metadata=metadata, retry_hook=repeats, **_only(if_match, overwrite=True))
        except HttpResponseError as error:
            if error.status_code == 404 and code_of(error) == "ContainerNotFound" and if_match is None:
                raise _ContainerMissing from error
            if not _is_lost_race(error):
                if error.status_code == 404:  # a version was to be replaced, and there is nothing at all
                    raise Conflict(f"The document {key} was removed by somebody else.") from error
                raise
            tag = self._tag_under(key, mark) if repeats.count else None
            if tag is None:
                raise Conflict(f"The document {key} was changed by somebody else.") from error
            return tag
        return _plain(done["etag"])

    def _tag_under(self, key: str, mark: str) -> str | None:
        """Give the tag of the document as it stands where this very put wrote it."""
        found = self._properties(key)
        written = found is not None and (found.metadata or {}).get("mark") == mark
        return _plain(found.etag) if found is not None and written else None

    def _properties(self, key: str) -> "BlobProperties | None":
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return self._container.get_blob_client(key).get_blob_properties()
        except ResourceNotFoundError:
            return None

    def _make_container(self) -> None:
        from azure.core.exceptions import ResourceExistsError

        try:
            self._container.create_container()
        except ResourceExistsError:
            return  # somebody else was first

    def list(self, prefix: str) -> Iterator[Listed]:
        """Give keys, tags and heads in key order; bodies stay where they are."""
        from azure.core.exceptions import HttpResponseError

        self._remove_now()
        found = self._container.list_blobs(
            name_starts_with=prefix or None, include=["metadata"], results_per_page=LISTED_AT_ONCE
        )
        with in_our_words(f"listing {prefix}"):
            try:
                for blob in found:
                    listed = self._listed(blob)
                    if listed is not None:
                        yield listed
            except HttpResponseError as error:
                if code_of(error) != "ContainerNotFound":
                    raise

    def _listed(self, blob: "BlobProperties") -> Listed | None:
        metadata = blob.metadata or {}
        if "head_bytes" not in metadata:
            return Listed(blob.name, _plain(blob.etag), base64.b64decode(metadata.get("head", "")))
        found = self._read(blob.name, int(metadata["head_bytes"]))
        return None if found is None else Listed(blob.name, found[1], found[2])

    def _read(self, key: str, only_head: int = 0) -> tuple[bytes, str, bytes] | None:
        """Give body, tag and head of one version; None where there is no such document."""
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        blob = self._container.get_blob_client(checked(key))
        with in_our_words(f"reading {key}"):
            for _ in range(_TRIES):
                try:
                    stream = blob.download_blob(0 if only_head else None, only_head or None)
                    content: bytes = stream.readall()
                except ResourceNotFoundError:
                    return None
                except ResourceModifiedError:
                    continue  # it changed between two pieces of one download
                metadata = stream.properties.metadata or {}
                cut = int(metadata.get("head_bytes", 0))
                if only_head and cut > only_head:
                    only_head = cut  # it has a longer one by now
                    continue
                head = content[:cut] or base64.b64decode(metadata.get("head", ""))
                return content[cut:], _plain(stream.properties.etag), head
        raise Transient(f"The document {key} changes faster than it can be read.")

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Remove a document if it is there; with a tag, that version alone. Raises `Conflict` for another."""
        checked(key)
        if if_match is None and self._removals is not None:
            self._removals.append(key)
            if len(self._removals) >= REMOVED_AT_ONCE:
                self._remove_now()
            return
        self._remove_now()
        self._delete(key, if_match)

    def _delete(self, key: str, if_match: str | None) -> None:
        from azure.core.exceptions import HttpResponseError

        with in_our_words(f"removing {key}"):
            try:
                self._container.delete_blob(key, **_only(if_match))
            except HttpResponseError as error:
                if error.status_code == 404:
                    return
                if not _is_lost_race(error):
                    raise
                # The service answers the same for another version and for none.
                if self._properties(key) is not None:
                    raise Conflict(f"The document {key} was changed by somebody else.") from error

    def each(self, work: Callable[[T], R], ones: Iterable[T]) -> Sequence[R]:
        """Do it for several side by side: most of the time of each is the way to the service and back."""
        self._remove_now()
        with ThreadPoolExecutor(AT_ONCE) as workers:
            return list(workers.map(work, ones))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Send removals in batches of the service: at the end, or before whatever else is asked meanwhile."""
        if self._removals is not None:
            yield
            return
        self._removals = []
        try:
            yield
            self._remove_now()
        finally:
            self._removals = None

    def _remove_now(self) -> None:
        while self._removals:
            keys, self._removals[:REMOVED_AT_ONCE] = self._removals[:REMOVED_AT_ONCE], []
            if len(keys) == 1:
                self._delete(keys[0], None)
                continue
            with in_our_words(f"removing {keys[0]} and {len(keys) - 1} more"):
                answers = self._container.delete_blobs(*keys, raise_on_any_failure=False)
                failed = [key for key, one in zip(keys, answers, strict=True) if one.status_code not in (202, 404)]
            for key in failed:
                self._delete(key, None)

    def close(self) -> None:
        """Do nothing: the client belongs to whoever made it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _ContainerMissing(Exception):
    """The container is to be made first."""


class _Repeats:
    """Counts how often the SDK repeated a request."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, **_: object) -> None:
        self.count += 1


def _only(tag: str | None, **when_matching: Any) -> dict[str, Any]:
    """Give the options that make a request apply to this version alone."""
    if tag is None:
        return {}
    from azure.core import MatchConditions

    return {"etag": f'"{tag}"', "match_condition": MatchConditions.IfNotModified, **when_matching}


def _is_lost_race(error: "HttpResponseError") -> bool:
    if error.status_code == 412:
        return code_of(error) != "LeaseIdMissing"  # somebody leased a document by hand: no reload will help
    return error.status_code == 409 and code_of(error) == "BlobAlreadyExists"


def _plain(etag: str | None) -> str:
    """Give an ETag without quotes: listings have none, headers do."""
    return (etag or "").strip('"')
