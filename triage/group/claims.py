"""Telling what is pending: claimed by one relay at a time, marked by itself, never forgotten.

An entry is claimed before it is sent and marked after: a relay that dies in between leaves a claim that runs out, and
the next one sends the same message under the same id. All that waits for one sink goes out as one message; what may
have arrived already is never mixed with anything new, so that a receiver that knows the id loses nothing.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import msgspec

from triage.errors import NotFound
from triage.group.documents import Documents
from triage.group.incident import incident_of
from triage.group.ledger import Ledger
from triage.group.notices import Timer, at_once, facts_of, headline_of, kind_of, notice_key
from triage.group.reminders import is_planned, settle_reminders, with_reminder
from triage.group.stored import INCIDENTS, change_existing, existing, load_ledger
from triage.group.times import later
from triage.model import Facts, Incident, Notice, Sent, Timing

LEASE_SECONDS = 120
"""How long a claim holds: several times as long as the slowest send may take."""

UNSURE_AT_MOST = 2
"""Tries that may have arrived, at a sink that would show each of them."""

KEPT_SENT = 200
"""Sent notices that a document keeps: a fault that comes and goes for years must not make it grow without end."""

TWICE = (
    "Tried twice without an answer, and a third time might show it a third time. Look there, then replay or leave it."
)


BUNDLES = "digest/"
"""With it begin the names of messages that tell of several incidents."""


def is_bundle(message: str | None) -> bool:
    """Tell the name of a message that tells of several incidents."""
    return message is not None and message.startswith(BUNDLES)


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one sink, which nobody else sends until `until`: the notices that it tells, the oldest first.

    `id` is the same at each try. `absorbed` are incidents that went on in this one.
    """

    id: str
    token: str
    sink: str
    until: str
    incident: Incident
    notices: tuple[Notice, ...]
    at_most_twice: bool
    absorbed: tuple[str, ...] = ()
    timing: Timing = Timing()

    @property
    def keys(self) -> tuple[str, ...]:
        """Give the keys of the entries."""
        return tuple(notice_key(one.name, one.sink) for one in self.notices)


def due(documents: Documents, now: str, *, held_too: bool = False) -> Iterator[str]:
    """Give the ids of the incidents that have something to tell now, without reading their documents.

    With `held_too` those as well that wait for their hour: what holds them may have changed.
    """
    for listed in documents.list(INCIDENTS):
        head = _HEAD.decode(listed.head or b"{}")
        if head.notice_due is not None and (held_too or head.notice_due <= now):
            yield listed.key.removeprefix(INCIDENTS)


class _Head(msgspec.Struct):
    notice_due: str | None = None


_HEAD = msgspec.json.Decoder(_Head)


def notices_of(documents: Documents) -> Iterator[tuple[str, Notice | Sent]]:
    """Give each notice of each incident: those that were sent, then those that are pending."""
    for listed in documents.list(INCIDENTS):
        incident_id = listed.key.removeprefix(INCIDENTS)
        ledger = load_ledger(documents, incident_id)
        if ledger is not None:
            yield from ((incident_id, sent) for sent in ledger.sent.values())
            yield from ((incident_id, pending) for pending in ledger.pending.values())


def claim(
    documents: Documents,
    incident_id: str,
    sink: str,
    now: str,
    *,
    at_most_twice: bool = False,
    timer: Timer = at_once,
) -> Claimed | None:
    """Claim the next message to a sink; None where nothing is to be sent now, or another relay is at it.

    `at_most_twice` is for a sink that does not know a repeated id: there a message that may have arrived twice fails.
    What `timer` holds until later is noted as held, and left. Raises `Transient` where others keep winning every race.
    """
    token = secrets.token_hex(8)

    def change(ledger: Ledger) -> Ledger:
        pending = dict(ledger.pending)
        _claim_next(ledger, pending, sink, now, token, at_most_twice, timer)
        return ledger if pending == ledger.pending else msgspec.structs.replace(ledger, pending=pending)

    try:
        ledger, _ = change_existing(documents, incident_id, change)
    except NotFound:
        return None
    mine = tuple(one for one in ledger.pending.values() if one.claim == token)
    if not mine:
        return None
    return Claimed(
        id=f"{incident_id}/{mine[0].message}",
        token=token,
        sink=sink,
        until=mine[0].claimed_until or now,
        incident=incident_of(ledger),
        notices=mine,
        at_most_twice=at_most_twice,
        absorbed=ledger.absorbed,
        timing=timer(facts_of(ledger), kind_of(mine[-1]), sink, now),
    )


