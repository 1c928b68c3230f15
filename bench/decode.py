"""What decoding costs, message by message, beside the standard library's parser and mail-parser alone.

    python bench/decode.py [--corpus DIR] [--rounds N]

One process, every message of the corpus in memory first, one warm-up round. The floor is
`email.message_from_bytes(policy=default)`. Each message counts with its best round.
"""

import argparse
import contextlib
import email
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from email import policy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import mailparser  # noqa: E402

from triage.decode import decode  # noqa: E402  # found beside this file, whether installed or not
from triage.hosts import Hosts  # noqa: E402

CORPUS = Path(os.environ.get("TRIAGE_CORPUS", ROOT.parent / "shared" / "corpus"))


def main() -> int:
    """Measure the three readers and print median, 95th percentile, worst and the ratio to the floor."""
    parser = argparse.ArgumentParser(description="Measure the decoder.")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    logging.getLogger("mailparser").addHandler(logging.NullHandler())
    paths = sorted(path for path in (options.corpus / "messages").rglob("*") if path.is_file())
    contents = [path.read_bytes() for path in paths]
    hosts = Hosts()
    readers: dict[str, Callable[[bytes], object]] = {
        "standard library": lambda content: email.message_from_bytes(content, policy=policy.default),
        "mail-parser": mailparser.parse_from_bytes,
        "this decoder": lambda content: decode(content, hosts),
    }
    times = {name: _measure(read, contents, options.rounds) for name, read in readers.items()}
    floor = times["standard library"]
    print(f"{len(contents)} messages, {sum(map(len, contents)) / 1e6:.1f} MB, best of {options.rounds} rounds\n")
    print(
        f"{'':18}{'median':>10}{'p95':>10}{'worst':>10}{'messages/s':>12}{'x floor: median':>17}{'p95':>7}{'total':>7}"
    )
    for name, seconds in times.items():
        ratios = [one / base for one, base in zip(seconds, floor, strict=True)]
        cells = "".join(f"{1000 * one:>7.2f} ms" for one in (_at(seconds, 0.5), _at(seconds, 0.95), max(seconds)))
        rate = len(seconds) / sum(seconds)
        share = sum(seconds) / sum(floor)
        print(f"{name:18}{cells}{rate:>12.0f}{_at(ratios, 0.5):>17.2f}{_at(ratios, 0.95):>7.2f}{share:>7.2f}")
    ours = times["this decoder"]
    slowest = max(range(len(ours)), key=ours.__getitem__)
    print(f"\nslowest for this decoder: {paths[slowest].name}, {len(contents[slowest])} bytes")
    return 0


def _measure(read: Callable[[bytes], object], contents: list[bytes], rounds: int) -> list[float]:
    """Give the best time for each message, in seconds; what a reader cannot read counts with the time until then."""
    best = [float("inf")] * len(contents)
    for turn in range(rounds + 1):
        for at, content in enumerate(contents):
            start = time.perf_counter()
            with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError):
                read(content)
            took = time.perf_counter() - start
            if turn:
                best[at] = min(best[at], took)
    return best


def _at(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


if __name__ == "__main__":
    sys.exit(main())
