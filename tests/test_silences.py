"""Silence over a host or a category, from the act to the receivers: held, counted, told together when it is over."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.people import acknowledge, resolve
from tests.servers.jira import JiraServer
from tests.servers.webhooks import SECRET, Receiver, Says, TeamsReceiver
from tests.test_digests import Desk, card
from triage.collect.item import Item
from triage.group import incidents, notices_of, silence_all, silences
from triage.model import Place, Scope, Sent
from triage.pipeline import Relayed, take_in

DAY = "2026-11-25T12:00:00Z"
LATER = "2026-11-25T15:00:00Z"
ENDS = "2026-11-27T12:00:00Z"
AFTER = "2026-11-27T12:04:00Z"
NEXT_DAY = "2026-11-28T12:00:00Z"
ALL_OURS = Scope("host", "*.contoso.example")
TLS = Scope("category", "tls-version")


@pytest.fixture
def desk(tmp_path: Path, ndr: Callable[..., Any]) -> Iterator[Callable[..., Desk]]:
    """Give a function that opens a desk: one row for all sinks that it is given, and who is reminded after a day."""
    opened: list[Desk] = []

    def make(*rows: dict[str, Any], sinks: dict[str, Any] | None = None, **servers: Receiver) -> Desk:
        found: dict[str, Any] = {"allow_loopback": True, **(sinks or {})}
        for name, one in servers.items():
            found[name] = {"url": one.url} if name == "teams" else {"url": one.url, "secret": SECRET}
        everywhere = {"sinks": [name for name in found if name != "allow_loopback"], "remind_hours": 24}
        settings = {"routing": rows or (everywhere,), "sinks": found}
        opened.append(Desk(tmp_path / "s.sqlite", settings, ndr))
        return opened[-1]

    yield make
    for one in opened:
        one.documents.close()


def silence(made: Desk, scope: Scope, now: str = DAY, until: str | None = ENDS) -> None:
    """Silence a scope, or with no time end that."""
    silence_all(made.documents, scope, "Ana", now, until=until, text="moves to new hardware")


def test_incidents_of_a_host_are_held_and_told_together_at_the_end(desk: Callable[..., Desk]) -> None:
    """What was open and grew, what came, and what stayed as it was: one card when the silence is over, and nothing before."""
    with TeamsReceiver() as teams:
        made = desk(teams=teams)
        grows, stays, ends = (made.bounce(f"hq-ex{letter}", DAY) for letter in "abc")
        assert made.relay(DAY) == Relayed(sent=3)
        silence(made, ALL_OURS)
        made.bounce("hq-exa", LATER, 9)
        comes = made.bounce("hq-exd", LATER)
        resolve(made.documents, ends, "mended", LATER, route=made.parts.route)
        for now in (LATER, "2026-11-26T12:30:00Z", "2026-11-27T11:59:59Z"):
            assert made.relay(now) == made.relay(now, comes) == Relayed()
        assert {(one.held_until, one.held_by) for one in made.pending()} == {(ENDS, "silence")}
        assert made.relay(AFTER) == Relayed(sent=1)
        assert made.relay(AFTER) == Relayed()
    assert len(teams.taken) == 4
    text = card(teams)
    assert "A silence is over: 1 new, 1 grown tenfold, 1 resolved, 1 still open" in text
    for section, incident in (("New", comes), ("Grown", grows), ("Resolved", ends), ("Open", stays)):
        assert next(part for part in text.split(" | ") if incident in part).startswith(f"{section}: ")
    assert made.pending() == []


def test_another_host_is_told_as_ever(desk: Callable[..., Desk]) -> None:
    """A silence holds its own host alone, by its full name or by the first part of it."""
    with TeamsReceiver() as teams:
        made = desk(teams=teams)
        silence(made, Scope("host", "hq-exa"))
        for host in ("hq-exa", "hq-exab"):
            made.bounce(host, DAY)
        assert made.relay(DAY) == Relayed(sent=1)
        assert card(teams).startswith("HQ-EXAB cannot")
        assert made.relay(AFTER) == Relayed(sent=1)
    assert card(teams).startswith("HQ-EXA cannot")


def test_one_incident_alone_is_told_by_its_own_card(desk: Callable[..., Desk]) -> None:
    """Where one incident is all that was held, it has its card, with what is open although nothing was new."""
    with TeamsReceiver() as teams:
        made = desk(teams=teams)
        made.bounce("hq-exa", DAY)
        made.relay(DAY)
        silence(made, Scope("host", "hq-exa.contoso.example"))
        assert made.relay(AFTER) == Relayed(sent=1)
        assert made.relay(AFTER) == Relayed()
    assert card(teams).startswith("HQ-EXA cannot")
    assert "No longer silenced: hq-exa.contoso.example." in card(teams)


def test_what_somebody_has_needs_no_word(desk: Callable[..., Desk]) -> None:
    """At the end of a silence nothing is said of an incident that somebody has."""
    with TeamsReceiver() as teams:
        made = desk(teams=teams)
        incident = made.bounce("hq-exa", DAY)
        made.relay(DAY)
        silence(made, ALL_OURS)
        acknowledge(made.documents, incident, "Eva", DAY, until=NEXT_DAY, route=made.parts.route)
        assert made.relay(AFTER) == Relayed()
    assert len(teams.taken) == 1


def test_where_nobody_is_reminded_nothing_is_said_of_what_did_not_change(desk: Callable[..., Desk]) -> None:
    """A row without reminders has none at the end of a silence either."""
    with TeamsReceiver() as teams:
        made = desk({"sinks": ["teams"]}, teams=teams)
        made.bounce("hq-exa", DAY)
        made.relay(DAY)
        silence(made, ALL_OURS)
        assert made.relay(AFTER) == Relayed()


def test_an_end_before_its_time_lets_everything_go(desk: Callable[..., Desk]) -> None:
    """Whoever ends the silence early has all that it held told by the next relay, in one message."""
    with TeamsReceiver() as teams:
        made = desk(teams=teams)
        silence(made, ALL_OURS)
        ids = [made.bounce(f"hq-ex{letter}", DAY) for letter in "ab"]
        assert made.relay(DAY) == Relayed()
        silence(made, ALL_OURS, LATER, None)
        assert made.relay(LATER) == Relayed(sent=1)
        made.bounce("hq-exc", LATER)
        assert made.relay(LATER) == Relayed(sent=1)
    assert all(one in card(teams, 0) for one in ids)


def test_a_longer_silence_holds_what_the_shorter_one_held(desk: Callable[..., Desk]) -> None:
    """Silenced anew before its end, or covered by another silence that ends later: nothing goes out in between."""
    with TeamsReceiver() as teams:
        made = desk(teams=teams)
        silence(made, ALL_OURS)
        made.bounce("hq-exa", DAY)
        made.bounce("hq-exb", DAY)
        made.relay(DAY)
        silence(made, ALL_OURS, LATER, NEXT_DAY)
        silence(made, TLS, LATER, "2026-11-29T12:00:00Z")
        for now in (AFTER, "2026-11-28T12:05:00Z"):
            assert made.relay(now) == made.relay(now) == Relayed()
        assert made.relay("2026-11-29T12:00:00Z") == Relayed(sent=1)
    assert "A silence is over: 2 new" in card(teams)


def test_a_category_is_silent_also_when_it_becomes_surer(desk: Callable[..., Desk]) -> None:
    """An incident that grows and changes its verdict under a silence stays silent; counts go on."""
    with TeamsReceiver() as teams:
        made = desk(teams=teams)
        made.bounce("hq-exa", DAY)
        (found,) = incidents(made.documents)
        silence(made, Scope("category", found.verdict.category))
        made.bounce("hq-exa", LATER, 99)
        assert made.relay(LATER) == Relayed()
        (found,) = incidents(made.documents, LATER)
        assert (found.counts.returned, found.silenced_by, found.silenced_until) == (100, "Ana", ENDS)
        assert made.relay(AFTER) == Relayed(sent=1)
    assert "100 returned" in card(teams)


def test_a_verdict_that_leaves_a_silenced_category_is_told(desk: Callable[..., Desk]) -> None:
    """A silence of a cause holds no longer once the verdict names another: a different fault must be heard of."""
    with TeamsReceiver() as teams:
        made = desk(teams=teams)
        vague = {"diagnostic": "421 4.4.2 Connection dropped", "generating": "hq-exa.contoso.example"}
        _bounce(made, DAY, 1, **vague)
        (found,) = incidents(made.documents)
        first = found.verdict.category
        silence(made, Scope("category", first))
        assert made.relay(DAY) == Relayed()
        _bounce(
            made, LATER, 2, diagnostic="454 4.7.5 Certificate validation failure", generating="hq-exa.contoso.example"
        )
        (found,) = incidents(made.documents)
        assert found.verdict.category != first
        assert made.relay(LATER) == Relayed(sent=1)
    assert card(teams).startswith("Exchange Online does not accept the certificate of HQ-EXA")


def _bounce(made: Desk, now: str, number: int, **changes: Any) -> None:
    content = bytes(made._ndr(message_id=f"v{number}@contoso.example", **changes))
    item = Item(Place(f"v{number}.eml"), content, hashlib.sha256(content).hexdigest())
    for _ in take_in([item], made.documents, made.parts, now):
        pass


def test_programs_are_silent_too_and_hear_in_the_end(desk: Callable[..., Desk]) -> None:
    """A webhook gets nothing under a silence, then all in one message that says what held it; it is not reminded."""
    with Receiver() as program:
        made = desk(webhook=program)
        made.bounce("hq-exa", DAY)
        made.relay(DAY)
        silence(made, ALL_OURS)
        ids = [made.bounce(f"hq-ex{letter}", LATER) for letter in "bc"]
        assert made.relay(LATER) == Relayed()
        assert made.relay(AFTER) == Relayed(sent=1)
    data = program.taken[-1].json()["data"]
    assert data["held_by"] == "silence"
    assert sorted(one["incident"]["id"] for one in data["incidents"]) == sorted(ids)


def test_no_ticket_is_opened_under_a_silence(desk: Callable[..., Desk]) -> None:
    """A ticket system hears of an incident when the silence is over, by a ticket of its own."""
    with JiraServer() as jira:
        made = desk(sinks=dict(jira.settings()))
        silence(made, ALL_OURS)
        made.bounce("hq-exa", DAY)
        assert made.relay(DAY) == Relayed()
        assert jira.tickets == {}
        assert made.relay(AFTER) == Relayed(sent=1)
        assert len(jira.tickets) == 1


def test_quiet_hours_and_a_digest_hold_what_a_silence_lets_go(desk: Callable[..., Desk]) -> None:
    """A silence that ends at night ends nothing: what it held waits for the hour of the digest."""
    with TeamsReceiver() as teams:
        made = desk({"sinks": ["teams"], "digest": "07:00"}, teams=teams)
        silence(made, ALL_OURS)
        ids = [made.bounce(f"hq-ex{letter}", DAY) for letter in "ab"]
        assert made.relay(DAY) == made.relay(AFTER) == made.relay(AFTER) == Relayed()
        assert {one.held_by for one in made.pending()} == {"digest"}
        assert made.relay("2026-11-28T07:00:00Z") == Relayed(sent=1)
    assert "Today: 2 new" in card(teams)
    assert all(one in card(teams) for one in ids)


def test_a_try_that_failed_before_the_silence_waits_for_its_end(desk: Callable[..., Desk]) -> None:
    """A message that surely did not arrive is not tried again under a silence."""
    with TeamsReceiver(Says(503), Says(202)) as teams:
        made = desk(teams=teams)
        made.bounce("hq-exa", DAY)
        assert made.relay(DAY) == Relayed(put_off=1)
        silence(made, ALL_OURS)
        assert made.relay(LATER) == Relayed()
        assert len(teams.taken) == 1
        assert made.relay(AFTER) == Relayed(sent=1)


def test_the_end_is_looked_at_once(desk: Callable[..., Desk]) -> None:
    """After the relay that found a silence over, nothing is written for it any more, whatever runs."""
    with TeamsReceiver() as teams:
        made = desk(teams=teams)
        made.bounce("hq-exa", DAY)
        made.relay(DAY)
        silence(made, ALL_OURS)
        made.relay(AFTER)
        assert [one.is_lifted for one in silences(made.documents)] == [True]
        before = [(one.key, one.tag) for one in made.documents.list("")]
        assert made.relay("2026-11-27T12:30:00Z") == Relayed()
        assert [(one.key, one.tag) for one in made.documents.list("")] == before
    sent = [one.name for _, one in notices_of(made.documents) if isinstance(one, Sent)]
    assert sent.count("reminder:2") == 1
