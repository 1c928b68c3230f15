"""Builders that several tests share: reports in the shapes that Exchange writes, with names of our own."""

import base64
import itertools
import os
import re
import subprocess
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

EXCHANGE_ONLINE = "fabrikam-example.mail.protection.outlook.com"


@dataclass
class Ndr:
    """One Exchange report in the form of 2013 and later; every field can be changed to make a twin."""

    generating: str = "hq-ex13a.contoso.example"
    receiving: str | None = EXCHANGE_ONLINE
    receiving_ip: str | None = "203.0.113.25"
    recipient: str = "anna.berg@fabrikam.example"
    sender: str = "karl.holm@contoso.example"
    subject: str = "Offer 4711"
    message_id: str = "offer-4711@contoso.example"
    action: str = "failed"
    status: str = "4.4.7"
    diagnostic: str | None = "smtp;550 4.4.7 QUEUE.Expired; message expired"
    final_line: str = "550 4.4.7 QUEUE.Expired; message expired"
    cause: str | None = (
        '451 4.4.0 Primary target IP address responded with: "421 4.4.2 Connection dropped due to SocketError."'
        " Attempted failover to alternate host, but that did not succeed."
    )
    attempt: str = "10/20/2026 9:04:11 AM"
    build: str = "15.0.847.32"
    stamp: str = "Microsoft SMTP Server (TLS)"
    remote_mta: str | None = None
    authentication_results: str | None = None
    from_header: str | None = None
    extra_lines: Sequence[str] = field(default_factory=tuple)

    def received(self) -> str:
        """Give the Received stamp that the reporting server put on the message when it took it in."""
        return (
            f"Received: from client7.contoso.example (192.0.2.77) by\r\n {self.generating} (192.0.2.10) with {self.stamp}"
            f" id\r\n {self.build}; Sun, 18 Oct 2026 09:14:03 +0000"
        )

    def original_headers(self) -> str:
        """Give the headers of the message that came back."""
        return (
            f"{self.received()}\r\nFrom: Karl Holm <{self.sender}>\r\nTo: <{self.recipient}>\r\n"
            f"Subject: {self.subject}\r\nMessage-ID: <{self.message_id}>\r\n"
            "Date: Sun, 18 Oct 2026 09:14:00 +0000\r\n"
        )

    def human(self) -> str:
        """Give the text part that people read, with the lines for administrators."""
        where = f"{self.receiving} ({self.receiving_ip})" if self.receiving else self.generating
        lines = [f"Server at {self.generating} returned '{self.final_line}'"]
        if self.cause:
            lines.append(f"{self.attempt} - Server at {where} returned '{self.cause}'")
        return (
            "Delivery has failed to these recipients or groups:\r\n\r\n"
            f"{self.recipient}\r\nThe server has tried to deliver this message, without success.\r\n\r\n"
            "Diagnostic information for administrators:\r\n\r\n"
            f"Generating server: {self.generating}\r\n\r\n{self.recipient}\r\n"
            + "\r\n".join([*lines, *self.extra_lines])
            + f"\r\n\r\nOriginal message headers:\r\n\r\n{self.original_headers()}"
        )

    def machine(self) -> str:
        """Give the body of the message/delivery-status part (RFC 3464)."""
        fields = [f"Final-Recipient: rfc822;{self.recipient}", f"Action: {self.action}", f"Status: {self.status}"]
        if self.diagnostic:
            fields.append(f"Diagnostic-Code: {self.diagnostic}")
        if self.remote_mta:
            fields.append(f"Remote-MTA: dns;{self.remote_mta}")
        return f"Reporting-MTA: dns;{self.generating}\r\n\r\n" + "\r\n".join(fields) + "\r\n"

    def headers(self) -> str:
        """Give the header block of the report itself."""
        lines = [
            "Return-Path: <>",
            f"From: {self.from_header or '<postmaster@contoso.example>'}",
            f"To: <{self.sender}>",
            "Date: Tue, 20 Oct 2026 09:14:11 +0000",
            f"Message-ID: <ndr-{self.message_id}>",
            f"Subject: Undeliverable: {self.subject}",
            "X-MS-Exchange-Message-Is-Ndr:",
            "Auto-Submitted: auto-replied",
            f"In-Reply-To: <{self.message_id}>",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="report"',
        ]
        if self.authentication_results:
            lines.insert(1, f"Authentication-Results: {self.authentication_results}")
        return "\r\n".join(lines) + "\r\n"

    def text(self) -> str:
        """Give the whole report."""
        parts = [
            ("text/plain; charset=us-ascii", self.human()),
            ("message/delivery-status", self.machine()),
            ("text/rfc822-headers", self.original_headers()),
        ]
        body = "".join(f"--report\r\nContent-Type: {kind}\r\n\r\n{content}\r\n" for kind, content in parts)
        return f"{self.headers()}\r\n{body}--report--\r\n"

    def attached(self) -> bytes:
        """Give the report as somebody forwards it: attached to a message of theirs."""
        head = _forward_headers(self.subject, 'multipart/mixed; boundary="forward"')
        note = "--forward\r\nContent-Type: text/plain\r\n\r\nThis came back, see attachment.\r\n"
        inner = f"--forward\r\nContent-Type: message/rfc822\r\n\r\n{self.text()}\r\n--forward--\r\n"
        return (head + note + inner).encode()

    def pasted(self) -> bytes:
        """Give the report as a mail client forwards it inline: only the text is left, quoted and hard-wrapped."""
        quoted = [f"> {line}" for line in self.human().replace("'", "\u2019").split("\r\n")]
        wrapped = [piece for line in quoted for piece in _wrap(line)]
        head = _forward_headers(self.subject, "text/plain; charset=utf-8")
        intro = "What does this mean?\r\n\r\nFrom: postmaster\r\nSubject: Undeliverable: " + self.subject
        return (head + intro + "\r\n\r\n" + "\r\n".join(wrapped) + "\r\n").encode()

    def __bytes__(self) -> bytes:
        return self.text().encode()


