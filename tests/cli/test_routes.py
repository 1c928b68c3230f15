"""`triage routes` as a person runs it: where something would go, by which row, and when."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]

SETTINGS = """
[ours]
domains = ["contoso.example"]

[notices]
zone = "Europe/Berlin"
quiet_hours = [{ begin = "19:00", end = "07:00" }]

[[routing]]
actors = ["network-team"]
sinks = ["webhook"]
team = "network"

[[routing]]
hosts = ["edge*.contoso.example"]
sinks = ["teams", "webhook"]

[[routing]]
families = ["recipient"]
sinks = ["teams"]
digest = "07:00"
"""


@pytest.fixture
def triage(tmp_path: Path, ndr: Callable[..., Any]) -> Run:
    """Give a function that runs `triage` beside a routing and one bounce."""
    (tmp_path / "triage.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "one.eml").write_bytes(bytes(ndr()))
    return partial(run, tmp_path, encoding="utf-8")


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Give what was printed, without the room at the lines' ends."""
    assert done.returncode == 0, done.stderr
    return [" ".join(line.split()) for line in done.stdout.splitlines()]


def test_the_list_is_in_the_order_in_which_rows_are_asked(triage: Run) -> None:
    """A site's own rows, each with its file and number, then ours; with conditions, sinks and hours."""
    rows = [line.split("\t") for line in triage("routes", "list").stdout.splitlines()]
    assert [row[0] for row in rows] == [
        "row",
        "triage.toml, row 1",
        "triage.toml, row 2",
        "triage.toml, row 3",
        "triage/notify/routing.toml, row 1",
        "triage/notify/routing.toml, row 2",
        "triage/notify/routing.toml, row 3",
    ]
    assert rows[1][1:] == ["acts: network-team", "webhook (network)", "at once"]
    assert rows[2][2:] == ["teams, webhook", "not 19:00-07:00 (Europe/Berlin) but webhook at once"]
    assert rows[3][1:] == ["family: recipient", "teams", "digest at 07:00 (Europe/Berlin)"]
    assert rows[4][1] == "probable at least"


def test_a_described_case_shows_the_row_those_before_it_and_the_hours(triage: Run) -> None:
    """At 23:00 in Berlin the edge server's fault is held for Teams until seven, and told to the program now."""
    done = triage(
        *("routes", "test", "--sample", "tls-version", "--host", "edge1.contoso.example"),
        *("--ours", "--impact", "waiting", "--at", "2026-11-25T22:00Z"),
    )
    assert lines(done) == [
        "sample: tls-version, certain",
        "session; ours; acts: unknown; hosts: edge1.contoso.example; mail: waiting",
        "triage.toml, row 1 does not fit: who acts (unknown) is not among network-team",
        "triage.toml, row 2 decides: host: edge*.contoso.example",
        "opened at 2026-11-25T22:00:00Z is told to",
        "teams held by quiet hours until 2026-11-26T06:00:00Z; 30 messages an hour at most; not set up here:"
        " that takes TRIAGE_SINKS__TEAMS__URL",
        "webhook now; not set up here: that takes"
        " TRIAGE_SINKS__WEBHOOK__URL, TRIAGE_SINKS__WEBHOOK__HOSTS, TRIAGE_SINKS__WEBHOOK__SECRET",
    ]


def test_what_a_sink_takes_is_told_by_its_kind(triage: Run, tmp_path: Path) -> None:
    """Each sink is named with the variables that its page says it needs: GitHub has a repository, mail a host."""
    (tmp_path / "triage.toml").write_text(
        '[[routing]]\nsinks = ["servicenow", "jira", "azure_devops", "github", "mail"]\n'
    )
    told = lines(triage("routes", "test", "--sample", "tls-version"))[-5:]
    names = [line.partition("that takes ")[2].replace("TRIAGE_SINKS__", "") for line in told]
    assert names == [
        "SERVICENOW__URL, SERVICENOW__PASSWORD or SERVICENOW__API_KEY",
        "JIRA__URL, JIRA__USER, JIRA__TOKEN, JIRA__PROJECT",
        "AZURE_DEVOPS__URL, AZURE_DEVOPS__PROJECT",
        "GITHUB__REPOSITORY, GITHUB__TOKEN",
        "MAIL__HOST, MAIL__TO",
    ]


def test_a_sink_with_the_first_thing_that_it_takes_is_on(triage: Run) -> None:
    """The variable that is named first turns the sink on: nothing more is said of it."""
    done = triage("routes", "test", "--sample", "recipient-unknown", TRIAGE_SINKS__TEAMS__URL="https://x.example/y")
    assert "not set up" not in done.stdout


def test_a_digest_and_a_team_are_shown(triage: Run) -> None:
    """A recipient's fault goes into the next digest; what the network team has to mend is theirs."""
    digest = triage("routes", "test", "--sample", "recipient-unknown", "--at", "2026-11-25T08:00+01:00")
    assert "in the digest of 2026-11-26T06:00:00Z" in digest.stdout
    network = triage("routes", "test", "--sample", "connection-timeout", "--actor", "network-team")
    assert "team: network" in network.stdout


def test_a_message_and_its_incident_go_the_same_way(triage: Run, tmp_path: Path) -> None:
    """A file is read as `triage run` reads it and nothing is kept; the incident that it becomes falls to the same row."""
    of_file = lines(triage("routes", "test", "one.eml", "--at", "2026-11-25T12:00Z"))
    assert not (tmp_path / "triage.sqlite").exists()
    assert of_file[0] == "one.eml: tls-version, probable"
    triage("run", "one.eml")
    (incident,) = json.loads(triage("incidents", "--json").stdout)
    of_incident = lines(triage("routes", "test", incident["id"][:5].lower(), "--at", "2026-11-25T12:00Z"))
    assert of_incident[0] == f"incident {incident['id']}: tls-version, probable"
    assert of_incident[1:] == of_file[1:]
    assert any(line.startswith("triage/notify/routing.toml, row 1 decides") for line in of_file)


def test_rows_of_the_environment_are_named_so(triage: Run) -> None:
    """The routing of a cloud platform's settings is found again under the name of its variable."""
    done = triage("routes", "test", "--sample", "dns", TRIAGE_ROUTING='[{"sinks":[]}]')
    assert "TRIAGE_ROUTING, row 1 decides: everything" in done.stdout
    assert "nobody is told" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "One of them"),
        (("KV5G", "--sample", "dns"), "One of them"),
        (("--sample", "tls"), "tls-version"),
        (("--sample", "dns", "--actor", "boss"), "boss"),
        (("--sample", "dns", "--impact", "lost"), "lost"),
        (("--sample", "dns", "--at", "seven"), "is no time"),
        (("KV5G",), "There is no store"),
    ],
)
def test_what_cannot_be_asked_is_said(triage: Run, arguments: tuple[str, ...], said: str) -> None:
    """Wrong use is a sentence and exit code 2."""
    done = triage("routes", "test", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_message_that_is_no_bounce_goes_nowhere(triage: Run, tmp_path: Path) -> None:
    """A file without a fault in it is told to be one."""
    (tmp_path / "hello.eml").write_text("From: a@contoso.example\n\nHello\n", encoding="utf-8")
    assert "No incident" in triage("routes", "test", "hello.eml").stdout
