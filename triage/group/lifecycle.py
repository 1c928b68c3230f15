"""How an incident stands, and what time alone does to it: quiet, ends of acknowledgements and silences, closing.

Whether an incident is over is never an event that happened to arrive: it follows from what was declared (`closed`),
from the evidence (`healed.py`) and from the last failure, so that the same evidence in any order leaves the same state.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec

from triage.errors import NotFound
from triage.group.documents import Documents
from triage.group.healed import proof_of
from triage.group.ledger import Closed, Ledger
from triage.group.notices import Router, nobody, with_notices
from triage.group.stored import Head, change_existing, heads
from triage.group.times import later
from triage.model import Change, Counts, Proof
from triage.model.words import Family

KEPT_CHANGES = 50
"""Changes kept for people to read; the oldest but the first go."""

HELD_UNTIL = 100
"""How many times as large as when somebody took it an incident must be before that holds no more."""

BACK = "the fault is back"

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Periods(msgspec.Struct, frozen=True, kw_only=True):
    """After how long without news an incident of each family is quiet, and after how long it is closed: never, unless
    its family stands in `close_days`.
    """

    quiet_hours: Mapping[Family, int] = {}
    close_days: Mapping[Family, int] = {}

    def quiet_since(self, family: Family, since: str, now: str) -> str | None:
        """Give since when an incident is quiet of which nothing was seen from `since` on; None for one that is not yet."""
        hours = self.quiet_hours.get(family)
        quiet = None if hours is None else later(since, timedelta(hours=hours))
        return quiet if quiet is not None and quiet <= now else None

    def close_at(self, family: Family, since: str) -> str | None:
        """Give when such an incident is closed; None for never."""
        days = self.close_days.get(family)
        return None if days is None else later(since, timedelta(days=days))


def standing(before: Ledger, after: Ledger, now: str, back: str = BACK) -> tuple[Ledger, list[Change]]:
    """Give `after` with whether it is over, and the change if that is another answer than `before` gave.

    `back` says why an incident that was over is no more.
    """
    if not after.is_incident:
        return after, []
    found = end_of(after)
    if found is None:
        if before.resolved_at is None:
            return msgspec.structs.replace(after, resolved_at=None), []
        again = msgspec.structs.replace(
            after,
            resolved_at=None,
            quiet_since=None,
            acknowledged_by=None,
            acknowledged_until=None,
        )
        return again, [Change(kind="reopened", at=now, text=back)]
    at, text = found
    over = msgspec.structs.replace(after, resolved_at=at, quiet_since=None)
    known = before.resolved_at is not None
    return over, [] if known else [Change(kind="resolved", at=now, text=text)]


def end_of(ledger: Ledger) -> tuple[str, str] | None:
    """Give since when an incident is over and what shows it; None for one that is not."""
    ends = []
    closed, proof = ledger.closed, proof_of(ledger)
    if closed is not None and (last_failure(ledger) or "") <= closed.at:
        ends.append((closed.at, closed.text))
    if proof is not None:
        ends.append((proof.first_success, proof_text(ledger.counts(), proof)))
    return min(ends, default=None)


def last_failure(ledger: Ledger) -> str | None:
    """Give when the last failure happened, as far as that is known."""
    return ledger.last_failed or ledger.last_seen


def proof_text(counts: Counts, proof: Proof) -> str:
    """Say what was seen: failures until then, successes from then on."""
    failed = next(
        (
            f"{number:,} {one if number == 1 else many}"
            for number, one, many in (
                (counts.sessions, "failed session", "failed sessions"),
                (counts.returned, "returned message", "returned messages"),
                (counts.waiting, "waiting message", "waiting messages"),
            )
            if number
        ),
        "failures",
    )
    passed = "1 session" if proof.successes == 1 else f"{proof.successes:,} sessions"
    least = "at least " if proof.at_least else ""
    return (
        f"{failed} until {clock(proof.last_failure)}, then {least}{passed} over TLS {proof.tls_version}"
        f" from {clock(proof.first_success)}"
    )


def clock(time: str) -> str:
    """Write a time (RFC 3339) as "18 Oct 2026 09:14 UTC": this text is kept, and years later it must still be clear."""
    try:
        at = datetime.fromisoformat(time).astimezone(UTC)
    except (ValueError, OverflowError):
        return time[:40]
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M} UTC"


def close(ledger: Ledger, at: str, text: str) -> Ledger:
    """Give the ledger with an end that was declared: of all failures that were known then, also of one dated ahead."""
    if (ledger.last_news or "") <= at:
        at = max(at, last_failure(ledger) or "")
    if ledger.closed is not None and ledger.closed.at >= at:
        return ledger
    return msgspec.structs.replace(ledger, closed=Closed(at=at, text=text))


def lapsed(ledger: Ledger, now: str, route: Router = nobody) -> Ledger:
    """Give the ledger without the acknowledgement and the silence whose time is over at `now`; else the same object."""
    if ledger.silenced_until is not None and ledger.silenced_until <= now:
        ended = Change(kind="silence-ended", at=ledger.silenced_until, text="its time is over")
        ledger = msgspec.structs.replace(
            ledger,
            silenced_by=None,
            silenced_until=None,
            silence_reason=None,
            changes=bounded((*ledger.changes, ended)),
        )
    until = ledger.acknowledged_until
    if ledger.acknowledged_by is None or until is None or until > now:
        return ledger
    ledger = ended_acknowledgement(ledger, until, "its time is over")
    if ledger.resolved_at is not None:
        return ledger
    # What grew while somebody had it was held back.
    grew = Change(kind="grew", at=until, text=f"{ledger.size()} messages, and nobody has it any more")
    return with_notices(ledger, [grew], route)


def ended_acknowledgement(ledger: Ledger, at: str, why: str) -> Ledger:
    """Give the ledger of an incident that nobody has any more."""
    ended = Change(kind="acknowledgement-ended", at=at, text=f"of {ledger.acknowledged_by}: {why}")
    return msgspec.structs.replace(
        ledger, acknowledged_by=None, acknowledged_until=None, changes=bounded((*ledger.changes, ended))
    )


def aged(ledger: Ledger, now: str, periods: Periods, route: Router = nobody) -> Ledger:
    """Give the ledger as time alone has made it by `now`; the same object where it changed nothing."""
    if not ledger.is_incident:
        return ledger
    ledger = lapsed(ledger, now, route)
    since = _silent_since(last_failure(ledger), ledger.last_news)
    if ledger.resolved_at is not None or since is None:
        return ledger
    days, due = periods.close_days.get(ledger.family), periods.close_at(ledger.family, since)
    if due is not None and due <= now:
        text = f"nothing more was seen for {days} days, which is no proof that it is mended"
        over, changes = standing(ledger, close(ledger, due, text), due)
        noted = msgspec.structs.replace(over, changes=bounded((*over.changes, *changes)))
        return with_notices(noted, changes, route)
    quiet = periods.quiet_since(ledger.family, since, now)
    return ledger if quiet == ledger.quiet_since else msgspec.structs.replace(ledger, quiet_since=quiet)


def _silent_since(*times: str | None) -> str | None:
    """Give since when nothing was seen: an old archive that came in today is news of today."""
    return max((time for time in times if time), default=None)


def bounded(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Give the first change and the newest ones."""
    return changes if len(changes) <= KEPT_CHANGES else changes[:1] + changes[1 - KEPT_CHANGES :]


def age(documents: Documents, now: str, periods: Periods, route: Router = nobody) -> set[str]:
    """Apply what time alone changes to all incidents, and give the ids of those that changed. Safe to repeat.

    Only incidents whose heads say that something may be due are read. Raises `Transient` where another process kept
    winning every race.
    """
    changed: set[str] = set()
    for name, head in list(heads(documents)):
        if head.is_incident and _may_be_due(head, now, periods):
            with suppress(NotFound):  # removed meanwhile
                if change_existing(documents, name, lambda ledger: aged(ledger, now, periods, route))[1]:
                    changed.add(name)
    return changed


def _may_be_due(head: Head, now: str, periods: Periods) -> bool:
    if any(until is not None and until <= now for until in (head.acknowledged_until, head.silenced_until)):
        return True
    since = head.news or head.last_seen
    if head.resolved_at is not None or since is None:
        return False
    due = periods.close_at(head.family, since)
    if due is not None and due <= now:
        return True
    return head.quiet_since != periods.quiet_since(head.family, since, now)
