"""Rows that speak of a fault, found at the pace of a plain search: whether a log is worth reading, and whose sessions."""

from collections.abc import Iterable, Iterator, Sequence

from triage.decode.protocol_log.fields import row_of
from triage.decode.protocol_log.rows import MAX_ROW, texts

MARKS = (
    b"TLS negotiation failed", b"STARTTLS command first", b"STARTTLS is required", b"Remote(", b"XXXXXXX", b"********",
)  # fmt: skip
"""What stands in a failed handshake, a demand for TLS, a lost session (`Remote(SocketError)`, `Remote(TimedOut)`) and a
masked banner or verb."""
HEADER_MARKS = (b"#Version", b"#Log-")
MAX_PEERS = 12
"""Peers looked for at once: each costs a search of its own, and with more, reading every session is as fast."""


def suspect_rows(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give the rows of one log that hold any of `MARKS`, without their line ends, in their order.

    Takes little longer than grep; chunks of a megabyte are best. What is longer than `rows.MAX_ROW` is cut there.
    """
    for rows in rows_holding(chunks, MARKS):
        yield from rows


def suspect_peers(chunks: Iterable[bytes]) -> tuple[bytes, ...] | None:
    """Give the remote addresses, as the log writes them, of the suspect rows; None where there are more than `MAX_PEERS`."""
    peers: dict[bytes, None] = {}
    for row in suspect_rows(chunks):
        found = row_of(row)
        if found is not None and found.remote:
            peers[found.remote.rpartition(b":")[0] or found.remote] = None
            if len(peers) > MAX_PEERS:
                return None
    return tuple(peers)


def rows_of(chunks: Iterable[bytes], peers: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Give the rows of the sessions with these peers, and those of the header, chunk by chunk."""
    return rows_holding(chunks, (*HEADER_MARKS, *(b"," + peer + b":" for peer in peers)))


def rows_holding(chunks: Iterable[bytes], marks: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Give the rows of one log that hold any of the marks, without their line ends, a list for each chunk."""
    for text in texts(chunks):
        yield list(_within(text, marks))


def _within(text: bytes, marks: Sequence[bytes]) -> Iterator[bytes]:
    starts = set()
    for mark in marks:
        at = text.find(mark)
        while at != -1:
            starts.add(text.rfind(b"\n", 0, at) + 1)
            row_end = text.find(b"\n", at)
            at = text.find(mark, row_end) if row_end != -1 else -1
    for start in sorted(starts):
        row_end = text.find(b"\n", start)
        yield text[start : row_end if row_end != -1 else len(text)].rstrip(b"\r")[:MAX_ROW]
