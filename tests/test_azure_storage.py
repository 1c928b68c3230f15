"""Who we are to a storage account: the managed identity's path as in the cloud, and sentences for what goes wrong.

Azurite checks the token's audience, issuer and times (`--oauth basic`), over TLS. The tokens come from a loopback server
that speaks as the platform's identity endpoint does (App Service, api-version 2019-08-01).
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.identity import AUDIENCE, CLIENT_ID, HEADER, Identity, Server, make_certificate
from triage.azure_storage import Account, account_of, blob_service, in_our_words
from triage.errors import Misconfigured, NotFound, Transient
from triage.group import BlobDocuments
from triage.settings import Settings
from triage.wiring import existing_store_of, lease_of, store_of


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 and its key; give both files."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def secure(certificate: tuple[Path, Path], azurite: Any) -> Iterator[Any]:
    """Start Azurite over TLS; it takes tokens of an identity."""
    cert, key = map(str, certificate)
    running = type(azurite)(certificate[0].parent, "--oauth", "basic", "--cert", cert, "--key", key)
    yield running
    running.stop()


@pytest.fixture
def identity(secure: Any, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    """Set the environment as the platform does for an app with a managed identity; give the endpoint."""
    endpoint = Identity()
    monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint.server.url + "/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)
    monkeypatch.setenv("TriageStorage__blobServiceUri", secure.account())
    monkeypatch.setenv("TriageStorage__credential", "managedidentity")
    monkeypatch.setenv("TriageStorage__clientId", CLIENT_ID)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    yield endpoint
    endpoint.server.stop()


@pytest.mark.needs_node
def test_the_managed_identity_opens_the_store(identity: Identity) -> None:
    """With the variables of the platform alone, and no key, documents and the lease work, on one token."""
    settings = Settings()
    documents, lease = store_of(settings), lease_of(settings)
    tag = documents.put("a", b"one", None, b"head")
    documents.put("a", b"two", tag)
    documents.put("b", b"", None)
    assert [one.key for one in documents.list("")] == ["a", "b"]
    with documents.batch():
        documents.delete("a")
        documents.delete("b")
    assert list(existing_store_of(settings).list("")) == []
    assert lease.hold()
    lease.release()
    assert identity.asked == [{"api-version": ["2019-08-01"], "resource": [AUDIENCE], "client_id": [CLIENT_ID]}]


@pytest.mark.needs_node
def test_an_expired_token_is_replaced_by_the_next(identity: Identity) -> None:
    """A token that ran out is told in a sentence, and the next try gets a new one and goes on."""
    identity.lives = [-60, 3600]
    documents = store_of(Settings())
    with pytest.raises(Misconfigured, match="A token may just have run out"):
        documents.put("a", b"one", None)
    documents.put("a", b"one", None)
    assert len(identity.asked) == 2


@pytest.mark.needs_node
def test_a_token_that_is_about_to_end_is_replaced_before_it_does(identity: Identity) -> None:
    """Tokens of few minutes never reach the service expired: the SDK asks again in time."""
    identity.lives = [120, 3600]
    documents = store_of(Settings())
    documents.put("a", b"one", None)
    documents.put("b", b"one", None)
    documents.put("c", b"one", None)
    assert len(identity.asked) == 2


@pytest.mark.needs_node
def test_a_token_for_something_else_is_refused_with_a_sentence(identity: Identity) -> None:
    """A token of another audience opens nothing, and the operator reads what to look at."""
    identity.audience = "https://vault.example"
    with pytest.raises(Misconfigured, match=r"Azure Storage (refused|did not accept)"):
        store_of(Settings()).put("a", b"one", None)


@pytest.mark.needs_node
def test_without_an_identity_the_sentence_says_so(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the platform gives no token, that is told as what it is, not as a storage failure."""
    monkeypatch.setenv("IDENTITY_HEADER", "another app's")
    account = account_of(os.environ)
    assert account is not None
    with blob_service(account, pause=0, jitter=0.01) as service:
        documents = BlobDocuments(service.get_container_client("store"))
        with pytest.raises(Misconfigured, match="Nobody gives a token for Azure Storage, reading a"):
            documents.get("a")


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (403, "AuthorizationPermissionMismatch", Misconfigured, "Storage Blob Data Contributor"),
        (403, "AuthorizationFailure", Misconfigured, "firewall"),
        (401, "InvalidAuthenticationInfo", Misconfigured, "A token may just have run out"),
        (403, "AuthenticationFailed", Misconfigured, "A token may just have run out"),
        (400, "InvalidResourceName", Misconfigured, "InvalidResourceName"),
        (409, "ContainerBeingDeleted", Transient, "ContainerBeingDeleted"),
        (412, "LeaseIdMissing", Transient, "LeaseIdMissing"),
        (429, "TooManyRequests", Transient, "429"),
    ],
)
def test_each_refusal_says_who_has_to_do_what(
    status: int, code: str, kind: type[Exception], said: str, service: Callable[[str], Any]
) -> None:
    """The service's documented answers become our errors, with a sentence that names the remedy."""
    server = Server(lambda _: (status, {"x-ms-error-code": code}, b""))
    where = f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint={server.url}/a;"
    documents = BlobDocuments(service(where).get_container_client("store"))
    try:
        with pytest.raises(kind, match=said):
            documents.put("a", b"one", None)
        with pytest.raises(kind, match=said):
            list(documents.list("a"))
    finally:
        server.stop()


