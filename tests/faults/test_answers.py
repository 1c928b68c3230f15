"""Storage that answers 500 and 503, hangs up, or does what was asked and loses the answer."""

import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from triage.azure_storage import RETRIES
from triage.errors import Conflict, Transient
from triage.group import BlobDocuments, BlobLease, Documents
from triage.group.ledger import Ledger
from triage.group.stored import change_ledger
from triage.model import Ends

# The SDK leaves the connection of a download that it repeats to the garbage collector, which then warns.
pytestmark = [pytest.mark.needs_node, pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]

RUNS = int(os.environ.get("TRIAGE_FAULT_RUNS", "2"))
"""Storms of failures, each by its own seed; more of them where time allows."""

LOST = ["cut though done", "500 though done"]


@pytest.fixture(autouse=True)
def collect_here() -> Iterator[None]:
    """Let the garbage collector find such connections in the test that left them."""
    yield
    gc.collect()


@pytest.fixture
def connections(azurite: Any, proxy: Any) -> tuple[str, str]:
    """Give the connection strings of one account: straight to Azurite, and through the proxy."""
    straight = str(azurite.connection())
    return straight, straight.replace(azurite.url, proxy.url)


@pytest.fixture
def straight(connections: tuple[str, str], service: Callable[[str], Any]) -> Documents:
    """Give documents as others see them."""
    client = service(connections[0])
    client.create_container("store")
    return BlobDocuments(client.get_container_client("store"))


@pytest.fixture
def container(connections: tuple[str, str], straight: Documents, proxy: Any, service: Callable[[str], Any]) -> Any:
    """Give the same container through the proxy."""
    proxy.begin(lambda _number, _writes: "pass")
    return service(connections[1]).get_container_client("store")


@pytest.fixture
def documents(container: Any) -> Documents:
    """Give the same documents through the proxy."""
    return BlobDocuments(container)


def first_write(word: str) -> Callable[[int, bool], str]:
    """Give the plan in which the first write goes so, and all else well."""
    return lambda number, writes: word if writes and number == 1 else "pass"


@pytest.mark.parametrize("word", LOST)
def test_a_put_whose_answer_was_lost_is_no_conflict(
    proxy: Any, documents: Documents, straight: Documents, word: str
) -> None:
    """An insert and a replacement that landed, and were repeated since nobody said so, succeed with their own tag."""
    proxy.begin(first_write(word))
    tag = documents.put("a", b"one", None)
    assert straight.get("a") == (b"one", tag)
    proxy.begin(first_write(word))
    tag = documents.put("a", b"two", tag)
    assert straight.get("a") == (b"two", tag)
    assert proxy.seen[:2] == [word, "pass"]


@pytest.mark.parametrize("word", LOST)
def test_a_put_that_lost_a_race_and_its_answer_is_a_conflict(
    proxy: Any, documents: Documents, straight: Documents, word: str
) -> None:
    """A repeated put that somebody else had won is told as lost, and writes nothing."""
    straight.put("a", b"theirs", None)
    proxy.begin(first_write(word))
    with pytest.raises(Conflict):
        documents.put("a", b"ours", None)
    found = straight.get("a")
    assert found is not None
    assert found[0] == b"theirs"


@pytest.mark.parametrize("word", LOST)
def test_a_removal_whose_answer_was_lost_is_done(
    proxy: Any, documents: Documents, straight: Documents, word: str
) -> None:
    """Removals, alone, under a tag and together, are done once and are no error when they are repeated."""
    tags = {key: straight.put(key, b"", None) for key in ("a", "b", "c", "d")}
    proxy.begin(first_write(word))
    documents.delete("a")
    proxy.begin(first_write(word))
    documents.delete("b", tags["b"])
    proxy.begin(first_write(word))
    with documents.batch():
        documents.delete("c")
        documents.delete("d")
    assert list(straight.list("")) == []


@pytest.mark.parametrize("word", LOST)
def test_a_change_whose_answer_was_lost_is_told_as_a_change(proxy: Any, documents: Documents, word: str) -> None:
    """Whoever changed an incident learns that it changed, so that its notices are sent now and not by the next sweep."""
    proxy.begin(first_write(word))
    _, changed = change_ledger(
        documents, "AAAAAAAA", lambda found: found or Ledger(id="AAAAAAAA", family="session", ends=Ends())
    )
    assert changed


