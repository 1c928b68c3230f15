"""The story in a screenful: collect → decode → diagnose → group → mend → notify.

The stages do not know each other; this module hands the work of one to the next.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from triage.collect.files import Item
from triage.collect.item import document as item_of
from triage.collect.journal import accepted, record
from triage.diagnose import judge
from triage.group import (
    Documents,
    affected,
    commit,
    counted_reading,
    join,
    keep,
    known_names,
    learn,
    relate,
    uncounted,
)
from triage.intake import Crew, Done, Knowledge, Work, read, readings
from triage.mend import Shelf, fill
from triage.model import Incident, Place, Reading
from triage.model.words import Kind
from triage.notify import Texts, affected_csv, card, ticket_html, ticket_markdown

__all__ = ["Parts", "Progress", "is_wanted", "kind_of", "read", "take_in", "tell"]

T = TypeVar("T")

AT_ONCE = 200
"""Documents that are read before they are counted together: few enough for one short write."""

SETTLED_AFTER = 4
"""Passes in which incidents answer each other: whose build is known, whom a pattern blames, which incidents blame him;
and one in which nothing changes."""

BYTES_AT_ONCE = 16 * 2**20

NOT_OURS = frozenset({"other", "auto-reply"})
"""Kinds of mail that tell nothing of mail flow: in a shared mailbox they are somebody else's."""


class Parts(Knowledge, frozen=True, kw_only=True):
    """What the stages work with: knowledge and settings, as values."""

    shelf: Shelf
    texts: Texts
    redact: str = "cards"


class Progress(msgspec.Struct):
    """How far a run has come: documents read, those counted before, raw bytes consumed, and documents of each kind."""

    read: int = 0
    known: int = 0
    consumed: int = 0
    kinds: dict[str, int] = {}


def kind_of(content: bytes, parts: Parts) -> Kind:
    """Give the kind of one message; what this program fails on is `unreadable`, and so is not lost."""
    return read(item_of(Place("mailbox"), content), parts).kind


def is_wanted(content: bytes, parts: Parts) -> bool:
    """Tell whether a message in a shared mailbox is ours to take: it reports on mail flow, or claims to and is damaged."""
    return kind_of(content, parts) not in NOT_OURS


def take_in(
    items: Iterable[Item],
    documents: Documents,
    parts: Parts,
    now: str,
    crew: Crew | None = None,
    moved: Callable[[int], None] | None = None,
) -> Iterator[tuple[Reading, Progress]]:
    """Keep, read and count documents; give each reading as it is made, with the progress so far.

    Each step can be repeated: what a killed run left uncounted is counted first, and what was counted before
    changes nothing. With a `crew` other processes read ahead; `moved` is told the raw bytes worked through in between.
    """
    progress = Progress(kinds={})
    for group in _chunks(uncounted(documents)):
        count(documents, group, parts, now)
    for chunk in _in_chunks(readings(_noted(items, documents, now), parts, crew, moved)):
        with documents.batch():
            kept = [work.known or keep(documents, reading) for work, reading in chunk]
        fresh = [reading for reading, (work, _) in zip(kept, chunk, strict=True) if work.known is None]
        count(documents, fresh, parts, now)
        for (work, _), reading in zip(chunk, kept, strict=True):
            _advance(progress, work.item, reading, work.known is not None)
            yield reading, progress
    settle(documents, parts, now)


def _noted(items: Iterable[Item], documents: Documents, now: str) -> Iterator[Work]:
    """Write documents down before anything reads them, and tell which were counted before."""
    for chunk in _item_chunks(map(accepted, items)):
        with documents.batch():
            for item in chunk:
                record(documents, item, now)
        yield from [Work(item, counted_reading(documents, item.sha256)) for item in chunk]


def count(documents: Documents, readings: Sequence[Reading], parts: Parts, now: str) -> set[str]:
    """Count readings in their incidents, and give the ids of those that changed. Repeating it changes nothing.

    What the readings show of hosts' names is learned first; incidents whose ends turn out to be the same are joined
    before anything is counted, so that a report finds the incident in which it was counted before.
    """
    hosts = learn(documents, readings, parts.hosts)
    weigh = partial(judge, rulebook=parts.rulebook, hosts=hosts)
    joined = join(documents, hosts, weigh, now, only_news=True)
    return joined | commit(documents, readings, weigh, hosts, now)


def settle(documents: Documents, parts: Parts, now: str) -> set[str]:
    """Let incidents take into account what others say of their hosts, and give the ids of those that changed."""
    hosts = known_names(documents, parts.hosts)
    weigh = partial(judge, rulebook=parts.rulebook, hosts=hosts)
    changed = join(documents, hosts, weigh, now)
    for _ in range(SETTLED_AFTER):
        news = relate(documents, hosts, weigh, now)
        if not news:
            break
        changed |= news
    return changed


def _advance(progress: Progress, item: Item, reading: Reading, was_counted: bool) -> None:
    progress.read += 1
    progress.known += was_counted
    progress.consumed = max(progress.consumed, item.consumed)
    progress.kinds[reading.kind] = progress.kinds.get(reading.kind, 0) + 1


def _item_chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    return _gathered(items, lambda item: len(item.content))


def _in_chunks(done: Iterable[Done]) -> Iterator[list[Done]]:
    return _gathered(done, lambda one: len(one.work.item.content))


def _gathered(ones: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Put together as many as make one short write, and no more than memory takes."""
    chunk: list[T] = []
    size = 0
    for one in ones:
        chunk.append(one)
        size += size_of(one)
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
    runbook = fill(incident, parts.shelf, known_names(documents, parts.hosts))
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
