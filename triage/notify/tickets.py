"""How an incident becomes a ticket in another system, whichever: opened once, commented, closed and opened again.

A vendor's file says how its API does these (`Vendor`); this one says what is done when. What a killed process may have
left behind is looked for before anything is written again: a ticket by its key, a comment by its mark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import msgspec

from triage.errors import Conflict, Transient
from triage.model import Incident
from triage.notify.api import Api, Gone, Session, Stopped
from triage.notify.letter import Letter
from triage.notify.news import kind_of
from triage.notify.outcome import Accepted, Later, Outcome, Refused
from triage.notify.parts import divided, part_text
from triage.notify.ticket_rows import Row, Rows, Seen
from triage.notify.ticket_text import KEY, Case, Text, comment_text, mark_of, ticket_text

Turn = Literal["stay", "close", "open"]

LOOKS_AGAIN = 60
"""Seconds until a search that lags is asked again."""

OVER = "no ticket: it was over before one was opened"
"""What is kept of a message that needs no ticket."""


@dataclass(frozen=True, slots=True)
class Made:
    """A ticket as its system names it: for its API, and for people."""

    remote: str
    shown: str


@dataclass(frozen=True, slots=True)
class Look:
    """How a ticket stands. `texts` are all texts in it, in which our marks are looked for.

    `is_done` once it counts as finished there, `by_others` where somebody else has written in it; `version` is the
    vendor's own, for a change that must not overtake another one.
    """

    status: str
    assignee: str
    is_done: bool
    texts: Sequence[str]
    by_others: bool
    version: int = 0

    def has(self, mark: str) -> bool:
        """Tell whether a text with this mark is there."""
        return any(mark in text for text in self.texts)


class Vendor(Protocol):
    """What a ticket system can do. Each raises `Stopped`, and `Gone` where the ticket is there no more."""

    @property
    def name(self) -> str:
        """Give the sink's name."""

    @property
    def search_lags(self) -> int:
        """Give the seconds after which a search is sure to find a ticket that was opened."""

    @property
    def newest_first(self) -> bool:
        """Tell whether people see the newest comment on top."""

    @property
    def limit(self) -> int:
        """Give the characters that a text takes, counted as `render` gives it."""

    @property
    def api(self) -> Api:
        """Give where its API is."""

    def render(self, markdown: str) -> str:
        """Give a text as its system counts it."""

    def find(self, session: Session, key: str) -> Made | None:
        """Find a ticket of ours that is not finished, by its key."""

    def create(self, session: Session, key: str, text: Text) -> Made:
        """Open a ticket that can be found by its key."""

    def look(self, session: Session, remote: str) -> Look:
        """Say how a ticket stands."""

    def write(self, session: Session, remote: str, look: Look, text: Text | None, turn: Turn) -> None:
        """Add a comment where there is one, then close or open the ticket."""


class TicketSink:
    """A ticket system that is told. It finds again what it was told before, so a message may come as often as it takes."""

    at_most_twice = False

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self.name = vendor.name

    def send(self, letter: Letter) -> Outcome:
        """Open the incident's ticket or write into it. `remote` in the outcome is the ticket's name there."""
        if letter.records is None:
            return Refused("A ticket needs a store to be remembered in.")
        session = Session(self._vendor.api, letter.now)
        desk = _Desk(self._vendor, session, Rows(letter.records, self.name, letter.now), letter)
        try:
            shown = desk.tell()
        except Stopped as stopped:
            return _unsure(stopped.outcome, session)
        except Gone:
            return Later("The ticket went away while it was written to.", 5, unsure=session.wrote)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            return Refused(f"Its answer is not what its API's pages describe ({type(error).__name__}).")
        except (Transient, Conflict) as error:
            return Later(f"What is known of its ticket cannot be written for now: {error}", 5, unsure=session.wrote)
        return Accepted(", ".join(dict.fromkeys(shown))[:100] or OVER)


def _unsure(outcome: Later | Refused, session: Session) -> Outcome:
    """Keep the message as it is where part of it may have been written already."""
    if isinstance(outcome, Later) and session.wrote:
        return Later(outcome.reason, outcome.seconds, unsure=True)
    return outcome


