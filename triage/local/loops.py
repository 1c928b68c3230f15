"""Work that is done again and again until the program is told to stop."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

import structlog

from triage.errors import TriageError

LONGEST_PAUSE = 60
"""Seconds between tries of work that keeps failing."""

Turn = Callable[[], object]


class Loop(threading.Thread):
    """A thread that takes turns with a pause between them. What a turn raises is logged, and tried again later."""

    def __init__(
        self,
        name: str,
        begin: Callable[[], AbstractContextManager[Turn]],
        seconds: float,
        stop: threading.Event,
    ) -> None:
        """`begin` gives the turn, in this thread, and again after a failure; `stop` ends the thread between two turns."""
        super().__init__(name=name, daemon=True)
        self._begin = begin
        self._seconds = seconds
        self._stopped = stop
        self.failures = 0
        """Failures since the last turn that went well."""

    def run(self) -> None:
        """Take turns until stopped."""
        while not self._stopped.is_set():
            try:
                with self._begin() as turn:
                    self._take(turn)
            # The outer edge of a thread: whatever failed is tried again, and the other loops go on.
            except Exception as error:  # noqa: BLE001
                self.failures += 1
                trace = None if isinstance(error, TriageError) else error
                structlog.get_logger().error("loop_failed", loop=self.name, why=str(error), exc_info=trace)
                self._stopped.wait(min(self._seconds * 2**self.failures, LONGEST_PAUSE))

    def _take(self, turn: Turn) -> None:
        while not self._stopped.is_set():
            turn()
            self.failures = 0
            self._stopped.wait(self._seconds)


@contextmanager
def until_told() -> Iterator[threading.Event]:
    """Give an event that SIGINT or SIGTERM sets; a second signal ends the process at once.

    Ending at once is safe: everything can be repeated.
    """
    stop = threading.Event()

    def tell(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    before = {one: signal.signal(one, tell) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def wait_for(stop: threading.Event, loops: list[Loop], seconds: float) -> None:
    """Start the loops, wait until told to stop, then give each some seconds to end its turn."""
    for loop in loops:
        loop.start()
    stop.wait()
    for loop in loops:
        loop.join(seconds)
