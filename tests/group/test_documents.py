"""Every engine keeps the promises of the document store; where they could differ, SQLite says what is right."""

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import triage.group.blobs
import triage.group.sqlite
from triage.azure_storage import Account, blob_service
from triage.errors import Conflict
from triage.group import BlobDocuments, Documents, MemoryDocuments, SqliteDocuments

COUNT_UP = """
import sys
from triage.azure_storage import Account, blob_service
from triage.azure_storage import Account, blob_service
from triage.errors import Conflict
from triage.group import BlobDocuments, SqliteDocuments

where, times = sys.argv[1:]
if where.startswith("Default"):
    documents = BlobDocuments(blob_service(Account(connection=where)).get_container_client("store"))
else:
    documents = SqliteDocuments(where)
for _ in range(int(times)):
    while True:
        body, tag = documents.get("counter")
        try:
            documents.put("counter", str(int(body) + 1).encode(), tag)
            break
        except Conflict:
            pass
"""


@contextmanager
def opened(where: str) -> Iterator[Documents]:
    """Open the file, or the container `store` behind the connection string."""
    if where.startswith("Default"):
        with blob_service(Account(connection=where)) as service:
            yield BlobDocuments(service.get_container_client("store"))
    else:
        with SqliteDocuments(where) as documents:
            yield documents


def body_of(documents: Documents, key: str) -> bytes | None:
    """Give the body alone."""
    found = documents.get(key)
    return None if found is None else found[0]


def test_a_document_is_given_back_as_it_was_put(documents: Documents) -> None:
    """What was put is what get gives, byte for byte, with the tag that put gave."""
    tag = documents.put("a", b"\x00\xff", None)
    assert documents.get("a") == (b"\x00\xff", tag)
    assert [(one.key, one.tag, one.head) for one in documents.list("")] == [("a", tag, b"")]


def test_a_store_in_which_nothing_was_put_is_empty(documents: Documents) -> None:
    """Reading, listing and removing in a store that nobody wrote to find nothing, and are no error."""
    assert documents.get("a") is None
    assert documents.get_many(["a", "b"]) == [None, None]
    assert list(documents.list("")) == []
    documents.delete("a")
    with documents.batch():
        documents.delete("a")
        documents.delete("b")
    with pytest.raises(Conflict):
        documents.put("a", b"", "0")


