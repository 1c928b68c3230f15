"""Dates of RFC 5322 → moments in UTC."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_MONTHS = {
    month: number
    for number, month in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_USUAL = re.compile(
    r"(?:[A-Z][a-z]{2}, +)?(\d{1,2}) +([A-Z][a-z]{2}) +(19[789]\d|20\d\d) +(\d\d):(\d\d):(\d\d) +([+-])(\d\d)(\d\d)"
    r"(?: +\([A-Za-z]{1,5}\))?"
)
"""RFC 5322 §3.3 as nearly all servers write it."""


def utc_of(text: str) -> datetime | None:
    """Give a date of RFC 5322 as a moment in UTC; None where it is none.

    Without a zone it is taken as UTC, as RFC 5322 §4.3 takes unknown ones. Whatever is not in the usual form is read by
    the standard library, which takes more of them and four times as long.
    """
    if found := _USUAL.fullmatch(text):
        day, month, year, hour, minute, second, sign, hours, minutes = found.groups()
        if month in _MONTHS and hours < "24":
            away = timedelta(hours=int(hours), minutes=int(minutes))
            try:
                there = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
            except ValueError:
                return None
            return there - away if sign == "+" else there + away
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def written(moment: datetime) -> str:
    """Give a moment in UTC as RFC 3339, in whole seconds."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
