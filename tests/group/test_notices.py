"""What is pending for whom: it follows from how the incident stands and what each sink was told, in any order."""

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.people import acknowledge, resolve
from triage.group import SqliteDocuments, claim, commit, notices_of, put_off, told
from triage.group.fold import Judge, Report, fold, report_key
from triage.group.ledger import Ledger
from triage.group.notices import Router
from triage.group.stored import load_ledger
from triage.hosts import Hosts
from triage.model import ChangeKind, Diagnosis, Ends, Facts, Notice, Reading, Sent, Surroundings, Tallied
from triage.model.words import CONFIDENCES, Confidence, rank

NOW = "2026-10-20T12:00:00Z"
LATER = "2026-10-20T13:00:00Z"
Build = Callable[..., Reading]


def loud(facts: Facts, kind: ChangeKind) -> Sequence[str]:
    """Tell Teams what is probable or surer, the webhook everything."""
    named = {"teams", "webhook"} if rank(facts.confidence) >= rank("probable") else {"webhook"}
    return sorted(named | (set(facts.heard_by) if kind in ("verdict-changed", "resolved", "reopened") else set()))


def changeable(tallies: Sequence[Tallied], _: Surroundings | None = None) -> Diagnosis:
    """Give a verdict that more evidence may make surer or less sure, and that the order of it does not change."""
    seen = sorted({one.diagnosis.category for one in tallies if one.diagnosis})
    chance = hashlib.sha256(" ".join(seen).encode()).digest()
    return Diagnosis(
        category=seen[chance[0] % len(seen)] if seen else "unclassified", confidence=CONFIDENCES[chance[1] % 3]
    )


def by_count(*confidences: Confidence) -> Judge:
    """Judge by how many kinds of evidence there are: the first word for one, the second for two, and so on."""

    def judge(tallies: Sequence[Tallied], _: Surroundings | None = None) -> Diagnosis:
        return Diagnosis(confidence=confidences[len(tallies) - 1])

    return judge


class Store:
    """One incident in a store, with the calls that these tests repeat."""

    def __init__(self, documents: SqliteDocuments, hosts: Hosts, judge: Judge, reading: Build) -> None:
        self.documents, self._hosts, self._judge, self._reading = documents, hosts, judge, reading
        self._number = 0

    def report(self, count: int = 1, *, now: str = NOW, route: Router = loud, **changes: Any) -> str:
        """Count so many reports of the fault, and give the incident's id."""
        readings = []
        for _ in range(count):
            self._number += 1
            readings.append(self._reading(self._number, **changes))
        commit(self.documents, readings, self._judge, self._hosts, now, route=route)
        (listed,) = self.documents.list("incident/")
        return listed.key.removeprefix("incident/")

    def waiting(self, sink: str = "") -> list[str]:
        """Give the names of what is pending, in order."""
        pending = [one for _, one in notices_of(self.documents) if isinstance(one, Notice) and sink in ("", one.sink)]
        return ["verdict" if one.name.startswith("verdict:") else one.name for one in pending]

    def tell(self, incident_id: str, sink: str, now: str = NOW) -> list[str]:
        """Send what waits for a sink, as a relay does, and give the names of what the message told."""
        claimed = claim(self.documents, incident_id, sink, now)
        assert claimed is not None
        told(self.documents, claimed, "remote-1", now)
        return [one.name for one in claimed.notices]


@pytest.fixture
def store(documents: SqliteDocuments, hosts: Hosts, judge: Judge, reading: Build) -> Store:
    """Give an empty store."""
    return Store(documents, hosts, judge, reading)


def test_a_change_and_its_notices_are_one_put(store: Store) -> None:
    """The new incident and one entry for each sink that its routing names stand in the same document."""
    store.report(confidence="certain")
    assert store.waiting("teams") == ["opened:1"]
    assert store.waiting("webhook") == ["opened:1"]


def test_without_sinks_nothing_waits(documents: SqliteDocuments, hosts: Hosts, judge: Judge, reading: Build) -> None:
    """A laptop without sinks keeps no notices."""
    commit(documents, [reading(1)], judge, hosts, NOW)
    assert list(notices_of(documents)) == []


