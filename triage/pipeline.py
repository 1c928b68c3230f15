"""The story in a screenful: collect → decode → diagnose → group → mend → notify.

The stages do not know each other; this module hands the work of one to the next.
"""

import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat

import msgspec
import structlog

from triage.collect.files import Item
from triage.collect.journal import record
from triage.decode import decode
from triage.diagnose import Rulebook, diagnose, judge
from triage.errors import Transient, TriageError
from triage.group import Documents, Lease, affected, commit, counted_reading, keep, waiting
from triage.hosts import Hosts
from triage.mend import Shelf, fill
from triage.model import Finding, Incident, Reading
from triage.notify import Texts, affected_csv, card, ticket_html, ticket_markdown

AT_ONCE = 200
"""Documents that are read before they are counted together: few enough for one short write."""

BYTES_AT_ONCE = 16 * 2**20

WAITING_AT_ONCE = 1000
"""Readings that the committer counts together: many reports of one incident then cost one write. A batch of a thousand
incidents, at some 25 ms for reading and writing each, is done before a lease ends."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the stages work with: knowledge and settings, as values."""

    hosts: Hosts
    rulebook: Rulebook
    shelf: Shelf
    texts: Texts
    authserv_id: str | None = None
    redact: str = "cards"


class Progress(msgspec.Struct):
    """How far a run has come: documents read, those counted before, raw bytes consumed, and documents of each kind."""

    read: int = 0
    known: int = 0
    consumed: int = 0
    kinds: dict[str, int] = {}


def read(item: Item, parts: Parts) -> Reading:
    """Decode one document and diagnose each of its observations. Whatever is wrong with it becomes its `error`."""
    if item.error is not None:
        return Reading(source=item.place, sha256=item.sha256, kind="unreadable", error=item.error)
    try:
        document = decode(item.content, parts.hosts, parts.authserv_id)
        members = document.members or repeat(b"")
        findings = tuple(
            Finding(one, diagnose(one, parts.rulebook, parts.hosts), own)
            for one, own in zip(document.observations, members, strict=False)
        )
    # The outer edge: one document must not stop the rest, and must not be lost.
    except Exception as error:  # noqa: BLE001
        structlog.get_logger().exception("document_failed", sha256=item.sha256)
        sentence = f"This program failed on it ({type(error).__name__}); the rest went on. This is a fault of ours."
        return Reading(source=item.place, sha256=item.sha256, kind="unreadable", error=sentence)
    return Reading(
        source=item.place,
        sha256=item.sha256,
        kind=document.kind,
        error=document.error,
        suppressed=document.suppressed,
        findings=findings,
    )


def take_in(items: Iterable[Item], documents: Documents, parts: Parts, now: str) -> Iterator[tuple[Reading, Progress]]:
    """Keep, read and count documents; give each reading as it is made, with the progress so far.

    Each step can be repeated: what a killed run left uncounted is counted first, and what was counted before
    changes nothing.
    """
    progress = Progress(kinds={})
    for batch in waiting(documents, AT_ONCE):
        count(documents, batch, parts, now)
    for chunk in _item_chunks(items):
        with documents.batch():
            for item in chunk:
                record(documents, item, now)
        known = [counted_reading(documents, item.sha256) for item in chunk]
        made = [reading or read(item, parts) for item, reading in zip(chunk, known, strict=True)]
        with documents.batch():
            kept = [old or keep(documents, new, now) for old, new in zip(known, made, strict=True)]
        fresh = [reading for reading, old in zip(kept, known, strict=True) if old is None]
        count(documents, fresh, parts, now)
        for item, reading, old in zip(chunk, kept, known, strict=True):
            _advance(progress, item, reading, old is not None)
            yield reading, progress


def count(documents: Documents, readings: Sequence[Reading], parts: Parts, now: str) -> set[str]:
    """Count the reports of these readings and give the ids of the incidents that changed. Safe to repeat.

    The one way in which readings become incidents: taking in, the committer and the audit all use it.
    """
    weigh = partial(judge, rulebook=parts.rulebook, hosts=parts.hosts)
    return commit(documents, readings, weigh, parts.hosts, now)


def commit_waiting(documents: Documents, parts: Parts, now: str, deadline: float, lease: Lease) -> set[str]:
    """Count what was read and waits (`uncounted/`), in batches, until nothing is left or `deadline` is past.

    `deadline` is a time of `time.monotonic()`. Gives the ids of the incidents that changed; none where somebody else
    holds the lease. A lease lost on the way ends the work after its batch: whoever has it now goes on, and what both
    count is counted once. Raises `Transient` where the store fails before anything changed.
    """
    changed: set[str] = set()
    try:
        while lease.hold():
            done = 0
            for batch in waiting(documents, WAITING_AT_ONCE):
                done += _count_each(documents, batch, parts, now, changed)
                if time.monotonic() >= deadline or not lease.hold():
                    return changed
            if not done:
                break
    except Transient as error:
        if not changed:
            raise
        # What changed must be told; the rest waits for the next time.
        structlog.get_logger().warning("committing_stopped", error=str(error))
    finally:
        lease.release()
    return changed


def _count_each(documents: Documents, readings: list[Reading], parts: Parts, now: str, changed: set[str]) -> int:
    """Count readings together, or apart where one of them breaks the program; give how many were counted."""
    try:
        changed |= count(documents, readings, parts, now)
    except TriageError:
        raise
    # The outer edge: one reading must not stop the rest. It stays uncounted, for `triage store audit` to name.
    except Exception as error:  # noqa: BLE001
        if len(readings) == 1:
            # The frames alone: the values in them are people's addresses.
            where = "".join(traceback.format_tb(error.__traceback__))
            structlog.get_logger().error(
                "reading_failed", sha256=readings[0].sha256, error=repr(type(error)), where=where
            )
            return 0
        half = len(readings) // 2
        first = _count_each(documents, readings[:half], parts, now, changed)
        return first + _count_each(documents, readings[half:], parts, now, changed)
    return len(readings)


def _advance(progress: Progress, item: Item, reading: Reading, was_counted: bool) -> None:
    progress.read += 1
    progress.known += was_counted
    progress.consumed = max(progress.consumed, item.consumed)
    progress.kinds[reading.kind] = progress.kinds.get(reading.kind, 0) + 1


def _item_chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += len(item.content)
        if len(chunk) >= AT_ONCE or size >= BYTES_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def tell(incident: Incident, documents: Documents, parts: Parts, now: str) -> dict[str, bytes]:
    """Give the files that tell people of an incident: name → bytes. The same incident gives the same files."""
    runbook = fill(incident, parts.shelf, parts.hosts)
    hit = tuple(affected(documents, incident.id))
    redact_ticket = parts.redact == "all"
    message = card(incident, runbook, parts.texts, redact=parts.redact != "nothing", now=now)
    markdown = ticket_markdown(incident, runbook, hit, parts.texts, redact=redact_ticket, now=now)
    html = ticket_html(incident, runbook, hit, parts.texts, redact=redact_ticket, now=now)
    return {
        "teams.json": msgspec.json.format(msgspec.json.encode(message), indent=2),
        "ticket.md": markdown.encode("utf-8", "replace"),
        "ticket.html": html.encode("utf-8", "replace"),
        "affected.csv": affected_csv(hit, parts.texts, redact=redact_ticket).encode("utf-8", "replace"),
        **dict(runbook.files),
    }
