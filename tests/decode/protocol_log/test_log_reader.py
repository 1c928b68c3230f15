"""Logs one after another, cut anywhere, read by one process or several: always the same sessions, each counted once."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decode.protocol_log.conftest import header, in_turn, log_of, received_rows, session_rows, succeeded
from tests.decode.protocol_log.test_outcomes import (
    CONNECTED,
    ENVELOPE,
    GOODBYE,
    HANDED,
    NOT_OFFERED,
    OFFERED,
    RECEIVED,
    STARTTLS,
)
from triage.decode.protocol_log import LogReader, pieces, read_part, read_protocol_log, tally
from triage.decode.protocol_log.log_reader import FORMAT
from triage.errors import BadInput
from triage.hosts import Hosts
from triage.model import Document

HOSTS = Hosts(domains=["contoso.example"], hosts=["hq-ex10a.contoso.example"])
FAILED = ("*,,TLS negotiation failed with error SocketError", "-,,Remote")
SENT = (*CONNECTED, *OFFERED, *STARTTLS, *FAILED)
HEALTHY = (*CONNECTED, *OFFERED, *STARTTLS, succeeded(), *HANDED, *GOODBYE)
CLEAR = (*CONNECTED, *NOT_OFFERED, *HANDED, *GOODBYE)
DROPPED = (*CONNECTED, *OFFERED, *ENVELOPE, "-,,Remote(SocketError)")
UNDONE = (*CONNECTED, *OFFERED, *STARTTLS)
TWICE = (*CONNECTED, *CLEAR)
SENDING = st.lists(
    st.tuples(st.sampled_from([SENT, HEALTHY, CLEAR, DROPPED, UNDONE, TWICE]), st.integers(0, 9), st.integers(0, 90)),
    max_size=8,
)
CUTS = st.lists(st.integers(0, 2**16), max_size=6)


def interleaved(sessions: list[tuple[tuple[str, ...], int, int]]) -> list[str]:
    """Give the rows of sessions at the same time, in the order of their times, as a log has them."""
    rows = []
    for number, (steps, peer, at) in enumerate(sessions):
        rows += session_rows(steps, key=f"08D92C6B{number:08X}", remote=f"198.51.100.{peer}:25", at=at)
    return sorted(rows)


def places(content: bytes, cuts: list[int]) -> list[int]:
    """Give where to cut, start and end among them."""
    return sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})


def read_apart(logs: list[bytes], size: int) -> list[Document]:
    """Read logs as several processes do: each in pieces of about `size` bytes, joined afterwards."""
    reader, documents = LogReader(HOSTS), []
    for number, log in enumerate(logs, start=1):
        for piece in list(pieces([log[at : at + size] for at in range(0, len(log), size)], size=size)):
            reader.join(read_part(piece, HOSTS), piece.taken)
        documents.append(reader.end(last=number == len(logs)))
    return documents


def files_of(rows: list[str], cuts: list[int]) -> list[bytes]:
    """Divide rows among files, each with its header."""
    borders = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    return [log_of(*rows[start:end]) for start, end in pairwise(borders)] or [log_of()]


@settings(max_examples=120, deadline=None)
@given(SENDING, CUTS, CUTS)
def test_a_reader_goes_on_from_its_state(sessions, file_cuts, cuts):
    """Stopped at any byte and taken up by another process, reading gives what reading at one go gives."""
    logs = files_of(interleaved(sessions), file_cuts)
    reader, documents = LogReader(HOSTS), []
    for number, log in enumerate(logs, start=1):
        for start, end in pairwise(places(log, cuts)):
            reader.take(log[start:end])
            reader = LogReader(HOSTS, reader.state())
            assert reader.taken == end
        documents.append(reader.end(last=number == len(logs)))
        reader = LogReader(HOSTS, reader.state())
    assert documents == in_turn(*logs, hosts=HOSTS)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-8", "cp1251"])
def test_the_state_holds_half_a_character_and_half_a_row(encoding):
    """A range of a blob ends anywhere, in the middle of a two-byte character too."""
    log = log_of(*session_rows(SENT, connector="Исходящий")).decode().encode(encoding)
    for at in range(1, len(log), 7):
        reader = LogReader(HOSTS)
        reader.take(log[:at])
        reader = LogReader(HOSTS, reader.state())
        reader.take(log[at:])
        assert reader.end(last=True) == read_protocol_log([log], HOSTS)


@settings(max_examples=200, deadline=None)
@given(SENDING, CUTS, st.integers(200, 4000))
def test_pieces_read_apart_give_the_same(sessions, cuts, size):
    """Several processes that share a folder's logs give what one gives, document by document, in the same order."""
    logs = files_of(interleaved(sessions), cuts)
    assert read_apart(logs, size) == in_turn(*logs, hosts=HOSTS)


