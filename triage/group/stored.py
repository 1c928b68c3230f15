"""Ledgers in the document store: read, and changed by one conditional put that is repeated until it lands."""

import random
import time
from collections.abc import Callable

import msgspec

from triage.errors import Conflict, Transient
from triage.group.documents import Documents
from triage.group.ledger import Ledger, read_ledger

INCIDENTS = "incident/"

MAX_TRIES = 40
"""Lost races in a row before a change is given back: far more than two committers ever cause each other."""


def load_ledger(documents: Documents, incident_id: str) -> Ledger | None:
    """Give the ledger, or None where there is none."""
    found = documents.get(INCIDENTS + incident_id)
    return None if found is None else read_ledger(found[0])


def change_ledger(
    documents: Documents, incident_id: str, change: Callable[[Ledger | None], Ledger]
) -> tuple[Ledger, bool]:
    """Put what `change` makes of the ledger, and tell whether that was anything new.

    `change` gets the ledger as it stands (None: there is none) and may be called again after a lost race; giving back
    the same object writes nothing. Raises `Transient` where others kept winning every race.
    """
    key = INCIDENTS + incident_id
    for attempt in range(MAX_TRIES):
        found = documents.get(key)
        ledger = None if found is None else read_ledger(found[0])
        changed = change(ledger)
        if changed is ledger:
            return changed, False
        try:
            documents.put(key, changed.encode(), None if found is None else found[1], _head(changed))
        except Conflict:
            # Spread the writers, so that one of them wins.
            time.sleep(random.random() * 0.01 * min(attempt + 1, 20))
            continue
        return changed, True
    raise Transient(f"Incident {incident_id} is written to by others without a pause; the change is kept for later.")


def _head(ledger: Ledger) -> bytes:
    """Give what a listing shows of an incident, in JSON: enough to sort and filter without reading the body."""
    summary: dict[str, str | int | None] = {
        "category": ledger.verdict.category,
        "confidence": ledger.verdict.confidence,
        "last_seen": ledger.last_seen,
        "resolved_at": ledger.resolved_at,
        "size": ledger.size(),
        "notice_due": _next_notice(ledger),
    }
    return msgspec.json.encode(summary)


def _next_notice(ledger: Ledger) -> str | None:
    """Give the time from which something is to be told; None where nothing waits."""
    waiting = [one for one in ledger.pending.values() if one.failed is None]
    return min((one.claimed_until or one.next_try or one.at for one in waiting), default=None)
