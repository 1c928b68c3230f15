"""What committing costs on Azurite, beside raw uploads in the same run.

    python bench/store.py [--reports N] [--workers N]

Needs the node packages (`make test` fetches them). Azurite runs in memory, on the same cores as the workers, so only the
ratios mean something. One report is one bounce of one message; the rules are the shipped ones.
"""

import argparse
import hashlib
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import msgspec  # noqa: E402

from triage.azure_storage import Account, blob_service  # noqa: E402  # found beside this file, whether installed or not
from triage.group import BlobDocuments, BlobLease, Documents, SqliteDocuments, incidents, keep  # noqa: E402
from triage.model import Finding, Place, Reading  # noqa: E402
from triage.pipeline import Parts, commit_waiting, count, read  # noqa: E402
from triage.settings import Settings  # noqa: E402
from triage.wiring import parts_of  # noqa: E402

NOW = "2026-10-20T12:00:00Z"
KEY = "YmVuY2g="


@contextmanager
def azurite() -> Iterator[Callable[[], str]]:
    """Start Azurite; give a function that gives the connection string of an empty account."""
    accounts = [f"bench{number}" for number in range(40)]
    command = [str(ROOT / "node_modules" / ".bin" / "azurite-blob"), "--blobPort", "0", "--silent"]
    command += ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    names = ";".join(f"{name}:{KEY}" for name in accounts)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "AZURITE_ACCOUNTS": names}
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment)
        lines = iter(running.stdout or ())
        found = next(filter(None, (re.search(r"successfully listens on (\S+)", line) for line in lines)))
        left = iter(accounts)

        def connection() -> str:
            name = next(left)
            return f"DefaultEndpointsProtocol=http;AccountName={name};AccountKey={KEY};BlobEndpoint={found[1]}/{name};"

        try:
            yield connection
        finally:
            running.kill()
            running.communicate()


def opened(connection: str) -> BlobDocuments:
    """Give documents in the account's container."""
    return BlobDocuments(blob_service(Account(connection=connection)).get_container_client("store"))


def a_reading(parts: Parts) -> Reading:
    """Read one bounce of the examples."""
    from triage.collect.files import walk

    return next(
        one for one in (read(item, parts) for item in walk([str(ROOT / "examples" / "mailbox")])) if one.findings
    )


def readings(sample: Reading, numbers: Sequence[int], faults: int) -> list[Reading]:
    """Give the readings of bounces with these numbers, spread over so many faults."""
    return [_reading(sample, number, number % faults) for number in numbers]


def _reading(sample: Reading, number: int, fault: int) -> Reading:
    finding = next(one for one in sample.findings if one.diagnosis is not None)
    seen = finding.observation
    changed = msgspec.structs.replace(
        seen,
        recipient=f"user{number}@fabrikam.example",
        sending_host=f"hq-ex{fault}.contoso.example",
        original=msgspec.structs.replace(seen.original, message_id=f"m{number}@contoso.example"),
    )
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    return Reading(
        source=Place(f"{number}.eml"), sha256=sha256, kind="bounce", findings=(Finding(changed, finding.diagnosis),)
    )


def raw_uploads(connection: str, worker: int, seconds: float) -> int:
    """Upload blobs of one kilobyte, insert-only, for so long; give how many."""
    container = blob_service(Account(connection=connection)).get_container_client("store")
    body, done, end = b"x" * 1024, 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        container.upload_blob(f"raw/{worker}/{done}", body)
        done += 1
    return done


def _raw(arguments: tuple[str, int, float]) -> int:
    return raw_uploads(*arguments)


def committed(documents: Documents, parts: Parts, some: list[Reading], at_once: int) -> tuple[float, int]:
    """Count readings in batches; give the seconds that it took, and the writes of incidents."""
    started, writes = time.perf_counter(), 0
    for at in range(0, len(some), at_once):
        writes += len(count(documents, some[at : at + at_once], parts, NOW))
    return time.perf_counter() - started, writes


