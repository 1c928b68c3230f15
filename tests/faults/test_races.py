"""Several processes at once on the same inputs and incidents: each report is counted once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROCESSES = 4
MESSAGES = 24


@pytest.fixture(params=["sqlite", pytest.param("blobs", marks=pytest.mark.needs_node)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give a place of each engine in turn, in which nothing is yet."""
    if request.param == "blobs":
        return str(request.getfixturevalue("azurite").connection())
    return str(tmp_path / "store.sqlite")


@pytest.fixture
def expected(
    worker: Any, tmp_path: Path, mail: Callable[[int], list[str]], seen: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    """Give what one process alone makes of the bounces."""
    whole = str(tmp_path / "whole.sqlite")
    worker.run({"do": "take in", "store": whole, "paths": mail(MESSAGES)})
    state = seen(whole)
    assert [one["counts"]["returned"] for one, _, _ in state["incidents"]] == [12, 12]
    return state


def counted(state: dict[str, Any]) -> dict[str, Any]:
    """Give a state without the changes, whose texts tell in how many steps the reports came."""
    without = [({**one, "changes": None}, hit, reports) for one, hit, reports in state["incidents"]]
    return {**state, "incidents": without}


def test_processes_that_take_in_the_same_mail_count_it_once(
    where: str,
    expected: dict[str, Any],
    worker: Any,
    mail: Callable[[int], list[str]],
    seen: Callable[[str], dict[str, Any]],
) -> None:
    """Four processes that each take in a part, a message at a time and twice, all into two incidents, lose no count."""
    paths = mail(MESSAGES)
    jobs = [
        {"do": "take in one by one", "store": where, "paths": paths[n::PROCESSES] + paths[:1], "seed": n}
        for n in range(PROCESSES)
    ]
    assert worker.run(*jobs) == ["done"] * PROCESSES
    assert counted(seen(where)) == counted(expected)


@pytest.mark.parametrize("lease", ["held by one", "none"])
def test_committers_at_once_stay_exact(
    where: str,
    lease: str,
    expected: dict[str, Any],
    worker: Any,
    mail: Callable[[int], list[str]],
    seen: Callable[[str], dict[str, Any]],
) -> None:
    """Four committers that find the same readings count them once, with a lease and even without."""
    paths = mail(MESSAGES)
    worker.run({"do": "read in", "store": where, "paths": paths})
    ends = worker.run(*[{"do": "commit", "store": where, "lease": lease} for _ in range(PROCESSES)])
    assert all(end.startswith("changed") for end in ends)
    assert "changed 2" in ends
    assert counted(seen(where)) == counted(expected)
