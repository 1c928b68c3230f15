"""One message to one sink about several incidents: a digest, or what was held while it was quiet.

What is under way for a sink stands in one small document, `telling/<sink>`. A bundle is written there first, with its
members and its id; then each incident notes that its notices go out with it; then it is sent, marked in each incident,
and taken off. A relay that dies in between leaves a claim that runs out, and the next one goes on with the same members
under the same id.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta

import msgspec

from triage.errors import NotFound
from triage.group.claims import BUNDLES, LEASE_SECONDS, TWICE, UNSURE_AT_MOST, as_sent, bounded, is_bundle
from triage.group.documents import Documents
from triage.group.incident import incident_of
from triage.group.ledger import Ledger, read_ledger
from triage.group.notices import Timer, facts_of, headline_of, is_loose, kind_of
from triage.group.readings import chunks
from triage.group.reminders import is_planned, with_reminder
from triage.group.stored import INCIDENTS, change_existing, followed, heads
from triage.group.telling import Bundle, Telling, change_telling, telling
from triage.group.times import later
from triage.model import HeldBy, Incident, Notice

MEMBERS_AT_MOST = 1000
"""Incidents that one message tells of: at some 25 ms for each, they are noted before the claim runs out."""

STANDING_AT_MOST = 1000
"""Open incidents that are looked at to say what else is open."""

_ASKED_AT_ONCE = 100

_HOLDERS: tuple[HeldBy, ...] = ("digest", "silence", "quiet-hours")
"""What a message names that several things held: the first of these."""

_Members = tuple[tuple[str, tuple[str, ...]], ...]


class ClaimedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """One message about several incidents, which nobody else sends until `until`."""

    id: str
    token: str
    sink: str
    until: str
    tries: int
    by: HeldBy
    told: tuple[tuple[Incident, tuple[Notice, ...]], ...]
    at_most_twice: bool


def claim_bundle(
    documents: Documents, sink: str, ids: Iterable[str], now: str, *, timer: Timer, at_most_twice: bool
) -> ClaimedBundle | None:
    """Claim the message that tells of several of these incidents what was held until now; None where there is none.

    What quiet hours or a silence held of one incident alone is released: it goes out as any other. Raises `Transient`.
    """
    members: _Members = ()
    by: HeldBy | None = None
    if telling(documents, sink).bundle is None:
        members, by = _held(documents, sink, ids, now, timer)
    token, until = secrets.token_hex(8), later(now, timedelta(seconds=LEASE_SECONDS))

    def change(state: Telling) -> Telling:
        bundle, number = state.bundle, state.bundles
        if bundle is None and by is not None:
            number += 1
            bundle = Bundle(id=f"{BUNDLES}{now[:10]}/{number}/{sink}", by=by, members=members)
        if bundle is None or (bundle.claimed_until or "") > now or (bundle.next_try or "") > now:
            return state
        mine = msgspec.structs.replace(
            bundle,
            token=token,
            claimed_until=until,
            tries=bundle.tries + 1,
            unsure=bundle.unsure + (bundle.token is not None),
        )
        return msgspec.structs.replace(state, bundles=number, bundle=mine)

    bundle = change_telling(documents, sink, change).bundle
    if bundle is None or bundle.token != token:
        return None
    claimed = ClaimedBundle(
        id=bundle.id,
        token=token,
        sink=sink,
        until=until,
        tries=bundle.tries,
        by=bundle.by,
        told=tuple(_noted(documents, sink, bundle)),
        at_most_twice=at_most_twice,
    )
    if at_most_twice and bundle.unsure >= UNSURE_AT_MOST:
        give_up_bundle(documents, claimed, TWICE)
        return None
    if not claimed.told:  # all of it was marked, or is true no more
        _take_off(documents, claimed)
        return None
    return claimed


def _held(
    documents: Documents, sink: str, ids: Iterable[str], now: str, timer: Timer
) -> tuple[_Members, HeldBy | None]:
    """Give what was held until now, and by what: a digest, or a silence or quiet hours that held more than one incident."""
    found: dict[str, tuple[str, ...]] = {}
    kinds: set[HeldBy] = set()
    for incident_id, ledger in _ledgers(documents, ids):
        if (ledger.silenced_until or "") > now:
            continue
        _let_go_of_old(documents, incident_id, sink, ledger)
        waiting = _waiting(ledger, sink, now)
        over = [one for one in waiting.values() if one.held_until is not None and one.held_until <= now]
        if not over or not all(map(is_loose, waiting.values())):
            continue
        by = over[-1].held_by or "quiet-hours"
        timing = timer(facts_of(ledger), kind_of(next(reversed(waiting.values()))), sink, now)
        if timing.by == "digest" if by == "digest" else timing.until is None:
            kinds.add(by)
            found[incident_id] = tuple(waiting)
        else:  # another row fits by now, which says when this goes
            _let_go(documents, incident_id, sink)
        if len(found) >= MEMBERS_AT_MOST:
            break
    if "digest" not in kinds and len(found) == 1:
        _let_go(documents, next(iter(found)), sink)
        return (), None
    return tuple(found.items()), next((by for by in _HOLDERS if by in kinds), None)


def _waiting(ledger: Ledger, sink: str, now: str) -> dict[str, Notice]:
    return {
        key: one
        for key, one in ledger.pending.items()
        if one.sink == sink and one.failed is None and not is_planned(one, now)
    }


def _let_go_of_old(documents: Documents, incident_id: str, sink: str, ledger: Ledger) -> None:
    """Let go of what went with a message that is off already: it came to this incident while others joined."""
    old = {one.message for one in ledger.pending.values() if one.sink == sink and is_bundle(one.message)}
    # Asked after the incident was read: a message stands there before anything notes that it goes with it.
    current = telling(documents, sink).bundle if old else None
    old.discard(current.id if current is not None else None)
    if old:
        _change_own(
            documents,
            incident_id,
            sink,
            lambda one: msgspec.structs.replace(one, message=None) if one.message in old else one,
        )


def _ledgers(documents: Documents, ids: Iterable[str]) -> Iterator[tuple[str, Ledger]]:
    for some in chunks(ids, _ASKED_AT_ONCE):
        for one, found in zip(some, documents.get_many([INCIDENTS + name for name in some]), strict=True):
            if found is not None:
                yield one, read_ledger(found[0])


def release_held(documents: Documents, sink: str, ids: Iterable[str], now: str) -> None:
    """Let what was held until now go out by itself: for a sink that takes no message about several incidents."""
    for incident_id, ledger in _ledgers(documents, ids):
        if any(one.sink == sink and "" < (one.held_until or "") <= now for one in ledger.pending.values()):
            _let_go(documents, incident_id, sink)


def _let_go(documents: Documents, incident_id: str, sink: str) -> None:
    def change(one: Notice) -> Notice:
        return msgspec.structs.replace(one, held_until=None, held_by=None) if is_loose(one) else one

    _change_own(documents, incident_id, sink, change)


def _change_own(documents: Documents, incident_id: str, sink: str, change: Callable[[Notice], Notice]) -> None:
    """Change the sink's entries of an incident; one that is kept no longer has none."""

    def of_ledger(ledger: Ledger) -> Ledger:
        pending = {key: change(one) if one.sink == sink else one for key, one in ledger.pending.items()}
        return ledger if pending == ledger.pending else msgspec.structs.replace(ledger, pending=pending)

    with suppress(NotFound):
        change_existing(documents, incident_id, of_ledger)


