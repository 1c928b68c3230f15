"""What is held goes out together: noted, claimed by one relay, true when it is sent, and marked wherever it went on."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from triage.group import (
    ClaimedBundle,
    Documents,
    bundle_told,
    claim,
    claim_bundle,
    commit,
    due,
    join,
    notices_of,
    put_off_bundle,
    telling,
)
from triage.group.fold import Judge
from triage.group.stored import load_ledger
from triage.hosts import Hosts
from triage.model import ChangeKind, Diagnosis, Facts, Notice, Reading, Sent, Surroundings, Tallied, Timing
from triage.model.words import rank

EVENING = "2026-10-20T20:00:00Z"
SEVEN = "2026-10-21T07:00:00Z"
MORNING = "2026-10-21T07:00:30Z"
LATER = "2026-10-21T07:05:00Z"
Build = Callable[..., Reading]


def probable(facts: Facts, kind: ChangeKind) -> Sequence[str]:
    """Tell Teams what is probable, and how it went on."""
    return ("teams",) if rank(facts.confidence) >= 1 or (facts.heard_by and kind != "grew") else ()


def nightly(_facts: Facts, _kind: ChangeKind, _sink: str, now: str) -> Timing:
    """Hold all that comes in one night."""
    return Timing(until=SEVEN, by="quiet-hours") if now < SEVEN else Timing()


def weakening(tallies: Sequence[Tallied], _: Surroundings | None = None) -> Diagnosis:
    """Judge the surer the less there is."""
    return Diagnosis(confidence="certain" if len(tallies) == 1 else "possible")


class Night:
    """Incidents that are held until seven."""

    def __init__(self, documents: Documents, hosts: Hosts, judge: Judge, reading: Build) -> None:
        self.documents, self.hosts, self.judge, self._reading = documents, hosts, judge, reading

    def report(self, number: int, host: str, now: str = EVENING, **changes: Any) -> None:
        """Count a report that a host of ours wrote."""
        values = {"sending_host": f"{host}.contoso.example", "confidence": "certain", **changes}
        commit(self.documents, [self._reading(number, **values)], self.judge, self.hosts, now, route=probable)

    def ids(self) -> list[str]:
        """Give the incidents."""
        return [one.key.removeprefix("incident/") for one in self.documents.list("incident/")]

    def hold(self, now: str = EVENING) -> None:
        """Look at all as a relay does."""
        for one in self.ids():
            assert claim(self.documents, one, "teams", now, timer=nightly) is None

    def together(self, now: str = MORNING, **how: Any) -> ClaimedBundle | None:
        """Claim what goes out together."""
        values: dict[str, Any] = {"timer": nightly, "at_most_twice": True, **how}
        return claim_bundle(self.documents, "teams", list(due(self.documents, now)), now, **values)

    def states(self) -> list[str]:
        """Give for each notice whether it is sent or which message it waits for."""
        return [
            "sent" if isinstance(one, Sent) else one.message or ("failed" if one.failed else "loose")
            for _, one in notices_of(self.documents)
        ]


@pytest.fixture
def night(documents: Documents, hosts: Hosts, judge: Judge, reading: Build) -> Night:
    """Give two incidents of an evening, held until seven."""
    made = Night(documents, hosts, judge, reading)
    made.report(1, "hq-a")
    made.report(2, "hq-b")
    made.hold()
    return made


def test_held_notices_are_not_looked_at_before_their_hour(night: Night) -> None:
    """A sweep of the night reads no incident whose notices are held; its head says until when."""
    assert list(due(night.documents, "2026-10-21T03:00:00Z")) == []
    assert sorted(due(night.documents, MORNING)) == sorted(night.ids())


def test_news_of_the_night_is_looked_at_and_held_too(night: Night) -> None:
    """What comes to a held incident meanwhile goes out with it."""
    for number in range(10, 20):
        night.report(number, "hq-a", "2026-10-21T02:00:00Z")
    assert len(list(due(night.documents, "2026-10-21T03:00:00Z"))) == 1
    night.hold("2026-10-21T03:00:00Z")
    claimed = night.together()
    assert claimed is not None
    assert sorted([one.name for one in notices] for _, notices in claimed.told) == [
        ["opened:1"],
        ["opened:1", "grew:10"],
    ]


def test_one_relay_has_it(night: Night) -> None:
    """While one is at it another gets nothing; when it died, the next has the same message, with the same members."""
    first = night.together()
    assert first is not None
    assert night.together() is None
    assert claim(night.documents, night.ids()[0], "teams", MORNING, timer=nightly) is None
    again = night.together(LATER)
    assert again is not None
    assert (again.id, again.token != first.token) == (first.id, True)
    assert [one.id for one, _ in again.told] == [one.id for one, _ in first.told]


def test_what_was_told_is_marked_whoever_claims_it(night: Night) -> None:
    """The relay that was slow marks what it sent; the one that took over finds nothing left."""
    slow = night.together()
    assert slow is not None
    assert night.together(LATER) is not None
    bundle_told(night.documents, slow, "run-1", LATER, nightly)
    assert night.states() == ["sent", "sent"]
    assert telling(night.documents, "teams").bundle is None
    assert night.together("2026-10-21T07:10:00Z") is None


def test_a_third_try_of_which_nobody_knows_the_end_is_not_made(night: Night) -> None:
    """Two relays that died at it are enough: the notices have failed, and the next message is not held up."""
    assert night.together() is not None
    assert night.together(LATER) is not None
    assert night.together("2026-10-21T07:10:00Z") is None
    assert night.states() == ["failed", "failed"]
    assert telling(night.documents, "teams").bundle is None


def test_a_sink_that_knows_ids_is_tried_on(night: Night) -> None:
    """Where an id that came before is dropped, the same message is tried as often as it takes."""
    tries = [night.together(f"2026-10-21T07:{minute:02d}:00Z", at_most_twice=False) for minute in (1, 5, 9, 13)]
    last = tries[-1]
    assert last is not None
    put_off_bundle(night.documents, last, 60, "2026-10-21T07:14:00Z", unsure=True)
    assert night.together("2026-10-21T07:14:30Z", at_most_twice=False) is None
    again = night.together("2026-10-21T07:15:00Z", at_most_twice=False)
    assert again is not None
    assert {one.id for one in (*tries, again) if one is not None} == {again.id}
    assert None not in tries


def test_what_is_true_no_more_in_the_morning_is_not_told(documents: Documents, hosts: Hosts, reading: Build) -> None:
    """A fault that was certain at night and is only possible by seven wakes nobody, then or later."""
    night = Night(documents, hosts, weakening, reading)
    for number, host in enumerate(("hq-a", "hq-b", "hq-c")):
        night.report(number, host)
    night.hold()
    night.report(10, "hq-a", category="dns")
    claimed = night.together()
    assert claimed is not None
    assert sorted(one.ends.sending or "" for one, _ in claimed.told) == ["hq-b.contoso.example", "hq-c.contoso.example"]


def test_what_may_be_on_its_way_is_not_taken_back(documents: Documents, hosts: Hosts, reading: Build) -> None:
    """Once a message has its members, a verdict that moves is told after it, by itself."""
    night = Night(documents, hosts, weakening, reading)
    night.report(1, "hq-a")
    night.report(2, "hq-b")
    night.hold()
    claimed = night.together()
    assert claimed is not None
    night.report(10, "hq-a", MORNING, category="dns")
    bundle_told(documents, claimed, None, MORNING, nightly)
    (one,) = [one for _, one in notices_of(documents) if isinstance(one, Notice)]
    assert one.name.startswith("verdict:")


def test_members_that_turn_out_to_be_one_are_marked_where_they_went_on(night: Night) -> None:
    """Two servers that prove to be one while the message is under way: told once, marked in the incident that is left."""
    claimed = night.together()
    assert claimed is not None
    same = Hosts(domains=["contoso.example"], names=[["hq-a.contoso.example", "hq-b.contoso.example"]])
    join(night.documents, same, night.judge, MORNING, route=probable)
    bundle_told(night.documents, claimed, None, MORNING, nightly)
    assert set(night.states()) == {"sent"}


def test_what_a_finished_message_left_behind_is_let_go(night: Night) -> None:
    """An entry that still names a message that is off already goes out again: nobody waits for it for ever."""
    incident = night.ids()[0]
    ledger = load_ledger(night.documents, incident)
    found = night.documents.get(f"incident/{incident}")
    assert ledger is not None
    assert found is not None
    stale = {
        key: msgspec.structs.replace(one, message="digest/2026-10-19/7/teams", held_until=None, held_by=None)
        for key, one in ledger.pending.items()
    }
    body = msgspec.structs.replace(ledger, pending=stale).encode()
    night.documents.put(
        f"incident/{incident}", body, found[1], b'{"notice_due":"2026-10-20T20:00:00Z","family":"session"}'
    )
    night.together()
    assert claim(night.documents, incident, "teams", MORNING, timer=nightly) is not None


def test_an_urgent_turn_ends_the_wait(night: Night) -> None:
    """Where the routing holds an incident no more before the hour has come, it goes out by itself at once."""
    incident = night.ids()[0]
    claimed = claim(night.documents, incident, "teams", "2026-10-21T03:00:00Z")
    assert claimed is not None
    assert [one.held_until for one in claimed.notices] == [None]


def test_a_row_that_changed_by_the_hour_decides_anew(night: Night) -> None:
    """What was held for seven falls to a digest at noon by then: it is held for that, and told with neither."""

    def noon(_facts: Facts, _kind: ChangeKind, _sink: str, now: str) -> Timing:
        return Timing(until="2026-10-21T12:00:00Z" if now < "2026-10-21T12:00:00Z" else SEVEN, by="digest")

    assert night.together(timer=noon) is None
    for one in night.ids():
        assert claim(night.documents, one, "teams", MORNING, timer=noon) is None
    held = [one.held_until for _, one in notices_of(night.documents) if isinstance(one, Notice)]
    assert held == ["2026-10-21T12:00:00Z"] * 2


def test_what_people_silenced_stays_out_of_it(night: Night) -> None:
    """A silence that lasts past the hour keeps its incident out of the message; the other goes out as ever."""
    incident = night.ids()[0]
    key = f"incident/{incident}"
    ledger, found = load_ledger(night.documents, incident), night.documents.get(key)
    assert ledger is not None
    assert found is not None
    body = msgspec.structs.replace(ledger, silenced_until="2026-10-21T12:00:00Z").encode()
    night.documents.put(key, body, found[1], b'{"notice_due":"2026-10-20T20:00:00Z","family":"session"}')
    assert night.together() is None
    assert claim(night.documents, incident, "teams", MORNING, timer=nightly) is None
    assert claim(night.documents, night.ids()[1], "teams", MORNING, timer=nightly) is not None
