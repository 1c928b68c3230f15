"""Dates and address headers in their usual form are read as the standard library reads them, and so are all others."""

from datetime import UTC, datetime
from email.utils import getaddresses, parseaddr

import pytest

from triage.decode.dates import utc_of, written
from triage.decode.mailbox import addresses_of, mailbox_of

DATES = {
    "Tue, 20 Oct 2026 09:14:11 +0200": datetime(2026, 10, 20, 7, 14, 11, tzinfo=UTC),
    "20 Oct 2026 09:14:11 -0730 (NST)": datetime(2026, 10, 20, 16, 44, 11, tzinfo=UTC),
    "Tue, 20 Oct 2026 23:59:59 -0000": datetime(2026, 10, 20, 23, 59, 59, tzinfo=UTC),
    "Tue, 20 Oct 2026 09:14:11 GMT": datetime(2026, 10, 20, 9, 14, 11, tzinfo=UTC),
    "Tue, 20 Oct 26 09:14 +0000": datetime(2026, 10, 20, 9, 14, tzinfo=UTC),
    "Tue, 31 Feb 2026 09:14:11 +0000": None,
    "Tue, 20 Oct 2026 24:14:11 +0000": None,
    "Tue, 20 Oct 2026 09:14:11 +2500": None,
    "soon": None,
}


@pytest.mark.parametrize(("text", "expected"), DATES.items(), ids=DATES)
def test_a_date_is_a_moment_in_utc(text: str, expected: datetime | None) -> None:
    """Zones count (RFC 5322 §3.3), obsolete forms are taken (§4.3), and what is no date is none."""
    assert utc_of(text) == expected


def test_a_moment_is_written_in_whole_seconds() -> None:
    """RFC 3339 with Z."""
    assert written(datetime(2026, 10, 20, 7, 14, 11, tzinfo=UTC)) == "2026-10-20T07:14:11Z"


MAILBOXES = {
    "anna@fabrikam.example": ("", "anna@fabrikam.example"),
    "Anna Berg <anna@fabrikam.example>": ("Anna Berg", "anna@fabrikam.example"),
    '"Berg, Anna" <anna@fabrikam.example>': ("Berg, Anna", "anna@fabrikam.example"),
    "anna@fabrikam.example (Anna)": ("Anna", "anna@fabrikam.example"),
    "<>": ("", ""),
    "": ("", ""),
}


@pytest.mark.parametrize(("value", "expected"), MAILBOXES.items(), ids=MAILBOXES)
def test_a_mailbox_has_a_name_and_an_address(value: str, expected: tuple[str, str]) -> None:
    """Usual forms and others give what the standard library gives (RFC 5322 §3.4)."""
    assert mailbox_of(value) == expected == parseaddr(value)
    assert addresses_of(value) == [one for _, one in getaddresses([value]) if "@" in one]


def test_several_mailboxes_give_several_addresses() -> None:
    """A list is no single mailbox."""
    assert addresses_of("Anna <anna@fabrikam.example>, ben@fabrikam.example") == [
        "anna@fabrikam.example",
        "ben@fabrikam.example",
    ]
