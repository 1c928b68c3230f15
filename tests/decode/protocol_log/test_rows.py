"""Rows and files: code pages, quotes, cut rows, interleaved sessions, sessions that span files, hours."""

import codecs

import pytest

from tests.decode.protocol_log.conftest import FIELDS, header, in_turn, log_of, received_rows, session_rows, succeeded
from tests.decode.protocol_log.test_outcomes import CONNECTED, GOODBYE, HANDED, OFFERED, RECEIVED, STARTTLS
from triage.decode.protocol_log import read_protocol_log
from triage.hosts import Hosts

FAILED = ("*,,TLS negotiation failed with error SocketError", "-,,Remote")
SENT = [*CONNECTED, *OFFERED, *STARTTLS, *FAILED]
HEALTHY = [*CONNECTED, *OFFERED, *STARTTLS, succeeded(), *HANDED, *GOODBYE]


@pytest.mark.parametrize(
    "encoded",
    [
        lambda log: codecs.BOM_UTF8 + log,
        lambda log: codecs.BOM_UTF16_LE + log.decode().encode("utf-16-le"),
        lambda log: codecs.BOM_UTF16_BE + log.decode().encode("utf-16-be"),
        lambda log: log.decode().encode("utf-16-le"),
        lambda log: log.replace(b"\r\n", b"\n"),
        lambda log: log.rstrip(b"\r\n"),
    ],
    ids=["utf-8 mark", "utf-16-le", "utf-16-be", "utf-16 without mark", "unix line ends", "no last line end"],
)
def test_the_encoding_changes_nothing(encoded):
    """A log that went through Notepad or PowerShell says the same."""
    log = log_of(*session_rows(SENT, connector="Ausgehend über Office 365"))
    assert read_protocol_log([encoded(log)], Hosts()) == read_protocol_log([log], Hosts())
    assert len(read_protocol_log([encoded(log)], Hosts()).observations) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "gb18030", "shift-jis"])
def test_a_connector_in_an_odd_code_page_loses_nothing_else(encoding):
    """Only the connector's name is not ASCII; it tells connectors apart and is not shown."""
    log = "\r\n".join([*header("send"), *session_rows(SENT, connector="КОННЕКТОР")]).encode(encoding)
    [seen] = read_protocol_log([log], Hosts()).observations
    assert (seen.tls.error, seen.receiving_ip) == ("SocketError", "198.51.100.20")


@pytest.mark.parametrize("connector", ['"Outbound, to the cloud"', '"Say ""cloud"""', "A name with spaces"])
def test_a_quoted_connector_is_one_field(read, connector):
    """A comma or a quote in a name puts quotes around the field."""
    document = read(*session_rows(SENT, connector=connector), *session_rows(HEALTHY, key="08D9", connector=connector))
    assert [one.action for one in document.observations] == ["failed", "relayed"]
    assert document.suppressed == {}


def test_connectors_are_told_apart(read):
    """Two connectors to one peer may be set differently, TLS above all."""
    document = read(*session_rows(SENT), *session_rows(SENT, key="08D9", connector="Other"))
    assert [one.count for one in document.observations] == [1, 1]


def test_a_quoted_reply_is_read_without_its_quotes(read):
    """A reply that holds a comma is quoted, and a quote within is doubled."""
    refusal = '<,"550 5.7.1 Not now, ""friend""",'
    [seen] = read(
        *session_rows([*CONNECTED, *OFFERED, ">,MAIL FROM:<a@contoso.example>,", refusal, *GOODBYE])
    ).observations
    assert seen.diagnostic == '550 5.7.1 Not now, "friend"'


def test_interleaved_sessions_are_put_together(read):
    """Rows of sessions at the same time alternate in a log."""
    one = session_rows(SENT)
    other = session_rows(HEALTHY, key="08D92C6B00000002", remote="203.0.113.9:25", at=0.05)
    together = read(*[row for pair in zip(one, other, strict=False) for row in pair], *other[len(one) :])
    assert together.observations == read(*one, *other).observations
    assert {seen.action for seen in together.observations} == {"failed", "relayed"}


@pytest.mark.parametrize("at", range(1, len(SENT)))
def test_a_session_may_span_two_files(at):
    """Exchange begins a new file each hour, in the middle of sessions."""
    rows = session_rows(SENT)
    first, second = in_turn(log_of(*rows[:at]), log_of(*rows[at:]))
    assert (first.observations, first.suppressed) == ((), {})
    assert second == read_protocol_log([log_of(*rows)], Hosts())


def test_a_send_and_a_receive_log_may_repeat_a_session_id():
    """Ids are unique in one log only."""
    sending, receiving = session_rows(SENT), received_rows([*RECEIVED, "<,STARTTLS,", ">,220 2.0.0 ready,", *FAILED])
    halves = [log_of(*sending[:5]), log_of(*receiving[:5], side="receive")]
    halves += [log_of(*sending[5:]), log_of(*receiving[5:], side="receive")]
    *begun, third, fourth = in_turn(*halves)
    assert [one.observations for one in begun] == [(), ()]
    assert [one.source for one in (*third.observations, *fourth.observations)] == ["send-log", "receive-log"]


