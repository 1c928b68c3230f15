"""Points in time and spans as people read them: with day, clock and zone, or as "2 minutes ago"."""

from datetime import UTC, datetime

from triage.notify.phrases import Texts
from triage.safe_text import one_line

_RECENT_HOURS = 24
"""Within a day "3 hours ago" says more than a clock; after that a date does."""


def moment(time: str, now: str, texts: Texts) -> str:
    """Write a time (RFC 3339) as "18 Oct 09:14 UTC", with the year where it is not this year's."""
    at, today = _read(time), _read(now)
    if at is None:
        return one_line(time, 40)
    year = "other_year" if today is None or at.year != today.year else "this_year"
    return texts.phrase(
        f"time.{year}",
        day=str(at.day),
        month=texts.words("time.months")[at.month - 1],
        year=str(at.year),
        clock=f"{at:%H:%M}",
    )


def ago(time: str, now: str, texts: Texts) -> str:
    """Write a time of the last 24 hours as "2 minutes ago", any other one as `moment` does."""
    at, today = _read(time), _read(now)
    if at is None or today is None:
        return moment(time, now, texts)
    minutes = int((today - at).total_seconds() // 60)
    if not 0 <= minutes < _RECENT_HOURS * 60:
        return moment(time, now, texts)
    if minutes == 0:
        return texts.phrase("time.just_now")
    return texts.count("time.minutes", minutes) if minutes < 60 else texts.count("time.hours", minutes // 60)


def past(time: str, now: str) -> bool:
    """Tell whether a time is over; a time that cannot be read is not."""
    at, today = _read(time), _read(now)
    return at is not None and today is not None and at < today


def _read(time: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(time)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
