"""`triage mailbox` against a Graph on loopback, with a token from the real azure-identity."""

import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run
from tests.servers.graph import SHARED, Fault, GraphServer, Mailbox, running

ROOT = Path(__file__).parents[2]
OTHER = "director@contoso.example"
LETTER = b"From: eve@contoso.example\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def server() -> Iterator[GraphServer]:
    """Give a Graph with the shared mailbox and one that the application may not enter."""
    with running() as started:
        started.mailboxes[OTHER] = Mailbox()
        started.forbidden.add(OTHER)
        yield started


@pytest.fixture
def triage(tmp_path: Path, server: GraphServer) -> Run:
    """Give a function that runs `triage` as an app with a managed identity would."""
    (tmp_path / "triage.toml").write_text(
        f'[mailbox]\naddress = "{SHARED}"\ngraph_url = "{server.url}"\nallow_loopback = true\n', encoding="utf-8"
    )
    identity: dict[str, Any] = {
        "IDENTITY_ENDPOINT": f"{server.origin}/msi/token",
        "IDENTITY_HEADER": server.identity_header,
    }
    return partial(run, tmp_path, encoding="utf-8", **identity)


def test_poll_keeps_and_moves_what_is_ours(
    triage: Run, server: GraphServer, ndr: Callable[..., Any], tmp_path: Path
) -> None:
    """What is kept can be read by the next command; what was not ours lies unread where it was."""
    for number in range(3):
        server.deliver(bytes(ndr(message_id=f"m{number}@contoso.example", recipient=f"u{number}@fabrikam.example")))
    letter = server.deliver(LETTER)
    done = triage("mailbox", "poll")
    assert (done.returncode, done.stdout) == (0, "3 kept, 0 kept before, 3 moved, 1 left where they are.\n"), (
        done.stderr
    )
    assert (letter.folder, letter.is_read) == ("f-inbox", False)
    assert triage("run", "inbox", "--out", "out").returncode == 0
    assert len(list((tmp_path / "out").glob("*/ticket.md"))) == 1
    again = triage("mailbox", "poll")
    assert again.stdout == "0 kept, 0 kept before, 0 moved, 0 left where they are.\n"


def test_poll_tells_of_what_failed(triage: Run, server: GraphServer, ndr: Callable[..., Any]) -> None:
    """A message that could not be read is named by its time, on standard error, and the exit code is 1."""
    mail = server.deliver(bytes(ndr()), "2026-10-20T09:14:11Z")
    server.faults.append(Fault(rf"{mail.id}/\$value", 400, "ErrorMimeContentInvalid"))
    done = triage("mailbox", "poll")
    assert done.returncode == 1
    assert "A message received 2026-10-20T09:14:11Z: " in done.stderr
    assert (
        "2026-10-20T09:14:11Z\t1\tno\tGraph refuses it: 400 ErrorMimeContentInvalid."
        in triage("mailbox", "check").stdout
    )
    assert triage("mailbox", "poll", "--again").returncode == 0
    assert "On record" not in triage("mailbox", "check").stdout


def test_check_changes_nothing(triage: Run, server: GraphServer, ndr: Callable[..., Any], tmp_path: Path) -> None:
    """It says what would be done with each message, and sends no request that writes."""
    server.deliver(bytes(ndr()), "2026-10-20T09:14:11Z")
    server.deliver(LETTER, "2026-10-20T10:00:00Z")
    done = triage("mailbox", "check")
    assert done.returncode == 0, done.stderr
    assert "2026-10-20T09:14:11Z\tbounce\tkept and moved\n" in done.stdout
    assert "2026-10-20T10:00:00Z\tother\tleft untouched and unread\n" in done.stdout
    assert "the first reading makes it" in done.stdout
    assert server.asked("POST|PATCH|DELETE") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["triage.toml"]


def test_check_proves_that_another_mailbox_is_out_of_reach(triage: Run, server: GraphServer) -> None:
    """403 for the other mailbox is the proof; access to it, or a mailbox that is not there, is none."""
    proved = triage("mailbox", "check", "--other", OTHER)
    assert (proved.returncode, f"{OTHER} cannot be reached (403)" in proved.stdout) == (0, True)
    server.forbidden.clear()
    reached = triage("mailbox", "check", "--other", OTHER)
    assert (reached.returncode, "more than it needs" in reached.stderr) == (1, True)
    missing = triage("mailbox", "check", "--other", "nobody@contoso.example")
    assert (missing.returncode, "Not proved" in missing.stderr) == (1, True)
    same = triage("mailbox", "check", "--other", SHARED.upper())
    assert (same.returncode, "another mailbox" in same.stderr) == (2, True)


def test_no_access_says_what_to_do(triage: Run, server: GraphServer) -> None:
    """A mailbox that was not granted is a sentence with the script's name, not a traceback."""
    server.forbidden.add(SHARED)
    done = triage("mailbox", "poll")
    assert (done.returncode, "grant-mailbox.ps1" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_no_identity_says_what_to_do(triage: Run) -> None:
    """Where no identity gives a token, the sentence says which are tried."""
    done = triage("mailbox", "poll", IDENTITY_HEADER="wrong")
    assert (done.returncode, "No identity gives a token" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_without_azures_packages_the_sentence_says_how_to_get_them(triage: Run, tmp_path: Path) -> None:
    """The laptop command comes without Azure's packages; the mailbox says how to get them."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(
        "import sys\nsys.modules['azure'] = None\n", encoding="utf-8"
    )
    done = triage("mailbox", "poll", PYTHONPATH=f"{tmp_path / 'without'}{os.pathsep}{ROOT}")
    assert (done.returncode, "-r requirements.txt" in done.stderr, "Traceback" in done.stderr) == (2, True, False)


def test_without_an_address_there_is_nothing_to_read(triage: Run, tmp_path: Path) -> None:
    """A person who asks for it is told which setting is missing."""
    (tmp_path / "triage.toml").write_text("", encoding="utf-8")
    for command in ("poll", "check"):
        done = triage("mailbox", command)
        assert (done.returncode, "mailbox.address" in done.stderr) == (2, True)


def test_a_graph_elsewhere_gets_no_token(triage: Run, server: GraphServer, tmp_path: Path) -> None:
    """A setting that points anywhere else is refused before an identity is asked."""
    (tmp_path / "triage.toml").write_text(
        f'[mailbox]\naddress = "{SHARED}"\ngraph_url = "{server.url}"\n', encoding="utf-8"
    )
    done = triage("mailbox", "poll")
    assert (done.returncode, "mailbox.graph_url" in done.stderr, server.requests) == (2, True, [])