def main() -> int:
    """Measure, and print reports per second and their ratio to raw uploads."""
    parser = argparse.ArgumentParser(description="Measure committing.")
    parser.add_argument("--reports", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4)
    options = parser.parse_args()
    parts = parts_of(Settings(ours={"domains": ["contoso.example"]}))
    sample = a_reading(parts)
    with azurite() as connection:
        where = connection()
        opened(where).put("made", b"", None)
        one = raw_uploads(where, 0, 4) / 4
        with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
            pool.map(len, ["warm"] * options.workers)
            many = sum(pool.map(_raw, [(where, 1 + worker, 4.0) for worker in range(options.workers)])) / 4
        print(f"raw uploads of 1 KB: {one:,.0f}/s with 1 worker, {many:,.0f}/s with {options.workers}\n")
        print(f"{'':52}{'reports/s':>10}{'writes/s':>10}{'x raw, 1':>10}{f'x raw, {options.workers}':>10}")

        def show(name: str, reports: int, seconds: float, writes: int) -> None:
            rate = reports / seconds
            print(f"{name:52}{rate:>10,.0f}{writes / seconds:>10,.0f}{rate / one:>10.2f}{rate / many:>10.2f}")

        for faults, at_once, reports in (
            (1, 1, 300),
            (1, 96, options.reports),
            (1, 480, options.reports),
            (1, 1000, options.reports),
            (1000, 1000, options.reports),
            (1000, 2000, options.reports),
        ):
            some = readings(sample, range(reports), faults)
            documents = opened(connection())
            documents.put("made", b"", None)
            seconds, writes = committed(documents, parts, some, at_once)
            show(f"committing, {faults} incidents, {at_once} at once", reports, seconds, writes)
        _measure_flow(connection, parts, sample, options.reports, show)
        _measure_size(connection, parts, sample, show)
        _measure_sqlite(parts, sample, options.reports, show)
    return 0


def _measure_flow(
    connection: Callable[[], str],
    parts: Parts,
    sample: Reading,
    reports: int,
    show: Callable[[str, int, float, int], None],
) -> None:
    """Keep readings as the queue's trigger does, then drain them as the committer does."""
    for faults in (1, 1000):
        where = connection()
        documents = opened(where)
        some = readings(sample, range(min(reports, 500)), faults)
        started = time.perf_counter()
        for reading in some:
            keep(documents, reading, NOW)
        show("keeping readings, one by one (note and reading)", len(some), time.perf_counter() - started, 0)
        lease = BlobLease(blob_service(Account(connection=where)).get_container_client("store"))
        started = time.perf_counter()
        commit_waiting(documents, parts, NOW, time.monotonic() + 600, lease)
        show(
            f"the committer on what waits, {min(faults, len(some))} incidents",
            len(some),
            time.perf_counter() - started,
            0,
        )
        counted = sum(incident.counts.returned for incident in incidents(documents))
        if counted != len(some):
            raise SystemExit(f"{counted} counted of {len(some)}")


def _measure_size(
    connection: Callable[[], str], parts: Parts, sample: Reading, show: Callable[[str, int, float, int], None]
) -> None:
    documents = opened(connection())
    documents.put("made", b"", None)
    seconds, writes = committed(documents, parts, readings(sample, range(20_000), 1), 1000)
    show("committing, 1 incident that grows to 20,000", 20_000, seconds, writes)
    sizes = [len(found[0]) for found in documents.get_many([one.key for one in documents.list("incident/")]) if found]
    print(f"{'':4}its document: {sum(sizes) / 1e6:.2f} MB")


def _measure_sqlite(parts: Parts, sample: Reading, reports: int, show: Callable[[str, int, float, int], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for faults in (1, 1000):
            with SqliteDocuments(Path(folder) / f"{faults}.sqlite") as documents:
                seconds, writes = committed(documents, parts, readings(sample, range(reports), faults), 1000)
                show(f"for comparison, SQLite, {faults} incidents, 1000 at once", reports, seconds, writes)


if __name__ == "__main__":
    sys.exit(main())
