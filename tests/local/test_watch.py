"""A watched folder: complete files only, each once, whatever happens in between."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from triage.group import SqliteDocuments, uncounted
from triage.local.watch import Watch
from triage.pipeline import Parts
from triage.settings import Settings
from triage.wiring import parts_of

NOW = "2026-10-20T10:00:00Z"
ROW = "{time},Outbound,08D92C6B00000001,{at},192.0.2.10:1025,198.51.100.20:25,{event}\r\n"


class Time:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an empty folder."""
    made = tmp_path / "inbox"
    made.mkdir()
    return made


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[SqliteDocuments]:
    """Give an empty store."""
    with SqliteDocuments(tmp_path / "store.sqlite") as opened:
        yield opened


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Give rules and texts as they are shipped."""
    return parts_of(Settings())


@pytest.fixture
def clock() -> Time:
    """Give a clock."""
    return Time()


@pytest.fixture
def watch(folder: Path, documents: SqliteDocuments, clock: Time) -> Watch:
    """Give a watch for which a file is complete after two seconds of rest."""
    return Watch(folder, documents, 2, clock)


@pytest.fixture
def settled(watch: Watch, clock: Time, folder: Path) -> Callable[[], list[str]]:
    """Give a function that looks, waits three seconds, and gives the names of what is ready then."""

    def look() -> list[str]:
        list(watch.ready())
        clock.now += 3
        return [os.path.relpath(path, folder) for path in watch.ready()]

    return look


@pytest.fixture
def take(watch: Watch, folder: Path, parts: Parts) -> Callable[[str], int]:
    """Give a function that takes a file of the folder and gives how many readings it made."""
    return lambda name: len(list(watch.take(str(folder / name), parts, NOW, lambda: False)))


def log_rows(written: datetime, sessions: int = 1) -> bytes:
    """Give a Send log whose last row was written then."""
    head = "#Software: Microsoft Exchange Server\r\n#Log-type: SMTP Send Protocol Log\r\n"
    events = ("+,,", ">,EHLO hq-ex10a.contoso.example,", "-,,Remote")
    rows = [
        ROW.format(time=f"{written:%Y-%m-%dT%H:%M:%S}.{at:03}Z", at=at, event=event).replace("0001,", f"{number:04},")
        for number in range(sessions)
        for at, event in enumerate(events)
    ]
    return (head + "".join(rows)).encode()


def test_file_is_ready_once_it_rests(watch: Watch, folder: Path, clock: Time) -> None:
    """A file that is still being written is left until its size and time have not changed for the set time."""
    (folder / "a.eml").write_bytes(b"From: x\n")
    assert list(watch.ready()) == []
    clock.now = 1.5
    with (folder / "a.eml").open("ab") as file:
        file.write(b"Subject: y\n\n")
    assert list(watch.ready()) == []
    clock.now = 3
    assert list(watch.ready()) == []  # at rest for one and a half seconds
    clock.now = 3.6
    assert list(watch.ready()) == [str(folder / "a.eml")]


def test_file_is_taken_once_and_stays(
    settled: Callable[[], list[str]], take: Callable[[str], int], folder: Path, ndr: Any
) -> None:
    """What was read is neither moved nor read again."""
    (folder / "sub").mkdir()
    (folder / "sub" / "a.eml").write_bytes(bytes(ndr()))
    assert settled() == ["sub/a.eml"]
    assert take("sub/a.eml") == 1
    assert settled() == []
    assert (folder / "sub" / "a.eml").read_bytes() == bytes(ndr())


def test_restart_remembers_what_was_taken(
    settled: Callable[[], list[str]],
    take: Callable[[str], int],
    folder: Path,
    documents: SqliteDocuments,
    clock: Time,
    ndr: Any,
) -> None:
    """A new process reads only what the one before it did not."""
    (folder / "a.eml").write_bytes(bytes(ndr()))
    settled()
    take("a.eml")
    (folder / "b.eml").write_bytes(bytes(ndr(message_id="b@contoso.example")))
    second = Watch(folder, documents, 2, clock)
    list(second.ready())
    clock.now += 3
    assert list(second.ready()) == [str(folder / "b.eml")]


def test_mailbox_that_grew_is_read_again_and_counts_what_is_new(
    settled: Callable[[], list[str]], take: Callable[[str], int], folder: Path, documents: SqliteDocuments, ndr: Any
) -> None:
    """A mail program adds to its mbox: the messages that were there give no second reading."""
    line = b"From MAILER-DAEMON Sun Oct 18 09:14:00 2026\n"
    (folder / "box").write_bytes(line + bytes(ndr()) + b"\n")
    settled()
    take("box")
    with (folder / "box").open("ab") as file:
        file.write(line + bytes(ndr(message_id="b@contoso.example")) + b"\n")
    assert settled() == ["box"]
    assert take("box") == 2
    assert len(list(uncounted(documents))) == 2


def test_closed_log_is_ready_at_once(settled: Callable[[], list[str]], folder: Path) -> None:
    """A log whose last row is hours old is not being written."""
    (folder / "SEND.LOG").write_bytes(log_rows(datetime.now(UTC) - timedelta(hours=2)))
    assert settled() == ["SEND.LOG"]


def test_log_that_may_still_be_written_is_left(settled: Callable[[], list[str]], folder: Path) -> None:
    """A log with a row of the last hour is left, since what Exchange adds could not be counted, and that is said."""
    (folder / "SEND.LOG").write_bytes(log_rows(datetime.now(UTC) - timedelta(minutes=5)))
    with structlog.testing.capture_logs() as said:
        assert settled() == []
        assert settled() == []
    assert [(one["event"], "an hour after" in one["why"]) for one in said] == [("file_left", True)]


def test_log_that_grew_after_it_was_read_is_not_counted_twice(
    settled: Callable[[], list[str]], take: Callable[[str], int], folder: Path, documents: SqliteDocuments
) -> None:
    """A log is counted as a whole, so one that grew is left as it was read, and that is said."""
    old = datetime.now(UTC) - timedelta(hours=9)
    (folder / "SEND.LOG").write_bytes(log_rows(old))
    settled()
    assert take("SEND.LOG") == 1
    (folder / "SEND.LOG").write_bytes(log_rows(old, sessions=2))
    with structlog.testing.capture_logs() as said:
        assert settled() == []
    assert "has grown" in said[0]["why"]
    assert len(list(uncounted(documents))) == 1


def test_log_with_impossible_times_is_read(settled: Callable[[], list[str]], folder: Path) -> None:
    """Digits that are no time cannot be a log that Exchange writes now."""
    text = log_rows(datetime(2026, 10, 18, tzinfo=UTC)).replace(b"2026-10-18", b"2026-99-99")
    (folder / "SEND.LOG").write_bytes(text)
    assert settled() == ["SEND.LOG"]


def test_hidden_and_vanished_files_are_passed_over(
    settled: Callable[[], list[str]], watch: Watch, folder: Path, parts: Parts
) -> None:
    """Half-copied files under hidden names are not read; one that vanishes before its turn is no error."""
    (folder / ".a.eml.part").write_bytes(b"From: x\n\n")
    assert settled() == []
    assert list(watch.take(str(folder / "gone.eml"), parts, NOW, lambda: False)) == []


def test_file_is_left_in_part_when_told_to_stop(
    settled: Callable[[], list[str]], watch: Watch, folder: Path, parts: Parts, documents: SqliteDocuments, ndr: Any
) -> None:
    """Stopped within a large mailbox, what was read is kept, and the next start reads the rest."""
    line = b"From MAILER-DAEMON Sun Oct 18 09:14:00 2026\n"
    reports = [bytes(ndr(message_id=f"m{number}@contoso.example")) for number in range(60)]
    (folder / "box").write_bytes(b"".join(line + one + b"\n" for one in reports))
    settled()
    assert len(list(watch.take(str(folder / "box"), parts, NOW, lambda: True))) == 50
    assert settled() == ["box"]
    list(watch.take(str(folder / "box"), parts, NOW, lambda: False))
    assert len(list(uncounted(documents))) == 60
    assert settled() == []
