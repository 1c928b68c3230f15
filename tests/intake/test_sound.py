"""A lone surrogate in a message is no reason to stop."""

import hashlib
from collections.abc import Callable
from typing import Any

from triage.collect.item import Item
from triage.group import SqliteDocuments, incidents
from triage.model import Place
from triage.pipeline import take_in
from triage.settings import Settings
from triage.wiring import parts_of

HEADERS = b"""From: MAILER-DAEMON@contoso.example
Final-Recipient: rfc822; anna.\xed\xa0\x80@fabrikam.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user \xff

"""


def test_what_utf_8_cannot_carry_is_replaced_and_the_run_goes_on(ndr: Callable[..., Any]) -> None:
    """A report whose fields stand in its header, with octets there that are no text, is kept and counted like the next."""
    items = [Item(Place("a"), one, hashlib.sha256(one).hexdigest()) for one in (HEADERS, bytes(ndr()))]
    parts = parts_of(Settings(ours={"domains": ["contoso.example"]}))
    with SqliteDocuments(":memory:") as documents:
        read = [reading for reading, _ in take_in(items, documents, parts, "2026-10-20T12:00:00Z")]
        assert [one.kind for one in read] == ["bounce", "bounce"]
        (found,) = read[0].findings
        assert found.observation.recipient == "anna.???@fabrikam.example"
        assert len(list(incidents(documents))) == 2
