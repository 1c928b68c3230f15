"""`triage letter`, `triage note` and `triage texts check` as a person runs them."""

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run
from tests.conftest import Ndr

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with settings of its own."""
    made = tmp_path_factory.mktemp("drafts")
    (made / "triage.toml").write_text('[ours]\ndomains = ["contoso.example"]\n', encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def triage(folder: Path) -> Run:
    """Give a function that runs `triage` there."""
    return partial(run, folder)


@pytest.fixture(scope="module")
def incidents(triage: Run, folder: Path) -> dict[str, str]:
    """Give the ids of two incidents: one that a partner has to mend, and one that the sender has to."""
    import json

    done = triage("run", str(ROOT / "examples"), "--out", "out")
    assert done.returncode == 0
    listed = json.loads((folder / "out" / "incidents.json").read_bytes())
    found: dict[str, Any] = {one["verdict"]["actor"]: one["id"] for one in listed}
    return {"partner": found["partner-postmaster"], "sender": found["sender"], "ours": found["mail-team"]}


def test_a_letter_lies_beside_the_ticket_of_a_partner_s_fault(incidents: dict[str, str], folder: Path) -> None:
    """`letter.txt` is written where the partner's postmaster has to act, and nowhere else."""
    written = {path.parent.name for path in (folder / "out").glob("*/letter.txt")}
    assert written == {incidents["partner"]}


def test_what_an_earlier_verdict_offered_is_taken_away(triage: Run, incidents: dict[str, str], folder: Path) -> None:
    """A letter, a script and a .reg file that this verdict does not offer go; a file of somebody's own stays."""
    place = folder / "out" / incidents["sender"]
    for name in ("letter.txt", "tls12-old.ps1", "tls12-old.reg", "notes.txt"):
        (place / name).write_text("x", encoding="utf-8")
    assert triage("run", str(ROOT / "examples"), "--out", "out").returncode == 0
    names = {path.name for path in place.iterdir()}
    assert names == {"teams.json", "ticket.md", "ticket.html", "affected.csv", "notes.txt"}


def test_a_letter_is_printed_as_a_draft(triage: Run, incidents: dict[str, str]) -> None:
    """It says first that nothing was sent, and names the partner's postmaster."""
    done = triage("letter", incidents["partner"][:4])
    assert (done.returncode, done.stderr) == (0, b"")
    told = done.stdout.decode()
    assert told.startswith(f"DRAFT for incident {incidents['partner']}")
    assert "\nTo: postmaster@northwind.example\n" in told.replace("\r\n", "\n")


def test_a_letter_is_written_in_the_language_asked_for(triage: Run, incidents: dict[str, str], folder: Path) -> None:
    """`--language sk --out FILE` writes UTF-8, and says that it is a draft."""
    done = triage("letter", incidents["partner"], "--language", "sk", "--out", "list.txt")
    assert (done.returncode, done.stdout) == (
        0,
        b"A draft was written to list.txt. Nothing was sent." + os.linesep.encode(),
    )
    assert (folder / "list.txt").read_text(encoding="utf-8").startswith("KONCEPT k incidentu")


def test_where_the_partner_need_not_act_the_answer_is_who_must(triage: Run, incidents: dict[str, str]) -> None:
    """No letter, a sentence on standard error, exit code 2."""
    done = triage("letter", incidents["ours"])
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"our mail team has to act, not a partner" in done.stderr
    done = triage("letter", incidents["sender"])
    assert b"the sender has to act; `triage note`" in done.stderr


def test_a_note_tells_the_sender_what_happened(triage: Run, incidents: dict[str, str]) -> None:
    """The kind follows from the incident, or is asked for by name."""
    assert b"does not know the address" in triage("note", incidents["sender"]).stdout
    assert b"is larger than" in triage("note", incidents["sender"], "--kind", "too-large").stdout
    assert "neexistuje" in triage("note", incidents["sender"], "--language", "sk").stdout.decode()


