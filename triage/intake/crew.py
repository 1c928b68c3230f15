"""Processes that work beside this one. What they are asked to do depends on nothing else, so it can be done here too."""

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, ParamSpec, Self, TypeVar

from triage.intake.one import Knowledge
from triage.interrupts import ctrl_c_waits

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

MOST = 4
"""Processes at most: with more, this one, which joins their work, is what the rest waits for; each takes 40 MB."""

WORTH_BYTES = 32 * 2**20
"""Input from which on a crew pays: each process takes a fifth of a second to start, half of one where it loads rules."""

P = ParamSpec("P")
T = TypeVar("T")


class Task(Generic[T]):
    """Something that a process of the crew was asked to do."""

    def __init__(self, future: "Future[T] | None", again: Callable[[], T]) -> None:
        self._future, self._again = future, again

    def result(self) -> T:
        """Wait for it and give what came of it; where the process died, it is done here."""
        from concurrent.futures.process import BrokenProcessPool

        if self._future is None:
            return self._again()
        try:
            return self._future.result()
        except BrokenProcessPool:
            return self._again()


class Crew:
    """Up to `count` processes, started when they are first asked for anything.

    `make` gives each of them the knowledge that reading messages takes; it must be importable by its name.
    """

    def __init__(self, count: int, make: Callable[[], Knowledge]) -> None:
        self.count = count
        self.make = make
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Task[T]:
        """Ask for `function(…)`, which must be importable by its name, as must be what it takes and gives."""
        # Loaded here: one process that works alone, in the cloud above all, has no need of them.
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from concurrent.futures.process import BrokenProcessPool

        def again() -> T:
            return function(*args, **kwargs)

        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.count, multiprocessing.get_context("spawn"), _begin)
        try:
            # Processes that start now hear no Ctrl-C from their first moment, not only once they have begun to work.
            with ctrl_c_waits():
                return Task(self._pool.submit(function, *args, **kwargs), again)
        except BrokenProcessPool:
            return Task(None, again)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is None:
            return
        # Whatever happened, what is under way is waited for, a second or so, and the rest is dropped. A process that is
        # killed while it hands over a result would leave half of it in the pipe, and this one waiting for the other half.
        self._pool.shutdown(cancel_futures=True)


def crew_for(size: int, make: Callable[[], Knowledge]) -> Crew | None:
    """Give a crew where `size` bytes of input and the cores of this machine are worth one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Crew(min(cores, MOST), make) if cores > 1 and size >= WORTH_BYTES else None


def _begin() -> None:
    """Leave Ctrl-C to the process that asks: it goes to all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