@pytest.mark.parametrize("cut", [3, 20, 60, 90, 110])
def test_a_cut_first_row_costs_that_row_only(cut):
    """A log is cut wherever its beginning was thrown away."""
    rows = session_rows(HEALTHY, key="08D9FF"), session_rows(SENT, at=60)
    log = "\r\n".join([rows[0][-1][cut:], *rows[1]]).encode()
    assert [one.tls.error for one in read_protocol_log([log], Hosts()).observations] == ["SocketError"]


@pytest.mark.parametrize("cut", range(1, 80, 7))
def test_a_cut_last_row_costs_that_row_only(cut):
    """A log that still grows is read up to where it ends."""
    log = log_of(*session_rows(SENT), *session_rows(["+,,"], key="08D9AA", at=60)).rstrip()
    document = read_protocol_log([log[:-cut]], Hosts())
    assert [one.tls.error for one in document.observations] == ["SocketError"]


def test_a_session_whose_start_is_missing_is_judged_by_what_is_there(read):
    """A handshake that fails is one, wherever the log begins; a disconnect alone says nothing."""
    assert [one.tls.error for one in read(*session_rows(SENT)[9:]).observations] == ["SocketError"]
    assert read(*session_rows(SENT)[-1:]).suppressed == {"unfinished": 1}


def test_each_hour_is_counted_by_itself(read):
    """One observation for each hour: a fault that ended shows as one."""
    rows = [row for number in range(6) for row in session_rows(SENT, key=f"08D9{number}", at=number * 1200)]
    document = read(*rows)
    assert [(one.time, one.count) for one in document.observations] == [
        ("2026-10-18T09:14:00Z", 3),
        ("2026-10-18T10:14:00Z", 3),
    ]


def test_up_to_three_sessions_are_named(read):
    """Enough to find the rows again."""
    rows = [row for number in range(5) for row in session_rows(SENT, key=f"08D9{number}", at=number)]
    [seen] = read(*rows).observations
    assert (seen.count, seen.sessions) == (5, ("08D90", "08D91", "08D92"))


def test_a_row_that_is_none_is_counted():
    """What is no row is not passed over in silence."""
    document = read_protocol_log([log_of("no row", *session_rows(SENT), "1,2,3", "")], Hosts())
    assert document.suppressed == {"unreadable-row": 2}


def test_a_time_that_is_none_stays_unknown(read):
    """Nothing is invented for it."""
    [seen] = read(*[row.replace("2026-10-18T", "yesterday ") for row in session_rows(SENT)]).observations
    assert (seen.time, seen.tls.error) == (None, "SocketError")


def test_the_fields_line_is_no_row():
    """It has as many commas as a row."""
    document = read_protocol_log([f"#Fields: {FIELDS}\r\n{FIELDS}\r\n".encode()], Hosts())
    assert (document.kind, document.observations, document.suppressed) == ("protocol-log", (), {"unreadable-row": 1})


@pytest.mark.parametrize(
    ("starts", "time", "until"),
    [
        ([0], "2026-10-18T09:14:00Z", None),
        ([0, 90], "2026-10-18T09:14:00Z", "2026-10-18T09:15:30Z"),
        ([90, 600, 0], "2026-10-18T09:14:00Z", "2026-10-18T09:24:00Z"),
    ],
    ids=["one", "two", "in another order"],
)
def test_the_first_and_the_last_session_are_dated(read, starts, time, until):
    """`until` is the last of several; one alone has its `time`."""
    rows = [row for number, at in enumerate(starts) for row in session_rows(SENT, key=f"08D9{number}", at=at)]
    [seen] = read(*rows).observations
    assert (seen.time, seen.until, seen.count) == (time, until, len(starts))


def test_chunks_without_line_ends_are_one_row():
    """A piece of a row may be all that a chunk has."""
    log = log_of(*session_rows(SENT))
    assert read_protocol_log([log[at : at + 1] for at in range(len(log))], Hosts()) == read_protocol_log([log], Hosts())


@pytest.mark.parametrize(
    "connector", ['"Отправка, в облако"', "Соединитель", "组织内 SMTP 发送连接器", "Ausgehend über"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "cp1252", "gbk", "utf-16-le", "utf-16-be"])
def test_connectors_in_any_code_page_tell_their_sessions_apart(connector, encoding):
    """Whatever the name looks like then, its sessions are put together and kept from those of another connector."""
    rows = sorted([*session_rows(SENT, connector=connector), *session_rows(HEALTHY, key="08D9AA", connector="Other")])
    log = "\r\n".join([*header("send"), *rows]).encode(encoding, "replace")
    document = read_protocol_log([log], Hosts())
    assert [(one.action, one.count) for one in document.observations] == [("failed", 1), ("relayed", 1)]
    assert document.suppressed == {}
