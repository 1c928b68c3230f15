"""Digests, quiet hours and the ceiling, from the store to the receivers: held, told together, killed and run again."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import triage.notify.post
from tests.people import resolve
from tests.servers.webhooks import SECRET, Hangs, Receiver, Says, SignedReceiver, TeamsReceiver
from triage.collect.item import Item
from triage.group import SqliteDocuments, incidents, notices_of, replay
from triage.model import Notice, Place, Sent
from triage.notify import open_sinks
from triage.notify.post import Line
from triage.notify.sinks.teams import Teams
from triage.pipeline import Relayed, relay, take_in
from triage.settings import Settings
from triage.wiring import parts_of

ROOT = Path(__file__).parents[1]
DAY = "2026-11-25T12:00:00Z"
NIGHT = "2026-11-25T22:00:00Z"
LATE = "2026-11-25T23:00:00Z"
MORNING = "2026-11-26T07:00:30Z"
LEASE = 125
"""Seconds after which a dead relay's claim has run out."""

NIGHTS = [{"begin": "19:00", "end": "07:00"}]
DIGEST = {"sinks": ["teams"], "digest": "07:00"}


class Desk:
    """A store, the receivers and a clock that is set by hand."""

    def __init__(self, path: Path, settings: dict[str, Any], ndr: Callable[..., Any]) -> None:
        self.path, self._ndr = path, ndr
        self.values = Settings(ours={"domains": ["contoso.example"]}, **settings)
        self.parts = parts_of(self.values)
        self.sinks = open_sinks(self.values.sinks)
        if (url := self.values.sinks.teams.url) is not None:  # without the second that a real channel needs
            self.sinks["teams"] = Teams(url, Line(None, None, allow_loopback=True), pause=0)
        self.documents = SqliteDocuments(path)
        self._number = 0

    def bounce(self, host: str, now: str, count: int = 1) -> str:
        """Take in bounces that one of our hosts wrote, and give its incident's id."""
        items = []
        for _ in range(count):
            self._number += 1
            generating = f"{host}.contoso.example"
            content = bytes(self._ndr(generating=generating, message_id=f"m{self._number}@contoso.example"))
            items.append(Item(Place(f"{self._number}.eml"), content, hashlib.sha256(content).hexdigest()))
        for _ in take_in(items, self.documents, self.parts, now):
            pass
        return next(one.id for one in incidents(self.documents) if one.ends.sending == f"{host}.contoso.example")

    def relay(self, now: str, incident_id: str | None = None, **how: Any) -> Relayed:
        """Tell what is to be told at a time."""
        return relay(self.documents, self.parts, self.sinks, lambda: now, incident_id, **how)

    def pending(self) -> list[Notice]:
        """Give what is not told; reminders are none of these tests' matter."""
        found = [one for _, one in notices_of(self.documents) if isinstance(one, Notice)]
        return [one for one in found if not one.name.startswith("reminder:")]

    def environment(self) -> dict[str, str]:
        """Give the same settings to a process."""
        sinks = self.values.sinks
        found = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TRIAGE_OURS__DOMAINS": '["contoso.example"]',
            "TRIAGE_SINKS__ALLOW_LOOPBACK": "true",
            "TRIAGE_ROUTING": json.dumps([row.model_dump(exclude_defaults=True) for row in self.values.routing]),
        }
        if sinks.teams.url is not None:
            found["TRIAGE_SINKS__TEAMS__URL"] = sinks.teams.url.get_secret_value()
        if sinks.webhook.url is not None:
            found["TRIAGE_SINKS__WEBHOOK__URL"] = sinks.webhook.url.get_secret_value()
            found["TRIAGE_SINKS__WEBHOOK__SECRET"] = SECRET
        return found


@pytest.fixture
def desk(tmp_path: Path, ndr: Callable[..., Any]) -> Iterator[Callable[..., Desk]]:
    """Give a function that opens a desk with rows for some receivers."""
    opened: list[Desk] = []

    def make(
        *rows: dict[str, Any],
        teams: Receiver | None = None,
        webhook: Receiver | None = None,
        name: str = "s",
        **notices: Any,
    ) -> Desk:
        sinks: dict[str, Any] = {"allow_loopback": True}
        if teams is not None:
            sinks["teams"] = {"url": teams.url}
        if webhook is not None:
            sinks["webhook"] = {"url": webhook.url, "secret": SECRET}
        settings = {"routing": rows, "sinks": sinks, "notices": notices}
        opened.append(Desk(tmp_path / f"{name}.sqlite", settings, ndr))
        return opened[-1]

    yield make
    for one in opened:
        one.documents.close()


