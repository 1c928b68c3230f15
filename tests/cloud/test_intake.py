"""Reading one input in steps: whole, in ranges, interrupted anywhere, replayed; the counts stay exact."""

import gzip
import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from triage.cloud.intake import PROGRESS, Bounds, Intake, take_in_blob
from triage.collect.item import document
from triage.decode.protocol_log import read_protocol_log
from triage.errors import Transient
from triage.group import SqliteDocuments, commit, incidents, uncounted
from triage.group.readings import READINGS
from triage.hosts import Hosts
from triage.model import Diagnosis, Document, Place, Surroundings, Tallied
from triage.pipeline import Parts, read

NOW = "2026-10-18T09:14:00Z"
KIB = 2**10


class HeldLog:
    """A log's reader whose state is its bytes: simple enough to be right."""

    def __init__(self, hosts: Hosts, state: bytes | None = None) -> None:
        self.hosts, self.held = hosts, state or b""

    def take(self, chunk: bytes) -> None:
        """Hold the next bytes."""
        self.held += chunk

    def state(self) -> bytes:
        """Give what is held."""
        return self.held

    def end(self, *, last: bool = False) -> Document:
        """Read what is held."""
        assert last
        return read_protocol_log([self.held], self.hosts)


class BrokenLog(HeldLog):
    """A reader with a fault."""

    def take(self, chunk: bytes) -> None:  # noqa: ARG002
        """Fail."""
        raise ZeroDivisionError


class Clock:
    """A clock that goes on by a second with each look."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        """Give the time."""
        self.time += 1
        return self.time


Take = Callable[..., bool]


@pytest.fixture
def take(documents: SqliteDocuments, parts: Parts) -> Take:
    """Give a function that takes in a blob under bounds of the test's own."""

    def taken(blob: Any, begin_log: Any = HeldLog, **bounds: Any) -> bool:
        given = Bounds(**{"seconds": 1e9, "checkpoint_seconds": 1e9, **bounds})
        return take_in_blob(
            blob,
            Intake(documents=documents, parts=parts, begin_log=begin_log, now=lambda: NOW, bounds=given, clock=Clock()),
        )

    return taken


def surest(tallies: Sequence[Tallied], _: Surroundings | None = None) -> Diagnosis:
    """Give some diagnosis: what is counted is asked here, not what is concluded."""
    return next((one.diagnosis for one in tallies if one.diagnosis is not None), Diagnosis())


def returned(documents: SqliteDocuments) -> int:
    """Count what waits, then give how many messages were returned in all."""
    commit(documents, list(uncounted(documents)), surest, Hosts(), NOW)
    return sum(one.counts.returned for one in incidents(documents))


def kinds(documents: SqliteDocuments) -> list[str]:
    """Give the kinds of what waits to be counted, in order."""
    return sorted(one.kind for one in uncounted(documents))


def progress(documents: SqliteDocuments) -> int:
    """Give how many notes of unfinished inputs there are."""
    return len(list(documents.list(PROGRESS)))


@pytest.fixture
def reports(ndr: Callable[..., Any]) -> Callable[[int], list[bytes]]:
    """Give a function that makes so many reports, each on another message."""
    return lambda count: [
        bytes(ndr(recipient=f"user{number}@fabrikam.example", message_id=f"m{number}@contoso.example"))
        for number in range(count)
    ]


def mbox_of(messages: list[bytes]) -> bytes:
    """Give an mbox of these messages."""
    line = b"From MAILER-DAEMON Sun Oct 18 09:14:00 2026\n"
    return b"".join(line + one.replace(b"\r\n", b"\n") + b"\n" for one in messages)


