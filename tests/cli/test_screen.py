"""Tables on a real terminal of a given width."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.command import ROOT

TITLE = "HQ-EX10A cannot agree on a TLS version with Exchange Online"


def shown(folder: Path, columns: int, *arguments: str) -> list[str]:
    """Run `triage` on a terminal of so many columns and give its lines, colours taken out."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-m", "triage", *arguments], cwd=folder, env=environment, stdout=theirs):
        os.close(theirs)
        text = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how Linux tells that nobody writes any more
                break
            if not piece:
                break
            text += piece
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.decode("utf-8")).splitlines()


@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (200, ["id", "what is broken", "sure", "who acts", "returned", "waiting", "last seen (UTC)", "state"]),
        (80, ["id", "what is broken", "sure", "returned", "waiting", "state"]),
        (60, ["id", "what is broken", "sure", "returned"]),
        (40, ["id", "what is broken"]),
    ],
)
def test_a_narrow_terminal_tears_no_words(tmp_path: Path, columns: int, headings: list[str]) -> None:
    """What is broken stays readable on any terminal: other columns go, and each line fits."""
    examples = ROOT / "examples"
    mail = [str(examples / "mailbox" / f"{name}.eml") for name in ("01-returned", "02-returned")]
    shown(tmp_path, 80, "run", *mail, "--settings", str(examples / "triage.toml"))
    lines = shown(tmp_path, columns, "incidents")
    assert re.split(r" {2,}", lines[0].strip()) == headings
    assert max(map(len, lines)) <= columns
    words = {word for line in lines[2:] for word in line.split()}
    assert set(TITLE.split()) <= words
