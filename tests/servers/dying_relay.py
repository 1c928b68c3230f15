"""A relay in a process of its own that is killed, by signal, right before or after its n-th write.

Usage: python -m tests.servers.dying_relay STORE N before|after [SECONDS that its clock is ahead]
"""

import os
import signal
import sys
from datetime import UTC, datetime, timedelta

from triage.group import SqliteDocuments
from triage.notify import open_sinks
from triage.pipeline import relay
from triage.settings import load_settings
from triage.wiring import parts_of


class Killing(SqliteDocuments):
    """A store whose process dies at a write."""

    def __init__(self, path: str, at: int, after: bool) -> None:
        super().__init__(path)
        self._left, self._after = at, after

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Write, and die if it is time."""
        self._left -= 1
        if self._left == 0 and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        tag = super().put(key, body, if_match, head)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return tag


if __name__ == "__main__":
    _, store, number, when, *more = sys.argv
    ahead = timedelta(seconds=int(more[0]) if more else 0)
    settings = load_settings()
    relay(
        Killing(store, int(number), when == "after"),
        parts_of(settings),
        open_sinks(settings.sinks),
        lambda: (datetime.now(UTC) + ahead).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