def test_what_is_only_possible_wakes_nobody(store: Store) -> None:
    """Where the routing wants probable, a possible fault is not told there, and is told elsewhere."""
    store.report(confidence="possible")
    assert store.waiting("teams") == []
    assert store.waiting("webhook") == ["opened:1"]


def test_the_first_word_to_a_sink_is_that_it_opened(store: Store) -> None:
    """A sink that never heard of an incident hears of its opening, whichever change makes the routing name it."""
    store.report(confidence="possible")
    store.report(confidence="certain")
    assert store.waiting("teams") == ["opened:1"]


def test_a_fault_that_turns_out_unsure_before_anybody_heard_is_taken_back(
    documents: SqliteDocuments, hosts: Hosts, reading: Build
) -> None:
    """Nobody is woken at seven for what is only possible by then."""
    store = Store(documents, hosts, by_count("certain", "possible"), reading)
    store.report()
    assert store.waiting("teams") == ["opened:1"]
    store.report(category="dns")
    assert store.waiting("teams") == []


def test_a_sink_that_heard_a_sure_word_hears_that_it_is_not_sure_any_more(
    documents: SqliteDocuments, hosts: Hosts, reading: Build
) -> None:
    """A verdict that falls below the routing's bound is told to those who were told the surer one, and so is the end."""
    store = Store(documents, hosts, by_count("certain", "possible"), reading)
    incident = store.report()
    store.tell(incident, "teams")
    store.report(category="dns")
    assert store.waiting("teams") == ["verdict"]
    store.tell(incident, "teams")
    resolve(documents, incident, "mended", LATER, route=loud)
    assert store.waiting("teams") == ["resolved:1"]


def test_each_tenfold_is_told_once(store: Store) -> None:
    """Growing from 1 to 120 messages passes ten and a hundred: two notices, whatever the batches."""
    incident = store.report(confidence="certain")
    store.tell(incident, "teams")
    for _ in range(119):
        store.report(confidence="certain")
    assert store.waiting("teams") == ["grew:10", "grew:100"]


def test_thresholds_passed_before_anybody_was_told_are_there_too(store: Store) -> None:
    """Twelve messages at once, or told of only when they are sure, leave the same entries as one by one."""
    store.report(12, confidence="possible")
    assert store.waiting("webhook") == ["opened:1", "grew:10"]
    store.report(confidence="certain")
    assert store.waiting("teams") == ["opened:1", "grew:10"]


def test_a_verdict_that_changes_back_before_it_was_told_is_no_news(
    documents: SqliteDocuments, hosts: Hosts, reading: Build
) -> None:
    """A sink is told a new verdict only if it is another than the one that it heard last."""
    store = Store(documents, hosts, by_count("certain", "probable", "certain"), reading)
    incident = store.report()
    store.tell(incident, "teams")
    store.report(category="dns")
    assert store.waiting("teams") == ["verdict"]
    store.report(category="loop")
    assert store.waiting("teams") == []


def test_a_verdict_that_comes_back_is_told_again_under_a_new_name(
    documents: SqliteDocuments, hosts: Hosts, reading: Build
) -> None:
    """A receiver that drops known ids must not drop a verdict that was told, overturned and found again."""
    store = Store(documents, hosts, by_count("certain", "probable", "certain", "probable", "certain"), reading)
    incident = store.report()
    told_names = []
    for category in ("dns", "loop", "system", "routing"):
        told_names += store.tell(incident, "webhook")
        store.report(category=category)
    told_names += store.tell(incident, "webhook")
    assert len(told_names) == 5
    assert len(set(told_names)) == 5


def test_an_end_is_not_told_to_those_who_never_heard_of_the_beginning(store: Store) -> None:
    """A resolved incident of which a sink never heard is no news there."""
    incident = store.report(confidence="possible")
    resolve(store.documents, incident, "mended", LATER, route=loud)
    assert store.waiting("teams") == []
    assert store.waiting("webhook") == ["opened:1", "resolved:1"]


