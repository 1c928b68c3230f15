"""Mail, archives and a way to read them, for all tests of this part."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from triage.collect.files import Item, walk
from triage.collect.limits import Limits

MEBIBYTE = 2**20


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
