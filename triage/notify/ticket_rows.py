"""What we know of our own tickets: one document for each, one for each incident and one for each host that is blamed.

A row is written before the ticket is opened and filled in after, so that a process that dies in between leaves a trace
to look by. The documents lie beside the incidents, in the same store: `ticket/<sink>/at/<ticket>`,
`ticket/<sink>/of/<incident>` and `ticket/<sink>/host/<digest of the name>`. They go when the incidents are gone and the
ticket is closed (`triage.upkeep.tickets`).
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeVar

import msgspec

from triage.errors import Conflict, Transient
from triage.notify.api import Stopped
from triage.notify.outcome import Later

ROWS = "ticket/"

HELD_SECONDS = 120
"""How long whoever opens a ticket keeps others from it: as long as a message is claimed."""

RACES = 20
"""Lost races in a row before a row is given back: two relays cause each other one or two."""

TICKETS_OF_ONE = 10
"""Tickets in which one incident stands: its own, its host's, and those in whose place they came."""

GENERATIONS = 1_000
"""Tickets that one incident may open one after the other, each once the one before it is closed or gone."""


class Records(Protocol):
    """The documents of the store, as the group stage's `Documents` gives them."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give a document and its tag; None where there is none."""

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Write a document: a new one, or in the place of this version. Raises `Conflict`."""


class Seen(msgspec.Struct, frozen=True):
    """How a ticket stood when we last had the say in it: what differs later was changed by somebody else."""

    status: str
    assignee: str


class Part(msgspec.Struct, frozen=True):
    """What follows a ticket's text as a comment: its mark, and its Markdown without it."""

    mark: str
    body: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One ticket of ours. `members` tells of each incident in it whether it is open.

    `creating`: being opened, by `holder` until `held_until`; at `tried_at` it was last sent, so it may be there. `void`:
    never opened, since another ticket of the same host came first, or nothing was left to open one for. `gone`: deleted
    in its system. `remote` names it there, `shown` for people. `parts` are those of its text that follow as comments and
    may not be written yet, as they were divided when it was sent.
    """

    id: str
    state: Literal["creating", "open", "closed", "void", "gone"] = "creating"
    host: str | None = None
    members: dict[str, bool] = {}
    remote: str | None = None
    shown: str | None = None
    seen: Seen | None = None
    holder: str | None = None
    held_until: str | None = None
    tried_at: str | None = None
    instead_of: str | None = None
    parts: tuple[Part, ...] = ()

    @property
    def incidents(self) -> frozenset[str]:
        """Give the incidents in it, and the one that it was to be opened for."""
        return frozenset({*self.members, self.id.partition("-")[0]})

    @property
    def is_live(self) -> bool:
        """Tell whether others may still join it."""
        return self.state in ("creating", "open")

    @property
    def open_members(self) -> tuple[str, ...]:
        """Give the incidents in it that are open, in the order of their ids."""
        return tuple(sorted(name for name, is_open in self.members.items() if is_open))


class _Of(msgspec.Struct, frozen=True):
    tickets: tuple[str, ...] = ()


_T = TypeVar("_T", Row, _Of)


_ROW, _OF = msgspec.json.Decoder(Row), msgspec.json.Decoder(_Of)


class Lead(msgspec.Struct, frozen=True):
    """What leads to tickets: the keys of the rows that an incident, or (None) a blamed host, has."""

    incident: str | None
    rows: tuple[str, ...]


def read_known(key: str, body: bytes) -> Row | Lead:
    """Give what a document below `ROWS` says. Raises `msgspec.DecodeError` on bytes or a key that are none of ours."""
    _, sink, kind, name = (key.split("/") + [""] * 4)[:4]
    if kind == "at":
        return _ROW.decode(body)
    if kind not in ("of", "host"):
        raise msgspec.DecodeError("no document of a ticket has such a key")
    rows = tuple(f"{ROWS}{sink}/at/{ticket}" for ticket in _OF.decode(body).tickets)
    return Lead(name if kind == "of" else None, rows)


class Rows:
    """The rows of one sink. Every change is one conditional put, repeated until it lands."""

    def __init__(self, records: Records, sink: str, now: str) -> None:
        self._records, self._prefix, self._now = records, f"{ROWS}{sink}/", now

    def of(self, incidents: Collection[str]) -> Iterator[Row]:
        """Give the tickets in which these incidents stand, the oldest first, each once."""
        ids = [one for incident in incidents for one in self._tickets_of(incident)]
        for one in dict.fromkeys(ids):
            row = self.load(one)
            if row is not None and row.state not in ("void", "gone"):
                yield row

    def at_host(self, host: str) -> Row | None:
        """Give the ticket that others who blame this host may join; None where there is none."""
        found = self._get(self._host_key(host), _OF)
        return None if found is None else self._live(found[0].tickets[0])

    def _live(self, ticket: str) -> Row | None:
        row = self.load(ticket)
        return row if row is not None and row.is_live else None

    def load(self, ticket: str) -> Row | None:
        """Give one row."""
        found = self._get(self._row_key(ticket), _ROW)
        return None if found is None else found[0]

    def begin(self, incident: str, host: str | None, instead_of: str | None) -> Row:
        """Write down that a ticket is to be opened; the row of an earlier try is given again."""
        for number in range(1, GENERATIONS):
            name = incident if number == 1 else f"{incident}-{number}"
            row = Row(id=name, host=host, members={incident: True}, instead_of=instead_of)
            try:
                self._records.put(self._row_key(name), msgspec.json.encode(row), None)
            except Conflict:
                found = self.load(name)
                if found is None or found.state != "creating":
                    continue
                row = found
            self.note_ticket(incident, name)
            return row
        raise Transient(f"Incident {incident} has opened {GENERATIONS} tickets; no more are opened for it.")

    def first_of_host(self, row: Row) -> Row:
        """Claim the host for a ticket that is being opened: give its row, or that of the one that came first."""
        other = None if row.host is None else self._claim_host(row.id, row.host)
        if other is None:
            return row
        self.change(row.id, lambda one: msgspec.structs.replace(one, state="void", members={}))
        return other

    def lead(self, row: Row, host: str) -> None:
        """Let others who blame this host join a ticket that is open already, if no other has the host."""
        self._claim_host(row.id, host)

    def _claim_host(self, ticket: str, host: str) -> Row | None:
        """Make this the ticket of a host; give the one that is it already, where others can still join that."""
        other: Row | None = None

        def change(found: _Of | None) -> _Of:
            nonlocal other
            is_ours = found is not None and found.tickets == (ticket,)
            other = self._live(found.tickets[0]) if found is not None and not is_ours else None
            return found if found is not None and (is_ours or other is not None) else _Of((ticket,))

        self._put(self._host_key(host), _OF, change)
        return other

    def hold(self, row: Row, holder: str) -> Row:
        """Keep others from opening this ticket. Raises `Stopped` where somebody is at it."""

        def change(one: Row) -> Row:
            if one.state != "creating":
                return one
            if one.holder not in (None, holder) and (one.held_until or "") > self._now:
                seconds = datetime.fromisoformat(one.held_until or "") - datetime.fromisoformat(self._now)
                raise Stopped(Later("This ticket is being opened by another message.", int(seconds.total_seconds())))
            until = (datetime.fromisoformat(self._now) + timedelta(seconds=HELD_SECONDS)).strftime("%Y-%m-%dT%H:%M:%SZ")
            return msgspec.structs.replace(one, holder=holder, held_until=until)

        return self.change(row.id, change)

    def sending(self, row: Row, parts: tuple[Part, ...]) -> Row:
        """Write down that the ticket is sent now, and what is to follow it: from here on it may be there."""
        return self.change(row.id, lambda one: msgspec.structs.replace(one, tried_at=self._now, parts=parts))

    def completed(self, row: Row) -> Row:
        """Write down that all parts of a ticket's text are there."""
        return self.change(row.id, lambda one: msgspec.structs.replace(one, parts=()) if one.parts else one)

    def release(self, row: Row) -> None:
        """Let others open this ticket, since this try did not. `row` is what it should be known to have been."""

        def change(one: Row) -> Row:
            if one.state != "creating":
                return one
            return msgspec.structs.replace(one, holder=None, held_until=None, tried_at=row.tried_at)

        self.change(row.id, change)

    def drop(self, row: Row) -> None:
        """Write down that no ticket is opened for this row."""
        self.change(row.id, lambda one: msgspec.structs.replace(one, state="void", members={}, holder=None))

    def opened(self, row: Row, remote: str, shown: str, seen: Seen | None) -> Row:
        """Write down that a ticket is open."""

        def change(one: Row) -> Row:
            if one.state != "creating":
                return one
            return msgspec.structs.replace(
                one, state="open", remote=remote, shown=shown, seen=seen, holder=None, held_until=None
            )

        return self.change(row.id, change)

    def take_in(self, row: Row, incidents: Collection[str], *, is_open: bool) -> Row:
        """Note how the message's incident stands: as a member, in the place of those that went on in it.

        The first of `incidents` is the incident itself.
        """
        one, *before = incidents

        def change(found: Row) -> Row:
            members = {name: state for name, state in found.members.items() if name not in before} | {one: is_open}
            return found if members == found.members else msgspec.structs.replace(found, members=members)

        row = self.change(row.id, change)
        self.note_ticket(one, row.id)
        return row

    def end(self, row: Row, state: Literal["closed", "gone"]) -> Row:
        """Write down that a ticket is closed, or gone; a closed one only while no incident in it is open."""

        def change(one: Row) -> Row:
            if state == "closed" and one.open_members:
                return one
            return msgspec.structs.replace(one, state=state)

        return self.change(row.id, change)

    def open_again(self, row: Row, seen: Seen) -> Row:
        """Write down that a ticket is open again, as we left it."""
        return self.change(row.id, lambda one: msgspec.structs.replace(one, state="open", seen=seen))

    def change(self, ticket: str, change: Callable[[Row], Row]) -> Row:
        """Put what `change` makes of a row; the same object writes nothing. Raises `Transient` after too many races."""

        def of_existing(found: Row | None) -> Row:
            if found is None:
                raise Transient(f"What was known of ticket {ticket} was removed meanwhile.")
            return change(found)

        return self._put(self._row_key(ticket), _ROW, of_existing)

    def note_ticket(self, incident: str, ticket: str) -> None:
        """Write down that an incident stands in a ticket."""

        def change(found: _Of | None) -> _Of:
            known = () if found is None else found.tickets
            return found if found is not None and ticket in known else _Of((*known, ticket)[-TICKETS_OF_ONE:])

        self._put(f"{self._prefix}of/{incident}", _OF, change)

    def _put(self, key: str, decoder: msgspec.json.Decoder[_T], change: Callable[[_T | None], _T]) -> _T:
        """Put what `change` makes of a document, which may be asked again after a lost race; the same object writes nothing."""
        for _ in range(RACES):
            found, tag = self._get(key, decoder) or (None, None)
            changed = change(found)
            if changed is found:
                return changed
            try:
                self._records.put(key, msgspec.json.encode(changed), tag)
            except Conflict:
                continue
            return changed
        raise Transient(f"Others keep writing {key}.")

    def _tickets_of(self, incident: str) -> tuple[str, ...]:
        found = self._get(f"{self._prefix}of/{incident}", _OF)
        return () if found is None else found[0].tickets

    def _get(self, key: str, decoder: msgspec.json.Decoder[_T]) -> tuple[_T, str] | None:
        found = self._records.get(key)
        return None if found is None else (decoder.decode(found[0]), found[1])

    def _row_key(self, ticket: str) -> str:
        return f"{self._prefix}at/{ticket}"

    def _host_key(self, host: str) -> str:
        # A name out of a report may hold anything: a document's key may not.
        return f"{self._prefix}host/{hashlib.sha256(host.lower().encode('utf-8', 'replace')).hexdigest()[:32]}"