def card(receiver: Receiver, at: int = -1) -> str:
    """Give all words of a card, in one line."""
    content = receiver.taken[at].json()["attachments"][0]["content"]
    facts = [fact for block in content["body"] for fact in block.get("facts", [])]
    return " | ".join(
        [block["text"] for block in content["body"] if "text" in block]
        + [f"{fact['title']}: {fact['value']}" for fact in facts]
    )


def test_a_digest_is_one_message_a_day(desk: Callable[..., Desk]) -> None:
    """What a day brings is held, told in one card at seven, and marked as told with that message."""
    with TeamsReceiver() as teams:
        made = desk(DIGEST, teams=teams)
        ids = [made.bounce(f"hq-ex{letter}", DAY) for letter in "abc"]
        assert made.relay(DAY) == made.relay(LATE) == Relayed()
        assert {(one.held_until, one.held_by) for one in made.pending()} == {("2026-11-26T07:00:00Z", "digest")}
        assert made.relay(MORNING) == Relayed(sent=1)
        assert made.relay(MORNING) == Relayed()
    assert "Today: 3 new" in card(teams)
    assert all(one in card(teams) for one in ids)
    sent = [one for _, one in notices_of(made.documents) if isinstance(one, Sent)]
    assert {one.message for one in sent} == {"digest/2026-11-26/1/teams"}
    assert len(sent) == 3


def test_the_next_digest_tells_what_is_new_and_names_what_is_still_open(desk: Callable[..., Desk]) -> None:
    """On the second day: one grew, one was resolved, one is new, one is only still open; without news there is none."""
    with TeamsReceiver() as teams:
        made = desk(DIGEST, teams=teams)
        grows, ends, stays = (made.bounce(f"hq-ex{letter}", DAY) for letter in "abc")
        made.relay(DAY)
        made.relay(MORNING)
        made.bounce("hq-exa", "2026-11-26T09:00:00Z", 9)
        resolve(made.documents, ends, "mended", "2026-11-26T10:00:00Z", route=made.parts.route)
        comes = made.bounce("hq-exd", "2026-11-26T11:00:00Z")
        made.relay("2026-11-26T12:00:00Z")
        assert made.relay("2026-11-27T07:00:00Z") == Relayed(sent=1)
        assert made.relay("2026-11-28T07:00:00Z") == Relayed()
    text = card(teams)
    assert "Today: 1 new, 1 grown tenfold, 1 resolved, 1 still open" in text
    for section, incident in (("New", comes), ("Grown", grows), ("Resolved", ends), ("Open", stays)):
        assert next(part for part in text.split(" | ") if incident in part).startswith(f"{section}: ")


def test_what_quiet_hours_held_is_one_message_when_they_end(desk: Callable[..., Desk]) -> None:
    """Three faults of a night are one card in the morning, each as it stands by then; by day each is told at once."""
    with TeamsReceiver() as teams:
        made = desk({"sinks": ["teams"]}, teams=teams, quiet_hours=NIGHTS)
        ids = [made.bounce(f"hq-ex{letter}", NIGHT) for letter in "abc"]
        made.relay(NIGHT)
        resolve(made.documents, ids[0], "mended", LATE, route=made.parts.route)
        assert made.relay(LATE) == Relayed()
        assert made.relay(MORNING) == Relayed(sent=1)
        made.bounce("hq-exd", "2026-11-26T09:00:00Z")
        assert made.relay("2026-11-26T09:00:00Z") == Relayed(sent=1)
    assert "While it was quiet: 2 new, 1 resolved" in card(teams, 0)
    assert "New. " in card(teams, 1)
    assert made.pending() == []


