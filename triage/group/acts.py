"""What people did to incidents, as entries of the journal: written before they take effect, and once.

In the cloud an act is a blob below `acts/` in the inbox, the one journal; on a laptop a document of the store. Effects
commute, so that an act whose process died before its effect is made good later, whatever was done meanwhile.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import IO, Protocol

import msgspec
import structlog

from triage.errors import BadInput, Conflict, NotFound
from triage.group.documents import Documents
from triage.group.fingerprint import renamed
from triage.group.incident import incident_of
from triage.group.ledger import Ledger
from triage.group.lifecycle import bounded, clock, close, lapsed, standing
from triage.group.notices import Router, nobody, with_notices
from triage.group.silences import Silence, checked_scope, note_silence
from triage.group.stored import MAX_JOINED, change_existing, existing, followed
from triage.group.times import later
from triage.hosts import Hosts
from triage.model import Act, ActKind, Change, Incident, Scope

ACTS = "act/"
"""Keys of acts in a store."""
INBOX_ACTS = "acts/"
"""Names of acts in an inbox: nothing below it is an input."""
APPLIED = "lifecycle/acts-applied"
"""The document that says up to which day every act took effect."""

MAX_BYTES = 65_536
"""Of one act: its texts are a person's."""

_DECODER = msgspec.json.Decoder(Act)


class ActJournal(Protocol):
    """Acts, each written once."""

    def add(self, act: Act) -> None:
        """Write an act; one that is written already changes nothing."""

    def acts(self, since: str = "") -> Iterator[Act]:
        """Give the acts from this day on (YYYY-MM-DD), in the order of their times."""


class Files(Protocol):
    """What an inbox does: named bytes, each written once."""

    def put(self, name: str, content: bytes) -> bool:
        """Keep `content` for good; False where the name is taken."""

    def open(self, name: str) -> IO[bytes] | None:
        """Open one for reading; None where there is none."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the names that start so, in their order."""


class DocumentActs:
    """Acts in a store, under `act/<day>/<time>-<id>.json`."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def add(self, act: Act) -> None:
        """Write an act; see `ActJournal.add`."""
        with suppress(Conflict):
            self._documents.put(ACTS + act_name(act), msgspec.json.encode(act), None)

    def acts(self, since: str = "") -> Iterator[Act]:
        """Give the acts; see `ActJournal.acts`."""
        for key in [one.key for one in self._documents.list(ACTS)]:
            found = self._documents.get(key) if key.removeprefix(ACTS) >= since else None
            act = None if found is None else _read_or_tell(found[0], key)
            if act is not None:
                yield act


class InboxActs:
    """Acts in an inbox, under `acts/<day>/<time>-<id>.json`."""

    def __init__(self, inbox: Files) -> None:
        self._inbox = inbox

    def add(self, act: Act) -> None:
        """Write an act; see `ActJournal.add`."""
        self._inbox.put(INBOX_ACTS + act_name(act), msgspec.json.encode(act))

    def acts(self, since: str = "") -> Iterator[Act]:
        """Give the acts; see `ActJournal.acts`."""
        for name in list(self._inbox.list(INBOX_ACTS)):
            file = self._inbox.open(name) if name.removeprefix(INBOX_ACTS) >= since else None
            if file is None:
                continue
            with file:
                act = _read_or_tell(file.read(MAX_BYTES + 1), name)
            if act is not None:
                yield act


def act_name(act: Act) -> str:
    """Give the name of an act's entry: names sort by time."""
    return f"{act.at[:10]}/{act.at.replace('-', '').replace(':', '')}-{act.id}.json"


def read_act(body: bytes) -> Act:
    """Give the act that these bytes hold. Raises `BadInput` on bytes that are none."""
    try:
        if len(body) > MAX_BYTES:
            raise BadInput(f"An act has at most {MAX_BYTES:,} bytes.")
        return _checked(_DECODER.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"It is no act of this program: {error}.") from error


def _checked(act: Act) -> Act:
    """Give an act that says what it was done to. Raises `BadInput` for another."""
    if act.scope is None:
        if act.family is None:
            raise BadInput("It names no incident.")
        return act
    if act.kind not in ("silence", "unsilence"):
        raise BadInput(
            f"What was done is to {act.kind} all of {act.scope.value[:80]}, and only silence covers more than one."
        )
    checked_scope(act.scope)
    return act


def _read_or_tell(body: bytes, name: str) -> Act | None:
    try:
        return read_act(body)
    except BadInput as error:
        structlog.get_logger().error("act_is_damaged", name=name, error=str(error))
        return None


def apply_act(documents: Documents, act: Act, hosts: Hosts, *, route: Router = nobody) -> None:
    """Let an act take effect, as of its own time; one that did changes nothing.

    Raises `NotFound` where neither the id nor family and ends lead to an incident.
    """
    if act.scope is not None:
        note_silence(documents, act, act.scope)
        return
    if act.family is None:
        raise NotFound("This act names no incident.")
    name = act.incident
    ledger = followed(documents, name)
    if ledger is None or not ledger.is_incident:
        name = renamed(act.family, act.ends, hosts).incident_id
    _changed(documents, name, lambda found: effect(found, act, route))


