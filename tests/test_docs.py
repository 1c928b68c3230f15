"""What the documentation shows is what the program does."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)")
ANY_LINES = "…"


def blocks(kind: str) -> list[Any]:
    """Give every fenced block of a kind in the documentation."""
    found = []
    for page in PAGES:
        for number, (name, body) in enumerate(FENCE.findall(page.read_text(encoding="utf-8"))):
            if name == kind:
                found.append(pytest.param(body, id=f"{page.relative_to(ROOT)}-{number}"))
    return found


def runs(body: str) -> list[tuple[str, list[str]]]:
    """Split a console block into commands and the lines that each is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found:
            found[-1][1].append(line)
    return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the examples, in which commands may write."""
    folder = tmp_path_factory.mktemp("a clone")
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


@pytest.mark.parametrize("body", blocks("console"))
def test_a_documented_command_prints_what_is_shown(body: str, clone: Path) -> None:
    """Each `$ triage …`, or `$ echo … | triage …`, prints the lines below it; a line of `…` stands for any lines."""
    for command, expected in runs(body):
        arguments = shlex.split(command)
        piped = None
        if arguments[0] == "echo":
            _, piped, pipe, *arguments = arguments
            assert pipe == "|", command
        assert arguments[0] == "triage", command
        done = subprocess.run(
            [sys.executable, "-m", "triage", *arguments[1:]],
            cwd=clone,
            input=f"{piped}\n" if piped is not None else None,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
            env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "PATH": "/usr/bin:/bin"},
        )
        assert (done.stderr, done.returncode) == ("", 0)
        pattern = "\n".join(".*" if line == ANY_LINES else re.escape(line.rstrip()) for line in expected)
        printed = "\n".join(line.rstrip().expandtabs() for line in done.stdout.splitlines())
        assert re.fullmatch(pattern.replace("\\\t", "\t").expandtabs(), printed, re.DOTALL), printed


@pytest.mark.parametrize("body", blocks("toml"))
def test_documented_toml_is_toml(body: str) -> None:
    """Each TOML example can be read."""
    assert tomllib.loads(body)


@pytest.mark.parametrize("body", blocks("json"))
def test_documented_json_is_json(body: str) -> None:
    """Each JSON example can be read."""
    assert json.loads(body)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A link to a file of ours names a file that exists."""
    links = [
        link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link and "mailto:" not in link
    ]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_settings_page_is_up_to_date() -> None:
    """docs/settings.md is what `triage settings --markdown` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "triage", "settings", "--markdown"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == done.stdout.decode()


def test_the_command_page_is_up_to_date() -> None:
    """docs/commands.md is what the commands say of themselves, each with a help text."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.page()
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == page
    assert re.findall(r"^\| `[^`]*` \|  \|$", page, re.MULTILINE) == []


def test_every_page_can_be_reached() -> None:
    """Each page is linked from the README or from the index of the documentation."""
    index = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [page for page in PAGES if page.parent.name == "docs" and page.name != "README.md"]
    assert [page.name for page in pages if page.name not in index] == []
