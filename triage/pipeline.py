"""The story in a screenful: collect → decode → diagnose → group → mend → notify.

The stages do not know each other; this module hands the work of one to the next.
"""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import msgspec
import structlog

from triage.collect.files import Item
from triage.collect.item import document as item_of
from triage.collect.journal import accepted, record
from triage.diagnose import judge
from triage.digests import Desk
from triage.errors import Transient, TriageError
from triage.group import (
    ActJournal,
    Claimed,
    Documents,
    Lease,
    Periods,
    Router,
    Timer,
    affected,
    age,
    apply_waiting,
    at_once,
    claim,
    commit,
    counted_readings,
    due,
    give_up,
    join,
    keep,
    known_names,
    learn,
    lift,
    nobody,
    put_off,
    relate,
    silences,
    told,
    under,
    waiting,
)
from triage.hosts import Hosts
from triage.intake import Crew, Done, Knowledge, Work, read, readings
from triage.mend import Shelf, fill, letter
from triage.model import Incident, Place, Reading
from triage.model.draft import NoLetter
from triage.model.words import Kind
from triage.notify import (
    Accepted,
    Later,
    Letter,
    Refused,
    Sink,
    Texts,
    affected_csv,
    card,
    deliver,
    letter_text,
    ticket_html,
    ticket_markdown,
)

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
RELAY_SECONDS = 180
"""How long one relay goes on: with the slowest try after it, less than the five minutes that a function has."""
WAITING_AT_ONCE = 1000
"""Readings that the committer counts together: many reports of one incident then cost one write. A batch of a thousand
incidents, at some 25 ms for reading and writing each, is done before a lease ends."""


class Parts(Knowledge, frozen=True, kw_only=True):
    """What the stages work with: knowledge and settings, as values."""

    shelf: Shelf
    texts: Texts
    redact: str = "cards"
    route: Router = nobody
    periods: Periods = Periods()
    timer: Timer = at_once
    ceiling: Callable[[str], int | None] = lambda _sink: None


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
    for batch in waiting(documents, AT_ONCE):
        count(documents, batch, parts, now)
    for chunk in _in_chunks(readings(_noted(items, documents, now), parts, crew, moved)):
        with documents.batch():
            kept = [work.known or keep(documents, reading, now, is_unknown=True) for work, reading in chunk]
        fresh = [reading for reading, (work, _) in zip(kept, chunk, strict=True) if work.known is None]
        with documents.batch():
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
        known = counted_readings(documents, [item.sha256 for item in chunk])
        yield from map(Work, chunk, known)


def count(documents: Documents, readings: Sequence[Reading], parts: Parts, now: str) -> set[str]:
    """Count readings in their incidents, and give the ids of those that changed. Repeating it changes nothing.

    What the readings show of hosts' names is learned first; incidents whose ends turn out to be the same are joined
    before anything is counted, so that a report finds the incident in which it was counted before.
    """
    hosts = learn(documents, readings, parts.hosts)
    weigh = partial(judge, rulebook=parts.rulebook, hosts=hosts)
    joined = join(documents, hosts, weigh, now, only_news=True, route=parts.route)
    return joined | commit(documents, readings, weigh, hosts, now, route=parts.route)


def settle(documents: Documents, parts: Parts, now: str) -> set[str]:
    """Let incidents take into account what others say of their hosts, and give the ids of those that changed."""
    hosts = known_names(documents, parts.hosts)
    weigh = partial(judge, rulebook=parts.rulebook, hosts=hosts)
    changed = join(documents, hosts, weigh, now, route=parts.route)
    for _ in range(SETTLED_AFTER):
        news = relate(documents, hosts, weigh, now, route=parts.route)
        if not news:
            break
        changed |= news
    return changed


def live_on(documents: Documents, parts: Parts, journal: ActJournal, now: str) -> set[str]:
    """Apply what time alone changes, and acts whose process died before they took effect. Repeating it changes nothing.

    Gives the ids of the incidents that time changed, which may have something to tell.
    """
    apply_waiting(documents, journal, known_names(documents, parts.hosts), now, parts.route)
    return age(documents, now, parts.periods, parts.route)


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
        if changed and lease.hold():
            changed |= settle(documents, parts, now)
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


def tell(incident: Incident, documents: Documents, parts: Parts, now: str) -> dict[str, bytes]:
    """Give the files that tell people of an incident: name → bytes. The same incident gives the same files."""
    hosts = known_names(documents, parts.hosts)
    runbook = fill(incident, parts.shelf, hosts)
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
        **_letter(incident, hosts, parts, now),
    }


