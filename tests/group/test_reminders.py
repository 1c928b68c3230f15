"""Reminders: an open incident that nobody has is told again while its mail waits, before it is lost, once a day at most."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from tests.people import acknowledge, resolve
from triage.group import Documents, claim, commit, due, facts_by_id, notices_of, told
from triage.group.fold import Judge
from triage.group.stored import load_ledger
from triage.hosts import Hosts
from triage.model import ChangeKind, Facts, Notice, Reading, Timing

T0 = "2026-10-20T12:00:00Z"
Build = Callable[..., Reading]


def everything(facts: Facts, kind: ChangeKind) -> Sequence[str]:
    """Tell everything to Teams."""
    del facts, kind
    return ("teams",)


def daily(_facts: Facts, _kind: ChangeKind, _sink: str, _now: str) -> Timing:
    """Remind after a day."""
    return Timing(remind_hours=24)


class Told:
    """One incident in a store, and the messages about it."""

    def __init__(self, documents: Documents, hosts: Hosts, judge: Judge, reading: Build) -> None:
        self.documents, self._hosts, self._judge, self._reading = documents, hosts, judge, reading
        self.id = ""

    def report(self, number: int, now: str = T0, **changes: Any) -> None:
        """Count a report of mail that waits."""
        values = {"impact": "waiting", "action": "delayed", "confidence": "certain", **changes}
        commit(self.documents, [self._reading(number, **values)], self._judge, self._hosts, now, route=everything)
        (listed,) = self.documents.list("incident/")
        self.id = listed.key.removeprefix("incident/")

    def tell(self, now: str, timer: Any = daily) -> list[str]:
        """Send what is to be told at a time, and give its names and reasons."""
        if self.id not in set(due(self.documents, now)):
            return []
        claimed = claim(self.documents, self.id, "teams", now, timer=timer)
        if claimed is None:
            return []
        told(self.documents, claimed, None, now)
        return [one.name for one in claimed.notices] + [
            why.text for one in claimed.notices for why in one.whys if why.kind == "reminder"
        ]

    def planned(self) -> list[str | None]:
        """Give the times of the reminders that are planned."""
        return [one.next_try for _, one in notices_of(self.documents) if isinstance(one, Notice)]


@pytest.fixture
def incident(documents: Documents, hosts: Hosts, judge: Judge, reading: Build) -> Told:
    """Give an incident with one message that waits, of which Teams was told at twelve."""
    made = Told(documents, hosts, judge, reading)
    made.report(1)
    assert made.tell(T0) == ["opened:1"]
    return made


def test_it_is_told_again_a_day_after_the_last_word(incident: Told) -> None:
    """Not before, and then every day, each under its own name; the message says how much waits."""
    assert incident.tell("2026-10-21T11:59:59Z") == []
    assert incident.tell("2026-10-21T12:00:00Z") == ["reminder:1", "1 still waiting, and nobody has taken it"]
    assert incident.tell("2026-10-22T11:59:00Z") == []
    assert incident.tell("2026-10-22T12:00:00Z")[0] == "reminder:2"


def test_another_word_in_between_puts_it_off(incident: Told) -> None:
    """Who was told of the growth at eighteen is reminded a day after that."""
    for number in range(2, 11):
        incident.report(number)
    assert incident.tell("2026-10-20T18:00:00Z") == ["grew:10"]
    assert incident.planned() == ["2026-10-21T18:00:00Z"]
    assert incident.tell("2026-10-21T12:00:00Z") == []
    assert incident.tell("2026-10-21T18:00:00Z") == ["reminder:1", "10 still waiting, and nobody has taken it"]


def test_it_comes_before_the_first_waiting_mail_is_lost(
    documents: Documents, hosts: Hosts, judge: Judge, reading: Build
) -> None:
    """Mail that is tried until 04:00 is told of at midnight, four hours before; the next reminder is a day later."""
    made = Told(documents, hosts, judge, reading)
    made.report(1, retry_until="2026-10-21T04:00:00Z")
    assert made.tell(T0) == ["opened:1"]
    assert made.planned() == ["2026-10-21T00:00:00Z"]
    assert made.tell("2026-10-21T00:00:00Z")[0] == "reminder:1"
    assert made.planned() == ["2026-10-22T00:00:00Z"]


def test_two_losses_do_not_make_two_reminders_of_a_day(
    documents: Documents, hosts: Hosts, judge: Judge, reading: Build
) -> None:
    """However soon the next mail is lost, a reminder follows another after a day."""
    made = Told(documents, hosts, judge, reading)
    made.report(1, retry_until="2026-10-20T20:00:00Z")
    made.report(2, retry_until="2026-10-21T06:00:00Z", receiving_ip="203.0.113.9")
    assert made.tell(T0) == ["opened:1"]
    assert made.planned() == ["2026-10-20T16:00:00Z"]
    assert made.tell("2026-10-20T16:00:00Z")[0] == "reminder:1"
    assert made.planned() == ["2026-10-21T16:00:00Z"]


def test_what_is_taken_or_over_is_not_told_again(incident: Told) -> None:
    """Nobody is reminded of what somebody has, nor of what is resolved; the plan goes with the end."""
    acknowledge(incident.documents, incident.id, "Ops", T0, route=everything)
    assert incident.tell("2026-10-21T12:00:00Z") == []
    assert incident.planned() == ["2026-10-22T12:00:00Z"]
    resolve(incident.documents, incident.id, "mended", "2026-10-21T13:00:00Z", route=everything)
    assert incident.tell("2026-10-21T13:00:00Z") == ["resolved:1"]
    assert incident.planned() == []


def test_mail_that_came_back_is_no_reason(documents: Documents, hosts: Hosts, judge: Judge, reading: Build) -> None:
    """Where nothing waits, time presses nobody: it is looked at again a day later, when mail may wait by then."""
    made = Told(documents, hosts, judge, reading)
    made.report(1, impact="returned", action="failed")
    assert made.tell(T0) == ["opened:1"]
    assert made.tell("2026-10-21T12:00:00Z") == []
    made.report(2)
    assert made.tell("2026-10-22T12:00:00Z") == ["reminder:1", "1 still waiting, and nobody has taken it"]


def test_what_is_only_possible_is_not_told_again(
    documents: Documents, hosts: Hosts, judge: Judge, reading: Build
) -> None:
    """A possible fault wakes nobody, however long its mail waits."""
    made = Told(documents, hosts, judge, reading)
    made.report(1, confidence="possible")
    assert made.tell(T0) == ["opened:1"]
    assert made.planned() == []


def test_a_routing_without_reminders_plans_none(
    documents: Documents, hosts: Hosts, judge: Judge, reading: Build
) -> None:
    """Reminders are the routing's word."""
    made = Told(documents, hosts, judge, reading)
    made.report(1)
    assert made.tell(T0, timer=lambda *_: Timing()) == ["opened:1"]
    assert made.planned() == []


