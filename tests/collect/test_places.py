"""What a reading of a mailbox remembers is shared, bounded, and belongs to one mailbox and one version."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from triage.collect.places import REMEMBERED, Memory, Place
from triage.errors import Conflict
from triage.group import SqliteDocuments


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[SqliteDocuments]:
    """Give an empty store."""
    with SqliteDocuments(tmp_path / "store.sqlite") as opened:
        yield opened


def test_two_memories_add_up(documents: SqliteDocuments) -> None:
    """What two runs decided is remembered from both, whoever writes last."""
    first, second = Memory(documents, "left", "inbox"), Memory(documents, "left", "inbox")
    first.add("a")
    second.add("b")
    first.save()
    second.save()
    both = Memory(documents, "left", "inbox")
    assert ("a" in both, "b" in both, "c" in both) == (True, True, False)


def test_the_oldest_are_forgotten_first(documents: SqliteDocuments, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound the oldest decisions go; one that is made again counts as new."""
    monkeypatch.setattr("triage.collect.places.REMEMBERED", 2)
    memory = Memory(documents, "left", "inbox")
    for message in ("a", "b", "a", "c"):
        memory.add(message)
    memory.save()
    again = Memory(documents, "left", "inbox")
    assert ("a" in again, "b" in again, "c" in again) == (True, False, True)


def test_the_memory_stays_small(documents: SqliteDocuments) -> None:
    """At the bound it has 160 kB: a document that each page may write."""
    memory = Memory(documents, "moved", "inbox")
    for number in range(REMEMBERED + 100):
        memory.add(str(number))
    memory.save()
    found = documents.get("mailbox/moved/inbox")
    assert found is not None
    assert len(found[0]) == 160_000


def test_a_place_is_replaced_by_one_run_alone(documents: SqliteDocuments) -> None:
    """Of two runs with the same place the second to write loses: it stops before it keeps anything."""
    first, second = (Place(documents, "m", "inbox", "1") for _ in range(2))
    first.save()
    with pytest.raises(Conflict):
        second.save()


def test_a_place_of_another_version_keeps_what_is_being_kept(documents: SqliteDocuments) -> None:
    """A new version lists everything anew, and still finishes what the old one had begun."""
    old = Place(documents, "m", "inbox", "1")
    old.link, old.flight = "https://graph.microsoft.com/v1.0/x", {"id": "mailbox/2026-10-20/aa.eml"}
    old.save()
    new = Place(documents, "m", "inbox", "2")
    assert (new.link, new.flight, new.is_new_version) == (None, old.flight, True)
    other = Place(documents, "another", "inbox", "1")
    assert (other.link, other.flight, other.is_new_version) == (None, {}, False)


def test_a_folder_id_is_a_safe_key(documents: SqliteDocuments) -> None:
    """Folder ids have characters that keys and blob names should not have."""
    Place(documents, "m", "AQMk/A=?#", "1").save()
    assert [one.key for one in documents.list("mailbox/")] == ["mailbox/AQMk%2FA%3D%3F%23"]
