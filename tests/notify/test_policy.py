"""The routing: rows of data, of which the first that fits says who is told of an incident, and when."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from triage.model import ChangeKind, Facts
from triage.model.words import Confidence
from triage.notify import SINKS, Policy
from triage.notify.policy import SHIPPED, shipped
from triage.routing import NoticeSettings, QuietHours, Route
from triage.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "notices.md"

BOTH = ("teams", "webhook")
NOON = "2026-11-25T12:00:00Z"
NIGHT = "2026-11-25T22:00:00Z"
NIGHTS = QuietHours(begin="19:00", end="07:00")


def facts(confidence: Confidence = "certain", **changes: Any) -> Facts:
    """Give how an incident stands."""
    values: dict[str, Any] = {
        "family": "session",
        "category": "tls-version",
        "confidence": confidence,
        "actor": "mail-team",
        "ours": True,
        "size": 1,
        "acknowledged": False,
        "hosts": ("hq-ex10a.contoso.example", "exchange-online"),
        "impacts": ("returned",),
    }
    return Facts(**values | changes)


def policy(*rows: Route, ready: tuple[str, ...] = BOTH, **notices: Any) -> Policy:
    """Give a routing of these rows alone."""
    return Policy(rows, ready, NoticeSettings(**notices), ours=())


@pytest.mark.parametrize(
    ("confidence", "sinks"),
    [("certain", ["teams", "webhook"]), ("probable", ["teams", "webhook"]), ("possible", ["webhook"])],
)
def test_as_it_ships_a_card_wants_probable(confidence: Confidence, sinks: list[str]) -> None:
    """A card is for what is certain or probable; of a stranger's fault that is only possible a program alone hears."""
    assert Policy((), BOTH, NoticeSettings())(facts(confidence, ours=False), "opened") == sinks


def test_as_it_ships_a_possible_fault_of_ours_waits_for_the_digest_and_makes_no_ticket() -> None:
    """What may be ours reaches people once a day in the digest at seven; anybody can send a bounce, so it opens no ticket."""
    shipped_alone = Policy((), (*BOTH, "mail", "jira", "github"), NoticeSettings())
    assert shipped_alone(facts("possible"), "opened") == ["mail", "teams", "webhook"]
    timing = shipped_alone.when(facts("possible"), "opened", "teams", "2026-11-25T12:00:00Z")
    assert (timing.by, timing.until) == ("digest", "2026-11-26T07:00:00Z")
    assert shipped_alone.when(facts("probable"), "opened", "teams", "2026-11-25T12:00:00Z").until is None


def test_a_sink_that_is_not_set_up_is_not_named() -> None:
    """Nothing is written for a sink without an address."""
    assert Policy((), ("webhook",), NoticeSettings())(facts(), "opened") == ["webhook"]


def test_the_first_row_that_fits_decides_alone() -> None:
    """A later row adds nothing: two that fit are one decision, made by their order."""
    rows = (Route(sinks=("webhook",), families=("session",)), Route(sinks=("teams",)))
    assert policy(*rows)(facts(), "opened") == ["webhook"]
    assert policy(*reversed(rows))(facts(), "opened") == ["teams"]


def test_a_sites_own_rows_come_before_the_shipped_ones() -> None:
    """A row of the settings that fits keeps ours from being asked; one that does not leaves it to them."""
    own = (Route(sinks=(), categories=("greylisted",)),)
    made = Policy(own, BOTH, NoticeSettings())
    assert made(facts(category="greylisted"), "opened") == []
    assert made(facts(), "opened") == ["teams", "webhook"]
    assert [(one.is_own, one.number) for one in made.rows] == [(True, 1), (False, 1), (False, 2), (False, 3)]