def test_every_end_and_every_return_has_its_number(store: Store) -> None:
    """A fault that is resolved and comes back twice is told four times, each under its own name."""
    incident = store.report(confidence="certain")
    names = store.tell(incident, "webhook")
    for day in ("21", "22"):
        resolve(store.documents, incident, "mended", f"2026-10-{day}T10:00:00Z", route=loud)
        names += store.tell(incident, "webhook")
        store.report(confidence="certain", time=f"2026-10-{day}T12:00:00Z")
        names += store.tell(incident, "webhook")
    assert names == ["opened:1", "resolved:1", "reopened:1", "resolved:2", "reopened:2"]


def test_resolving_twice_tells_once(store: Store) -> None:
    """The second hand that closes an incident changes nothing."""
    incident = store.report(confidence="certain")
    store.tell(incident, "webhook")
    for _ in range(2):
        resolve(store.documents, incident, "mended", LATER, route=loud)
    assert store.waiting("webhook") == ["resolved:1"]


def test_growth_is_held_while_somebody_has_it(store: Store) -> None:
    """An acknowledged incident is quiet until it is a hundred times as large as when it was told last."""
    incident = store.report(confidence="certain")
    store.tell(incident, "teams")
    acknowledge(store.documents, incident, "Ops", NOW, route=loud)
    store.report(98, confidence="certain")
    assert store.waiting("teams") == []
    store.report(1, confidence="certain")
    assert store.waiting("teams") == ["grew:10", "grew:100"]


def test_who_takes_it_is_not_told_of_the_growth_that_made_him(store: Store) -> None:
    """Growth that waits when somebody acknowledges is taken back; the opening that nobody heard of is not."""
    incident = store.report(confidence="certain")
    store.tell(incident, "teams")
    store.report(9, confidence="certain")
    assert store.waiting("teams") == ["grew:10"]
    acknowledge(store.documents, incident, "Ops", NOW, route=loud)
    assert store.waiting("teams") == []
    assert store.waiting("webhook") == ["opened:1", "grew:10"]


def test_a_sink_that_is_not_set_up_here_keeps_what_waits_for_it(store: Store) -> None:
    """A process without a sink's address leaves alone what others wrote for that sink."""
    store.report(confidence="possible")
    store.report(confidence="certain", route=lambda *_: ())
    assert store.waiting() == ["opened:1"]


def test_a_replay_of_the_reports_writes_nothing(
    documents: SqliteDocuments, hosts: Hosts, judge: Judge, reading: Build
) -> None:
    """The same reports again, after the notice went out, neither change the document nor tell anybody twice."""
    readings = [reading(number, confidence="certain") for number in range(12)]
    (incident,) = commit(documents, readings, judge, hosts, NOW, route=loud)
    claimed = claim(documents, incident, "teams", NOW)
    assert claimed is not None
    told(documents, claimed, None, NOW)
    before = [one.tag for one in documents.list("incident/")]
    assert commit(documents, readings, judge, hosts, LATER, route=loud) == set()
    assert [one.tag for one in documents.list("incident/")] == before


def _folded(readings: Sequence[Reading], rng: random.Random, route: Router = loud) -> Ledger:
    """Fold in a random order, some of them twice, cut into random batches."""
    reports = [
        Report(report_key(one.sha256, index), finding) for one in readings for index, finding in enumerate(one.findings)
    ]
    reports += rng.sample(reports, k=rng.randrange(len(reports) + 1))
    rng.shuffle(reports)
    ledger = Ledger(id="X", family="session", ends=Ends("a", "b"))
    at = 0
    while at < len(reports):
        step = rng.randrange(1, 12)
        ledger = fold(ledger, reports[at : at + step], changeable, NOW, route)
        at += step
    return ledger


