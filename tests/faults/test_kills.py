"""A process killed by signal after any write, and run again: incidents, counts and notes as if nothing had happened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

STEPS = 60
"""More writes than any of these runs makes: the loops end when a run lives to its end."""

ENGINES = ["sqlite", pytest.param("blobs", marks=pytest.mark.needs_node)]


class Place:
    """Where a run keeps its documents, and how it is killed there."""

    def __init__(self, engine: str, folder: Path, request: pytest.FixtureRequest) -> None:
        self._engine, self._folder = engine, folder
        self._azurite: Any = request.getfixturevalue("azurite") if engine == "blobs" else None
        self._proxy: Any = request.getfixturevalue("proxy") if engine == "blobs" else None
        self._end_leases = request.getfixturevalue("end_leases")
        self._worker: Any = request.getfixturevalue("worker")

    def fresh(self, name: str) -> str:
        """Give a place in which nothing is yet."""
        if self._azurite is None:
            return str(self._folder / f"{name}.sqlite")
        where = str(self._azurite.connection())
        with BlobServiceClient.from_connection_string(where) as service:
            service.create_container("store")
        return where

    def run(self, where: str, **job: Any) -> str:
        """Run a job to its end."""
        (end,) = self._worker.run({**job, "store": where})
        assert not end.startswith("failed"), end
        return str(end)

    def run_and_kill(self, where: str, at: int, **job: Any) -> bool:
        """Run a job in a process that is killed after its n-th write; True where it lived to its end."""
        if self._azurite is None:
            (end,) = self._worker.run({**job, "store": where, "kill_at": at})
        else:
            self._proxy.begin(lambda number, writes: "kill" if writes and number == at else "pass")
            through = where.replace(self._azurite.url, self._proxy.url)
            (end,) = self._worker.run({**job, "store": through}, named=self._proxy.name_victim)
        assert end == "signal 9" or end.startswith(("done", "changed")), end
        return bool(end != "signal 9")

    def end_leases(self, where: str) -> None:
        """Let the time pass after which a killed process's lease is over."""
        if self._azurite is not None:
            self._end_leases(where)


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Give a place of each engine in turn."""
    return Place(request.param, tmp_path, request)


@pytest.mark.parametrize("work", ["take in", "read in and commit"])
def test_a_kill_after_any_write_loses_and_doubles_nothing(
    place: Place, work: str, mail: Callable[[int], list[str]], seen: Callable[[str], dict[str, object]]
) -> None:
    """Killed after each write in turn and run again, the store ends as if nothing had happened."""
    job = {"do": work, "paths": mail(2)}
    whole = place.fresh("whole")
    place.run(whole, **job)
    expected = seen(whole)
    assert len(expected["incidents"]) == 2  # type: ignore[arg-type]
    assert expected["left over"] == []
    for at in range(1, STEPS):
        where = place.fresh(f"killed{at}")
        lived = place.run_and_kill(where, at, **job)
        place.end_leases(where)
        place.run(where, **job)
        assert seen(where) == expected, f"killed after write {at}"
        if lived:
            assert at > 9
            return
    pytest.fail("the run never lived to its end")


def test_a_kill_while_committing_needs_nothing_but_another_commit(
    place: Place, mail: Callable[[int], list[str]], seen: Callable[[str], dict[str, object]]
) -> None:
    """What was read before the kill is counted by the next committer, which never sees the inputs."""
    job = {"do": "read in and commit", "paths": mail(2)}
    whole = place.fresh("whole")
    place.run(whole, **job)
    expected = seen(whole)
    for at in range(7, STEPS):  # the seventh write is the first after both readings are kept
        where = place.fresh(f"killed{at}")
        lived = place.run_and_kill(where, at, **job)
        place.end_leases(where)
        place.run(where, do="commit")
        assert seen(where) == expected, f"killed after write {at}"
        if lived:
            return
    pytest.fail("the run never lived to its end")


@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "silence"])
def test_an_act_that_a_kill_left_without_its_effect_is_made_good(
    place: Place, kind: str, mail: Callable[[int], list[str]], seen: Callable[[str], dict[str, object]]
) -> None:
    """Killed after the entry of the journal, or after its effect, the next pass leaves it done once, at its own time."""
    paths = mail(2)
    whole = place.fresh("whole")
    place.run(whole, do="take in", paths=paths)
    unacted = seen(whole)
    place.run(whole, do=kind)
    place.run(whole, do="live on", now="2026-10-20T14:00:00Z")
    expected = seen(whole)
    assert expected != unacted
    for at in range(1, STEPS):
        where = place.fresh(f"killed{at}")
        place.run(where, do="take in", paths=paths)
        lived = place.run_and_kill(where, at, do=kind)
        if at == 1:
            assert seen(where) == unacted  # the entry comes before what it says
        place.run(where, do="live on", now="2026-10-20T14:00:00Z")
        assert seen(where) == expected, f"killed after write {at}"
        if lived:
            assert at > 2
            return
    pytest.fail("the act never lived to its end")


@pytest.mark.parametrize("kind", ["silence all", "unsilence all"])
def test_a_silence_that_a_kill_left_without_its_effect_is_made_good(
    place: Place, kind: str, mail: Callable[[int], list[str]], silent: Callable[[str], list[tuple[str, str]]]
) -> None:
    """Killed after the entry of the journal, or after its effect, the next pass leaves the same silent as without a kill."""
    paths, later = mail(2), "2026-10-20T14:00:00Z"
    before = ["silence all"] if kind == "unsilence all" else []
    whole = place.fresh("whole")
    place.run(whole, do="take in", paths=paths)
    for one in (*before, kind):
        place.run(whole, do=one)
    expected = silent(whole)
    assert expected == [
        ("*.contoso.example", "2026-10-22T13:00:00Z" if kind == "silence all" else "2026-10-20T13:00:00Z")
    ]
    for at in range(1, STEPS):
        where = place.fresh(f"killed{at}")
        place.run(where, do="take in", paths=paths)
        for one in before:
            place.run(where, do=one)
        unsaid = silent(where)
        lived = place.run_and_kill(where, at, do=kind)
        if at == 1:
            assert silent(where) == unsaid != expected  # the entry comes before what it says
        place.run(where, do="live on", now=later)
        assert silent(where) == expected, f"killed after write {at}"
        if lived:
            assert at > 2
            return
    pytest.fail("the act never lived to its end")


def test_a_pass_of_time_that_was_killed_goes_on(
    place: Place, mail: Callable[[int], list[str]], seen: Callable[[str], dict[str, object]]
) -> None:
    """Killed after any write, the next pass brings every incident to where one pass brings them."""
    paths = mail(2)
    whole = place.fresh("whole")
    place.run(whole, do="take in", paths=paths)
    unaged = seen(whole)
    place.run(whole, do="live on", now="2026-12-20T14:00:00Z")
    expected = seen(whole)
    assert expected != unaged
    for at in range(1, STEPS):
        where = place.fresh(f"killed{at}")
        place.run(where, do="take in", paths=paths)
        lived = place.run_and_kill(where, at, do="live on", now="2026-12-20T14:00:00Z")
        place.run(where, do="live on", now="2026-12-20T14:00:00Z")
        assert seen(where) == expected, f"killed after write {at}"
        if lived:
            assert at > 2
            return
    pytest.fail("the pass never lived to its end")


def test_a_kill_while_retention_removes_is_finished_by_the_next(
    place: Place, mail: Callable[[int], list[str]], keys: Callable[[str], list[str]]
) -> None:
    """Killed after any removal and run again, retention leaves nothing of incidents that ended, nor of their ticket."""
    whole = place.fresh("whole")
    later = "2027-10-20T12:00:00Z"
    seen_between = set()
    for at in range(1, STEPS):
        where = place.fresh(f"killed{at}") if at > 1 else whole
        place.run(where, do="take in", paths=mail(2))
        place.run(where, do="end with a ticket")
        assert len([key for key in keys(where) if key.startswith("ticket/")]) == 4
        lived = place.run_and_kill(where, at, do="retain", now=later)
        seen_between.add(tuple(key.split("/")[2] for key in keys(where) if key.startswith("ticket/")))
        place.run(where, do="retain", now=later)
        assert keys(where) == ["names/joined", "names/seen", "retention/readings"], f"killed after write {at}"
        if lived:
            assert {("at", "host", "of", "of"), ("host", "of", "of"), ("of", "of"), ("of",), ()} == seen_between
            return
    pytest.fail("the run never lived to its end")