@pytest.fixture(scope="module")
def bounced(triage: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Give the incident of each bounce, by the language that it tells, in a store of their own under Slovak settings."""
    import json

    made = tmp_path_factory.mktemp("languages")
    (made / "in").mkdir()
    (made / "sk.toml").write_text('locale = "sk"\n[ours]\ndomains = ["contoso.example"]\n', encoding="utf-8")
    for number, tag in enumerate(("en-US", "de-DE", "")):
        report = Ndr(
            recipient=f"anna@fabrikam{number}.example", receiving=f"mx.fabrikam{number}.example",
            message_id=f"m{number}@contoso.example", status="5.1.1", cause=None,
            diagnostic="smtp;550 5.1.1 User unknown", final_line="550 5.1.1 User unknown",
        )  # fmt: skip
        told = report.text().replace(
            "MIME-Version:", f"Content-Language: {tag}\r\nMIME-Version:" if tag else "MIME-Version:"
        )
        (made / "in" / f"{number}.eml").write_text(told, encoding="utf-8", newline="")
    options = ("--settings", str(made / "sk.toml"), "--store", str(made / "store.sqlite"))
    assert triage("run", str(made / "in"), "--out", str(made / "out"), *options).returncode == 0
    found = json.loads((made / "out" / "incidents.json").read_bytes())
    assert len(found) == 3
    ids = {one["ends"]["receiving"] or one["ends"]["domain"]: one["id"] for one in found}
    return {"settings": str(made / "sk.toml"), "store": str(made / "store.sqlite"), **ids}


@pytest.mark.parametrize(
    ("number", "arguments", "told"),
    [
        (0, [], "DRAFT for incident"),
        (0, ["--recipient", "anna@fabrikam0.example"], "Your message to"),
        (0, ["--language", "sk"], "KONCEPT k incidentu"),
        (1, [], "KONCEPT k incidentu"),
        (2, [], "KONCEPT k incidentu"),
        (2, ["--recipient", "anna@fabrikam2.example"], "Vaša správa pre"),
        (2, ["--language", "en"], "DRAFT for incident"),
    ],
    ids=["its own", "of the message", "asked for", "no texts in it", "not known", "not known, of it", "asked for too"],
)
def test_a_note_takes_the_language_of_the_bounce(
    triage: Run, bounced: dict[str, str], number: int, arguments: list[str], told: str
) -> None:
    """The language that is asked for, else that of the bounce where there are texts in it, else the setting's."""
    (incident,) = (one for name, one in bounced.items() if f"fabrikam{number}.example" in name)
    where = ("--settings", bounced["settings"], "--store", bounced["store"])
    done = triage("note", incident, *arguments, *where)
    assert done.returncode == 0
    assert told in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--kind", "nonsense"], "There is no note “nonsense”; there are: returned, waiting"),
        (["--recipient", "x@fabrikam.example"], "No message to x@fabrikam.example"),
        (["--language", "xx"], "There are no texts for the locale 'xx'; there are: en, sk"),
        (["--out", "nowhere/note.txt"], "The draft cannot be written to nowhere"),
    ],
)
def test_wrong_use_is_a_sentence(triage: Run, incidents: dict[str, str], arguments: list[str], told: str) -> None:
    """Exit code 2 and one sentence on standard error, for each thing that does not exist."""
    done = triage("note", incidents["sender"], *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert told in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_texts_are_checked_by_language(triage: Run) -> None:
    """`triage texts check` says what holds; a language that is not there is named, with those that are."""
    done = triage("texts", "check", "en")
    assert (done.returncode, done.stdout.decode().strip()) == (0, "The texts of en hold.")
    done = triage("texts", "check", "xx")
    assert (done.returncode, b"there are: en, sk" in done.stderr) == (2, True)


def test_a_step_whose_original_changed_is_listed(triage: Run, folder: Path) -> None:
    """Exit code 1, and the file and step that somebody has to translate again."""
    site = folder / "site"
    (site / "sk").mkdir(parents=True)
    (site / "sk" / "dns.md").write_text('### Starý krok\n<!-- of = "0123456789ab" -->\n\nText.\n', encoding="utf-8")
    (folder / "site.toml").write_text('runbooks = "site"\n', encoding="utf-8")
    done = triage("texts", "check", "sk", "--settings", "site.toml")
    assert done.returncode == 1
    told = "sk: sk/dns.md: the original of “Starý krok” changed or is gone; it is printed in English"
    assert told in done.stdout.decode().splitlines()


def test_what_is_to_be_translated_is_printed(triage: Run) -> None:
    """`triage texts steps` gives each step of a runbook with its digest, ready to be written over."""
    told = triage("texts", "steps", "xx", "greylisted").stdout.decode()
    assert told.startswith("+++\ntitle = ")
    assert "\n### " in told
    assert '<!-- of = "' in told
    assert triage("texts", "steps", "xx", "nonsense").returncode == 2
