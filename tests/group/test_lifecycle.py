"""What time alone does to an incident: quiet, and the end of what has no proof."""

from collections.abc import Callable, Sequence

import pytest

from tests.people import resolve
from triage.group import Documents, Periods, age, claim, commit, find_incident, incidents
from triage.group.fold import Judge
from triage.hosts import Hosts
from triage.model import ChangeKind, Facts, Reading
from triage.model.words import Family

NOW = "2026-10-20T12:00:00Z"
ALMOST = "2026-10-21T11:59:59Z"
A_DAY_LATER = "2026-10-21T12:00:00Z"
A_MONTH_LATER = "2026-11-19T12:00:00Z"
YEARS_LATER = "2028-10-20T12:00:00Z"
PERIODS = Periods(
    quiet_hours={"session": 24, "routing": 24, "recipient": 24, "content-and-policy": 24},
    close_days={"recipient": 30, "content-and-policy": 30},
)


def loud(_facts: Facts, _kind: ChangeKind) -> Sequence[str]:
    """Tell one sink of everything."""
    return ("webhook",)


@pytest.fixture
def come(documents: Documents, judge: Judge, hosts: Hosts, reading: Callable[..., Reading]) -> Callable[..., str]:
    """Give a function that lets one bounce come in, and gives the incident's id."""

    def one(number: int = 1, now: str = NOW, family: Family = "session", **changes: object) -> str:
        commit(
            documents, [reading(number, confidence="certain", family=family, **changes)], judge, hosts, now, route=loud
        )
        return next(incidents(documents)).id

    return one


def test_an_incident_without_news_is_quiet_and_never_over_by_that(
    documents: Documents, come: Callable[..., str]
) -> None:
    """After its period a session fault is quiet; years of silence do not resolve it, and nobody is told."""
    incident = come()
    told = claim(documents, incident, "webhook", NOW)
    assert told is not None
    assert age(documents, ALMOST, PERIODS, loud) == set()
    assert age(documents, A_DAY_LATER, PERIODS, loud) == {incident}
    after = find_incident(documents, incident)
    assert (after.state, after.quiet_since) == ("quiet", A_DAY_LATER)
    age(documents, YEARS_LATER, PERIODS, loud)
    assert find_incident(documents, incident) == after
    assert [one.kind for one in after.changes] == ["opened"]


def test_a_quiet_incident_with_news_is_open_again(documents: Documents, come: Callable[..., str]) -> None:
    """The next failure makes it open; it is the same incident, and no return."""
    incident = come()
    age(documents, A_DAY_LATER, PERIODS)
    come(2, now="2026-10-22T09:00:00Z", time="2026-10-22T08:00:00Z")
    after = find_incident(documents, incident)
    assert (after.state, after.quiet_since) == ("open", None)
    assert [one.kind for one in after.changes] == ["opened"]
    assert age(documents, "2026-10-23T08:59:59Z", PERIODS) == set()
    assert age(documents, "2026-10-23T09:00:00Z", PERIODS) == {incident}


def test_an_old_archive_that_comes_in_today_is_news_of_today(documents: Documents, come: Callable[..., str]) -> None:
    """What happened a year ago and is fed now is open now: nobody was watching before."""
    incident = come(time="2025-10-20T08:00:00Z", family="recipient")
    age(documents, NOW, PERIODS)
    assert find_incident(documents, incident).state == "open"


@pytest.mark.parametrize("family", ["recipient", "content-and-policy"])
def test_what_has_no_proof_is_closed_after_its_period_and_says_so(
    family: Family, documents: Documents, come: Callable[..., str]
) -> None:
    """After thirty days without news: resolved, dated by the day it was due, and told as no proof."""
    incident = come(family=family)
    age(documents, A_DAY_LATER, PERIODS, loud)
    assert find_incident(documents, incident).state == "quiet"
    age(documents, "2026-12-24T00:00:00Z", PERIODS, loud)
    after = find_incident(documents, incident)
    assert (after.state, after.resolved_at) == ("resolved", A_MONTH_LATER)
    assert (after.changes[-1].kind, after.changes[-1].at) == ("resolved", A_MONTH_LATER)
    assert after.changes[-1].text == "nothing more was seen for 30 days, which is no proof that it is mended"
    claimed = claim(documents, incident, "webhook", "2026-12-24T00:00:00Z")
    assert claimed is not None
    assert [one.name for one in claimed.notices] == ["opened:1", "resolved:1"]


@pytest.mark.parametrize("family", ["session", "routing"])
def test_other_families_are_never_closed_by_time(
    family: Family, documents: Documents, come: Callable[..., str]
) -> None:
    """A fault of servers is over by evidence or by a person's word alone."""
    incident = come(family=family)
    age(documents, YEARS_LATER, PERIODS)
    assert find_incident(documents, incident).state == "quiet"


def test_what_was_closed_by_time_is_back_with_the_next_failure(documents: Documents, come: Callable[..., str]) -> None:
    """A failure after the closing opens it again; one that was only late does not."""
    incident = come(family="recipient")
    age(documents, YEARS_LATER, PERIODS)
    come(2, now=YEARS_LATER, family="recipient", time="2026-11-01T08:00:00Z")
    assert find_incident(documents, incident).state == "resolved"
    come(3, now=YEARS_LATER, family="recipient", time="2028-10-20T08:00:00Z")
    after = find_incident(documents, incident)
    assert after.state == "open"
    assert [one.kind for one in after.changes] == ["opened", "resolved", "reopened"]


def test_a_period_that_is_for_ever_closes_nothing(documents: Documents, come: Callable[..., str]) -> None:
    """Without a period in its family an incident stays quiet."""
    incident = come(family="recipient")
    age(documents, YEARS_LATER, Periods(quiet_hours={"recipient": 24}))
    assert find_incident(documents, incident).state == "quiet"


def test_what_is_shown_is_as_of_now_though_no_timer_ran(documents: Documents, come: Callable[..., str]) -> None:
    """A listing with a time computes the state for it, and writes nothing."""
    incident = come()
    before = [(one.key, one.tag) for one in documents.list("")]
    assert [one.state for one in incidents(documents, A_DAY_LATER, PERIODS)] == ["quiet"]
    assert find_incident(documents, incident, A_DAY_LATER, PERIODS).state == "quiet"
    assert find_incident(documents, incident).state == "open"
    assert [(one.key, one.tag) for one in documents.list("")] == before


def test_a_pass_reads_and_writes_only_what_is_due(documents: Documents, come: Callable[..., str]) -> None:
    """An incident that is over, or quiet already, is not written again."""
    incident = come()
    age(documents, A_DAY_LATER, PERIODS)
    tags = [one.tag for one in documents.list("incident/")]
    assert age(documents, YEARS_LATER, PERIODS) == set()
    assert [one.tag for one in documents.list("incident/")] == tags
    resolve(documents, incident, "mended", YEARS_LATER)
    assert age(documents, "2030-01-01T00:00:00Z", PERIODS) == set()
