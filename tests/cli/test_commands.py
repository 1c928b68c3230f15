"""The commands as a person runs them: what they print, where, and their exit codes."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run

ROOT = Path(__file__).parents[2]
SETTINGS = '[ours]\ndomains = ["contoso.example"]\n'
Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def triage(tmp_path: Path) -> Run:
    """Give a function that runs `triage` in an empty folder with settings of its own."""
    (tmp_path / "triage.toml").write_text(SETTINGS, encoding="utf-8")
    return partial(run, tmp_path)


@pytest.fixture
def mail(tmp_path: Path, ndr: Callable[..., Any]) -> Path:
    """Give a folder with three bounces of one fault and one of another."""
    folder = tmp_path / "mail"
    folder.mkdir()
    for number in range(3):
        report = ndr(recipient=f"user{number}@fabrikam.example", message_id=f"m{number}@contoso.example")
        (folder / f"{number}.eml").write_bytes(bytes(report))
    unknown = ndr(
        cause=None,
        receiving=None,
        message_id="u@contoso.example",
        status="5.1.1",
        remote_mta="mx.litware.example",
        recipient="nobody@litware.example",
        diagnostic="smtp;550 5.1.1 User unknown",
        final_line="550 5.1.1 User unknown",
    )
    (folder / "u.eml").write_bytes(bytes(unknown))
    return folder


def test_run_writes_a_folder_for_each_incident(triage: Run, mail: Path, tmp_path: Path) -> None:
    """One fault, one folder: card, ticket and list beside incidents.json."""
    done = triage("run", "mail", "--out", "out")
    assert (done.returncode, done.stderr) == (0, b"")
    listed = json.loads((tmp_path / "out" / "incidents.json").read_bytes())
    assert sorted(one["counts"]["returned"] for one in listed) == [1, 3]
    for one in listed:
        names = {path.name for path in (tmp_path / "out" / one["id"]).iterdir()}
        assert names >= {"teams.json", "ticket.md", "ticket.html", "affected.csv"}


def test_show_writes_the_files_that_a_ticket_elsewhere_names(triage: Run, tmp_path: Path) -> None:
    """A ticket in another system has no attachments: the change it prints lies in the folder that `--out` names."""
    gateway = (ROOT / "examples/mailbox/13-gateway-demands-tls12.eml").read_bytes()
    (tmp_path / "one.eml").write_bytes(gateway)
    triage("run", "one.eml")
    (listed,) = json.loads(triage("incidents", "--json").stdout)
    done = triage("show", listed["id"], "--out", "files")
    folder = tmp_path / "files" / listed["id"]
    assert done.stdout.startswith(b"# ")
    assert str(Path("files") / listed["id"]) in done.stderr.decode()
    assert {path.suffix for path in folder.glob("tls12-*")} == {".reg", ".ps1"}
    assert (folder / "ticket.md").read_bytes().strip() == done.stdout.strip()
    (tmp_path / "taken").write_bytes(b"")
    assert triage("show", listed["id"], "--out", "taken").returncode == 2


def test_run_says_how_to_call_it_again(mail: Path, tmp_path: Path) -> None:
    """The command that it names for a ticket in the terminal can be typed as it stands, wherever it is installed."""
    entry = Path(sys.executable).parent / "triage"
    ran = subprocess.run(
        [entry, "run", str(mail), "--out", "out"],
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    named = next(line for line in ran.stdout.splitlines() if line.startswith("One of them here: ")).partition(": ")[2]
    incident = json.loads((tmp_path / "out" / "incidents.json").read_bytes())[0]["id"]
    shown = subprocess.run(
        ["/bin/sh", "-c", named.replace("<id>", incident)],
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert incident in shown.stdout


def test_incidents_json_has_the_fields_of_the_contract(triage: Run, mail: Path, tmp_path: Path) -> None:
    """What other programs read has every field that the contract names."""
    triage("run", "mail", "--out", "out")
    (first, *_) = json.loads((tmp_path / "out" / "incidents.json").read_bytes())
    assert set(first) >= {
        "id", "state", "family", "ends", "verdict", "counts", "recipients", "senders", "domains",
        "first_seen", "last_seen", "changes",
    }  # fmt: skip
    assert set(first["counts"]) == {"returned", "waiting", "sessions", "sent_unencrypted"}
    assert set(first["ends"]) == {"sending", "receiving"}


def test_a_second_run_says_that_all_was_known(triage: Run, mail: Path, tmp_path: Path) -> None:
    """The same folder again counts nothing twice, and says so."""
    triage("run", "mail", "--out", "out")
    before = json.loads((tmp_path / "out" / "incidents.json").read_bytes())
    again = triage("run", "mail", "--out", "out")
    assert b"4 of them counted before" in again.stdout
    assert json.loads((tmp_path / "out" / "incidents.json").read_bytes()) == before


def test_the_list_of_affected_mail_is_a_table_that_opens(triage: Run, mail: Path, tmp_path: Path) -> None:
    """affected.csv has a row for each message, with the recipient in full."""
    triage("run", "mail", "--out", "out")
    rows = [
        row
        for path in (tmp_path / "out").glob("*/affected.csv")
        for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
    ]
    assert sorted(row["recipient"] for row in rows) == [
        "nobody@litware.example", "user0@fabrikam.example", "user1@fabrikam.example", "user2@fabrikam.example",
    ]  # fmt: skip


def test_cards_hide_recipients_and_tickets_show_them(triage: Run, mail: Path, tmp_path: Path) -> None:
    """By default a card names no recipient; the ticket, a local file, does."""
    triage("run", "mail", "--out", "out")
    cards = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*/teams.json"))
    tickets = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*/ticket.md"))
    assert "user0@" not in cards
    assert "Offer 4711" not in cards
    assert "user0@fabrikam.example" in tickets


def test_one_setting_hides_them_everywhere(triage: Run, mail: Path, tmp_path: Path) -> None:
    """`redact = "all"` takes recipients and subjects out of the tickets too."""
    (tmp_path / "triage.toml").write_text('redact = "all"\n' + SETTINGS, encoding="utf-8")
    triage("run", "mail", "--out", "out")
    for path in [*(tmp_path / "out").glob("*/ticket.md"), *(tmp_path / "out").glob("*/ticket.html")]:
        assert "user0@" not in path.read_text(encoding="utf-8")
        assert "Offer 4711" not in path.read_text(encoding="utf-8")


def test_an_unreadable_file_is_named_and_the_rest_is_done(triage: Run, mail: Path) -> None:
    """Exit code 1, the file and the reason on standard error, and the other incidents as before."""
    (mail / "broken.zip").write_bytes(b"PK\x03\x04 this is no archive")
    done = triage("run", "mail")
    assert done.returncode == 1
    assert b"broken.zip" in done.stderr
    assert b"Traceback" not in done.stderr
    assert (
        b"fabrikam" in triage("incidents", "--json").stdout
        or b"exchange-online" in triage("incidents", "--json").stdout
    )


@pytest.mark.parametrize(
    "arguments",
    [("run",), ("run", "none.eml"), ("show", "XYZ"), ("run", "mail", "--settings", "none.toml"), ("frobnicate",)],
    ids=["no path", "no such file", "no such incident", "no such settings", "no such command"],
)
def test_wrong_use_ends_with_2_and_a_sentence(triage: Run, mail: Path, arguments: tuple[str, ...]) -> None:
    """Wrong use is told in a sentence on standard error, never by a traceback."""
    done = triage(*arguments)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert b"Traceback" not in done.stderr


def test_diagnose_prints_one_json_line_for_each_document(triage: Run, mail: Path) -> None:
    """The contract: one object a line, with its source, its digest and its observations."""
    done = triage("diagnose", "--json", "mail")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["bounce"] * 4
    assert all(set(line) >= {"source", "sha256", "kind", "error", "suppressed", "observations"} for line in lines)
    assert lines[0]["observations"][0]["diagnosis"]["category"] == "tls-version"


def test_diagnose_reads_standard_input(triage: Run, ndr: Callable[..., Any]) -> None:
    """`-` is standard input, whatever form it has."""
    done = triage("diagnose", "--json", "-", stdin=bytes(ndr()))
    assert json.loads(done.stdout)["source"]["path"] == "-"
    assert json.loads(done.stdout)["kind"] == "bounce"


def test_diagnose_touches_no_store(triage: Run, mail: Path, tmp_path: Path) -> None:
    """Diagnosing leaves nothing behind."""
    before = {path.name for path in tmp_path.iterdir()}
    triage("diagnose", "mail")
    assert {path.name for path in tmp_path.iterdir()} == before


def test_why_shows_the_rule_and_the_words_that_it_matched(triage: Run, mail: Path) -> None:
    """The whole decision: what was read, the winner with its text, evidence both ways, and the losers."""
    shown = triage("why", "mail/0.eml").stdout.decode()
    for part in ("Rule ", "matched »", "For ", "Against ", "Decides ", "Lost", "SocketError"):
        assert part in shown


def test_an_incident_is_shown_acknowledged_and_resolved(triage: Run, mail: Path) -> None:
    """The life of an incident from the shell, with the beginning of its id."""
    triage("run", "mail")
    incident = max(json.loads(triage("incidents", "--json").stdout), key=lambda one: one["counts"]["returned"])
    assert triage("show", incident["id"][:5]).stdout.startswith(b"# ")
    assert b"is with Ana" in triage("ack", incident["id"].lower(), "--by", "Ana").stdout
    assert b"is resolved" in triage("resolve", incident["id"], "--reason", "updated").stdout
    left = [one["id"] for one in json.loads(triage("incidents", "--json").stdout)]
    assert incident["id"] not in left
    assert incident["id"] in [one["id"] for one in json.loads(triage("incidents", "--all", "--json").stdout)]


def test_acts_last_for_a_time_and_are_shown(triage: Run, mail: Path) -> None:
    """Acknowledged and silenced until a time, told again: in the list, in the ticket and in the JSON."""
    triage("run", "mail")
    name = max(json.loads(triage("incidents", "--json").stdout), key=lambda one: one["counts"]["returned"])["id"]

    def state() -> str:
        rows = [line.split("\t") for line in triage("incidents").stdout.decode().splitlines()]
        return next(row[-1] for row in rows if row[0] == name)

    assert state() == "open"
    triage("ack", name, "--by", "Ana", "--for", "8h")
    said = triage("silence", name, "--for", "2d", "--reason", "new server on Friday", "--by", "Ana").stdout
    assert f"{name} is silent until 20".encode() in said
    assert state().startswith("open, Ana has it, silenced until 20")
    (found,) = [one for one in json.loads(triage("incidents", "--json").stdout) if one["id"] == name]
    begun, acknowledged, silent = (
        datetime.fromisoformat(time)
        for time in (found["changes"][-1]["at"], found["acknowledged_until"], found["silenced_until"])
    )
    assert timedelta(hours=7) < acknowledged - begun <= timedelta(hours=8)
    assert silent - begun == timedelta(days=2)
    assert (found["silenced_by"], found["silence_reason"]) == ("Ana", "new server on Friday")
    ticket = triage("show", name).stdout.decode()
    assert "by Ana until" in ticket
    assert "new server on Friday" in ticket
    assert b"is told of again" in triage("unsilence", name, "--by", "Ana").stdout
    assert state() == "open, Ana has it"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ack", "--for", "soon"), "no length of time"),
        (("ack", "--until", "2026-10-21T08:00"), "no zone"),
        (("ack", "--until", "tomorrow"), "no time"),
        (("ack", "--until", "2020-01-01T00:00Z"), "past"),
        (("silence", "--for", "200d"), "At most 90 days"),
        (("silence", "--for", "1h", "--until", "2027-01-01T00:00Z"), "either"),
        (("silence",), "for how long"),
    ],
)
def test_a_time_that_makes_no_sense_is_refused_in_a_sentence(
    arguments: tuple[str, ...], words: str, triage: Run, mail: Path
) -> None:
    """A silence always has an end, an acknowledgement lies ahead; nothing is written otherwise."""
    triage("run", "mail")
    name = json.loads(triage("incidents", "--json").stdout)[0]["id"]
    done = triage(arguments[0], name, *arguments[1:])
    assert done.returncode == 2
    assert words in " ".join(done.stderr.decode().replace("│", " ").split())
    assert b"Traceback" not in done.stderr
    (found,) = [one for one in json.loads(triage("incidents", "--json").stdout) if one["id"] == name]
    assert [one["kind"] for one in found["changes"]] == ["opened"]


def test_what_people_did_is_done_again_in_a_rebuilt_store(triage: Run, mail: Path) -> None:
    """`store rebuild` gives the same incidents with names, times and changes."""
    triage("run", "mail")
    name = max(json.loads(triage("incidents", "--json").stdout), key=lambda one: one["counts"]["returned"])["id"]
    triage("ack", name, "--by", "Ana", "--for", "1w")
    triage("silence", name, "--for", "2d", "--by", "Ana")
    triage("resolve", name, "--by", "Eva", "--reason", "updated")
    assert triage("store", "rebuild", "--from", "triage.sqlite", "--store", "new.sqlite").returncode == 0
    shown = triage("incidents", "--all", "--json", "--store", "new.sqlite").stdout
    assert json.loads(shown) == json.loads(triage("incidents", "--all", "--json").stdout)
    assert b"updated" in shown


def test_output_to_a_pipe_is_plain(triage: Run, mail: Path) -> None:
    """No colours, no boxes, a tab between the cells."""
    shown = triage("run", "mail").stdout
    assert b"\x1b" not in shown
    assert any(line.count(b"\t") == 6 for line in shown.splitlines())


def test_what_a_message_says_cannot_steer_the_terminal(triage: Run, ndr: Callable[..., Any]) -> None:
    """Escape sequences from a message are shown, not obeyed."""
    evil = ndr(diagnostic="smtp;550 5.1.1 \x1b]0;owned\x07\x1b[2J unknown", cause=None, status="5.1.1")
    for arguments in (("diagnose", "-"), ("why", "-")):
        assert b"\x1b" not in triage(*arguments, stdin=bytes(evil)).stdout


@pytest.mark.parametrize("noun", ["rules", "runbooks"])
def test_what_ships_holds(triage: Run, noun: str) -> None:
    """Every shipped rule and runbook proves itself."""
    done = triage(noun, "check")
    assert (done.returncode, done.stdout[-6:]) == (0, b"hold.\n")


def test_stale_sources_of_runbooks_are_listed(triage: Run, tmp_path: Path) -> None:
    """With `--stale-after` a page that nobody has read for so long is a line, and the exit code says so."""
    shipped = Path(__file__).parents[2] / "triage" / "mend" / "runbooks" / "unclassified.md"
    text = shipped.read_text(encoding="utf-8")
    front, mark, rest = text.partition("[[sources]]")
    (tmp_path / "own").mkdir()
    old = rest.replace("read_on = 2026", "read_on = 2001", 1)
    (tmp_path / "own" / "unclassified.md").write_text(front + mark + old, encoding="utf-8")
    own = ("runbooks", "check", "--runbooks", str(tmp_path / "own"))
    assert triage(*own).returncode == 0
    stale = triage(*own, "--stale-after", "3650")
    [line] = stale.stdout.decode().splitlines()
    assert stale.returncode == 1
    assert line.startswith("stale: https://")
    assert "(named by unclassified) was last read on 2001-" in line


@pytest.mark.parametrize("days", ["-1", "soon"])
def test_stale_after_wants_a_number_of_days(triage: Run, days: str) -> None:
    """Anything but a count of days is a wrong use of the command."""
    assert triage("runbooks", "check", "--stale-after", days).returncode == 2


def test_a_rule_of_the_site_comes_first(triage: Run, mail: Path, tmp_path: Path) -> None:
    """A folder named by the settings is read before the shipped rules."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "ours.toml").write_text(
        """
[[rule]]
id = "site.socket-error"
title = "Our relay is down"
category = "connection-dropped"
confidence = "possible"
when.text = 'SocketError'
samples = ["421 4.4.2 Connection dropped due to SocketError"]
not_samples = ["550 5.1.1 User unknown"]
synthetic = true
source = "the mail team"
read_on = 2026-11-23
""",
        encoding="utf-8",
    )
    (tmp_path / "triage.toml").write_text('rules = "rules"\n' + SETTINGS, encoding="utf-8")
    line = json.loads(triage("diagnose", "--json", "mail/0.eml").stdout)
    assert line["observations"][0]["diagnosis"]["rule"] == "site.socket-error"


def test_help_costs_no_stage(triage: Run) -> None:
    """`--help` and `--version` answer without loading a decoder or a rule."""
    probe = "import sys; sys.argv = ['triage', '--version']\nfrom triage.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    probe += "print(sorted(m for m in sys.modules if m.startswith(('triage.decode', 'triage.diagnose', 'mailparser'))))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_run_as_a_module_says_how_to_call_it_again(triage: Run, mail: Path) -> None:
    """Who calls the package by Python, without the command, is told to do so again and not to run one of its files."""
    named = triage("run", "mail", "--out", "out", PATH=os.defpath).stdout.decode().splitlines()[-1]
    assert f"{sys.executable} -m triage show <id>" in named
