"""How fast an mbox is read, against a loop over its lines: `python bench/collect_mbox.py [MEGABYTES]`.

The loop does nothing but read lines, so its time is a floor for anything that looks at each line in Python. Both run
in one process, in turn; processor time, best of three.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from triage.collect.files import walk  # noqa: E402  # found beside this file, whether installed or not

LINE = b"The server has tried to deliver this message, without success, and has stopped.\n"
SEPARATOR = b"From MAILER-DAEMON Sun Oct 18 09:14:00 2026\n"
MESSAGE_LINES = 100


def main() -> None:
    """Write an mbox, read it both ways and print times, rates and their ratio."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.mbox"
        message = SEPARATOR + b"Subject: Undeliverable\n\n" + LINE * MESSAGE_LINES + b"\n"
        with path.open("wb") as file:
            for _ in range(megabytes * 10**6 // len(message)):
                file.write(message)
        lines = best(lambda: by_lines(path))
        ours = best(lambda: sum(1 for _ in walk([str(path)])))
    print(f"{megabytes} MB, {megabytes * 10**6 // len(message)} messages")
    print(f"line loop     {lines:6.2f} s  {megabytes / lines:6.0f} MB/s")
    print(f"collect.walk  {ours:6.2f} s  {megabytes / ours:6.0f} MB/s  with a SHA-256 of each message")
    print(f"ratio         {ours / lines:6.2f}")


def by_lines(path: Path) -> int:
    """Give the number of separator lines, found line by line."""
    with path.open("rb") as file:
        return sum(1 for line in file if line.startswith(b"From "))


def best(run: Callable[[], int]) -> float:
    """Give the processor seconds of the fastest of three runs."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        run()
        times.append(time.process_time() - begun)
    return min(times)


if __name__ == "__main__":
    main()
