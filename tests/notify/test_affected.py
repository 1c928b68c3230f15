"""The list of affected mail, as a spreadsheet reads it."""

import csv
import io
import re

import pytest

from triage.model import Affected
from triage.notify import affected_csv


def rows(text: str) -> list[dict[str, str]]:
    """Read a list as a program does that knows the byte order mark."""
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


def test_each_state_says_whether_to_send_again(affected: tuple[Affected, ...]) -> None:
    """Returned: resend once mended. Waiting: do not, until when. Delivered later: nothing."""
    assert [(row["state"], row["advice"]) for row in rows(affected_csv(affected))] == [
        ("returned", "resend once the fault is mended"),
        ("waiting", "do not resend: tried until 20 Oct 2026 09:14 UTC"),
        ("delivered later", "nothing to do"),
    ]
    (unknown,) = rows(affected_csv([Affected(state="waiting")]))
    assert unknown["advice"] == "do not resend: it is still being tried"


def test_a_row_carries_the_whole_message(affected: tuple[Affected, ...]) -> None:
    """Recipient, sender, subject, message id, time and diagnostic stand in their columns."""
    row = rows(affected_csv(affected))[0]
    assert list(row)[2:] == ["recipient", "sender", "subject", "message id", "time", "diagnostic"]
    assert list(row.values())[2:] == [
        "anna.b@fabrikam.example",
        "sales@contoso.example",
        "Offer 4711",
        "m1@contoso.example",
        "2026-10-18T09:14:00Z",
        "421 4.4.2 Connection dropped due to SocketError",
    ]


def test_the_file_opens_in_a_spreadsheet(affected: tuple[Affected, ...]) -> None:
    """A byte order mark for the accents, CRLF line ends, and a heading even when nobody is hit."""
    text = affected_csv(affected)
    assert text.startswith('\ufeff"state",')
    assert text.count("\r\n") == 4
    assert affected_csv([]).endswith('"diagnostic"\r\n')


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a;=1", 'x","=1', "a\r\n=1", "\u202e=1", "=" * 9_999]
)
def test_no_field_is_a_formula_or_a_second_row(text: str) -> None:
    """A hostile text in every field gives one row of eight cells, none of which a spreadsheet computes."""
    hostile = Affected(
        state="returned", recipient=text, sender=text, subject=text, message_id=text, time=text, diagnostic=text
    )
    (row,) = rows(affected_csv([hostile]))
    assert len(row) == 8
    for cell in row.values():
        assert all(not re.match(r"[\s\"]*[=+\-@]", part) for part in re.split("[;,]", cell))


def test_a_redacted_list_names_nobody(affected: tuple[Affected, ...]) -> None:
    """Where everything is redacted, the list keeps states, advice and domains."""
    text = affected_csv(affected, redact=True)
    for hidden in ("anna", "carl", "dora", "sales", "4711"):
        assert hidden not in text
    assert rows(text)[0]["recipient"] == "…@fabrikam.example"