def act_on(
    documents: Documents,
    incident_id: str,
    kind: ActKind,
    by: str,
    now: str,
    *,
    text: str = "",
    until: str | None = None,
    route: Router = nobody,
    journal: ActJournal | None = None,
) -> Incident:
    """Write down what somebody does to an incident, then do it; give the incident as it stands.

    Without a `journal` it is the store's own. Raises `NotFound` where there is no such incident.
    """
    ledger = followed(documents, incident_id)
    ledger = existing(ledger if ledger is not None and ledger.is_incident else None, incident_id)
    act = Act(
        id=_new_id(),
        kind=kind,
        at=now,
        by=by,
        incident=ledger.id,
        family=ledger.family,
        ends=ledger.ends,
        text=text,
        until=until,
    )
    (journal or DocumentActs(documents)).add(act)
    return _changed(documents, ledger.id, lambda found: effect(found, act, route))


def silence_all(
    documents: Documents,
    scope: Scope,
    by: str,
    now: str,
    *,
    until: str | None,
    text: str = "",
    journal: ActJournal | None = None,
) -> Silence:
    """Write down that nothing of a scope is told until a time, or with None that it is told again; then do it.

    Gives what holds from now on. Raises `BadInput` where the scope is none.
    """
    kind: ActKind = "unsilence" if until is None else "silence"
    act = Act(id=_new_id(), kind=kind, at=now, by=by, scope=checked_scope(scope), text=text, until=until)
    (journal or DocumentActs(documents)).add(act)
    return note_silence(documents, act, scope)


def _new_id() -> str:
    """Give the id of an act: acts of one second sort as they were done."""
    return f"{time.time_ns():016x}{secrets.token_hex(2)}"


def _changed(documents: Documents, incident_id: str, change: Callable[[Ledger], Ledger]) -> Incident:
    """Change an incident, or the one in which it went on. Raises `NotFound` where there is none."""

    def of_existing(found: Ledger) -> Ledger:
        if found.joined_to is not None:
            return found
        return change(existing(found if found.is_incident else None, incident_id))

    name = incident_id
    for _ in range(MAX_JOINED):
        ledger, _ = change_existing(documents, name, of_existing)
        if ledger.joined_to is None:
            return incident_of(ledger)
        name = ledger.joined_to
    raise NotFound(f"Incident “{incident_id}” went on in others more than {MAX_JOINED} times.")


def effect(ledger: Ledger, act: Act, route: Router = nobody) -> Ledger:
    """Give the ledger after an act; the same object where it took effect before.

    Of several acts of a kind the latest holds, whichever comes first.
    """
    if act.id in ledger.acts:
        return ledger
    ledger = lapsed(ledger, act.at, route)
    noted = ledger.after_act(act.id)
    if act.kind == "acknowledge":
        return _acknowledged(noted, act, route)
    if act.kind == "resolve":
        over, changes = standing(noted, close(noted, act.at, act.text), act.at)
    else:
        over, changes = _silenced(noted, act)
    return with_notices(
        msgspec.structs.replace(over, changes=bounded((*over.changes, *changes))), _told(changes), route
    )


def _told(changes: list[Change]) -> list[Change]:
    return [one for one in changes if one.kind == "resolved"]


def _acknowledged(ledger: Ledger, act: Act, route: Router) -> Ledger:
    if act.at < (ledger.acknowledged_at or ""):
        return ledger
    is_new = (ledger.acknowledged_by, ledger.acknowledged_until) != (act.by, act.until)
    until = f" until {clock(act.until)}" if act.until else ""
    changes = [Change(kind="acknowledged", at=act.at, text=f"by {act.by}{until}")] if is_new else []
    taken = msgspec.structs.replace(
        ledger,
        acknowledged_by=act.by,
        acknowledged_at=act.at,
        acknowledged_until=act.until,
        acknowledged_size=ledger.size(),
        changes=bounded((*ledger.changes, *changes)),
    )
    return with_notices(taken, changes, route)


def _silenced(ledger: Ledger, act: Act) -> tuple[Ledger, list[Change]]:
    if act.at < (ledger.silenced_at or ""):
        return ledger, []
    is_on = act.kind == "silence"
    if not is_on and ledger.silenced_until is None:
        return msgspec.structs.replace(ledger, silenced_at=act.at), []
    because = f": {act.text}" if act.text else ""
    told = f"by {act.by} until {clock(act.until or act.at)}{because}" if is_on else f"by {act.by}"
    changed_ledger = msgspec.structs.replace(
        ledger,
        silenced_at=act.at,
        silenced_by=act.by if is_on else None,
        silenced_until=act.until if is_on else None,
        silence_reason=(act.text or None) if is_on else None,
    )
    return changed_ledger, [Change(kind="silenced" if is_on else "silence-ended", at=act.at, text=told)]


def apply_waiting(documents: Documents, journal: ActJournal, hosts: Hosts, now: str, route: Router = nobody) -> None:
    """Let the acts take effect whose process died before that: those of the last two days, or since the last time.

    An act whose incident is not there is logged, and tried again for two days.
    """
    found, some = documents.get(APPLIED), False
    for act in journal.acts("" if found is None else found[0].decode("ascii", "replace")):
        some = True
        try:
            apply_act(documents, act, hosts, route=route)
        except NotFound:
            structlog.get_logger().warning("act_without_incident", act=act.id, incident=act.incident)
    day = later(now, timedelta(days=-1))[:10].encode("ascii")
    if some and (found is None or found[0] < day):
        with suppress(Conflict):  # another process just did the same
            documents.put(APPLIED, day, None if found is None else found[1])
