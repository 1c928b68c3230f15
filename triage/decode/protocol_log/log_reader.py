"""The logs of one folder and side, read one after another from chunks of any size: each gives a document.

    reader = LogReader(hosts)
    for chunk in first: reader.take(chunk)
    document = reader.end()                # sessions that go on stay open
    for chunk in second: reader.take(chunk)
    document = reader.end(last=True)       # what is still open is judged as it stands

`state()` gives, at any point, all that is needed to go on in another process.
"""

from typing import Any

import msgspec

from triage.decode.protocol_log.closed import closed_of
from triage.decode.protocol_log.part import Part
from triage.decode.protocol_log.reader import Reader
from triage.decode.protocol_log.rows import Lines, LinesState, rows_in
from triage.decode.protocol_log.session import Session, Side, session_of
from triage.decode.protocol_log.tally import Recent, Tally, TallyState
from triage.errors import BadInput
from triage.hosts import Hosts
from triage.model import Document

FORMAT = 2
"""Of the state: raised whenever what a session or a tally holds is changed."""


class _State(msgspec.Struct, frozen=True):
    format: int
    taken: int
    lines: LinesState
    side: Side | None
    versions: dict[Side, str]
    unreadable: int
    open: list[tuple[Side | None, list[Any]]]
    tally: TallyState


_PART, _STATE = msgspec.msgpack.Decoder(Part), msgspec.msgpack.Decoder(_State)


class LogReader:
    """Reads protocol logs in bounded memory; never raises on any bytes of theirs.

    See the bounds in `rows`, `reader` and `tally`; what passes one is counted in `suppressed`.
    """

    def __init__(self, hosts: Hosts, state: bytes | None = None) -> None:
        """Begin, or go on where `state` was taken. Raises `BadInput` for a state of another version of this program."""
        self.taken = 0
        """Bytes of the present log so far: where to go on reading it."""
        self._hosts = hosts
        self._lines = Lines()
        self._tally = Tally(hosts)
        self._reader = Reader(self._closed)
        if state is not None:
            self._restore(state)

    def begin(self, side: Side | None = None) -> None:
        """Begin a log whose header is missing: `side` is what it is known to be from elsewhere."""
        self._reader.begin(side)

    def take(self, chunk: bytes) -> None:
        """Take the next bytes of the log."""
        self.taken += len(chunk)
        if text := self._lines.push(chunk):
            self._reader.read(rows_in(text))

    def join(self, part: bytes, taken: int) -> None:
        """Take what `read_part` made of the next `taken` bytes of the log, instead of the bytes."""
        self.taken += taken
        read = _PART.decode(part)
        for own in read.owns:
            self._tally.learn(own)
        for event in read.events:
            if isinstance(event, bytes):
                self._reader.read([event])
            else:
                first = self._reader.replaced(self._reader.side, event.key)
                self._tally.add(event if first is None else event._replace(first=first))
        for reason, count in read.set_aside.items():
            self._tally.set_aside(reason, count)
        for side, plain in read.open:
            self._reader.adopt(side, session_of(plain))

    def end(self, *, last: bool = False) -> Document:
        """Give what the log says that ends here; sessions that go on are kept for the next, unless it is the `last`."""
        if text := self._lines.end():
            self._reader.read(rows_in(text))
        if last:
            self._reader.finish()
        self._tally.set_aside("unreadable-row", self._reader.unreadable)
        document = self._tally.document(self._reader.versions)
        self._begin_next()
        return document

    def forget(self) -> None:
        """End the log without a document: only the sessions that go on are wanted, for they end in the next."""
        if text := self._lines.end():
            self._reader.read(rows_in(text))
        self._begin_next()

    def lacks_beginnings(self) -> bool:
        """Say whether a session is open that began before the first log which was read."""
        return any(not session.from_start for _, session in self._reader.open())

    def state(self) -> bytes:
        """Give all that is known so far: with it and the bytes from `taken` on, another reader goes on."""
        state = _State(
            format=FORMAT,
            taken=self.taken,
            lines=self._lines.state(),
            side=self._reader.side,
            versions=self._reader.versions,
            unreadable=self._reader.unreadable,
            open=[(side, session.plain()) for side, session in self._reader.open()],
            tally=self._tally.state(),
        )
        return msgspec.msgpack.encode(state)

    def _restore(self, given: bytes) -> None:
        try:
            state = _STATE.decode(given)
            sessions = [(side, session_of(plain)) for side, plain in state.open]
        except (msgspec.DecodeError, ValueError) as error:
            raise BadInput("This state of a half-read log cannot be read: read the log from its start.") from error
        if state.format != FORMAT:
            raise BadInput("This state of a half-read log is another version's: read the log from its start.")
        self.taken = state.taken
        self._lines = Lines(state.lines)
        self._tally = Tally(self._hosts, state.tally.recent)
        self._tally.restore(state.tally)
        self._reader.begin(state.side)
        self._reader.versions, self._reader.unreadable = state.versions, state.unreadable
        for side, session in sessions:
            self._reader.adopt(side, session)

    def _closed(self, session: Session) -> None:
        own, closed = closed_of(session, self._hosts)
        self._tally.learn(own)
        if isinstance(closed, str):
            self._tally.set_aside(closed)
        else:
            self._tally.add(closed)

    def _begin_next(self) -> None:
        recent: Recent = self._tally.recent()
        self._tally = Tally(self._hosts, recent)
        self._reader.begin()
        self._reader.versions, self._reader.unreadable = {}, 0
        self.taken = 0
