"""What decoding and diagnosing costs, message by message, beside the parsers that others build on.

    python bench/decode.py [--corpus DIR] [--rounds N]

One process. All messages of the corpus are in memory first, then come one round to warm up and N measured ones; each
message counts with its best. The floor is what nobody who reads mail with Python goes below: the standard library's
`email.message_from_bytes` as it comes (policy compat32), which parses and gives no answer. Beside it stand the same with
`policy.default`, which most code that reads headers takes; mail-parser; flufl.bounce with the parse that it needs, where
it is installed (it gives addresses, no causes); and ours.

Memory is measured apart from time, for it slows everything down: the peak of what Python allocates while one message
is read, in times its size, for reports that return a large message. What any message takes, however small, is given in
bytes.

Exit code 1 where a bound of BOUNDS is not kept.
"""

import argparse
import base64
import contextlib
import email
import gc
import importlib
import logging
import os
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from email import policy
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import mailparser  # noqa: E402

from triage.decode import decode  # noqa: E402  # found beside this file, whether installed or not
from triage.diagnose import Rulebook, diagnose  # noqa: E402
from triage.hosts import Hosts  # noqa: E402

CORPUS = Path(os.environ.get("TRIAGE_CORPUS", ROOT.parent / "shared" / "corpus"))
FLOOR = "standard library"
OURS = "decode + diagnose"
BOUNDS = {"times the floor, median": 3.0, "seconds, worst": 1.0, "times the message, memory": 5.0}
LARGE_MB = (3, 10, 30)
REPEATABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What the other readers raise on mail that they cannot read: it counts with the time until then."""

Reader = Callable[[bytes], object]


def main() -> int:
    """Measure every reader, print the tables, and compare with the bounds."""
    parser = argparse.ArgumentParser(description="Measure the decoder.")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    logging.getLogger("mailparser").addHandler(logging.NullHandler())
    paths = sorted(path for path in (options.corpus / "messages").rglob("*") if path.is_file())
    if not paths:
        parser.error(f"there are no messages below {options.corpus / 'messages'}: name a corpus with --corpus")
    contents = [path.read_bytes() for path in paths]
    readers = _readers()
    times = _times(readers, contents, options.rounds)
    print(f"{len(contents)} messages, {sum(map(len, contents)) / 1e6:.1f} MB, best of {options.rounds} rounds\n")
    median = _print_times(times)
    slowest = max(range(len(contents)), key=times[OURS].__getitem__)
    print(f"\nslowest for us: {paths[slowest].name}, {len(contents[slowest])} bytes\n")
    memory = _print_memory(readers, contents)
    measured = dict(zip(BOUNDS, (median, max(times[OURS]), memory), strict=True))
    return _verdict(measured)


def _readers() -> dict[str, Reader]:
    hosts, rulebook = Hosts(), Rulebook.load(None)

    def whole(content: bytes) -> object:
        return [diagnose(one, rulebook, hosts) for one in decode(content, hosts).observations]

    readers: dict[str, Reader] = {
        FLOOR: email.message_from_bytes,
        "… policy.default": lambda content: email.message_from_bytes(content, policy=policy.default),
        "mail-parser": mailparser.parse_from_bytes,
    }
    with contextlib.suppress(ModuleNotFoundError):
        scan = importlib.import_module("flufl.bounce").all_failures
        readers["flufl.bounce"] = lambda content: scan(email.message_from_bytes(content))
    readers["decode"] = lambda content: decode(content, hosts)
    readers[OURS] = whole
    return readers


def _times(readers: Mapping[str, Reader], contents: list[bytes], rounds: int) -> dict[str, list[float]]:
    """Give each reader's best time for each message, in seconds. The readers take turns: a busy moment meets all."""
    best = {name: [float("inf")] * len(contents) for name in readers}
    gc.collect()
    for turn in range(rounds + 1):
        for name, read in readers.items():
            kept = best[name]
            for at, content in enumerate(contents):
                start = time.perf_counter()
                with contextlib.suppress(*REPEATABLE):
                    read(content)
                took = time.perf_counter() - start
                if turn:
                    kept[at] = min(kept[at], took)
    return best