def _letter(incident: Incident, hosts: Hosts, parts: Parts, now: str) -> dict[str, bytes]:
    """Give the draft of a letter where the partner's postmaster has to act."""
    facts = letter(incident, hosts)
    if isinstance(facts, NoLetter):
        return {}
    return {"letter.txt": letter_text(facts, parts.texts, now=now).encode("utf-8", "replace")}


class Relayed(msgspec.Struct):
    """What a relay did, in messages: accepted, put off to a later try, and failed for good."""

    sent: int = 0
    put_off: int = 0
    failed: int = 0

    def add(self, outcome: Accepted | Later | Refused) -> bool:
        """Count what came of a message, and tell whether the sink takes more now."""
        self.sent += isinstance(outcome, Accepted)
        self.put_off += isinstance(outcome, Later)
        self.failed += isinstance(outcome, Refused)
        return not isinstance(outcome, Later)


def relay(
    documents: Documents,
    parts: Parts,
    sinks: Mapping[str, Sink],
    clock: Callable[[], str],
    incident_id: str | None = None,
    *,
    held_too: bool = False,
) -> Relayed:
    """Tell the sinks what they are to be told now: of one incident, else of all; `clock` gives the time (RFC 3339).

    Safe to repeat and to run twice at once. It may die at any line: what it had claimed is sent again later under the
    same id. A sink that asks for patience, or has had its messages of the hour, is left alone for the rest of this relay.
    With `held_too` what waits for its hour is looked at again: the settings may have changed since.
    """
    done, resting, began = Relayed(), set[str](), time.monotonic()
    parts, is_sweep = with_names(documents, parts), incident_id is None
    silent = silences(documents)
    if is_sweep:
        lift(documents, silent, parts.timer, clock())
    parts = msgspec.structs.replace(parts, timer=under(parts.timer, silent))
    ids = [incident_id] if incident_id is not None else list(due(documents, clock(), held_too=held_too))
    redact = parts.redact != "nothing"
    desk = Desk(documents, parts.timer, parts.ceiling, clock, parts.texts, redact=redact, mark=parts.mark)
    for sink in sinks.values() if is_sweep else ():
        if not all(done.add(outcome) for outcome in desk.tell_held(sink, ids)):
            resting.add(sink.name)
    for number, one in enumerate(ids):
        for sink in sinks.values():
            while sink.name not in resting and time.monotonic() - began < RELAY_SECONDS:
                if not desk.has_room(sink, ids[number:]):
                    resting.add(sink.name)
                    break
                twice = sink.at_most_twice
                claimed = claim(documents, one, sink.name, clock(), at_most_twice=twice, timer=parts.timer)
                if claimed is None:
                    break
                if not desk.take_room(sink, claimed) or not _send(documents, parts, sink, claimed, clock, done):
                    resting.add(sink.name)
    if is_sweep:
        desk.close(sinks, resting)
    return done


def with_names(documents: Documents, parts: Parts) -> Parts:
    """Give the parts with what the store has learned of hosts' names."""
    return msgspec.structs.replace(parts, hosts=known_names(documents, parts.hosts))


def _send(
    documents: Documents, parts: Parts, sink: Sink, claimed: Claimed, clock: Callable[[], str], done: Relayed
) -> bool:
    """Send what was claimed, write down what came of it, and tell whether the sink takes more now."""
    if claimed.until <= clock():
        return True  # this machine slept: by now the message is another relay's
    names = [one.name for one in claimed.notices]
    tries = claimed.notices[0].tries
    result = deliver(sink, lambda: write(documents, claimed, parts, clock()), claimed.id, names, tries)
    if isinstance(result, Accepted):
        told(documents, claimed, result.remote, clock())
    elif isinstance(result, Later):
        put_off(documents, claimed, result.seconds or 0, result.reason, clock(), unsure=result.unsure)
    else:
        give_up(documents, claimed, result.told())
    return done.add(result)


def write(documents: Documents, claimed: Claimed, parts: Parts, now: str) -> Letter:
    """Give all that a sink needs to write the message; `parts` as `with_names` gives them."""
    return Letter(
        id=claimed.id,
        incident=claimed.incident,
        runbook=fill(claimed.incident, parts.shelf, parts.hosts),
        notices=claimed.notices,
        texts=parts.texts,
        redact=parts.redact != "nothing",
        now=now,
        absorbed=claimed.absorbed,
        records=documents,
        mark=parts.mark,
        affected=lambda: tuple(affected(documents, claimed.incident.id)),
        team=claimed.timing.team,
    )
