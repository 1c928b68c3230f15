"""`triage notices` and `triage run --send` as a person runs them."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run
from tests.servers.webhooks import SECRET, Says, SignedReceiver, TeamsReceiver

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def triage(tmp_path: Path, ndr: Callable[..., Any]) -> Run:
    """Give a function that runs `triage` beside two bounces of one fault, with the environment that it is given."""
    (tmp_path / "triage.toml").write_text(
        '[ours]\ndomains = ["contoso.example"]\n[[routing]]\nsinks = ["teams", "webhook"]\n', encoding="utf-8"
    )
    (tmp_path / "mail").mkdir()
    for number in range(2):
        report = ndr(recipient=f"user{number}@fabrikam.example", message_id=f"m{number}@contoso.example")
        (tmp_path / "mail" / f"{number}.eml").write_bytes(bytes(report))
    return partial(run, tmp_path, encoding="utf-8")


def told(teams: TeamsReceiver | None = None, webhook: SignedReceiver | None = None) -> dict[str, str]:
    """Give the environment that sets up these receivers."""
    found = {"TRIAGE_SINKS__ALLOW_LOOPBACK": "true"}
    if teams is not None:
        found["TRIAGE_SINKS__TEAMS__URL"] = teams.url
    if webhook is not None:
        found |= {"TRIAGE_SINKS__WEBHOOK__URL": webhook.url, "TRIAGE_SINKS__WEBHOOK__SECRET": SECRET}
    return found


def test_run_sends_nothing_unless_it_is_asked_to(triage: Run) -> None:
    """Sinks in the environment alone send nothing; `--send` does, and says how much."""
    with TeamsReceiver() as teams:
        assert triage("run", "mail", **told(teams)).returncode == 0
        assert teams.taken == []
        done = triage("run", "mail", "--send", **told(teams))
        assert "Messages: 1 sent, 0 put off, 0 failed." in done.stdout
        assert "notice_sent" in done.stderr
    assert len(teams.taken) == 1


def test_without_sinks_sending_is_told_to_be_wrong(triage: Run) -> None:
    """Exit code 2 and the names of the variables that are missing."""
    triage("run", "mail")
    done = triage("notices", "send")
    assert done.returncode == 2
    assert "TRIAGE_SINKS__TEAMS__URL" in done.stderr
    assert "No notice waits" in triage("notices", "list").stdout


def test_what_waits_fails_and_is_replayed(triage: Run) -> None:
    """The life of a notice from the shell: waiting, failed with its reason, replayed, sent."""
    with TeamsReceiver(Says(404), Says(202, {"x-ms-workflow-run-id": "run-8"})) as teams:
        triage("run", "mail", **told(teams))
        (waiting,) = json.loads(triage("notices", "list", "--json", **told(teams)).stdout)
        assert (waiting["state"], waiting["sink"]) == ("waiting", "teams")
        assert waiting["id"] == f"{waiting['incident']}/opened:1/teams"
        sent = triage("notices", "send", **told(teams))
        assert (sent.returncode, "1 failed" in sent.stdout) == (1, True)
        assert "It answered 404. The flow is gone or turned off." in triage("notices", "list", "--failed").stdout
        assert "1 notices go out again." in triage("notices", "replay", waiting["incident"][:4].lower()).stdout
        assert triage("notices", "send", waiting["incident"], **told(teams)).returncode == 0
    assert "No notice has failed." in triage("notices", "list", "--failed").stdout
    assert "as run-8" in triage("notices", "list", "--all").stdout


def test_put_off_is_shown_with_its_reason_and_time(triage: Run) -> None:
    """A throttled notice says until when it waits, and why; that is no failure."""
    with TeamsReceiver(Says(429, {"retry-after": "3600"})) as teams:
        done = triage("run", "mail", "--send", **told(teams))
    assert (done.returncode, "1 put off" in done.stdout) == (0, True)
    (row,) = json.loads(triage("notices", "list", "--json").stdout)
    assert row["state"] == "put off"
    assert row["told"].endswith("It answered 429.")
    assert row["next_try"] > row["at"]


def test_a_preview_is_what_would_be_posted(triage: Run) -> None:
    """The preview is the body that arrives, and shows nothing to anybody meanwhile."""
    with TeamsReceiver() as teams, SignedReceiver() as webhook:
        triage("run", "mail", **told(teams, webhook))
        (incident,) = json.loads(triage("incidents", "--json").stdout)
        shown = {
            sink: json.loads(
                triage("notices", "preview", incident["id"], "--sink", sink, **told(teams, webhook)).stdout
            )
            for sink in ("teams", "webhook")
        }
        assert teams.taken == webhook.taken == []
        triage("notices", "send", **told(teams, webhook))
        assert webhook.taken[0].json() == shown["webhook"]
        assert teams.taken[0].json() == shown["teams"]


def test_a_preview_of_nothing_says_so(triage: Run) -> None:
    """Where nothing waits for a sink, the preview shows how the incident would look, and says that on standard error."""
    triage("run", "mail")
    (incident,) = json.loads(triage("incidents", "--json").stdout)
    done = triage("notices", "preview", incident["id"])
    shown = json.loads(done.stdout)
    assert {name: one["type"] for name, one in shown.items()} == {"teams": "message", "webhook": "incident.opened"}
    assert "Nothing waits for teams" in done.stderr
    assert triage("notices", "preview", incident["id"], "--sink", "pager").returncode == 2


def test_resolving_by_hand_is_told(triage: Run) -> None:
    """What a person does at the shell reaches the sinks that heard of the incident."""
    with SignedReceiver() as webhook:
        triage("run", "mail", "--send", **told(webhook=webhook))
        (incident,) = json.loads(triage("incidents", "--json").stdout)
        triage("ack", incident["id"], "--by", "Ops", **told(webhook=webhook))
        triage("resolve", incident["id"], "--reason", "updated", **told(webhook=webhook))
        triage("notices", "send", **told(webhook=webhook))
        types = [one.json()["type"] for one in webhook.taken]
    assert types == ["incident.opened", "incident.resolved"]
