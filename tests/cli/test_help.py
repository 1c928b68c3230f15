"""What the command says of itself: help for everything, and what a shell completes."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.cli.command import ROOT, run
from triage.cli import app as app_module
from triage.cli.app import app

EXAMPLES = ROOT / "examples"


def commands(command: Any, path: str = "triage") -> list[tuple[str, Any]]:
    """Give every command with its full name."""
    inner = getattr(command, "commands", {})
    return [(path, command), *(one for name, below in inner.items() for one in commands(below, f"{path} {name}"))]


EVERY = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", EVERY)
def test_everything_has_a_help(name: str) -> None:
    """Each command, option and argument says in words what it is, and ends as a sentence does."""
    command = EVERY[name]
    assert (command.help or "").strip()
    for one in command.params:
        if one.name not in ("help", "install_completion", "show_completion"):
            assert (getattr(one, "help", "") or "").strip().endswith("."), (name, one.name)


@pytest.mark.parametrize("name", app_module.EXAMPLES)
def test_examples_in_the_help_can_be_typed(name: str) -> None:
    """Each example calls its own command, with options that this has, and stands below its help."""
    command = EVERY[f"triage {name}"]
    program, called, *rest = shlex.split(app_module.EXAMPLES[name])
    assert (program, called) == ("triage", name)
    known = {option for one in command.params for option in one.opts}
    assert {word for word in rest if word.startswith("--")} <= known
    assert app_module.EXAMPLES[name] in command.epilog


def completed(folder: Path, words: str, at: int, **environment: str) -> list[str]:
    """Give what bash is offered for the word number `at`."""
    asked = {"_TRIAGE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(at)}
    entry = Path(sys.executable).parent / "triage"
    done = subprocess.run(
        [entry],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONUTF8": "1", **asked, **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout.split()


def test_a_shell_completes_commands(tmp_path: Path) -> None:
    """The beginning of a command is enough."""
    assert completed(tmp_path, "triage inc", 1) == ["incidents"]


def test_a_shell_completes_the_ids_of_incidents(tmp_path: Path) -> None:
    """Eight letters that nobody remembers come from the store; where there is none, nothing is offered and none made."""
    assert completed(tmp_path, "triage show ", 2) == []
    assert list(tmp_path.iterdir()) == []
    run(tmp_path, "run", str(EXAMPLES / "mailbox" / "01-returned.eml"), "--settings", str(EXAMPLES / "triage.toml"))
    (found,) = completed(tmp_path, "triage show ", 2)
    assert completed(tmp_path, f"triage show {found[:2]}", 2) == [found]
    assert completed(tmp_path, "triage show 0", 2) == []


def test_ids_are_not_looked_up_in_the_cloud(tmp_path: Path) -> None:
    """Nobody waits for a network while he types."""
    assert completed(tmp_path, "triage show ", 2, TriageStorage="UseDevelopmentStorage=true") == []


def test_a_folder_without_a_file_says_so(tmp_path: Path) -> None:
    """Who names the wrong folder is not told that his mail holds no fault."""
    (tmp_path / "empty").mkdir()
    done = run(tmp_path, "run", "empty", encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, "Nothing was read: what was named holds no file.\n")


def test_the_store_is_named_as_a_shell_takes_it(tmp_path: Path) -> None:
    """A store in a folder with a space in its name is quoted in the command that `run` tells."""
    mail = str(EXAMPLES / "mailbox" / "01-returned.eml")
    done = run(tmp_path, "run", mail, "--store", "my mail/t.sqlite", "--out", "out", encoding="utf-8")
    assert done.stdout.rstrip().endswith("--store 'my mail/t.sqlite'")
