"""Ledgers in the document store: read, and changed by one conditional put that is repeated until it lands."""

import random
import time
from collections.abc import Callable, Iterator

import msgspec

from triage.errors import Conflict, NotFound, Transient
from triage.group.documents import Documents
from triage.group.ledger import HEARSAY, Ledger, read_ledger
from triage.group.packed import digest
from triage.group.tallies import greatest
from triage.model import Notice
from triage.model.words import Category, Confidence, Family

INCIDENTS = "incident/"

MAX_TRIES = 40
"""Lost races in a row before a change is given back: far more than two committers ever cause each other."""

MAX_JOINED = 20
"""Incidents joined one after the other: a host has a short name, a full name and some addresses."""


def load_ledger(documents: Documents, incident_id: str) -> Ledger | None:
    """Give the ledger, or None where there is none."""
    found = documents.get(INCIDENTS + incident_id)
    return None if found is None else read_ledger(found[0])


def followed(documents: Documents, incident_id: str) -> Ledger | None:
    """Give the ledger, or the one in which it went on when both turned out to be one trouble."""
    ledger = load_ledger(documents, incident_id)
    for _ in range(MAX_JOINED):
        if ledger is None or ledger.joined_to is None:
            break
        ledger = load_ledger(documents, ledger.joined_to)
    return ledger


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
            documents.put(
                key, changed.encode(), None if found is None else found[1], msgspec.json.encode(_head(changed))
            )
        except Conflict:
            # Spread the writers, so that one of them wins.
            time.sleep(random.random() * 0.01 * min(attempt + 1, 20))
            continue
        return changed, True
    raise Transient(f"Incident {incident_id} is written to by others without a pause; the change is kept for later.")


def existing(found: Ledger | None, incident_id: str) -> Ledger:
    """Give the ledger that was found. Raises `NotFound` where there is none."""
    if found is None:
        raise NotFound(f"There is no incident “{incident_id}” in this store.")
    return found


def change_existing(documents: Documents, incident_id: str, change: Callable[[Ledger], Ledger]) -> tuple[Ledger, bool]:
    """Change a ledger as `change_ledger` does, where there is one. Raises `NotFound` else."""
    return change_ledger(documents, incident_id, lambda found: change(existing(found, incident_id)))


class Head(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a listing shows of an incident: enough to sort, filter and relate without reading the body.

    `is_believed`: some failure of it was told by a report that nothing speaks against. `hearsay` is a digest of what TLS
    reports tally, `related` one of what was last taken from around the incident. `passed` is when a Send log last shows
    mail handed over on this hop.
    """

    family: Family
    sending: str | None = None
    receiving: str | None = None
    is_incident: bool = True
    is_empty: bool = False
    is_believed: bool = False
    joined_to: str | None = None
    hearsay: str | None = None
    related: str = ""
    category: Category = "unclassified"
    confidence: Confidence = "possible"
    blamed: str | None = None
    last_seen: str | None = None
    resolved_at: str | None = None
    size: int = 0
    notice_due: str | None = None
    passed: str | None = None
    news: str | None = None
    quiet_since: str | None = None
    acknowledged_until: str | None = None
    silenced_until: str | None = None


_HEAD = msgspec.json.Decoder(Head)


def heads(documents: Documents) -> Iterator[tuple[str, Head]]:
    """Give the id and the head of each incident in the store, without reading bodies, in the order of the ids."""
    for listed in documents.list(INCIDENTS):
        incident_id = listed.key.removeprefix(INCIDENTS)
        try:
            yield incident_id, _HEAD.decode(listed.head)
        except msgspec.DecodeError:  # written before heads said as much
            ledger = load_ledger(documents, incident_id)
            if ledger is not None:
                yield incident_id, _head(ledger)


def _head(ledger: Ledger) -> Head:
    verdict = ledger.verdict
    own = [one.observation for one in ledger.tallies.values() if one.diagnosis and one.observation.source != HEARSAY]
    return Head(
        family=ledger.family,
        sending=ledger.ends.sending,
        receiving=ledger.ends.receiving,
        is_incident=ledger.is_incident,
        is_empty=not ledger.reports,
        is_believed=any(seen.trust.level != "low" for seen in own),
        joined_to=ledger.joined_to,
        hearsay=_hearsay(ledger),
        related=ledger.related,
        category=verdict.category,
        confidence=verdict.confidence,
        blamed=verdict.responsible.host,
        last_seen=ledger.last_seen,
        resolved_at=ledger.resolved_at,
        size=ledger.size(),
        notice_due=_next_notice(ledger),
        passed=_passed(ledger),
        news=greatest(ledger.last_failed, ledger.last_news),
        quiet_since=ledger.quiet_since,
        acknowledged_until=ledger.acknowledged_until,
        silenced_until=ledger.silenced_until,
    )


def _hearsay(ledger: Ledger) -> str | None:
    told = sorted((name, one.count) for name, one in ledger.tallies.items() if one.observation.source == HEARSAY)
    return digest(repr(told)).hex() if told else None


def _passed(ledger: Ledger) -> str | None:
    passed = [one for one in ledger.tallies.values() if one.diagnosis is None and one.observation.source == "send-log"]
    return greatest(*(one.last or one.first for one in passed)) if passed else None


def _next_notice(ledger: Ledger) -> str | None:
    """Give the time from which something is to be told; None where nothing waits."""
    waiting = [one for one in ledger.pending.values() if one.failed is None]
    due = min((one.claimed_until or _not_before(one) or one.at for one in waiting), default=None)
    return None if due is None else greatest(due, ledger.silenced_until)


def _not_before(notice: Notice) -> str:
    return max(notice.next_try or "", notice.held_until or "")