def peek(documents: Documents, incident_id: str, sink: str) -> Claimed:
    """Give the next message to a sink as `claim` would, without claiming it; it may tell no notice at all.

    Raises `NotFound` where there is no such incident.
    """
    ledger = existing(load_ledger(documents, incident_id), incident_id)
    waiting = _next_message(ledger.pending, sink, "")
    message = next((one.message or key for key, one in waiting.items()), f"preview/{sink}")
    return Claimed(
        id=f"{incident_id}/{message}",
        token="",
        sink=sink,
        until="",
        incident=incident_of(ledger),
        notices=tuple(waiting.values()),
        at_most_twice=False,
    )


def facts_by_id(documents: Documents, incident_id: str) -> Facts:
    """Give what a routing decides by of an incident, with who heard of it. Raises `NotFound` where there is none."""
    ledger = existing(load_ledger(documents, incident_id), incident_id)
    return msgspec.structs.replace(facts_of(ledger), heard_by=tuple(sorted({one.sink for one in ledger.sent.values()})))


def _claim_next(
    ledger: Ledger, pending: dict[str, Notice], sink: str, now: str, token: str, at_most_twice: bool, timer: Timer
) -> None:
    """Claim in `pending` what goes out next, if it is time."""
    if (ledger.silenced_until or "") > now:
        return
    facts = facts_of(ledger)
    settle_reminders(ledger, pending, sink, now, timer(facts, "reminder", sink, now).remind_hours)
    while group := _next_message(pending, sink, now):
        if any((one.claimed_until or "") > now or (one.next_try or "") > now for one in group.values()):
            return
        if _goes_with_others(group) or _is_held(facts, pending, group, now, timer):
            return
        left_behind = any(one.claim is not None for one in group.values())
        unsure = max(one.unsure for one in group.values()) + left_behind
        if at_most_twice and unsure >= UNSURE_AT_MOST:
            for key, one in group.items():
                pending[key] = msgspec.structs.replace(_released(one), unsure=unsure, failed=TWICE)
            continue
        for key in group:
            one = pending[key]
            pending[key] = msgspec.structs.replace(
                one,
                message=one.message or next(iter(group)),
                claim=token,
                claimed_until=later(now, timedelta(seconds=LEASE_SECONDS)),
                tries=one.tries + 1,
                unsure=unsure,
                headline=headline_of(ledger),
                confidence=facts.confidence,
                size=facts.size,
            )
        return


def _goes_with_others(group: dict[str, Notice]) -> bool:
    """Tell what goes out in one message with other incidents (`bundles.py`)."""
    return any(is_bundle(one.message) for one in group.values())


def _is_held(facts: Facts, pending: dict[str, Notice], group: dict[str, Notice], now: str, timer: Timer) -> bool:
    """Note in `pending` until when a message is held, and tell whether it is; what may have gone out is not.

    What was held and is over by now is left too: it goes out with all that was held for the same hour (`bundles.py`).
    """
    if any(one.message is not None for one in group.values()):
        return False
    if any(one.held_until is not None and one.held_until <= now for one in group.values()):
        return True
    last = next(reversed(group.values()))
    timing = timer(facts, kind_of(last), last.sink, now)
    for key, one in group.items():
        pending[key] = msgspec.structs.replace(one, held_until=timing.until, held_by=timing.by)
    return timing.until is not None


def _next_message(pending: dict[str, Notice], sink: str, now: str) -> dict[str, Notice]:
    """Give the entries that go out together: what may have gone out before, by itself, else all that waits."""
    own = {
        key: one for key, one in pending.items() if one.sink == sink and one.failed is None and not is_planned(one, now)
    }
    message = next((one.message for one in own.values() if one.message is not None), None)
    return {key: one for key, one in own.items() if one.message == message}


def _released(notice: Notice) -> Notice:
    return msgspec.structs.replace(notice, claim=None, claimed_until=None)


