"""Mail, archives and a way to read them, for all tests of this part."""

import gzip
import io
import re
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.servers.graph import GraphServer, running
from triage.collect.files import Item, walk
from triage.collect.limits import Limits

MEBIBYTE = 2**20
ROOT = Path(__file__).parents[2]


class Build:
    """Makes the inputs that tests read, each in the shape that real programs write."""

    def mail(self, number: int = 1, body: bytes = b"The message was not delivered.\n") -> bytes:
        """Give a small message, another one for each number."""
        return b"From: postmaster@contoso.example\nSubject: Undeliverable %d\n\n" % number + body

    def mbox(self, *messages: bytes, end: bytes = b"\n") -> bytes:
        """Give an mbox of the messages as they are: nothing in them is quoted."""
        line = b"From MAILER-DAEMON Sun Oct 18 09:14:00 2026"
        return b"".join(line + end + message + end for message in messages)

    def zip(self, members: Mapping[str, bytes]) -> bytes:
        """Give a .zip of these members."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return file.getvalue()

    def raw_zip(
        self, packed: bytes, *, name: bytes = b"a.eml", flags: int = 0, method: int = 8, checksum: int = 0
    ) -> bytes:
        """Give a .zip of one member that says of itself exactly this, true or not."""
        size = len(packed)
        local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, flags, method, 0, 0, checksum, size, 0, len(name), 0)
        start = len(local) + len(name) + size
        central = struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 20, 20, flags, method, 0, 0, checksum, size, 0, len(name), 0, 0, 0, 0, 0, 0
        )
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central) + len(name), start, 0)
        return local + name + packed + central + name + end

    def deflated_zeros(self, mebibytes: int) -> bytes:
        """Give raw deflate that unpacks to so many zeros, of which only one mebibyte is ever packed."""
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        block = packer.compress(bytes(MEBIBYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
        return block * mebibytes + packer.flush(zlib.Z_FINISH)

    def gzipped_zeros(self, mebibytes: int) -> bytes:
        """Give so many gzip members of a mebibyte of zeros each."""
        return gzip.compress(bytes(MEBIBYTE), mtime=0) * mebibytes


@pytest.fixture(scope="session")
def build() -> Build:
    """Give the maker of inputs."""
    return Build()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Item]]:
    """Give a function that writes bytes to a file and gives all items in it."""

    def read_(content: bytes, name: str = "input", limits: Limits | None = None) -> list[Item]:
        path = tmp_path / name
        path.write_bytes(content)
        return list(walk([str(path)], limits or Limits()))

    return read_


@pytest.fixture
def graph_server() -> Iterator[GraphServer]:
    """Give a Microsoft Graph of our own on loopback."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def azurite() -> Iterator[str]:
    """Start Azurite in memory; give the connection string of its account."""
    ports = ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
    quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence"]
    process = subprocess.Popen(
        [str(ROOT / "node_modules/.bin/azurite"), *ports, *quiet], stdout=subprocess.PIPE, text=True
    )
    try:
        found: dict[str, str] = {}
        while len(found) < 3:
            line = process.stdout.readline() if process.stdout is not None else ""
            assert line, "Azurite ended before it listened."
            if match := re.search(r"Azurite (\w+) service .*(http://127\.0\.0\.1:\d+)", line):
                found[match.group(1)] = match.group(2)
        account = "devstoreaccount1"
        key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
        yield ";".join(
            ["DefaultEndpointsProtocol=http", f"AccountName={account}", f"AccountKey={key}"]
            + [f"{service}Endpoint={url}/{account}" for service, url in found.items()]
        )
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()
