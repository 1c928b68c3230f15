"""What becomes of `triage … | head`: a reader that goes away is no error of ours, and nothing is said of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRIAGE = f"{sys.executable} -m triage"
COMMANDS = {
    "a command": ["settings", "--markdown"],
    "one line": ["texts", "check", "en"],
    "help, which another library draws": ["--help"],
    "a proof": ["rules", "check"],
    "JSON of what was read": ["diagnose", "--json", "examples/mailbox/01-returned.eml"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_reader_that_is_gone_ends_it_in_silence(command: list[str]) -> None:
    """Nobody reads from the first byte on: 141, as a shell shows of a tool that SIGPIPE ended, and not a word."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "triage", *command], stdout=closed, stderr=subprocess.PIPE, cwd=ROOT, check=False
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"{TRIAGE} settings --markdown | cat >/dev/null; exit ${{PIPESTATUS[0]}}", 0),
        (f"{TRIAGE} show XXXX --store nowhere.sqlite | cat; exit ${{PIPESTATUS[0]}}", 2),
        (f"{TRIAGE} texts check en | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}", 0),
    ],
    ids=["read to its end", "wrong use", "head takes all that there is"],
)
def test_a_reader_that_reads_all_changes_no_exit_code(line: str, code: int) -> None:
    """In a pipe that is read to its end the exit code is the command's own."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, cwd=ROOT, check=False)
    assert done.returncode == code
