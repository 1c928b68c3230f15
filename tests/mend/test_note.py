"""Notes: what happened to somebody's message, by its state first and by the fault second."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from triage.errors import NotFound
from triage.mend import find_affected, note
from triage.model import Affected, Counts, Incident

Make = Callable[..., Incident]


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("tls-version", "returned"),
        ("connection-timeout", "returned"),
        ("recipient-unknown", "wrong-address"),
        ("recipient-inactive", "inactive"),
        ("mailbox-full", "mailbox-full"),
        ("message-too-large", "too-large"),
        ("spam-block", "blocked"),
        ("content-rejected", "content"),
        ("rate-limit", "too-many"),
    ],
)
def test_the_fault_decides_about_a_returned_message(category: str, kind: str, incident: Make) -> None:
    """Each fault that a person can do something about has a note of its own."""
    made = msgspec.structs.replace(incident(category=category), counts=Counts(returned=1))
    assert note(made).kind == kind


def test_a_waiting_message_is_not_sent_again_whatever_the_fault(incident: Make) -> None:
    """The state of the message comes first: waiting, and delivered later."""
    made = msgspec.structs.replace(incident(category="mailbox-full"), counts=Counts(returned=5, waiting=1))
    waits = Affected(state="waiting", recipient="a@fabrikam.example", tried_until="2026-10-20T09:14:00Z")
    assert note(made, waits).kind == "waiting"
    assert note(made, waits).tried_until == "2026-10-20T09:14:00Z"
    assert note(made, Affected(state="delivered-later")).kind == "delivered"
    assert note(made, Affected(state="returned", recipient="a@fabrikam.example")).kind == "mailbox-full"


def test_the_language_is_that_of_the_report_on_the_message(incident: Make) -> None:
    """With a message its own report decides, without one the report that shows the fault; neither may tell any."""
    made = incident()
    assert made.sample is not None
    german = msgspec.structs.replace(made, sample=msgspec.structs.replace(made.sample, language="de"))
    assert (note(german).language, note(made).language) == ("de", None)
    assert note(german, Affected(state="returned", language="sk")).language == "sk"
    assert note(german, Affected(state="returned")).language is None
    assert note(msgspec.structs.replace(made, sample=None)).language is None


def test_an_incident_that_only_waits_says_so(incident: Make) -> None:
    """Without a message the counts decide: something returned makes it a note on returned mail."""
    waiting = msgspec.structs.replace(incident(), counts=Counts(waiting=7))
    both = msgspec.structs.replace(incident(), counts=Counts(waiting=7, returned=1))
    assert (note(waiting).kind, note(both).kind) == ("waiting", "returned")


def test_a_wish_overrules(incident: Make) -> None:
    """The kind that somebody asks for is the kind that is written."""
    assert note(incident(category="recipient-unknown"), None, "too-large").kind == "too-large"


@pytest.mark.parametrize(
    ("states", "found"),
    [(["returned", "waiting"], "waiting"), (["delivered-later", "returned"], "returned"), (["returned"], "returned")],
)
def test_of_several_messages_the_one_that_waits_is_told(states: list[Any], found: str) -> None:
    """Somebody who wrote twice must not send again what still waits."""
    rows = tuple(Affected(state=state, recipient="Anna.B@fabrikam.example") for state in states)
    assert find_affected(rows, " anna.b@FABRIKAM.example").state == found


def test_the_sender_is_told_the_address_that_he_wrote(incident: Make) -> None:
    """A message that an alias passed on is found by either address, and the note names the one that the sender knows."""
    one = Affected(state="returned", recipient="anna@fabrikam.example", sent_to="Info@fabrikam.example")
    assert find_affected((one,), "info@fabrikam.example") is find_affected((one,), "anna@fabrikam.example") is one
    assert note(incident(), one).recipient == "Info@fabrikam.example"


def test_a_recipient_that_is_not_hit_is_named() -> None:
    """A typing error is no note to nobody."""
    with pytest.raises(NotFound, match=r"No message to x@fabrikam\.example"):
        find_affected((Affected(state="returned", recipient="y@fabrikam.example"),), "x@fabrikam.example")
