"""The inbox: raw inputs as they came, kept before anything reads them, never replaced. Everything can be rebuilt from it.

One protocol; a folder serves it on a machine without Azure, a blob container in the cloud.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Protocol
from urllib.parse import quote

import msgspec

from triage.collect.limits import MIB
from triage.errors import BadInput, Misconfigured, Transient

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

IN_MEMORY = 32 * MIB
"""Of a blob that is being read: a larger one lies in a temporary file meanwhile."""

NAME_CHARACTERS = 1024
"""Azure's own bound for the name of a blob."""


class Inbox(Protocol):
    """Named inputs, each written once."""

    def put(self, name: str, content: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Keep `content` under `name` for good; False where the name is taken, and nothing is changed then.

        When it returns, the content survives a loss of power. `metadata` says where it came from; its names are
        plain words. Raises `Transient` where it cannot be kept now, `Misconfigured` where it never can.
        """

    def open(self, name: str) -> IO[bytes] | None:
        """Open an input for reading from its start, and for seeking; None where there is none of this name."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the names that start so, in their order."""


class FolderInbox:
    """Inputs as files below one folder. A file appears whole, under its name, or not at all.

    Metadata lies beside it in a hidden file, which whatever walks the folder passes over.
    """

    def __init__(self, root: Path) -> None:
        """`root` is made with the first input."""
        self._root = root

    def put(self, name: str, content: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Keep one input; see `Inbox.put`. Raises `BadInput` for a name that leads out of the folder."""
        path = self._path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                return False
            if metadata:
                _write(path.with_name(f".{path.name}.json"), msgspec.json.encode(dict(metadata)))
            is_new = _write(path, content)
            _sync_folders(path.parent, self._root)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise Transient(f"The inbox {self._root} cannot be written: {why}.") from error
        return is_new

    def open(self, name: str) -> IO[bytes] | None:
        """Open one input; see `Inbox.open`."""
        try:
            return open(self._path(name), "rb")
        except FileNotFoundError:
            return None

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the names that start so; see `Inbox.list`."""
        files = (path for path in self._root.rglob("*") if path.is_file() and not path.name.startswith("."))
        names = (path.relative_to(self._root).as_posix() for path in files)
        yield from sorted(name for name in names if name.startswith(prefix))

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        if len(name) > NAME_CHARACTERS or any(_is_no_part(part) for part in parts):
            raise BadInput("An input's name consists of plain parts between slashes.")
        return self._root.joinpath(*parts)


class BlobInbox:
    """Inputs as blobs of one container, written with If-None-Match: *. Metadata values are percent-encoded."""

    def __init__(self, container: "ContainerClient") -> None:
        self._container = container

    def put(self, name: str, content: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Keep one input; see `Inbox.put`."""
        from azure.core.exceptions import AzureError, ResourceExistsError

        # Values travel as HTTP headers, and may come from a message.
        plain = {key: quote(value, safe=" @:/+,;=") for key, value in (metadata or {}).items()}
        try:
            self._container.upload_blob(name, content, overwrite=False, metadata=plain)
        except ResourceExistsError:
            return False
        except AzureError as error:
            raise _told(error) from error
        return True

    def open(self, name: str) -> IO[bytes] | None:
        """Open one input; see `Inbox.open`."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the caller closes it
        try:
            self._container.download_blob(name).readinto(file)
        except ResourceNotFoundError as error:
            file.close()
            if getattr(error, "error_code", None) == "ContainerNotFound":
                raise _told(error) from error
            return None
        except AzureError as error:
            file.close()
            raise _told(error) from error
        file.seek(0)
        return file

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the names that start so, none where there is no container yet; see `Inbox.list`."""
        from azure.core.exceptions import AzureError

        try:
            yield from self._container.list_blob_names(name_starts_with=prefix or None)
        except AzureError as error:
            if getattr(error, "error_code", None) != "ContainerNotFound":
                raise _told(error) from error


def _told(error: Exception) -> Transient | Misconfigured:
    """Give what a storage error means for us; the error's own text may hold addresses of a signature."""
    from azure.core.exceptions import HttpResponseError

    code = getattr(error, "error_code", None) or type(error).__name__
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status in (401, 403, 404):
        return Misconfigured(
            f"The inbox container does not let this application in, or is not there ({status} {code}): its identity "
            "needs the role Storage Blob Data Contributor."
        )
    return Transient(f"The inbox container cannot be reached for now ({status or 'no answer'} {code}).")


def _is_no_part(part: str) -> bool:
    return part in ("", ".", "..") or part.startswith(".") or any(one in part for one in "\\\0")


def _write(path: Path, content: bytes) -> bool:
    """Write a file whole under a hidden name, then give it its own; False where that is taken."""
    temporary = path.with_name(f".{path.name[-80:]}.{os.urandom(8).hex()}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)  # fails where the name is taken, as a rename would not
            return True
        return False
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folders(folder: Path, root: Path) -> None:
    """Make the new names durable, those of folders that were just made among them."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows, which writes names through by itself
        return
    for one in (folder, *folder.parents):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if one == root.parent:
            break
