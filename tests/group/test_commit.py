"""Committing: exact counts whatever comes twice, late, in another order or from several processes."""

import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.people import resolve
from triage.group import SqliteDocuments, affected, commit, incidents, keep, uncounted
from triage.group.fold import Judge, Report, fold, report_key
from triage.group.ledger import Ledger
from triage.hosts import Hosts
from triage.model import Counts, Ends, Incident, Original, Reading

NOW = "2026-10-20T12:00:00Z"
LATER = "2026-10-21T12:00:00Z"
Build = Callable[..., Reading]


def facts(incident: Incident) -> tuple[object, ...]:
    """Give what must not depend on the order of arrival."""
    return (
        incident.id,
        incident.state,
        incident.verdict,
        incident.counts,
        incident.recipients,
        incident.senders,
        incident.domains,
        incident.first_seen,
        incident.last_seen,
        incident.sample,
    )


def test_many_recipients_one_hop_is_one_incident(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """Bounces of different recipients between the same two ends are one incident with exact counts."""
    commit(documents, [reading(number) for number in range(25)], judge, hosts, NOW)
    (incident,) = incidents(documents)
    assert incident.counts == Counts(returned=25)
    assert (incident.recipients, incident.senders, incident.domains) == (25, 1, 1)
    assert incident.ends == Ends("hq-ex13a.contoso.example", "exchange-online")


def test_committing_twice_changes_nothing(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """The same readings again change neither counts nor changes nor the stored document."""
    readings = [reading(number) for number in range(5)]
    commit(documents, readings, judge, hosts, NOW)
    before = [(one.key, one.tag) for one in documents.list("incident/")]
    assert commit(documents, readings, judge, hosts, LATER) == set()
    assert [(one.key, one.tag) for one in documents.list("incident/")] == before


def test_one_message_told_thrice_is_one_affected_message(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """A message that several reports tell of is hit once: direct, attached and pasted."""
    same = Original(message_id="m@contoso.example", from_="k@contoso.example")
    told = [reading(number, recipient="Anna@fabrikam.example", original=same) for number in range(3)]
    commit(documents, told, judge, hosts, NOW)
    (incident,) = incidents(documents)
    assert incident.counts.returned == 1


@pytest.mark.parametrize("first", [0, 1], ids=["delay first", "failure first"])
def test_a_delay_that_becomes_a_failure_is_one_returned_message(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts, first: int
) -> None:
    """The worse state of a message stands, whichever report comes first."""
    same = Original(message_id="m@contoso.example")
    delay = reading(1, action="delayed", impact="waiting", recipient="a@fabrikam.example", original=same)
    failure = reading(2, recipient="a@fabrikam.example", original=same)
    for one in [delay, failure] if first == 0 else [failure, delay]:
        commit(documents, [one], judge, hosts, NOW)
    (incident,) = incidents(documents)
    assert incident.counts == Counts(returned=1, waiting=0)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"receiving_host": "other-example.mail.protection.outlook.com"}, True),
        ({"sending_host": "HQ-EX13A.contoso.example."}, True),
        ({"sending_host": "hq-ex13b.contoso.example"}, False),
        ({"receiving_host": "mx1.fabrikam.example"}, False),
        ({"category": "connection-dropped"}, True),
        ({"family": "routing"}, False),
        ({"time": None}, True),
    ],
    ids=["another host of the pool", "spelling", "another server", "another receiver", "category", "family", "no time"],
)
def test_only_family_and_ends_decide_what_belongs_together(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts, changes: dict[str, object], same: bool
) -> None:
    """Neither conclusions nor times nor recipients split an incident; another end or family does."""
    commit(documents, [reading(1), reading(2, **changes)], judge, hosts, NOW)
    assert len(list(incidents(documents))) == (1 if same else 2)


def test_recipient_faults_belong_to_the_domain(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """Wrong addresses at one domain are one incident, whichever server of ours sent to them."""
    one = reading(1, family="recipient", sending_host="hq-ex13a.contoso.example")
    other = reading(2, family="recipient", sending_host="hq-ex13b.contoso.example")
    commit(documents, [one, other], judge, hosts, NOW)
    (incident,) = incidents(documents)
    assert incident.ends == Ends(None, "fabrikam.example")


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.integers(0, 12), min_size=1, max_size=40))
def test_order_and_repetition_never_matter(
    reading: Build, judge: Judge, rng: random.Random, numbers: list[int]
) -> None:
    """Any order, any repetition and any cut into batches give the same incident."""

    def build(number: int) -> Reading:
        confidence = ("possible", "probable", "certain")[number % 3]
        return reading(
            number, confidence=confidence, time=None if number % 5 == 0 else f"2026-10-2{number % 4}T00:00:00Z"
        )

    def folded(order: Sequence[int], cut: int) -> Ledger:
        ledger = Ledger(id="X", family="session", ends=Ends())
        reports = [Report(report_key(build(n).sha256, 0), build(n).findings[0]) for n in order]
        for at in range(0, len(reports), cut):
            ledger = fold(ledger, reports[at : at + cut], judge, NOW)
        return ledger

    shuffled = numbers * 2
    rng.shuffle(shuffled)
    one, other = folded(sorted(set(numbers)), 100), folded(shuffled, rng.randint(1, 7))
    assert (one.verdict, one.counts(), one.first_seen, one.last_seen) == (
        other.verdict,
        other.counts(),
        other.first_seen,
        other.last_seen,
    )
    assert one.tallies == other.tallies


