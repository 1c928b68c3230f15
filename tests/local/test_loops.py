"""Loops: they go on after a failure, and stop when told to."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from triage.errors import Transient
from triage.local.loops import Loop, Turn


def run(turns: list[BaseException | None]) -> tuple[int, int, list[str]]:
    """Let a loop take turns that end so; give how often it began, how many turns it took, and what was logged."""
    stop = threading.Event()
    left = list(turns)
    begun = taken = 0

    def turn() -> None:
        nonlocal taken
        taken += 1
        outcome = left.pop(0)
        if not left:
            stop.set()
        if outcome is not None:
            raise outcome

    @contextmanager
    def begin() -> Iterator[Turn]:
        nonlocal begun
        begun += 1
        yield turn

    with structlog.testing.capture_logs() as said:
        loop = Loop("test", begin, 0.01, stop)
        loop.start()
        loop.join(10)
        assert not loop.is_alive()
    return begun, taken, [str(one["why"]) for one in said]


def test_turn_that_fails_is_tried_again_from_the_start() -> None:
    """A failure is logged, whatever it is, and the loop begins anew: a store that was away is opened again."""
    begun, taken, said = run([None, Transient("away"), ValueError("broken"), None, None])
    assert (begun, taken, said) == (3, 5, ["away", "broken"])


def test_loop_stops_between_two_turns() -> None:
    """Told to stop, a loop does not wait out its pause."""
    stop = threading.Event()

    @contextmanager
    def begin() -> Iterator[Turn]:
        yield lambda: None

    loop = Loop("test", begin, 60, stop)
    loop.start()
    time.sleep(0.05)
    began = time.monotonic()
    stop.set()
    loop.join(10)
    assert time.monotonic() - began < 5
