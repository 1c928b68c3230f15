"""The logs of a folder: which are read as one, where a session belongs, and what an earlier run counted."""

import gzip
import io
import os
import zipfile

import pytest

from tests.decode.protocol_log.conftest import log_of, session_rows
from tests.intake.conftest import (
    CLEAR,
    HEALTHY,
    SENT,
    divided,
    items_in,
    members_of,
    put,
    received,
    rows_of_many,
    sessions_of,
)
from triage.collect.limits import Limits
from triage.intake import Work
from triage.intake.logs import BACK, group_of

STREAMED = Limits(log_bytes=1000, message_bytes=1000)
HALVES = (session_rows(SENT)[:7], session_rows(SENT)[7:])


@pytest.mark.parametrize("limits", [Limits(), STREAMED], ids=["held", "in pieces"])
def test_a_session_that_goes_on_belongs_to_the_file_in_which_it_ends(tmp_path, read_all, limits):
    """The logs of a folder are one: each session appears in exactly one document."""
    put(tmp_path, [(f"SEND20261018{9 + n:02}-1.LOG", log_of(*rows)) for n, rows in enumerate(HALVES)])

    assert sessions_of(read_all(tmp_path, limits=limits)) == [[], [("failed", 1)]]


def test_a_session_may_go_on_in_three_files(tmp_path, read_all):
    """The one in the middle has neither its first nor its last row."""
    rows = session_rows(HEALTHY)
    put(tmp_path, [(f"{n}.log", log_of(*rows[n * 8 : n * 8 + 8])) for n in range(3)])

    assert sessions_of(read_all(tmp_path)) == [[], [], [("relayed", 1)]]


def test_the_tenth_file_of_an_hour_comes_after_the_ninth(tmp_path, read_all):
    """Exchange counts the files of an hour without zeros before the number."""
    put(tmp_path, [("SEND2026101809-9.LOG", log_of(*HALVES[0])), ("SEND2026101809-10.LOG", log_of(*HALVES[1]))])

    read = read_all(tmp_path)

    assert [reading.source.path.rpartition("-")[2] for reading in read] == ["9.LOG", "10.LOG"]
    assert sessions_of(read) == [[], [("failed", 1)]]


def test_what_is_open_at_the_end_belongs_to_the_last_file(tmp_path, read_all):
    """It is judged as it stands."""
    put(
        tmp_path, [("1.log", log_of(*session_rows(SENT)[:-1])), ("2.log", log_of(*session_rows(HEALTHY, key="08D9AA")))]
    )

    assert sessions_of(read_all(tmp_path)) == [[], [("failed", 1), ("relayed", 1)]]


@pytest.mark.parametrize(
    ("first", "second"),
    [("a/1.log", "b/2.log"), ("a.zip!1.log", "b.zip!2.log"), ("a.zip!x/1.log", "a.zip!y/2.log")],
)
def test_logs_of_different_folders_have_nothing_in_common(tmp_path, read_all, first, second):
    """Another folder is another server, or another of its services."""
    place: dict[str, io.BytesIO] = {}
    for path, rows in zip((first, second), HALVES, strict=True):
        archive, mark, member = path.partition("!")
        if not mark:
            put(tmp_path, [(path, log_of(*rows))])
            continue
        file = place.setdefault(archive, io.BytesIO())
        with zipfile.ZipFile(file, "a") as packed:
            packed.writestr(member, log_of(*rows))
    put(tmp_path, [(name, file.getvalue()) for name, file in place.items()])

    read = read_all(tmp_path)

    assert [reading.suppressed for reading in read] == [{"unfinished": 1}, {}]
    assert sessions_of(read) == [[], [("failed", 1)]]


def test_send_and_receive_logs_in_one_folder_may_repeat_ids(tmp_path, read_all):
    """A session of the one never goes on in the other."""
    rows = received()
    put(
        tmp_path,
        [
            ("RECV1.log", log_of(*rows[:4], side="receive")),
            ("RECV2.log", log_of(*rows[4:], side="receive")),
            ("SEND1.log", log_of(*HALVES[0])),
            ("SEND2.log", log_of(*HALVES[1])),
        ],
    )

    read = read_all(tmp_path)

    assert [[one.observation.source for one in reading.findings] for reading in read] == [
        [],
        ["receive-log"],
        [],
        ["send-log"],
    ]


