"""Reminders: an open incident that nobody has, with mail that waits, is told again before it is forgotten.

A reminder is planned when a sink was told something, for a time that follows from that word and from when the first
waiting mail is lost. Whether it is still deserved is looked at when its time has come.
"""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from triage.group.ledger import Ledger
from triage.group.notices import facts_of, headline_of, is_loose, notice_key
from triage.group.times import later
from triage.model import Change, Notice, Sent
from triage.model.words import rank

BEFORE_LOSS_HOURS = 4
"""Before the first waiting mail is lost, as far as reports say when that is: time enough to give it another way."""

A_DAY = 24
"""Hours between two reminders at least."""

_NAME = "reminder:"


def is_reminder(notice: Notice) -> bool:
    """Tell a reminder from the notices of changes."""
    return notice.name.startswith(_NAME)


def is_planned(notice: Notice, now: str) -> bool:
    """Tell a reminder whose time has not come."""
    return is_reminder(notice) and is_loose(notice) and notice.trouble is None and (notice.next_try or "") > now


def with_reminder(ledger: Ledger, sink: str, now: str, hours: int | None) -> Ledger:
    """Plan the next reminder of a sink that was told something now, in place of one that was planned before."""
    pending = {key: one for key, one in ledger.pending.items() if one.sink != sink or not _may_go(one)}
    facts = facts_of(ledger)
    if hours is not None and ledger.resolved_at is None and rank(facts.confidence) >= rank("probable"):
        last = max((one.told_at for one in ledger.sent.values() if _is_own(one, sink)), default=None)
        notice = msgspec.structs.replace(
            _reminder(ledger, pending, sink, now), next_try=_next_time(ledger, now, hours, last)
        )
        pending[notice_key(notice.name, sink)] = notice
    return ledger if pending == ledger.pending else msgspec.structs.replace(ledger, pending=pending)


def with_word_of_silence(ledger: Ledger, sink: str, at: str, of: str) -> Ledger:
    """Plan the word that an incident is still open, once a silence is over since `at`: for who heard of it before.

    None is needed where something else waits to be told, nor where somebody has it or nothing was seen for a while.
    """
    told = [one.told_at for one in ledger.sent.values() if one.sink == sink]
    pending = {key: one for key, one in ledger.pending.items() if one.sink != sink or not _may_go(one) or one.whys}
    waits = any(one.sink == sink and one.failed is None for one in pending.values())
    is_calm = ledger.resolved_at is not None or ledger.quiet_since is not None or ledger.acknowledged_by is not None
    if waits or is_calm or not told or max(told) > at:
        return ledger
    why = Change(kind="silence-ended", at=at, text=of)
    notice = msgspec.structs.replace(
        _reminder(ledger, ledger.pending, sink, at), whys=(why,), held_until=at, held_by="silence"
    )
    return msgspec.structs.replace(ledger, pending=pending | {notice_key(notice.name, sink): notice})


def _reminder(ledger: Ledger, pending: Mapping[str, Notice], sink: str, at: str) -> Notice:
    """Give the next reminder of a sink: its number is one that none of its own had."""
    entries: tuple[Notice | Sent, ...] = (*ledger.sent.values(), *pending.values())
    names = [one.name for one in entries if _is_own(one, sink)]
    facts = facts_of(ledger)
    return Notice(
        name=f"{_NAME}{1 + max((int(name.removeprefix(_NAME)) for name in names), default=0)}",
        sink=sink,
        at=at,
        whys=(),
        headline=headline_of(ledger),
        confidence=facts.confidence,
        size=facts.size,
        counts=ledger.counts(),
    )


def _is_own(one: Notice | Sent, sink: str) -> bool:
    return one.sink == sink and one.name.startswith(_NAME)


def _ends_silence(notice: Notice) -> bool:
    return any(why.kind == "silence-ended" for why in notice.whys)


def _may_go(notice: Notice) -> bool:
    return is_reminder(notice) and is_loose(notice)


def _next_time(ledger: Ledger, now: str, hours: int, last: str | None) -> str:
    """Give the hour that the routing asks for, or an earlier one before mail is lost; a day after the last at least."""
    at = later(now, timedelta(hours=hours))
    loss = first_loss(ledger, now)
    if loss is not None:
        before = later(loss, timedelta(hours=-BEFORE_LOSS_HOURS))
        at = before if now < before < at else at
    return at if last is None else max(at, later(last, timedelta(hours=A_DAY)))


def first_loss(ledger: Ledger, now: str) -> str | None:
    """Give when the first of the waiting mail is given up, as far as a report says it and it is still to come."""
    waiting = [one.observation for one in ledger.tallies.values() if one.observation.impact == "waiting"]
    return min(
        (seen.retry_until for seen in waiting if (seen.retry_until or "") > now and seen.retry_until), default=None
    )


def settle_reminders(ledger: Ledger, pending: dict[str, Notice], sink: str, now: str, hours: int | None) -> None:
    """Look at the sink's reminders whose time has come: those that are not deserved are put off, or dropped at the end."""
    due = [key for key, one in pending.items() if one.sink == sink and _may_go(one) and (one.next_try or "") <= now]
    if not due:
        return
    facts, counts = facts_of(ledger), ledger.counts()
    presses = counts.waiting > 0 and ledger.quiet_since is None and rank(facts.confidence) >= rank("probable")
    deserved = presses and not facts.acknowledged
    for key in due:
        one = pending[key]
        if ledger.resolved_at is not None or hours is None:
            del pending[key]
        elif not deserved and not _ends_silence(one):
            pending[key] = msgspec.structs.replace(one, whys=(), next_try=later(now, timedelta(hours=hours)))
        elif not one.whys:
            why = Change(kind="reminder", at=now, text=f"{counts.waiting} still waiting, and nobody has taken it")
            pending[key] = msgspec.structs.replace(one, at=now, whys=(why,), counts=counts)
