"""Checkov judges the Bicep files, without a network."""

import json
import os
import shutil
import subprocess
from typing import Any

import pytest

from tests.infra.bicep import INFRA

ROOT = INFRA.parent
CHECKOV = ROOT / "build/checkov/bin/python"
NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: whatever checkov would fetch, fails."""

OPEN_TO_ALL = """
resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: 'opentoall'
  location: 'westeurope'
  properties: {
    supportsHttpsTrafficOnly: false
  }
}
"""

pytestmark = pytest.mark.needs_checkov


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Give checkov's report on a copy of infra/ with one bad file added."""
    folder = tmp_path_factory.mktemp("judged") / "infra"
    shutil.copytree(INFRA, folder)
    (folder / "bad.bicep").write_text(OPEN_TO_ALL, "utf-8")
    command = [
        str(CHECKOV),
        "-m",
        "checkov.main",
        "--directory",
        str(folder),
        "--framework",
        "bicep",
        "--skip-download",
    ]
    done = subprocess.run(
        [*command, "--compact", "--output", "json"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(folder.parent), "http_proxy": NOWHERE, "https_proxy": NOWHERE},
    )
    assert "Failed to run check" not in done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_every_file_was_judged(report: dict[str, Any]) -> None:
    """Checkov brings a pycep of its own, and could parse each file with it."""
    assert report["results"]["parsing_errors"] == []
    resources = sum(path.read_text("utf-8").count("\nresource ") for path in INFRA.rglob("*.bicep"))
    assert report["summary"]["resource_count"] >= resources


def test_nothing_is_found(report: dict[str, Any]) -> None:
    """There is no finding but those on the file that is there to be found."""
    found = {(one["file_path"], one["check_id"]) for one in report["results"]["failed_checks"]}
    assert ("/bad.bicep", "CKV_AZURE_3") in found  # https only
    assert {one for one in found if one[0] != "/bad.bicep"} == set()


def test_every_exception_says_why(report: dict[str, Any]) -> None:
    """What is passed over has a reason of some words beside it, in the file itself."""
    skipped = report["results"]["skipped_checks"]
    assert skipped
    short = [one["check_id"] for one in skipped if len(one["check_result"]["suppress_comment"].split()) < 5]
    assert short == []
