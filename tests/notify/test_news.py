"""What the notices of one message say together."""

from triage.model import Change, Counts, Notice
from triage.notify.news import main_kind, reasons


def notice(name: str, *whys: tuple[str, str]) -> Notice:
    """Give a notice of some changes, each (kind, minute)."""
    changes = tuple(
        Change(kind=kind, at=f"2026-10-20T11:{minute}:00Z", text=f"{kind} {minute}") for kind, minute in whys
    )
    return Notice(
        name=name, sink="x", at=changes[0].at, whys=changes, headline="", confidence="certain", size=1, counts=Counts()
    )


def test_growth_needs_no_word_where_the_incident_is_new() -> None:
    """An opening that passed ten and a hundred at once says New; how big it is stands in the counts."""
    told = [notice("opened:1", ("opened", "00")), notice("grew:10", ("grew", "01")), notice("grew:100", ("grew", "01"))]
    assert [one.kind for one in reasons(told)] == ["opened"]
    assert main_kind(told) == "opened"


def test_who_hears_for_the_first_time_is_told_that_it_is_new() -> None:
    """Where another change made the routing name a sink, the message still begins with the opening."""
    told = [notice("opened:1", ("verdict-changed", "05"))]
    assert [one.kind for one in reasons(told)] == ["opened", "verdict-changed"]


def test_of_each_kind_the_last_is_told() -> None:
    """Two thresholds and two verdicts that wait together are one reason each, in the order of time."""
    told = [
        notice("grew:10", ("grew", "01")),
        notice("verdict:a", ("verdict-changed", "02"), ("verdict-changed", "04")),
        notice("grew:100", ("grew", "03")),
    ]
    assert [one.text for one in reasons(told)] == ["grew 03", "verdict-changed 04"]
    assert main_kind(told) == "grew"


def test_an_end_is_what_a_message_is_about() -> None:
    """How it went on last comes before how it began."""
    told = [notice("opened:1", ("opened", "00")), notice("resolved:1", ("resolved", "09"))]
    assert main_kind(told) == "resolved"
    assert [one.kind for one in reasons(told)] == ["opened", "resolved"]


def test_a_return_after_an_end_is_what_a_message_is_about() -> None:
    """A fault that was closed and is back is told as one that is back."""
    assert main_kind([notice("resolved:1", ("resolved", "01")), notice("reopened:1", ("reopened", "02"))]) == "reopened"
