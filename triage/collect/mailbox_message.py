"""One message of a mailbox: read it and decide, keep it, move it. Runs beside others, in threads; touches no store.

What goes wrong with a message is told in it (`trouble`); what concerns every message ends the run (`error`).
"""

import re
from collections.abc import Callable
from hashlib import sha256

import msgspec

from triage.collect.graph import Forbidden, OutOfTime, Refused
from triage.collect.graph_mailbox import GraphMailbox, Listed
from triage.collect.inbox import Inbox
from triage.errors import TooLarge, Transient, TriageError

GONE = "It was deleted, or moved out of the mailbox, before it could be read."
NOT_LET_IN = "Graph lets this application into the mailbox, and does not let it read this message (403)."
EMPTY = "Graph gives nothing for it, not even headers."

_DAY = re.compile(r"\d{4}-\d\d-\d\d")

Wanted = Callable[[bytes], bool]


class Taken(msgspec.Struct, kw_only=True):
    """A message on its way. `name`: the input that it becomes; None for one that is not ours.

    `trouble`: why it could not be read or moved; `final`: trying again is of no use; `passing`: the trouble may be
    the service's and not the message's.
    """

    message: Listed
    name: str | None = None
    content: bytes = b""
    is_new: bool = False
    moved: bool = False
    trouble: str | None = None
    final: bool = False
    passing: bool = False
    error: TriageError | None = None


class Hands(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with messages of one folder: `source` and `done` are folder ids, `now` is UTC, RFC 3339."""

    mailbox: GraphMailbox
    inbox: Inbox
    wanted: Wanted
    source: str
    done: str
    now: str

    def read(self, message: Listed) -> Taken:
        """Get a message and decide whether it is ours. Raises what ends the run."""
        one = Taken(message=message)
        try:
            content = self.mailbox.mime(message.id)
        except TooLarge as error:
            one.trouble, one.final = str(error), True
        except Refused as error:
            one.final = error.status == 404
            one.trouble = GONE if one.final else str(error)
        except Forbidden:
            one.trouble, one.passing = NOT_LET_IN, True
        except OutOfTime:
            raise
        except Transient as error:
            one.trouble, one.passing = str(error), True
        else:
            if not content:
                one.trouble = EMPTY
            elif self.wanted(content):
                one.name, one.content = self._name(message, content), content
        return one

    def keep(self, one: Taken) -> Taken:
        """Keep a message that is ours, then move it."""
        source = {"source": "mailbox", "message": one.message.id, "received": one.message.received or ""}
        try:
            one.is_new = self.inbox.put(one.name or "", one.content, source)
        except TriageError as error:
            one.error = error
            return one
        return self._move(one) if one.is_new else self.move_on(one)

    def move_on(self, one: Taken) -> Taken:
        """Move a message that was kept before, if it still lies where it was read."""
        try:
            if self.mailbox.where(one.message.id) != self.source:
                return one
        except TriageError as error:
            return _not_moved(one, error)
        return self._move(one)

    def _move(self, one: Taken) -> Taken:
        try:
            self.mailbox.move(one.message.id, self.done)
        except Refused as error:
            if error.status != 404 or self._lies_there(one):
                return _not_moved(one, error)
        except TriageError as error:
            return _not_moved(one, error)
        else:
            one.moved = True
        return one

    def _lies_there(self, one: Taken) -> bool:
        """Tell whether a message still lies where it was read: 404 is also the answer where the other folder is gone."""
        try:
            return self.mailbox.where(one.message.id) == self.source
        except TriageError:
            return True

    def _name(self, message: Listed, content: bytes) -> str:
        # The day of the message, not of the run: the same bytes have the same name whenever they are read.
        found = _DAY.match(message.received or "")
        day = found.group() if found else self.now[:10]
        return f"mailbox/{day}/{sha256(content).hexdigest()}.eml"


def _not_moved(one: Taken, error: TriageError) -> Taken:
    """Say of a message that it could not be moved."""
    if isinstance(error, Refused | Transient) and not isinstance(error, OutOfTime):
        one.trouble = f"It is kept, and could not be moved: {error}"
        one.passing = isinstance(error, Transient)
    else:
        one.error = error
    return one