def _noted(documents: Documents, sink: str, bundle: Bundle) -> Iterator[tuple[Incident, tuple[Notice, ...]]]:
    """Note in each incident that its entries go out with the bundle, and give those that do."""
    for incident_id, keys in bundle.members:

        def change(ledger: Ledger, keys: tuple[str, ...] = keys) -> Ledger:
            pending = dict(ledger.pending)
            for key in keys:
                one = pending.get(key)
                if one is not None and is_loose(one):
                    pending[key] = msgspec.structs.replace(
                        one,
                        message=bundle.id,
                        tries=one.tries + 1,
                        headline=headline_of(ledger),
                        confidence=ledger.verdict.confidence,
                        size=ledger.size(),
                    )
            return ledger if pending == ledger.pending else msgspec.structs.replace(ledger, pending=pending)

        try:
            ledger, _ = change_existing(documents, incident_id, change)
        except NotFound:
            continue
        notices = tuple(one for one in ledger.pending.values() if one.message == bundle.id and one.sink == sink)
        if notices and ledger.joined_to is None:
            yield incident_of(ledger), notices


def still_open(documents: Documents, claimed: ClaimedBundle, now: str, timer: Timer) -> tuple[Incident, ...]:
    """Give the other incidents that are open and fall to the sink's digest, the largest first."""
    named = {incident.id for incident, _ in claimed.told}
    listed = [(head.size, name) for name, head in heads(documents) if head.is_incident and head.resolved_at is None]
    names = [name for _, name in sorted(listed, key=lambda one: (-one[0], one[1]))[:STANDING_AT_MOST]]
    return tuple(
        incident_of(ledger)
        for name, ledger in _ledgers(documents, names)
        if name not in named
        and any(one.sink == claimed.sink for one in ledger.sent.values())
        and timer(facts_of(ledger), "opened", claimed.sink, now).by == "digest"
    )


