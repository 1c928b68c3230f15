"""Who we are to a storage account: the managed identity's path as in the cloud, and sentences for what goes wrong.

Azurite checks the token's audience, issuer and times (`--oauth basic`), over TLS. The tokens come from a loopback server
that speaks as the platform's identity endpoint does (App Service, api-version 2019-08-01).
"""

import base64
import datetime
import ipaddress
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from triage.azure_storage import Account, account_of, blob_service, in_our_words
from triage.errors import Misconfigured, NotFound, Transient
from triage.group import BlobDocuments
from triage.settings import Settings
from triage.wiring import existing_store_of, lease_of, store_of

AUDIENCE = "https://storage.azure.com"
CLIENT_ID = "00000000-0000-0000-0000-0000000000c1"
HEADER = "the platform gives this to the app alone"
REFUSAL = b'{"statusCode": 401, "message": "The header is not the one of this app."}'


def encoded(value: object) -> str:
    """Give one part of a JSON web token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(audience: str, expires: int) -> str:
    """Give an unsigned token: Azurite looks at what it claims."""
    issuer = "https://sts.windows.net/11111111-1111-1111-1111-111111111111/"
    claims = {"aud": audience, "iss": issuer, "iat": expires - 7200, "nbf": expires - 7200, "exp": expires}
    return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims)}.none"


class Server(ThreadingHTTPServer):
    """A loopback server whose handler is a function."""

    daemon_threads = True

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], tuple[int, dict[str, str], bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        """Give the address."""
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self) -> None:
        """End it."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def _handle(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, body = self.server.answer(self)
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Give the one handler for every method."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Identity:
    """The platform's identity endpoint, with the seconds that each token in turn is good for."""

    def __init__(self) -> None:
        self.lives = [3600]
        self.audience = AUDIENCE
        self.asked: list[dict[str, list[str]]] = []
        self.server = Server(self._answer)

    def _answer(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        if request.headers.get("X-IDENTITY-HEADER") != HEADER:
            return 401, {"Content-Type": "application/json"}, REFUSAL
        self.asked.append(parse_qs(urlsplit(request.path).query))
        expires = int(time.time()) + (self.lives.pop(0) if len(self.lives) > 1 else self.lives[0])
        given = {
            "access_token": token(self.audience, expires),
            "expires_on": str(expires),
            "resource": AUDIENCE,
            "token_type": "Bearer",
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(given).encode()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 and its key; give both files."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    no_password = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no_password))
    return files


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
        with pytest.raises(Misconfigured, match="No token for Azure Storage could be had, reading a"):
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
    with pytest.raises(Misconfigured, match=r"bounce-triage\[azure\]"):
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
