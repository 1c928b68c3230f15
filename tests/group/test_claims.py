"""Claims: one relay at a time, one message under one id, and nothing that may have arrived is mixed with news."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.people import resolve
from triage.group import (
    Claimed,
    SqliteDocuments,
    claim,
    commit,
    due,
    give_up,
    notices_of,
    peek,
    put_off,
    replay,
    told,
)
from triage.group.fold import Judge
from triage.hosts import Hosts
from triage.model import ChangeKind, Facts, Notice, Reading, Sent

T0 = "2026-10-20T12:00:00Z"
T10 = "2026-10-20T12:00:10Z"
AFTER_LEASE = "2026-10-20T12:05:00Z"
MUCH_LATER = "2026-10-20T13:00:00Z"
Build = Callable[..., Reading]


def webhook(facts: Facts, kind: ChangeKind) -> Sequence[str]:
    """Tell everything to the webhook."""
    del facts, kind
    return ("webhook",)


@pytest.fixture
def report(documents: SqliteDocuments, hosts: Hosts, judge: Judge, reading: Build) -> Callable[..., str]:
    """Give a function that counts one report and gives the incident's id."""

    def count(number: int, *, now: str = T0, **changes: Any) -> str:
        commit(documents, [reading(number, **changes)], judge, hosts, now, route=webhook)
        (listed,) = documents.list("incident/")
        return listed.key.removeprefix("incident/")

    return count


def taken(documents: SqliteDocuments, incident: str, now: str = T0, **how: Any) -> Claimed:
    """Claim, where there is something to claim."""
    claimed = claim(documents, incident, "webhook", now, **how)
    assert claimed is not None
    return claimed


def names(claimed: Claimed | None) -> list[str]:
    """Give the kinds of what a message tells."""
    return [] if claimed is None else [one.name.partition(":")[0] for one in claimed.notices]


def states(documents: SqliteDocuments) -> dict[str, str]:
    """Give for each notice whether it is sent, failed or waits."""
    return {
        one.name.partition(":")[0]: "sent" if isinstance(one, Sent) else "failed" if one.failed else "waits"
        for _, one in notices_of(documents)
    }


