"""`triage serve` as a service runs it: a process of its own, a folder, a real SMTP client, killed and started again."""

import json
import os
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from triage.group import SqliteDocuments, incidents
from triage.settings import Serve

ROOT = Path(__file__).parents[2]
SETTINGS = """
out = "out"
[ours]
domains = ["contoso.example"]
[serve]
smtp = "127.0.0.1:0"
settle_seconds = 0.1
recipients = ["bounces@contoso.example"]
"""
PATIENCE = 40


class Served:
    """A running `triage serve`, and what it says."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.said = (folder / "said").open("a+b")
        self.start = self.said.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "triage", "serve", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"},
            stdout=self.said,
            stderr=subprocess.STDOUT,
        )

    def text(self) -> str:
        """Give what this process said."""
        return (self.folder / "said").read_bytes()[self.start :].decode()

    def port(self) -> int:
        """Give the port of SMTP, once it listens."""
        until(lambda: "smtp=127.0.0.1:" in self.text() or self.process.poll() is not None)
        found = re.search(r"smtp=127\.0\.0\.1:(\d+)", self.text())
        assert found is not None, self.text()
        return int(found.group(1))

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "It did not come about."
        time.sleep(0.05)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Give a function that starts the service in a folder of the test's own."""
    (tmp_path / "triage.toml").write_text(SETTINGS, encoding="utf-8")
    running: list[Served] = []

    def start(*arguments: str) -> Served:
        running.append(Served(tmp_path, *arguments))
        return running[-1]

    yield start
    for one in running:
        one.process.kill()
        one.process.wait()
        one.said.close()


@pytest.fixture
def returned(tmp_path: Path) -> Callable[[], list[int]]:
    """Give a function that gives how many messages were returned in each incident."""

    def counts() -> list[int]:
        if not (tmp_path / "triage.sqlite").exists():
            return []
        with SqliteDocuments(tmp_path / "triage.sqlite") as documents:
            return sorted(one.counts.returned for one in incidents(documents))

    return counts


def send(port: int, *messages: bytes) -> None:
    """Forward messages as a mail server does."""
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
        for one in messages:
            client.sendmail("karl.holm@contoso.example", ["bounces@contoso.example"], one)


def test_smtp_listens_on_loopback_unless_told_otherwise() -> None:
    """The default address can be reached from this machine alone."""
    assert Serve().smtp == "127.0.0.1:2525"


def test_folder_and_forwarded_mail_become_incidents(
    serve: Callable[..., Served], returned: Callable[[], list[int]], tmp_path: Path, ndr: Callable[..., Any]
) -> None:
    """A bounce in the folder and one forwarded by SMTP are one incident, with its ticket; SIGTERM ends the service."""
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "1.eml").write_bytes(bytes(ndr()))
    service = serve()
    until(lambda: "mail_for=bounces@contoso.example" in service.text())
    send(service.port(), ndr(message_id="2@contoso.example").attached())
    until(lambda: returned() == [2])
    listed = tmp_path / "out" / "incidents.json"
    until(lambda: listed.exists() and [one["counts"]["returned"] for one in json.loads(listed.read_bytes())] == [2])
    (incident,) = json.loads(listed.read_bytes())
    assert (tmp_path / "out" / incident["id"] / "ticket.md").is_file()
    began = time.monotonic()
    assert service.stop() == 0
    assert time.monotonic() - began < 10
    assert "Traceback" not in service.text()
    assert (tmp_path / "inbox" / "1.eml").read_bytes() == bytes(ndr())


def test_killed_and_started_again_it_counts_exactly(
    serve: Callable[..., Served], returned: Callable[[], list[int]], tmp_path: Path, ndr: Callable[..., Any]
) -> None:
    """Killed without warning at any moment, what was acknowledged or lies in the folder is counted, once."""
    line = b"From MAILER-DAEMON Sun Oct 18 09:14:00 2026\n"
    box = [bytes(ndr(message_id=f"box{number}@contoso.example")) for number in range(150)]
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "box.mbox").write_bytes(b"".join(line + one + b"\n" for one in box))
    number = 0
    for pause in (0.0, 0.2, 0.6):
        service = serve()
        port = service.port()
        send(port, *(bytes(ndr(message_id=f"m{number + at}@contoso.example")) for at in range(5)))
        number += 5
        time.sleep(pause)
        service.stop(signal.SIGKILL)
    service = serve()
    until(lambda: returned() == [150 + number])
    assert service.stop(signal.SIGINT) == 0
    assert returned() == [150 + number]
    assert len(list((tmp_path / "inbox" / "smtp").rglob("*.eml"))) == number


@pytest.mark.parametrize(
    ("arguments", "setting", "says"),
    [
        ((), 'smtp = "0.0.0.256:25"', "serve.smtp"),
        ((), 'smtp = "nonsense"', "serve.smtp"),
        (("--store", "said"), 'smtp = ""', "said"),
        (("--folder", "triage.toml"), 'smtp = ""', "triage.toml"),
    ],
    ids=["no such address", "no address", "no store", "no folder"],
)
def test_what_cannot_be_had_is_said_at_the_start(
    arguments: tuple[str, ...], setting: str, says: str, serve: Callable[..., Served], tmp_path: Path
) -> None:
    """A service that cannot start ends with 2 and one sentence, not with a traceback in a loop."""
    (tmp_path / "triage.toml").write_text(f"[serve]\n{setting}\n", encoding="utf-8")
    (tmp_path / "said").write_bytes(b"this is no store\n" * 100)
    service = serve(*arguments)
    assert service.process.wait(PATIENCE) == 2
    (sentence,) = [one for one in service.text().splitlines() if one.startswith("triage: ")]
    assert says in sentence
    assert "Traceback" not in service.text()
