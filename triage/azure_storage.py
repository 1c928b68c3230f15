"""Azure Storage for those who keep something there: which account, who we are to it, and its errors in our words.

The SDK is imported where it is used: a command that keeps its incidents in a file must not pay for it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from triage.errors import Misconfigured, Transient, TriageError

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

CONNECTION = "TriageStorage"
"""The name of the connection in `function_app.py`; the platform gives it as one variable or as several with `__`."""

RETRIES = 3
"""Tries that the SDK adds to each request; what still fails then is for the caller to repeat, later."""

PAUSE, JITTER = 1.5, 1.0
"""Seconds before the first retry; each later pause is so many times longer (1.5, 2.3, 3.4), more or less by chance. The
SDK's own, which begin with 15, outlast a function's patience."""

CONNECT_SECONDS, READ_SECONDS = 10, 60

INSTALL = "in the clone, .venv/bin/python -m pip install -r requirements.txt (Python 3.13)"
"""How Azure's packages come onto a machine that `make run` set up without them."""

_ROLE = "Storage Blob Data Contributor"
_TOKEN_CODES = ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A storage account and who we are to it: addresses with an identity, or a connection string (local work).

    `url` is the address of the blob service, `queue_url` that of the queue service.
    """

    url: str | None = None
    queue_url: str | None = None
    connection: str | None = None
    managed_identity: bool = False
    client_id: str | None = None

    def __repr__(self) -> str:
        return f"Account({self.url or 'by connection string'})"  # the string holds a key: never shown


def named_account(environment: Mapping[str, str]) -> Account:
    """Give all that the connection's variables name, as the host's bindings read them.

    `TriageStorage` is a connection string; `TriageStorage__blobServiceUri` and `TriageStorage__queueServiceUri` are
    addresses, with `TriageStorage__credential` ("managedidentity") and `TriageStorage__clientId` beside them.
    """

    def value(suffix: str) -> str | None:
        return environment.get(CONNECTION + suffix) or None

    return Account(
        url=value("__blobServiceUri"),
        queue_url=value("__queueServiceUri"),
        connection=value(""),
        managed_identity=(value("__credential") or "").lower() == "managedidentity",
        client_id=value("__clientId"),
    )


def account_of(environment: Mapping[str, str], url: str | None = None) -> Account | None:
    """Give the account for documents, by the setting `url` or the variables; None where neither names one.

    An address goes before a connection string.
    """
    named = named_account(environment)
    if address := url or named.url:
        return msgspec.structs.replace(named, url=address, connection=None)
    return Account(connection=named.connection) if named.connection else None


def blob_service(
    account: Account, *, first: float = 0, pause: float = PAUSE, jitter: float = JITTER
) -> "BlobServiceClient":
    """Give a client of the account's blobs. It opens no connection yet.

    `first`, `pause` and `jitter` are the SDK's `initial_backoff`, `increment_base` and `random_jitter_range`. Raises
    `Misconfigured` for an address that is none, and where Azure's packages are not installed.
    """
    with _told(account):
        from azure.storage.blob import BlobServiceClient

        options = _options(first, pause, jitter)
        if account.connection is not None:
            return BlobServiceClient.from_connection_string(account.connection, **options)
        return BlobServiceClient(account.url or "", credential=_credential(account), **options)


def queue_service(
    account: Account, *, first: float = 0, pause: float = PAUSE, jitter: float = JITTER
) -> "QueueServiceClient":
    """Give a client of the account's queues; parameters and errors as for `blob_service`."""
    with _told(account):
        from azure.storage.queue import QueueServiceClient

        options = _options(first, pause, jitter)
        if account.connection is not None:
            return QueueServiceClient.from_connection_string(account.connection, **options)
        return QueueServiceClient(account.queue_url or "", credential=_credential(account), **options)


@contextmanager
def _told(account: Account) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise Misconfigured(f"A storage account is set, and Azure's packages are not installed: {INSTALL}.") from error
    except ValueError as error:
        # The SDK's own sentence may repeat the connection string.
        raise Misconfigured(
            f"The storage account cannot be used: {CONNECTION} or storage.blob_url is malformed."
        ) from (error if account.connection is None else None)


def _options(first: float, pause: float, jitter: float) -> dict[str, Any]:
    return {
        "retry_total": RETRIES,
        "initial_backoff": first,
        "increment_base": pause,
        "random_jitter_range": jitter,
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
    }


def _credential(account: Account) -> "TokenCredential":
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    quiet()
    if account.managed_identity:
        return ManagedIdentityCredential(client_id=account.client_id)
    return DefaultAzureCredential(managed_identity_client_id=account.client_id)


def quiet() -> None:
    """Keep what azure-identity tells of each way that it tried off a terminal; where a host takes logs, it gets them."""
    import logging

    logger = logging.getLogger("azure")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


@contextmanager
def in_our_words(doing: str) -> Iterator[None]:
    """Turn the SDK's errors inside into ours. `doing` is what was attempted: "reading incident/ABC".

    Raises `Misconfigured` where somebody must change something (role, key, network, name), `Transient` where trying
    again later helps. Answers that mean something to the caller (404, 409, 412) are the caller's to catch first.
    """
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        raise translated(error, doing) from error


def translated(error: Any, doing: str, role: str = _ROLE) -> TriageError:
    """Give our error for one of the SDK's; `role` is the one that allows what was attempted."""
    from azure.core.exceptions import ClientAuthenticationError

    status: int | None = getattr(error, "status_code", None)
    code = code_of(error)
    said = f"{doing}: HTTP {status}{f' ({code})' if code else ''}"
    if status == 401 or (status == 403 and code in _TOKEN_CODES):
        return Misconfigured(
            f"Azure Storage did not accept who we are, {said}. A token may just have run out (the next try gets a"
            " new one); else the key, the identity or this machine's clock is wrong."
        )
    if status == 403:
        return Misconfigured(
            f"Azure Storage refused {said}. The identity lacks the role “{role}” on the account or on what is read or written"
            " (a new assignment takes some minutes), or the account's firewall does not let this machine in."
        )
    if isinstance(error, ClientAuthenticationError):
        return Misconfigured(
            f"Nobody gives a token for Azure Storage, {doing}. On a machine of your own sign in with `az login`; in Azure"
            f" the app's identity gives it. {_first_line(error)}"
        )
    if status is None or status in (404, 408, 409, 412, 429) or status >= 500:
        return Transient(f"Azure Storage failed for now, {said if status else f'{doing}: {_first_line(error)}'}.")
    return Misconfigured(f"Azure Storage refused {said}: {_first_line(error)}")


def code_of(error: Any) -> str:
    """Give the storage service's own word for an error ("ContainerNotFound"), or an empty text."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