def test_what_was_held_of_one_incident_goes_out_as_ever(desk: Callable[..., Desk]) -> None:
    """One fault of a night is its own card in the morning, with all reasons, and no list of one."""
    with TeamsReceiver() as teams:
        made = desk({"sinks": ["teams"]}, teams=teams, quiet_hours=NIGHTS)
        incident = made.bounce("hq-exa", NIGHT)
        made.relay(NIGHT)
        resolve(made.documents, incident, "mended", LATE, route=made.parts.route)
        assert made.relay(MORNING) == Relayed(sent=1)
    assert "New. Resolved: mended." in card(teams)


def test_a_kick_does_not_break_the_quiet(desk: Callable[..., Desk]) -> None:
    """A relay for one incident holds it as a sweep does, and leaves what was held to the sweep."""
    with TeamsReceiver() as teams:
        made = desk({"sinks": ["teams"]}, teams=teams, quiet_hours=NIGHTS)
        ids = [made.bounce(f"hq-ex{letter}", NIGHT) for letter in "ab"]
        assert made.relay(NIGHT, ids[0]) == Relayed()
        made.relay(NIGHT)
        assert made.relay(MORNING, ids[0]) == Relayed()
        assert made.relay(MORNING) == Relayed(sent=1)
    assert len(teams.taken) == 1


def test_settings_that_changed_are_looked_at_when_somebody_asks(desk: Callable[..., Desk]) -> None:
    """What was held for the morning goes out at once where quiet hours were taken away and a person sends by hand."""
    with TeamsReceiver() as teams:
        desk({"sinks": ["teams"]}, teams=teams, quiet_hours=NIGHTS, name="one").bounce("hq-exa", NIGHT)
        made = desk({"sinks": ["teams"]}, teams=teams, name="one")
        desk({"sinks": ["teams"]}, teams=teams, quiet_hours=NIGHTS, name="one").relay(NIGHT)
        assert made.relay(LATE) == Relayed()
        assert made.relay(LATE, held_too=True) == Relayed(sent=1)


def test_a_storm_is_told_up_to_the_ceiling_and_that_there_is_more(desk: Callable[..., Desk]) -> None:
    """Seven faults against four messages an hour: three cards, the word that four more wait, the rest as hours pass."""
    with TeamsReceiver() as teams:
        made = desk({"sinks": ["teams"]}, teams=teams, ceilings=[{"sink": "teams", "an_hour": 4}])
        for letter in "abcdefg":
            made.bounce(f"hq-ex{letter}", DAY)
        assert made.relay(DAY) == Relayed(sent=3)
        assert len(teams.taken) == 4
        assert "4 more incidents are held back | This channel gets 4 messages an hour at most." in card(teams)
        assert made.relay("2026-11-25T12:59:00Z") == Relayed()
        assert made.relay("2026-11-25T13:00:00Z") == Relayed(sent=4)
        assert len(teams.taken) == 8
        made.relay("2026-11-25T14:00:00Z")
    assert made.pending() == []
    assert len(teams.taken) == 8
    assert sum("held back" in card(teams, at) for at in range(8)) == 1


def test_the_last_message_of_an_hour_is_no_word_about_itself(desk: Callable[..., Desk]) -> None:
    """Where what waits just fits, it is told, and nothing is said of a ceiling."""
    with TeamsReceiver() as teams:
        made = desk({"sinks": ["teams"]}, teams=teams, ceilings=[{"sink": "teams", "an_hour": 3}])
        for letter in "abc":
            made.bounce(f"hq-ex{letter}", DAY)
        assert made.relay(DAY) == Relayed(sent=3)
    assert not any("held back" in card(teams, at) for at in range(3))


def test_a_digest_that_cannot_be_taken_is_tried_again_as_it_was(desk: Callable[..., Desk]) -> None:
    """Throttled, the digest comes later under the same name; refused, its notices have failed and can be replayed."""
    with TeamsReceiver(Says(429, {"retry-after": "60"}), Says(404), Says(202)) as teams:
        made = desk(DIGEST, teams=teams)
        ids = [made.bounce(f"hq-ex{letter}", DAY) for letter in "ab"]
        made.relay(DAY)
        assert made.relay(MORNING) == Relayed(put_off=1)
        assert made.relay("2026-11-26T07:01:00Z") == Relayed()
        assert made.relay("2026-11-26T07:02:00Z") == Relayed(failed=1)
        assert [one.failed is not None for one in made.pending()] == [True, True]
        assert [replay(made.documents, one, "2026-11-26T08:00:00Z") for one in ids] == [(1, 0), (1, 0)]
        made.relay("2026-11-26T08:00:00Z")
        assert made.relay("2026-11-27T07:00:00Z") == Relayed(sent=1)
    assert made.pending() == []


