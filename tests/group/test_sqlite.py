"""What the SQLite engine promises beyond the document store's protocol (`test_documents.py`)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from triage.errors import Conflict, Misconfigured, Transient
from triage.group import SqliteDocuments


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteDocuments]:
    """Give an empty store."""
    with SqliteDocuments(tmp_path / "store.sqlite") as opened:
        yield opened


def test_a_failed_batch_leaves_nothing(store: SqliteDocuments) -> None:
    """An error inside a batch takes all of its writes back."""
    store.put("taken", b"", None)

    def write_both() -> None:
        with store.batch():
            store.put("a", b"", None)
            store.put("taken", b"", None)

    with pytest.raises(Conflict):
        write_both()
    assert store.get("a") is None


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """A file of another kind is named in the error and left as it was."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"These are my notes, not a database." * 40)
    with pytest.raises(Misconfigured, match=r"notes\.txt"):
        SqliteDocuments(path)
    assert path.read_bytes().startswith(b"These are my notes")


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """A store that a newer program wrote is not touched."""
    path = tmp_path / "store.sqlite"
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(Misconfigured, match="newer version"):
        SqliteDocuments(path)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """A name that is mistyped into `--store` puts no table of ours into somebody's database."""
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE places (url TEXT)")
    other.close()
    with pytest.raises(Misconfigured, match="another program"):
        SqliteDocuments(path)
    other = sqlite3.connect(path)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("places",)]
    other.close()


def test_a_full_disk_is_told_in_a_sentence_and_ends_by_itself(store: SqliteDocuments) -> None:
    """What does not fit is refused with what to do, nothing of its batch stays, and with room the same store goes on."""

    def write_both() -> None:
        with store.batch():
            store.put("small", b"", None)
            store.put("large", bytes(1_000_000), None)

    store._db.execute("PRAGMA max_page_count = 20")
    with pytest.raises(Transient, match="disk is full; make room"):
        write_both()
    assert store.get("small") is None
    store._db.execute("PRAGMA max_page_count = 100000")
    write_both()
    assert store.get("small") is not None