def _print_times(times: Mapping[str, list[float]]) -> float:
    """Print a row for each reader; give how many times the floor our median message takes."""
    floor = times[FLOOR]
    print(
        f"{'':18}{'median':>10}{'p95':>10}{'worst':>10}{'messages/s':>12}   times the floor: median{'p95':>7}{'all':>7}"
    )
    median = 0.0
    for name, seconds in times.items():
        ratios = [one / base for one, base in zip(seconds, floor, strict=True)]
        cells = "".join(f"{1000 * one:>7.2f} ms" for one in (_at(seconds, 0.5), _at(seconds, 0.95), max(seconds)))
        rate, share = len(seconds) / sum(seconds), sum(seconds) / sum(floor)
        print(f"{name:18}{cells}{rate:>12.0f}{_at(ratios, 0.5):>26.2f}{_at(ratios, 0.95):>7.2f}{share:>7.2f}")
        if name == OURS:
            median = _at(ratios, 0.5)
    return median


def _print_memory(readers: Mapping[str, Reader], contents: list[bytes]) -> float:
    """Print what large reports take, and what small ones do; give the most of ours, in times the message."""
    worst = 0.0
    print(f"{'memory, times the message':34}" + "".join(f"{name:>18}" for name in (FLOOR, OURS)))
    for megabytes in LARGE_MB:
        for kind, content in (("an attachment", _attachment(megabytes)), ("a long text", _text(megabytes))):
            peaks = {name: _peak(readers[name], content) / len(content) for name in (FLOOR, OURS)}
            print(f"{f'{megabytes} MB, {kind}':34}" + "".join(f"{one:>18.2f}" for one in peaks.values()))
            worst = max(worst, peaks[OURS])
    small = [_peak(readers[OURS], content) for content in contents]
    print(f"the {len(small)} of the corpus: median {_at(small, 0.5) / 1000:.0f} kB, most {max(small) / 1000:.0f} kB\n")
    return worst


def _peak(read: Reader, content: bytes) -> int:
    read(content)  # what is loaded once for all messages is not this message's
    gc.collect()
    tracemalloc.start()
    with contextlib.suppress(*REPEATABLE):
        read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _attachment(megabytes: int) -> bytes:
    """Make a report that returns a message with an attachment of base64."""
    packed = base64.encodebytes(random.Random(megabytes).randbytes(megabytes * 740_000))
    return _report(
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="inner"\n\n--inner\nContent-Type: text/plain\n\nHello\n'
        b"--inner\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n" + packed + b"--inner--\n"
    )


def _text(megabytes: int) -> bytes:
    """Make a report that returns a message of one long text."""
    line = b"Readings of the third shift, all within bounds, nothing to be done about any of them.\n"
    return _report(b"Content-Type: text/plain\n\n" + line * (megabytes * 1_000_000 // len(line)))


def _report(body: bytes) -> bytes:
    return (
        b"Return-Path: <>\nFrom: MAILER-DAEMON@mx.contoso.example\nTo: erp@contoso.example\nSubject: Undelivered Mail\n"
        b'MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary="outer"\n\n--outer\n'
        b"\nThis is the mail system at host mx.contoso.example.\n\n<anna@fabrikam.example>: 552 5.3.4 message too large\n\n"
        b"--outer\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.contoso.example\n\n"
        b"Final-Recipient: rfc822; anna@fabrikam.example\nAction: failed\nStatus: 5.3.4\n"
        b"Diagnostic-Code: smtp; 552 5.3.4 message too large\n\n--outer\nContent-Type: message/rfc822\n\n"
        b"From: erp@contoso.example\nTo: anna@fabrikam.example\nSubject: Report\nMessage-ID: <1@contoso.example>\n"
        + body
        + b"\n--outer--\n"
    )


def _at(values: list[float] | list[int], share: float) -> float:
    return float(statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1])


def _verdict(measured: Mapping[str, float]) -> int:
    past = 0
    for name, bound in BOUNDS.items():
        kept = measured[name] < bound
        past += not kept
        print(f"{name:28}{measured[name]:>8.2f}, below {bound:g}: {'yes' if kept else 'NO'}")
    return 1 if past else 0


if __name__ == "__main__":
    sys.exit(main())
