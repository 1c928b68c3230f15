"""The whole way: what is fed, killed, repeated or fed from two sides gives the same incidents with exact counts."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import triage.pipeline
from triage.collect.item import Item
from triage.decode import decode
from triage.group import SqliteDocuments, affected, incidents
from triage.model import Place
from triage.pipeline import Parts, take_in
from triage.settings import Settings
from triage.wiring import parts_of

NOW = "2026-10-20T12:00:00Z"
EXCHANGE_ONLINE = "fabrikam-example.mail.protection.outlook.com"
STEPS = 200
"""More writes than the run of the kill test makes: the loop ends when a run lives to its end."""


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Give the real rules, runbooks and texts, with one domain of ours."""
    return parts_of(Settings(ours={"domains": ["contoso.example"]}))


def item(content: bytes, number: int) -> Item:
    """Give a document as collecting gives it."""
    return Item(Place(f"{number}.eml"), content, hashlib.sha256(content).hexdigest())


def storm(ndr: Callable[..., Any], count: int) -> list[Item]:
    """Give that many reports of one fault, each of another message."""
    reports = [ndr(recipient=f"user{n}@fabrikam.example", message_id=f"m{n}@contoso.example") for n in range(count)]
    return [item(bytes(report), n) for n, report in enumerate(reports)]


def totals(path: Path) -> list[tuple[object, ...]]:
    """Give what must be exact in a store, and the affected messages of each incident."""
    with SqliteDocuments(path) as documents:
        return [
            (
                one.id,
                one.counts,
                one.recipients,
                one.first_seen,
                one.last_seen,
                one.verdict,
                sorted(map(repr, affected(documents, one.id))),
            )
            for one in incidents(documents)
        ]


def feed(path: Path, items: Sequence[Item], parts: Parts) -> None:
    """Take the items in, to the end."""
    with SqliteDocuments(path) as documents:
        for _ in take_in(items, documents, parts, NOW):
            pass


class Killing(SqliteDocuments):
    """A store whose process is killed, by signal, right before or right after its n-th write."""

    def __init__(self, path: Path, at: int, after: bool) -> None:
        super().__init__(path)
        self._left, self._after = at, after

    def _die(self, after: bool) -> None:
        if after == self._after and self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Write, and die if it is time."""
        self._left -= 1
        self._die(after=False)
        tag = super().put(key, body, if_match, head)
        self._die(after=True)
        return tag

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Delete, and die if it is time."""
        self._left -= 1
        self._die(after=False)
        super().delete(key, if_match)
        self._die(after=True)


