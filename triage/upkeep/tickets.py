"""What is known of our tickets goes with their incidents: once all of them are gone, and the ticket is closed.

The row of a ticket that is open, or may be, stays: a fault that comes back must find it. Each document is looked at by
itself and removed in the version that was looked at, so a process that dies in between leaves nothing that the next one
would not finish.
"""

from collections.abc import Iterator

import msgspec

from triage.errors import Conflict
from triage.group import Documents
from triage.group.readings import versions
from triage.group.stored import followed
from triage.notify.ticket_rows import ROWS, Lead, Row, read_known


class Known(msgspec.Struct, frozen=True):
    """One document about tickets, in the version that was read; `said` is why it cannot be read where it cannot."""

    key: str
    tag: str
    said: Row | Lead | str


def known(documents: Documents) -> Iterator[Known]:
    """Give all that is known of tickets."""
    for key, body, tag in versions(documents, ROWS):
        try:
            yield Known(key, tag, read_known(key, body))
        except msgspec.DecodeError as error:
            yield Known(key, tag, str(error))


def remove_tickets(documents: Documents) -> int:
    """Remove the rows of closed tickets whose incidents are gone, and what led to them; give how many rows. Idempotent.

    A document that cannot be read stays, for the audit to name.
    """
    count = 0
    for one in known(documents):
        if isinstance(one.said, Row) and not one.said.is_live and is_past(documents, one.said):
            count += _removed(documents, one)
    for one in known(documents):
        if isinstance(one.said, Lead) and _leads_nowhere(documents, one.said):
            _removed(documents, one)
    return count


def is_past(documents: Documents, row: Row) -> bool:
    """Tell whether no incident of a ticket is there any more, nor one in which it went on."""
    return all(followed(documents, one) is None for one in row.incidents)


def _leads_nowhere(documents: Documents, lead: Lead) -> bool:
    if any(row is not None for row in documents.get_many(lead.rows)):
        return False
    return lead.incident is None or followed(documents, lead.incident) is None


def _removed(documents: Documents, one: Known) -> bool:
    try:
        documents.delete(one.key, one.tag)
    except Conflict:
        return False  # somebody just wrote into it: it lives
    return True