def test_a_file_without_header_goes_on_where_the_one_before_it_ended(tmp_path, read_all):
    """`split` cuts a log into files of which only the first has the header."""
    put(tmp_path, [("x00", log_of(*HALVES[0])), ("x01", "\r\n".join(HALVES[1]).encode())])

    assert sessions_of(read_all(tmp_path)) == [[], [("failed", 1)]]


def test_logs_in_an_archive_are_read_in_their_own_order(tmp_path, read_all):
    """Programs that pack a folder list its files in any order; what is no log keeps its place."""
    with zipfile.ZipFile(tmp_path / "logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("SmtpSend/SEND2026101809-10.LOG", log_of(*HALVES[1]))
        archive.writestr("SmtpSend/note.txt", b"Hello")
        archive.writestr("SmtpSend/SEND2026101809-9.LOG", log_of(*HALVES[0]))

    read = read_all(tmp_path)

    names = [reading.source.path.rpartition("/")[2] for reading in read]
    assert names == ["SEND2026101809-9.LOG", "note.txt", "SEND2026101809-10.LOG"]


def test_packed_logs_go_on_in_each_other(tmp_path, read_all):
    """A folder in which old logs were packed one by one is still a folder of logs."""
    put(tmp_path, [("1.log.gz", gzip.compress(log_of(*HALVES[0]))), ("2.log", log_of(*HALVES[1]))])

    assert sessions_of(read_all(tmp_path)) == [[], [("failed", 1)]]


def test_clear_text_in_the_next_file_follows_a_failed_handshake(tmp_path, read_all):
    """What makes it a fallback may stand at the end of the file before."""
    put(tmp_path, [("1.log", log_of(*session_rows(SENT))), ("2.log", log_of(*session_rows(CLEAR, key="08D9", at=9)))])

    assert read_all(tmp_path)[1].findings[0].observation.impact == "sent-unencrypted"


@pytest.mark.parametrize("counted", [1, 2, 3])
def test_a_new_file_finds_the_sessions_that_began_in_counted_ones(tmp_path, read_all, counted):
    """Tomorrow's file, or one that a killed run did not reach, joins what it completes."""
    rows = session_rows(HEALTHY)
    logs = [log_of(*rows[n * 6 : n * 6 + 6]) for n in range(3)] + [log_of(*rows[18:])]
    items = items_in(put(tmp_path, [(f"{n}.log", log) for n, log in enumerate(logs)]))
    at_one_go = read_all(items)
    works = [Work(item, at_one_go[n] if n < counted else None) for n, item in enumerate(items)]

    read = read_all(works)

    assert BACK >= 3
    assert read == at_one_go
    assert (sessions_of(read)[3], read[3].findings[0].observation.time) == ([("relayed", 1)], "2026-10-18T09:14:00Z")


def test_a_counted_file_that_is_gone_is_no_harm(tmp_path, read_all):
    """What goes on is judged by what is there."""
    put(tmp_path, [(f"{n}.log", log_of(*rows)) for n, rows in enumerate(HALVES)])
    first, second = items_in(tmp_path, STREAMED)
    known = read_all([first])[0]
    (tmp_path / "0.log").unlink()

    assert sessions_of(read_all([Work(first, known), Work(second)]))[1] == [("failed", 1)]


def test_a_file_before_counted_ones_is_judged_by_itself(tmp_path, read_all):
    """Nothing of it is added to what an earlier run has stored."""
    items = items_in(put(tmp_path, [(f"{n}.log", log_of(*rows)) for n, rows in enumerate(HALVES)]))
    stored = read_all(items[1:])[0]

    read = read_all([Work(items[0]), Work(items[1], stored)])

    assert (read[0].suppressed, read[1]) == ({"unfinished": 1}, stored)


def test_a_log_that_grew_adds_its_new_sessions_alone(tmp_path, read_all):
    """Members are of sessions, not of files: those of before are found again."""
    rows = rows_of_many(12)
    path = tmp_path / "SEND20261018-1.LOG"
    path.write_bytes(log_of(*rows[:100])[:-30])
    before = read_all(tmp_path)
    with path.open("ab") as file:
        file.write(log_of(*rows)[file.tell() :])
    after = read_all(tmp_path)

    assert members_of(before) < members_of(after)
    # Of twelve sessions four fail, and each of the four in clear text follows a failure with its own peer, or does not.
    failed = [one for one in after[0].findings if one.observation.action == "failed"]
    assert sum(one.observation.count for one in failed) == 4


def test_a_large_log_that_grows_is_read_as_far_as_it_was_at_first(tmp_path, read_all):
    """Its digest and what it says are of the same bytes."""
    path = tmp_path / "a.log"
    path.write_bytes(log_of(*session_rows(SENT)))
    [item] = items_in(tmp_path, STREAMED)
    with path.open("ab") as file:
        file.write("\r\n".join(session_rows(SENT, key="08D9AA", at=60)).encode())

    assert item.large is not None
    assert b"".join(item.chunks()) == log_of(*session_rows(SENT))
    assert sessions_of(read_all([item])) == [[("failed", 1)]]


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(log_of()),
        lambda path: path.unlink(),
        lambda path: os.replace(path.with_name("other"), path),
    ],
    ids=["cut", "removed", "replaced"],
)
def test_a_large_log_that_changed_meanwhile_is_told(tmp_path, read_all, change):
    """What is read would not be what the digest stands for."""
    path = tmp_path / "a.log"
    path.write_bytes(log_of(*session_rows(SENT)))
    [item] = items_in(path, STREAMED)
    (tmp_path / "other").write_bytes(log_of(*session_rows(HEALTHY), *session_rows(SENT)))
    change(path)

    [reading] = read_all([item])

    assert reading.kind == "unreadable"
    assert "changed while it was read" in (reading.error or "")


