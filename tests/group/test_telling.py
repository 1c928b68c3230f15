"""The ceiling: what a sink gets in an hour, counted over all relays at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from triage.group import Documents, SqliteDocuments, not_full, room_left, say_full, take_room, telling

NOON = "2026-10-20T12:00:00Z"
NEARLY = "2026-10-20T12:59:59Z"
AN_HOUR_LATER = "2026-10-20T13:00:00Z"


def test_an_hour_has_so_much_room(documents: Documents) -> None:
    """The third message of an hour that takes two has to wait until the first is an hour old."""
    assert [take_room(documents, "teams", NOON, 2) for _ in range(3)] == [True, True, False]
    assert room_left(documents, "teams", NEARLY, 2) == 0
    assert not take_room(documents, "teams", NEARLY, 2)
    assert room_left(documents, "teams", AN_HOUR_LATER, 2) == 2
    assert take_room(documents, "teams", AN_HOUR_LATER, 2)


def test_each_sink_has_its_own_room(documents: Documents) -> None:
    """What one sink was sent takes no room from another."""
    assert take_room(documents, "teams", NOON, 1)
    assert take_room(documents, "webhook", NOON, 1)


def test_no_ceiling_writes_nothing(documents: Documents) -> None:
    """A sink without a ceiling is not counted."""
    assert take_room(documents, "webhook", NOON, None)
    assert room_left(documents, "webhook", NOON, None) is None
    assert list(documents.list("telling/")) == []


def test_many_relays_at_once_stay_below_it(tmp_path: Path) -> None:
    """Of forty relays that send at the same moment, exactly the thirty for which there is room may."""

    def one(_: int) -> bool:
        with SqliteDocuments(tmp_path / "store.sqlite") as own:
            return take_room(own, "teams", NOON, 30)

    with SqliteDocuments(tmp_path / "store.sqlite"), ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(40))) == 30


def test_that_more_is_held_back_is_said_once(documents: Documents) -> None:
    """The word takes the last room of the hour, is not repeated while more is held back, and comes again afterwards."""
    take_room(documents, "teams", NOON, 2)
    assert say_full(documents, "teams", NOON, 2)
    assert room_left(documents, "teams", NOON, 2) == 0
    assert not say_full(documents, "teams", AN_HOUR_LATER, 2)
    not_full(documents, "teams")
    assert say_full(documents, "teams", AN_HOUR_LATER, 2)
    assert telling(documents, "teams").is_full


def test_without_room_it_is_not_said(documents: Documents) -> None:
    """The ceiling holds for what is said of it too."""
    take_room(documents, "teams", NOON, 1)
    assert not say_full(documents, "teams", NOON, 1)
