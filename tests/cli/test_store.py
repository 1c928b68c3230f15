"""`triage store`: what an operator types and reads."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run
from triage.group import SqliteDocuments

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def triage(tmp_path: Path, ndr: Callable[..., Any]) -> Run:
    """Give a function that runs `triage` in a folder with settings and three bounces of one fault."""
    (tmp_path / "triage.toml").write_text('[ours]\ndomains = ["contoso.example"]\n', encoding="utf-8")
    (tmp_path / "mail").mkdir()
    for number in range(3):
        report = ndr(recipient=f"user{number}@fabrikam.example", message_id=f"m{number}@contoso.example")
        (tmp_path / "mail" / f"{number}.eml").write_bytes(bytes(report))
    return partial(run, tmp_path)


def said(done: subprocess.CompletedProcess[bytes]) -> tuple[int, list[str], list[str]]:
    """Give exit code, lines of output and lines of errors."""
    return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode().splitlines()


def test_an_audit_that_finds_nothing_says_so(triage: Run) -> None:
    """A sound store gives one line and exit code 0; there is no store to audit before there is one."""
    assert said(triage("store", "audit"))[0] == 2
    triage("run", "mail")
    line = "1 incidents counted again from 3 readings: no difference."
    assert said(triage("store", "audit")) == (0, [line], [])


def test_an_audit_names_each_difference_and_fails(triage: Run, tmp_path: Path) -> None:
    """A reading that is lost is named with the incident, and the exit code tells a script."""
    triage("run", "mail")
    with SqliteDocuments(tmp_path / "triage.sqlite") as documents:
        lost = next(documents.list("reading/")).key
        (incident,) = (one.key.removeprefix("incident/") for one in documents.list("incident/"))
        documents.delete(lost)
    code, lines, hints = said(triage("store", "audit"))
    assert code == 1
    assert "the settings" in hints[0]
    assert f"{incident} counts.returned: stored 3, recomputed 2" in lines
    assert f"{incident} reading: stored {lost.removeprefix('reading/')[:32]}…, recomputed nothing" in lines
    assert lines[-1].endswith("differences.")


def test_an_audit_tells_which_tickets_outlived_their_incidents(triage: Run, tmp_path: Path) -> None:
    """A ticket that is open and has no incident any more is counted, and is no fault; a row that is damaged is one."""
    triage("run", "mail")
    with SqliteDocuments(tmp_path / "triage.sqlite") as documents:
        documents.put("ticket/jira/at/AAAAAAAA", b'{"id":"AAAAAAAA","state":"open","members":{"AAAAAAAA":false}}', None)
        documents.put("ticket/jira/at/BBBBBBBB", b'{"id":"BBBBBBBB","state":"closed","members":{}}', None)
    line = "1 of 2 tickets are open as far as we know, and their incidents past retention."
    code, lines, _ = said(triage("store", "audit"))
    assert (code, lines[0]) == (0, line)
    with SqliteDocuments(tmp_path / "triage.sqlite") as documents:
        documents.put("ticket/jira/at/CCCCCCCC", b"{}", None)
    code, lines, _ = said(triage("store", "audit"))
    assert code == 1
    assert lines[0].startswith("ticket/jira/at/CCCCCCCC document: stored damaged: ")


def test_the_export_is_files_or_a_stream(triage: Run, tmp_path: Path) -> None:
    """A folder gets a file for each kind, standard output the same lines, each a JSON object."""
    triage("run", "mail")
    code, lines, _ = said(triage("store", "export", "dump"))
    assert (code, lines) == (0, ["1 incidents, 3 readings, 3 inputs, 2 others: dump"])
    in_files = [
        line
        for name in ("incidents", "inputs", "others", "readings")
        for line in _lines(tmp_path / "dump" / f"{name}.jsonl")
    ]
    streamed = triage("store", "export", "-").stdout.splitlines()
    assert streamed == in_files
    assert json.loads(streamed[0])["incident"]["counts"]["returned"] == 3
    (tmp_path / "taken").write_bytes(b"")
    assert said(triage("store", "export", "taken"))[0] == 2


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def test_a_store_is_rebuilt_and_what_is_missing_is_named(triage: Run, tmp_path: Path) -> None:
    """The new store has the old one's counts; an input that is gone is named, and the exit code tells it."""
    triage("run", "mail")
    assert said(triage("store", "rebuild", "--from", "triage.sqlite", "--store", "new.sqlite")) == (
        0,
        ["3 inputs read again; 0 missing."],
        [],
    )
    old, new = (
        json.loads(triage("incidents", "--json", "--store", f"{name}.sqlite").stdout) for name in ("triage", "new")
    )
    assert old == new
    (tmp_path / "mail" / "1.eml").unlink()
    code, lines, errors = said(triage("store", "rebuild", "--from", "triage.sqlite", "--store", "third.sqlite"))
    assert (code, lines) == (1, ["2 inputs read again; 1 missing."])
    assert len(errors) == 1
    assert errors[0].startswith("missing: mail/1.eml (")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [("nowhere.sqlite", "There is no folder nowhere.sqlite"), ("inbox", "No storage account is set")],
)
def test_a_journal_that_is_not_there_is_told(triage: Run, source: str, sentence: str) -> None:
    """A wrong `--from` is a sentence and exit code 2, and no store is made."""
    code, _, errors = said(triage("store", "rebuild", "--from", source, "--store", "new.sqlite"))
    assert code == 2
    assert sentence in errors[0]


def test_retention_says_what_it_removed(triage: Run) -> None:
    """A fresh store loses nothing, and the command says so."""
    triage("run", "mail")
    line = "Removed: 0 raw inputs, the bytes of 0 journal entries, 0 entries, 0 readings, 0 incidents, 0 rows of closed tickets."
    assert said(triage("store", "retain")) == (0, [line], [])


@pytest.mark.needs_node
def test_the_commands_work_on_the_cloud_store(triage: Run, tmp_path: Path, azurite: Any, service: Any) -> None:
    """With the connection in the environment, all of it lives in containers, and no file is made."""
    cloud = {"TriageStorage": azurite.connection()}
    inbox = service(cloud["TriageStorage"]).create_container("inbox")
    for path in (tmp_path / "mail").iterdir():
        inbox.upload_blob(f"mailbox/2026-10-20/{path.name}", path.read_bytes())
    code, lines, _ = said(triage("store", "rebuild", "--from", "inbox", **cloud))
    assert (code, lines) == (0, ["3 inputs read again; 0 missing."])
    code, lines, _ = said(triage("run", "mail", "--out", "out", **cloud))
    assert (code, lines[0]) == (0, "3 documents read: 3 bounce; 3 of them counted before.")
    assert lines[-1].startswith("One of them here: ")
    assert lines[-1].endswith(" show <id>")
    line = "1 incidents counted again from 3 readings: no difference."
    assert said(triage("store", "audit", **cloud)) == (0, [line], [])
    again = {**cloud, "TRIAGE_STORAGE__CONTAINER": "second"}
    assert said(triage("store", "rebuild", "--from", "inbox", **again))[0] == 0
    assert list(tmp_path.glob("*.sqlite")) == []
