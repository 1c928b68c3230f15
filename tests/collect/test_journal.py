"""The journal of inputs."""

import pytest

from triage.collect.files import unpacked
from triage.collect.item import Item, document, unreadable
from triage.collect.journal import entry_of, record, stored_bytes
from triage.errors import Conflict
from triage.model import Place

NOW = "2026-10-18T09:14:00Z"
LATER = "2026-10-19T09:14:00Z"


class Memory:
    """A store in memory that keeps the protocol's promises."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[bytes, str]] = {}

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag."""
        return self.documents.get(key)

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:  # noqa: ARG002
        """Write where nobody else did."""
        known = self.documents.get(key)
        if (known[1] if known else None) != if_match:
            raise Conflict(key)
        tag = str(len(self.documents))
        self.documents[key] = body, tag
        return tag


@pytest.fixture
def store() -> Memory:
    """Give an empty store."""
    return Memory()


def item(path: str, content: bytes = b"Subject: one\n\n", streamed: bool = False) -> Item:
    """Give a document from this path."""
    return document(Place(path, 3), content, 0, streamed)


def test_an_entry_says_where_what_and_when(store):
    """The journal holds path, index, digest, size and time of a document."""
    one = item("bounces/a.mbox")

    assert record(store, one, NOW)

    entry = entry_of(store, one.sha256)
    assert entry is not None
    assert (entry.path, entry.index, entry.sha256) == ("bounces/a.mbox", 3, one.sha256)
    assert (entry.size, entry.at) == (14, NOW)


def test_the_same_bytes_again_change_nothing(store):
    """An input under a second path keeps the first, and is no error."""
    one = item("a.eml")
    record(store, one, NOW)

    assert not record(store, item("copy of a.eml"), LATER)

    entry = entry_of(store, one.sha256)
    assert entry is not None
    assert (entry.path, entry.at) == ("a.eml", NOW)


@pytest.mark.parametrize("content", [b"Subject: one\n\n", b"\n{}\n\xff\x00", b"\n"])
def test_bytes_without_a_path_are_kept(store, content):
    """What came through a pipe can be read again from the journal, byte for byte."""
    one = item("-", content, streamed=True)
    record(store, one, NOW)

    assert stored_bytes(store, one.sha256) == content


def test_bytes_with_a_path_are_not_kept_twice(store):
    """A file is where it was: the journal of a laptop holds its path and digest alone."""
    one = item("a.eml")
    record(store, one, NOW)

    assert stored_bytes(store, one.sha256) is None
    assert b"Subject" not in store.documents[f"input/{one.sha256}"][0]


def test_what_could_not_be_read_is_not_recorded(store):
    """An error leaves no entry: it has no bytes, and is tried again the next time."""
    one = unreadable(Place("a.eml"), "It is empty.")

    assert not record(store, one, NOW)
    assert not store.documents


def test_an_unknown_digest_has_no_entry(store):
    """Nothing is known of what was never recorded."""
    assert entry_of(store, "0" * 64) is None
    assert stored_bytes(store, "0" * 64) is None


def test_any_member_name_can_be_recorded(store, build):
    """A name of any bytes makes an entry that can be written and read."""
    [one] = unpacked(build.raw_zip(b"\3\0", name=b"\xff\xfe\0\n.eml"), "a.zip")

    record(store, document(one.place, b"x"), NOW)

    assert len(store.documents) == 1
