"""Hostile logs: bounded memory, bounded time, no exception, and the same answer wherever the chunks are cut."""

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.protocol_log.conftest import header, log_of, received_rows, session_rows
from tests.decode.protocol_log.test_outcomes import CONNECTED, ENVELOPE, GOODBYE, HANDED, OFFERED, RECEIVED, STARTTLS
from triage.decode.protocol_log import read_protocol_log, read_suspects, tally
from triage.decode.protocol_log.reader import MAX_OPEN
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"], hosts=["hq-ex10a.contoso.example"])
FAILED = ("*,,TLS negotiation failed with error SocketError", "-,,Remote")
SENT = [*CONNECTED, *OFFERED, *STARTTLS, *FAILED]
HEAD = ("\r\n".join(header("send")) + "\r\n").encode()

STEPS = st.sampled_from([*RECEIVED, *SENT, *ENVELOPE, *HANDED, *GOODBYE, "<,", ">,\x00,", '<,"550 5.1.1', "*,451 no,"])
ROWS = st.lists(st.tuples(STEPS, st.integers(0, 3), st.booleans()), max_size=40)


def pieces(content: bytes, cuts: list[int]) -> list[bytes]:
    """Cut bytes at these places."""
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return [content[start:end] for start, end in pairwise(places)]


@settings(max_examples=150, deadline=None)
@given(ROWS, st.lists(st.integers(0, 10_000), max_size=12), st.booleans(), st.sampled_from(["utf-8", "utf-16"]))
def test_where_chunks_are_cut_changes_nothing(steps, cuts, with_header, encoding):
    """Any chunking of a log gives the same document, in one byte a character or two."""
    rows = [session_rows([step], key=f"08D9{key}", at=0 if send else 30)[0] for step, key, send in steps]
    text = "\r\n".join([*(header("send") if with_header else ()), *rows])
    content = text.encode(encoding)
    whole = read_protocol_log([content], HOSTS)
    assert read_protocol_log(pieces(content, cuts), HOSTS) == whole
    assert whole == read_protocol_log([text.encode()], HOSTS)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_raise(content, as_row):
    """Whatever a log holds, the answer is a document."""
    row = b"2026-10-18T09:14:00.000Z,C,08D9,1,192.0.2.10:25,198.51.100.20:25,<," if as_row else b""
    document = read_protocol_log([HEAD, row + content], HOSTS)
    assert document.kind == "protocol-log"
    assert read_suspects(lambda: [HEAD, row + content], HOSTS).kind == "protocol-log"


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from([b",", b'"', b"08D9", b"+", b"-", b"<", b"220 ", b"\n"]), st.binary(max_size=9)))
)
def test_no_pieces_of_rows_raise(parts):
    """Rows put together from the marks that are looked for."""
    assert read_protocol_log([b"".join(parts)], HOSTS).kind == "protocol-log"


def measured(chunks: Iterator[bytes]) -> tuple[int, dict[str, int]]:
    """Give the peak of memory in MB while reading, and what was set aside."""
    tracemalloc.start()
    try:
        document = read_protocol_log(chunks, Hosts())
        return tracemalloc.get_traced_memory()[1] >> 20, document.suppressed
    finally:
        tracemalloc.stop()


def test_a_row_of_ten_megabytes_is_cut():
    """The rest of it is passed over, and the row after it is read."""
    long = (b"2026-10-18T09:14:00.000Z,C,08D9,1,192.0.2.10:1,198.51.100.20:25,<," + b"x" * 1000 for _ in range(1))
    chunks = [HEAD, *long, *[b"y" * 2**16] * 160, b"\r\n", "\r\n".join(session_rows(SENT)).encode()]
    peak, suppressed = measured(iter(chunks))
    assert (peak, suppressed) == (0, {"unfinished": 1})


def test_a_quote_that_is_never_closed_costs_its_row_only(read):
    """A row is a line, whatever it quotes."""
    document = read(*session_rows(['<,"550 5.1.1 never'], key="08D9AA"), *session_rows(SENT))
    assert [one.tls.error for one in document.observations if one.tls.error] == ["SocketError"]


def test_sessions_opened_and_never_closed_are_bounded():
    """A flood of them takes no more memory than the table holds; those silent the longest go first."""
    flood = 30_000
    rows = (
        f"2026-10-18T09:14:00.000Z,C,08D9{n:08X},0,192.0.2.10:{n},198.51.100.20:25,+,,\r\n".encode()
        for n in range(flood)
    )
    peak, suppressed = measured(rows)
    assert flood > 2 * MAX_OPEN
    assert sum(suppressed.values()) == flood
    assert peak < 20


def test_a_session_that_goes_on_outlives_a_flood():
    """What rows still touch is not among those that were silent the longest, and stays one session."""
    rows = session_rows(SENT, key="08D9AA")
    content = [log_of()]
    for number, row in enumerate(rows):
        flood = range(number * MAX_OPEN, number * MAX_OPEN + MAX_OPEN // 3)
        ids = [f"2026-10-18T09:14:00.000Z,C,08D8{n:08X},0,192.0.2.10:{n},198.51.100.20:25,+,," for n in flood]
        content.append("\r\n".join([row, *ids, ""]).encode())
    [seen] = read_protocol_log(content, Hosts()).observations
    assert (seen.tls.error, seen.receiving_host) == ("SocketError", "am6eur05ft012.mail.protection.outlook.com")


def test_more_peers_than_are_kept_are_counted(monkeypatch):
    """Nothing is lost in silence."""
    monkeypatch.setattr(tally, "MAX_GROUPS", 3)
    rows = [row for n in range(9) for row in session_rows(SENT, key=f"08D9{n}", remote=f"198.51.100.{n}:25")]
    document = read_protocol_log([log_of(*rows)], Hosts())
    assert len(document.observations) == 6
    assert document.suppressed == {"failed-past-bound": 3}


def test_hours_are_put_together_before_anything_is_left_out(monkeypatch):
    """A log of many days keeps its counts, if not each hour."""
    monkeypatch.setattr(tally, "MAX_GROUPS", 3)
    rows = [row for n in range(9) for row in session_rows(SENT, key=f"08D9{n}", at=n * 3600)]
    document = read_protocol_log([log_of(*rows)], Hosts())
    assert [one.count for one in document.observations] == [1, 1, 1, 6]
    assert document.suppressed == {}


@pytest.mark.parametrize("field", range(3))
def test_fields_longer_than_any_real_one_are_no_row(field):
    """A session keeps its connector, id and endpoints, so they are bounded."""
    given_fields = ["C" * 9, "08D9AA", "198.51.100.20:25"]
    given_fields[field] += "1" * 60_000
    row = f"2026-10-18T09:14:00.000Z,{given_fields[0]},{given_fields[1]},0,,{given_fields[2]},+,,"
    assert read_protocol_log([log_of(row)], Hosts()).suppressed == {"unreadable-row": 1}


def test_a_receive_log_of_strangers_names_gives_one_observation(read):
    """A client may call itself anything: what is no host name makes no difference."""
    rows = []
    for n in range(50):
        steps = [f"<,EHLO {'x' * n}!," if "EHLO" in one else one for one in (*RECEIVED, "<,STARTTLS,", *FAILED)]
        rows += received_rows(steps, key=f"08D9{n}", at=n)
    assert [one.count for one in read(*rows, side="receive").observations] == [50]
