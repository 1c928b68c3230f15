"""A piece of a log, read apart from what stands before it: several processes read one log, or a folder of them.

A session that begins and ends in the piece is judged at once. The rows of one that began before it are given as they
are, in their place among the others, for whoever knows its beginning; one that goes on is given as it stands.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from triage.decode.protocol_log.closed import Closed, closed_of
from triage.decode.protocol_log.names import Own
from triage.decode.protocol_log.reader import Reader
from triage.decode.protocol_log.rows import Lines, rows_in
from triage.decode.protocol_log.session import Session, Side
from triage.hosts import Hosts

PART_BYTES = 2 * 2**20
"""Bytes that are read apart at once: large enough that most sessions lie within, small enough to hold several."""

_LOG_TYPE = b"#Log-"


class Part(msgspec.Struct):
    """What a piece of a log says: sessions that ended, and rows of sessions from before it, in the order of the log."""

    events: list[bytes | Closed] = []
    owns: list[Own] = []
    set_aside: dict[str, int] = {}
    open: list[tuple[Side | None, list[Any]]] = []


class Piece(msgspec.Struct, frozen=True):
    """Whole rows of a log, what its header said before them, and how many bytes of the file they stand for."""

    text: bytes
    side: Side | None
    taken: int


def pieces(chunks: Iterable[bytes], side: Side | None = None, size: int | None = None) -> Iterator[Piece]:
    """Cut a log into pieces that `read_part` can read; `side` holds for a log whose header is missing."""
    enough = size or PART_BYTES
    lines = Lines()
    held: list[bytes] = []
    kept = taken = 0
    for chunk in chunks:
        taken += len(chunk)
        if text := lines.push(chunk):
            held.append(text)
            kept += len(text)
        if kept >= enough:
            whole = b"".join(held)
            yield Piece(whole, side, taken)
            side = _side_after(whole, side)
            held, kept, taken = [], 0, 0
    held.append(lines.end())
    yield Piece(b"".join(held), side, taken)


def read_part(piece: Piece, hosts: Hosts) -> bytes:
    """Read a piece of a log; gives a `Part`, encoded, for `LogReader.join`. Never raises on any bytes."""
    part = Part()
    owns: dict[Own, None] = {}

    def closed(session: Session) -> None:
        own, found = closed_of(session, hosts)
        owns[own] = None
        if isinstance(found, str):
            part.set_aside[found] = part.set_aside.get(found, 0) + 1
        else:
            part.events.append(found)

    reader = Reader(closed, elsewhere=part.events.append)
    reader.begin(piece.side)
    reader.read(rows_in(piece.text))
    part.set_aside["unreadable-row"] = reader.unreadable
    part.owns = list(owns)
    part.open = [(side, session.plain()) for side, session in reader.open()]
    return msgspec.msgpack.encode(part)


def _side_after(text: bytes, side: Side | None) -> Side | None:
    """Give what the last header in a piece says, for logs may be put together in one file."""
    at = text.rfind(_LOG_TYPE)
    while at > 0 and text[at - 1 : at] != b"\n":
        at = text.rfind(_LOG_TYPE, 0, at)
    if at == -1:
        return side
    value = text[at : at + 200].partition(b"\n")[0].lower()
    return "receive" if b"smtp receive" in value else "send" if b"smtp send" in value else None
