"""Rows → sessions: a table of open sessions that never outgrows its bound, however many are opened and never closed."""

from collections.abc import Callable, Iterable

from triage.decode.protocol_log.fields import MAX_FIELD, Row, context_of, row_of
from triage.decode.protocol_log.session import Session, Side, side_of

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


class Reader:
    """Puts sessions together from the rows of one log after another and hands each over when it ends.

    Open sessions stand in two generations: what the young one does not know is looked for in the old one. So one
    look-up serves most rows, and the sessions that no row touched for long are those left in the old one.
    """

    def __init__(self, closed: Callable[[Session], None]) -> None:
        """`closed` takes each session: at its last row, when it was silent for too long, or at `finish`."""
        self.unreadable = 0
        self.versions: dict[Side, str] = {}
        """What the `#Version` line of a Send or Receive log says."""
        self._closed = closed
        self._version: str | None = None
        self._side: Side | None = None
        # Apart by what the header says, so that a Send and a Receive log may repeat each other's session ids.
        self._young: dict[Side | None, dict[bytes, Session]] = {"send": {}, "receive": {}, None: {}}
        self._old: dict[Side | None, dict[bytes, Session]] = {"send": {}, "receive": {}, None: {}}

    def begin(self) -> None:
        """Begin another file: what its header says, or leaves open, is its own."""
        self._side = self._version = None

    def read(self, rows: Iterable[bytes]) -> None:
        """Take rows as they come."""
        young = self._young[self._side]
        for row in [one for one in rows if one[-_END:] not in DULL_ENDS]:
            try:
                time, _, key, _, local, _, tail = row.split(b",", 6)
                session = young[key]
            except (ValueError, KeyError):
                found = self._unusual(row)
                young = self._young[self._side]
                if found is None:
                    continue
                session, time, local, tail = found
            handler = session.handlers.get(tail[:6])
            if handler is not None:
                handler(session, tail[2:])
            elif tail[:1] in b"<-+":
                self._rare(session, time, local, tail)

    def finish(self) -> None:
        """Hand over what is still open: logs end while sessions go on."""
        for generation in (self._old, self._young):
            for table in generation.values():
                for session in table.values():
                    self._closed(session)
                table.clear()

    def _rare(self, session: Session, time: bytes, local: bytes, tail: bytes) -> None:
        """Take a row that begins or ends a session, or one whose verb stands in small letters (RFC 5321 §2.4)."""
        if tail.startswith(b"<"):
            handler = session.handlers.get(tail[:6].upper())
            if handler is not None:
                handler(session, tail[2:])
        elif tail.startswith(b"-,"):
            session.last, session.ended = time[:MAX_FIELD], context_of(tail[2:])
            self._young[self._side].pop(session.key, None)
            self._closed(session)
        elif tail.startswith(b"+,"):  # a Send log has no local endpoint before the connection stands
            session.local = local[:MAX_FIELD]

    def _unusual(self, row: bytes) -> tuple[Session, bytes, bytes, bytes] | None:
        """Take a row of a session that is not among the young, with quoted fields, of the header, or no row at all."""
        if row.startswith(b"#"):
            self._header(row)
            return None
        found = row_of(row)
        if found is None or max(map(len, found[:7])) > MAX_FIELD or not found.session:
            self.unreadable += bool(row.strip())
            return None
        return self._session(found), found.time, found.local, found.event + b"," + found.rest

    def _session(self, row: Row) -> Session:
        young, old = self._young[self._side], self._old[self._side]
        session = young.get(row.session) or old.pop(row.session, None)
        if session is None:
            side = self._side or side_of(row.local, row.remote, row.event, row.rest)
            session = Session(side, row)
        if row.session not in young:
            if len(young) >= MAX_OPEN // 2:
                for silent in old.values():
                    self._closed(silent)
                self._old[self._side], young = young, {}
                self._young[self._side] = young
            young[row.session] = session
        return session

    def _header(self, row: bytes) -> None:
        name, _, value = row[:200].lower().strip().partition(b":")
        if name == b"#version":
            self._version = value.strip().decode("ascii", "replace")
        elif name == b"#log-type":
            self._side = "receive" if b"smtp receive" in value else "send" if b"smtp send" in value else None
        if self._side and self._version:
            self.versions.setdefault(self._side, self._version)
