"""The story in a screenful: collect → decode → diagnose → group → mend → notify.

The stages do not know each other; this module hands the work of one to the next.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import repeat

import msgspec
import structlog

from triage.collect.files import Item
from triage.collect.journal import record
from triage.decode import decode
from triage.diagnose import Rulebook, diagnose, judge
from triage.group import Documents, affected, commit, counted_reading, keep, uncounted
from triage.hosts import Hosts
from triage.mend import Shelf, fill
from triage.model import Document, Finding, Incident, Reading
from triage.notify import Texts, affected_csv, card, ticket_html, ticket_markdown

AT_ONCE = 200
"""Documents that are read before they are counted together: few enough for one short write."""

BYTES_AT_ONCE = 16 * 2**20


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
        return reading_of(item, decode(item.content, parts.hosts, parts.authserv_id), parts)
    # The outer edge: one document must not stop the rest, and must not be lost.
    except Exception as error:  # noqa: BLE001
        return failed(item, error)


def reading_of(item: Item, document: Document, parts: Parts) -> Reading:
    """Diagnose each observation of a decoded document."""
    members = document.members or repeat(b"")
    findings = tuple(
        Finding(one, diagnose(one, parts.rulebook, parts.hosts), own)
        for one, own in zip(document.observations, members, strict=False)
    )
    return Reading(
        source=item.place,
        sha256=item.sha256,
        kind=document.kind,
        error=document.error,
        suppressed=document.suppressed,
        findings=findings,
    )


def failed(item: Item, error: Exception) -> Reading:
    """Give the reading of a document on which this program failed, and log why."""
    structlog.get_logger().error("document_failed", sha256=item.sha256, exc_info=error)
    sentence = f"This program failed on it ({type(error).__name__}); the rest went on. This is a fault of ours."
    return Reading(source=item.place, sha256=item.sha256, kind="unreadable", error=sentence)


def take_in(items: Iterable[Item], documents: Documents, parts: Parts, now: str) -> Iterator[tuple[Reading, Progress]]:
    """Keep, read and count documents; give each reading as it is made, with the progress so far.

    Each step can be repeated: what a killed run left uncounted is counted first, and what was counted before
    changes nothing.
    """
    weigh = partial(judge, rulebook=parts.rulebook, hosts=parts.hosts)
    progress = Progress(kinds={})
    for group in _chunks(uncounted(documents)):
        commit(documents, group, weigh, parts.hosts, now)
    for chunk in _item_chunks(items):
        with documents.batch():
            for item in chunk:
                record(documents, item, now)
        known = [counted_reading(documents, item.sha256) for item in chunk]
        made = [reading or read(item, parts) for item, reading in zip(chunk, known, strict=True)]
        with documents.batch():
            kept = [old or keep(documents, new) for old, new in zip(known, made, strict=True)]
        fresh = [reading for reading, old in zip(kept, known, strict=True) if old is None]
        commit(documents, fresh, weigh, parts.hosts, now)
        for item, reading, old in zip(chunk, kept, known, strict=True):
            _advance(progress, item, reading, old is not None)
            yield reading, progress


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


def _chunks(readings: Iterable[Reading]) -> Iterator[list[Reading]]:
    # Listed whole first: counting deletes from the list that is being read.
    left = list(readings)
    return (left[at : at + AT_ONCE] for at in range(0, len(left), AT_ONCE))


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