def test_marking_twice_plans_once(documents: Documents, hosts: Hosts, judge: Judge, reading: Build) -> None:
    """A relay that marks what another marked already changes nothing."""
    made = Told(documents, hosts, judge, reading)
    made.report(1)
    claimed = claim(documents, made.id, "teams", T0, timer=daily)
    assert claimed is not None
    told(documents, claimed, None, T0)
    told(documents, claimed, None, "2026-10-20T13:00:00Z")
    assert made.planned() == ["2026-10-21T12:00:00Z"]


def test_who_heard_is_among_the_facts(incident: Told) -> None:
    """What a routing is asked with says who was told, what came of the mail and which hosts it is about."""
    found = facts_by_id(incident.documents, incident.id)
    assert (found.heard_by, found.impacts) == (("teams",), ("waiting",))
    assert found.hosts == ("hq-ex13a.contoso.example", "exchange-online")


def test_a_fault_that_went_quiet_is_not_told_again(incident: Told) -> None:
    """Where nothing failed for long, nobody is pressed: what waited then has gone, one way or the other."""
    key = f"incident/{incident.id}"
    ledger, found = load_ledger(incident.documents, incident.id), incident.documents.get(key)
    assert ledger is not None
    assert found is not None
    body = msgspec.structs.replace(ledger, quiet_since="2026-10-21T10:00:00Z").encode()
    head = next(iter(incident.documents.list(key))).head
    incident.documents.put(key, body, found[1], head)
    assert incident.tell("2026-10-21T12:00:00Z") == []
    assert incident.planned() == ["2026-10-22T12:00:00Z"]