@pytest.mark.parametrize("at_once", [2, 200])
def test_many_documents_come_in_the_order_asked(
    documents: Documents, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """What is asked together comes in the order of the keys, with nothing in the place of those that are not there."""
    monkeypatch.setattr(triage.group.sqlite, "ASKED_AT_ONCE", at_once)
    tags = {key: documents.put(key, key.encode(), None) for key in ("a", "b", "c")}
    a, b, c = [(key.encode(), tag) for key, tag in tags.items()]
    assert documents.get_many(["c", "x", "a", "b", "c"]) == [c, None, a, b, c]
    assert documents.get_many([]) == []


def test_inserting_over_a_document_is_a_conflict(documents: Documents) -> None:
    """Without a tag, put never replaces, and the old body stays."""
    documents.put("a", b"one", None)
    with pytest.raises(Conflict):
        documents.put("a", b"two", None)
    assert body_of(documents, "a") == b"one"


def test_a_stale_tag_is_a_conflict(documents: Documents) -> None:
    """A put or a removal with the tag of an older version changes nothing."""
    old = documents.put("a", b"one", None)
    documents.put("a", b"two", old)
    with pytest.raises(Conflict):
        documents.put("a", b"three", old)
    with pytest.raises(Conflict):
        documents.delete("a", old)
    assert body_of(documents, "a") == b"two"


def test_the_tag_of_the_version_that_stands_removes_it(documents: Documents) -> None:
    """A removal under the right tag removes; a second one finds nothing, which is no error."""
    tag = documents.put("a", b"one", None)
    documents.delete("a", tag)
    documents.delete("a", tag)
    assert documents.get("a") is None


def test_a_tag_of_a_deleted_document_never_matches_again(documents: Documents) -> None:
    """A document that was deleted and made again cannot be replaced by somebody who knew the first."""
    old = documents.put("a", b"one", None)
    documents.delete("a")
    with pytest.raises(Conflict):
        documents.put("a", b"two", old)
    documents.put("a", b"one", None)
    with pytest.raises(Conflict):
        documents.put("a", b"two", old)


def test_listing_gives_keys_below_the_prefix_in_order(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing is ordered, complete over several pages, and holds nothing else."""
    monkeypatch.setattr(triage.group.blobs, "LISTED_AT_ONCE", 10)
    monkeypatch.setattr(triage.group.sqlite, "LISTED_AT_ONCE", 10)
    for number in range(35):
        documents.put(f"in/{34 - number:04d}", b"", None, head=str(34 - number).encode())
    documents.put("in", b"", None)
    documents.put("io/1", b"", None)
    assert [one.head for one in documents.list("in/")] == [str(number).encode() for number in range(35)]


def test_removing_what_a_listing_gives_leaves_nothing_out(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documents of a listing can be removed while it goes on, and each is given once."""
    monkeypatch.setattr(triage.group.blobs, "LISTED_AT_ONCE", 10)
    monkeypatch.setattr(triage.group.sqlite, "LISTED_AT_ONCE", 10)
    for number in range(35):
        documents.put(f"in/{number:04d}", b"", None)
    given_keys = []
    for listed in documents.list("in/"):
        documents.delete(listed.key)
        given_keys.append(listed.key)
    assert given_keys == [f"in/{number:04d}" for number in range(35)]
    assert list(documents.list("in/")) == []


@pytest.mark.parametrize("size", [1, 4999, 5000, 5001, 9000], ids=lambda size: f"{size} bytes")
def test_a_head_of_any_size_comes_with_the_listing(documents: Documents, size: int) -> None:
    """A head is given as it was put, whether it fits where short heads travel or not, and never mixes with the body."""
    head = bytes(range(256)) * 40
    tag = documents.put("a", b"body", None, head[:size])
    assert [(one.tag, one.head) for one in documents.list("a")] == [(tag, head[:size])]
    assert documents.get("a") == (b"body", tag)
    tag = documents.put("a", b"new body", tag, b"short")
    assert [(one.tag, one.head) for one in documents.list("a")] == [(tag, b"short")]
    assert documents.get("a") == (b"new body", tag)


def test_what_is_removed_in_a_batch_is_gone_for_whoever_asks_in_it(documents: Documents) -> None:
    """Inside a batch, writes are seen in their order, removals among them."""
    old = documents.put("a", b"one", None)
    documents.put("b", b"one", None)
    with documents.batch():
        documents.delete("b")
        documents.delete("a")
        assert documents.get("a") is None
        assert documents.put("a", b"two", None) != old
        documents.delete("b")
    assert [one.key for one in documents.list("")] == ["a"]


def test_a_batch_in_a_batch_ends_with_the_outer_one(documents: Documents) -> None:
    """Whoever is called inside a batch may begin one too."""
    for key in ("a", "b", "c"):
        documents.put(key, b"", None)
    with documents.batch():
        documents.delete("a")
        with documents.batch():
            documents.delete("b")
        documents.delete("c")
    assert list(documents.list("")) == []


def test_a_batch_removes_any_number(documents: Documents) -> None:
    """More removals than one request takes, some of what is not there, leave nothing."""
    for number in range(0, 300, 3):
        documents.put(f"n/{number}", b"", None)
    with documents.batch():
        for number in range(300):
            documents.delete(f"n/{number}")
    assert list(documents.list("")) == []


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "a/./b", "../a", "a.", "a/b.", "a b", "a\\b", "ä", "a\n", "x" * 1001]
)
def test_a_key_that_some_store_cannot_hold_is_refused_by_all(documents: Documents, key: str) -> None:
    """What Azure Storage would rewrite or refuse is refused on a laptop too, before anything is written."""
    with pytest.raises(ValueError, match="cannot be a document's key"):
        documents.put(key, b"", None)
    with pytest.raises(ValueError, match="cannot be a document's key"):
        documents.get(key)
    assert list(documents.list("")) == []


