"""NCRONTAB: occurrences counted by hand, from the examples of Azure's page on timer triggers."""

from datetime import UTC, datetime, timedelta

import pytest

from triage.errors import Misconfigured
from triage.local.cron import Schedule

SUNDAY = datetime(2026, 10, 18, 9, 14, 30, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 */5 * * * *", "2026-10-18T09:15:00"),
        ("0 0 * * * *", "2026-10-18T10:00:00"),
        ("0 0 */2 * * *", "2026-10-18T10:00:00"),
        ("0 0 9-17 * * *", "2026-10-18T10:00:00"),
        ("0 30 9 * * *", "2026-10-18T09:30:00"),
        ("0 30 8 * * *", "2026-10-19T08:30:00"),
        ("0 30 9 * * 1-5", "2026-10-19T09:30:00"),
        ("0 30 9 * * Mon-Fri", "2026-10-19T09:30:00"),
        ("0 30 9 * Jan Mon", "2027-01-04T09:30:00"),
        ("*/15 * * * * *", "2026-10-18T09:14:45"),
        ("31 14 9 18 10 0", "2026-10-18T09:14:31"),
        ("30 14 9 18 10 *", "2027-10-18T09:14:30"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("0 0 0 13 * FRI", "2026-11-13T00:00:00"),
        ("5,10 0-30/10 * * * *", "2026-10-18T09:20:05"),
        ("0 50/5 * * * *", "2026-10-18T09:50:00"),
        ("*/5 * * * *", "2026-10-18T09:15:00"),
        ("59 59 23 31 12 *", "2026-12-31T23:59:59"),
    ],
)
def test_next_occurrence(expression: str, expected: str) -> None:
    """The first moment later than 09:14:30 on a Sunday that the expression names."""
    assert Schedule(expression).after(SUNDAY) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_occurrences_of_a_day_are_complete() -> None:
    """Followed from one to the next, a schedule of every six hours comes four times a day and never twice."""
    schedule = Schedule("0 0 */6 * * *")
    moment = datetime(2026, 10, 17, 23, 59, 59, tzinfo=UTC)
    found = []
    for _ in range(8):
        moment = schedule.after(moment)
        found.append(moment)
    assert [one.hour for one in found] == [0, 6, 12, 18] * 2
    assert found[-1] - found[0] == timedelta(hours=42)


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("", "0 fields"),
        ("* * *", "3 fields"),
        ("0 0 0 0 0 0 0", "7 fields"),
        ("60 * * * * *", "second"),
        ("0 60 * * * *", "minute"),
        ("0 0 24 * * *", "hour"),
        ("0 0 0 32 * *", "day"),
        ("0 0 0 * 13 *", "month"),
        ("0 0 0 * * 7", "day of the week"),
        ("0 */0 * * * *", "minute"),
        ("0 5-1 * * * *", "minute"),
        ("0 -1 * * * *", "minute"),
        ("0 x * * * *", "minute"),
        ("0 1,,2 * * * *", "minute"),
        ("0 ²* * * * *", "minute"),
    ],
)
def test_wrong_schedule_is_said_with_its_field(expression: str, wrong: str) -> None:
    """A schedule that cannot be read names the field that is wrong."""
    with pytest.raises(Misconfigured, match=wrong):
        Schedule(expression)


def test_schedule_that_never_comes_is_said() -> None:
    """30 February is an error, not a search without end."""
    with pytest.raises(Misconfigured, match="never"):
        Schedule("0 0 0 30 2 *").after(SUNDAY)
