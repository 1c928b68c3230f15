"""Quiet hours and digests on the clock of a time zone. Expected moments are counted by hand from its offsets."""

from datetime import UTC, datetime

import pytest

from triage.notify.hours import next_time, quiet_until
from triage.routing import QuietHours, time_zone

BERLIN = time_zone("Europe/Berlin")
NIGHTS = QuietHours(begin="19:00", end="07:00")
WEEKENDS = QuietHours(days=("sat", "sun"), begin="00:00", end="24:00")
LUNCH = QuietHours(begin="12:00", end="13:00")


def at(text: str) -> datetime:
    """Read a moment of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-25T17:59", None),  # 18:59 in Berlin, UTC+1 in winter
        ("2026-11-25T18:00", "2026-11-26T06:00"),
        ("2026-11-26T05:59", "2026-11-26T06:00"),
        ("2026-11-26T06:00", None),
        ("2026-07-01T17:00", "2026-07-02T05:00"),  # UTC+2 in summer
        ("2026-07-01T16:59", None),
    ],
)
def test_a_night_begins_and_ends_by_the_clock_on_the_wall(now: str, end: str | None) -> None:
    """From 19:00 to 07:00 of the next morning, the first minute in and the last one out."""
    assert quiet_until([NIGHTS], at(now), BERLIN) == (None if end is None else at(end))


def test_a_weekend_joins_the_nights_around_it() -> None:
    """Friday evening lasts until Monday morning: Friday 20:00 to Monday 07:00, 27 to 30 November 2026."""
    assert quiet_until([NIGHTS, WEEKENDS], at("2026-11-27T19:00"), BERLIN) == at("2026-11-30T06:00")


def test_hours_of_other_days_are_not_quiet() -> None:
    """Saturday's hours say nothing of Friday."""
    assert quiet_until([WEEKENDS], at("2026-11-27T12:00"), BERLIN) is None


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-28T18:00", "2026-03-29T05:00"),  # the clock goes forward: the night has 11 hours
        ("2026-10-24T17:00", "2026-10-25T06:00"),  # it goes back: the night has 13
    ],
)
def test_a_night_of_summer_times_change_ends_by_the_new_clock(now: str, end: str) -> None:
    """The morning comes at 07:00 on the wall, an hour earlier or later."""
    assert quiet_until([NIGHTS], at(now), BERLIN) == at(end)


def test_two_spans_of_a_day() -> None:
    """Quiet hours may be several: lunch ends before the night begins."""
    assert quiet_until([NIGHTS, LUNCH], at("2026-11-25T11:30"), BERLIN) == at("2026-11-25T12:00")
    assert quiet_until([NIGHTS, LUNCH], at("2026-11-25T12:00"), BERLIN) is None


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-25T05:59", "2026-11-25T06:00"),
        ("2026-11-25T06:00", "2026-11-26T06:00"),
        ("2026-03-28T12:00", "2026-03-29T05:00"),
        ("2026-03-28T06:00", "2026-03-29T05:00"),
    ],
)
def test_the_next_seven_o_clock(now: str, then: str) -> None:
    """The digest's hour is the next one after now, by the clock on the wall."""
    assert next_time("07:00", at(now), BERLIN) == at(then)


def test_an_hour_that_a_day_does_not_have_is_taken_an_hour_later() -> None:
    """On 29 March 2026 no clock in Berlin shows 02:30: the digest comes at 03:30, which is 01:30 UTC."""
    assert next_time("02:30", at("2026-03-29T00:00"), BERLIN) == at("2026-03-29T01:30")


def test_utc_needs_no_list_of_zones() -> None:
    """The default works on a machine that knows no time zone."""
    assert time_zone("UTC") is UTC
