"""A work order that is longer than a field of its system: nothing of it is lost, whatever happens while it is written."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.notify.test_sinks import notice
from tests.notify.test_ticket_systems import NOW, SYSTEMS, Clerk, over, seconds_later
from tests.servers.jira import JiraServer
from tests.servers.servicenow import ServiceNowServer
from tests.servers.tickets import Fault, Ticket, TicketServer, says
from triage.group import MemoryDocuments
from triage.model import Change, FilledRunbook, Incident, Step
from triage.notify import Accepted, Later, Texts
from triage.notify.parts import PARTS_AT_MOST

SHORT = {"text_limit": 4_000}
"""An instance of ServiceNow whose fields take what its dictionary names."""


@pytest.fixture
def clerk(make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts) -> Clerk:
    """Give a clerk with an empty store."""
    return Clerk(make_incident, runbook, texts)


def many_steps(clerk: Clerk, number: int = 300, words: int = 80) -> None:
    """Let the runbook have that many steps, each with so many words."""
    steps = tuple(Step(title=f"Look at thing {n}", body="Do this. " * words) for n in range(number))
    clerk.runbook = msgspec.structs.replace(clerk.runbook, check=steps)


def read_through(ticket: Ticket) -> str:
    """Give a ticket as a person reads it: its text, then its parts by their number."""
    parts = [text for text in ticket.texts() if "/opened:1/" in text]
    parts.sort(key=lambda text: int(found[1]) if (found := re.search(r"Part (\d+) of", text)) else 0)
    return "\n".join([ticket.body, *parts])


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_long_ticket_goes_on_in_comments(clerk: Clerk, system: type[Any]) -> None:
    """Three hundred steps: each is there once and in its order, in texts that the system takes, and nothing says “cut”."""
    many_steps(clerk)
    with system() as server:
        assert isinstance(clerk.send(server, clerk.letter()), Accepted)
        ticket = server.only()
    text = read_through(ticket)
    assert [int(n) for n in re.findall(r"Look at thing (\d+)", text.partition("Do this")[2])] == list(range(300))
    assert "Cut here" not in text
    assert f"it goes on in comments, up to part {len(ticket.comments) + 1}." in ticket.body
    assert "bounce-triage: inc-2026-0001/opened:1" in ticket.body[-200:]


def test_a_step_is_not_divided(clerk: Clerk) -> None:
    """A part begins with the heading of a step, so that nobody looks for the other half of one."""
    many_steps(clerk, 40)
    with ServiceNowServer() as server:
        server.enforces = 4_000
        clerk.send(server, clerk.letter(), **SHORT)
        texts = server.only().texts()
    begins = [text.split("\n\n")[1] for text in texts if "Look at thing" in text]
    assert len(begins) > 5
    assert all(re.fullmatch(r"(Step \d+: Look at thing \d+|Do this)", one) for one in begins)


def test_the_newest_part_is_the_second_where_the_newest_stands_on_top(clerk: Clerk) -> None:
    """ServiceNow shows the newest work note first: written from the last part on, they are read from the top."""
    many_steps(clerk, 40)
    with ServiceNowServer() as server:
        clerk.send(server, clerk.letter(), **SHORT)
        numbers = [int(re.findall(r"Part (\d+) of", text)[0]) for text in server.only().texts()]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == 2


@pytest.mark.parametrize("is_done", [True, False], ids=["after it was written", "before"])
@pytest.mark.parametrize("at", range(5))
def test_interrupted_between_parts_each_is_written_once(clerk: Clerk, at: int, is_done: bool) -> None:
    """The system fails at one of the parts and the incident grows: the next try writes the rest, as it was divided."""
    many_steps(clerk, 40)
    with ServiceNowServer() as server:
        clerk.send(server, clerk.letter(), **SHORT)
        whole = server.only().texts()
    clerk.documents = MemoryDocuments()
    with ServiceNowServer() as server:
        failing = _FailsAt(server, at, is_done)
        assert isinstance(clerk.send(failing.server, clerk.letter(), **SHORT), Later)
        many_steps(clerk, 41, words=90)
        assert isinstance(clerk.send(server, clerk.letter(now=seconds_later(200)), **SHORT), Accepted)
        assert server.only().texts() == whole


class _FailsAt:
    """Lets one of a server's changes fail, by its number."""

    def __init__(self, server: TicketServer, at: int, is_done: bool) -> None:
        self.server = server
        changes = iter(range(1_000))
        answer = server.answer

        def answered(asked: Any) -> Any:
            if asked.method == "PATCH" and next(changes) == at:
                fault = Fault("PATCH", "", says(500), is_done)
                server.faults.append(fault)
            return answer(asked)

        server.answer = answered  # type: ignore[method-assign]


def test_news_that_come_first_write_the_missing_parts_too(clerk: Clerk) -> None:
    """The notice of the opening failed for good after its ticket was there: the next news complete it, and are said once."""
    many_steps(clerk, 40)
    grew = notice("grew:100", whys=(Change(kind="grew", at=NOW, text="120 messages"),))
    with ServiceNowServer() as server:
        server.faults.append(Fault("PATCH", "", says(403, {"error": {"message": "No"}})))
        clerk.send(server, clerk.letter(), **SHORT)
        assert server.only().comments == []
        clerk.send(server, clerk.letter(grew), **SHORT)
        texts = server.only().texts()
        assert "Part 2 of" in texts[-2]
        assert "120 messages" in texts[-1]
        clerk.send(server, clerk.letter(over(), state="resolved"), **SHORT)
        assert server.is_done(server.only())
        assert len(server.only().texts()) == len(texts) + 1


def test_an_instance_that_cuts_is_told_of(clerk: Clerk) -> None:
    """A rule that enforces 4,000 characters cuts without a word: the name that is kept says what to set."""
    with ServiceNowServer() as server:
        server.enforces = 400
        result = clerk.send(server, clerk.letter())
    assert isinstance(result, Accepted)
    assert "sinks.servicenow.text_limit" in (result.remote or "")


def test_what_is_longer_than_all_parts_says_so(clerk: Clerk) -> None:
    """A text without end is cut in its last part, with a sentence that names where the rest is; the mark stays."""
    many_steps(clerk, 3_000)
    with JiraServer() as server:
        assert isinstance(clerk.send(server, clerk.letter()), Accepted)
        texts = server.only().texts()
    assert len(texts) == PARTS_AT_MOST - 1
    (cut,) = [text for text in texts if "Cut here" in text]
    assert "triage show inc-2026-0001" in cut
    assert f"bounce-triage: {PARTS_AT_MOST} of {PARTS_AT_MOST}, inc-2026-0001" in cut
