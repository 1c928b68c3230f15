"""Reading with a crew of processes and without: the same readings in the same order."""

import os
import signal
import subprocess
import sys

import pytest

from tests.decode.protocol_log.conftest import log_of, session_rows
from tests.intake.conftest import HEALTHY, SENT, divided, items_in, knowledge, put, received, rows_of_many, sessions_of
from triage.collect.limits import Limits
from triage.intake import Crew, Work, line
from triage.intake.crew import WORTH_BYTES, crew_for


@pytest.mark.parametrize("limits", [Limits(), Limits(log_bytes=1000, message_bytes=1000)], ids=["held", "in pieces"])
def test_a_crew_reads_a_folder_of_logs_as_one_process_does(tmp_path, read_all, crew, limits, monkeypatch):
    """Sessions that span files and pieces, clear text after failures, two sides: not a byte differs."""
    monkeypatch.setattr("triage.decode.protocol_log.part.PART_BYTES", 20_000)
    logs = divided(rows_of_many(400, peers=7, seconds=0.4), 5)
    files = [(f"SEND20261018{n:02}-1.LOG", log) for n, log in enumerate(logs)]
    files.append(("RECV2026101800-1.LOG", log_of(*received(1), *received(2, at=5), side="receive")))
    put(tmp_path, files)

    alone = read_all(tmp_path, limits=limits)

    assert read_all(tmp_path, crew, limits) == alone
    assert sum(count for one in sessions_of(alone) for _, count in one) == 402


def test_a_crew_reads_messages_as_one_process_does(tmp_path, read_all, crew, ndr, monkeypatch):
    """Reports, known ones among them, a log in their midst and a file that cannot be read keep their order."""
    monkeypatch.setattr(line, "BATCH", 7)
    reports = [(f"{n:02}.eml", bytes(ndr(recipient=f"user{n}@fabrikam.example"))) for n in range(40)]
    put(tmp_path, [*reports, ("20b.log", log_of(*session_rows(SENT))), ("30b.eml", b"")])
    items = items_in(tmp_path)
    alone = read_all(items)
    works = [Work(item, alone[n] if n % 5 == 0 else None) for n, item in enumerate(items)]

    assert read_all(works, crew) == alone
    assert [one.kind for one in alone].count("bounce") == 40


def test_what_a_crew_cannot_be_handed_is_told(tmp_path, read_all, known):
    """A crew whose processes cannot load the rules gives unreadable records, not an end of the run."""
    put(tmp_path, [("1.eml", b"Subject: a\n\nHello\n"), ("2.log", log_of(*session_rows(SENT)))])
    with Crew(1, _broken) as crew:
        first, second = read_all(tmp_path, crew)

    assert "a fault of ours" in (first.error or "")
    assert sessions_of([second]) == [[("failed", 1)]]


def _broken():
    raise ZeroDivisionError


def test_a_process_that_is_killed_loses_nothing(tmp_path, read_all, monkeypatch):
    """What it was asked for is done here, as the system may take a process for want of memory."""
    monkeypatch.setattr("triage.decode.protocol_log.part.PART_BYTES", 20_000)
    put(tmp_path, [(f"{n}.log", log) for n, log in enumerate(divided(rows_of_many(300), 3))])
    alone = read_all(tmp_path)
    with Crew(2, knowledge) as crew:
        crew.submit(os.kill, crew.submit(os.getpid).result(), signal.SIGKILL)

        assert read_all(tmp_path, crew) == alone


def test_only_suspect_sessions_are_read_where_that_is_asked_for(tmp_path, read_all, crew):
    """Each log by itself; peers with which all went well are left out."""
    rows = sorted(
        [
            *session_rows(SENT),
            *session_rows(HEALTHY, key="08D91"),
            *session_rows(HEALTHY, key="08D92", remote="203.0.113.9:25"),
        ]
    )
    put(tmp_path, [("1.log", log_of(*rows)), ("2.log", log_of(*session_rows(HEALTHY, key="08D93")))])

    read = read_all(tmp_path, suspects=True)

    assert sessions_of(read) == [[("failed", 1), ("relayed", 1)], []]
    assert read_all(tmp_path, crew, suspects=True) == read
    assert read_all(tmp_path, limits=Limits(log_bytes=1000), suspects=True) == read


def test_a_crew_is_for_input_that_is_worth_it(monkeypatch):
    """A handful of messages is read faster than a process starts, and one core works alone."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 4, 5, 6, 7}, raising=False)
    assert crew_for(WORTH_BYTES - 1, knowledge) is None
    crew = crew_for(WORTH_BYTES, knowledge)
    assert crew is not None
    assert crew.count == 4
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert crew_for(2**40, knowledge) is None


def test_one_process_alone_loads_nothing_for_others():
    """The cloud's start is not made longer by what only a laptop uses."""
    probe = "import sys, triage.pipeline; print(sorted(m for m in sys.modules if m.startswith('multiprocessing')))"
    unmeasured = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
    }  # it loads them
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60, env=unmeasured
    )
    assert done.stdout == "[]\n"
