"""The protocol logs of a folder: which of them belong together, and one after another what they say."""

from collections.abc import Callable, Sequence

import msgspec

from triage.collect.files import Item
from triage.decode import LogReader, Side, declared_side, is_protocol_log, side_of_log
from triage.errors import BadInput
from triage.intake.one import Knowledge, failed, reading_of, unreadable
from triage.model import Reading

Moved = Callable[[int], None]
"""Is told how many raw bytes of all inputs were worked through."""

BACK = 3
"""Logs before the first new one that are read again for the sessions which go on in it: sessions last minutes, a log hours."""
BACK_BYTES = 20 * 2**20
"""Of them held in memory."""


class Group(msgspec.Struct, frozen=True):
    """Logs that one server wrote one after another: those of one folder or archive and one side."""

    folder: str
    side: Side


def group_of(item: Item) -> Group | None:
    """Tell to which group of logs a document belongs; None for what is no protocol log."""
    if item.error is not None or item.place.index or not is_protocol_log(item.head):
        return None
    path = item.place.path
    end = max(path.rfind(mark) for mark in "/\\!")
    return Group(path[: end + 1], side_of_log(item.head))


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """How a log is begun: `goes_on` after the one before it, or after `back`, logs that were counted earlier.

    `side` is what the log is where it has no header itself; `before` the raw bytes of the inputs before it.
    """

    item: Item
    goes_on: bool = False
    back: tuple[Item, ...] = ()
    side: Side | None = None
    before: int = 0


class Order:
    """Where a run is among its logs: decides how each is begun and whether it is the last of its group."""

    def __init__(self) -> None:
        self._group: Group | None = None
        self._side: Side | None = None
        self._goes_on = False
        self._back: list[Item] = []

    def counted(self, item: Item, group: Group) -> None:
        """Pass over a log that was counted by an earlier run."""
        if group != self._group:
            self._back = []
        self._enter(item, group)
        self._goes_on = False
        self._back = _bounded([*self._back, item])

    def fresh(self, item: Item, group: Group, before: int, following: Group | None) -> tuple[Opening, bool]:
        """Give how a new log is begun, and whether it is the last; `following` is the group of a new log after it."""
        opening = Opening(item=item, before=before)
        if group == self._group and (self._goes_on or self._back):
            opening = Opening(item=item, goes_on=self._goes_on, back=tuple(self._back), side=self._side, before=before)
        self._enter(item, group)
        self._back, self._goes_on = [], following == group
        return opening, not self._goes_on

    def _enter(self, item: Item, group: Group) -> None:
        declared = declared_side(item.head)
        self._side = declared or (self._side if group == self._group else None)
        self._group = group


class Logs:
    """Reads one log after another. What goes wrong in one is its error, and the next begins anew."""

    def __init__(self, knowledge: Knowledge, moved: Moved | None) -> None:
        """`moved` is told how far it came, several times in a large log."""
        self._knowledge = knowledge
        self._moved = moved
        self._reader = LogReader(knowledge.hosts)
        self._failed: Reading | None = None

    def open(self, opening: Opening) -> None:
        """Begin a log."""
        self._failed = None
        if not opening.goes_on:
            self._reader = _gone_back(opening.back, self._knowledge)
        self._reader.begin(opening.side)

    def take(self, opening: Opening) -> None:
        """Read the whole log here."""
        try:
            for chunk in opening.item.chunks():
                self._reader.take(chunk)
                self._tell(opening)
        except BadInput as error:
            self.fail(opening.item, str(error))
        # The outer edge: one document must not stop the rest, and must not be lost.
        except Exception as error:  # noqa: BLE001
            self._failed = failed(opening.item, error)

    def join(self, opening: Opening, part: Callable[[], bytes], taken: int) -> None:
        """Take what another process made of the next `taken` bytes of the log."""
        if self._failed is not None:
            return
        try:
            self._reader.join(part(), taken)
        except Exception as error:  # noqa: BLE001 - the outer edge, as above
            self._failed = failed(opening.item, error)
        self._tell(opening)

    def fail(self, item: Item, sentence: str) -> None:
        """Note why the log cannot be read to its end."""
        self._failed = self._failed or unreadable(item, sentence)

    def close(self, item: Item, *, last: bool) -> Reading:
        """Give what the log says; sessions that go on are kept for the next, unless it is the last."""
        if self._failed is None:
            try:
                return reading_of(item, self._reader.end(last=last), self._knowledge)
            except Exception as error:  # noqa: BLE001 - the outer edge, as above
                self._failed = failed(item, error)
        self._reader = LogReader(self._knowledge.hosts)
        return self._failed

    def _tell(self, opening: Opening) -> None:
        if self._moved is not None and opening.item.size:
            share = min(self._reader.taken / opening.item.size, 1)
            self._moved(opening.before + int((opening.item.consumed - opening.before) * share))


def _gone_back(items: Sequence[Item], knowledge: Knowledge) -> LogReader:
    """Give a reader that knows the sessions which go on after these logs, though their documents were counted before.

    The last of them is read; those before it only while a session lacks its beginning.
    """
    reader = LogReader(knowledge.hosts)
    for start in reversed(range(len(items))):
        reader = LogReader(knowledge.hosts)
        try:
            for item in items[start:]:
                for chunk in item.chunks():
                    reader.take(chunk)
                reader.forget()
        except BadInput:  # it is gone or changed: its sessions are judged by what stands in the next
            return LogReader(knowledge.hosts)
        if not reader.lacks_beginnings():
            break
    return reader


def _bounded(items: list[Item]) -> list[Item]:
    kept = items[-BACK:]
    while len(kept) > 1 and sum(len(item.content) for item in kept) > BACK_BYTES:
        kept.pop(0)
    return kept