def zip_of(messages: list[bytes]) -> bytes:
    """Give a .zip of these messages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, one in enumerate(messages):
            archive.writestr(f"{number}.eml", one)
    return file.getvalue()


def log_of(sessions: int) -> bytes:
    """Give a Send log of so many sessions with Exchange Online that end without a word after STARTTLS."""
    lines = [
        "#Software: Microsoft Exchange Server",
        "#Version: 14.0.0.0",
        "#Log-type: SMTP Send Protocol Log",
        "#Date: 2026-10-18T09:14:09.000Z",
        "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context",
    ]
    for number in range(sessions):
        rows = ["+,,", "<,220 AM6EUR05FT033.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready,",
                ">,EHLO hq-ex10a.contoso.example,", "<,250-STARTTLS,", "<,250 SIZE 157286400,", ">,STARTTLS,",
                "<,220 2.0.0 SMTP server ready,", "*,,TLS negotiation failed with error SocketError", "-,,Remote"]  # fmt: skip
        for at, row in enumerate(rows):
            lines.append(
                f"2026-10-18T09:{number % 60:02}:00.{at:03}Z,Outbound,08D92C6B{number:08X},{at},"
                f"192.0.2.10:{1025 + number},198.51.100.20:25,{row}"
            )
    return ("\r\n".join(lines) + "\r\n").encode()


@pytest.mark.parametrize("pack", [mbox_of, zip_of, lambda messages: gzip.compress(mbox_of(messages))])
@pytest.mark.parametrize("whole_bytes", [1, 10**9], ids=["in ranges", "whole"])
def test_container_gives_all_its_documents(
    pack: Callable[[list[bytes]], bytes],
    whole_bytes: int,
    take: Take,
    blob: Any,
    reports: Callable[[int], list[bytes]],
    documents: SqliteDocuments,
) -> None:
    """An mbox, a .zip and a .gz are read the same whether they are fetched at once or in ranges."""
    assert take(blob(pack(reports(7))), whole_bytes=whole_bytes)
    assert returned(documents) == 7
    assert progress(documents) == 0


def test_container_is_left_when_time_is_up_and_gone_on_with(
    take: Take, blob: Any, reports: Callable[[int], list[bytes]], documents: SqliteDocuments
) -> None:
    """Each call keeps some of a large mailbox and the last one ends it: no message is lost or read twice."""
    mailbox = blob(mbox_of(reports(130)))
    calls = 0
    while not take(mailbox, seconds=1):
        calls += 1
        assert progress(documents) == 1
        assert calls < 10
    assert calls == 3  # after 50, 100 and 130; the fourth finds that nothing is left
    assert returned(documents) == 130
    assert progress(documents) == 0


def test_event_that_comes_again_changes_nothing(
    take: Take, blob: Any, reports: Callable[[int], list[bytes]], documents: SqliteDocuments
) -> None:
    """The same input read twice, before and after it was counted, is counted once."""
    mailbox = blob(mbox_of(reports(3)))
    take(mailbox)
    take(mailbox)
    assert returned(documents) == 3
    take(mailbox)
    assert returned(documents) == 3


@pytest.mark.parametrize("at", range(0, 60 * KIB, 10 * KIB))
def test_store_that_fails_while_a_container_is_read_loses_nothing(
    at: int, take: Take, blob: Any, reports: Callable[[int], list[bytes]], documents: SqliteDocuments, monkeypatch: Any
) -> None:
    """Wherever the reading breaks off, the next try gives exactly the messages that there are."""
    monkeypatch.setattr("triage.cloud.intake.RANGE", 4 * KIB)
    mailbox = blob(mbox_of(reports(30)))
    mailbox.fails_at = at
    with pytest.raises(Transient):
        take(mailbox, whole_bytes=1, checkpoint_seconds=0)
    mailbox.fails_at = None
    assert take(mailbox, whole_bytes=1)
    assert returned(documents) == 30


def test_log_in_ranges_says_what_it_says_whole(
    take: Take, blob: Any, documents: SqliteDocuments, parts: Parts, monkeypatch: Any
) -> None:
    """A log read in ranges gives the reading, digest and all, that it gives as one document."""
    monkeypatch.setattr("triage.cloud.intake.RANGE", 4 * KIB)
    content = log_of(40)
    assert take(blob(content, "inbox/SEND.LOG"), whole_bytes=1)
    (found,) = uncounted(documents)
    assert found == read(document(Place("inbox/SEND.LOG"), content), parts)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert sum(one.observation.count for one in found.findings) == 40


def test_log_is_left_when_time_is_up_and_gone_on_with(
    take: Take, blob: Any, documents: SqliteDocuments, monkeypatch: Any
) -> None:
    """A log that takes several calls is read once from end to end: each call begins where the one before it ended."""
    monkeypatch.setattr("triage.cloud.intake.RANGE", 8 * KIB)
    log = blob(log_of(40))
    calls = 0
    while not take(log, whole_bytes=1, seconds=3):
        calls += 1
        assert calls < 20
    assert calls > 1
    after_digest = [start for start, _ in log.asked[log.asked.index((0, 8 * KIB), 1) :] if start]
    parsed = after_digest[-(log.size // (8 * KIB)) :]
    assert parsed == sorted(set(parsed))
    (found,) = uncounted(documents)
    assert sum(one.observation.count for one in found.findings) == 40
    assert progress(documents) == 0


@pytest.mark.parametrize("at", range(8 * KIB, 40 * KIB, 8 * KIB))
def test_killed_log_goes_on_from_its_last_note(
    at: int, take: Take, blob: Any, documents: SqliteDocuments, monkeypatch: Any
) -> None:
    """A process that dies within a log leaves a note; the next begins there and counts each session once."""
    monkeypatch.setattr("triage.cloud.intake.RANGE", 4 * KIB)
    log = blob(log_of(40))
    take_first = take(log, whole_bytes=1, seconds=0)  # the digest, and one range
    assert not take_first
    log.fails_at, log.asked = at, []
    with pytest.raises(Transient):
        take(log, whole_bytes=1, checkpoint_seconds=0)
    log.fails_at, log.asked = None, []
    assert take(log, whole_bytes=1)
    assert log.asked[1][0] >= at - 4 * KIB
    (found,) = uncounted(documents)
    assert sum(one.observation.count for one in found.findings) == 40


class Dying:
    """A store whose process dies at its n-th write, before or after it landed."""

    def __init__(self, documents: SqliteDocuments, lives: int, lands: bool) -> None:
        self._documents, self._lives, self._lands = documents, lives, lands

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._documents, name)
        return self._dying(found) if name in ("put", "delete") else found

    def batch(self) -> AbstractContextManager[None]:
        """Make no batch: each write is durable by itself, as in blobs."""
        return nullcontext()

    def _dying(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def done(*given: Any, **named: Any) -> Any:
            self._lives -= 1
            if self._lives == 0 and not self._lands:
                raise SystemExit
            result = work(*given, **named)
            if self._lives == 0:
                raise SystemExit
            return result

        return done


@pytest.mark.parametrize("lands", [False, True], ids=["before a write", "after a write"])
@pytest.mark.parametrize(
    ("make", "failures"),
    [(lambda reports: mbox_of(reports(4)), 4), (lambda _: log_of(40), 40)],
    ids=["mbox", "log"],
)
def test_process_may_die_at_any_write(
    make: Callable[..., bytes],
    failures: int,
    lands: bool,
    blob: Any,
    reports: Callable[[int], list[bytes]],
    tmp_path: Path,
    parts: Parts,
    monkeypatch: Any,
) -> None:
    """Killed once at each write there is, and run again, the reading gives what it gives when nobody is killed."""
    monkeypatch.setattr("triage.cloud.intake.RANGE", 4 * KIB)
    content = make(reports)
    bounds = Bounds(whole_bytes=1, seconds=1e9, checkpoint_seconds=0)

    def run(documents: Any) -> None:
        intake = Intake(documents=documents, parts=parts, begin_log=HeldLog, now=lambda: NOW, bounds=bounds)
        assert take_in_blob(blob(content), intake)

    outcomes = set()
    for lives in count(1):
        with SqliteDocuments(tmp_path / f"{lives}.sqlite") as documents:
            with suppress(SystemExit):
                run(Dying(documents, lives, lands))
                assert lives > 8
                break
            run(documents)
            found = list(uncounted(documents))
            outcomes.add(
                tuple(
                    (
                        one.sha256,
                        sum(seen.observation.count for seen in one.findings if seen.observation.action == "failed"),
                    )
                    for one in found
                )
            )
    (outcome,) = outcomes
    assert sum(total for _, total in outcome) == failures


def test_two_readers_of_one_log_disturb_nothing(
    take: Take, blob: Any, documents: SqliteDocuments, monkeypatch: Any
) -> None:
    """A message that is delivered twice has two processes read one log by turns: its sessions are counted once."""
    monkeypatch.setattr("triage.cloud.intake.RANGE", 4 * KIB)
    log = blob(log_of(40))

    class Interfering(HeldLog):
        """A reader during which somebody else takes a turn."""

        def state(self) -> bytes:
            """Let the other one note its progress first."""
            take(log, whole_bytes=1, seconds=2)
            return super().state()

    done = take(log, Interfering, whole_bytes=1, checkpoint_seconds=3)
    while not done:
        done = take(log, whole_bytes=1, seconds=2)
    (found,) = uncounted(documents)
    assert sum(one.observation.count for one in found.findings) == 40


def test_note_of_another_version_of_an_input_is_not_used(
    take: Take, blob: Any, documents: SqliteDocuments, monkeypatch: Any
) -> None:
    """An input that was replaced is read from its start, whatever was noted of the one before it."""
    monkeypatch.setattr("triage.cloud.intake.RANGE", 4 * KIB)
    assert not take(blob(log_of(40), version="1"), whole_bytes=1, seconds=0)
    second = blob(log_of(20), version="2")
    assert take(second, whole_bytes=1)
    (found,) = uncounted(documents)
    assert sum(one.observation.count for one in found.findings) == 20


def test_fault_of_ours_in_a_log_is_on_record(take: Take, blob: Any, documents: SqliteDocuments) -> None:
    """A log on which the program fails becomes an unreadable reading, and its event is done with."""
    assert take(blob(log_of(40)), BrokenLog, whole_bytes=1)
    (found,) = uncounted(documents)
    assert found.kind == "unreadable"
    assert "ZeroDivisionError" in (found.error or "")


def test_too_large_an_input_is_refused_with_the_command_that_reads_it(
    take: Take, blob: Any, documents: SqliteDocuments
) -> None:
    """Past the bound the record says how large it is, what is allowed, and what to type on a laptop; nothing is read."""
    huge = blob(b"", "inbox/logs/SEND 1.LOG")
    huge.size = 3 * 2**30
    assert take(huge)
    (found,) = uncounted(documents)
    assert (found.kind, found.source.path) == ("unreadable", "inbox/logs/SEND 1.LOG")
    assert found.error is not None
    assert "3,072 MB" in found.error
    assert found.error.endswith("fetch --name input --file SEND-1.LOG && triage run SEND-1.LOG --out out")
    assert huge.asked == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"", "unreadable"), (b"\x00\x01\x02" * 99, "unreadable"), (b"PK\x03\x04 and no more", "unreadable")],
    ids=["empty", "no text", "broken archive"],
)
def test_bad_input_is_on_record(content: bytes, kind: str, take: Take, blob: Any, documents: SqliteDocuments) -> None:
    """Whatever is wrong with an input becomes a reading with a sentence; the event is done with."""
    assert take(blob(content))
    assert kinds(documents) == [kind]
    assert [one.error for one in uncounted(documents) if not one.error] == []


def test_small_message_costs_one_request(
    take: Take, blob: Any, reports: Callable[[int], list[bytes]], documents: SqliteDocuments
) -> None:
    """One report is fetched at once, and leaves no note of progress."""
    mail = blob(reports(1)[0])
    take(mail)
    assert mail.asked == [(0, mail.size)]
    assert [one.key for one in documents.list(READINGS)] != []
