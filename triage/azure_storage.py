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

CONNECTION = "TriageStorage"
"""The name of the connection in `function_app.py`; the platform gives it as one variable or as several with `__`."""

RETRIES = 3
"""Tries that the SDK adds to each request; what still fails then is for the caller to repeat, later."""

PAUSE, JITTER = 1.5, 1.0
"""Seconds before the first retry; each later pause is so many times longer (1.5, 2.3, 3.4), more or less by chance. The
SDK's own, which begin with 15, outlast a function's patience."""

CONNECT_SECONDS, READ_SECONDS = 10, 60

_ROLE = "Storage Blob Data Contributor"
_TOKEN_CODES = ("AuthenticationFailed", "InvalidAuthenticationInfo", "NoAuthenticationInformation")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A storage account and who we are to it: an address with an identity, or a connection string (local work)."""

    url: str | None = None
    connection: str | None = None
    managed_identity: bool = False
    client_id: str | None = None

    def __repr__(self) -> str:
        return f"Account({self.url or 'by connection string'})"  # the string holds a key: never shown


def account_of(environment: Mapping[str, str], url: str | None = None) -> Account | None:
    """Give the account that the setting `url` or the connection's variables name; None where neither does.

    `TriageStorage` is a connection string; `TriageStorage__blobServiceUri` an address, with
    `TriageStorage__credential` ("managedidentity") and `TriageStorage__clientId` beside it.
    """
    address = url or environment.get(CONNECTION + "__blobServiceUri")
    if address:
        managed = environment.get(CONNECTION + "__credential", "").lower() == "managedidentity"
        client_id = environment.get(CONNECTION + "__clientId")
        return Account(url=address, managed_identity=managed, client_id=client_id)
    connection = environment.get(CONNECTION)
    return Account(connection=connection) if connection else None


def blob_service(account: Account, *, pause: float = PAUSE, jitter: float = JITTER) -> "BlobServiceClient":
    """Give a client of the account. It opens no connection yet.

    Raises `Misconfigured` for an address that is none, and where Azure's packages are not installed.
    """
    try:
        from azure.storage.blob import BlobServiceClient
    except ImportError as error:
        raise Misconfigured(
            "A storage account is set, and Azure's packages are not installed: pip install 'bounce-triage[azure]'."
        ) from error

    options: dict[str, Any] = {
        "retry_total": RETRIES,
        "initial_backoff": 0,
        "increment_base": pause,
        "random_jitter_range": jitter,
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
    }
    try:
        if account.connection is not None:
            return BlobServiceClient.from_connection_string(account.connection, **options)
        return BlobServiceClient(account.url or "", credential=_credential(account), **options)
    except ValueError as error:
        # The SDK's own sentence may repeat the connection string.
        raise Misconfigured(
            f"The storage account cannot be used: {CONNECTION} or storage.blob_url is malformed."
        ) from (error if account.connection is None else None)


def _credential(account: Account) -> "TokenCredential":
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    if account.managed_identity:
        return ManagedIdentityCredential(client_id=account.client_id)
    return DefaultAzureCredential(managed_identity_client_id=account.client_id)


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
        raise _translated(error, doing) from error


def _translated(error: Any, doing: str) -> TriageError:
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
            f"Azure Storage refused {said}. The identity lacks the role “{_ROLE}” on the account or its container"
            " (a new assignment takes some minutes), or the account's firewall does not let this machine in."
        )
    if isinstance(error, ClientAuthenticationError):
        return Misconfigured(f"No token for Azure Storage could be had, {doing}: {_first_line(error)}")
    if status is None or status in (404, 408, 409, 412, 429) or status >= 500:
        return Transient(f"Azure Storage failed for now, {said if status else f'{doing}: {_first_line(error)}'}.")
    return Misconfigured(f"Azure Storage refused {said}: {_first_line(error)}")


def code_of(error: Any) -> str:
    """Give the storage service's own word for an error ("ContainerNotFound"), or an empty text."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