@pytest.mark.parametrize("size", [300, 1000, 3000])
def test_pieces_of_logs_that_were_put_together_keep_their_sides(size):
    """A header in the middle of a file holds for the pieces after it; ids may repeat in the other log."""
    one = log_of(*interleaved([(SENT, 1, 0), (HEALTHY, 2, 0)]))
    steps = [*RECEIVED, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", *FAILED]
    other = log_of(*received_rows(steps), side="receive")
    whole = [one + other + one.replace(b"08D92C6B", b"08D93C6B")]
    assert read_apart(whole, size) == in_turn(*whole, hosts=HOSTS)
    assert sum(seen.count for seen in read_apart(whole, size)[0].observations) == 5


@pytest.mark.parametrize("size", [300, 1000])
def test_pieces_of_a_log_without_its_header_give_the_same(size):
    """The side then is told by the ports, in each piece by itself."""
    rows = interleaved([(SENT, 1, 0), (HEALTHY, 2, 0), (DROPPED, 3, 1)])
    log = "\r\n".join(rows).encode()
    assert read_apart([log], size) == in_turn(log, hosts=HOSTS)


def test_a_session_may_span_three_files():
    """It belongs to the document in which it ends, and to no other."""
    rows = session_rows(HEALTHY)
    third = len(rows) // 3
    documents = in_turn(log_of(*rows[:third]), log_of(*rows[third : 2 * third]), log_of(*rows[2 * third :]))
    assert [len(one.observations) for one in documents] == [0, 0, 1]
    assert [one.suppressed for one in documents] == [{}, {}, {}]
    [seen] = documents[2].observations
    assert (seen.action, seen.tls.version, seen.time) == ("relayed", "1.2", "2026-10-18T09:14:00Z")


def test_what_is_open_at_the_end_belongs_to_the_last_file():
    """A handshake that failed is told though the log ends before the disconnect."""
    first, second = in_turn(log_of(*session_rows(SENT)[:-1]), log_of(*session_rows(HEALTHY, key="08D9AA", at=60)))
    assert first.observations == ()
    assert [one.action for one in second.observations] == ["failed", "relayed"]


def test_clear_text_in_the_next_file_follows_the_failed_handshake_of_the_last():
    """The hour may end between the two."""
    first, second = in_turn(log_of(*session_rows(SENT)), log_of(*session_rows(CLEAR, key="08D9AA", at=5)))
    assert [one.impact for one in (*first.observations, *second.observations)] == ["none", "sent-unencrypted"]


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\x00",
        msgspec.msgpack.encode({"format": 1}),
        LogReader(HOSTS).state().replace(b"format" + bytes([FORMAT]), b"format\x63"),
    ],
    ids=["empty", "other bytes", "other shape", "other version"],
)
def test_a_state_of_another_version_is_refused(state):
    """It is told what to do; nothing is guessed from it."""
    with pytest.raises(BadInput, match="from its start"):
        LogReader(HOSTS, state)


def members_of(document: Document) -> set[bytes]:
    """Give the digests of all sessions that the observations of a document stand for."""
    return {packed[at : at + 8] for packed in document.members for at in range(0, len(packed), 8)}


def test_each_failed_session_has_a_member_and_success_none():
    """As many as `count` says; parallel to the observations."""
    sessions = [(SENT, 1, 0), (SENT, 1, 7), (HEALTHY, 2, 0), (CLEAR, 3, 0), (DROPPED, 4, 0)]
    document = read_protocol_log([log_of(*interleaved(sessions))], HOSTS)
    found = [
        (one.action, one.count, len(own)) for one, own in zip(document.observations, document.members, strict=True)
    ]
    assert sorted(found) == [("failed", 1, 8), ("failed", 2, 16), ("relayed", 1, 0), ("relayed", 1, 0)]


def test_mail_sent_unencrypted_has_members():
    """Its sessions are counted, so they are told apart too."""
    document = read_protocol_log([log_of(*interleaved([(SENT, 1, 0), (CLEAR, 1, 10)]))], HOSTS)
    by_impact = dict(zip([one.impact for one in document.observations], document.members, strict=True))
    assert (len(by_impact["none"]), len(by_impact["sent-unencrypted"])) == (8, 8)


