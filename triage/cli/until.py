"""Until when something holds, as people type it: `8h`, `2d`, or a point in time with its zone."""

import re
from datetime import UTC, datetime, timedelta

from triage.errors import WrongUse

MAX_DAYS = 90
"""The longest that somebody may have or silence an incident: longer ones are forgotten, and nothing would speak."""

_SPAN = re.compile(r"([1-9][0-9]{0,4}) ?(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def until(span: str | None, time: str | None, now: str) -> str | None:
    """Give the time (UTC, RFC 3339) that `span` after `now` or `time` means; None where neither is given.

    Raises `WrongUse` where both are, where one is no span or time, and for a time that is past or too far away.
    """
    if span is not None and time is not None:
        raise WrongUse("Say either for how long (--for) or until when (--until).")
    begun = datetime.fromisoformat(now)
    if span is not None:
        end = begun + _span(span)
    elif time is not None:
        end = _point(time)
    else:
        return None
    if end <= begun:
        raise WrongUse(f"{time or span} is past: it is {now} now.")
    if end - begun > timedelta(days=MAX_DAYS):
        raise WrongUse(f"At most {MAX_DAYS} days, so that nothing stays silent for ever.")
    return end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _span(text: str) -> timedelta:
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None:
        raise WrongUse(f"{text[:40]!r} is no length of time: 30m, 8h, 2d or 1w.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _point(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WrongUse(f"{text[:40]!r} is no time: 2026-10-21T08:00Z.") from None
    if time.tzinfo is None:
        raise WrongUse(f"{text[:40]!r} has no zone: add Z for UTC, or an offset such as +02:00.")
    return time
