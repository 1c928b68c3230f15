"""Times as people read them."""

import pytest

from triage.notify import Texts
from triage.notify.moments import ago, moment, past

NOW = "2026-10-18T13:20:00Z"


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ("2026-10-18T09:14:00Z", "18 Oct 09:14 UTC"),
        ("2026-01-02T03:04:59Z", "2 Jan 03:04 UTC"),
        ("2025-12-31T23:59:00Z", "31 Dec 2025 23:59 UTC"),
        ("2026-10-18T11:14:00+02:00", "18 Oct 09:14 UTC"),
        ("2026-10-18T09:14:00", "18 Oct 09:14 UTC"),
        ("not a time", "not a time"),
        ("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00+23:59"),
    ],
)
def test_a_moment_has_day_clock_and_zone(time: str, told: str, texts: Texts) -> None:
    """Always UTC, the year only where it is not this one; what is no time stays as it is."""
    assert moment(time, NOW, texts) == told


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ("2026-10-18T13:20:00Z", "just now"),
        ("2026-10-18T13:18:00Z", "2 minutes ago"),
        ("2026-10-18T13:19:00Z", "1 minute ago"),
        ("2026-10-18T12:20:00Z", "1 hour ago"),
        ("2026-10-17T13:21:00Z", "23 hours ago"),
        ("2026-10-17T13:20:00Z", "17 Oct 13:20 UTC"),
        ("2026-10-18T13:21:00Z", "18 Oct 13:21 UTC"),
        ("", ""),
    ],
)
def test_only_the_last_day_is_told_as_a_span(time: str, told: str, texts: Texts) -> None:
    """Minutes and hours for a day, a date after that and for a clock that runs ahead."""
    assert ago(time, NOW, texts) == told


def test_without_a_clock_the_year_is_written(texts: Texts) -> None:
    """A file that is read at any later time carries the year."""
    assert moment("2026-10-18T09:14:00Z", "", texts) == "18 Oct 2026 09:14 UTC"
    assert ago("2026-10-18T09:14:00Z", "", texts) == "18 Oct 2026 09:14 UTC"


def test_what_is_past_is_known_only_of_times() -> None:
    """A time before now is past; an unreadable one is not."""
    assert past("2026-10-18T09:14:00Z", NOW)
    assert not past("2026-10-18T19:14:00Z", NOW)
    assert not past("soon", NOW)
