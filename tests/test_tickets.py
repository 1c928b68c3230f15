"""Incidents as tickets in other systems: from the store over real HTTP to a table of tickets, and back.

Every test runs against each system: what a ticket's life looks like does not depend on where it lives.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import triage.notify.api
import triage.notify.post
from tests.people import resolve
from tests.servers.azure_devops import AzureDevOpsServer
from tests.servers.github import GitHubServer
from tests.servers.jira import JiraServer
from tests.servers.servicenow import ServiceNowServer
from tests.servers.tickets import CREDENTIAL, PERSON, Fault, TicketServer, says
from tests.servers.webhooks import Closes, Hangs, Kills, Says
from tests.test_relay import RETRIED, ROOT, clock
from triage.collect.item import Item
from triage.group import SqliteDocuments, incidents, notices_of, replay
from triage.model import Notice, Place, Sent
from triage.notify import open_sinks
from triage.notify.ticket_rows import Rows
from triage.pipeline import Parts, Relayed, relay, settle, take_in
from triage.settings import Settings
from triage.wiring import parts_of

WRITES = 8
"""Writes of the store until a ticket is open: claim, row, incident, host, hold, sending, opened, told."""

SYSTEMS: list[type[Any]] = [ServiceNowServer, JiraServer, GitHubServer, AzureDevOpsServer]


@pytest.fixture(params=SYSTEMS, ids=lambda one: str(one.sink))
def system(request: pytest.FixtureRequest) -> Iterator[TicketServer]:
    """Run one ticket system."""
    with request.param() as server:
        yield server


class Office:
    """A store, and the sink that writes into one system."""

    def __init__(self, path: Path, system: TicketServer, ndr: Callable[..., Any]) -> None:
        self.path, self.system, self._ndr = path, system, ndr
        self.values: dict[str, Any] = {
            "ours": {"domains": ["contoso.example"]},
            "sinks": {"allow_loopback": True, **system.settings()},
            "routing": [{"sinks": [system.sink]}],
        }
        settings = Settings(**self.values)
        self.parts: Parts = parts_of(settings)
        self.sinks = open_sinks(settings.sinks)
        self.documents = SqliteDocuments(path)
        self._number = 0

    def bounce(self, *, later: bool = False, **changes: Any) -> None:
        """Take in one bounce of the seed fault, or another one."""
        self._number += 1
        content = bytes(self._ndr(**{"message_id": f"m{self._number}@contoso.example", **changes}))
        if later:
            content = content.replace(b"Tue, 20 Oct 2026", b"Thu, 22 Oct 2026").replace(b"10/20/2026", b"10/22/2026")
        item = Item(Place(f"{self._number}.eml"), content, hashlib.sha256(content).hexdigest())
        for _ in take_in([item], self.documents, self.parts, clock()()):
            pass
        settle(self.documents, self.parts, clock()())

    def bounce_to_other(self) -> None:
        """Take in a bounce of the same server to another partner: an incident that blames the same host."""
        self.bounce(recipient="carl@northwind.example", receiving="mx.northwind.example", receiving_ip="198.51.100.7")

    def bounce_later(self) -> None:
        """Take in a bounce of a day after the incident was resolved."""
        self.bounce(later=True)

    def grow(self) -> None:
        """Let the incident grow tenfold."""
        for _ in range(10):
            self.bounce()

    def ids(self) -> list[str]:
        """Give the ids of the incidents."""
        return [one.id for one in incidents(self.documents)]

    def resolve(self, incident: str, day: int = 21) -> None:
        """Say that an incident is over since that day of October."""
        resolve(self.documents, incident, "mended", f"2026-10-{day}T12:00:00Z", route=self.parts.route)

    def relay(self, ahead: int = 0) -> Relayed:
        """Tell what is to be told, so many seconds from now."""
        return relay(self.documents, self.parts, self.sinks, clock(ahead))

    def pending(self) -> list[Notice]:
        """Give what is not told."""
        return [one for _, one in notices_of(self.documents) if isinstance(one, Notice)]

    def environment(self) -> dict[str, str]:
        """Give the same settings for another process."""
        found = {**os.environ, "PYTHONPATH": str(ROOT)}
        for path, value in _leaves(self.values):
            found["TRIAGE_" + "__".join(path).upper()] = value if isinstance(value, str) else json.dumps(value)
        return found

    def run_and_die(self, write: int, when: str) -> subprocess.Popen[bytes]:
        """Start a relay that is killed at a write of the store, if it lives so long."""
        command = [sys.executable, "-m", "tests.servers.dying_relay", str(self.path), str(write), when]
        return subprocess.Popen(command, env=self.environment(), cwd=ROOT, stdout=subprocess.DEVNULL)


def _leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


@pytest.fixture
def office(tmp_path: Path, ndr: Callable[..., Any], system: TicketServer) -> Iterator[Office]:
    """Give an office with one incident that the system is to be told of."""
    made = Office(tmp_path / "store.sqlite", system, ndr)
    made.bounce()
    yield made
    made.documents.close()


def test_a_ticket_is_opened_once(office: Office, system: TicketServer) -> None:
    """A new incident is one ticket, with the fault and the host in its title, and its name is kept with the notice."""
    assert office.relay() == Relayed(sent=1)
    assert office.relay(RETRIED) == Relayed()
    ticket = system.only()
    assert "HQ-EX13A" in ticket.title
    assert "Exchange Online" in ticket.title
    assert office.ids()[0] in ticket.key
    assert ticket.comments == []
    (sent,) = [one for _, one in notices_of(office.documents) if isinstance(one, Sent)]
    assert str(ticket.number) in (sent.remote or "")


def test_growth_is_one_comment(office: Office, system: TicketServer) -> None:
    """Ten times as many messages are one comment with the counts, not a second ticket."""
    office.relay()
    office.grow()
    office.relay()
    office.relay(RETRIED)
    (text,) = system.only().texts()
    assert "11 returned" in text


def test_the_end_is_a_comment_and_closes(office: Office, system: TicketServer) -> None:
    """What is over is said and the ticket that nobody touched is closed."""
    office.relay()
    office.resolve(office.ids()[0])
    office.relay()
    ticket = system.only()
    assert "mended" in " ".join(ticket.texts())
    assert len(ticket.comments) == 1
    assert system.is_done(ticket)


def test_a_return_opens_the_ticket_again(office: Office, system: TicketServer) -> None:
    """A fault that is back is said in its own ticket, which is open again; and it closes again."""
    office.relay()
    office.resolve(office.ids()[0])
    office.relay()
    office.bounce_later()
    office.relay()
    ticket = system.only()
    assert not system.is_done(ticket)
    assert len(ticket.comments) == 2
    office.resolve(office.ids()[0], day=23)
    office.relay()
    assert system.is_done(system.only())


@pytest.mark.parametrize("deed", ["comment", "assign", "move on"])
def test_a_ticket_that_somebody_took_over_is_left_open(office: Office, system: TicketServer, deed: str) -> None:
    """Whoever wrote in it, was assigned or moved it on decides when it is closed: we say that mail flows again."""
    office.relay()
    ticket = system.only()
    if deed == "comment":
        ticket.comments.append((PERSON, "I look into this."))
    elif deed == "assign":
        ticket.assignee = PERSON
    elif system.moved_on == system.done_status:
        return  # an issue here is open or closed, and nothing between
    else:
        ticket.status = system.moved_on
    office.resolve(office.ids()[0])
    office.relay()
    assert not system.is_done(ticket)
    assert "Mail flows again" in ticket.texts()[-1]
    assert office.pending() == []


def test_a_ticket_that_people_closed_is_not_opened_by_growth(office: Office, system: TicketServer) -> None:
    """Growth is said in a ticket that people closed, which stays closed; a return of the fault opens it."""
    office.relay()
    ticket = system.only()
    ticket.status = system.done_status
    office.grow()
    office.relay()
    assert system.is_done(ticket)
    assert len(ticket.comments) == 1
    office.resolve(office.ids()[0])
    office.relay()
    office.bounce_later()
    office.relay()
    assert not system.is_done(system.only())


def test_a_ticket_that_people_closed_is_known_to_be_closed_at_the_end(office: Office, system: TicketServer) -> None:
    """Once its incident is over, what is known of a ticket that people closed is that: so it may go with the incident."""
    office.relay()
    rows = Rows(office.documents, str(system.sink), clock()())
    (incident,) = office.ids()
    system.only().status = system.done_status
    office.resolve(incident)
    assert [one.state for one in rows.of([incident])] == ["open"]
    office.relay()
    assert [one.state for one in rows.of([incident])] == ["closed"]


def test_a_deleted_ticket_is_replaced_by_one_that_says_so(office: Office, system: TicketServer) -> None:
    """Where somebody deleted the ticket and the fault lives on, a new one names the old one."""
    office.relay()
    (old,) = system.tickets
    system.tickets.clear()
    office.grow()
    office.relay()
    office.relay(RETRIED)
    ticket = system.only()
    assert "takes the place of" in ticket.body
    assert office.pending() == []
    assert old is not None


def test_a_deleted_ticket_of_what_is_over_is_not_replaced(office: Office, system: TicketServer) -> None:
    """Nobody needs a ticket for what is over."""
    office.relay()
    system.tickets.clear()
    office.resolve(office.ids()[0])
    office.relay()
    assert system.tickets == {}
    assert office.pending() == []


def test_what_was_over_before_a_ticket_was_opened_needs_none(office: Office, system: TicketServer) -> None:
    """An incident that began and ended before anybody was told leaves no ticket, and the notice says why."""
    office.resolve(office.ids()[0])
    office.relay()
    assert system.tickets == {}
    assert office.pending() == []
    sent = [one for _, one in notices_of(office.documents) if isinstance(one, Sent)]
    assert all("over before" in (one.remote or "") for one in sent)


# ---- one ticket for a host


def test_incidents_of_one_host_share_a_ticket(office: Office, system: TicketServer) -> None:
    """A second incident that blames the same host is a comment with its ends; the ticket closes with the last of them."""
    office.relay()
    office.bounce_to_other()
    one, other = office.ids()
    assert office.relay().sent >= 1
    ticket = system.only()
    joined = " ".join(ticket.texts())
    assert other in joined or one in joined
    assert "blames the same host" in joined
    office.resolve(one)
    office.relay()
    assert not system.is_done(ticket)
    assert "stays open for 1 more" in ticket.texts()[-1]
    office.resolve(other)
    office.relay()
    assert system.is_done(ticket)


# ---- faults


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", range(1, 10))
@pytest.mark.parametrize("system", [ServiceNowServer], indirect=True, ids=["servicenow"])
def test_killed_at_a_write_and_run_again(office: Office, system: TicketServer, write: int, when: str) -> None:
    """Killed between any two writes of the store: one ticket is there in the end, and nothing was said twice.

    What is written when is the recipe's, whatever the system: one of them shows it.
    """
    child = office.run_and_die(write, when)
    child.wait(120)
    assert (child.returncode == -signal.SIGKILL) == (write <= WRITES)
    for ahead in (RETRIED, 2 * RETRIED, 3 * RETRIED):
        office.relay(ahead)
    assert system.only().comments == []
    assert office.pending() == []


def test_killed_when_the_ticket_was_opened(office: Office, system: TicketServer) -> None:
    """Killed by signal after the system has the ticket and before it answers: the next relay finds it."""
    children: list[subprocess.Popen[bytes]] = []
    system.faults.append(Fault("POST", system.create_path, Kills(lambda: children[0].pid), is_done=True))
    children.append(office.run_and_die(99, "after"))
    assert children[0].wait(120) == -signal.SIGKILL
    assert len(system.tickets) == 1
    for ahead in (RETRIED, 2 * RETRIED, 3 * RETRIED):
        office.relay(ahead)
    assert system.only().comments == []
    assert office.pending() == []


def test_killed_when_a_comment_was_written(office: Office, system: TicketServer) -> None:
    """Killed by signal between the comment and its record: it is found by its mark and not written again."""
    office.relay()
    office.resolve(office.ids()[0])
    children: list[subprocess.Popen[bytes]] = []
    system.faults.append(
        Fault(system.comment_method, system.comment_path, Kills(lambda: children[0].pid), is_done=True)
    )
    children.append(office.run_and_die(99, "after"))
    assert children[0].wait(120) == -signal.SIGKILL
    office.relay(RETRIED)
    assert len(system.only().comments) == 1
    assert system.is_done(system.only())
    assert office.pending() == []


@pytest.mark.parametrize("fault", ["hangs", "closes", "500", "502"])
def test_no_answer_to_a_new_ticket_opens_no_second_one(
    office: Office, system: TicketServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The system took the ticket and did not say so: it is found, and adopted."""
    monkeypatch.setattr(triage.notify.post, "ANSWER_SECONDS", 0.3)
    behaviours: dict[str, Hangs | Closes | Says] = {
        "hangs": Hangs(1),
        "closes": Closes(),
        "500": says(500),
        "502": says(502),
    }
    system.faults.append(Fault("POST", system.create_path, behaviours[fault], is_done=True))
    assert office.relay() == Relayed(put_off=1)
    for ahead in (10, 60, 120, 400):
        office.relay(ahead)
    assert system.only().comments == []
    assert office.pending() == []


