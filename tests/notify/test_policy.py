"""The routing: a table of data says who is told of what."""

import pytest

from triage.model import ChangeKind, Facts
from triage.model.words import Confidence
from triage.notify import router
from triage.settings import ROUTING, Route


def facts(confidence: Confidence) -> Facts:
    """Give how an incident stands."""
    return Facts(
        family="session",
        category="tls-version",
        confidence=confidence,
        actor=None,
        ours=True,
        size=1,
        acknowledged=False,
    )


@pytest.mark.parametrize(
    ("confidence", "sinks"),
    [("certain", ["teams", "webhook"]), ("probable", ["teams", "webhook"]), ("possible", ["webhook"])],
)
def test_as_it_ships_a_card_wants_probable(confidence: Confidence, sinks: list[str]) -> None:
    """A card is for what is certain or probable; a program hears of everything."""
    assert router(ROUTING, ("teams", "webhook"))(facts(confidence), "opened") == sinks


def test_a_sink_that_is_not_set_up_is_not_named() -> None:
    """Nothing is written for a sink without an address."""
    assert router(ROUTING, ("webhook",))(facts("certain"), "opened") == ["webhook"]


@pytest.mark.parametrize(("kind", "told"), [("resolved", ["webhook"]), ("grew", [])])
def test_a_row_names_the_changes_that_it_is_for(kind: ChangeKind, told: list[str]) -> None:
    """A sink may be told of some kinds of change alone; any row that fits is enough."""
    rows = (Route(sinks=("webhook",), changes=("opened",)), Route(sinks=("webhook",), changes=("resolved",)))
    assert router(rows, ("webhook",))(facts("certain"), kind) == told
