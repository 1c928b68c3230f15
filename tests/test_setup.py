"""What the set-up scripts promise: which Python they take, and an environment that fits the folder it lies in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHELL = shutil.which("sh") or "/bin/sh"


class Machine:
    """A machine with nothing but a shell's tools and the Pythons that a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home of a person"
        self.path = folder / "bin"
        self.tools = folder / "tools"
        for made in (self.home, self.path, self.tools):
            made.mkdir()
        for tool in ("cut", "grep", "head", "sed", "sh"):
            (self.tools / tool).symlink_to(shutil.which(tool) or tool)
        self.extra: dict[str, str] = {}

    def program(self, path: Path, script: str) -> Path:
        """Put a program there that runs a line of shell."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{SHELL}\n{script}\n", "utf-8")
        path.chmod(0o755)
        return path

    def python(self, path: Path, version: str) -> Path:
        """Put a Python there: it answers the script's question as that version would."""
        return self.program(path, f"echo '{version} {path}'")

    def shim(self, name: str) -> Path:
        """Put a version manager's shim on PATH, for a version that is installed but not chosen."""
        return self.program(self.path / name, f"echo 'pyenv: {name}: command not found' >&2; exit 127")

    def managed(self, folder: str, version: str) -> Path:
        """Install a Python by a version manager into its folder below the home folder."""
        return self.python(self.home / folder / "bin" / f"python{version}", version)

    def find(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run scripts/find_python.sh on this machine."""
        environment = {"PATH": f"{self.path}:{self.tools}", "HOME": str(self.home), "SYSTEM_PYTHONS": "", **self.extra}
        command = [SHELL, str(ROOT / "scripts/find_python.sh"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without any Python."""
    return Machine(tmp_path)


def test_installed_version_is_found_behind_a_failing_shim(machine: Machine) -> None:
    """3.13 that pyenv holds is taken although the shim on PATH answers with an error and python3 is older."""
    machine.shim("python3.13")
    machine.python(machine.path / "python3", "3.11")
    held = machine.managed(".pyenv/versions/3.13.1", "3.13")
    found = machine.find()
    assert (found.returncode, found.stdout) == (0, f"{held}\n")
    assert found.stderr == f"Python 3.13: {held}\n"


@pytest.mark.parametrize(
    "folder",
    [
        ".pyenv/versions/3.13.0",
        ".asdf/installs/python/3.13.0",
        ".local/share/mise/installs/python/3.13",
        ".local/share/uv/python/cpython-3.13.0-linux-x86_64-gnu",
        ".rye/py/cpython@3.13.0",
        "miniforge3",
    ],
)
def test_every_version_manager_is_searched(machine: Machine, folder: str) -> None:
    """A 3.13 in any manager's own folder wins over the 3.12 on PATH."""
    machine.python(machine.path / "python3", "3.12")
    held = machine.managed(folder, "3.13")
    assert machine.find().stdout == f"{held}\n"


def test_manager_folder_named_by_the_environment_is_searched(machine: Machine) -> None:
    """Where a manager was told to keep its versions elsewhere, they are found there."""
    held = machine.python(machine.home / "tools/versions/3.13.2/bin/python3.13", "3.13")
    machine.extra = {"PYENV_ROOT": str(machine.home / "tools")}
    assert machine.find().stdout == f"{held}\n"


@pytest.mark.parametrize("name", ["python3.13", "python3", "python"])
def test_any_name_on_path_is_tried(machine: Machine, name: str) -> None:
    """3.13 on PATH is taken under each of its usual names."""
    held = machine.python(machine.path / name, "3.13")
    assert machine.find().stdout == f"{held}\n"


@pytest.mark.parametrize(("present", "taken"), [(("3.11", "3.12"), "3.12"), (("3.11",), "3.11")])
def test_older_python_is_taken_and_the_gap_is_said(machine: Machine, present: tuple[str, ...], taken: str) -> None:
    """Without 3.13 the newer of 3.12 and 3.11 is taken, and the Functions app is said to be unproved."""
    for version in present:
        machine.python(machine.path / f"python{version}", version)
    found = machine.find()
    assert found.stdout == f"{machine.path}/python{taken}\n"
    assert "The Functions app is not proved here" in found.stderr


def test_newer_python_is_the_last_resort(machine: Machine) -> None:
    """3.14 is taken only where nothing from 3.11 to 3.13 is there, and is said to be untested."""
    machine.python(machine.path / "python3.14", "3.14")
    assert "nothing is proved for 3.14" in machine.find().stderr
    machine.python(machine.path / "python3.11", "3.11")
    assert machine.find().stdout == f"{machine.path}/python3.11\n"


def test_no_usable_python_is_one_clear_sentence(machine: Machine) -> None:
    """With only an old Python and a broken one the script ends with 1 and says what is needed."""
    machine.python(machine.path / "python3", "3.9")
    machine.shim("python3.13")
    found = machine.find()
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("No usable Python found: Bounce Triage needs Python 3.11 or newer")


def test_one_version_can_be_asked_for(machine: Machine) -> None:
    """Asked for 3.12 the script gives that although 3.13 is there; asked for one that is not, nothing and 1."""
    machine.python(machine.path / "python3", "3.13")
    held = machine.managed(".pyenv/versions/3.12.9", "3.12")
    assert machine.find("3.12").stdout == f"{held}\n"
    assert (machine.find("3.11").returncode, machine.find("3.11").stdout) == (1, "")


def test_choice_by_hand_is_kept_or_refused(machine: Machine) -> None:
    """PYTHON=… decides, and one that does not run is refused rather than replaced."""
    machine.python(machine.path / "python3", "3.13")
    machine.extra = {"PYTHON": str(machine.managed("mine", "3.12"))}
    assert machine.find().stdout == f"{machine.extra['PYTHON']}\n"
    machine.extra = {"PYTHON": str(machine.shim("python3.12"))}
    refused = machine.find()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "cannot be used" in refused.stderr


def test_environment_answers_with_the_python_beneath_it(machine: Machine) -> None:
    """A virtual environment on PATH is not built upon: it may be the one that is about to be replaced."""
    machine.extra = {"PYTHON": sys.executable}
    assert Path(machine.find().stdout.strip()).resolve() == Path(sys.executable).resolve()
    assert not machine.find().stdout.startswith(str(ROOT / ".venv"))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what set-up needs, in a folder with spaces, with an environment left by another Python."""
    folder = tmp_path / "a clone with spaces"
    folder.mkdir()
    for name in ("pyproject.toml", "requirements-laptop.txt", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, folder)
    for name in ("scripts", "triage"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    left = folder / ".venv/bin"
    left.mkdir(parents=True)
    for name in ("python", "pip"):
        (left / name).write_text(f"#!{SHELL}\necho 3.10\n", "utf-8")
        (left / name).chmod(0o755)
    (folder / ".venv/pyvenv.cfg").write_text(f"command = python -m venv {folder}/.venv\n", "utf-8")
    return folder


@pytest.fixture
def set_up() -> Callable[[Path], "subprocess.CompletedProcess[str]"]:
    """Run the set-up in a folder, with the packages that `make test` has kept where it has."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    wheels = ROOT / "build" / f"wheels-{version}"
    kept = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels.as_uri()} if wheels.is_dir() else {}

    def run(folder: Path) -> "subprocess.CompletedProcess[str]":
        command = [SHELL, "scripts/set_up.sh", "run"]
        environment = {**os.environ, **kept, "PYTHON": sys.executable}
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
        )

    return run


def test_set_up_works_twice_and_after_a_move(
    clone: Path, set_up: Callable[[Path], "subprocess.CompletedProcess[str]"]
) -> None:
    """Another Python's environment is replaced; a second time nothing is done; a moved folder gets a new one."""
    first = set_up(clone)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("Making .venv anew")
    second = set_up(clone)
    assert (second.returncode, second.stdout) == (0, "")
    moved = clone.rename(clone.with_name("moved"))
    third = set_up(moved)
    assert third.stdout.startswith("Making .venv anew"), third.stderr
    said = subprocess.run(
        [moved / ".venv/bin/triage", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "diagnose" in said.stdout