def test_throttling_is_waited_for(office: Office, system: TicketServer) -> None:
    """429 with Retry-After: nothing is tried before, then the ticket is opened."""
    system.faults.append(Fault("POST", system.create_path, says(429, retry_after="60")))
    assert office.relay() == Relayed(put_off=1)
    assert office.relay(50) == Relayed()
    assert office.relay(70) == Relayed(sent=1)
    assert len(system.tickets) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials_are_for_a_person(
    office: Office, system: TicketServer, status: int, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """The notice fails with a hint, goes out after the repair, and no secret stands in any record."""
    caplog.set_level(0)
    system.faults.append(Fault("GET" if system.search_is_get else "POST", "", says(status, {"message": CREDENTIAL})))
    assert office.relay() == Relayed(failed=1)
    (left,) = office.pending()
    assert f"It answered {status}." in (left.failed or "")
    assert replay(office.documents, office.ids()[0], clock()()) == (1, 0)
    assert office.relay() == Relayed(sent=1)
    assert len(system.tickets) == 1
    captured = capfd.readouterr()
    assert CREDENTIAL not in captured.out + captured.err + caplog.text + (left.failed or "")


def test_a_field_that_is_not_taken_is_named(office: Office, system: TicketServer, capfd: Any) -> None:
    """The vendor's own words about the field stand with the failed notice, and in no log."""
    system.faults.append(Fault("POST", system.create_path, system.invalid))
    assert office.relay() == Relayed(failed=1)
    (left,) = office.pending()
    assert system.invalid_words in (left.failed or "")
    captured = capfd.readouterr()
    assert system.invalid_words not in captured.out + captured.err


def test_two_relays_at_once_open_one_ticket(office: Office, system: TicketServer) -> None:
    """Two processes that start together on the same store open one ticket for one host and say each thing once."""
    office.bounce_to_other()
    command = [sys.executable, "-m", "triage", "notices", "send", "--store", str(office.path)]
    running = [
        subprocess.Popen(command, env=office.environment(), cwd=office.path.parent, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    for ahead in (RETRIED, 2 * RETRIED):
        office.relay(ahead)
    assert office.pending() == []
    assert len(system.only().comments) == 1
