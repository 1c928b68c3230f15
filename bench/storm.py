"""What a storm costs from the journal to the committed incident, beside decoding alone in the same run and process.

    python bench/storm.py [--store sqlite|azurite] [--reports N] [--faults 1,5000]

The reports are bounces as Exchange 2010 writes them, every tenth a second report of the message before it. They are
spread evenly over so many servers of ours that all fail with Exchange Online: as many incidents. On SQLite they go the
way of `triage run` in one process. On Azurite (in memory, on the same cores) they go the way of the Functions app:
eight readings at once, as host.json says, then the committer under its lease. Decoding alone is measured in slices in
between, so that what else the machine does weighs on both; on Azurite also the floor of any app that keeps what it is
given: one put of each report, eight at once, with nothing else.

Counts are then compared with a count by hand, and a part of the reports is fed once more, which must change nothing.
Of one incident the notices are sent to loopback sinks that count; of many, the pending entries are counted: those that
a sink has not heard go out as one message. Exit code 1 where a count is wrong. Azurite needs the node packages.
"""

import argparse
import logging
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import structlog

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from triage.azure_storage import Account, blob_service  # noqa: E402  # found beside this file, whether installed or not
from triage.cloud.intake import keep_items  # noqa: E402
from triage.collect.item import Item, document  # noqa: E402
from triage.decode import decode  # noqa: E402
from triage.group import (  # noqa: E402
    BlobDocuments,
    BlobLease,
    Documents,
    Lease,
    SqliteDocuments,
    incidents,
    notices_of,
    uncounted,
)
from triage.local.azurite import azurite  # noqa: E402
from triage.model import Notice, Place  # noqa: E402
from triage.notify import open_sinks  # noqa: E402
from triage.pipeline import Parts, commit_waiting, relay, take_in  # noqa: E402
from triage.settings import Settings  # noqa: E402
from triage.wiring import now, parts_of  # noqa: E402

TEMPLATE = (ROOT / "examples" / "mailbox" / "01-returned.eml").read_bytes()
NOW = "2026-10-20T12:00:00Z"
RECIPIENTS = 977
"""Different recipients of one incident's messages, at most: a prime, so that they meet every server."""
AT_ONCE = 8
"""Readings at once: `batchSize` of host.json."""
SLICE = 200
"""Reports decoded between two measurements."""
EVERY = 4_000
"""Reports between two slices."""
COMMIT_SECONDS = 240
"""One call of the committer, as in the app."""
SECRET = "whsec_" + "c2lnbmluZy1rZXktZm9yLWJlbmNoZXMtb25seS0zMmI="


def report(number: int, faults: int) -> bytes:
    """Give the bounce with this number."""
    message = told_message(number)
    changed = TEMPLATE.replace(b"<ndr-1000@", b"<ndr-%d@" % number).replace(b"<1000@", b"<m%d@" % message)
    changed = changed.replace(b"anna.berg@", b"user%d@" % (message % RECIPIENTS))
    return changed.replace(b"hq-ex10a.", b"hq-ex%d." % (message % faults))


def told_message(number: int) -> int:
    """Give the message of which a report tells."""
    return number // 10 * 9 + min(number % 10, 8)


def by_hand(reports: int, faults: int) -> dict[str, tuple[int, int]]:
    """Give the messages and the recipients of each incident, by its sending server."""
    messages: defaultdict[int, set[int]] = defaultdict(set)
    for message in {told_message(number) for number in range(reports)}:
        messages[message % faults].add(message)
    return {
        f"hq-ex{fault}.contoso.example": (len(own), len({message % RECIPIENTS for message in own}))
        for fault, own in messages.items()
    }


