"""azure-functions-doctor finds nothing on the tree as it is deployed, with the Bicep files beside it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infra.bicep import INFRA

ROOT = INFRA.parent
DEPLOYED = ("function_app.py", "host.json", "requirements.txt", ".funcignore")
EXPLAINED = {
    # what a person's machine has or has not, and nothing of the project's
    "Virtual environment": "the judged copy has none; scripts/set_up.sh makes one in the project",
    "local.settings.json": "is each developer's own and is not in the repository",
    "Azure Functions Core Tools (func)": "not needed: the tests run the worker's own library",
    "Azure Functions Core Tools version": "not needed: the tests run the worker's own library",
    # what the doctor looks for in local.settings.json alone
    "Application Insights configuration": "the deployment sets it: tests/infra/test_posture.py",
    # true, and meant
    "Native dependency risk": "cryptography comes as a wheel for Linux, and the remote build runs there",
}
"""Warnings that stand, each with its reason."""

pytestmark = pytest.mark.needs_functions


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Give the doctor's findings by label."""
    folder = tmp_path_factory.mktemp("patient")
    for name in DEPLOYED:
        shutil.copy(ROOT / name, folder)
    for name in ("triage", "infra"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    doctor = Path(sys.executable).with_name("azure-functions-doctor")
    done = subprocess.run(
        [str(doctor), "doctor", "--path", str(folder), "--format", "json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    sections = json.loads(done.stdout)["results"]
    return {item["label"]: item for section in sections for item in section["items"]}


def test_nothing_fails_and_each_warning_is_explained(found: dict[str, dict[str, Any]]) -> None:
    """No check fails, and a warning without a reason here is a finding."""
    assert [label for label, item in found.items() if item["status"] not in {"pass", "skip", "warn"}] == []
    assert {label for label, item in found.items() if item["status"] == "warn"} <= set(EXPLAINED)


@pytest.mark.parametrize(
    "label", ["Binding connection resolution", "Hosting plan lifecycle", "Flex Consumption deprecated app settings"]
)
def test_doctor_has_seen_the_deployment(found: dict[str, dict[str, Any]], label: str) -> None:
    """The checks that need the Bicep files were made, and passed."""
    assert found[label]["status"] == "pass", found[label]
