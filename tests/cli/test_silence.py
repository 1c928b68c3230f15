"""`triage silence` over hosts and categories as a person runs it, on a laptop and on the cloud's store."""

import json
import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import run
from tests.servers.webhooks import TeamsReceiver

Run = Callable[..., subprocess.CompletedProcess[str]]
SPAN = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def triage(tmp_path: Path, ndr: Callable[..., Any]) -> Run:
    """Give a function that runs `triage` beside two bounces, of two servers of ours."""
    (tmp_path / "triage.toml").write_text(
        '[ours]\ndomains = ["contoso.example"]\n[[routing]]\nsinks = ["teams"]\nremind_hours = 24\n', encoding="utf-8"
    )
    for folder in ("mail", "more"):
        (tmp_path / folder).mkdir()
    for number, host in enumerate(("hq-exa", "hq-exb", "hq-exc")):
        report = ndr(generating=f"{host}.contoso.example", message_id=f"m{number}@contoso.example")
        (tmp_path / ("mail" if number < 2 else "more") / f"{number}.eml").write_bytes(bytes(report))
    return partial(run, tmp_path, encoding="utf-8")


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("blobs", marks=pytest.mark.needs_node)])
def test_a_host_is_silent_until_somebody_ends_it(triage: Run, engine: str, request: pytest.FixtureRequest) -> None:
    """Nothing is sent of what is there and of what comes; both are counted and listed as silenced; then one message."""
    with TeamsReceiver() as teams:
        said = {"TRIAGE_SINKS__ALLOW_LOOPBACK": "true", "TRIAGE_SINKS__TEAMS__URL": teams.url}
        if engine == "blobs":
            said["TriageStorage"] = request.getfixturevalue("azurite").connection()
            service = request.getfixturevalue("service")(said["TriageStorage"])
            service.create_container("inbox")
            service.create_container("store")
        assert triage("run", "mail", **said).returncode == 0
        how = ("--for", "3d", "--by", "Ana", "--reason", "moves to new hardware")
        done = triage("silence", "--host", "*.contoso.example", *how, **said)
        assert done.returncode == 0, done.stderr
        assert SPAN.sub("T", done.stdout) == (
            "Incidents of *.contoso.example are silent until T: 2 are open now, and those that come.\n"
        )
        assert "Messages: 0 sent" in triage("run", "more", "--send", **said).stdout
        assert "Messages: 0 sent" in triage("notices", "send", **said).stdout
        listed = triage("incidents", **said).stdout
        assert len(re.findall(r"open, silenced until \S+ \S+ by Ana", listed)) == 3
        (silent,) = json.loads(triage("silences", "--json", **said).stdout)
        until = silent.pop("until")
        assert silent == {
            "kind": "host",
            "of": "*.contoso.example",
            "by": "Ana",
            "reason": "moves to new hardware",
            "open": 3,
        }
        incident = json.loads(triage("incidents", "--json", **said).stdout)[0]
        assert (incident["silenced_until"], incident["silenced_by"]) == (until, "Ana")
        assert "Silenced" in triage("show", incident["id"], **said).stdout
        assert "silence" in triage("notices", "list", **said).stdout
        assert f"(silenced until {until} by Ana" in triage("routes", "test", incident["id"], **said).stdout
        done = triage("unsilence", "--host", "*.contoso.example", "--by", "Eva", **said)
        assert done.stdout == "Incidents of *.contoso.example are told of again.\n"
        assert teams.taken == []
        assert "Messages: 1 sent" in triage("notices", "send", **said).stdout
        assert triage("silences", **said).stdout == "Nothing is silent.\n"
        assert "silenced" not in triage("incidents", **said).stdout
    assert len(teams.taken) == 1


def test_a_rebuilt_store_has_its_silences(triage: Run, tmp_path: Path) -> None:
    """What was silenced is silent in the new store too, until the same time; what was ended is not."""
    triage("run", "mail")
    triage("silence", "--host", "hq-exa", "--for", "3d", "--by", "Ana")
    triage("silence", "--category", "tls-version", "--for", "1w")
    triage("unsilence", "--category", "tls-version")
    before = json.loads(triage("silences", "--json").stdout)
    assert [one["of"] for one in before] == ["hq-exa"]
    done = triage("store", "rebuild", "--from", "triage.sqlite", "--store", "new.sqlite")
    assert done.returncode == 0, done.stderr
    assert json.loads(triage("silences", "--json", "--store", "new.sqlite").stdout) == before
    (tmp_path / "triage.sqlite").unlink()
    assert len(re.findall("silenced until", triage("incidents", "--store", "new.sqlite").stdout)) == 1


def test_silences_of_all_kinds_are_listed(triage: Run) -> None:
    """A cause, a pool by its id and one incident: each with its end, who, why and how many are open."""
    triage("run", "mail")
    first = json.loads(triage("incidents", "--json").stdout)[0]["id"]
    triage("silence", first, "--for", "1h", "--by", "Eva")
    triage("silence", "--host", "Exchange-Online", "--for", "2h", "--by", "Ana")
    triage("silence", "--category", "greylisted", "--for", "3h", "--by", "Ana", "--reason", "passes by itself")
    rows = json.loads(triage("silences", "--json").stdout)
    assert [(one["kind"], one["of"], one["by"], one["open"], one["reason"]) for one in rows] == [
        ("host", "exchange-online", "Ana", 2, None),
        ("category", "greylisted", "Ana", 0, "passes by itself"),
        ("incident", first, "Eva", 1, None),
    ]
    assert [line.split("\t")[0] for line in triage("silences").stdout.splitlines()] == [
        "of",
        "exchange-online",
        "greylisted",
        first,
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["silence", "--for", "2d"], "Name one of them"),
        (["silence", "--host", "hq-exa", "--category", "tls-version", "--for", "2d"], "Name one of them"),
        (["silence", "--host", "hq-exa"], "Say for how long"),
        (["silence", "--host", "hq-exa", "--for", "91d"], "At most 90 days"),
        (["silence", "--host", "*", "--for", "2d"], "no name of a host"),
        (["silence", "--host", "hq exa", "--for", "2d"], "no name of a host"),
        (["silence", "--category", "tls", "--for", "2d"], "There is no category “tls”"),
        (["silence", "--host", "fabrikam.mail.protection.outlook.com", "--for", "2d"], "--host exchange-online"),
        (["unsilence", "--host", "hq-exa"], "are not silent"),
    ],
)
def test_what_cannot_be_meant_is_told(triage: Run, arguments: list[str], sentence: str) -> None:
    """Wrong use is a sentence and an exit code, and silences nothing."""
    triage("run", "mail")
    done = triage(*arguments)
    assert done.returncode in (1, 2)
    assert sentence in re.sub(r"[\s│]+", " ", done.stderr)
    assert triage("silences").stdout == "Nothing is silent.\n"
