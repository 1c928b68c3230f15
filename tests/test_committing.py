"""The committer: what was read is counted in batches, under a lease, until nothing is left or time is up."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import triage.pipeline
from triage.collect.item import Item
from triage.errors import Transient
from triage.group import SqliteDocuments, incidents, keep
from triage.model import Place, Reading
from triage.pipeline import Parts, commit_waiting, count, read
from triage.settings import Settings
from triage.wiring import parts_of

NOW = "2026-10-20T12:00:00Z"


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Give the real rules, with one domain of ours."""
    return parts_of(Settings(ours={"domains": ["contoso.example"]}))


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[SqliteDocuments]:
    """Give an empty store."""
    with SqliteDocuments(tmp_path / "store.sqlite") as opened:
        yield opened


@pytest.fixture
def readings(documents: SqliteDocuments, parts: Parts, ndr: Callable[..., Any]) -> list[Reading]:
    """Keep the readings of five bounces, uncounted: three of one server, two of another."""
    kept = []
    for number in range(5):
        host = "hq-ex13b.contoso.example" if number > 2 else "hq-ex13a.contoso.example"
        content = bytes(
            ndr(generating=host, recipient=f"u{number}@fabrikam.example", message_id=f"m{number}@x.example")
        )
        item = Item(Place(f"{number}.eml"), content, hashlib.sha256(content).hexdigest())
        kept.append(keep(documents, read(item, parts), NOW))
    return kept


class Scripted:
    """A lease that is held as many times as the script says."""

    def __init__(self, *answers: bool) -> None:
        self._answers = list(answers)
        self.released = 0

    def hold(self) -> bool:
        """Give the next answer; the last one stays."""
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def release(self) -> None:
        """Count it."""
        self.released += 1


def later() -> float:
    """Give a deadline that this test never reaches."""
    return time.monotonic() + 600


def counts(documents: SqliteDocuments) -> list[int]:
    """Give the messages returned of each incident."""
    return sorted(one.counts.returned for one in incidents(documents))


def left(documents: SqliteDocuments) -> int:
    """Give how many readings are not counted."""
    return len(list(documents.list("uncounted/")))


def test_everything_that_waits_is_counted(documents: SqliteDocuments, parts: Parts, readings: list[Reading]) -> None:
    """All readings are counted, the incidents that changed are named once, and the lease is given back."""
    lease = Scripted(True)
    changed = commit_waiting(documents, parts, NOW, later(), lease)
    assert changed == {one.id for one in incidents(documents)}
    assert (counts(documents), left(documents), lease.released) == ([2, 3], 0, 1)
    assert commit_waiting(documents, parts, NOW, later(), lease) == set()


def test_nothing_is_done_without_the_lease(documents: SqliteDocuments, parts: Parts, readings: list[Reading]) -> None:
    """While somebody else holds the lease, nothing is counted and nothing is told."""
    assert commit_waiting(documents, parts, NOW, later(), Scripted(False)) == set()
    assert (counts(documents), left(documents)) == ([], 5)


@pytest.mark.parametrize("answers", [(True, False), (True, True, False)])
def test_a_lease_lost_in_the_middle_loses_and_doubles_nothing(
    documents: SqliteDocuments,
    parts: Parts,
    readings: list[Reading],
    monkeypatch: pytest.MonkeyPatch,
    answers: Sequence[bool],
) -> None:
    """The committer stops after its batch; whoever comes next counts the rest, and all is counted once."""
    monkeypatch.setattr(triage.pipeline, "WAITING_AT_ONCE", 2)
    commit_waiting(documents, parts, NOW, later(), Scripted(*answers))
    assert left(documents) == 5 - 2 * (len(answers) - 1)
    commit_waiting(documents, parts, NOW, later(), Scripted(True))
    assert (counts(documents), left(documents)) == ([2, 3], 0)


def test_the_committer_stops_when_its_time_is_up(
    documents: SqliteDocuments, parts: Parts, readings: list[Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that was begun is finished, and what is left waits for the next run."""
    monkeypatch.setattr(triage.pipeline, "WAITING_AT_ONCE", 2)
    commit_waiting(documents, parts, NOW, time.monotonic(), Scripted(True))
    assert left(documents) == 3


def test_a_note_whose_reading_was_never_kept_stops_nobody(
    documents: SqliteDocuments, parts: Parts, readings: list[Reading]
) -> None:
    """A process killed between note and reading leaves a note; the committer passes it over and ends."""
    documents.put("uncounted/" + "0" * 64, b"", None)
    commit_waiting(documents, parts, NOW, later(), Scripted(True))
    assert (counts(documents), left(documents)) == ([2, 3], 1)


@pytest.mark.parametrize("damage", ["its bytes", "its evidence"])
def test_a_reading_that_breaks_the_program_stops_nobody(
    documents: SqliteDocuments,
    parts: Parts,
    readings: list[Reading],
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A reading that cannot be decoded or counted is logged and stays uncounted; all others are counted."""
    broken = readings[1].sha256
    if damage == "its bytes":
        found = documents.get(f"reading/{broken}")
        assert found is not None
        documents.put(f"reading/{broken}", b"{", found[1])
    else:

        def failing(documents: SqliteDocuments, readings: Sequence[Reading], parts: Parts, now: str) -> set[str]:
            if any(one.sha256 == broken for one in readings):
                raise ZeroDivisionError
            return count(documents, readings, parts, now)

        monkeypatch.setattr(triage.pipeline, "count", failing)
    commit_waiting(documents, parts, NOW, later(), Scripted(True))
    assert [one.key for one in documents.list("uncounted/")] == [f"uncounted/{broken}"]
    assert counts(documents) == [2, 2]
    assert "reading_" in capsys.readouterr().out


def test_a_store_that_fails_is_told_unless_something_changed(
    documents: SqliteDocuments, parts: Parts, readings: list[Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure before any change is the caller's; after one, the caller learns what changed, and the rest waits."""
    monkeypatch.setattr(triage.pipeline, "WAITING_AT_ONCE", 2)
    times = iter([0, 1])

    def failing(documents: SqliteDocuments, readings: Sequence[Reading], parts: Parts, now: str) -> set[str]:
        if next(times, None) != 1:
            raise Transient("The service is away.")
        return count(documents, readings, parts, now)

    monkeypatch.setattr(triage.pipeline, "count", failing)
    lease = Scripted(True)
    with pytest.raises(Transient):
        commit_waiting(documents, parts, NOW, later(), lease)
    assert commit_waiting(documents, parts, NOW, later(), lease) != set()
    assert (left(documents), lease.released) == (3, 2)
