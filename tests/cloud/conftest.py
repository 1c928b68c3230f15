"""An input in memory, a store in a file, and what reading takes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from triage.errors import Transient
from triage.group import SqliteDocuments
from triage.pipeline import Parts
from triage.settings import Settings
from triage.wiring import parts_of


class Bytes:
    """An input of which every range can be asked, and which fails when told to."""

    def __init__(self, content: bytes, name: str = "inbox/input", version: str = "1") -> None:
        self.content, self.name, self.version = content, name, version
        self.size = len(content)
        self.fetch = "fetch --name input --file {file}"
        self.asked: list[tuple[int, int]] = []
        self.fails_at: int | None = None

    def read(self, start: int, length: int) -> bytes:
        """Give a range, or fail as a far store does."""
        self.asked.append((start, length))
        if self.fails_at is not None and start + length > self.fails_at:
            raise Transient("The input cannot be read for now.")
        return self.content[start : start + length]


@pytest.fixture
def blob() -> Callable[..., Bytes]:
    """Give the maker of inputs."""
    return Bytes


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[SqliteDocuments]:
    """Give an empty store."""
    with SqliteDocuments(tmp_path / "store.sqlite") as opened:
        yield opened


@pytest.fixture(scope="session")
def parts() -> Parts:
    """Give rules and texts as they are shipped."""
    return parts_of(Settings())
