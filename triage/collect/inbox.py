"""The inbox: raw inputs as they came, kept before anything reads them, never replaced.

One protocol for what puts inputs in; a folder serves it on a machine without Azure, a blob container in the cloud.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from triage.errors import BadInput, Transient


class Inbox(Protocol):
    """Named inputs, each written once."""

    def put(self, name: str, content: bytes) -> bool:
        """Keep `content` under `name` for good; False where the name is taken, and nothing is changed then.

        When it returns, the content survives a loss of power. Raises `Transient` where it cannot be kept now.
        """

    def open(self, name: str) -> IO[bytes] | None:
        """Open an input for reading from its start; None where there is none of this name."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the names that start so, in their order."""


class FolderInbox:
    """Inputs as files below one folder. A file appears whole, under its name, or not at all."""

    def __init__(self, root: Path) -> None:
        """`root` is made where it does not exist."""
        self._root = root

    def put(self, name: str, content: bytes) -> bool:
        """Keep one input; see `Inbox.put`. Raises `BadInput` for a name that leads out of the folder."""
        path = self._path(name)
        # The hidden name is passed over by whatever walks the folder.
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)  # fails where the name is taken, as a rename would not
            except FileExistsError:
                return False
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folders(path.parent, self._root)
        except OSError as error:
            raise Transient(f"The inbox {self._root} cannot be written: {error.strerror or error}.") from error
        return True

    def open(self, name: str) -> IO[bytes] | None:
        """Open one input; see `Inbox.open`."""
        try:
            return open(self._path(name), "rb")
        except FileNotFoundError:
            return None

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the names that start so; see `Inbox.list`."""
        found = (path for path in self._root.rglob("*") if path.is_file() and not path.name.startswith("."))
        names = (path.relative_to(self._root).as_posix() for path in found)
        return iter(sorted(name for name in names if name.startswith(prefix)))

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
            raise BadInput("An input's name consists of plain parts between slashes.")
        return self._root.joinpath(*parts)


class BlobInbox:
    """Inputs as blobs of one container, written with If-None-Match: *."""

    def __init__(self, container: Any) -> None:
        """`container` is a `ContainerClient` of azure-storage-blob."""
        self._container = container

    def put(self, name: str, content: bytes) -> bool:
        """Keep one input; see `Inbox.put`."""
        from azure.core.exceptions import AzureError, ResourceExistsError

        try:
            self._container.upload_blob(name, content, overwrite=False)
        except ResourceExistsError:
            return False
        except AzureError as error:
            raise Transient(f"The inbox cannot be written for now ({type(error).__name__}).") from error
        return True

    def open(self, name: str) -> IO[bytes] | None:
        """Open one input, read whole; see `Inbox.open`."""
        from io import BytesIO

        from azure.core.exceptions import ResourceNotFoundError

        try:
            return BytesIO(self._container.download_blob(name).readall())
        except ResourceNotFoundError:
            return None

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the names that start so; see `Inbox.list`."""
        return iter(self._container.list_blob_names(name_starts_with=prefix or None))


def _sync_folders(folder: Path, root: Path) -> None:
    """Make names durable, those of folders that were just made among them."""
    for one in (folder, *folder.parents):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if one == root:
            return