@dataclass
class Watch:
    """Seconds of each kind of work, and how many reports were decoded alone."""

    parts: Parts
    faults: int
    work: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Measure what is done meanwhile."""
        began = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - began

    def decode_some(self, first: int) -> None:
        """Decode a slice of the reports, with nothing else."""
        with self.on("decoding alone"):
            for number in range(first, first + SLICE):
                decode(report(number, self.faults), self.parts.hosts)
        self.work["decoding alone"] += SLICE

    def upload_some(self, pool: ThreadPoolExecutor, documents: Documents, first: int) -> None:
        """Put a slice of the reports into the store as they are, with nothing else; then remove them."""
        bodies = [(f"floor/{number}", report(number, self.faults)) for number in range(first, first + SLICE)]
        with self.on("one put each, alone"):
            list(pool.map(lambda one: documents.put(one[0], one[1], None), bodies))
        self.work["one put each, alone"] += SLICE
        with documents.batch():
            for key, _ in bodies:
                documents.delete(key)

    def rate(self, name: str) -> float:
        """Give the work per second."""
        return self.work[name] / self.seconds[name] if self.seconds[name] else 0.0


def items(numbers: Sequence[int], faults: int) -> Iterator[Item]:
    """Give documents as collecting gives them."""
    return (document(Place(f"storm/{number}.eml"), report(number, faults)) for number in numbers)


def on_laptop(documents: Documents, watch: Watch, numbers: Sequence[int]) -> None:
    """Take reports in as `triage run` does, in this process alone."""
    went = iter(take_in(items(numbers, watch.faults), documents, watch.parts, NOW))
    done = 0
    while True:
        with watch.on("the whole"):
            some = sum(1 for _ in zip(range(EVERY), went, strict=False))
        done += some
        if some < EVERY:
            break
        watch.decode_some(done)
    watch.work["the whole"] += len(numbers)


def in_the_cloud(documents: Documents, watch: Watch, numbers: Sequence[int], lease: Lease) -> None:
    """Read as the queue's function does, several at once; then count as the timer's does."""

    def one(number: int) -> None:
        keep_items(list(items([number], watch.faults)), documents, watch.parts, NOW)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for at in range(0, len(numbers), EVERY):
            with watch.on("reading and keeping"):
                list(pool.map(one, numbers[at : at + EVERY]))
            watch.decode_some(at)
            watch.upload_some(pool, documents, at)
    while next(uncounted(documents), None) is not None:
        with watch.on("committing"):
            commit_waiting(documents, watch.parts, NOW, time.monotonic() + COMMIT_SECONDS, lease)
        watch.decode_some(0)
    for name in ("reading and keeping", "committing", "the whole"):
        watch.work[name] += len(numbers)
    watch.seconds["the whole"] = watch.seconds["reading and keeping"] + watch.seconds["committing"]


class Wrong(Exception):
    """A count that is not what was counted by hand."""


def check(documents: Documents, expected: dict[str, tuple[int, int]]) -> None:
    """Compare every incident with the count by hand. Raises `Wrong`."""
    found = {one.ends.sending or "": (one.counts.returned, one.recipients) for one in incidents(documents)}
    if found != expected:
        odd = {name: (found.get(name), expected.get(name)) for name in {*found, *expected}}
        raise Wrong(f"wrong counts (found, by hand): {[one for one in odd.items() if one[1][0] != one[1][1]][:5]}")
    left = [one.key for one in documents.list("uncounted/")]
    if left:
        raise Wrong(f"{len(left)} notes are left over")


def check_pending(documents: Documents, expected: dict[str, tuple[int, int]]) -> int:
    """Compare what is to be told with the thresholds passed; give how many messages that is. Raises `Wrong`."""
    waiting: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for incident, notice in notices_of(documents):
        if not isinstance(notice, Notice) or notice.message is not None:
            raise Wrong(f"{incident}: {notice.name} was sent or claimed")
        waiting[incident, notice.sink].add(notice.name)
    sizes = {one.id: expected[one.ends.sending or ""][0] for one in incidents(documents)}
    due = {
        (incident, sink): {"opened:1", *(f"grew:{10**step}" for step in range(1, 8) if 10**step <= size)}
        for incident, size in sizes.items()
        for sink in ("teams", "webhook")
    }
    if dict(waiting) != due:
        raise Wrong(f"wrong notices: {[one for one in due.items() if waiting.get(one[0]) != one[1]][:3]}")
    return len(waiting)


def tags(documents: Documents) -> dict[str, str]:
    """Give the tag of every document: it changes with every write."""
    return {one.key: one.tag for one in documents.list("")}


class Sinks:
    """A workflow and a receiver of webhooks on loopback, which count what they accept."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Take a message."""
                self.rfile.read(int(self.headers["content-length"]))
                taken[self.path.strip("/")] += 1
                self.send_response_only(202)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def settings(self) -> Settings:
        """Give settings that name them."""
        sinks = {
            "allow_loopback": True,
            "teams": {"url": f"{self.url}/teams"},
            "webhook": {"url": f"{self.url}/webhook", "secret": SECRET},
        }
        return Settings(ours={"domains": ["contoso.example"]}, sinks=sinks)

    def environment(self) -> dict[str, str]:
        """Give the variables that name them to another process."""
        return {
            "TRIAGE_SINKS__ALLOW_LOOPBACK": "true",
            "TRIAGE_SINKS__TEAMS__URL": f"{self.url}/teams",
            "TRIAGE_SINKS__WEBHOOK__URL": f"{self.url}/webhook",
            "TRIAGE_SINKS__WEBHOOK__SECRET": SECRET,
        }

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def storm(documents: Documents, lease: Lease | None, reports: int, faults: int) -> tuple[Watch, str]:
    """Let a storm come; give what it cost, and what was told. `lease` means the way of the app. Raises `Wrong`."""
    sinks = Sinks()
    try:
        settings = sinks.settings()
        watch = Watch(parts_of(settings), faults)
        expected = by_hand(reports, faults)
        for numbers, measured in ((range(reports), watch), (range(0, reports, 97), Watch(watch.parts, faults))):
            before = tags(documents)
            if lease is None:
                on_laptop(documents, measured, numbers)
            else:
                in_the_cloud(documents, measured, numbers, lease)
            if measured is not watch and tags(documents) != before:
                raise Wrong("what came twice changed something")
            check(documents, expected)
        count = check_pending(documents, expected)
        said = f"{count} messages wait, one for each of {count // 2} incidents and 2 sinks (pending entries)"
        if faults == 1:
            relay(documents, watch.parts, open_sinks(settings.sinks), now)
            if sinks.taken != {"teams": 1, "webhook": 1}:
                raise Wrong(f"told {dict(sinks.taken)}")
            said = "one card and one webhook message arrived (loopback sinks)"
        return watch, said
    finally:
        sinks.stop()


