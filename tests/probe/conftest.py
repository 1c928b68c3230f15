"""Real SMTP servers on loopback with real TLS: limited to one version, without STARTTLS, silent, with odd certificates."""

import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

NAME = "mail.contoso.example"


class Authority:
    """A certificate authority of the test, and the certificates that it signs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = rsa.generate_private_key(65_537, 2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Contoso Test Root")])
        self.root = self._signed(self.name, self.key.public_key(), self.name, is_root=True)
        self.root_file = folder / "root.pem"
        self.root_file.write_bytes(self.root.public_bytes(serialization.Encoding.PEM))
        self.leaf_key = rsa.generate_private_key(65_537, 2048)

    def chain(self, kind: str) -> Path:
        """Give a file with key and certificate: `good`, `expired`, `wrong-name` or `self-signed`."""
        host = "other.fabrikam.example" if kind == "wrong-name" else NAME
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        days = (-400, -10) if kind == "expired" else (-10, 300)
        if kind == "self-signed":
            leaf = self._signed(subject, self.leaf_key.public_key(), subject, days, host, self.leaf_key)
        else:
            leaf = self._signed(subject, self.leaf_key.public_key(), self.name, days, host)
        file = self.folder / f"{kind}.pem"
        key = self.leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(key + leaf.public_bytes(serialization.Encoding.PEM))
        return file

    def _signed(self, subject, public_key, issuer, days=(-10, 300), host=None, key=None, is_root=False):
        today = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(today + timedelta(days=days[0]))
            .not_valid_after(today + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        )
        if host is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(key or self.key, hashes.SHA256())


class Server:
    """An SMTP server in threads. `behave` takes each connection; `port` is where it listens."""

    def __init__(self, behave: Callable[[socket.socket], None]) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._behave(connection)
            except OSError:
                return

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()


def line(connection: socket.socket) -> str:
    """Read one line of a client."""
    text = b""
    while not text.endswith(b"\n"):
        more = connection.recv(1)
        if not more:
            raise ConnectionResetError
        text += more
    return text.decode().strip()


def speaks(context: ssl.SSLContext | None, capabilities: tuple[str, ...] = ("SIZE 1000",), drop: bool = False):
    """Give the behaviour of a server that offers STARTTLS with this context, or none without one.

    `drop`: it closes the connection instead of a handshake, as Exchange does where no version fits.
    """

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"220 mail.contoso.example ESMTP ready\r\n")
        while True:
            verb = line(connection)[:4].upper()
            if verb == "EHLO":
                offered = ("STARTTLS",) if context is not None or drop else ()
                told = [NAME, *capabilities, *offered]
                rows = [f"250-{one}" for one in told[:-1]] + [f"250 {told[-1]}"]
                connection.sendall(("\r\n".join(rows) + "\r\n").encode())
            elif verb == "STAR":
                connection.sendall(b"220 2.0.0 ready\r\n")
                if drop or context is None:
                    connection.recv(4)
                    return
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(100)
                return
            else:
                connection.sendall(b"221 2.0.0 bye\r\n")
                return

    return behave


def silent(connection: socket.socket) -> None:
    """Say nothing for longer than any probe waits."""
    time.sleep(30)
    connection.close()


def dribbling(connection: socket.socket) -> None:
    """Send a greeting that never ends, a byte at a time."""
    while True:
        connection.sendall(b"2")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give the authority of the test."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def serve() -> Iterator[Callable[..., int]]:
    """Give what starts a server with a behaviour and gives its port."""
    servers: list[Server] = []

    def start(behave: Callable[[socket.socket], None]) -> int:
        servers.append(Server(behave))
        return servers[-1].port

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def limited(authority: Authority) -> Callable[..., ssl.SSLContext]:
    """Give what makes a server's context that speaks these versions alone, with that kind of certificate."""

    def make(*versions: ssl.TLSVersion, kind: str = "good") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.chain(kind))
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = versions[0], versions[-1]
        return context

    return make
