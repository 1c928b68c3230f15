"""Silence over all incidents of a host or of a category, those that come later among them, until it ends.

One small document for each host and category, `silence/<kind>/<digest>`: what the latest act said of it, whichever took
effect first. A silence holds notices as quiet hours do, and nothing else: at its end what it held goes out in one message,
with a word of what is open all the same.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import get_args

import msgspec
import structlog

from triage.errors import BadInput, Conflict, NotFound, Transient
from triage.group.documents import Documents
from triage.group.ledger import Ledger
from triage.group.notices import Timer, facts_of
from triage.group.readings import bodies, versions
from triage.group.reminders import with_word_of_silence
from triage.group.stored import MAX_TRIES, change_existing, heads
from triage.group.times import later
from triage.model import Act, ChangeKind, Facts, Incident, Scope, Timing
from triage.model.words import Category

SILENCES = "silence/"

NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_:*")
LONGEST_NAME = 253
"""Of a host's name (RFC 1035, 2.3.4)."""

KEPT_DAYS = 7
"""How long the end of a silence is known at least: acts are looked at again for two days."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """What the latest act, `id`, said of a scope: silent until `until`. One that was ended ends when it was.

    `is_lifted` once everything that it held knows that it is over.
    """

    scope: Scope
    id: str
    at: str
    by: str
    until: str
    reason: str = ""
    is_lifted: bool = False

    def covers(self, incident: Incident) -> bool:
        """Tell whether an incident is one of these, as it stands."""
        hosts = (incident.ends.sending, incident.ends.receiving, incident.verdict.responsible.host)
        return _fits(self.scope, incident.verdict.category, hosts)


_DECODER = msgspec.json.Decoder(Silence)


def checked_scope(scope: Scope) -> Scope:
    """Give the scope as it is. Raises `BadInput` where it is no category, and no name of a host."""
    name = scope.value
    if scope.kind == "category":
        if name not in get_args(Category):
            raise BadInput(f"There is no category “{name[:80]}”: `triage rules list --categories` names them.")
        return scope
    if not 0 < len(name) <= LONGEST_NAME or not set(name) <= NAME_CHARACTERS or not set(name) - set("*.-_:"):
        raise BadInput(f"“{name[:80]}” is no name of a host: letters, digits, dots and hyphens, and * for any text.")
    return scope


def _fits(scope: Scope, category: Category, hosts: Sequence[str | None]) -> bool:
    if scope.kind == "category":
        return category == scope.value
    wanted = (scope.value, f"{scope.value}.*" if "." not in scope.value else scope.value)
    return any(fnmatchcase(host.lower(), one) for host in hosts if host for one in wanted)


def _key(scope: Scope) -> str:
    return f"{SILENCES}{scope.kind}/{hashlib.sha256(scope.value.encode('utf-8', 'replace')).hexdigest()[:32]}"


def silences(documents: Documents) -> tuple[Silence, ...]:
    """Give all silences that are known, also those that are over, in the order of their ends."""
    known = [_read(key, body) for key, body in bodies(documents, SILENCES)]
    return tuple(sorted((one for one in known if one is not None), key=lambda one: one.until))


def _read(key: str, body: bytes) -> Silence | None:
    """Give what a document says; one that is damaged is logged, and silences nothing."""
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError as error:
        structlog.get_logger().error("silence_is_damaged", key=key, error=str(error))
        return None


def silent_now(documents: Documents, now: str) -> tuple[Silence, ...]:
    """Give the silences that hold at `now`."""
    return tuple(one for one in silences(documents) if one.until > now)


def note_silence(documents: Documents, act: Act, scope: Scope) -> Silence:
    """Let an act on a scope take effect, as of its own time, and give what holds now. Repeating it changes nothing."""
    until = act.until if act.kind == "silence" and act.until is not None else act.at
    mine = Silence(scope=scope, id=act.id, at=act.at, by=act.by, until=until, reason=act.text)
    for _ in range(MAX_TRIES):
        found = documents.get(_key(scope))
        before = None if found is None else _read(_key(scope), found[0])
        if before is not None and (before.at, before.id) >= (mine.at, mine.id):
            return before
        with suppress(Conflict):
            documents.put(_key(scope), msgspec.json.encode(mine), None if found is None else found[1])
            return mine
    raise Transient("Others keep silencing the same; it is tried again later.")


def under(timer: Timer, known: Sequence[Silence]) -> Timer:
    """Give the timer that holds what these silences cover until the last of them ends, before it asks `timer`."""

    def when(facts: Facts, kind: ChangeKind, sink: str, now: str) -> Timing:
        timing = timer(facts, kind, sink, now)
        end = max(
            (one.until for one in known if one.until > now and _fits(one.scope, facts.category, facts.hosts)),
            default=None,
        )
        return timing if end is None else msgspec.structs.replace(timing, until=end, by="silence")

    return when if known else timer


def lift(documents: Documents, known: Sequence[Silence], timer: Timer, now: str) -> None:
    """Let what silences held that are over by `now` go out, and plan a word of what is open all the same. Safe to repeat.

    Each incident notes the act by which it was silent in the same put, so that a process that dies in between leaves
    nothing that would be said twice.
    """
    for one in known:
        if one.until > now or one.is_lifted:
            continue
        for name, head in list(heads(documents)):
            if head.is_incident and _fits(one.scope, head.category, (head.sending, head.receiving, head.blamed)):
                with suppress(NotFound):  # removed meanwhile
                    change_existing(documents, name, partial(_lifted, over=one, timer=timer, now=now))
        _note_lifted(documents, one)


def _lifted(ledger: Ledger, over: Silence, timer: Timer, now: str) -> Ledger:
    if over.id in ledger.acts or not ledger.is_incident:
        return ledger
    pending = {
        key: msgspec.structs.replace(one, held_until=over.until)
        if one.held_by == "silence" and (one.held_until or "") > over.until
        else one
        for key, one in ledger.pending.items()
    }
    facts = facts_of(ledger)
    ledger = msgspec.structs.replace(ledger, pending=pending).after_act(over.id)
    for sink in sorted({one.sink for one in ledger.sent.values()}):
        if timer(facts, "reminder", sink, now).remind_hours is not None:
            ledger = with_word_of_silence(ledger, sink, over.until, over.scope.value)
    return ledger


def _note_lifted(documents: Documents, over: Silence) -> None:
    found = documents.get(_key(over.scope))
    if found is not None and _read(_key(over.scope), found[0]) == over:
        with suppress(Conflict):  # somebody silenced it anew
            documents.put(
                _key(over.scope), msgspec.json.encode(msgspec.structs.replace(over, is_lifted=True)), found[1]
            )


def shown_silent(incident: Incident, known: Sequence[Silence]) -> Incident:
    """Give the incident with the silence that covers it and ends last, as people see it."""
    last = max((one for one in known if one.covers(incident)), key=lambda one: one.until, default=None)
    if last is None or last.until <= (incident.silenced_until or ""):
        return incident
    reason = f"all of {last.scope.value}" + (f": {last.reason}" if last.reason else "")
    return msgspec.structs.replace(incident, silenced_by=last.by, silenced_until=last.until, silence_reason=reason)


def remove_silences(documents: Documents, before: str, now: str) -> None:
    """Remove what is known of silences that ended before that time, and some days ago."""
    before = min(before, later(now, timedelta(days=-KEPT_DAYS)))
    for key, body, tag in list(versions(documents, SILENCES)):
        one = _read(key, body)
        if one is not None and one.until < before:
            with suppress(Conflict):  # somebody silenced it anew
                documents.delete(key, tag)
