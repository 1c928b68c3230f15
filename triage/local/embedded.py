"""`triage serve` without Azure: a watched folder, forwarded mail by SMTP, an SQLite store, tickets in a folder.

Each loop has its own connection to the store and can be killed at any line: what a file or message said is kept before
it is counted, and a message is kept before its sender is told so.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec
import structlog

from triage.collect.inbox import FolderInbox
from triage.errors import Misconfigured
from triage.group import Documents, incidents
from triage.group.readings import UNCOUNTED
from triage.local.loops import Loop, Turn, until_told, wait_for
from triage.local.smtp import Listener
from triage.local.watch import Watch
from triage.outbox import write_out
from triage.pipeline import Parts, commit_waiting, live_on
from triage.safe_text import log
from triage.settings import Settings
from triage.upkeep import retain
from triage.wiring import (
    Store,
    acts_of,
    lease_of,
    loaded_parts,
    now,
    periods_of,
    read_mailbox,
    send_notices,
    store_of,
)

LOOK_SECONDS = 1
"""Between two looks at the folder; a folder that takes long to list is looked at less often."""

REST_PER_SCAN = 10
"""Times the length of a scan that the folder is left alone after it."""

COUNT_SECONDS = 60
"""How long one turn counts, at most: then the status and a stop have their turn."""

STATUS_SECONDS = 60
NOTICE_SECONDS = 5
MAILBOX_SECONDS = 60
LIFECYCLE_SECONDS = 300
"""Between two looks at what time alone changes."""

RETENTION_SECONDS = 86_400
STOP_SECONDS = 10
"""For the turn that is being taken to end; past it the process ends all the same, and loses nothing."""


class Counters(msgspec.Struct):
    """What was done since the start."""

    files: int = 0
    documents: int = 0
    unreadable: int = 0


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """What one local host works on."""

    settings: Settings
    parts: Parts
    store: Path
    folder: Path
    out: Path | None
    stop: threading.Event
    counters: Counters = msgspec.field(default_factory=Counters)

    def opened(self) -> AbstractContextManager[Store]:
        """Open the store, for the thread that calls."""
        return store_of(self.settings, self.store)


def serve_embedded(settings: Settings, store: Path, folder: Path, out: Path | None) -> None:
    """Serve until SIGINT or SIGTERM. Raises `Misconfigured` where folder, store or address cannot be had."""
    parts = loaded_parts(settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"The folder {folder} cannot be made: {error.strerror}.") from error
    with until_told() as stop:
        work = Embedded(settings=settings, parts=parts, store=store, folder=folder, out=out, stop=stop)
        with work.opened():
            pass  # a store that cannot be opened is told now, not by a loop
        listener = None
        if settings.serve.smtp:
            listener = Listener(settings.serve.smtp, settings.serve.recipients, FolderInbox(folder), lambda: now()[:10])
            listener.start()
        address = listener.address if listener else None
        takes = ",".join(settings.serve.recipients) if listener else None
        structlog.get_logger().info("serving", folder=str(folder), smtp=address, mail_for=takes, store=str(store))
        try:
            wait_for(stop, _loops(work, listener), STOP_SECONDS)
        finally:
            if listener is not None:
                listener.stop()
        structlog.get_logger().info("stopped")


def _loops(work: Embedded, listener: Listener | None) -> list[Loop]:
    loops = [
        Loop("read", lambda: _reading(work), LOOK_SECONDS, work.stop),
        Loop("count", lambda: _counting(work), LOOK_SECONDS, work.stop),
        Loop("notices", lambda: _sending(work), NOTICE_SECONDS, work.stop),
        Loop("retention", lambda: _clearing(work), RETENTION_SECONDS, work.stop),
        Loop("status", lambda: _telling(work, listener), STATUS_SECONDS, work.stop),
    ]
    if work.settings.mailbox.address is not None:
        loops.append(Loop("mailbox", lambda: _polling(work), MAILBOX_SECONDS, work.stop))
    return loops


@contextmanager
def _sending(work: Embedded) -> Iterator[Turn]:
    with work.opened() as documents:

        def turn() -> None:
            relayed = send_notices(work.settings, documents)
            if relayed.sent or relayed.failed:
                structlog.get_logger().info("notices", **msgspec.to_builtins(relayed))

        yield turn


@contextmanager
def _clearing(work: Embedded) -> Iterator[Turn]:
    with work.opened() as documents:

        def turn() -> None:
            removed = retain(documents, None, periods_of(work.settings), now())
            structlog.get_logger().info("retained", **msgspec.to_builtins(removed))

        yield turn


@contextmanager
def _polling(work: Embedded) -> Iterator[Turn]:
    settings = work.settings.model_copy(update={"inbox": work.folder})

    def turn() -> None:
        polled = read_mailbox(settings, work.store)
        structlog.get_logger().info("mailbox_polled", kept=polled.kept, moved=polled.moved, left=polled.left)

    yield turn


@contextmanager
def _reading(work: Embedded) -> Iterator[Turn]:
    with work.opened() as documents:
        watch = Watch(work.folder, documents, work.settings.serve.settle_seconds)
        rest_until = 0.0

        def turn() -> None:
            nonlocal rest_until
            if time.monotonic() < rest_until:
                return
            began = time.monotonic()
            paths = list(watch.ready())
            rest_until = time.monotonic() + (time.monotonic() - began) * REST_PER_SCAN
            for path in paths:
                if work.stop.is_set():
                    return
                _read_one(work, watch, path)

        yield turn


def _read_one(work: Embedded, watch: Watch, path: str) -> None:
    for reading in watch.take(path, work.parts, now(), work.stop.is_set):
        work.counters.documents += 1
        if reading.kind == "unreadable":
            work.counters.unreadable += 1
            structlog.get_logger().warning("not_read", input=log(reading.source.path), why=log(reading.error or ""))
    work.counters.files += 1


@contextmanager
def _counting(work: Embedded) -> Iterator[Turn]:
    with work.opened() as documents:
        is_first, aged_at = True, float("-inf")

        def turn() -> None:
            nonlocal is_first, aged_at
            deadline = time.monotonic() + COUNT_SECONDS
            changed = commit_waiting(documents, work.parts, now(), deadline, lease_of(work.settings, work.store))
            if time.monotonic() - aged_at >= LIFECYCLE_SECONDS:
                changed |= live_on(documents, work.parts, acts_of(work.settings, documents, work.store), now())
                aged_at = time.monotonic()
            if changed:
                structlog.get_logger().info("incidents_changed", incidents=sorted(changed))
            # At the start too: a process that was killed may have counted what it did not get to write.
            if work.out is not None and (changed or is_first):
                write_out(list(incidents(documents)), documents, work.parts, work.out, now())
            is_first = False

        yield turn


@contextmanager
def _telling(work: Embedded, listener: Listener | None) -> Iterator[Turn]:
    with work.opened() as documents:
        yield lambda: _tell(work, documents, listener)


def _tell(work: Embedded, documents: Documents, listener: Listener | None) -> None:
    listed = list(incidents(documents))
    structlog.get_logger().info(
        "status",
        files=work.counters.files,
        documents=work.counters.documents,
        unreadable=work.counters.unreadable,
        mail=listener.kept if listener else 0,
        waiting=sum(1 for _ in documents.list(UNCOUNTED)),
        open=sum(one.state != "resolved" for one in listed),
    )
