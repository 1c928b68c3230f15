"""The platform's identity endpoint on loopback, the tokens that Azurite takes, and a certificate for its TLS.

Azurite looks at a token's audience, issuer and times (`--oauth basic`, over TLS alone), and at no signature.
"""

import base64
import datetime
import ipaddress
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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
    """The platform's identity endpoint, with the seconds that each token in turn is good for.

    It takes the place of App Service's (api-version 2019-08-01): whoever knows the header gets tokens for the storage
    account's audience, and for other resources from whoever is named in `others`.
    """

    def __init__(self) -> None:
        self.lives = [3600]
        self.audience = AUDIENCE
        self.asked: list[dict[str, list[str]]] = []
        self.others: dict[str, Callable[[], str]] = {}
        """Who gives the tokens for other resources, by the resource."""
        self.server = Server(self._answer)

    def _answer(self, request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        if request.headers.get("X-IDENTITY-HEADER") != HEADER:
            return 401, {"Content-Type": "application/json"}, REFUSAL
        query = parse_qs(urlsplit(request.path).query)
        self.asked.append(query)
        resource = query["resource"][0]
        expires = int(time.time()) + (self.lives.pop(0) if len(self.lives) > 1 else self.lives[0])
        given = {
            "access_token": self.others[resource]() if resource in self.others else token(self.audience, expires),
            "expires_on": str(expires),
            "resource": resource,
            "token_type": "Bearer",
        }
        return 200, {"Content-Type": "application/json"}, json.dumps(given).encode()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 and its key; give both files."""
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
