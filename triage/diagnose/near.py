"""Which successes speak about the same state of the servers as a failure: those at about the same time."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from triage.model import Tallied

NEAR = timedelta(minutes=30)
"""How far from a failure a success may lie and still speak about the same state of the servers. A bounce is dated
by its last try, and Exchange tries again every ten minutes."""
NEAR_OF_A_HOP = timedelta(days=3)
"""The same for a hop in the returned message's own headers: tries began right after it, and go on for two days by default
before the bounce that is dated by the last of them."""

Span = tuple[datetime, datetime]


def near_successes(failure: Tallied, successes: Sequence[Tallied]) -> int:
    """Count the successes between the same two ends that lie near the failure; what has no time lies near nothing."""
    if not successes:
        return 0
    times = sorted(_spans(failure).values())
    begun, ended = [first for first, _ in times], list(accumulate((last for _, last in times), max))
    return sum(_near(one, begun, ended) for one in successes)


def _near(success: Tallied, begun: Sequence[datetime], ended: Sequence[datetime]) -> int:
    """Count what is near one of several spans, of which these are the beginnings and the latest end up to each."""
    near = NEAR_OF_A_HOP if success.observation.source == "received" else NEAR
    spans = _spans(success)
    hours = set()
    for hour, (first, last) in spans.items():
        at = bisect_right(begun, last + near)
        if at and ended[at - 1] >= first - near:
            hours.add(hour)
    if len(hours) == len(spans):
        return success.count if hours else 0
    grouped = sum(count for part, count in success.parts.items() if part[:13] in hours)
    return max(grouped, len(hours))


def _spans(one: Tallied) -> dict[str, Span]:
    """Give when it was seen, by the hour; from first to last where the hours are not told apart."""
    told = one.hours or ({"": (one.first, one.last or one.first)} if one.first else {})
    return {hour: span for hour, (first, last) in told.items() if (span := _span(first, last)) is not None}


def _span(first: str, last: str) -> Span | None:
    begun, ended = _time(first), _time(last)
    return (begun, ended) if begun is not None and ended is not None else None


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
