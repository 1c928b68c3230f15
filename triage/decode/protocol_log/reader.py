"""Rows → sessions: a table of open sessions that never outgrows its bound, however many are opened and never closed."""

from collections.abc import Callable, Iterable, Iterator

from triage.decode.protocol_log.fields import MAX_FIELD, Row, context_of, row_of
from triage.decode.protocol_log.session import HANDLERS, Session, Side, side_of

MAX_OPEN = 10_000
"""Sessions open at once in logs of one side. Exchange takes 5,000 at once by default (MaxInboundConnection); past this
bound the sessions that were silent the longest are handed over as they stand."""

_END = 14
_DULL = (
    b"attempting to connect", b"Set Session Permissions", b"sending message", b"Sending certificate",
    b"Received certificate", b"Certificate subject", b"Certificate issuer name", b"Certificate serial number",
    b"Certificate thumbprint", b"Certificate alternate names", b",250-PIPELINING,", b",250-BINARYMIME,",
    b",250-8BITMIME,", b",250-CHUNKING,", b",250-SMTPUTF8,",
)  # fmt: skip
DULL_ENDS = frozenset(text[-_END:] for dull in _DULL for text in (dull, dull + b"\r"))
"""Ends of the rows that say nothing of what becomes of a session: two of five rows, passed over at a third of the cost."""

Found = tuple[Session, bytes, bytes, bytes]
"""A session, and of its row the time, the local endpoint, and all from the event on."""


