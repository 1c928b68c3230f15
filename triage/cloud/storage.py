"""The storage account as this app uses it: one container for inputs, queues, and how a client comes to it.

The names of the environment are those that the host's bindings use for the connection `TriageStorage`: a connection
string on a developer's machine, the services' addresses and a managed identity in Azure.
"""

import base64
import os
import shlex
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from triage.azure_storage import CONNECTION, Account, blob_service, named_account, queue_service
from triage.errors import Conflict, Misconfigured, NotFound, Transient

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueClient, QueueServiceClient

INBOX = "inbox"
"""The one journal: raw inputs, each written once."""

STORE = "store"
"""The container of the documents."""

INPUTS = "inputs"
"""The queue of Event Grid's events for the inbox."""

NOTICES = "notices"
"""The queue of incidents that have something to tell."""

POISON = "-poison"
"""What the host appends to a queue's name for messages that it gave up on."""


FIRST_PAUSE, PAUSE_BASE, JITTER = 0.3, 2, 0.3
"""Seconds before the first retry, and by what the pauses grow: somebody waits for an upload's answer."""


class Storage:
    """The clients of one storage account, made when they are first asked for."""

    def __init__(self, account: Account) -> None:
        """Nothing is asked of the account yet."""
        self._account = account
        self._blobs: BlobServiceClient | None = None
        self._queues: QueueServiceClient | None = None

    @property
    def blobs(self) -> "BlobServiceClient":
        """Give the client of the blob service. Raises `Misconfigured` for a connection or address that is none."""
        if self._blobs is None:
            self._blobs = blob_service(self._account, first=FIRST_PAUSE, pause=PAUSE_BASE, jitter=JITTER)
        return self._blobs

    def queue(self, name: str) -> "QueueClient":
        """Give the client of a queue. Bodies are as they stand in the queue: see `encoded` and `decoded`.

        Raises `Misconfigured` as `blobs` does.
        """
        if self._queues is None:
            self._queues = queue_service(self._account, first=FIRST_PAUSE, pause=PAUSE_BASE, jitter=JITTER)
        return self._queues.get_queue_client(name)

    def send(self, queue: str, text: str) -> None:
        """Put a message on a queue, in base64 as host.json says. Raises `Transient` where that fails for now."""
        from azure.core.exceptions import AzureError

        try:
            self.queue(queue).send_message(encoded(text), time_to_live=-1)
        except AzureError as error:
            raise Transient(f"The queue {queue} takes no message for now ({type(error).__name__}).") from error

    def open_blob(self, container: str, name: str) -> "AzureBlob":
        """Give the newest version of a blob. Raises `NotFound` where there is none."""
        from azure.core.exceptions import AzureError

        client = self.blobs.get_blob_client(container, name)
        try:
            found = client.get_blob_properties()
        except AzureError as error:
            raise _ours(error, f"{container}/{name}") from error
        return AzureBlob(client, int(found.size), str(found.etag))


class AzureBlob:
    """One version of a blob, for `cloud.intake.Blob`."""

    def __init__(self, client: Any, size: int, version: str) -> None:
        self._client = client
        self.size = size
        self.version = version

    @property
    def name(self) -> str:
        """Give container and name."""
        return f"{self._client.container_name}/{self._client.blob_name}"

    @property
    def fetch(self) -> str:
        """Give the Azure CLI's command that copies it to `{file}`."""
        account, container, name = (
            shlex.quote(one) for one in (self._client.account_name, self._client.container_name, self._client.blob_name)
        )
        return (
            f"az storage blob download --auth-mode login --account-name {account} --container-name {container}"
            f" --name {name} --file {{file}}"
        )

    def read(self, start: int, length: int) -> bytes:
        """Give the bytes of this version; see `cloud.intake.Blob.read`."""
        from azure.core import MatchConditions
        from azure.core.exceptions import AzureError

        length = min(length, self.size - start)
        if length <= 0:
            return b""
        try:
            stream = self._client.download_blob(
                start, length, etag=self.version, match_condition=MatchConditions.IfNotModified
            )
            return bytes(stream.readall())
        except AzureError as error:
            raise _ours(error, self.name) from error


def _ours(error: "AzureError", name: str) -> Exception:
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    if isinstance(error, ResourceNotFoundError):
        if getattr(error, "error_code", None) == "ContainerNotFound":
            return Misconfigured(f"There is no container for {name}: the storage account is not set up.")
        return NotFound(f"There is no blob {name}.")
    if isinstance(error, ResourceModifiedError):
        return Conflict(f"The blob {name} was replaced while it was read.")
    return Transient(f"The blob {name} cannot be read for now ({type(error).__name__}).")


def storage_of(environment: Mapping[str, str] | None = None) -> Storage:
    """Give the account that the environment names. Raises `Misconfigured` where it names none."""
    account = named_account(os.environ if environment is None else environment)
    if not account.connection and not (account.url and account.queue_url):
        raise Misconfigured(
            f"No storage account is named: set {CONNECTION}__blobServiceUri and {CONNECTION}__queueServiceUri, or"
            f" {CONNECTION} to a connection string."
        )
    return _storage(account)


@lru_cache(maxsize=4)
def _storage(account: Account) -> Storage:
    # One for a process: its clients hold the connections and the token.
    return Storage(account)


def encoded(text: str) -> str:
    """Give the body of a queue message, as host.json's messageEncoding says."""
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def decoded(body: str) -> str:
    """Give the text of a body: what is no base64 is given as it stands, for people to see."""
    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except ValueError:
        return body
