"""Raw mail where it is kept: the `inbox` container in the cloud, a folder on a machine without Azure."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import msgspec

from triage.azure_storage import code_of, in_our_words
from triage.collect.ranges import ranged
from triage.errors import NotFound

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient


class Raw(msgspec.Struct, frozen=True, order=True):
    """One input: when it came (UTC, RFC 3339), its name there, its size in bytes."""

    at: str
    name: str
    size: int


class RawMail(Protocol):
    """Raw inputs, each written once by whoever put it there."""

    @property
    def place(self) -> str:
        """Give what stands before a name to tell people where it is."""

    def list(self, prefix: str = "") -> Iterator[Raw]:
        """Give all inputs whose names start so."""

    def open(self, name: str) -> IO[bytes]:
        """Open one for reading, seekable. Raises `NotFound` where it is gone."""

    def delete(self, name: str) -> None:
        """Remove one; one that is not there is no error."""


class ContainerMail:
    """Raw inputs in a blob container."""

    def __init__(self, container: "ContainerClient") -> None:
        """Use this container; nothing is asked of it yet."""
        self._container = container

    @property
    def place(self) -> str:
        """Give the container's name and a slash."""
        return f"{self._container.container_name}/"

    def list(self, prefix: str = "") -> Iterator[Raw]:
        """Give the inputs; none where there is no container yet. See `RawMail.list`."""
        from azure.core.exceptions import HttpResponseError

        with in_our_words(f"listing {self.place}"):
            try:
                for blob in self._container.list_blobs(name_starts_with=prefix or None):
                    yield Raw(_text(blob.creation_time), blob.name, blob.size)
            except HttpResponseError as error:
                if code_of(error) != "ContainerNotFound":
                    raise

    def open(self, name: str) -> IO[bytes]:
        """Open one, to be read in ranges; see `RawMail.open`."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceNotFoundError

        blob = self._container.get_blob_client(name)
        with in_our_words(f"reading {self.place}{name}"):
            try:
                found = blob.get_blob_properties()
            except ResourceNotFoundError as error:
                raise NotFound(f"There is no {self.place}{name} any more.") from error

        def read(start: int, length: int) -> bytes:
            with in_our_words(f"reading {self.place}{name}"):
                given = blob.download_blob(
                    start, length, etag=found.etag, match_condition=MatchConditions.IfNotModified
                ).readall()
            return bytes(given)

        return ranged(read, found.size)

    def delete(self, name: str) -> None:
        """Remove one; see `RawMail.delete`."""
        from azure.core.exceptions import ResourceNotFoundError

        with in_our_words(f"removing {self.place}{name}"):
            try:
                self._container.delete_blob(name)
            except ResourceNotFoundError:
                return


class FolderMail:
    """Raw inputs as files below one folder; hidden files are none."""

    def __init__(self, root: Path) -> None:
        """Name the folder. Raises `NotFound` where there is none."""
        if not root.is_dir():
            raise NotFound(f"There is no folder {root}.")
        self._root = root

    @property
    def place(self) -> str:
        """Give the folder and a slash."""
        return f"{self._root}/"

    def list(self, prefix: str = "") -> Iterator[Raw]:
        """Give the inputs; see `RawMail.list`."""
        for folder, folders, names in os.walk(self._root):
            folders[:] = [one for one in folders if not one.startswith(".")]
            for name in names:
                path = Path(folder, name)
                place = path.relative_to(self._root).as_posix()
                is_wanted = place.startswith(prefix) and not name.startswith(".")
                if is_wanted and path.is_file() and not path.is_symlink():
                    status = path.stat()
                    yield Raw(_text(datetime.fromtimestamp(status.st_mtime, UTC)), place, status.st_size)

    def open(self, name: str) -> IO[bytes]:
        """Open one; see `RawMail.open`."""
        try:
            return (self._root / name).open("rb")
        except OSError as error:
            raise NotFound(f"{self._root / name} cannot be read: {error.strerror}.") from error

    def delete(self, name: str) -> None:
        """Remove one; see `RawMail.delete`."""
        (self._root / name).unlink(missing_ok=True)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