def feed_and_die(path: Path, items: Sequence[Item], parts: Parts, at: int, after: bool) -> bool:
    """Feed in a process of its own that is killed at its n-th write; True if it lived to the end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for _ in take_in(items, Killing(path, at, after), parts, NOW):
                pass
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed instead of being killed"
    return not os.WIFSIGNALED(status)


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_a_kill_at_any_write_loses_and_doubles_nothing(
    ndr: Callable[..., Any], parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """Killed at each write in turn and run again, the store ends as if nothing had happened."""
    monkeypatch.setattr(triage.pipeline, "AT_ONCE", 2)
    items = storm(ndr, 4)
    feed(tmp_path / "whole.sqlite", items, parts)
    expected = totals(tmp_path / "whole.sqlite")
    for at in range(1, STEPS):
        path = tmp_path / f"killed{at}.sqlite"
        lived = feed_and_die(path, items, parts, at, after)
        feed(path, items, parts)
        assert totals(path) == expected, f"killed at write {at}"
        if lived:
            assert at > 10
            return
    pytest.fail("the run never lived to its end")


LOG_HEAD = "#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: SMTP {side} Protocol Log\r\n"
FIELDS = (
    "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n"
)
SENT = (
    "+,,", f"<,220 {EXCHANGE_ONLINE} Microsoft ESMTP MAIL Service ready,", ">,EHLO mail.contoso.example,",
    f"<,250-{EXCHANGE_ONLINE} Hello,", "<,250-STARTTLS,", "<,250 CHUNKING,", ">,STARTTLS,",
    "<,220 2.0.0 SMTP server ready,", "*,,TLS negotiation failed with error SocketError", "-,,Remote",
)  # fmt: skip
RECEIVED = (
    "+,,", ">,220 hq-ex13a.contoso.example Microsoft ESMTP MAIL Service ready,", "<,EHLO pc7.contoso.example,",
    ">,250-hq-ex13a.contoso.example Hello,", ">,250 CHUNKING,", "<,MAIL FROM:<a@contoso.example>,",
    ">,250 2.1.0 Sender OK,", "<,RCPT TO:<b@contoso.example>,", ">,250 2.1.5 Recipient OK,", "<,BDAT 9 LAST,",
    ">,250 2.6.0 Queued mail,", "<,QUIT,", "-,,Local",
)  # fmt: skip


def log(side: str, connector: str, ends: str, steps: Sequence[str], sessions: int) -> bytes:
    """Give a protocol log with that many sessions of the same steps, one a minute."""
    rows = [
        f"2026-10-20T09:{10 + number}:{at:02}.000Z,{connector},08D92C6B{number:08X},{at},{ends},{step}\r\n"
        for number in range(sessions)
        for at, step in enumerate(steps)
    ]
    return "".join([LOG_HEAD.format(side=side), FIELDS, *rows]).encode()


QUEUE = (
    "Identity         : HQ-EX13A\\3\r\nDeliveryType     : SmartHostConnectorDelivery\r\n"
    f"NextHopDomain    : {EXCHANGE_ONLINE}\r\nStatus           : Retry\r\nMessageCount     : 143\r\n"
    "LastError        : 421 4.4.2 Connection dropped due to SocketError\r\n"
).encode()


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_a_kill_while_names_are_learned_and_incidents_joined_loses_nothing(
    ndr: Callable[..., Any], parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """A log by address, a bounce by name, a queue by short name, and last the proof that all are one server."""
    monkeypatch.setattr(triage.pipeline, "AT_ONCE", 1)
    sent = log("Send", "Outbound", "192.0.2.10:16501,203.0.113.25:25", SENT, 3)
    proof = log("Receive", r"HQ-EX13A\Default HQ-EX13A", "192.0.2.10:25,192.0.2.77:4711", RECEIVED, 1)
    items = [item(content, n) for n, content in enumerate([sent, bytes(ndr()), QUEUE, proof])]
    feed(tmp_path / "whole.sqlite", items, parts)
    with SqliteDocuments(tmp_path / "whole.sqlite") as documents:
        (incident,) = incidents(documents)
    assert (incident.counts.returned, incident.counts.waiting, incident.counts.sessions) == (1, 143, 3)
    assert (incident.ends.sending, incident.verdict.confidence) == ("hq-ex13a.contoso.example", "certain")
    expected = totals(tmp_path / "whole.sqlite")
    for at in range(1, STEPS):
        path = tmp_path / f"killed{at}.sqlite"
        lived = feed_and_die(path, items, parts, at, after)
        feed(path, items, parts)
        assert totals(path) == expected, f"killed at write {at}"
        if lived:
            assert at > 20
            return
    pytest.fail("the run never lived to its end")


def test_what_a_killed_run_read_is_counted_without_its_inputs(
    ndr: Callable[..., Any], parts: Parts, tmp_path: Path
) -> None:
    """A run killed before it counted leaves its readings, and the next run of anything counts them."""
    items = storm(ndr, 3)
    # 3 journal entries, 3 notes and 3 readings are written before the incident is.
    assert not feed_and_die(tmp_path / "a.sqlite", items, parts, 10, after=False)
    feed(tmp_path / "a.sqlite", [], parts)
    feed(tmp_path / "b.sqlite", items, parts)
    assert totals(tmp_path / "a.sqlite") == totals(tmp_path / "b.sqlite")


def test_the_same_folder_twice_changes_nothing(ndr: Callable[..., Any], parts: Parts, tmp_path: Path) -> None:
    """Feeding the same reports again, in another order, leaves counts and documents as they were."""
    items = storm(ndr, 7)
    feed(tmp_path / "s.sqlite", items, parts)
    before = totals(tmp_path / "s.sqlite")
    feed(tmp_path / "s.sqlite", items[::-1], parts)
    assert totals(tmp_path / "s.sqlite") == before


def test_two_processes_at_once_count_exactly(ndr: Callable[..., Any], parts: Parts, tmp_path: Path) -> None:
    """Two processes that read overlapping folders into one store count each message once."""
    items = storm(ndr, 60)
    for name, part in (("left", items[:40]), ("right", items[20:])):
        (tmp_path / name).mkdir()
        for one in part:
            (tmp_path / name / one.place.path).write_bytes(one.content)
    store = tmp_path / "s.sqlite"
    command = [sys.executable, "-m", "triage", "run", "--store", str(store)]
    running = [
        subprocess.Popen([*command, str(tmp_path / name)], stdout=subprocess.DEVNULL, env=_environment())
        for name in ("left", "right")
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    ((_, counts, recipients, *_rest),) = totals(store)
    assert (counts.returned, recipients) == (60, 60)  # type: ignore[attr-defined]


def _environment() -> dict[str, str]:
    return {**os.environ, "TRIAGE_OURS__DOMAINS": '["contoso.example"]'}


def test_one_bounce_direct_attached_and_pasted_is_one_message(
    ndr: Callable[..., Any], parts: Parts, tmp_path: Path
) -> None:
    """The same bounce that came directly, as an attachment and pasted into a text is one affected message."""
    report = ndr()
    told = [bytes(report), report.attached(), report.pasted()]
    feed(tmp_path / "s.sqlite", [item(content, n) for n, content in enumerate(told)], parts)
    ((_, counts, recipients, *_rest),) = totals(tmp_path / "s.sqlite")
    assert (counts.returned, recipients) == (1, 1)  # type: ignore[attr-defined]


def test_the_reader_never_sees_a_document_that_broke_the_program(
    ndr: Callable[..., Any], parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours in one document becomes a visible unreadable record, and the rest is counted."""
    items = storm(ndr, 3)

    def failing(content: bytes, *args: Any) -> Any:
        if content == items[1].content:
            raise ZeroDivisionError
        return decode(content, *args)

    monkeypatch.setattr("triage.intake.one.decode", failing)
    with SqliteDocuments(tmp_path / "s.sqlite") as documents:
        readings = [reading for reading, _ in take_in(items, documents, parts, NOW)]
    assert [reading.kind for reading in readings] == ["bounce", "unreadable", "bounce"]
    assert readings[1].error is not None
    assert "ZeroDivisionError" in readings[1].error


def test_progress_counts_every_document(ndr: Callable[..., Any], parts: Parts, tmp_path: Path) -> None:
    """The progress says how many were read, and how many of them were known."""
    items = storm(ndr, 3)
    with SqliteDocuments(tmp_path / "s.sqlite") as documents:
        *_, (_, first) = take_in(items, documents, parts, NOW)
        *_, (_, second) = take_in(items, documents, parts, NOW)
    assert (first.read, first.known, second.read, second.known) == (3, 0, 3, 3)
    assert first.kinds == {"bounce": 3}