@pytest.mark.parametrize(
    "other",
    [
        lambda rows: log_of(*rows[5:]),
        lambda rows: log_of(*rows[:-1]),
        lambda rows: log_of(*rows).decode().encode("utf-16"),
        lambda rows: log_of(*rows, *session_rows(SENT, key="08D9AA", at=60))[: -len("Remote") - 4],
        lambda rows: log_of(*rows, *rows),
    ],
    ids=["cut start", "cut end", "another encoding", "grown", "twice in one file"],
)
def test_a_copy_of_a_log_has_the_same_members(other):
    """A session is counted once, however its rows come in again."""
    rows = session_rows(SENT)
    again = read_protocol_log([other(rows)], HOSTS)
    assert members_of(again) >= members_of(read_protocol_log([log_of(*rows)], HOSTS))
    assert sum(one.count for one in again.observations) == len(members_of(again))


def test_members_tell_sides_servers_and_ids_apart():
    """A Send and a Receive log may repeat an id, and so may the logs of two servers."""
    steps = [*RECEIVED, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", *FAILED]
    logs = [
        log_of(*session_rows(SENT)),
        log_of(*session_rows(SENT, key="08D9AA")),
        log_of(*session_rows(SENT, local="192.0.2.11:16547")),
        log_of(*session_rows(SENT, local="[2001:db8::10]:16547")),
        log_of(*received_rows(steps), side="receive"),
    ]
    assert len({member for log in logs for member in members_of(read_protocol_log([log], HOSTS))}) == len(logs)


def test_another_port_of_the_same_server_is_the_same_member():
    """A Send log's local port is another in each row that a masking tool left; the address is the server's."""
    one, other = (
        read_protocol_log([log_of(*session_rows(SENT, local=f"192.0.2.10:{port}"))], HOSTS) for port in (1, 2)
    )
    assert members_of(one) == members_of(other)


def test_without_a_connection_the_connector_tells_sessions_apart():
    """A Send log has no local address before the connection stands."""
    text = "*,,Failed to connect. Winsock error code: 10061"
    rows = [session_rows([text, "-,,Local"], local="", connector=name) for name in ("Outbound", "Internal")]
    one, other = (read_protocol_log([log_of(*some)], HOSTS) for some in rows)
    assert len(members_of(one) | members_of(other)) == 2


def test_members_are_bounded(monkeypatch):
    """Past the bound sessions are counted as they come, and the members that are there stay."""
    monkeypatch.setattr(tally, "MAX_MEMBERS", 3)
    rows = interleaved([(SENT, 1, number) for number in range(5)])
    document = read_protocol_log([log_of(*rows)], HOSTS)
    assert [one.count for one in document.observations] == [5]
    assert len(members_of(document)) == 3


def test_a_file_that_grew_adds_only_what_is_new():
    """Read again when it has more rows, a log has the members of before and those of the sessions since."""
    rows = interleaved([(SENT, 1, 0), (SENT, 2, 30), (HEALTHY, 3, 60)])
    before = read_protocol_log([log_of(*rows[: len(rows) // 2])], HOSTS)
    after = read_protocol_log([log_of(*rows)], HOSTS)
    assert members_of(before) < members_of(after)
    assert len(members_of(after)) == 2


@pytest.mark.parametrize("spelling", ["#Log-type", "#Log-Type", "#LOG-TYPE"])
def test_the_headers_case_does_not_matter(spelling):
    """The documentation spells it otherwise than the files."""
    lines = [spelling + line.removeprefix("#Log-type") if "Log-type" in line else line for line in header("receive")]
    steps = [*RECEIVED, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", *FAILED]
    log = "\r\n".join([*lines, *received_rows(steps, local=":", remote="198.51.100.20:1")]).encode()
    assert [one.source for one in read_protocol_log([log], HOSTS).observations] == ["receive-log"]


def test_a_second_connection_under_one_id_is_another_session():
    """A service that was started again may give an id twice: the first session is judged as it stands."""
    rows = [*session_rows(SENT[:-1]), *session_rows(HEALTHY, at=90)]
    document = read_protocol_log([log_of(*rows)], HOSTS)
    assert [one.action for one in document.observations] == ["failed", "relayed"]


def test_hundreds_of_sessions_at_once_are_kept_apart():
    """Three hundred sessions whose rows alternate give three hundred outcomes."""
    kinds = (SENT, HEALTHY, DROPPED)
    document = read_protocol_log([log_of(*interleaved([(kinds[n % 3], n % 3, n % 4) for n in range(300)]))], HOSTS)
    counts = {(one.action, one.tls.phase): one.count for one in document.observations}
    assert counts == {("failed", "handshake"): 100, ("relayed", None): 100, ("failed", "envelope"): 100}
