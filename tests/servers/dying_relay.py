"""A relay in a process of its own that is killed, by signal, right before or after its n-th write.

Usage: python -m tests.servers.dying_relay STORE N before|after
"""

import os
import signal
import sys

from triage.group import SqliteDocuments
from triage.settings import load_settings
from triage.wiring import send_notices


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
    _, store, number, when = sys.argv
    send_notices(load_settings(), Killing(store, int(number), when == "after"))
