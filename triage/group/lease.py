"""The committer's lease: one at a time, because two at once would waste each other's work.

Nothing depends on it for correctness. A committer that lost its lease, or never heard that it did, still commits
under compare-and-swap: counts stay exact, only slower.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from triage.azure_storage import code_of, in_our_words
from triage.errors import Misconfigured, Transient

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import BlobLeaseClient, ContainerClient

LEASES = "lease/"
"""Below it lie no documents, only what is leased."""

LEASE_BLOB = LEASES + "committer"
LEASE_SECONDS = 60
"""Azure Storage takes 15 to 60: the longest, since one batch may take a while, and a killed committer's successor
waits no longer than until the next timer."""


class Lease(Protocol):
    """The right to be the only committer for now."""

    def hold(self) -> bool:
        """Take the lease, or renew it where it is due; False where somebody else has it or it is lost."""

    def release(self) -> None:
        """Give it back, so that the next one need not wait; nothing happens where it is not held."""


class BlobLease:
    """A lease on a small blob beside the documents. It ends by itself when its holder is killed."""

    def __init__(
        self,
        container: "ContainerClient",
        *,
        seconds: int = LEASE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Name the container; nothing is taken yet."""
        self._blob = container.get_blob_client(LEASE_BLOB)
        self._container = container
        self._seconds, self._clock = seconds, clock
        self._lease: BlobLeaseClient | None = None
        self._renewed = 0.0

    def hold(self) -> bool:
        """Take the lease, or renew it when a third of its time is gone; see `Lease.hold`.

        Raises `Transient` or `Misconfigured` where the storage cannot be asked for it.
        """
        if self._lease is None:
            return self._take()
        age = self._clock() - self._renewed
        return age < self._seconds / 3 or self._renew(self._lease, age)

    def _take(self) -> bool:
        from azure.core.exceptions import HttpResponseError
        from azure.storage.blob import BlobLeaseClient

        lease = BlobLeaseClient(self._blob)
        asked = self._clock()
        with in_our_words(f"leasing {LEASE_BLOB}"):
            try:
                lease.acquire(lease_duration=self._seconds)
            except HttpResponseError as error:
                if _is_taken(error):
                    return False
                if error.status_code != 404:
                    raise
                self._make_blob(code_of(error) == "ContainerNotFound")
                try:
                    lease.acquire(lease_duration=self._seconds)
                except HttpResponseError as again:
                    if _is_taken(again):
                        return False
                    raise
        self._lease, self._renewed = lease, asked
        return True

    def _make_blob(self, container_too: bool) -> None:
        from azure.core.exceptions import HttpResponseError, ResourceExistsError

        if container_too:
            with suppress(ResourceExistsError):  # somebody else was first
                self._container.create_container()
        try:
            self._blob.upload_blob(b"")
        except HttpResponseError as error:
            if error.status_code not in (409, 412):  # made, and perhaps leased, by somebody else
                raise

    def _renew(self, lease: "BlobLeaseClient", age: float) -> bool:
        from azure.core.exceptions import HttpResponseError

        asked = self._clock()
        try:
            with in_our_words(f"renewing the lease on {LEASE_BLOB}"):
                try:
                    lease.renew()
                except HttpResponseError as error:
                    if error.status_code == 404 or _is_taken(error):
                        self._lease = None
                        return False
                    raise
        except Transient:
            return age < self._seconds  # nobody else can have it before it ends
        self._renewed = asked
        return True

    def release(self) -> None:
        """Give it back; a lease that is lost or cannot be given back ends by itself."""
        from azure.core.exceptions import AzureError

        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                lease.release()
            except AzureError:
                return


class FileLease:
    """A lease on this machine: a lock on a hidden file beside the store, which the system drops with its process."""

    def __init__(self, store: Path) -> None:
        """Name the store; nothing is taken yet."""
        self._path = store.with_name(f".{store.name}.lease")
        self._file: IO[bytes] | None = None

    def hold(self) -> bool:
        """Take the lease; see `Lease.hold`. Raises `Misconfigured` where the lock file cannot be made."""
        import fcntl

        if self._file is not None:
            return True
        try:
            file = open(self._path, "ab")  # noqa: SIM115 - open is held
        except OSError as error:
            raise Misconfigured(f"The lock file {self._path} cannot be made: {error}.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Give it back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _is_taken(error: "HttpResponseError") -> bool:
    """True where the lease is somebody else's, or was taken from us."""
    return error.status_code in (409, 412)