def test_a_channel_that_never_answers_gets_a_digest_twice_at_most(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After two tries of which nobody knows the end, its notices are shown as failed."""
    monkeypatch.setattr(triage.notify.post, "ANSWER_SECONDS", 0.2)
    with TeamsReceiver(Hangs(1)) as teams:
        made = desk(DIGEST, teams=teams)
        made.bounce("hq-exa", DAY)
        made.relay(DAY)
        for minute in (0, 5, 10, 15, 59):
            made.relay(f"2026-11-26T07:{minute:02d}:30Z")
    assert len(teams.taken) == 2
    (left,) = made.pending()
    assert left.failed is not None


def _soon() -> tuple[str, int]:
    """Give a clock that is shown in a minute or so, and seconds after which it is past."""
    now = datetime.now(UTC)
    then = (now + timedelta(seconds=90)).replace(second=0, microsecond=0)
    return f"{then:%H:%M}", int((then - now).total_seconds()) + 5


def _clock(ahead: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _prepared(desk: Callable[..., Desk], sink: str, receiver: Receiver, name: str) -> tuple[Desk, int, Sequence[str]]:
    """Give a desk with two incidents that are held for a digest in a minute."""
    hour, ahead = _soon()
    made = desk({"sinks": [sink], "digest": hour}, name=name, **{sink: receiver})
    ids = [made.bounce(f"hq-ex{letter}", _clock()) for letter in "ab"]
    assert made.relay(_clock()) == Relayed()
    return made, ahead, ids


@pytest.mark.parametrize(("sink", "when"), [("teams", "before"), ("webhook", "after")])
def test_a_digest_killed_at_any_write(desk: Callable[..., Desk], sink: str, when: str) -> None:
    """Killed at each write in turn and run again: all is told and marked; the webhook acts once, Teams shows it twice at most.

    Twice only where the kill came between the answer and the mark of it in both incidents.
    """
    twice = 0
    for write in range(1, 12):
        with TeamsReceiver() if sink == "teams" else SignedReceiver() as receiver:
            made, ahead, ids = _prepared(desk, sink, receiver, f"{write}")
            child = subprocess.run(
                [sys.executable, "-m", "tests.servers.dying_relay", str(made.path), str(write), when, str(ahead)],
                env=made.environment(),
                cwd=ROOT,
                check=False,
                capture_output=True,
                timeout=120,
            )
            for _ in range(2):
                made.relay(_clock(ahead + LEASE))
            assert made.pending() == []
            assert {one.name for _, one in notices_of(made.documents) if isinstance(one, Sent)} == {"opened:1"}
            words = b" ".join(one.body for one in receiver.taken).decode()
            assert all(one in words for one in ids)
            if isinstance(receiver, SignedReceiver):
                assert len(set(receiver.ids())) == len(receiver.acted) == 1
            assert len(receiver.taken) <= 2
            twice += len(receiver.taken) == 2
            if child.returncode == 0:
                assert len(receiver.taken) == 1
                break
            assert child.returncode == -signal.SIGKILL, child.stderr
    else:
        pytest.fail("the relay never lived to its end")
    assert twice <= 2


def test_two_relays_at_once_send_one_digest(desk: Callable[..., Desk], tmp_path: Path) -> None:
    """Two processes that start together post the digest once."""
    with SignedReceiver() as webhook:
        made, ahead, _ = _prepared(desk, "webhook", webhook, "s")
        command = [sys.executable, "-m", "tests.servers.dying_relay", str(made.path), "99", "after", str(ahead)]
        running = [subprocess.Popen(command, env=made.environment(), cwd=ROOT) for _ in range(2)]
        assert [process.wait(120) for process in running] == [0, 0]
    assert len(webhook.taken) == 1
    told = webhook.taken[0].json()
    assert told["type"] == "incidents.digest"
    assert told["data"]["held_by"] == "digest"
    assert [one["changes"][0]["kind"] for one in told["data"]["incidents"]] == ["opened", "opened"]
