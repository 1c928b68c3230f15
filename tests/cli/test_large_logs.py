"""Logs of many megabytes as a person reads them: progress, Ctrl-C, both cores, and what the quick way leaves out."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.decode.protocol_log.conftest import log_of, session_rows
from tests.intake.conftest import HEALTHY, SENT, rows_of_many

ROOT = Path(__file__).parents[2]
SETTINGS = '[ours]\ndomains = ["contoso.example"]\n'
COPIES = 60
SESSIONS = 300
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with settings and, below `logs`, three small logs and one of some forty megabytes."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "triage.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "logs").mkdir()
    for n in range(3):
        (folder / "logs" / f"RECV2026101{n}09-1.LOG").write_bytes(log_of(*session_rows(HEALTHY, key=f"08D91{n}")))
    block = ("\r\n".join(rows_of_many(SESSIONS, peers=40, seconds=0.2)) + "\r\n").encode()
    with (folder / "logs" / "SEND2026101809-1.LOG").open("wb") as file:
        file.write(log_of())
        for n in range(COPIES):
            file.write(block.replace(b"08D92C6B", b"08D9%04X" % n))
    return folder


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Give a function that starts `triage` in a group of processes of its own, as a shell does."""
    started: list[subprocess.Popen[bytes]] = []
    # A job that a script put in the background ignores SIGINT, and so would what it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def starting(*arguments: str, **given: Any) -> "subprocess.Popen[bytes]":
        # Not measured: coverage, interrupted while it saves its figures, tells of it by a traceback of its own.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "TERM": "xterm", "COLUMNS": "100"}
        process = subprocess.Popen(
            [sys.executable, "-m", "triage", *arguments],
            cwd=folder,
            env=environment,
            start_new_session=True,
            **{"stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **given},
        )
        started.append(process)
        return process

    yield starting
    signal.signal(signal.SIGINT, before)
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def wait_until(true: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def members_of(group: int) -> list[int]:
    """Give the processes of a group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def test_ctrl_c_leaves_whole_lines_in_a_file(folder: Path, start: Start) -> None:
    """What was printed before is there, line by line; nothing of the rest, no traceback, no process left behind."""
    said = folder / "said.jsonl"
    with said.open("wb") as file:
        process = start("diagnose", "--json", "logs", stdout=file)
        wait_until(lambda: said.read_bytes().count(b"\n") >= 2)
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=60)

    assert process.returncode == 130
    assert error.startswith(b"triage: interrupted.")
    assert b"Traceback" not in error
    lines = said.read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["kind"] for line in lines] == ["protocol-log"] * len(lines)
    assert len(lines) < 4
    assert lines[-1].endswith(b"\n")
    wait_until(lambda: members_of(process.pid) == [])


@pytest.mark.parametrize("when", ["reading", "writing"])
def test_ctrl_c_leaves_no_half_written_file(folder: Path, start: Start, tmp_path: Path, when: str) -> None:
    """Interrupted while it reads or while it writes, a run leaves whole files, and ends as if nothing had happened."""
    out, store = tmp_path / "out", tmp_path / "triage.sqlite"
    process = start("run", "logs", "--out", str(out), "--store", str(store), stdout=subprocess.DEVNULL)
    wait_until(store.exists if when == "reading" else out.exists)
    with suppress(ProcessLookupError):  # it may have ended in this moment
        os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)

    assert b"Traceback" not in error
    for path in out.rglob("*.json"):
        json.loads(path.read_bytes())
    assert [path for path in out.rglob("*") if path.name.endswith(".part")] == []
    again = start("run", "logs", "--out", str(out), "--store", str(store), stdout=subprocess.DEVNULL)
    assert again.wait(timeout=120) == 0
    listed = json.loads((out / "incidents.json").read_bytes())
    assert len(listed) == sum((out / one["id"] / "ticket.md").is_file() for one in listed) > 0


def test_progress_moves_within_one_file(folder: Path, start: Start) -> None:
    """On a terminal a line tells how far it came, several times before the file's end; output goes elsewhere."""
    ours, theirs = pty.openpty()
    process = start("diagnose", "--json", "logs/SEND2026101809-1.LOG", stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end was closed
            break
        if not part:
            break
        shown += part
    os.close(ours)

    assert process.wait(timeout=60) == 0
    far = {float(found) for found in re.findall(rb"(\d+\.\d)/\d+\.\d MB", shown)}
    assert len(far - {0.0}) >= 3


def test_the_quick_way_finds_what_the_whole_finds_of_suspect_peers(folder: Path, start: Start) -> None:
    """`--suspects` tells the same failures; of what went well it tells less."""
    told = []
    for option in ([], ["--suspects"]):
        process = start("diagnose", "--json", *option, "logs", stdout=subprocess.PIPE)
        lines, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        told.append([json.loads(line)["observations"] for line in lines.splitlines()])
    whole, quick = told
    assert [[one for one in some if one["action"] == "failed"] for some in quick] == [
        [one for one in some if one["action"] == "failed"] for some in whole
    ]
    assert sum(one["count"] for one in whole[3] if one["action"] == "failed") == COPIES * SESSIONS // 3
    assert quick[:3] == [[], [], []]


def test_a_pipe_that_is_closed_ends_it_in_silence(folder: Path, start: Start) -> None:
    """`triage diagnose … | head -1` prints its line and nothing else."""
    process = start("diagnose", "--json", "logs", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["kind"] == "protocol-log"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.wait(timeout=60)


def test_a_log_from_a_pipe_is_read(start: Start) -> None:
    """`zcat old.log.gz | triage diagnose -` reads what comes."""
    process = start("diagnose", "--json", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    lines, _ = process.communicate(log_of(*session_rows(SENT)), timeout=60)
    assert json.loads(lines)["observations"][0]["tls"]["error"] == "SocketError"
