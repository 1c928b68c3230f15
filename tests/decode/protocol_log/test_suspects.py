"""Rows that speak of a fault, and the sessions of the peers that they name."""

import pytest

from tests.decode.protocol_log.conftest import header, log_of, session_rows
from tests.decode.protocol_log.test_rows import HEALTHY, SENT
from triage.decode.protocol_log import read_protocol_log, read_suspects, suspect_rows
from triage.decode.protocol_log.suspects import MAX_PEERS
from triage.hosts import Hosts

FAILED = "TLS negotiation failed with error SocketError"
MIXED = [
    *session_rows(HEALTHY, key="08D91", remote="203.0.113.9:25"),
    *session_rows(SENT, key="08D92", at=60),
    *session_rows(HEALTHY, key="08D93", at=120),
]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_suspect_rows_are_found_whole(size, encoding):
    """In any encoding, and where a chunk ends in the middle of them."""
    content = log_of(*MIXED).decode().encode(encoding)
    chunks = [content[at : at + size] for at in range(0, len(content), size)]
    rows = list(suspect_rows(chunks))
    assert [row.decode() for row in rows] == [row for row in MIXED if FAILED in row]


def test_two_marks_in_one_row_are_one_suspect_row():
    """A row is given once."""
    row = session_rows([f"*,(SocketError),{FAILED}"])[0]
    assert list(suspect_rows([log_of(row)])) == [row.encode()]


def test_the_sessions_of_suspect_peers_are_read_in_full():
    """Their successes too, which may overturn a verdict; other peers are left out."""
    log = log_of(*MIXED)
    seen = read_suspects(lambda: [log], Hosts()).observations
    assert [(one.action, one.receiving_ip) for one in seen] == [
        ("failed", "198.51.100.20"),
        ("relayed", "198.51.100.20"),
    ]
    everything = read_protocol_log([log], Hosts()).observations
    assert {*seen} < {*everything}


def test_a_log_without_suspects_gives_nothing():
    """Two quick looks and no reading."""
    assert read_suspects(lambda: [log_of(*session_rows(HEALTHY))], Hosts()).observations == ()


def test_many_suspect_peers_are_read_like_all_others():
    """Past a number of peers the whole log is read, and the answer is the same."""
    rows = [
        row for n in range(MAX_PEERS + 2) for row in session_rows(SENT, key=f"08D9{n}", remote=f"198.51.100.{n}:25")
    ]
    log = log_of(*rows)
    assert read_suspects(lambda: [log], Hosts()) == read_protocol_log([log], Hosts())


def test_the_header_is_read_beside_suspect_rows():
    """It says which log it is, and whose software wrote it."""
    log = log_of(*session_rows(SENT), version="14.0.0.0")
    assert header("send", "14.0.0.0")[1] == "#Version: 14.0.0.0"
    assert read_suspects(lambda: [log], Hosts()) == read_protocol_log([log], Hosts())
