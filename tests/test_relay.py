"""The relay from the store to the receivers: killed at any line, run twice at once, throttled, refused and replayed.

Afterwards each change was told once: to a receiver that knows ids under one id, to Teams twice at most.
"""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import triage.notify.post
from tests.people import resolve
from tests.servers.webhooks import (
    SECRET,
    Behaviour,
    Closes,
    Hangs,
    Kills,
    Receiver,
    Says,
    SignedReceiver,
    TeamsReceiver,
)
from triage.collect.item import Item
from triage.errors import BadInput
from triage.group import SqliteDocuments, incidents, notices_of, replay
from triage.model import Notice, Place
from triage.notify import SINKS, open_sinks
from triage.pipeline import Parts, Relayed, relay, take_in
from triage.settings import Settings
from triage.wiring import parts_of, relay_incident, relay_waiting

ROOT = Path(__file__).parents[1]
RETRIED = 150
"""Seconds after which a dead relay's claim has run out, and within which a signature is still accepted."""


def clock(seconds: int = 0) -> Callable[[], str]:
    """Give a clock that is so many seconds ahead."""
    return lambda: (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def environment(teams: Receiver | None, webhook: Receiver | None) -> dict[str, str]:
    """Give the settings of a process that tells these receivers."""
    found = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TRIAGE_OURS__DOMAINS": '["contoso.example"]',
        "TRIAGE_SINKS__ALLOW_LOOPBACK": "true",
        "TRIAGE_ROUTING": '[{"sinks":["teams","webhook"]}]',
    }
    if teams is not None:
        found["TRIAGE_SINKS__TEAMS__URL"] = teams.url
    if webhook is not None:
        found |= {"TRIAGE_SINKS__WEBHOOK__URL": webhook.url, "TRIAGE_SINKS__WEBHOOK__SECRET": SECRET}
    return found


def settings_of(teams: Receiver | None = None, webhook: Receiver | None = None) -> Settings:
    """Give the same settings for this process."""
    sinks: dict[str, Any] = {"allow_loopback": True}
    if teams is not None:
        sinks["teams"] = {"url": teams.url}
    if webhook is not None:
        sinks["webhook"] = {"url": webhook.url, "secret": SECRET}
    return Settings(
        ours={"domains": ["contoso.example"]},
        sinks=sinks,
        routing=({"sinks": ("teams", "webhook")},),
    )


class Desk:
    """A store with what stands between it and the receivers."""

    def __init__(self, path: Path, settings: Settings, ndr: Callable[..., Any]) -> None:
        self.path, self._ndr = path, ndr
        self.parts: Parts = parts_of(settings)
        self.sinks = open_sinks(settings.sinks)
        self.documents = SqliteDocuments(path)
        self._number = 0

    def bounce(self, **changes: Any) -> str:
        """Take in one bounce of the seed fault, or another one, and give the incidents' ids."""
        self._number += 1
        values = {"message_id": f"m{self._number}@contoso.example", **changes}
        content = bytes(self._ndr(**values))
        item = Item(Place(f"{self._number}.eml"), content, hashlib.sha256(content).hexdigest())
        for _ in take_in([item], self.documents, self.parts, clock()()):
            pass
        return " ".join(one.id for one in incidents(self.documents))

    def relay(self, ahead: int = 0, incident_id: str | None = None) -> Relayed:
        """Tell what is to be told, so many seconds from now."""
        return relay(self.documents, self.parts, self.sinks, clock(ahead), incident_id)

    def pending(self) -> list[Notice]:
        """Give what is not told."""
        return [one for _, one in notices_of(self.documents) if isinstance(one, Notice)]


@pytest.fixture
def desk(tmp_path: Path, ndr: Callable[..., Any]) -> Iterator[Callable[..., Desk]]:
    """Give a function that opens a desk for some receivers."""
    opened: list[Desk] = []

    def make(teams: Receiver | None = None, webhook: Receiver | None = None, path: Path | None = None) -> Desk:
        opened.append(Desk(path or tmp_path / "store.sqlite", settings_of(teams, webhook), ndr))
        return opened[-1]

    yield make
    for one in opened:
        one.documents.close()


