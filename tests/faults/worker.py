"""Runs jobs in children that may be killed: forked from a process that has everything loaded, so that each is cheap.

A job is a line of JSON on standard input. Each is answered with a line when the child exists (its process id) and one
when it ended: what it said, or the signal that ended it.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import azure.storage.blob  # here, so that no child has to  # noqa: F401
import structlog

from triage.azure_storage import Account, blob_service
from triage.collect.files import walk
from triage.collect.item import Item
from triage.collect.journal import record
from triage.errors import Misconfigured, Transient
from triage.group import (
    BlobDocuments,
    BlobLease,
    DocumentActs,
    Documents,
    FileLease,
    Lease,
    SqliteDocuments,
    act_on,
    incidents,
    keep,
    silence_all,
)
from triage.model import Scope
from triage.notify.ticket_rows import Rows
from triage.pipeline import Parts, commit_waiting, live_on, read, take_in
from triage.settings import Settings
from triage.upkeep import Periods, retain
from triage.wiring import parts_of

NOW = "2026-10-20T12:00:00Z"
ACTED, UNTIL = "2026-10-20T13:00:00Z", "2026-10-22T13:00:00Z"


class Killing(SqliteDocuments):
    """A store whose process is killed, by signal, right after its n-th write."""

    def __init__(self, path: str, at: int) -> None:
        super().__init__(path)
        self._left = at

    def _die_if_due(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Write, and die if it is time."""
        tag = super().put(key, body, if_match, head)
        self._die_if_due()
        return tag

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Delete, and die if it is time."""
        super().delete(key, if_match)
        self._die_if_due()


class NoLease:
    """A lease that everybody holds: several committers at once, as after a lease was lost unnoticed."""

    def hold(self) -> bool:
        """Hold it."""
        return True

    def release(self) -> None:
        """Keep it."""


def opened(where: str, kill_at: int) -> tuple[Documents, Lease]:
    """Open the store at a path or behind a connection string, and its lease."""
    if not where.startswith("Default"):
        return Killing(where, kill_at), FileLease(Path(where))
    service = blob_service(Account(connection=where), pause=0, jitter=0.02)
    container = service.get_container_client("store")
    return BlobDocuments(container), BlobLease(container, seconds=15)


def arranged(paths: list[str], seed: int | None) -> list[Item]:
    """Give the documents: in order, once, or with a seed each twice and shuffled."""
    items = list(walk(paths))
    if seed is None:
        return items
    twice = items * 2
    random.Random(seed).shuffle(twice)
    return twice


def read_in(items: Sequence[Item], documents: Documents, parts: Parts) -> None:
    """Do what the cloud does for each input: write it down, read it, keep what it says for the committer."""
    for item in items:
        record(documents, item, NOW)
        keep(documents, read(item, parts), NOW)


def take_all(items: Sequence[Item], documents: Documents, parts: Parts) -> None:
    """Take all of these in, together."""
    for _ in take_in(items, documents, parts, NOW):
        pass


def end_with_a_ticket(documents: Documents, parts: Parts) -> None:
    """End every incident; one closed ticket, of the host that the first of them blames, tells of all."""
    first, *others = [one.id for one in incidents(documents)]
    rows = Rows(documents, "jira", NOW)
    row = rows.opened(rows.first_of_host(rows.begin(first, "hq-ex13a.contoso.example", None)), "1", "MAIL-1", None)
    for one in (first, *others):
        act_on(documents, one, "resolve", "Ana", ACTED, text="mended", route=parts.route)
        row = rows.take_in(row, [one], is_open=False)
    rows.end(row, "closed")


def do(job: dict[str, Any], parts: Parts) -> str:
    """Do one job, and give a word about it."""
    documents, lease = opened(job["store"], job.get("kill_at", 0))
    items = arranged(job.get("paths", []), job.get("seed"))
    match job["do"]:
        case "take in":
            take_all(items, documents, parts)
        case "take in one by one":
            for item in items:
                take_all([item], documents, parts)
        case "acknowledge" | "resolve" | "silence" as kind:
            first = next(incidents(documents)).id
            act_on(documents, first, kind, "Ana", ACTED, text="works on it", until=UNTIL, route=parts.route)
        case "silence all" | "unsilence all" as kind:
            until = UNTIL if kind == "silence all" else None
            silence_all(documents, Scope("host", "*.contoso.example"), "Ana", ACTED, until=until)
        case "end with a ticket":
            end_with_a_ticket(documents, parts)
        case "retain":
            retain(documents, None, Periods(readings_days=30, incidents_days=60), job["now"])
        case "live on":
            live_on(documents, parts, DocumentActs(documents), job["now"])
        case "read in":
            read_in(items, documents, parts)
        case _:
            read_in(items, documents, parts)
            lease = NoLease() if job.get("lease") == "none" else lease
            return f"changed {len(commit_waiting(documents, parts, NOW, time.monotonic() + 60, lease))}"
    return "done"


def run_child(job: dict[str, Any], parts: Parts, answer: int) -> None:
    """Do the job and write a word about it; leave without what belongs to the parent."""
    try:
        word = do(job, parts)
    except (Transient, Misconfigured) as error:
        word = f"failed: {type(error).__name__}: {error}"
    except BaseException:  # noqa: BLE001 - the outer edge of the child
        word = f"broke: {traceback.format_exc()}"
    os.write(answer, word.encode())
    os._exit(0)


def say(value: object) -> None:
    """Answer with a line."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Answer jobs until standard input ends; several may be given in one line, to run at once."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output has the answers
    parts = parts_of(Settings(ours={"domains": ["contoso.example"]}))
    for line in sys.stdin:
        children = []
        for job in json.loads(line):
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reader)
                run_child(job, parts, writer)
            os.close(writer)
            children.append((child, reader))
        say([child for child, _ in children])
        ends = []
        for child, reader in children:
            with os.fdopen(reader, "rb") as words:
                word = words.read().decode()
            _, status = os.waitpid(child, 0)
            ends.append(f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else word)
        say(ends)


if __name__ == "__main__":
    main()