@pytest.mark.parametrize("word", LOST)
def test_a_lease_whose_answer_was_lost_is_held(proxy: Any, container: Any, word: str) -> None:
    """A committer that took or renewed the lease holds it, whether or not it heard so the first time."""
    ticks = iter([0.0, 100.0, 100.0, 100.0])
    lease = BlobLease(container, clock=lambda: next(ticks))
    proxy.begin(lambda number, writes: word if writes and number in (1, 2, 4) else "pass")
    assert lease.hold()
    assert lease.hold()
    lease.release()
    assert BlobLease(container).hold()


def test_a_lease_lasts_while_the_service_is_away(proxy: Any, container: Any) -> None:
    """A committer that cannot renew goes on while nobody else can have the lease, and stops when its time is over."""
    time = [0.0]
    lease = BlobLease(container, seconds=60, clock=lambda: time[0])
    assert lease.hold()
    proxy.begin(lambda _number, _writes: "503")
    time[0] = 45.0
    assert lease.hold()
    time[0] = 61.0
    assert not lease.hold()
    lease.release()


@pytest.mark.parametrize(("word", "said"), [("503", "ServerBusy"), ("500", "InternalError"), ("cut", "onnection")])
def test_a_service_that_stays_away_is_transient(proxy: Any, documents: Documents, word: str, said: str) -> None:
    """After a bounded number of tries the caller is told to come again later, with what the service said."""
    for ask in (
        lambda: documents.get("a"),
        lambda: documents.put("a", b"", None),
        lambda: list(documents.list("")),
        lambda: documents.delete("a"),
    ):
        proxy.begin(lambda _number, _writes: word)
        with pytest.raises(Transient, match=said):
            ask()
        assert proxy.requests == 1 + RETRIES


def test_half_a_document_is_never_given(proxy: Any, documents: Documents, straight: Documents) -> None:
    """An answer that breaks off in the middle is asked for again, and what is given is whole."""
    body = bytes(range(256)) * 400
    straight.put("a", body, None)
    proxy.begin(lambda number, _writes: "half an answer" if number == 1 else "pass")
    found = documents.get("a")
    assert found is not None
    assert found[0] == body
    assert proxy.seen == ["half an answer", "pass"]


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_storm_of_failures_loses_and_doubles_nothing(
    seed: int,
    proxy: Any,
    connections: tuple[str, str],
    straight: Documents,
    worker: Any,
    mail: Callable[[int], list[str]],
    seen: Callable[[str], dict[str, Any]],
    failing_plan: Callable[[int, float], Callable[[int, bool], str]],
    end_leases: Callable[[str], None],
    tmp_path: Any,
) -> None:
    """Inputs come twice and out of order, two processes work at once, a third of all requests fail: counts are exact."""
    paths = mail(6)
    whole = str(tmp_path / "whole.sqlite")
    worker.run({"do": "take in", "store": whole, "paths": paths})
    expected = seen(whole)
    direct, through = connections
    proxy.begin(failing_plan(seed, 0.35))
    jobs = [
        {"do": "read in and commit", "store": through, "paths": paths[:4], "seed": seed},
        {"do": "take in", "store": through, "paths": paths[2:], "seed": seed + 1},
    ]
    for _ in range(40):
        ends = worker.run(*jobs)
        # As a queue does: what failed is delivered again.
        jobs = [job for job, end in zip(jobs, ends, strict=True) if end.startswith("failed: Transient")]
        if not jobs:
            break
    assert not jobs
    assert sum(word != "pass" for word in proxy.seen) > 20
    end_leases(direct)
    worker.run({"do": "commit", "store": direct})
    assert told(seen(direct)) == told(expected)


def told(state: dict[str, Any]) -> dict[str, Any]:
    """Give a state without the changes, whose texts tell in how many steps the reports came."""
    without = [({**one, "changes": None}, hit, reports) for one, hit, reports in state["incidents"]]
    return {**state, "incidents": without}
