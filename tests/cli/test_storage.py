"""What the commands say of a storage account that cannot be used: one sentence, and who has to act."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import ROOT, run

LOCAL = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Zm9v;"
    "BlobEndpoint=http://127.0.0.1:9/devstoreaccount1;QueueEndpoint=http://127.0.0.1:9/devstoreaccount1"
)
"""Nobody listens on the port of the discard service (RFC 863) of a machine like this."""


@pytest.mark.parametrize("command", [("incidents",), ("poison", "list")])
@pytest.mark.parametrize(
    ("connection", "code", "words"),
    [("nonsense", 2, "is malformed"), (LOCAL, 1, "failed for now")],
    ids=["malformed", "nobody there"],
)
def test_a_storage_account_that_cannot_be_used_is_one_sentence(
    connection: str, code: int, words: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    """Wrong connection strings and services that do not answer end in a sentence, for blobs as for queues."""
    done = run(tmp_path, *command, TriageStorage=connection, encoding="utf-8")
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert line.startswith("triage: ")
    assert words in line
    assert "Zm9v" not in line


@pytest.mark.parametrize("command", [("incidents",), ("poison", "list")])
def test_without_azures_packages_the_command_that_brings_them_is_named(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    """`make run` installs none of Azure's packages: whoever sets an account is told what to run, by no public name."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['azure'] = None\n", encoding="utf-8")
    done = run(tmp_path, *command, TriageStorage=LOCAL, encoding="utf-8", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "pip install -r requirements.txt" in line


def test_without_an_identity_the_sentence_names_the_way_to_sign_in(tmp_path: Path) -> None:
    """A machine on which nobody is signed in is told so in one line; what was tried stays out of it."""
    program = (
        "import sys\n"
        "from triage.azure_storage import Account, blob_service, in_our_words\n"
        "from triage.errors import TriageError\n"
        "try:\n"
        "    with in_our_words('reading store'):\n"
        "        list(blob_service(Account(url='https://nobody.invalid')).list_containers())\n"
        "except TriageError as error:\n"
        "    sys.exit(f'{error.exit_code} {error}')\n"
    )
    (tmp_path / "sign.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "sign.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path), "AZURE_TOKEN_CREDENTIALS": "dev"},
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith("2 Nobody gives a token for Azure Storage")
    assert "az login" in line