CATEGORIES = ("tls-version", "dns", "loop", "system", "routing", "expired")


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.sampled_from(range(len(CATEGORIES))), min_size=1, max_size=40))
def test_any_order_leaves_the_same_notices(reading: Build, rng: random.Random, kinds: list[int]) -> None:
    """Any order, any repetition and any cut into batches leave entries of the same names for the same sinks.

    Also where the verdict became surer and less sure on the way; and the last of them tells the verdict that stands.
    """
    readings = [reading(number, category=CATEGORIES[kind]) for number, kind in enumerate(kinds)]
    one, other = _folded(readings, rng), _folded(readings, rng)
    assert set(one.pending) == set(other.pending)
    assert ("opened:1/teams" in one.pending) == (one.verdict.confidence != "possible")
    assert ("grew:10/webhook" in one.pending) == (len(kinds) >= 10)


def test_a_document_does_not_grow_with_every_return(store: Store) -> None:
    """Of a fault that comes and goes for years the oldest endings are forgotten, and the numbers go on."""
    incident = store.report(confidence="certain")
    store.tell(incident, "webhook")
    ledger = load_ledger(store.documents, incident)
    assert ledger is not None
    (opened,) = ledger.sent.values()
    many = {f"resolved:{n}/webhook": msgspec.structs.replace(opened, name=f"resolved:{n}") for n in range(1, 400)}
    key = f"incident/{incident}"
    found = store.documents.get(key)
    assert found is not None
    store.documents.put(key, msgspec.structs.replace(ledger, sent={**ledger.sent, **many}).encode(), found[1], b"{}")
    resolve(store.documents, incident, "mended", LATER, route=loud)
    assert store.tell(incident, "webhook") == ["resolved:400"]
    kept = [one.name for _, one in notices_of(store.documents) if isinstance(one, Sent)]
    assert len(kept) == 200
    assert {"opened:1", "resolved:400"} <= set(kept)


def test_what_may_be_on_its_way_counts_as_told(store: Store) -> None:
    """A message whose answer never came is not rewritten: what changes meanwhile gets its own notice."""
    incident = store.report(confidence="probable")
    claimed = claim(store.documents, incident, "webhook", NOW)
    assert claimed is not None
    put_off(store.documents, claimed, 30, "no answer", NOW, unsure=True)
    store.report(confidence="certain")
    assert store.waiting("webhook") == ["opened:1", "verdict"]


def by_facts(facts: Facts, kind: ChangeKind) -> Sequence[str]:
    """Route as rows with conditions do: waiting mail to one sink, one cause to another, the rest to a third."""
    named = "waiting" if "waiting" in facts.impacts else "dns" if facts.category == "dns" else "rest"
    goes_on = facts.heard_by if kind in ("verdict-changed", "resolved", "reopened") else ()
    return sorted({named, *goes_on})


@settings(max_examples=100, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.lists(
        st.tuples(st.sampled_from(range(len(CATEGORIES))), st.sampled_from(("returned", "waiting", "none"))),
        min_size=1,
        max_size=30,
    ),
)
def test_any_order_leaves_the_same_notices_under_rows_with_conditions(
    reading: Build, rng: random.Random, seen: list[tuple[int, str]]
) -> None:
    """Which sinks are to be told follows from how the incident stands, also where a row asks what came of its mail."""
    readings = [reading(number, category=CATEGORIES[kind], impact=impact) for number, (kind, impact) in enumerate(seen)]
    one, other = _folded(readings, rng, by_facts), _folded(readings, rng, by_facts)
    assert set(one.pending) == set(other.pending)
    named = "waiting" if any(impact == "waiting" for _, impact in seen) else None
    assert named is None or {key.partition("/")[2] for key in one.pending} == {named}


def test_mail_that_comes_to_wait_is_told_to_whom_it_concerns(
    documents: SqliteDocuments, hosts: Hosts, judge: Judge, reading: Build
) -> None:
    """A second report without growth or a new verdict makes another row fit: its sink hears of the opening, once."""
    readings = [reading(1), reading(2, impact="waiting", action="delayed")]
    for one in (*readings, *readings):
        commit(documents, [one], judge, hosts, NOW, route=by_facts)
    assert [one.name + "/" + one.sink for _, one in notices_of(documents) if isinstance(one, Notice)] == [
        "opened:1/waiting"
    ]
