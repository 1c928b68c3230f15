"""The storage account as this app uses it: one container for inputs, queues, and how a client comes to it.

The names of the environment are those that the host's bindings use for the connection `TriageStorage`: a connection
string on a developer's machine, the services' addresses and a managed identity in Azure.
"""

import base64
import os
import shlex
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from triage.errors import Conflict, Misconfigured, NotFound, Transient

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueClient, QueueServiceClient

CONNECTION = "TriageStorage"
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


RETRIES = 3
"""Tries that the library adds to each request; what still fails then is tried again by the host, later."""

FIRST_PAUSE, PAUSE_BASE, JITTER = 0.3, 2, 0.3
"""Seconds before the first of them, and by what the pauses grow: the library's own 15 outlast a caller's patience."""

CONNECT_SECONDS, READ_SECONDS = 10, 60


class Account(msgspec.Struct, frozen=True):
    """An account as the environment names it: a connection string, or the services' addresses and who we are."""

    connection: str | None = None
    blob_url: str | None = None
    queue_url: str | None = None
    is_managed: bool = False
    client_id: str | None = None

    def __repr__(self) -> str:
        return f"Account({self.blob_url or 'by connection string'})"  # the string holds a key: never shown


class Storage:
    """The clients of one storage account, made when they are first asked for."""

    def __init__(self, account: "Account") -> None:
        """Nothing is asked of the account yet."""
        self._account = account
        self._blobs: BlobServiceClient | None = None
        self._queues: QueueServiceClient | None = None

    @property
    def blobs(self) -> "BlobServiceClient":
        """Give the client of the blob service. Raises `Misconfigured` for a connection or address that is none."""
        if self._blobs is None:
            self._blobs = self._made("azure.storage.blob", "BlobServiceClient", self._account.blob_url)
        return self._blobs

    def queue(self, name: str) -> "QueueClient":
        """Give the client of a queue. Bodies are as they stand in the queue: see `encoded` and `decoded`.

        Raises `Misconfigured` as `blobs` does.
        """
        if self._queues is None:
            self._queues = self._made("azure.storage.queue", "QueueServiceClient", self._account.queue_url)
        return self._queues.get_queue_client(name)

    def _made(self, package: str, name: str, url: str | None) -> Any:
        try:
            client = getattr(import_module(package), name)
        except ImportError as error:
            raise Misconfigured("Azure's packages are not installed: pip install 'bounce-triage[azure]'.") from error
        try:
            if self._account.connection:
                return client.from_connection_string(self._account.connection, **_options())
            return client(url or "", self._credential(), **_options())
        except ValueError:
            # Without its cause: the library's sentence may repeat the connection string.
            raise Misconfigured(f"The storage account cannot be used: {CONNECTION} is malformed.") from None

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

    def _credential(self) -> Any:
        """Give the app's managed identity in Azure; elsewhere whoever is signed in, as by `az login`."""
        from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

        client_id = self._account.client_id
        if self._account.is_managed:
            return ManagedIdentityCredential(client_id=client_id)
        return DefaultAzureCredential(managed_identity_client_id=client_id)


def _options() -> dict[str, Any]:
    return {
        "retry_total": RETRIES,
        "initial_backoff": FIRST_PAUSE,
        "increment_base": PAUSE_BASE,
        "random_jitter_range": JITTER,
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
    }


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
    found = os.environ if environment is None else environment

    def value(name: str) -> str | None:
        return found.get(CONNECTION + name) or None

    account = Account(
        connection=value(""),
        blob_url=value("__blobServiceUri"),
        queue_url=value("__queueServiceUri"),
        is_managed=(value("__credential") or "").lower() == "managedidentity",
        client_id=value("__clientId"),
    )
    if not account.connection and not (account.blob_url and account.queue_url):
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
