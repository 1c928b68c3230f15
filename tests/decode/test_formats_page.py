"""Who follows docs/formats.md step by step has the format read at the end, and not before."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
(MESSAGE,) = re.findall(r"(?ms)^```text\n(.*?)^```", PAGE)
EXPECTED, WHO, INTRODUCTION, LISTS = re.findall(r"(?ms)^```toml\n(.*?)^```", PAGE)
PROSE, KINDS = "triage/decode/phrases/prose.toml", "triage/decode/phrases/kinds.toml"
SHAPES = "tests/decode/shapes"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Give a copy of what the page works on, with the message and its row added (steps 1 and 2)."""
    for name in ("triage", "tests/decode"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    _append(tmp_path / SHAPES / "servers.txt", MESSAGE)
    _append(tmp_path / SHAPES / "expected.toml", "\n" + EXPECTED)
    return tmp_path


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def _tested(clone: Path) -> tuple[int, str]:
    """Run the command of step 3 there."""
    test = f"{clone}/tests/decode/test_shapes.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test, "-k", "borealis"],
        cwd=clone,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHONPATH": str(clone), "PATH": "/usr/bin:/bin"},
    )
    return done.returncode, done.stdout


def test_before_the_steps_the_message_is_not_read(clone: Path) -> None:
    """Step 3: the new message fails as the page says, so the steps after it are what makes it pass."""
    code, printed = _tested(clone)
    assert (code, "('other', []" in printed) == (1, True), printed


def _with_lists(text: str, block: str) -> str:
    """Put the lines of each list of a block at the top of the list of that name."""
    for section, lists in tomllib.loads(block).items():
        for name in lists:
            (lines,) = re.findall(rf"(?ms)^\[{section}\]\n.*?^{name} = \[(.*?)\]$", block)
            head, start, rest = text.partition(f"\n[{section}]\n")
            text = head + start + rest.replace(f"{name} = [\n", f"{name} = [\n  {lines},\n", 1)
    return text


def test_after_the_steps_the_message_is_read(clone: Path) -> None:
    """Steps 4 to 6, put where the page says, make the test of step 3 pass."""
    prose, kinds = clone / PROSE, clone / KINDS
    text = prose.read_text(encoding="utf-8")
    marker = '[[introduction]]\nmailer = "any mail system, delayed"'
    assert text.count(marker) == 1
    text = _with_lists(text.replace(marker, INTRODUCTION + "\n" + marker), LISTS)
    prose.write_text(text, encoding="utf-8")
    kinds.write_text(_with_lists(kinds.read_text(encoding="utf-8"), WHO), encoding="utf-8")
    code, printed = _tested(clone)
    assert code == 0, printed


def test_the_page_names_the_lists_that_there_are() -> None:
    """Each list of `prose.toml` stands in the page's table, and each file that the page names exists."""
    raw = tomllib.loads((ROOT / PROSE).read_text(encoding="utf-8"))
    named = [
        f"{section}.{name}"
        for section in ("original", "recipient", "reply", "server", "reporter")
        for name in raw[section]
    ]
    missing = [one for one in named if f"`{one}`" not in PAGE]
    assert missing == ["recipient.service", "reply.noise", "server.transcripts"]
    files = re.findall(r"`((?:triage|tests|fuzz|scripts)/[\w/.]+)`", PAGE)
    assert [one for one in files if not (ROOT / one).exists()] == []
