"""Incidents that turn out to be one: their ends were the same hosts under other names.

The incident that is joined is frozen first, then taken over, then emptied, each by one conditional put: after a crash at
any line the next pass goes on, and nothing is counted twice. What is frozen keeps its id and points on.
"""

from collections.abc import Callable
from contextlib import suppress

import msgspec

from triage.errors import Conflict, Transient
from triage.group.documents import Documents
from triage.group.fingerprint import Fingerprint, renamed
from triage.group.fold import Judge, note_changes
from triage.group.ledger import MESSAGE, REPORT, Closed, Ledger
from triage.group.notices import Router, nobody
from triage.group.packed import marked, union
from triage.group.stored import MAX_JOINED, change_ledger, heads, load_ledger
from triage.group.tallies import greatest, least, together
from triage.hosts import Hosts
from triage.model import Change, Ends
from triage.model.words import SOURCE_NAMES

JOINED = "names/joined"
"""Holds the digest of the names under which all incidents were joined."""


def join(
    documents: Documents, hosts: Hosts, judge: Judge, now: str, only_news: bool = False, route: Router = nobody
) -> set[str]:
    """Join the incidents whose ends `hosts` knows to be the same, and give the ids of those that others went on in.

    With `only_news` nothing is looked at while no name has changed since the last whole pass: what was counted since then
    already went to where the names lead. Raises `Transient` where another process kept winning every race.
    """
    naming = hosts.naming().encode()
    marker = documents.get(JOINED)
    is_known = marker is not None and marker[0] == naming
    if only_news and is_known:
        return set()
    grown: set[str] = set()
    for old_id, head in list(heads(documents)):
        mark = renamed(head.family, Ends(head.sending, head.receiving), hosts)
        if head.joined_to is not None:
            if not head.is_empty:  # a move that was begun is ended as it was begun, whatever is known since
                grown.add(finish_move(documents, old_id, hosts, judge, now, route))
        elif mark.incident_id != old_id:
            target = _going_on_in(documents, mark.incident_id)
            if target != old_id:
                change_ledger(documents, old_id, _freezing(old_id, mark, target))
                grown.add(finish_move(documents, old_id, hosts, judge, now, route))
    if not is_known:
        with suppress(
            Conflict
        ):  # another process noted a pass of its own; under other names, the next pass is whole again
            documents.put(JOINED, naming, None if marker is None else marker[1])
    return grown


def _going_on_in(documents: Documents, incident_id: str) -> str:
    """Give the id in which an incident goes on, its own where it does itself."""
    for _ in range(MAX_JOINED):
        ledger = load_ledger(documents, incident_id)
        if ledger is None or ledger.joined_to is None:
            return incident_id
        incident_id = ledger.joined_to
    raise Transient(f"Incident {incident_id} went on in others more than {MAX_JOINED} times.")


def finish_move(documents: Documents, old_id: str, hosts: Hosts, judge: Judge, now: str, route: Router = nobody) -> str:
    """Take over and empty an incident that was frozen; give the id in which it goes on. Repeating it changes nothing.

    Raises `Transient` as `join` does.
    """
    frozen = load_ledger(documents, old_id)
    if frozen is None or frozen.joined_to is None:
        return old_id
    target = frozen.joined_to
    for _ in range(MAX_JOINED):
        if target == old_id:  # two processes that knew other names sent each of two incidents into the other
            change_ledger(documents, old_id, _thawed)
            return old_id
        ledger, _ = change_ledger(documents, target, _taking_over(frozen, target, hosts, judge, now, route))
        if ledger.joined_to is None:
            change_ledger(documents, old_id, _emptying(frozen))
            return target
        target = ledger.joined_to
    raise Transient(f"Incident {old_id} went on in others more than {MAX_JOINED} times.")


_Change = Callable[[Ledger | None], Ledger]


def _freezing(old_id: str, mark: Fingerprint, target: str) -> _Change:
    def change(found: Ledger | None) -> Ledger:
        ledger = found or Ledger(id=old_id, family=mark.family, ends=mark.ends)  # it was removed meanwhile
        return ledger if ledger.joined_to is not None else msgspec.structs.replace(ledger, joined_to=target)

    return change


def _thawed(found: Ledger | None) -> Ledger:
    if found is None:
        raise Transient("An incident was removed while it was joined with another.")
    return msgspec.structs.replace(found, joined_to=None)


def _emptying(frozen: Ledger) -> _Change:
    """Leave of an incident that went on in another only where it went on."""
    pointer = Ledger(id=frozen.id, family=frozen.family, ends=frozen.ends, joined_to=frozen.joined_to)

    def change(found: Ledger | None) -> Ledger:
        return found if found is not None and found == pointer else pointer

    return change