def test_a_log_on_which_this_program_fails_does_not_stop_the_next(tmp_path, read_all, monkeypatch):
    """It becomes a visible record, and the one after it is read by itself."""
    put(tmp_path, [("1.log", log_of(*session_rows(SENT))), ("2.log", log_of(*session_rows(SENT)))])
    monkeypatch.setattr("triage.intake.logs.reading_of", _Failing(1))

    first, second = read_all(tmp_path)

    assert "ZeroDivisionError" in (first.error or "")
    assert sessions_of([second]) == [[("failed", 1)]]


class _Failing:
    """What makes a reading, but fails the first few times."""

    def __init__(self, times: int) -> None:
        self._left = times

    def __call__(self, *given):
        from triage.intake.one import reading_of

        self._left -= 1
        if self._left >= 0:
            raise ZeroDivisionError
        return reading_of(*given)


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("logs/a.log", "logs/"),
        ("a.log", ""),
        ("x.zip!a.log", "x.zip!"),
        ("x.zip!s\\a.log", "x.zip!s\\"),
        ("C:\\l\\a.log", "C:\\l\\"),
    ],
)
def test_the_folder_of_a_log_is_what_stands_before_its_name(tmp_path, path, folder):
    """In a file system, an archive, and as Windows writes them."""
    (tmp_path / "a.log").write_bytes(log_of(*session_rows(SENT)))
    [item] = items_in(tmp_path)
    moved = type(item)(type(item.place)(path), item.content, item.sha256)

    group = group_of(moved)

    assert group is not None
    assert (group.folder, group.side) == (folder, "send")


def test_progress_rises_within_a_large_log(tmp_path, read_all):
    """A gigabyte takes a while: how far it came is told in between, and ends at its size."""
    log = divided(rows_of_many(1500), 1)[0]
    path = put(tmp_path, [("0.eml", b"Subject: a\n\n"), ("1.log", log)])
    told: list[int] = []

    read_all(path, limits=STREAMED, moved=told.append)

    assert len(told) >= 2
    assert told == sorted(told)
    assert (told[0] > 12, told[-1]) == (True, 12 + len(log))