@contextmanager
def both(teams: tuple[Behaviour, ...] = (), webhook: tuple[Behaviour, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Run both receivers."""
    with TeamsReceiver(*teams) as one, SignedReceiver(*webhook) as other:
        yield one, other


def prepared(path: Path, desk: Callable[..., Desk], teams: Receiver, webhook: Receiver) -> Desk:
    """Give a desk with one incident that both receivers are to be told of."""
    made = desk(teams, webhook, path)
    made.bounce()
    assert len(made.pending()) == 2
    return made


def test_each_sink_is_told_once(tmp_path: Path, desk: Callable[..., Desk]) -> None:
    """A new incident is one card and one request; a second relay sends nothing."""
    with both() as (teams, webhook):
        made = prepared(tmp_path / "s.sqlite", desk, teams, webhook)
        assert made.relay() == Relayed(sent=2)
        assert made.relay(RETRIED) == Relayed()
    assert len(teams.taken) == len(webhook.taken) == 1
    assert made.pending() == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3, 4, 5], ids=["claim", "room", "mark", "second claim", "second mark"])
def test_killed_at_a_write_and_run_again(tmp_path: Path, desk: Callable[..., Desk], write: int, when: str) -> None:
    """Killed between any two writes: nothing is lost, the webhook hears under one id, Teams twice at most."""
    with both() as (teams, webhook):
        made = prepared(tmp_path / "s.sqlite", desk, teams, webhook)
        child = subprocess.run(
            [sys.executable, "-m", "tests.servers.dying_relay", str(made.path), str(write), when],
            env=environment(teams, webhook),
            cwd=ROOT,
            check=False,
            capture_output=True,
            timeout=120,
        )
        assert child.returncode == -signal.SIGKILL, child.stderr
        made.relay(RETRIED)
        made.relay(RETRIED)
    assert made.pending() == []
    assert set(webhook.acted) == set(webhook.ids())
    assert len(webhook.acted) == 1
    (shown,) = teams.shown().values()
    # What was answered and not marked is shown twice: Teams' mark is the third write.
    assert shown == (2 if (write, when) == (3, "before") else 1)


@pytest.mark.parametrize("sink", ["teams", "webhook"])
def test_killed_when_the_message_has_arrived(tmp_path: Path, desk: Callable[..., Desk], sink: str) -> None:
    """Killed by signal after the receiver has the request and before it answers: the same id comes again."""
    children: list[subprocess.Popen[bytes]] = []
    kills = (Kills(lambda: children[0].pid), Says(202))
    with both(teams=kills if sink == "teams" else (), webhook=kills if sink == "webhook" else ()) as (teams, webhook):
        made = prepared(tmp_path / "s.sqlite", desk, teams, webhook)
        command = [sys.executable, "-m", "tests.servers.dying_relay", str(made.path), "99", "after"]
        children.append(subprocess.Popen(command, env=environment(teams, webhook), cwd=ROOT))
        assert children[0].wait(120) == -signal.SIGKILL
        made.relay(RETRIED)
    assert made.pending() == []
    assert list(teams.shown().values()) == [2 if sink == "teams" else 1]
    assert len(set(webhook.ids())) == len(webhook.acted) == 1
    assert len(webhook.ids()) == (2 if sink == "webhook" else 1)


def test_teams_gets_it_twice_at_most(
    tmp_path: Path, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow that takes cards and never answers is not sent a third one: the notice is shown as failed."""
    monkeypatch.setattr(triage.notify.post, "ANSWER_SECONDS", 0.2)
    with both(teams=(Hangs(1),)) as (teams, webhook):
        made = prepared(tmp_path / "s.sqlite", desk, teams, webhook)
        for ahead in (0, 100, 200, 4_000, 8_000):
            made.relay(ahead)
    assert list(teams.shown().values()) == [2]
    (left,) = made.pending()
    assert left.sink == "teams"
    assert left.failed is not None
    assert len(webhook.acted) == 1


def test_two_relays_at_once_tell_once(tmp_path: Path, desk: Callable[..., Desk]) -> None:
    """Two processes that start together on the same store post each message once."""
    with both() as (teams, webhook):
        made = desk(teams, webhook, tmp_path / "s.sqlite")
        for letter in "abc":
            made.bounce(generating=f"hq-ex{letter}.contoso.example")
        command = [sys.executable, "-m", "triage", "notices", "send", "--store", str(made.path)]
        running = [
            subprocess.Popen(command, env=environment(teams, webhook), cwd=tmp_path, stdout=subprocess.DEVNULL)
            for _ in range(2)
        ]
        assert [process.wait(120) for process in running] == [0, 0]
    assert made.pending() == []
    assert sorted(teams.shown().values()) == [1, 1, 1]
    assert len(webhook.ids()) == len(set(webhook.ids())) == len(webhook.acted) == 3


def test_a_throttled_sink_is_left_alone_and_told_later(tmp_path: Path, desk: Callable[..., Desk]) -> None:
    """After 429 nothing more goes to that sink in this relay, nor before its Retry-After is over; others are told."""
    with both(teams=(Says(429, {"retry-after": "60"}), Says(202))) as (teams, webhook):
        made = desk(teams, webhook, tmp_path / "s.sqlite")
        for letter in "ab":
            made.bounce(generating=f"hq-ex{letter}.contoso.example")
        assert made.relay() == Relayed(sent=2, put_off=1)
        assert len(teams.taken) == 1
        assert made.relay(50) == Relayed(sent=1)
        assert made.relay(70) == Relayed(sent=1)
    assert sorted(teams.shown().values()) == [1, 2]
    assert made.pending() == []


def test_what_comes_while_a_sink_is_throttled_joins_the_message(tmp_path: Path, desk: Callable[..., Desk]) -> None:
    """A storm against a throttled channel is one card: it says all reasons and how things stand by then."""
    with both(teams=(Says(429, {"retry-after": "5"}), Says(202))) as (teams, _):
        made = desk(teams, None, tmp_path / "s.sqlite")
        incident = made.bounce()
        made.relay()
        for _ in range(11):
            made.bounce()
        resolve(made.documents, incident, "mended", clock()(), route=made.parts.route)
        assert made.relay(60) == Relayed(sent=1)
    assert len(teams.taken) == 2
    text = str(teams.taken[1].json())
    assert "New. Resolved: mended." in text
    assert "12 returned" in text


def test_the_end_is_never_told_before_the_beginning(
    tmp_path: Path, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the opening may have been lost on the way, the end waits until it is told."""
    monkeypatch.setattr(triage.notify.post, "ANSWER_SECONDS", 0.2)
    with SignedReceiver(Closes(), Says(503), Says(200)) as webhook:
        made = desk(None, webhook, tmp_path / "s.sqlite")
        incident = made.bounce()
        made.relay()
        resolve(made.documents, incident, "mended", clock()(), route=made.parts.route)
        for ahead in (10, 20, 100):
            made.relay(ahead)
        order = [one.json()["type"] for one in webhook.taken]
    assert order == ["incident.opened"] * 3 + ["incident.resolved"]
    assert len(webhook.acted) == 2


def test_a_permanent_error_is_kept_shown_and_replayed(tmp_path: Path, desk: Callable[..., Desk]) -> None:
    """401 stops at once, says why, and what was replayed after the repair arrives once."""
    refused = Says(401, body=b'{"error":{"code":"DirectApiAuthorizationRequired"}}')
    with both(teams=(refused, Says(202))) as (teams, webhook):
        made = prepared(tmp_path / "s.sqlite", desk, teams, webhook)
        assert made.relay() == Relayed(sent=1, failed=1)
        assert made.relay(4_000) == Relayed()
        (left,) = made.pending()
        assert left.failed is not None
        assert "DirectApiAuthorizationRequired" in left.failed
        (incident,) = incidents(made.documents)
        assert replay(made.documents, incident.id, clock()()) == (1, 0)
        assert made.relay() == Relayed(sent=1)
    assert made.pending() == []
    assert len(teams.taken) == 2


def test_one_incident_is_told_by_its_kick(
    tmp_path: Path, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kick tells the incident that it names and no other; the sweep tells the rest."""
    with SignedReceiver() as webhook:
        made = desk(None, webhook, tmp_path / "s.sqlite")
        made.bounce(generating="hq-exa.contoso.example")
        one, other = made.bounce(generating="hq-exb.contoso.example").split()
        for name, value in environment(None, webhook).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("TRIAGE_STORE", str(made.path))
        monkeypatch.chdir(tmp_path)
        relay_incident(f'{{"incident": "{one}"}}')
        assert [name.partition("/")[0] for name in webhook.ids()] == [one]
        relay_incident('{"incident": "GONE"}')
        relay_waiting()
        assert [name.partition("/")[0] for name in webhook.ids()] == [one, other]
    with pytest.raises(BadInput):
        relay_incident("an incident")


def test_no_output_and_no_record_holds_a_secret(
    tmp_path: Path,
    desk: Callable[..., Desk],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With everything logged, whatever the receivers answer: neither address nor key is printed or stored."""
    caplog.set_level(0)
    body = b'{"error":{"code":"X","message":"sig=the-signature-is-a-secret"}}'
    answers = (
        Says(500, body=body),
        Closes(),
        Says(400, body=body),
        Says(302, {"location": "https://x/?the-signature"}),
    )
    with both(teams=answers, webhook=answers) as (teams, webhook):
        made = desk(teams, webhook, tmp_path / "s.sqlite")
        for letter in "abc":
            made.bounce(generating=f"hq-ex{letter}.contoso.example")
        for ahead in (0, 10, 20):
            made.relay(ahead)
        listed = subprocess.run(
            [sys.executable, "-m", "triage", "notices", "list", "--all", "--json", "--store", str(made.path)],
            env=environment(teams, webhook),
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        made.documents.close()
    captured = capfd.readouterr()
    printed = f"{captured.out}\n{captured.err}\n{caplog.text}\n{listed.stdout}\n{listed.stderr}"
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert "notice_failed" in printed
    assert "It answered 302." in listed.stdout
    for secret in ("the-signature", SECRET.removeprefix("whsec_")):
        assert secret not in printed
        assert secret.encode() not in kept


def test_every_sink_of_the_table_has_its_settings() -> None:
    """A row without a table of settings, or settings without a row, would never be told."""
    assert set(SINKS) == {
        name for name, field in type(Settings().sinks).model_fields.items() if hasattr(field.default, "is_set")
    }


def test_a_store_from_before_has_nothing_to_tell(tmp_path: Path, desk: Callable[..., Desk]) -> None:
    """Turning a sink on tells what changes from then on, not the past."""
    before = desk(None, None, tmp_path / "s.sqlite")
    before.bounce()
    with SignedReceiver() as webhook:
        made = desk(None, webhook, tmp_path / "s.sqlite")
        assert made.relay() == Relayed()