def _taking_over(old: Ledger, target: str, hosts: Hosts, judge: Judge, now: str, route: Router) -> _Change:
    """Give the ledger with all that the other one knows; the same object where it was taken over before."""
    mark = renamed(old.family, old.ends, hosts)
    ends = mark.ends if mark.incident_id == target else old.ends
    was = msgspec.structs.replace(old, joined_to=None)

    def change(found: Ledger | None) -> Ledger:
        ledger = found or Ledger(id=target, family=old.family, ends=ends)
        if ledger.joined_to is not None or old.id in ledger.absorbed:
            return ledger
        return _together(ledger, was, judge, now, route)

    return change


def _together(ledger: Ledger, old: Ledger, judge: Judge, now: str, route: Router) -> Ledger:
    main = ledger if ledger.is_incident else old
    both = msgspec.structs.replace(_counted(ledger, old), around=main.around, linked=main.linked, related=main.related)
    if not main.is_incident:
        return both
    both = msgspec.structs.replace(
        _with_acts(both, ledger, old),
        verdict=judge(tuple(both.tallies.values()), both.around),
        closed=_closed(ledger, old),
        resolved_at=main.resolved_at,
    )
    # People hear of what is new against the incident that they know.
    before = msgspec.structs.replace(main, changes=_history(ledger, old, now), grown_to=both.grown_to)
    news = old if main is ledger else ledger
    told_by = {SOURCE_NAMES[one.observation.source] for one in news.tallies.values()}
    back = f"incident {old.id}, the same trouble, is open"
    return note_changes(before, both, now, sorted(told_by), route, back)


def _with_acts(both: Ledger, ledger: Ledger, old: Ledger) -> Ledger:
    """Give what people said of both: whoever has one that is open has both, and the later silence holds."""
    known = [one for one in (ledger, old) if one.is_incident]
    open_ones = [one for one in known if one.resolved_at is None] or known
    taken = max(
        (one for one in open_ones if one.acknowledged_by),
        key=lambda one: one.acknowledged_at or "",
        default=open_ones[0],
    )
    silent = max(known, key=lambda one: one.silenced_at or "")
    return msgspec.structs.replace(
        both,
        acknowledged_by=taken.acknowledged_by,
        acknowledged_at=greatest(ledger.acknowledged_at, old.acknowledged_at),
        acknowledged_until=taken.acknowledged_until,
        acknowledged_size=taken.acknowledged_size,
        silenced_at=silent.silenced_at,
        silenced_by=silent.silenced_by,
        silenced_until=silent.silenced_until,
        silence_reason=silent.silence_reason,
    )


def _closed(ledger: Ledger, old: Ledger) -> Closed | None:
    """Give the end that was declared of both, or of the one of them that is an incident."""
    known = [one for one in (ledger, old) if one.is_incident]
    ends = [one.closed for one in known if one.closed is not None]
    if not ends or any(one.resolved_at is None for one in known):
        return None
    last = max(ends, key=lambda one: one.at)
    return Closed(at=max(last.at, *(one.resolved_at or "" for one in known)), text=last.text)


def _counted(ledger: Ledger, old: Ledger) -> Ledger:
    """Give the ledger with all that was counted in the other one."""
    depths = {key: max(ledger.depths.get(key, 0), old.depths.get(key, 0)) for key in {**ledger.depths, **old.depths}}
    return msgspec.structs.replace(
        ledger,
        reports=union(ledger.reports, old.reports, REPORT),
        messages=_messages(ledger.messages, old.messages),
        recipients=union(ledger.recipients, old.recipients),
        senders=union(ledger.senders, old.senders),
        domains=union(ledger.domains, old.domains),
        tallies=together(ledger.tallies, old.tallies),
        depths=depths,
        first_seen=least(ledger.first_seen, old.first_seen),
        last_seen=greatest(ledger.last_seen, old.last_seen),
        last_failed=greatest(ledger.last_failed or ledger.last_seen, old.last_failed or old.last_seen),
        last_news=greatest(ledger.last_news, old.last_news),
        quiet_since=None,
        acts=tuple(dict.fromkeys((*ledger.acts, *old.acts))),
        grown_to=max(ledger.grown_to, old.grown_to),
        pending=old.pending | ledger.pending,  # who was told of either was told of the trouble
        sent=old.sent | ledger.sent,
        absorbed=tuple(dict.fromkeys((*ledger.absorbed, *old.absorbed, old.id))),
    )


def _messages(one: bytes, other: bytes) -> bytes:
    seen = dict(marked(one, MESSAGE))
    for name, mark in marked(other, MESSAGE):
        seen[name] = seen.get(name, 0) | mark
    return b"".join(name + bytes([mark]) for name, mark in seen.items())


def _history(ledger: Ledger, old: Ledger, now: str) -> tuple[Change, ...]:
    """Give the changes of both in their order."""
    changes = sorted((*ledger.changes, *old.changes), key=lambda one: one.at)
    opened = [one for one in changes if one.kind == "opened"]
    changes = [one for one in changes if one.kind != "opened" or one is opened[0]]  # the trouble began once
    if old.is_incident:
        ends = " → ".join(end or "unknown" for end in (old.ends.sending, old.ends.receiving))
        changes.append(Change(kind="joined", at=now, text=f"incident {old.id} ({ends}) is the same trouble"))
    return tuple(changes)
