"""At about the same time: half an hour around each failure, to the minute, hour by hour."""

import pytest

from tests.group.sources import finding, handed, members, ndr, send_log
from triage.diagnose.near import near_successes
from triage.group.tallies import tallied, with_findings
from triage.model import Observation, Tallied, Tls

FAILED = {"time": "2026-10-20T10:00:00Z", "until": "2026-10-20T10:40:00Z"}


def one(*seen: Observation) -> Tallied:
    """Give the one tally of observations that are alike."""
    keyed = [(bytes([n]) * 20, finding(each)) for n, each in enumerate(seen)]
    (tally,) = with_findings({}, keyed).values()
    return tally


def fine(time: str, until: str | None = None, count: int = 1, session: str = "A") -> Observation:
    """Give sessions that went well on that day."""
    ended = until or time
    return handed(count, time=f"2026-10-20T{time}Z", until=f"2026-10-20T{ended}Z", sessions=(session,))


@pytest.mark.parametrize(
    ("time", "near"),
    [
        ("09:29:00", 0),
        ("09:29:59", 0),
        ("09:30:00", 1),
        ("09:31:00", 1),
        ("10:20:00", 1),
        ("11:09:00", 1),
        ("11:10:00", 1),
        ("11:10:01", 0),
        ("11:11:00", 0),
    ],
)
def test_half_an_hour_on_both_sides(time: str, near: int) -> None:
    """29 minutes before the first and after the last failure are near, 31 are not."""
    assert near_successes(one(send_log(3, **FAILED)), [one(fine(time))]) == near


@pytest.mark.parametrize(
    ("begin", "end", "near"), [("08:00:00", "09:29:00", 0), ("08:00:00", "09:31:00", 5), ("11:09:00", "12:00:00", 5)]
)
def test_of_a_group_the_nearer_end_counts(begin: str, end: str, near: int) -> None:
    """A group of sessions reaches from its first to its last."""
    assert near_successes(one(send_log(3, **FAILED)), [one(fine(begin, end, 5))]) == near


def test_a_success_between_two_failures_that_lie_far_apart_is_not_near() -> None:
    """It failed in the morning and in the evening: what went well at noon speaks of neither."""
    both = one(
        send_log(1, time="2026-10-20T08:00:00Z", until=None), send_log(1, time="2026-10-20T18:00:00Z", until=None)
    )
    assert near_successes(both, [one(fine("13:00:00"))]) == 0
    assert near_successes(both, [one(fine("08:20:00"))]) == 1


def test_only_the_near_hours_of_many_are_counted() -> None:
    """Of a month of successes those of the hour in question are named."""
    days = [f"2026-10-{day:02}T10:{minute}:00Z" for day in range(1, 31) for minute in ("15",)]
    many = one(*(handed(7, time=time, until=time, sessions=(f"S{n}",)) for n, time in enumerate(days)))
    assert many.count == 210
    assert near_successes(one(send_log(3, **FAILED)), [many]) == 7


@pytest.mark.parametrize(
    "failed",
    [
        {"time": None, "until": None},
        {"time": "yesterday", "until": None},
        {"time": "2026-10-20T10:00:00", "until": None},
    ],
)
def test_what_has_no_time_is_near_nothing(failed: dict[str, None]) -> None:
    """Without a date, or with one that is none or has no zone, nothing can be said."""
    assert near_successes(one(send_log(3, **failed)), [one(fine("10:00:00"))]) == 0
    assert near_successes(one(send_log(3, **FAILED)), [one(handed(3, **failed))]) == 0


@pytest.mark.parametrize(("time", "near"), [("2026-10-17T10:30:00Z", 1), ("2026-10-17T09:30:00Z", 0)])
def test_a_hop_of_the_returned_message_is_near_for_as_long_as_tries_go_on(time: str, near: int) -> None:
    """The message's own earlier hop comes up to three days before the bounce that is dated by the last try."""
    hop = ndr(1, source="received", action="relayed", impact="none", tls=Tls(version="1.2"), time=time)
    assert near_successes(one(ndr(2, time="2026-10-20T10:00:00Z")), [one(hop)]) == near


def test_a_tally_without_hours_reaches_from_first_to_last() -> None:
    """What an older store kept, or a test made by hand, is judged by its two ends."""
    old = Tallied(
        observation=send_log(3), diagnosis=None, count=3, first="2026-10-20T08:00:00Z", last="2026-10-20T18:00:00Z"
    )
    assert near_successes(old, [one(fine("13:00:00"))]) == 1


def test_several_kinds_of_success_add_up() -> None:
    """Successes of two versions or addresses are counted together."""
    first = tallied(b"a" * 20, finding(fine("10:10:00", count=3)))
    other = tallied(
        b"b" * 20, finding(handed(4, time="2026-10-20T10:20:00Z", until=None, tls=Tls(version="1.3")), members(1))
    )
    assert near_successes(one(send_log(3, **FAILED)), [first, other]) == 7