def bundle_told(documents: Documents, claimed: ClaimedBundle, remote: str | None, now: str, timer: Timer) -> None:
    """Mark everything in the message as sent, whoever claims it by now: the sink was told."""

    def mark(ledger: Ledger) -> Ledger:
        mine = {key: one for key, one in ledger.pending.items() if one.message == claimed.id}
        if not mine:
            return ledger
        sent = ledger.sent | {key: as_sent(one, remote, now) for key, one in mine.items()}
        pending = {key: one for key, one in ledger.pending.items() if key not in mine}
        timing = timer(facts_of(ledger), "reminder", claimed.sink, now)
        marked = msgspec.structs.replace(ledger, pending=pending, sent=bounded(sent))
        return with_reminder(marked, claimed.sink, now, timing.remind_hours)

    _settle(documents, claimed, mark)


def give_up_bundle(documents: Documents, claimed: ClaimedBundle, reason: str) -> None:
    """Mark everything in the message as failed: it is kept and shown, and goes out again only when it is replayed."""

    def mark(ledger: Ledger) -> Ledger:
        pending = {
            key: msgspec.structs.replace(
                one, message=None, trouble=reason, failed=reason, held_until=None, held_by=None
            )
            if one.message == claimed.id
            else one
            for key, one in ledger.pending.items()
        }
        return ledger if pending == ledger.pending else msgspec.structs.replace(ledger, pending=pending)

    _settle(documents, claimed, mark)


def _settle(documents: Documents, claimed: ClaimedBundle, mark: Callable[[Ledger], Ledger]) -> None:
    """Mark the members, wherever they went on, and then take the message off."""

    for incident, _ in claimed.told:
        further = followed(documents, incident.id)
        for name in {incident.id, further.id if further is not None else incident.id}:
            with suppress(NotFound):
                change_existing(documents, name, mark)
    _take_off(documents, claimed)


def _take_off(documents: Documents, claimed: ClaimedBundle) -> None:
    def change(state: Telling) -> Telling:
        is_ours = state.bundle is not None and state.bundle.id == claimed.id
        return msgspec.structs.replace(state, bundle=None) if is_ours else state

    change_telling(documents, claimed.sink, change)


def put_off_bundle(documents: Documents, claimed: ClaimedBundle, seconds: int, now: str, *, unsure: bool) -> None:
    """Give the claim back, to be tried again after some seconds, with the same members under the same id."""
    gone = False

    def change(state: Telling) -> Telling:
        nonlocal gone
        bundle = state.bundle
        gone = False
        if bundle is None or bundle.token != claimed.token:
            return state
        times = bundle.unsure + unsure
        gone = claimed.at_most_twice and times >= UNSURE_AT_MOST
        put_off = msgspec.structs.replace(
            bundle, token=None, claimed_until=None, unsure=times, next_try=later(now, timedelta(seconds=seconds))
        )
        return msgspec.structs.replace(state, bundle=put_off)

    change_telling(documents, claimed.sink, change)
    if gone:
        give_up_bundle(documents, claimed, TWICE)


def waiting_for(documents: Documents, sink: str, ids: Iterable[str], now: str, timer: Timer) -> int:
    """Count the incidents of these that have something to tell a sink now."""
    return sum(
        any((one.claimed_until or one.next_try or "") <= now for one in _waiting(ledger, sink, now).values())
        and timer(facts_of(ledger), "opened", sink, now).until is None
        and (ledger.silenced_until or "") <= now
        for _, ledger in _ledgers(documents, ids)
    )