def test_what_is_claimed_is_nobody_elses(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """While one relay is at a message, another finds nothing to send; when its lease ran out, the same message."""
    incident = report(1)
    first = taken(documents, incident)
    assert claim(documents, incident, "webhook", T10) is None
    again = taken(documents, incident, AFTER_LEASE)
    assert (again.id, again.token != first.token) == (first.id, True)


@pytest.mark.parametrize("documents", ["sqlite"], indirect=True)
def test_many_relays_at_once_claim_once(tmp_path: Path, documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """Of eight relays that look at the same moment, one gets the message."""
    incident = report(1)

    def one(_: int) -> bool:
        with SqliteDocuments(tmp_path / "store.sqlite") as own:
            return claim(own, incident, "webhook", T0) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 1


def test_what_waits_together_goes_out_as_one_message(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """An opening and its end that wait at the same time are one message, and all are marked with one remote id."""
    incident = report(1)
    resolve(documents, incident, "mended", T0, route=webhook)
    claimed = taken(documents, incident)
    assert claimed.id == f"{incident}/opened:1/webhook"
    assert names(claimed) == ["opened", "resolved"]
    told(documents, claimed, "run-7", T10)
    sent = [one for _, one in notices_of(documents) if isinstance(one, Sent)]
    assert [(one.name, one.remote, one.message) for one in sent] == [
        ("opened:1", "run-7", "opened:1/webhook"),
        ("resolved:1", "run-7", "opened:1/webhook"),
    ]


def test_what_was_surely_not_taken_may_be_joined(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """A message that the sink turned away for now goes out later with what came meanwhile, not before it is time."""
    incident = report(1)
    put_off(documents, taken(documents, incident), 60, "429", T0, unsure=False)
    resolve(documents, incident, "mended", T0, route=webhook)
    assert claim(documents, incident, "webhook", T10) is None
    assert names(taken(documents, incident, AFTER_LEASE)) == ["opened", "resolved"]


def test_what_may_have_arrived_goes_alone(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """A receiver that has the message drops its repetition: what is new must not be in it, and comes after it."""
    incident = report(1)
    first = taken(documents, incident)
    put_off(documents, first, 5, "no answer", T0, unsure=True)
    resolve(documents, incident, "mended", T0, route=webhook)
    again = taken(documents, incident, T10)
    assert (again.id, names(again)) == (first.id, ["opened"])
    assert claim(documents, incident, "webhook", T10) is None
    told(documents, again, None, T10)
    assert names(taken(documents, incident, T10)) == ["resolved"]


def test_a_relay_that_died_counts_as_maybe_told(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """What a dead relay had claimed goes out again as it was, without what came meanwhile."""
    incident = report(1)
    taken(documents, incident)
    resolve(documents, incident, "mended", T0, route=webhook)
    assert names(taken(documents, incident, AFTER_LEASE)) == ["opened"]


def test_a_sink_that_knows_no_ids_gets_it_twice_at_most(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """After two tries of which nobody knows the end, the message is shown as failed instead of sent again."""
    incident = report(1)
    taken(documents, incident, at_most_twice=True)
    put_off(
        documents, taken(documents, incident, AFTER_LEASE, at_most_twice=True), 5, "no answer", AFTER_LEASE, unsure=True
    )
    assert states(documents) == {"opened": "failed"}
    assert claim(documents, incident, "webhook", MUCH_LATER, at_most_twice=True) is None


def test_two_dead_relays_are_two_tries(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """Two relays that died with the same message in hand count too; what is new is told all the same."""
    incident = report(1)
    taken(documents, incident, at_most_twice=True)
    taken(documents, incident, AFTER_LEASE, at_most_twice=True)
    resolve(documents, incident, "mended", AFTER_LEASE, route=webhook)
    assert names(claim(documents, incident, "webhook", MUCH_LATER, at_most_twice=True)) == ["resolved"]
    assert states(documents)["opened"] == "failed"


def test_being_told_holds_whoever_claimed_it_meanwhile(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """A slow relay that did reach the sink marks the message, and the one that took over finds nothing to mark."""
    incident = report(1)
    slow = taken(documents, incident)
    other = taken(documents, incident, AFTER_LEASE)
    told(documents, slow, "run-1", AFTER_LEASE)
    put_off(documents, other, 5, "no answer", AFTER_LEASE, unsure=True)
    assert states(documents) == {"opened": "sent"}


def test_a_claim_that_ran_out_cannot_put_off_anothers(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """A relay that comes back late does not change what another one is at."""
    incident = report(1)
    slow = taken(documents, incident)
    taken(documents, incident, AFTER_LEASE)
    give_up(documents, slow, "400")
    assert states(documents) == {"opened": "waits"}


def test_what_failed_is_sent_again_when_replayed(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """A failed notice stays until somebody puts it back; then it goes out like a new one."""
    incident = report(1)
    give_up(documents, taken(documents, incident), "It answered 401.")
    assert claim(documents, incident, "webhook", MUCH_LATER) is None
    assert list(due(documents, MUCH_LATER)) == []
    assert replay(documents, incident, MUCH_LATER) == (1, 0)
    assert names(taken(documents, incident, MUCH_LATER)) == ["opened"]


def test_an_opening_is_never_told_after_the_end(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """What failed before a later message arrived has no news left: a replay marks it and sends nothing."""
    incident = report(1)
    give_up(documents, taken(documents, incident), "It answered 401.")
    resolve(documents, incident, "mended", MUCH_LATER, route=webhook)
    told(documents, taken(documents, incident, MUCH_LATER), "run-2", MUCH_LATER)
    assert replay(documents, incident, MUCH_LATER) == (0, 1)
    assert claim(documents, incident, "webhook", MUCH_LATER) is None
    assert states(documents) == {"opened": "sent", "resolved": "sent"}


def test_replaying_one_sink_leaves_the_others(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """A replay can be limited to the sink that was mended."""
    incident = report(1)
    give_up(documents, taken(documents, incident), "It answered 401.")
    assert replay(documents, incident, MUCH_LATER, "teams") == (0, 0)
    assert states(documents) == {"opened": "failed"}


def test_only_what_is_due_is_looked_at(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """A listing alone shows which incidents have something to tell now."""
    incident = report(1)
    assert list(due(documents, T0)) == [incident]
    claimed = taken(documents, incident)
    assert list(due(documents, T10)) == []
    put_off(documents, claimed, 60, "429", T0, unsure=False)
    assert list(due(documents, T10)) == []
    assert list(due(documents, AFTER_LEASE)) == [incident]
    told(documents, taken(documents, incident, AFTER_LEASE), None, AFTER_LEASE)
    assert list(due(documents, MUCH_LATER)) == []


def test_a_look_claims_nothing(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """A preview shows the message that would go out, under its id, and leaves it to the relay."""
    incident = report(1)
    seen = peek(documents, incident, "webhook")
    assert (seen.id, names(seen)) == (f"{incident}/opened:1/webhook", ["opened"])
    assert names(taken(documents, incident)) == ["opened"]
    assert peek(documents, incident, "teams").notices == ()


def test_a_notice_keeps_the_counts_of_its_time(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """What was counted when the change was written stands in the notice, whatever came later."""
    incident = report(1)
    for number in range(2, 6):
        report(number)
    (opened,) = taken(documents, incident).notices
    assert isinstance(opened, Notice)
    assert opened.counts.returned == 1


def test_an_incident_that_is_gone_has_nothing_to_tell(documents: SqliteDocuments, report: Callable[..., str]) -> None:
    """A kick for an incident that is kept no longer is no error, nor is marking one that went meanwhile."""
    incident = report(1)
    claimed = taken(documents, incident)
    documents.delete(f"incident/{incident}")
    told(documents, claimed, None, T10)
    assert claim(documents, incident, "webhook", T10) is None