def told(documents: Documents, claimed: Claimed, remote: str | None, now: str) -> None:
    """Mark all notices of a message as sent. It holds whoever claims them by now: the sink was told."""

    def change(ledger: Ledger) -> Ledger:
        pending, sent = dict(ledger.pending), dict(ledger.sent)
        for key, one in zip(claimed.keys, claimed.notices, strict=True):
            if pending.pop(key, None) is not None:
                sent[key] = as_sent(one, remote, now)
        if len(pending) == len(ledger.pending):
            return ledger
        marked = msgspec.structs.replace(ledger, pending=pending, sent=bounded(sent))
        return with_reminder(marked, claimed.sink, now, claimed.timing.remind_hours)

    with suppress(NotFound):  # kept no longer: nothing is left to mark
        change_existing(documents, claimed.incident.id, change)


def as_sent(notice: Notice, remote: str | None, now: str) -> Sent:
    """Give what is kept of a notice once it is told."""
    return Sent(
        name=notice.name,
        sink=notice.sink,
        at=notice.at,
        headline=notice.headline,
        confidence=notice.confidence,
        size=notice.size,
        told_at=now,
        message=notice.message or notice_key(notice.name, notice.sink),
        remote=remote,
    )


def bounded(sent: dict[str, Sent]) -> dict[str, Sent]:
    """Forget the oldest verdicts and endings; the numbers of later ones and the thresholds stay known."""
    spare = [key for key, one in sent.items() if not one.name.startswith(("opened:", "grew:"))]
    for key in spare[: max(0, len(sent) - KEPT_SENT)]:
        del sent[key]
    return sent


def put_off(documents: Documents, claimed: Claimed, seconds: int, reason: str, now: str, *, unsure: bool) -> None:
    """Give a claim back, to be tried again after some seconds.

    `unsure` says that the message may have arrived: then it goes out again as it is. Where it surely did not, what
    came in the meantime may join it.
    """

    def change(one: Notice) -> Notice:
        times = one.unsure + unsure
        if claimed.at_most_twice and times >= UNSURE_AT_MOST:
            return msgspec.structs.replace(_released(one), unsure=times, trouble=reason, failed=TWICE)
        return msgspec.structs.replace(
            _released(one),
            unsure=times,
            trouble=reason,
            next_try=later(now, timedelta(seconds=seconds)),
            message=one.message if times else None,
        )

    _change_claimed(documents, claimed, change)


def give_up(documents: Documents, claimed: Claimed, reason: str) -> None:
    """Mark a message as failed: it is kept and shown, and nobody tries again before it is replayed."""
    _change_claimed(
        documents, claimed, lambda one: msgspec.structs.replace(_released(one), trouble=reason, failed=reason)
    )


def _change_claimed(documents: Documents, claimed: Claimed, change: Callable[[Notice], Notice]) -> None:
    """Change the entries that are still claimed by this relay; others are another's by now."""

    def of_ledger(ledger: Ledger) -> Ledger:
        pending = {key: change(one) if one.claim == claimed.token else one for key, one in ledger.pending.items()}
        return ledger if pending == ledger.pending else msgspec.structs.replace(ledger, pending=pending)

    with suppress(NotFound):
        change_existing(documents, claimed.incident.id, of_ledger)


def replay(documents: Documents, incident_id: str, now: str, sink: str | None = None) -> tuple[int, int]:
    """Put back what failed: how many notices go out again, and how many a later message has told already.

    A message always tells how the incident stands, so one that failed before a later one arrived has no news left.
    """
    counts = [0, 0]

    def change(ledger: Ledger) -> Ledger:
        pending, sent = dict(ledger.pending), dict(ledger.sent)
        counts[:] = [0, 0]
        for key, one in ledger.pending.items():
            if one.failed is None or (sink is not None and one.sink != sink):
                continue
            later = next((other for other in reversed(sent.values()) if _tells_later(other, one)), None)
            if later is None:
                counts[0] += 1
                message = one.message if one.unsure else None
                pending[key] = msgspec.structs.replace(
                    one, message=message, failed=None, trouble=None, tries=0, unsure=0, next_try=None
                )
            else:
                counts[1] += 1
                del pending[key]
                sent[key] = msgspec.structs.replace(as_sent(one, later.remote, now), message=later.message)
        return ledger if not any(counts) else msgspec.structs.replace(ledger, pending=pending, sent=sent)

    change_existing(documents, incident_id, change)
    return counts[0], counts[1]


def _tells_later(sent: Sent, notice: Notice) -> bool:
    return sent.sink == notice.sink and sent.at > notice.at
