"""What scripts/check.sh makes of its checks: one word for each, a list of gaps, and an exit code that CI can trust."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHELL = shutil.which("sh") or "/bin/sh"
TOOLS = ("coverage", "lint-imports", "mypy", "python", "ruff", "triage")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def program(path: Path, script: str) -> None:
    """Put a program there that runs some shell."""
    path.write_text(f"#!{SHELL}\n{script}\n", "utf-8")
    path.chmod(0o755)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the checks in a folder whose tools all pass, but for those that a test makes fail."""
    folder = tmp_path / "a clone"
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / "build").mkdir()
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    program(folder / "scripts/prove_runtime_alone.sh", "exit 0")
    for tool in TOOLS:
        program(folder / ".venv/bin" / tool, f'echo "{tool} $*" >>build/calls; echo "4 passed in 0.10s"')

    def check(missing: str = "", failing: str = "", ci: str = "") -> "subprocess.CompletedProcess[str]":
        (folder / "build/missing").write_text(missing, "utf-8")
        if failing:
            program(folder / ".venv/bin" / failing, "echo 1 failed; exit 1")
        environment = {"PATH": os.environ["PATH"], "CI": ci}
        command = [SHELL, "scripts/check.sh"]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        done.stderr += (folder / "build/calls").read_text("utf-8")
        return done

    return check


def test_everything_proved_is_said_and_passes(run: Run) -> None:
    """With nothing missing and every check passed, the end says so and the last line is pytest's own."""
    done = run(ci="true")
    assert done.returncode == 0
    assert "\nEverything was proved.\n" in done.stdout
    assert "FAILED" not in done.stdout
    assert done.stdout.splitlines()[-1] == "4 passed in 0.10s"


@pytest.mark.parametrize("tool", TOOLS)
def test_one_failing_check_fails_the_whole(run: Run, tool: str) -> None:
    """Whichever tool fails, the others still run, the summary names it, and the exit code is 1."""
    done = run(failing=tool)
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert done.stdout.count("\n==== ") == 11
    assert "Everything was proved" not in done.stdout


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
@pytest.mark.parametrize("kind", ["needs_chromium", "must"])
def test_missing_part_is_listed_and_fails_only_in_ci(run: Run, kind: str, ci: str, code: int) -> None:
    """What the set-up could not get is listed in plain words; on a laptop that passes, in CI it does not."""
    done = run(missing=f"{kind}\tA card as a browser draws it.\n", ci=ci)
    assert done.returncode == code
    assert "Not proved:\n  - A card as a browser draws it.\n" in done.stdout


def test_python_that_a_machine_lacks_does_not_fail_ci(run: Run) -> None:
    """The older Pythons are proved where they exist; where not, the gap is listed and CI passes."""
    done = run(missing="may\tThe command on Python 3.11: that version is not on this machine.\n", ci="true")
    assert done.returncode == 0
    assert "  - The command on Python 3.11" in done.stdout


def test_tests_of_missing_parts_are_left_out_by_marker(run: Run) -> None:
    """Tests are left out by the markers of the missing parts, each once, and never skipped from within."""
    done = run(missing="needs_hivex\tA.\nneeds_chromium\tB.\nneeds_hivex\tC.\nmay\tD.\n")
    marked = "coverage run -m pytest --durations=8 -m not needs_chromium and not needs_hivex "
    runs = sorted(line.removeprefix(marked) for line in done.stderr.splitlines() if line.startswith(marked))
    assert len(runs) == 3
    others, *parts = runs
    folders = [folder for part in parts for folder in part.split()]
    assert sorted(others.split()) == sorted(["tests", *(f"--ignore={folder}" for folder in folders)])
    assert all((ROOT / folder).is_dir() for folder in folders)


@pytest.mark.parametrize("part", [" tests/cli ", " tests/group ", " --ignore"])
def test_a_failure_in_any_part_of_the_tests_fails_the_whole(run: Run, tmp_path: Path, part: str) -> None:
    """The tests run in three parts side by side; one of them that fails is enough, and its words are shown."""
    run()
    coverage = tmp_path / "a clone/.venv/bin/coverage"
    program(coverage, f'case " $* " in *"{part}"*) echo "this part failed"; exit 1;; esac; echo "4 passed in 0.10s"')
    command = [SHELL, "scripts/check.sh"]
    done = subprocess.run(
        command,
        cwd=tmp_path / "a clone",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "this part failed" in done.stdout


def test_functions_app_is_left_out_where_azure_is_missing(run: Run) -> None:
    """Without Azure's packages the app is neither type-checked nor imported, and the summary does not claim it."""
    done = run(missing="needs_functions\tThe Functions app.\n")
    assert "The Functions app imports" not in done.stdout
    assert "mypy triage tests scripts bench fuzz\n" in done.stderr
