"""A committer that is overtaken between reading an incident and writing it, at each step that there is."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

import triage.group.stored
from triage.errors import Transient
from triage.group import Documents, Listed, affected, commit, incidents, keep
from triage.group.fold import Judge
from triage.hosts import Hosts
from triage.model import Counts, Reading

NOW = "2026-10-20T12:00:00Z"
Build = Callable[..., Reading]


class Overtaken:
    """The same documents, in which something else happens right before an incident is written."""

    def __init__(self, documents: Documents, meanwhile: Callable[[], object]) -> None:
        self._documents, self._meanwhile = documents, meanwhile

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Let the other thing happen, then write."""
        if key.startswith("incident/"):
            self._meanwhile()
        return self._documents.put(key, body, if_match, head)

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give what the documents give."""
        return self._documents.get(key)

    def get_many(self, keys: Any) -> Any:
        """Give what the documents give."""
        return self._documents.get_many(keys)

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Remove it from the documents."""
        self._documents.delete(key, if_match)

    def each(self, work: Any, ones: Any) -> Any:
        """Do it for each without a transaction, which would leave nothing to happen in between."""
        return [work(one) for one in ones]

    def batch(self) -> AbstractContextManager[None]:
        """Give the documents' own."""
        return self._documents.batch()

    def list(self, prefix: str) -> Iterator[Listed]:
        """Give what the documents give."""
        return self._documents.list(prefix)


@pytest.mark.parametrize("before", [0, 1], ids=["a new incident", "an incident that exists"])
def test_what_came_in_between_is_kept(
    documents: Documents, reading: Build, judge: Judge, hosts: Hosts, before: int
) -> None:
    """Others' reports that land between reading and writing are counted, once, beside ours."""
    others = iter(range(100, 103))

    def meanwhile() -> None:
        number = next(others, None)
        if number is not None:
            commit(documents, [keep(documents, reading(number))], judge, hosts, NOW)

    commit(documents, [reading(number) for number in range(before)], judge, hosts, NOW)
    ours = keep(documents, reading(50))
    changed = commit(Overtaken(documents, meanwhile), [ours, keep(documents, reading(51))], judge, hosts, NOW)
    (incident,) = incidents(documents)
    assert incident.counts == Counts(returned=before + 3 + 2)
    assert changed == {incident.id}
    assert len(list(affected(documents, incident.id))) == 3 + 2
    assert list(documents.list("uncounted/")) == []


def test_the_same_reports_committed_in_between_are_counted_once(
    documents: Documents, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """A redelivery that lands first leaves nothing to write, and is not told as our change."""
    ours = keep(documents, reading(1))

    def meanwhile() -> None:
        commit(documents, [ours], judge, hosts, NOW)

    assert commit(Overtaken(documents, meanwhile), [ours], judge, hosts, NOW) == set()
    (incident,) = incidents(documents)
    assert incident.counts == Counts(returned=1)


def test_a_race_that_is_never_won_keeps_its_readings_for_later(
    documents: Documents, reading: Build, judge: Judge, hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A committer that loses every time gives up in a bounded number of tries, with its notes left in place."""
    monkeypatch.setattr(triage.group.stored, "MAX_TRIES", 5)
    numbers = iter(range(100, 200))
    ours = keep(documents, reading(1))

    def meanwhile() -> None:
        commit(documents, [reading(next(numbers))], judge, hosts, NOW)

    with pytest.raises(Transient):
        commit(Overtaken(documents, meanwhile), [ours], judge, hosts, NOW)
    assert [one.key for one in documents.list("uncounted/")] == [f"uncounted/{ours.sha256}"]
    commit(documents, [ours], judge, hosts, NOW)
    (incident,) = incidents(documents)
    assert incident.counts == Counts(returned=6)