@pytest.mark.parametrize(
    ("row", "misfit", "reason"),
    [
        ({"categories": ("dns",)}, {}, "tls-version is not among dns"),
        ({"families": ("routing",)}, {}, "a session fault is not among routing"),
        ({"at_least": "certain"}, {"confidence": "probable"}, "probable is less than certain"),
        ({"hosts": ("edge*",)}, {}, "(hq-ex10a.contoso.example, exchange-online) is like edge*"),
        ({"ours": False}, {}, "it is ours, and the row wants not ours"),
        ({"ours": True}, {"ours": None}, "it is not known to be anybody's, and the row wants ours"),
        ({"actors": ("network-team",)}, {"actor": None}, "who acts (unknown) is not among network-team"),
        ({"impacts": ("waiting", "sent-unencrypted")}, {}, "(returned) is not among waiting, sent-unencrypted"),
        ({"changes": ("resolved",)}, {}, "opened is not among resolved"),
    ],
)
def test_each_condition_can_keep_a_row_out_and_says_so(
    row: dict[str, Any], misfit: dict[str, Any], reason: str
) -> None:
    """A row with one condition that an incident does not meet loses, with that as its reason."""
    found = policy(Route(sinks=("teams",), **row), Route(sinks=("webhook",))).decide(facts(**misfit), "opened")
    assert found.winner is not None
    assert found.winner.number == 2
    ((lost, why),) = found.lost
    assert lost.number == 1
    assert why.endswith(reason)


@pytest.mark.parametrize(
    "row",
    [
        {"categories": ("dns", "tls-version")},
        {"families": ("session",)},
        {"at_least": "certain"},
        {"hosts": ("HQ-*.contoso.example",)},
        {"hosts": ("exchange-online",)},
        {"ours": True},
        {"actors": ("mail-team",)},
        {"impacts": ("waiting", "returned")},
        {"changes": ("opened",)},
    ],
)
def test_each_condition_that_is_met_lets_a_row_in(row: dict[str, Any]) -> None:
    """A row whose one condition is met decides; one word of a list is enough, and hosts match in any case."""
    assert policy(Route(sinks=("teams",), **row))(facts(), "opened") == ["teams"]


@pytest.mark.parametrize(
    ("kind", "told"), [("verdict-changed", ["webhook"]), ("resolved", ["webhook"]), ("reopened", ["webhook"])]
)
def test_who_heard_of_it_hears_how_it_went_on(kind: ChangeKind, told: list[str]) -> None:
    """A sink keeps hearing of an incident that falls to another row, or to none, by now; growth is the new row's matter."""
    made = policy(Route(sinks=("webhook",), actors=("network-team",)))
    now_is = facts(heard_by=("webhook",))
    assert made(now_is, kind) == told
    assert made(now_is, "grew") == []
    assert made(facts(), kind) == []


def test_who_never_wants_to_hear_of_an_end_does_not() -> None:
    """Where no row that names a sink is for a kind of change, it hears of none."""
    made = policy(Route(sinks=("webhook",), changes=("opened",)), Route(sinks=("teams",)))
    assert made(facts(heard_by=("webhook",)), "resolved") == ["teams"]


def test_a_row_without_hours_is_told_at_once() -> None:
    """Nothing is held where nothing says so."""
    assert policy(Route(sinks=("teams",), team="mail")).when(facts(), "opened", "teams", NIGHT).until is None


def test_a_digest_row_is_told_at_its_hour() -> None:
    """Told between two digests, a message waits for the next by the clock of the row's zone: 07:00 in Berlin is 06:00 UTC."""
    row = Route(sinks=("teams",), digest="07:00", zone="Europe/Berlin")
    timing = policy(row).when(facts(), "opened", "teams", NOON)
    assert (timing.until, timing.by) == ("2026-11-26T06:00:00Z", "digest")


def test_quiet_hours_of_all_rows_and_of_one() -> None:
    """The settings' quiet hours hold every row that has none of its own; an empty list is none."""
    plain, awake = Route(sinks=("teams",), families=("session",)), Route(sinks=("teams",), quiet_hours=())
    made = policy(plain, awake, quiet_hours=(NIGHTS,))
    timing = made.when(facts(), "opened", "teams", NIGHT)
    assert (timing.until, timing.by) == ("2026-11-26T07:00:00Z", "quiet-hours")
    assert made.when(facts(), "opened", "teams", NOON).until is None
    assert made.when(facts(family="routing"), "opened", "teams", NIGHT).until is None