@pytest.mark.parametrize("key", ["a/b.c", "mailbox/AAMk_-=+@x", "100%", "a?b#c", "a:b", "~", "x" * 1000])
def test_a_key_of_odd_characters_names_its_document(documents: Documents, key: str) -> None:
    """Characters that addresses escape are a key's own: the document is found, listed and removed under it."""
    documents.put(key, b"one", None)
    documents.put("other", b"", None)
    assert body_of(documents, key) == b"one"
    assert [one.key for one in documents.list(key)] == [key]
    with documents.batch():
        documents.delete("other")
        documents.delete(key)
    assert list(documents.list("")) == []


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("blobs", marks=pytest.mark.needs_node)])
def test_four_processes_lose_no_update(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Four processes that count up in one document reach the sum of their counts."""
    where = str(tmp_path / "store.sqlite")
    if engine == "blobs":
        where = request.getfixturevalue("azurite").connection()
    with opened(where) as store:
        store.put("counter", b"0", None)
        running = [subprocess.Popen([sys.executable, "-c", COUNT_UP, where, "30"]) for _ in range(4)]
        assert [process.wait(timeout=120) for process in running] == [0, 0, 0, 0]
        assert body_of(store, "counter") == b"120"


# ---- the same operations on all engines

KEYS = ("a", "b", "b/c", "d")
BODIES = st.sampled_from([b"", b"one", b"\x00\xff", b"three" * 3000])
HEADS = st.sampled_from([b"", b"\xff\x00head", b"h" * 5100])
OPERATIONS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), BODIES, HEADS, st.sampled_from(["none", "current", "old"])),
    st.tuples(st.just("get"), st.sampled_from(KEYS)),
    st.tuples(st.just("get_many"), st.lists(st.sampled_from(KEYS), max_size=4)),
    st.tuples(st.just("list"), st.sampled_from(["", "b", "b/", "x"])),
    st.tuples(st.just("delete"), st.sampled_from(KEYS), st.sampled_from(["none", "current", "old"])),
    st.tuples(st.just("delete_together"), st.lists(st.sampled_from(KEYS), max_size=5)),
)


class Player:
    """Plays operations on one engine, below a folder of keys; gives answers in which tags are numbers of versions."""

    def __init__(self, documents: Documents, folder: str) -> None:
        self._documents, self._folder = documents, folder
        self._versions: dict[str, int] = {}
        self._tags: dict[str, list[str]] = {}

    def play(self, operation: tuple[Any, ...]) -> object:
        """Play one operation; give what it gave."""
        name, *arguments = operation
        try:
            return getattr(self, name)(*arguments)
        except Conflict:
            return "conflict"

    def _tag(self, key: str, which: str) -> str | None:
        known = self._tags.get(key, [])
        return None if which == "none" else known[-1 if which == "current" else 0] if known else "0"

    def _version(self, tag: str) -> int:
        return self._versions.setdefault(tag, len(self._versions))

    def put(self, key: str, body: bytes, head: bytes, which: str) -> object:
        """Insert, or replace under the tag seen last or first."""
        tag = self._documents.put(self._folder + key, body, self._tag(key, which), head)
        self._tags.setdefault(key, []).append(tag)
        return self._version(tag)

    def _found(self, found: tuple[bytes, str] | None) -> object:
        return None if found is None else (found[0], self._version(found[1]))

    def get(self, key: str) -> object:
        """Read one."""
        return self._found(self._documents.get(self._folder + key))

    def get_many(self, keys: list[str]) -> object:
        """Read several."""
        return [self._found(one) for one in self._documents.get_many([self._folder + key for key in keys])]

    def delete(self, key: str, which: str) -> object:
        """Remove, whatever version or one alone."""
        self._documents.delete(self._folder + key, self._tag(key, which))
        return None

    def delete_together(self, keys: list[str]) -> object:
        """Remove several in a batch, and list in the middle of it."""
        with self._documents.batch():
            for key in keys[:2]:
                self._documents.delete(self._folder + key)
            seen = self.list("")
            for key in keys[2:]:
                self._documents.delete(self._folder + key)
        return seen

    def list(self, prefix: str) -> object:
        """List."""
        found = self._documents.list(self._folder + prefix)
        return [(one.key, self._version(one.tag), one.head) for one in found]


@pytest.fixture(params=["memory", pytest.param("blobs", marks=pytest.mark.needs_node)])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], tuple[Player, Player]]]:
    """Give pairs of players, one on SQLite and one on another engine."""
    other = MemoryDocuments() if request.param == "memory" else BlobDocuments(request.getfixturevalue("container"))
    numbers = itertools.count()
    with SqliteDocuments(tmp_path / "store.sqlite") as oracle:

        def make() -> tuple[Player, Player]:
            folder = f"{next(numbers)}/"
            return Player(oracle, folder), Player(other, folder)

        yield make


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(OPERATIONS, min_size=3, max_size=25))
def test_any_operations_give_what_they_give_on_sqlite(
    two: Callable[[], tuple[Player, Player]], operations: list[tuple[Any, ...]]
) -> None:
    """Whatever is done in whatever order, each answer and the documents at the end are those of SQLite."""
    oracle, other = two()
    for operation in [*operations, ("list", ""), ("get_many", list(KEYS))]:
        assert other.play(operation) == oracle.play(operation), operation