def _forward_headers(subject: str, content_type: str) -> str:
    return (
        "From: Karl Holm <karl.holm@contoso.example>\r\nTo: helpdesk@contoso.example\r\n"
        f"Date: Tue, 20 Oct 2026 10:00:00 +0000\r\nSubject: FW: Undeliverable: {subject}\r\n"
        f"Message-ID: <forward@contoso.example>\r\nMIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n"
    )


def _wrap(line: str, width: int = 76) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent="> ", break_long_words=False, break_on_hyphens=False) or [line]


@pytest.fixture(scope="session")
def ndr() -> Callable[..., Ndr]:
    """Give the builder of Exchange reports."""
    return Ndr


AZURITE = Path(__file__).parents[1] / "node_modules" / ".bin" / "azurite-blob"
ACCOUNTS = 2000
KEY = base64.b64encode(b"no secret: the tests' own").decode()


class Azurite:
    """Azurite's blob service in a process of its own, in memory, on a free port."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [str(AZURITE), "--blobPort", "0", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        accounts = ";".join(f"test{number}:{KEY}" for number in range(ACCOUNTS))
        self._process = subprocess.Popen(
            [*command, "--inMemoryPersistence", *options],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "AZURITE_ACCOUNTS": accounts},
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := re.search(r"successfully listens on (\S+)", line):
                self.url = found[1]
                break
        else:
            raise AssertionError("Azurite ended before it listened.")
        self._numbers = itertools.count()

    def account(self) -> str:
        """Give the address of an account in which nothing is yet."""
        number = next(self._numbers)
        assert number < ACCOUNTS, "There are more tests than accounts."
        return f"{self.url}/test{number}"

    def connection(self) -> str:
        """Give the connection string of an account in which nothing is yet."""
        return self.connection_to(self.account())

    @staticmethod
    def connection_to(url: str) -> str:
        """Give the connection string of the account at this address."""
        name = url.rpartition("/")[2]
        protocol = url.partition(":")[0]
        return f"DefaultEndpointsProtocol={protocol};AccountName={name};AccountKey={KEY};BlobEndpoint={url};"

    def stop(self) -> None:
        """End the process; what it holds is gone."""
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """Start Azurite once for all tests; each takes an account of its own."""
    running = Azurite(tmp_path_factory.mktemp("azurite"))
    yield running
    running.stop()


@pytest.fixture
def service() -> Iterator[Callable[[str], "BlobServiceClient"]]:
    """Give a function that makes a client from a connection string; the test's end closes its connections."""
    from triage.azure_storage import Account, blob_service

    with ExitStack() as opened:
        yield lambda where: opened.enter_context(blob_service(Account(connection=where), pause=0, jitter=0.01))


@pytest.fixture
def container(azurite: Azurite, service: Callable[[str], "BlobServiceClient"]) -> "ContainerClient":
    """Give a client of the container `store`, which does not exist yet, in an account of its own."""
    return service(azurite.connection()).get_container_client("store")
