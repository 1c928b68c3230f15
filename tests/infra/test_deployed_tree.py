"""What .funcignore leaves is all that the app needs."""

import fnmatch
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA
from tests.test_project import our_files

ROOT = INFRA.parent
ASKED = """
import json, pathlib, sys
sys.path.insert(0, ".")
import function_app, triage
from triage.wiring import diagnose_bytes, load_settings, parts_of
parts_of(load_settings())
lines = diagnose_bytes(pathlib.Path(sys.argv[1]).read_bytes(), "http").splitlines()
print(json.dumps({
    "functions": [one.get_function_name() for one in function_app.app.get_functions()],
    "triage": triage.__file__,
    "kinds": [json.loads(line)["kind"] for line in lines],
}))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a copy of what is sent: a pattern without a slash is for files and folders at any depth."""
    patterns = [line for line in (ROOT / ".funcignore").read_text("utf-8").splitlines() if line and line[0] != "#"]
    for path in our_files():
        parts = path.relative_to(ROOT).parts
        if not any(fnmatch.fnmatch(part, pattern) for part in parts for pattern in patterns):
            (tmp_path / Path(*parts)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / Path(*parts))
    return tmp_path


@pytest.mark.needs_functions
def test_deployed_tree_does_its_work_alone(tree: Path) -> None:
    """The tree as it is sent is imported and diagnoses a message: rules, runbooks and texts are all in it."""
    message = ROOT / "examples/mailbox/01-returned.eml"
    done = subprocess.run(
        [sys.executable, "-I", "-c", ASKED, str(message)],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert Path(said["triage"]).is_relative_to(tree)
    assert "diagnose" in said["functions"]
    assert said["kinds"] == ["bounce"]


def test_nothing_of_anybodys_machine_is_sent(tree: Path) -> None:
    """No hidden file, no settings file of a developer, nothing of infra/ or tests/ is in the tree."""
    sent = {path.relative_to(tree).parts[0] for path in tree.rglob("*") if path.is_file()}
    assert sent == {"function_app.py", "host.json", "requirements.txt", "triage"}
    assert [path for path in tree.rglob("*") if path.name.startswith(".") or path.name == "local.settings.json"] == []


def test_the_page_tells_how_many_packages_are_built() -> None:
    """The number that docs/deploy.md gives for the build in Azure is that of the list which Azure installs."""
    listed = [line for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines() if "==" in line]
    assert f"{len(listed)} packages, all of them wheels" in (ROOT / "docs" / "deploy.md").read_text("utf-8")
