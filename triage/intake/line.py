"""Documents in, readings out, in the same order, while the processes of a crew work ahead.

Everything is a step: messages read together, a piece of a log, the end of a log. Steps are prepared ahead of the first
that is not done yet, as far as memory allows, and done in their order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, pairwise
from typing import NamedTuple

import msgspec

from triage.collect.files import Item
from triage.decode import PART_BYTES, pieces, read_part, read_suspects
from triage.errors import BadInput
from triage.hosts import Hosts
from triage.intake.crew import Crew
from triage.intake.logs import Group, Logs, Moved, Opening, Order, group_of
from triage.intake.one import Knowledge, failed, read, reading_of, unreadable
from triage.model import Document, Reading

BATCH = 50
"""Messages that a process reads at once: so many take longer than to hand them over, and few enough to share out."""
BATCH_BYTES = 2**20


class Work(NamedTuple):
    """A document, and its reading where an earlier run counted it: then it only takes its place."""

    item: Item
    known: Reading | None = None


class Done(NamedTuple):
    """A document and what it says."""

    work: Work
    reading: Reading


class _Step(NamedTuple):
    """Something to be done in its turn, and the bytes that it holds until then."""

    do: Callable[[], Iterable[Done]]
    size: int = 0


def readings(
    works: Iterable[Work],
    knowledge: Knowledge,
    crew: Crew | None = None,
    moved: Moved | None = None,
    *,
    suspects: bool = False,
) -> Iterator[Done]:
    """Give the reading of each document, in order; with or without a crew they are the same.

    Protocol logs of one folder and side are read as one: a session belongs to the log in which it ends, and what is
    still open at the end of the last is judged as it stands. `suspects`: of each log, by itself, only the sessions with
    peers of which some row speaks of a fault. `moved` is told how far it came within a large log.
    """
    line = _Line(knowledge, crew, moved, suspects)
    waiting: deque[_Step] = deque()
    held = 0
    ahead = (crew.count + 1) * PART_BYTES if crew is not None else 0
    for step in line.steps(works):
        waiting.append(step)
        held += step.size
        while waiting and (crew is None or held > ahead):
            first = waiting.popleft()
            held -= first.size
            yield from first.do()
    for step in waiting:
        yield from step.do()


class _Line:
    def __init__(self, knowledge: Knowledge, crew: Crew | None, moved: Moved | None, suspects: bool) -> None:
        self._knowledge = knowledge
        self._crew = crew
        self._logs = Logs(knowledge, moved)
        self._order = Order()
        self._suspects = suspects

    def steps(self, works: Iterable[Work]) -> Iterator[_Step]:
        """Prepare what is to be done."""
        batch: list[Work] = []
        before = size = 0
        for (work, group), (following, next_group) in pairwise(chain(map(_with_group, works), [(None, None)])):
            assert work is not None  # noqa: S101 - the last of the chain is never a first of a pair
            is_new = following is not None and following.known is None
            if group is None or work.known is not None:
                batch.append(work)
                size += len(work.item.content)
                if group is not None:
                    self._order.counted(work.item, group)
            if batch and (group is not None or self._crew is None or len(batch) >= BATCH or size >= BATCH_BYTES):
                yield self._batch(batch, size)
                batch, size = [], 0
            if group is not None and work.known is None:
                if self._suspects:
                    yield self._suspects_of(work)
                else:
                    opening, last = self._order.fresh(work.item, group, before, next_group if is_new else None)
                    yield from self._log(work, opening, last)
            before = max(before, work.item.consumed)
        if batch:
            yield self._batch(batch, size)

    def _batch(self, works: list[Work], size: int) -> _Step:
        items = [work.item for work in works if work.known is None]
        if self._crew is None or not items:
            return _Step(lambda: [Done(work, work.known or read(work.item, self._knowledge)) for work in works])
        task = self._crew.submit(_read_batch, self._crew.make, items)

        def do() -> Iterator[Done]:
            try:
                new = iter(_unpacked(task.result()))
            # The outer edge: what cannot even be handed over must not stop the rest, and must not be lost.
            except Exception as error:  # noqa: BLE001
                new = iter([failed(item, error) for item in items])
            return (Done(work, work.known or next(new)) for work in works)

        return _Step(do, size)

    def _log(self, work: Work, opening: Opening, last: bool) -> Iterator[_Step]:
        logs, item = self._logs, work.item
        yield _Step(_nothing(partial(logs.open, opening)))
        if self._crew is None:
            yield _Step(_nothing(partial(logs.take, opening)))
        else:
            try:
                for piece in pieces(item.chunks(), opening.side):
                    task = self._crew.submit(read_part, piece, self._knowledge.hosts)
                    yield _Step(_nothing(partial(logs.join, opening, task.result, piece.taken)), len(piece.text))
            except BadInput as error:
                yield _Step(_nothing(partial(logs.fail, item, str(error))))
        yield _Step(lambda: [Done(work, logs.close(item, last=last))])

    def _suspects_of(self, work: Work) -> _Step:
        item, knowledge = work.item, self._knowledge

        def look() -> Reading:
            try:
                return reading_of(item, find(), knowledge)
            except BadInput as error:
                return unreadable(item, str(error))
            except Exception as error:  # noqa: BLE001 - the outer edge, as above
                return failed(item, error)

        find: Callable[[], Document] = partial(read_suspects, item.chunks, knowledge.hosts)
        if self._crew is not None and item.large is None:
            find = self._crew.submit(_suspects_in, item.content, knowledge.hosts).result
        return _Step(lambda: [Done(work, look())], len(item.content))


def _with_group(work: Work) -> tuple[Work | None, Group | None]:
    return work, group_of(work.item)


def _nothing(do: Callable[[], None]) -> Callable[[], Iterable[Done]]:
    """Give a step that gives no reading."""

    def done() -> Iterable[Done]:
        do()
        return ()

    return done


_known: list[Knowledge] = []
"""What a process of a crew has loaded, once."""


_READINGS = msgspec.msgpack.Decoder(list[Reading])


def _read_batch(make: Callable[[], Knowledge], items: list[Item]) -> bytes | list[Reading]:
    """Read messages, in a process of a crew, and pack what they say: pickle takes a dozen times as long."""
    if not _known:
        _known.append(make())
    new = [read(item, _known[0]) for item in items]
    try:
        return msgspec.msgpack.encode(new)
    except UnicodeEncodeError:  # a name of a file that is no text
        return new


def _unpacked(packed: bytes | list[Reading]) -> list[Reading]:
    return _READINGS.decode(packed) if isinstance(packed, bytes) else packed


def _suspects_in(content: bytes, hosts: Hosts) -> Document:
    """Read the suspect sessions of a log that is held in memory, in a process of a crew."""
    return read_suspects(lambda: [content], hosts)