class _Desk:
    """One message at one vendor."""

    def __init__(self, vendor: Vendor, session: Session, rows: Rows, letter: Letter) -> None:
        self._vendor, self._session, self._rows, self._letter = vendor, session, rows, letter
        self._mark = mark_of(letter, vendor.name)
        self._is_over = letter.incident.state == "resolved"
        self._ids = (letter.incident.id, *letter.absorbed)
        self._host = blamed_host(letter.incident)

    def tell(self) -> list[str]:
        """Tell every ticket in which the incident stands; join or open one where none is left. Gives their names."""
        shown: list[str] = []
        lost: str | None = None
        has_one = False
        own = list(self._rows.of(self._ids))
        shared = None if self._host is None else self._rows.at_host(self._host)
        for row in own:
            if self._is_left_alone(row, own, shared):
                continue
            try:
                if row.state == "creating":
                    self._settle(row)
                else:
                    self._tell_one(row)
            except Gone:
                self._rows.end(row, "gone")
                lost = row.shown or row.remote
                continue
            has_one = True
            shown.append(row.shown or "")
        if self._is_over:
            return shown
        if shared is not None and shared.id not in [one.id for one in own if one.state == "open"]:
            joined = self._join(shared)
            if joined is not None:
                return [*shown, joined]
        if not has_one:
            return [*shown, self._open(lost)]
        self._lead(own)
        return shown

    def _is_left_alone(self, row: Row, own: Sequence[Row], shared: Row | None) -> bool:
        """Tell a ticket that this message does not concern: one still to be opened, or closed while another is open."""
        if row.state == "creating":
            return not self._is_over
        live = [one.id for one in own if one.state == "open"] + ([shared.id] if shared is not None else [])
        return row.state == "closed" and any(one != row.id for one in live)

    def _settle(self, row: Row) -> None:
        """Look for a ticket that an earlier try may have opened, of an incident that is over meanwhile."""
        row = self._rows.hold(row, self._mark)
        if row.state == "creating":
            found = self._found(row)
            if found is None:
                self._rows.drop(row)
                return
            row = self._noted(row, found)
        self._tell_one(row)

    def _lead(self, own: Sequence[Row]) -> None:
        """Once the verdict blames a host, let others join the incident's own ticket."""
        first = next((row for row in own if row.state == "open"), None)
        if self._host is not None and first is not None:
            self._rows.lead(first, self._host)

    def _open(self, lost: str | None) -> str:
        """Open a ticket, or go on with what an earlier try left. Gives its name."""
        row = self._rows.begin(self._letter.incident.id, self._host, lost)
        first = self._rows.first_of_host(row)
        if first.id != row.id:
            joined = self._join(first)
            if joined is None:  # people closed it in this moment: the next try opens one
                raise Stopped(Later("The ticket of this host was closed meanwhile.", 5))
            return joined
        return self._made(row).shown or ""

    def _made(self, row: Row) -> Row:
        """Find or make the ticket of a row, once."""
        row = self._rows.hold(row, self._mark)
        if row.state != "creating":  # somebody else was faster
            if row.remote is None:
                raise Stopped(Later("The ticket of this host was not opened.", 5))
            self._tell_one(row)
            return row
        try:
            made = self._found(row)
            is_new = made is None
            if made is None:
                whole = ticket_text(self._letter, self._vendor.name, row.instead_of)
                text, parts = divided(whole, self._letter.texts, self._vendor.limit, self._vendor.render)
                self._rows.sending(row, parts)
                made = self._vendor.create(self._session, KEY + row.id, text)
        except Stopped:
            sent = self._letter.now if self._session.wrote else row.tried_at
            self._rows.release(msgspec.structs.replace(row, tried_at=sent))
            raise
        row = self._noted(row, made)
        if not is_new:
            self._tell_one(row)
            return row
        return self._complete(row)

    def _complete(self, row: Row) -> Row:
        """Write those parts of a ticket's text that are not there yet, so that they are read from the top."""
        if not row.parts:
            return row
        whole = ticket_text(self._letter, self._vendor.name)
        for part in reversed(row.parts) if self._vendor.newest_first else row.parts:
            look = self._vendor.look(self._session, row.remote or "")
            if not look.has(part.mark):
                self._vendor.write(self._session, row.remote or "", look, part_text(part, whole), "stay")
        return self._rows.completed(row)

    def _say(self, remote: str, look: Look, whole: Text, turn: Turn) -> None:
        """Write a comment, then close or open the ticket. The beginning of a long one comes last: it shows that all is there."""
        text, parts = divided(whole, self._letter.texts, self._vendor.limit, self._vendor.render)
        for part in reversed(parts):
            if not look.has(part.mark):
                self._vendor.write(self._session, remote, look, part_text(part, whole), "stay")
                look = self._vendor.look(self._session, remote)
        self._vendor.write(self._session, remote, look, text, turn)

    def _found(self, row: Row) -> Made | None:
        """Find what an earlier try may have opened. Raises `Stopped` while it may be there and not be found yet."""
        found = self._vendor.find(self._session, KEY + row.id)
        if found is None and row.tried_at is not None:
            passed = datetime.fromisoformat(self._letter.now) - datetime.fromisoformat(row.tried_at)
            left = self._vendor.search_lags - int(passed.total_seconds())
            if left > 0:
                wait = min(left, LOOKS_AGAIN)
                raise Stopped(Later("Its search may not show yet what an earlier try opened.", wait, unsure=True))
        return found

    def _noted(self, row: Row, made: Made) -> Row:
        """Write down that a ticket is there, and how it stands."""
        look = self._vendor.look(self._session, made.remote)
        return self._rows.opened(row, made.remote, made.shown, Seen(look.status, look.assignee))

    def _join(self, row: Row) -> str | None:
        """Go on in the ticket of the host that is blamed. Gives its name; None where that is finished or gone."""
        if row.state == "creating":
            row = self._made(row)
        try:
            look = self._vendor.look(self._session, row.remote or "")
        except Gone:
            self._rows.end(row, "gone")
            return None
        if look.is_done:
            self._rows.change(row.id, _closed_by_people)
            return None
        row = self._complete(self._rows.take_in(row, self._ids, is_open=True))
        if not look.has(self._mark):
            self._say(row.remote or "", look, comment_text(self._letter, self._vendor.name, "joined"), "stay")
        return row.shown or ""

    def _tell_one(self, row: Row) -> None:
        """Comment in a ticket, and close it or open it again where that is ours to do."""
        row = self._complete(row)
        remote = row.remote or ""
        look = self._vendor.look(self._session, remote)
        row = self._rows.take_in(row, self._ids, is_open=not self._is_over)
        turn, case = self._turn(row, look)
        if turn == "close":
            row = self._rows.end(row, "closed")
            if row.state != "closed":  # another incident came in meanwhile
                turn, case = "stay", "others open"
        if not look.has(self._mark):
            self._say(remote, look, comment_text(self._letter, self._vendor.name, case, row.open_members), turn)
        elif turn != "stay":
            self._vendor.write(self._session, remote, look, None, turn)
        if look.is_done and self._is_over:
            self._rows.end(row, "closed")
        if turn == "open":
            after = self._vendor.look(self._session, remote)
            self._rows.open_again(row, Seen(after.status, after.assignee))

    def _turn(self, row: Row, look: Look) -> tuple[Turn, Case]:
        """Say whether the ticket is to be closed or opened again, and what the comment says of it."""
        if not self._is_over:
            is_back = any(kind_of(one) == "reopened" for one in self._letter.notices)
            if (is_back or row.state == "closed") and look.is_done:
                return "open", "back"
            return "stay", "news"
        if row.open_members:
            return "stay", "others open"
        if look.is_done:
            return "stay", "news"
        return ("close", "closing") if _is_ours(row, look) else ("stay", "taken over")


def blamed_host(incident: Incident) -> str | None:
    """Give the host whose other incidents share a ticket with this one; None where no host is blamed."""
    return incident.verdict.responsible.host or None


def _is_ours(row: Row, look: Look) -> bool:
    """Tell whether nobody touched a ticket since we had the say in it: nobody assigned it, moved it on or wrote in it."""
    return row.seen == Seen(look.status, look.assignee) and not look.by_others


def _closed_by_people(row: Row) -> Row:
    return msgspec.structs.replace(row, state="closed")
