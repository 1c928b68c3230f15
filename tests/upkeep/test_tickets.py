"""What is known of our tickets goes with their incidents, and never while a ticket is open."""

from pathlib import Path
from typing import Any

import pytest

from tests.people import resolve
from triage.errors import Conflict
from triage.group import Documents, MemoryDocuments, incidents
from triage.group.lease import FileLease
from triage.group.ledger import Ledger
from triage.model import Ends
from triage.notify.ticket_rows import Row, Rows, Seen
from triage.pipeline import Parts
from triage.upkeep import Periods, Removed, audit, export, retain

NOW = "2026-10-20T12:00:00Z"
ENDED = "2026-11-01T00:00:00Z"
PAST = "2027-01-31T00:00:00Z"
"""More than sixty days after the end."""

PERIODS = Periods(readings_days=30, incidents_days=60)
HOST = "hq-ex13a.contoso.example"
ROOT = Path(__file__).parents[2]


def tickets(documents: Documents) -> list[str]:
    """Give the keys of all that is known of tickets, without the digests of hosts' names."""
    return [one.key if "/host/" not in one.key else one.key[:-32] for one in documents.list("ticket/")]


def ids(documents: Documents) -> list[str]:
    """Give the ids of the incidents, that with most messages first."""
    return [one.id for one in sorted(incidents(documents), key=lambda one: -one.counts.returned)]


def opened(documents: Documents, *members: str, sink: str = "jira", host: str | None = HOST) -> Row:
    """Write down a ticket as a relay does: opened for the first of these incidents, joined by the others."""
    rows = Rows(documents, sink, NOW)
    row = rows.first_of_host(rows.begin(members[0], host, None))
    row = rows.opened(row, "10001", "MAIL-7", Seen("To Do", ""))
    for one in members:
        row = rows.take_in(row, [one], is_open=True)
    return row


def over(documents: Documents, row: Row, sink: str = "jira") -> Row:
    """Write down that all incidents in a ticket are over, and that it is closed."""
    rows = Rows(documents, sink, NOW)
    for one in row.members:
        row = rows.take_in(row, [one], is_open=False)
    return rows.end(row, "closed")


def test_a_closed_ticket_goes_with_its_incident(filled: Documents) -> None:
    """The row, what leads to it from the incident and from the host: all go once the incident is gone, and not before."""
    large, _ = ids(filled)
    over(filled, opened(filled, large))
    known = [f"ticket/jira/at/{large}", "ticket/jira/host/", f"ticket/jira/of/{large}"]
    assert retain(filled, None, PERIODS, PAST).tickets == 0
    resolve(filled, large, "mended", ENDED)
    assert retain(filled, None, PERIODS, "2026-12-30T00:00:00Z").tickets == 0
    assert tickets(filled) == known
    removed = retain(filled, None, PERIODS, PAST)
    assert (removed.incidents, removed.tickets) == (1, 1)
    assert tickets(filled) == []
    assert retain(filled, None, PERIODS, PAST) == Removed()


def test_an_open_ticket_stays_and_is_counted(filled: Documents, parts: Parts, tmp_path: Path) -> None:
    """A ticket that somebody took over, or that was perhaps opened, outlives its incident; the audit says so."""
    large, small = ids(filled)
    row = opened(filled, large)
    Rows(filled, "jira", NOW).take_in(row, [large], is_open=False)
    Rows(filled, "github", NOW).begin(small, None, None)
    for one in (large, small):
        resolve(filled, one, "mended", ENDED)
    before = tickets(filled)
    removed = retain(filled, None, PERIODS, PAST)
    assert (removed.incidents, removed.tickets) == (2, 0)
    assert tickets(filled) == before
    found = audit(filled, parts, PAST, FileLease(tmp_path / "lease"))
    assert (found.tickets, found.left_open, found.differences) == (2, 2, [])


def test_a_ticket_of_several_stays_until_the_last_is_gone(filled: Documents) -> None:
    """A shared ticket, and what leads from the incident that is gone to it, stay while one of its incidents is there."""
    large, small = ids(filled)
    over(filled, opened(filled, large, small))
    resolve(filled, large, "mended", ENDED)
    removed = retain(filled, None, PERIODS, PAST)
    assert (removed.incidents, removed.tickets) == (1, 0)
    assert f"ticket/jira/of/{large}" in tickets(filled)
    resolve(filled, small, "mended", "2027-01-31T00:00:00Z")
    removed = retain(filled, None, PERIODS, "2027-06-01T00:00:00Z")
    assert (removed.incidents, removed.tickets) == (1, 1)
    assert tickets(filled) == []


