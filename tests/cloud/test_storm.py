"""A storm of reports counts exactly on both stores, and tells each incident once however many thresholds it crosses."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from bench import storm
from triage.pipeline import Parts

STORES = ["sqlite", pytest.param("azurite", marks=[pytest.mark.needs_functions, pytest.mark.needs_node])]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    ("faults", "said"),
    [(1, "one card and one webhook message arrived"), (7, "one for each of 7 incidents and 2 sinks")],
)
def test_storm_is_counted_exactly_and_told_once(
    store: str, faults: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """120 reports of 108 messages: exact, told once though one commit passes ten and a hundred, and safe to repeat."""
    monkeypatch.chdir(tmp_path)
    opened: AbstractContextManager[Any] = storm.STORES[store]()
    with opened as (documents, lease):
        _, told = storm.storm(documents, lease, 120, faults)
    assert told.count(said) == 1


def test_what_the_storm_must_give_is_counted_from_its_messages() -> None:
    """Twenty reports tell of eighteen messages: every tenth repeats the one before it."""
    assert [storm.told_message(number) for number in (0, 8, 9, 10, 18, 19)] == [0, 8, 8, 9, 17, 17]
    assert storm.by_hand(20, 1) == {"hq-ex0.contoso.example": (18, 18)}
    assert storm.by_hand(20, 4)["hq-ex1.contoso.example"] == (5, 5)  # 1, 5, 9, 13, 17


def test_storm_that_counts_wrongly_is_seen(parts: Parts) -> None:
    """The comparison fails where one message too few was counted."""
    with storm.sqlite_store() as (documents, _):
        watch = storm.Watch(parts, 1)
        storm.on_laptop(documents, watch, range(9))
        with pytest.raises(storm.Wrong, match="wrong counts"):
            storm.check(documents, storm.by_hand(11, 1))