def test_growth_is_told_at_each_tenfold_only(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """An incident that goes from 1 to 120 messages tells that it opened and that it grew twice."""
    for number in range(120):
        commit(documents, [reading(number)], judge, hosts, NOW)
    (incident,) = incidents(documents)
    assert [change.kind for change in incident.changes] == ["opened", "grew", "grew"]


def test_better_evidence_changes_the_verdict_once(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """A surer report changes the verdict of the same incident, and that is told once."""
    commit(documents, [reading(1)], judge, hosts, NOW)
    commit(documents, [reading(2, confidence="certain")], judge, hosts, LATER)
    commit(documents, [reading(3)], judge, hosts, LATER)
    (incident,) = incidents(documents)
    assert incident.verdict.confidence == "certain"
    assert [change.kind for change in incident.changes] == ["opened", "verdict-changed"]


def test_what_was_read_but_not_counted_is_found_again(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """A reading that was kept, and not yet counted when the process died, is counted by the next."""
    keep(documents, reading(1))
    left = list(uncounted(documents))
    commit(documents, left, judge, hosts, NOW)
    assert [one.counts.returned for one in incidents(documents)] == [1]
    assert list(uncounted(documents)) == []


def test_the_first_reading_of_a_document_stays(documents: SqliteDocuments, reading: Build) -> None:
    """A document that is read again by other rules keeps what was concluded first."""
    first = keep(documents, reading(1, category="tls-version"))
    again = keep(documents, reading(1, category="dns"))
    assert again == first


def test_affected_messages_are_listed_once_with_their_state(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """The list has a row for each message, waiting ones apart from returned ones."""
    same = Original(message_id="m1@contoso.example", subject="Offer")
    told = [
        reading(1, original=same, recipient="a@fabrikam.example"),
        reading(2, original=same, recipient="a@fabrikam.example"),
    ]
    told.append(reading(3, action="delayed", impact="waiting", retry_until="2026-10-22T09:00:00Z"))
    kept = [keep(documents, one) for one in told]
    commit(documents, kept, judge, hosts, NOW)
    (incident,) = incidents(documents)
    rows = list(affected(documents, incident.id))
    assert sorted((row.state, row.recipient, row.tried_until) for row in rows) == [
        ("returned", "a@fabrikam.example", None),
        ("waiting", "user3@fabrikam.example", "2026-10-22T09:00:00Z"),
    ]


def test_a_later_delivery_settles_a_waiting_message(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """A report that a delayed message was delivered takes it off the waiting ones."""
    same = Original(message_id="m1@contoso.example")
    waiting = reading(1, action="delayed", impact="waiting", recipient="a@fabrikam.example", original=same)
    delivered = reading(2, action="delivered", recipient="a@fabrikam.example", original=same)
    kept = [keep(documents, one) for one in (waiting, delivered)]
    commit(documents, kept, judge, hosts, NOW)
    (incident,) = incidents(documents)
    assert incident.counts == Counts()
    assert [row.state for row in affected(documents, incident.id)] == ["delivered-later"]


def test_successes_alone_are_no_incident(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """A hop that delivered is remembered, and is not an incident."""
    commit(documents, [reading(1, action="relayed", source="received")], judge, hosts, NOW)
    assert list(incidents(documents)) == []


def test_a_new_failure_reopens_a_resolved_incident(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """A failure after the resolution opens the incident again; an older one that comes late does not."""
    commit(documents, [reading(1)], judge, hosts, NOW)
    (incident,) = incidents(documents)
    resolve(documents, incident.id, "mended", NOW)
    commit(documents, [reading(2, time="2026-10-19T00:00:00Z")], judge, hosts, LATER)
    assert [one.state for one in incidents(documents)] == ["resolved"]
    commit(documents, [reading(3, time="2026-10-22T00:00:00Z")], judge, hosts, LATER)
    assert [one.state for one in incidents(documents)] == ["open"]


def test_a_queue_counts_with_its_peak(documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts) -> None:
    """Three snapshots of one queue are its peak, and two queues add up."""
    queue = {"source": "queue", "action": "delayed", "impact": "waiting", "recipient": None, "original": Original()}
    depths = [(1, 40, "a.example"), (2, 143, "a.example"), (3, 90, "a.example"), (4, 7, "b.example")]
    told = [reading(n, count=depth, recipient_domain=domain, **queue) for n, depth, domain in depths]
    commit(documents, told, judge, hosts, NOW)
    (incident,) = incidents(documents)
    assert incident.counts == Counts(waiting=150)


def test_what_others_report_opens_no_incident(
    documents: SqliteDocuments, reading: Build, judge: Judge, hosts: Hosts
) -> None:
    """A TLS report alone alerts nobody, and keeps its tallies apart from ours once there is an incident."""
    report = reading(1, source="tls-report", impact="none", recipient=None, count=900)
    commit(documents, [report], judge, hosts, NOW)
    assert list(incidents(documents)) == []
    commit(documents, [reading(2)], judge, hosts, LATER)
    (incident,) = incidents(documents)
    assert incident.counts == Counts(returned=1)
    assert [change.kind for change in incident.changes] == ["opened"]
