"""SMTP protocol logs of Exchange 2010 to SE, Send and Receive → observations of sessions.

rows (bytes → rows) → reader (rows → sessions) → outcome, closed (what became of each) → tally (observations).
`log_reader` joins them for one log after another; `part` reads a piece of a log in another process; `copied` makes
rows of what people copy out of a log.
"""

from collections.abc import Callable, Iterable

from triage.decode.protocol_log.copied import copied_log, log_in
from triage.decode.protocol_log.head import LOG_HEAD, declared_side, is_protocol_log, side_of_log
from triage.decode.protocol_log.log_reader import LogReader
from triage.decode.protocol_log.part import PART_BYTES, Piece, pieces, read_part
from triage.decode.protocol_log.session import Side
from triage.decode.protocol_log.suspects import rows_of, suspect_peers, suspect_rows
from triage.hosts import Hosts
from triage.model import Document

__all__ = [
    "LOG_HEAD",
    "PART_BYTES",
    "LogReader",
    "Piece",
    "Side",
    "copied_log",
    "declared_side",
    "is_protocol_log",
    "log_in",
    "pieces",
    "read_part",
    "read_protocol_log",
    "read_suspects",
    "side_of_log",
    "suspect_rows",
]


def read_protocol_log(chunks: Iterable[bytes], hosts: Hosts) -> Document:
    """Read one protocol log, given as chunks of any size, and give what its sessions say. Never raises on any bytes."""
    reader = LogReader(hosts)
    for chunk in chunks:
        reader.take(chunk)
    return reader.end(last=True)


def read_suspects(again: Callable[[], Iterable[bytes]], hosts: Hosts) -> Document:
    """Read only the sessions with peers of which some row speaks of a fault, in two passes; `again` opens the log anew.

    Several times as fast as `read_protocol_log` where few peers fail; what goes well with all others is left out, also
    with other hosts of the same pool.
    """
    peers = suspect_peers(again())
    if peers is None:
        return read_protocol_log(again(), hosts)
    return read_protocol_log((b"\n".join([*rows, b""]) for rows in rows_of(again(), peers)), hosts)
