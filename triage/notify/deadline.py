"""Work with the outside that ends by a time, whatever the far side does: libraries bound each wait, not their sum."""

import threading
from collections.abc import Callable
from typing import TypeVar

from triage.notify.outcome import Later, Refused

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T], late: str) -> T | Later | Refused:
    """Give what `work` gives; `Later` with the sentence `late` where it does not end. Its errors become `Refused`."""
    results: list[T | Refused] = []
    worker = threading.Thread(target=lambda: results.append(_guarded(work)), daemon=True)
    worker.start()
    worker.join(seconds)
    return results[0] if results else Later(late, unsure=True)


def _guarded(work: Callable[[], T]) -> T | Refused:
    try:
        return work()
    # The edge of a thread, whose errors would be printed with all that they say.
    except Exception as error:  # noqa: BLE001
        return Refused(f"This program failed on sending it ({type(error).__name__}). This is a fault of ours.")