def test_rows_that_never_became_a_ticket_go_too(filled: Documents) -> None:
    """A row that was dropped, one of a ticket that was deleted, and a second ticket of an incident go with it."""
    large, small = ids(filled)
    rows = Rows(filled, "servicenow", NOW)
    rows.drop(rows.begin(large, None, None))
    Rows(filled, "jira", NOW).end(opened(filled, small, host=None), "gone")
    over(filled, opened(filled, small, host=None))
    assert f"ticket/jira/at/{small}-2" in tickets(filled)
    assert retain(filled, None, PERIODS, PAST).tickets == 0
    for one in (large, small):
        resolve(filled, one, "mended", ENDED)
    assert retain(filled, None, PERIODS, PAST).tickets == 3
    assert tickets(filled) == []


def test_an_incident_that_went_on_in_another_keeps_its_ticket(filled: Documents) -> None:
    """What is known of an incident that was joined to another stays as long as that one."""
    large, _ = ids(filled)
    pointer = Ledger(id="AAAAAAAA", family="session", ends=Ends(), joined_to=large)
    filled.put("incident/AAAAAAAA", pointer.encode(), None)
    over(filled, opened(filled, "AAAAAAAA"))
    assert retain(filled, None, PERIODS, PAST).tickets == 0
    resolve(filled, large, "mended", ENDED)
    assert retain(filled, None, PERIODS, PAST).tickets == 1
    assert tickets(filled) == []


def test_a_ticket_that_is_written_to_meanwhile_stays(filled: Documents) -> None:
    """A row that changed since it was looked at is not removed: another process found the ticket and uses it."""
    large, _ = ids(filled)
    row = over(filled, opened(filled, large))
    resolve(filled, large, "mended", ENDED)

    class Overtaken(MemoryDocuments):
        """The same documents, in which the ticket is opened again just before its row is removed."""

        def __init__(self) -> None:
            super().__init__(filled, ("",))

        def put(self, *arguments: Any) -> str:
            return filled.put(*arguments)

        def delete(self, key: str, if_match: str | None = None) -> None:
            if key == f"ticket/jira/at/{large}":
                Rows(filled, "jira", NOW).open_again(row, Seen("Doing", "Ana"))
                with pytest.raises(Conflict):
                    filled.delete(key, if_match)
                raise Conflict(key)
            filled.delete(key, if_match)

    assert retain(Overtaken(), None, PERIODS, PAST).tickets == 0
    assert tickets(filled) == [f"ticket/jira/at/{large}", "ticket/jira/host/", f"ticket/jira/of/{large}"]
    found = Rows(filled, "jira", NOW).load(large)
    assert found is not None
    assert found.state == "open"


def test_without_a_period_tickets_stay(filled: Documents) -> None:
    """Where incidents are kept for ever, so is what is known of their tickets, of one that no incident has any more too."""
    over(filled, opened(filled, "AAAAAAAA"))
    retain(filled, None, Periods(readings_days=1), PAST)
    assert len(tickets(filled)) == 3


def test_what_cannot_be_read_is_named_and_kept(filled: Documents, parts: Parts, tmp_path: Path) -> None:
    """A damaged row and a key that is none of ours stop nobody; the audit names both, and the export shows every row."""
    large, _ = ids(filled)
    opened(filled, large)
    filled.put("ticket/jira/at/BBBBBBBB", b"{", None)
    filled.put("ticket/jira/else/CCCCCCCC", b"{}", None)
    assert retain(filled, None, PERIODS, NOW) == Removed()
    found = audit(filled, parts, NOW, FileLease(tmp_path / "lease"))
    assert [one.what for one in found.differences] == ["ticket/jira/at/BBBBBBBB", "ticket/jira/else/CCCCCCCC"]
    told = {line["key"]: line for kind, line in export(filled) if kind == "others"}
    assert told[f"ticket/jira/at/{large}"]["document"]["shown"] == "MAIL-7"
    assert told["ticket/jira/at/BBBBBBBB"]["document"] == "{"
