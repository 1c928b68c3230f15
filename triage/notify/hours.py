"""Quiet hours and hours of digests on a clock that people read: in a time zone, over the changes of summer time."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from triage.routing import DAYS, QuietHours, minutes_of

_DAY = timedelta(days=1)

_JOINED = 16
"""Quiet hours that follow each other without a gap: those of a week leave one, by their own check."""


def quiet_until(hours: Sequence[QuietHours], now: datetime, zone: tzinfo) -> datetime | None:
    """Give when it stops being quiet, over all hours that join; None where it is not quiet now."""
    at = now
    for _ in range(_JOINED):
        end = max((end for begin, end in _around(hours, at, zone) if begin <= at < end), default=None)
        if end is None:
            break
        at = end
    return at if at > now else None


def next_time(clock: str, now: datetime, zone: tzinfo) -> datetime:
    """Give when the clock next shows this time, after now."""
    today = now.astimezone(zone).date()
    return next(at for days in range(3) if (at := _at(today + days * _DAY, minutes_of(clock), zone)) > now)


def _around(hours: Sequence[QuietHours], now: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """Give begin and end of each quiet hours that began yesterday or begin today."""
    today = now.astimezone(zone).date()
    for day in (today - _DAY, today):
        for one in hours:
            if DAYS[day.weekday()] in one.days:
                begin = minutes_of(one.begin)
                yield _at(day, begin, zone), _at(day, begin + one.length, zone)


def _at(day: date, minutes: int, zone: tzinfo) -> datetime:
    """Give a moment by the clock on the wall of that zone; one that summer time leaves out is taken an hour later."""
    days, rest = divmod(minutes, 24 * 60)
    wall = datetime.combine(day + days * _DAY, time(rest // 60, rest % 60), zone)
    return wall.astimezone(UTC)
