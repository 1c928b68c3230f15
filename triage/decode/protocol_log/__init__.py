"""SMTP protocol logs of Exchange 2010 to SE, Send and Receive → observations of sessions.

rows (bytes → rows) → reader (rows → sessions) → outcome (what became of each) → tally (observations).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from triage.decode.protocol_log.head import HEAD, is_protocol_log
from triage.decode.protocol_log.reader import Reader
from triage.decode.protocol_log.rows import blocks
from triage.decode.protocol_log.suspects import rows_of, suspect_peers, suspect_rows
from triage.decode.protocol_log.tally import Tally
from triage.hosts import Hosts
from triage.model import Document

__all__ = ["HEAD", "is_protocol_log", "read_protocol_log", "read_protocol_logs", "read_suspects", "suspect_rows"]


def read_protocol_log(chunks: Iterable[bytes], hosts: Hosts) -> Document:
    """Read one protocol log, given as chunks of any size, and give what its sessions say. Never raises on any bytes.

    Memory stays flat: see the bounds in `rows`, `reader` and `tally`; what passes one is counted in `suppressed`.
    """
    return read_protocol_logs([chunks], hosts)


def read_protocol_logs(files: Iterable[Iterable[bytes]], hosts: Hosts) -> Document:
    """Read the protocol logs of one folder as one, in the order in which they were written; never raises on any bytes.

    A session may begin in one file and end in the next. What one file shows of a server's name serves all.
    """
    return _read((blocks(chunks) for chunks in files), hosts)


def read_suspects(files: Sequence[Callable[[], Iterable[bytes]]], hosts: Hosts) -> Document:
    """Read only the sessions with peers of which some row speaks of a fault, in two passes over each file.

    Several times as fast as `read_protocol_logs` where few peers fail; what goes well with all others is left out, also
    with other hosts of the same pool. `files` open each file anew.
    """
    found = [suspect_peers(chunks()) for chunks in files]
    peers = tuple(dict.fromkeys(peer for some in found for peer in some or ()))
    if None in found:
        return _read((blocks(chunks()) for chunks in files), hosts)
    return _read((rows_of(chunks(), peers) for chunks in files), hosts)


def _read(files: Iterable[Iterator[list[bytes]]], hosts: Hosts) -> Document:
    tally = Tally(hosts)
    reader = Reader(tally.add)
    for blocks_of_rows in files:
        reader.begin()
        for rows in blocks_of_rows:
            reader.read(rows)
    reader.finish()
    tally.set_aside("unreadable-row", reader.unreadable)
    return tally.document(reader.versions)