@contextmanager
def sqlite_store() -> Iterator[tuple[Documents, Lease | None]]:
    """Open an empty file."""
    with tempfile.TemporaryDirectory() as folder, SqliteDocuments(Path(folder) / "storm.sqlite") as documents:
        yield documents, None


@contextmanager
def azurite_store() -> Iterator[tuple[Documents, Lease | None]]:
    """Start Azurite; open an empty container."""
    with azurite(ROOT / "node_modules" / ".bin" / "azurite") as running:
        container = blob_service(Account(connection=running.connection())).get_container_client("store")
        container.create_container()
        yield BlobDocuments(container), BlobLease(container)


STORES: dict[str, Callable[[], AbstractContextManager[tuple[Documents, Lease | None]]]] = {
    "sqlite": sqlite_store,
    "azurite": azurite_store,
}


def main() -> int:
    """Measure, and print rates and their ratio to decoding alone."""
    parser = argparse.ArgumentParser(description="Measure a storm of reports.")
    parser.add_argument("--store", choices=STORES, default="sqlite")
    parser.add_argument("--reports", type=int, default=100_000)
    parser.add_argument("--faults", default="1,5000")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    for faults in map(int, options.faults.split(",")):
        with STORES[options.store]() as (documents, lease):
            try:
                watch, said = storm(documents, lease, options.reports, faults)
            except Wrong as error:
                print(f"{options.store}, {faults} incidents: WRONG: {error}")
                return 1
        heading = f"{options.store}, {options.reports:,} reports, {faults:,} incidents: counts are exact; {said}"
        print(heading, flush=True)
        alone = watch.rate("decoding alone")
        for name in watch.work:
            print(
                f"    {name:22}{watch.rate(name):>8,.0f} reports/s{watch.rate(name) / alone:>8.2f} x decoding alone",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
