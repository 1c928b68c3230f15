"""NCRONTAB, the schedules of timer triggers: second, minute, hour, day, month, day of the week, in UTC.

`*`, lists (`1,15`), ranges (`9-17`), steps (`*/5`, `0-30/10`) and English names of months and days; five fields leave
the second away, which is 0 then. Day and day of the week must both match. Source: Azure's page on the timer trigger
and NCrontab's grammar.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from triage.errors import Misconfigured

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

YEARS = 30
"""How far ahead an occurrence is looked for: 29 February on a given day of the week comes within 28 years, or 40 around
a century; nobody waits for that."""


class _Field(NamedTuple):
    name: str
    first: int
    last: int
    words: tuple[str, ...] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)


class Schedule:
    """One NCRONTAB expression."""

    def __init__(self, expression: str) -> None:
        """Read the expression. Raises `Misconfigured` with the field that is wrong."""
        parts = expression.split()
        if len(parts) == len(_FIELDS) - 1:
            parts.insert(0, "0")
        if len(parts) != len(_FIELDS):
            raise Misconfigured(f"The schedule »{expression}« has {len(parts)} fields, not 6.")
        self._seconds, self._minutes, self._hours, self._days, self._months, self._weekdays = (
            frozenset(_values(part.lower(), field, expression)) for part, field in zip(parts, _FIELDS, strict=True)
        )

    def after(self, moment: datetime) -> datetime:
        """Give the first occurrence later than `moment`. Raises `Misconfigured` where there is none, as on 30 February."""
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        for _ in range(366 * YEARS):
            if day.month in self._months and day.day in self._days and day.isoweekday() % 7 in self._weekdays:
                found = next(self._times(day, start), None)
                if found is not None:
                    return found
            day += timedelta(days=1)
        raise Misconfigured("The schedule never comes: no such day exists.")

    def _times(self, day: datetime, start: datetime) -> Iterator[datetime]:
        for hour in sorted(self._hours):
            if day.replace(hour=hour, minute=59, second=59) < start:
                continue
            for minute in sorted(self._minutes):
                if day.replace(hour=hour, minute=minute, second=59) < start:
                    continue
                times = (day.replace(hour=hour, minute=minute, second=second) for second in sorted(self._seconds))
                yield from (time for time in times if time >= start)


def _values(text: str, field: _Field, expression: str) -> Iterator[int]:
    for part in text.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = field.first, field.last
        else:
            low = _number(first, field, expression)
            high = _number(last, field, expression) if dash else field.last if slash else low
        if slash and (not step.isdecimal() or int(step) == 0):
            raise _wrong(part, field, expression)
        if low > high:
            raise _wrong(part, field, expression)
        yield from range(low, high + 1, int(step) if slash else 1)


def _number(text: str, field: _Field, expression: str) -> int:
    names = [word for word in field.words if text.startswith(word)]
    number = field.words.index(names[0]) + field.first if names else int(text) if _is_number(text) else -1
    if not field.first <= number <= field.last:
        raise _wrong(text, field, expression)
    return number


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 2


def _wrong(text: str, field: _Field, expression: str) -> Misconfigured:
    return Misconfigured(f"The schedule »{expression}« has a wrong {field.name}: »{text}«.")
