"""Rows that speak of a fault, found at the pace of a plain search: whether a log is worth reading, and whose sessions."""

from collections.abc import Iterable, Iterator, Sequence

from triage.decode.protocol_log.fields import row_of
from triage.decode.protocol_log.rows import MAX_ROW, single_bytes

MARKS = (
    b"TLS negotiation failed", b"STARTTLS command first", b"STARTTLS is required", b"(SocketError)", b"(ConnectionReset)",
    b"XXXXXXX", b"********",
)  # fmt: skip
"""What stands in a failed handshake, a demand for TLS, a lost session and a masked banner or verb."""
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
    left = b""
    for chunk in single_bytes(chunks):
        text = left + chunk if left else chunk
        end = text.rfind(b"\n") + 1
        if not end:
            left = text[:MAX_ROW]
            continue
        yield list(_within(text, end, marks))
        left = text[end : end + MAX_ROW]
    yield list(_within(left, len(left), marks))


def _within(text: bytes, end: int, marks: Sequence[bytes]) -> Iterator[bytes]:
    starts = set()
    for mark in marks:
        at = text.find(mark, 0, end)
        while at != -1:
            starts.add(text.rfind(b"\n", 0, at) + 1)
            row_end = text.find(b"\n", at, end)
            at = text.find(mark, row_end, end) if row_end != -1 else -1
    for start in sorted(starts):
        row_end = text.find(b"\n", start, end)
        yield text[start : row_end if row_end != -1 else end].rstrip(b"\r")[:MAX_ROW]
