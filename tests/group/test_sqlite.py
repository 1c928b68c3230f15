"""The SQLite engine keeps the promises of the document store."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from triage.errors import Conflict, Misconfigured
from triage.group import SqliteDocuments

COUNT_UP = """
import sys
from triage.errors import Conflict
from triage.group import SqliteDocuments

documents = SqliteDocuments(sys.argv[1])
for _ in range(int(sys.argv[2])):
    while True:
        body, tag = documents.get("counter")
        try:
            documents.put("counter", str(int(body) + 1).encode(), tag)
            break
        except Conflict:
            pass
"""


def test_a_document_is_given_back_as_it_was_put(documents: SqliteDocuments) -> None:
    """What was put is what get gives, byte for byte, with the tag that put gave."""
    tag = documents.put("a", b"\x00\xff", None)
    assert documents.get("a") == (b"\x00\xff", tag)


def test_inserting_over_a_document_is_a_conflict(documents: SqliteDocuments) -> None:
    """Without a tag, put never replaces, and the old body stays."""
    documents.put("a", b"one", None)
    with pytest.raises(Conflict):
        documents.put("a", b"two", None)
    found = documents.get("a")
    assert found is not None
    assert found[0] == b"one"


def test_a_stale_tag_is_a_conflict(documents: SqliteDocuments) -> None:
    """A put with the tag of an older version writes nothing."""
    old = documents.put("a", b"one", None)
    documents.put("a", b"two", old)
    with pytest.raises(Conflict):
        documents.put("a", b"three", old)
    found = documents.get("a")
    assert found is not None
    assert found[0] == b"two"


def test_a_tag_of_a_deleted_document_never_matches_again(documents: SqliteDocuments) -> None:
    """A document that was deleted and made again cannot be replaced by somebody who knew the first."""
    old = documents.put("a", b"one", None)
    documents.delete("a")
    documents.put("a", b"one", None)
    with pytest.raises(Conflict):
        documents.put("a", b"two", old)


def test_listing_gives_keys_below_the_prefix_in_order(documents: SqliteDocuments) -> None:
    """A listing is ordered, complete over several pages, and holds nothing else."""
    for number in range(1200):
        documents.put(f"in/{number:04d}", b"", None, head=str(number).encode())
    documents.put("in", b"", None)
    documents.put("io/1", b"", None)
    listed = list(documents.list("in/"))
    assert [one.head for one in listed] == [str(number).encode() for number in range(1200)]


def test_a_failed_batch_leaves_nothing(documents: SqliteDocuments) -> None:
    """An error inside a batch takes all of its writes back."""
    documents.put("taken", b"", None)

    def write_both() -> None:
        with documents.batch():
            documents.put("a", b"", None)
            documents.put("taken", b"", None)

    with pytest.raises(Conflict):
        write_both()
    assert documents.get("a") is None


def test_two_processes_lose_no_update(tmp_path: Path) -> None:
    """Two processes that count up in one document reach the sum of their counts."""
    path = tmp_path / "store.sqlite"
    with SqliteDocuments(path) as documents:
        documents.put("counter", b"0", None)
    command = [sys.executable, "-c", COUNT_UP, str(path), "150"]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    with SqliteDocuments(path) as documents:
        found = documents.get("counter")
    assert found is not None
    assert found[0] == b"300"


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