def test_the_account_comes_from_the_connection_or_the_setting() -> None:
    """The setting comes before the variables, an address before a connection string, and nothing is no account."""
    url, connection = "https://contoso.blob.core.windows.net", "AccountName=contoso;AccountKey=a2V5"
    assert account_of({}) is None
    assert account_of({"TriageStorage": connection}) == Account(connection=connection)
    both = {"TriageStorage__blobServiceUri": url, "TriageStorage": connection}
    assert account_of(both) == Account(url=url)
    assert account_of(both, "https://fabrikam.example") == Account(url="https://fabrikam.example")
    managed = {**both, "TriageStorage__credential": "managedidentity", "TriageStorage__clientId": "c"}
    assert account_of(managed) == Account(url=url, managed_identity=True, client_id="c")


def test_a_malformed_connection_is_told_without_the_key() -> None:
    """Neither the sentence nor the account's text shows what a connection string holds."""
    account = Account(connection="AccountName=contoso;AccountKey")
    with pytest.raises(Misconfigured, match="TriageStorage") as caught:
        blob_service(account)
    assert "AccountKey" not in str(caught.value) + repr(account) + repr(caught.value.__cause__)


def test_without_azures_packages_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop's set-up that is pointed at the cloud is told what it lacks."""
    monkeypatch.setitem(sys.modules, "azure.storage.blob", None)  # what the import system takes for "there is none"
    with pytest.raises(Misconfigured, match=r"-r requirements\.txt"):
        blob_service(Account(url="https://contoso.blob.core.windows.net"))


def test_an_unknown_host_is_transient() -> None:
    """A name that cannot be resolved may be a passing trouble: the caller is told to come again, with the reason."""
    from azure.core.exceptions import ServiceRequestError

    with pytest.raises(Transient, match=r"reading a: Failed to resolve"), in_our_words("reading a"):
        raise ServiceRequestError("Failed to resolve 'contoso.blob.core.windows.net'")


@pytest.mark.needs_node
def test_asking_makes_no_container(azurite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that nobody wrote to is told as missing, and is still missing afterwards."""
    monkeypatch.setenv("TriageStorage", azurite.connection())
    for _ in range(2):
        with pytest.raises(NotFound, match="no container store"):
            existing_store_of(Settings())
    store_of(Settings()).put("a", b"", None)
    assert [one.key for one in existing_store_of(Settings()).list("")] == ["a"]


def test_a_file_that_is_named_comes_before_the_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--store FILE` means that file, whatever the environment says."""
    monkeypatch.setenv("TriageStorage__blobServiceUri", "https://contoso.blob.core.windows.net")
    with store_of(Settings(), tmp_path / "mine.sqlite") as documents:
        documents.put("a", b"", None)
    assert (tmp_path / "mine.sqlite").is_file()