class Reader:
    """Puts sessions together from the rows of one log after another and hands each over when it ends.

    Open sessions stand in two generations: what the young one does not know is looked for in the old one. So one
    look-up serves most rows, and the sessions that no row touched for long are those left in the old one.
    """

    def __init__(self, closed: Callable[[Session], None], elsewhere: Callable[[bytes], None] | None = None) -> None:
        """`closed` takes each session: at its last row, when it was silent for too long, or at `finish`.

        `elsewhere`: what is read is a piece of a log; this takes the rows of sessions that began before it, and those
        of headers, which whoever reads the piece before needs too.
        """
        self.unreadable = 0
        self.versions: dict[Side, str] = {}
        """What the `#Version` line of a Send or Receive log says."""
        self.side: Side | None = None
        """What the header of this log says, or whoever knows it from elsewhere."""
        self._closed = closed
        self._elsewhere = elsewhere
        self._foreign: set[bytes] = set()
        self._version: str | None = None
        # Apart by what the header says, so that a Send and a Receive log may repeat each other's session ids.
        self._young: dict[Side | None, dict[bytes, Session]] = {"send": {}, "receive": {}, None: {}}
        self._old: dict[Side | None, dict[bytes, Session]] = {"send": {}, "receive": {}, None: {}}

    def begin(self, side: Side | None = None) -> None:
        """Begin another file: what its header says is its own; `side` holds until it says something."""
        self.side, self._version = side, None

    def read(self, rows: Iterable[bytes]) -> None:
        """Take rows as they come."""
        young = self._young[self.side]
        handlers = HANDLERS[self.side] if self.side else None
        for row in [one for one in rows if one[-_END:] not in DULL_ENDS]:
            try:
                time, _, key, _, local, _, tail = row.split(b",", 6)
                session = young[key]
            except (ValueError, KeyError):
                found = self._unusual(row)
                young = self._young[self.side]
                handlers = HANDLERS[self.side] if self.side else None
                if found is None:
                    continue
                session, time, local, tail = found
            handler = (handlers or session.handlers).get(tail[:6])
            if handler is not None:
                handler(session, tail[2:])
            elif tail[:1] in b"<-+":
                self._rare(session, row, (time, local, tail))

    def open(self) -> Iterator[tuple[Side | None, Session]]:
        """Give the sessions that are open, those silent the longest first, each with what the header said."""
        for generation in (self._old, self._young):
            for side, table in generation.items():
                yield from ((side, session) for session in table.values())

    def adopt(self, side: Side | None, session: Session) -> None:
        """Take over an open session from another reader."""
        session.first = self.replaced(side, session.key) or session.first
        self._put(side, session)

    def replaced(self, side: Side | None, key: bytes) -> bytes | None:
        """Make room for a session of this id whose connection was seen elsewhere.

        Of its own rows before the connection it gives the time of the first; what else is open under the id is handed
        over as it stands.
        """
        known = self._young[side].get(key) or self._old[side].get(key)
        if known is None:
            return None
        if not _is_new(known):
            self.let_go(side, key)
            return None
        self._young[side].pop(key, None)
        self._old[side].pop(key, None)
        return known.first

    def let_go(self, side: Side | None, key: bytes) -> None:
        """Hand over an open session of this id as it stands: another begins under its id."""
        session = self._young[side].pop(key, None) or self._old[side].pop(key, None)
        if session is not None:
            self._closed(session)

    def finish(self) -> None:
        """Hand over what is still open: logs end while sessions go on."""
        for side, session in list(self.open()):
            self.let_go(side, session.key)

    def _rare(self, session: Session, row: bytes, parts: tuple[bytes, bytes, bytes]) -> None:
        """Take a row that begins or ends a session, or one whose verb stands in small letters (RFC 5321 §2.4)."""
        time, local, tail = parts
        if tail.startswith(b"<"):
            handler = session.handlers.get(tail[:6].upper())
            if handler is not None:
                handler(session, tail[2:])
        elif tail.startswith(b"-,"):
            session.last, session.ended = time[:MAX_FIELD], context_of(tail[2:])
            session.local = session.local or local[:MAX_FIELD]
            self.let_go(self.side, session.key)
        elif tail.startswith(b"+,"):
            if not _is_new(session):
                self.let_go(self.side, session.key)
                found = row_of(row)
                session = self._session(found) if found is not None else session
            # A Send log has no local endpoint before the connection stands.
            session.connected, session.local = True, local[:MAX_FIELD]

    def _unusual(self, row: bytes) -> Found | None:
        """Take a row of a session that is not among the young, with quoted fields, of the header, or no row at all."""
        if row.startswith(b"#"):
            self._header(row)
            return None
        found = row_of(row)
        if found is None or max(map(len, found[:7])) > MAX_FIELD or not found.session:
            self.unreadable += bool(row.strip())
            return None
        if self._elsewhere is not None and self._is_foreign(found):
            self._pass_on(row, found, self._elsewhere)
            return None
        return self._session(found), found.time, found.local, found.event + b"," + found.rest

    def _is_foreign(self, row: Row) -> bool:
        """Say whether a row belongs to a session that began before this piece of a log."""
        key = row.session
        if key in self._young[self.side] or key in self._old[self.side]:
            return False
        if row.event == b"+" or (row.sequence == b"0" and key not in self._foreign):
            self._foreign.discard(key)
            return False
        return True

    def _pass_on(self, row: bytes, found: Row, elsewhere: Callable[[bytes], None]) -> None:
        """Give away a row of a session that began before: the first of them, and those that say something."""
        tail = found.event + b"," + found.rest[:4]
        handlers = HANDLERS[self.side or side_of(found.local, found.remote, found.event, found.rest)]
        says_something = found.event in b"+-" or tail in handlers or tail.upper() in handlers
        if says_something or found.session not in self._foreign:
            elsewhere(row)
        if found.event == b"-":
            self._foreign.discard(found.session)
        else:
            self._foreign.add(found.session)

    def _session(self, row: Row) -> Session:
        young, old = self._young[self.side], self._old[self.side]
        session = young.get(row.session)
        if session is None:
            session = old.pop(row.session, None)
            if session is None:
                session = Session(self.side or side_of(row.local, row.remote, row.event, row.rest), row)
            self._put(self.side, session)
        return session

    def _put(self, side: Side | None, session: Session) -> None:
        young = self._young[side]
        if len(young) >= MAX_OPEN // 2:
            for silent in self._old[side].values():
                self._closed(silent)
            self._old[side], young = young, {}
            self._young[side] = young
        young[session.key] = session

    def _header(self, row: bytes) -> None:
        name, _, value = row[:200].lower().strip().partition(b":")
        if name == b"#version":
            self._version = value.strip().decode("ascii", "replace")
        elif name == b"#log-type":
            self.side = "receive" if b"smtp receive" in value else "send" if b"smtp send" in value else None
            self._foreign.clear()
        else:
            return
        if self.side and self._version:
            self.versions.setdefault(self.side, self._version)
        if self._elsewhere is not None:
            self._elsewhere(row)


def _is_new(session: Session) -> bool:
    """Say whether nothing but rows from before the connection was seen of a session."""
    return not session.connected and session.step == "connect" and session.refusal is None