def test_a_program_does_not_sleep() -> None:
    """Of one row's sinks those that the settings name are told in quiet hours too, and never reminded of what they have."""
    made = policy(Route(sinks=BOTH, remind_hours=24), quiet_hours=(NIGHTS,))
    reminded = [made.when(facts(), "opened", sink, NOON).remind_hours for sink in BOTH]
    assert reminded == [24, None]
    assert made.when(facts(), "opened", "webhook", NIGHT).until is None
    assert made.when(facts(), "opened", "teams", NIGHT).until is not None
    made = policy(Route(sinks=BOTH), quiet_hours=(NIGHTS,), programs=())
    assert made.when(facts(), "opened", "webhook", NIGHT).until is not None


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({"impacts": ("waiting",)}, True),
        ({"impacts": ("returned",)}, False),
        ({"impacts": ("waiting",), "confidence": "probable"}, False),
    ],
)
def test_only_what_is_certain_and_waits_passes_quiet_hours(changes: dict[str, Any], passes: bool) -> None:
    """With `urgent_passes` mail that waits for a sure cause is told at night; without it nothing is."""
    row = Route(sinks=("teams",))
    made = policy(row, quiet_hours=(NIGHTS,), urgent_passes=True)
    assert (made.when(facts(**changes), "opened", "teams", NIGHT).until is None) == passes
    assert policy(row, quiet_hours=(NIGHTS,)).when(facts(**changes), "opened", "teams", NIGHT).until is not None


def test_the_hours_of_a_sink_that_no_row_names_by_now_are_those_of_the_first_that_does() -> None:
    """An end told to a sink that another row named keeps that sink's own hours."""
    rows = (Route(sinks=("webhook",)), Route(sinks=("teams",), digest="07:00"))
    assert policy(*rows).when(facts(heard_by=("teams",)), "resolved", "teams", NOON).by == "digest"


def test_the_shipped_rows_are_rows() -> None:
    """Our file keeps the schema of the settings, names sinks that there are, and ends with a row for everything."""
    assert {name for row in shipped() for name in row.sinks} == set(SINKS)
    assert shipped()[-1].at_least == "possible"


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"at_least": "sure"}, "certain"),
        ({"categories": ("tls",)}, "tls-version"),
        ({"digest": "7:00"}, "digest"),
        ({"digest": "24:00"}, "digest"),
        ({"zone": "Europe/Berln"}, "knows no time zone"),
        ({"zone": "../../etc/passwd"}, "knows no time zone"),
        ({"quiet_hours": [{"begin": "00:00", "end": "24:00"}]}, "fill the whole week"),
        ({"quiet_hours": [{"begin": "19:00", "end": "07:00"}], "digest": "07:00"}, "no quiet hours"),
        ({"quiet_hours": [{"begin": "19:00", "end": "7"}]}, "end"),
        ({"hosts": ["a b"]}, "hosts"),
        ({"host": ["a"]}, "host"),
        ({"remind_hours": 0}, "remind_hours"),
    ],
)
def test_a_wrong_row_is_refused_when_it_is_read(row: dict[str, Any], text: str) -> None:
    """A word that is not in the vocabulary, an hour that is none and a zone that nobody knows are told, not guessed at."""
    with pytest.raises(ValidationError, match=text):
        Route(sinks=("teams",), **row)


def test_the_page_shows_the_rows_that_ship_and_an_example_that_does_what_it_says() -> None:
    """docs/notices.md repeats our file; its example holds a probable fault over the weekend, and loses no greylisting."""
    ours, example = (tomllib.loads(one) for one in re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL))
    assert ours == tomllib.loads(SHIPPED.read_text("utf-8"))
    values = Settings(**example)
    made = Policy(values.routing, BOTH, values.notices)
    saturday = "2026-11-28T12:00:00Z"
    cases = [
        (facts(category="greylisted"), [], None),
        (facts(actor="network-team"), ["webhook"], None),
        (facts(ours=False, hosts=("mx1.fabrikam.example",)), ["teams"], "2026-11-29T08:00:00Z"),
        (facts("probable"), ["teams", "webhook"], "2026-11-30T06:00:00Z"),
        (facts(impacts=("waiting",)), ["teams", "webhook"], None),
        (facts("possible"), ["teams"], "2026-11-29T06:00:00Z"),
    ]
    for number, (one, sinks, until) in enumerate(cases):
        assert made(one, "opened") == sinks, number
        assert made.when(one, "opened", (sinks or ["teams"])[0], saturday).until == until or not sinks, number
