"""Times as a server's culture writes them in a human part: day, month and year in any order, any language's AM/PM.

Exchange prints them in UTC. Which number is the day is decided by the date of the report, never by a locale.
"""

import re
from datetime import UTC, date, datetime, timedelta

NEAR = timedelta(days=14)
"""A line belongs to a report of about its date: two days is the default expiry, and day and month swapped differ by
at least 27 days, so this window never holds both readings."""
_AHEAD = timedelta(days=2)
_BUDDHIST_ERA = 543

TIMESTAMP = re.compile(
    r"(?P<a>\d{1,4})[./\-년年]\s{0,2}(?P<b>\d{1,2})[./\-월月]\s{0,2}(?P<c>\d{1,4})[.일日]?,?\s{1,3}"
    r"(?P<before>[^\d\s:]{1,8}\s{1,3})?(?P<h>\d{1,2})[:.](?P<m>\d{2})[:.](?P<s>\d{2})"
    r"(?P<after>\s{0,3}[^\W\d_]\.?\s?[^\W\d_]\.?)?"
)
_AFTERNOON = ("pm", "μμ", "下午", "午後", "오후", "ch", "م")
_MORNING = ("am", "πμ", "上午", "午前", "오전", "sa", "ص")


def read_time(text: str, references: tuple[datetime, ...] = ()) -> str | None:
    """Read one time of the forms above as UTC, in RFC 3339; None where it is none or stays ambiguous.

    `references` are dates that the time should be near, best first (Arrival-Date, the report's own Date).
    """
    found = TIMESTAMP.search(text[:200])
    if not found:
        return None
    clock = _clock(found)
    day = _day(_days(found.group("a"), found.group("b"), found.group("c")), references)
    if clock is None or day is None:
        return None
    return f"{day.isoformat()}T{clock}Z"


def _clock(found: re.Match[str]) -> str | None:
    """Give hh:mm:ss on the 24-hour clock."""
    hour, minute, second = (int(found.group(part)) for part in "hms")
    half = re.sub(r"[\s.]", "", (found.group("before") or found.group("after") or "")).lower()
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half in _MORNING and hour == 12:
        hour = 0
    if hour > 23 or minute > 59 or second > 59:
        return None
    return f"{hour:02}:{minute:02}:{second:02}"


def _days(a: str, b: str, c: str) -> set[date]:
    """Give every date that the three numbers can mean."""
    if len(a) >= 3:
        orders = [(a, b, c)]
    elif len(c) >= 3:
        orders = [(c, b, a), (c, a, b)]
    else:
        orders = [(a, b, c), (c, b, a), (c, a, b)]
    days = set()
    for year, month, day in orders:
        number = int(year) + 2000 if len(year) < 3 else int(year)
        if 2400 < number < 2700:
            number -= _BUDDHIST_ERA
        if not 1995 <= number < 2100:
            continue
        try:
            days.add(date(number, int(month), int(day)))
        except ValueError:
            continue
    return days


def _day(days: set[date], references: tuple[datetime, ...]) -> date | None:
    """Choose the one date that the references allow."""
    if len(days) == 1:
        return next(iter(days))
    for reference in references:
        around = (reference.astimezone(UTC) if reference.tzinfo else reference).date()
        near = {day for day in days if abs(day - around) <= NEAR}
        past = {day for day in days if day <= around + _AHEAD}
        if len(near) == 1:
            return near.pop()
        if len(past) == 1:  # a forward can be much later than the report, but no report lies in the future
            return past.pop()
    return None
