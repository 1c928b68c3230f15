"""The numbers of X.400 say what the documents say that they mean, and nothing where these leave it open."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from triage.decode import decode
from triage.decode.x400 import meaning_of, numbers, status_in
from triage.hosts import Hosts
from triage.model import Observation

Writer = Callable[[dict[str, Any]], bytes]
INTEGER, UNICODE = 0x0003, 0x001F
UNSIGNED_MINUS_ONE = 0xFFFFFFFF

WRITTEN = [
    ("5.1.1", 35, 1), ("5.1.2", 48, 0), ("5.1.3", 32, 0), ("5.1.4", 1, 0), ("5.1.6", 40, 0), ("5.2.4", 30, 0),
    ("5.4.3", -1, 6), ("5.4.7", 5, 0), ("5.5.3", 16, 0), ("5.5.4", 11, 0), ("5.6.2", 9, 0), ("5.6.3", 8, 0),
    ("5.6.4", 25, 0), ("5.6.5", -1, 2), ("5.7.1", 29, 0), ("5.7.2", 28, 0), ("5.7.3", 26, 0),
]  # fmt: skip
"""Rows of the table in [MS-OXCMAIL] section 2.2.3.7.1.3 whose numbers no other row has: what Exchange writes."""
OPEN = [(13, "x.2.2, x.2.3 and x.3.4"), (38, "most of x.2 and x.3"), (7, "no row of the table")]


@pytest.mark.parametrize(("status", "diagnostic", "reason"), WRITTEN, ids=[row[0] for row in WRITTEN])
def test_what_exchange_writes_is_read_back(status: str, diagnostic: int, reason: int) -> None:
    """Each status that has numbers of its own comes back from them, as they are stored (unsigned)."""
    found = meaning_of(diagnostic & 0xFFFFFFFF, reason)
    assert found is not None
    assert found.status == status


@pytest.mark.parametrize(("diagnostic", "rows"), OPEN, ids=[row[1] for row in OPEN])
def test_a_number_that_stands_for_several_statuses_gives_none(diagnostic: int, rows: str) -> None:
    """Where several rows or none give a number, its name is told and no status."""
    found = meaning_of(diagnostic, 0)
    assert found is not None, rows
    assert (bool(found.name), found.status) == (True, None)


def test_a_number_of_no_document_says_nothing() -> None:
    """A number past the list, and a row without any, have no meaning."""
    assert [meaning_of(99, 0), meaning_of(UNSIGNED_MINUS_ONE, 77), meaning_of(None, None)] == [None, None, None]


def test_the_table_names_its_sources_and_holds_statuses_alone() -> None:
    """Every status is one of RFC 3463's form, every number of a server has eight hexadecimal digits."""
    table = numbers()
    every = [*table.diagnostic.values(), *table.reason.values(), *table.server.values()]
    assert all(re.fullmatch(r"5\.[1-7]\.\d", one.status) for one in every if one.status)
    assert all(re.fullmatch(r"[0-9A-F]{8}", number) for number in table.server)
    assert set(table.sources) == {"names", "status", "server"}


def row(**numbers: int) -> dict[tuple[int, int], Any]:
    """Give a recipient's row with these numbers and an address alone."""
    keys = {"diagnostic": 0x0C05, "reason": 0x0C04, "status": 0x0C20}
    return {(0x39FE, UNICODE): "anna@fabrikam.example"} | {(keys[key], INTEGER): one for key, one in numbers.items()}


def read(msg: Writer, one: dict[tuple[int, int], Any]) -> Observation:
    """Read a report that has this recipient alone."""
    (found,) = decode(
        msg({"properties": {(0x001A, UNICODE): "REPORT.IPM.Note.NDR"}, "recipients": [one]}), Hosts()
    ).observations
    return found


def test_a_row_with_numbers_alone_has_their_status_and_name(msg: Writer) -> None:
    """Without status, supplement and text the numbers give both: what is known reaches the rules."""
    found = read(msg, row(diagnostic=3, reason=0))
    assert (found.action, found.status, found.diagnostic) == ("failed", "5.4.6", "loop detected")


def test_a_row_whose_number_is_open_has_its_name_alone(msg: Writer) -> None:
    """A number that may be a full mailbox or a message too large gives no status; the row still counts as failed."""
    found = read(msg, row(diagnostic=13, reason=0))
    assert (found.action, found.status, found.diagnostic) == ("failed", None, "size constraint violation")


def test_the_status_of_a_row_outranks_its_numbers(msg: Writer) -> None:
    """Exchange writes the numbers from the status, and loses by it: the status is told where it is there."""
    assert read(msg, row(diagnostic=13, status=522)).status == "5.2.2"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("MSEXCH:IMS:CONTOSO:HQ:HQ55 0 (000C05A6) Unknown Recipient", "5.1.1"),
        ("MSEXCH:IMS:CONTOSO:HQ:HQ55 0 (00120270) Too Many Hops", "5.4.6"),
        ("MSEXCH:IMS:CONTOSO:HQ:HQ55 3550 (000B09AA) 550 5.7.1 Unable to relay", None),
        ("MSEXCH:MSExchangeMTA:CONTOSO:HQ55", None),
        ("(000C05A6)", None),
    ],
)
def test_the_number_of_an_exchange_5_5_line(line: str, status: str | None) -> None:
    """The number counts in Exchange's own line alone, and where it stands for one cause."""
    assert status_in(line) == status
