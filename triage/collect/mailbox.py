"""Reading a shared mailbox: each message that is ours is kept, then moved; all others are left untouched and unread.

The order for each message: note it in the place, keep its MIME, move it. A run may be cut off at any line; the next
one reads the page again, finishes what the place notes, and keeps nothing twice.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from triage.collect.graph import AT_ONCE, OutOfTime, PlaceLost
from triage.collect.graph_mailbox import GraphMailbox, Listed, Page
from triage.collect.inbox import Inbox
from triage.collect.mailbox_message import Hands, Taken, Wanted
from triage.collect.places import Documents, Failures, Memory, Place
from triage.errors import Conflict, Misconfigured, Transient

CHUNK = 2 * AT_ONCE
"""Messages held in memory together: at most 400 MB where each is as large as one may be."""

MARGIN = 2.0
"""Seconds that a chunk needs at least: with less left, none is begun."""

TIME_IS_UP = "The time for this run is up; the next one goes on from there."
NOT_ALONE = "Another run is reading this mailbox; it goes on, and this one stops."


class Folders(msgspec.Struct, frozen=True):
    """Where mail is read (a well-known name or an id) and where it goes (a name at the top of the mailbox)."""

    source: str = "inbox"
    done: str = "Done"


_FOLDERS = Folders()


class Polled(msgspec.Struct, kw_only=True):
    """What one run did.

    `kept`: inputs that are new; `known`: messages whose bytes were kept before; `moved`; `left`: messages that are
    not ours; `failed`: a sentence for each message that could not be read or moved. `restarted`: the service had
    forgotten the place. `stopped`: why the run ended before the last page; the next one goes on.
    """

    kept: int = 0
    known: int = 0
    moved: int = 0
    left: int = 0
    failed: list[str] = []
    restarted: bool = False
    stopped: str | None = None


def poll(
    mailbox: GraphMailbox,
    inbox: Inbox,
    documents: Documents,
    wanted: Wanted,
    now: str,
    *,
    folders: Folders = _FOLDERS,
    version: str = "",
    again: bool = False,
) -> Polled:
    """Read what is new in a mailbox until its last page or until the time of `mailbox.graph` is up.

    `wanted` tells of a message's MIME whether it is ours; it is called from several threads. `version` is that of
    the program: what another version left is looked at anew. `again`: messages that were given up are tried again.
    Raises `Misconfigured` where a person has to act, `Transient` where the service or the inbox cannot be reached;
    what was kept until then stays.
    """
    try:
        source = mailbox.folder(folders.source)
        done = mailbox.made_folder(folders.done)
    except OutOfTime as error:
        return Polled(failed=[], stopped=str(error))
    if source == done:
        raise Misconfigured("The settings mailbox.folder and mailbox.done_folder name the same folder.")
    hands = Hands(mailbox=mailbox, inbox=inbox, wanted=wanted, source=source, done=done, now=now)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        run = _Run(hands, documents, folders.source, version, pool)
        try:
            run.all(again)
        except Conflict:
            run.polled.stopped = NOT_ALONE
    return run.polled


class _Run:
    def __init__(self, hands: Hands, documents: Documents, folder: str, version: str, pool: ThreadPoolExecutor) -> None:
        self._hands, self._pool = hands, pool
        self._mailbox = hands.mailbox
        whose = f"{self._mailbox.graph.base} {self._mailbox.address.lower()}"
        self._place = Place(documents, whose, folder, version)
        self._left = Memory(documents, "left", folder)
        self._moved = Memory(documents, "moved", folder)
        self._failures = Failures(documents)
        self.polled = Polled(failed=[])

    def all(self, again: bool) -> None:
        """Do the whole run. In the middle of a page it may end: the place then stays at the page's start."""
        try:
            if self._place.is_new_version:
                self._left.clear()
            self._failures.prune(self._hands.now)
            self._finish()
            if again:
                self._failures.forget()
            self._retry()
            self._pages()
        except OutOfTime as error:
            self.polled.stopped = str(error)
            self._save()

    def _pages(self) -> None:
        """Go through the list of changes, and save the place after each page."""
        while True:
            page = self._page()
            self._take(page.messages)
            self._place.link = page.link
            self._save()
            if page.last:
                return

    def _page(self) -> Page:
        try:
            return self._mailbox.changes(self._hands.source, self._place.link)
        except PlaceLost as error:
            if self.polled.restarted:
                raise Transient("Graph forgets the place in its list of changes again and again.") from error
            self.polled.restarted = True
            self._place.link = None
            return self._page()

    def _save(self) -> None:
        """Save what was decided, then the place: after a crash in between, messages are looked at once more."""
        self._left.save()
        self._moved.save()
        flight = self._place.flight.items()
        self._place.flight = {
            message: name for message, name in flight if message not in self._moved and message not in self._failures
        }
        self._place.save()

    def _finish(self) -> None:
        """Move what a run before kept and did not get to move; what it did not get to keep is read anew."""
        flight = self._place.flight.items()
        self._place.flight = {message: name for message, name in flight if self._has(name)}
        waiting = [one for one in self._place.flight.items() if one[0] not in self._failures]
        self._settle([Taken(message=Listed(message), name=name) for message, name in waiting], self._hands.move_on)

    def _retry(self) -> None:
        """Try again what failed in runs before and is not given up."""
        due = [failure for failure in self._failures if not failure.final]
        kept = [Taken(message=Listed(one.id, one.received), name=one.name) for one in due if one.name is not None]
        self._settle(kept, self._hands.move_on)
        self._read([Listed(one.id, one.received) for one in due if one.name is None])

    def _take(self, messages: Sequence[Listed]) -> None:
        """Read the messages of a page that no run has decided on yet."""
        gone = {one.id for one in messages if one.gone}
        present = {one.id: one for one in messages if not one.gone}
        unknown = [one for one in present.values() if one.id not in self._left and one.id not in self._failures]
        # The order of a page says nothing: of one that is listed as there and as gone, only the mailbox knows.
        unknown = [one for one in unknown if one.id not in gone or self._mailbox.where(one.id) == self._hands.source]
        # One that was moved stands here again where the service repeats itself, or where somebody moved it back.
        self._settle([Taken(message=one) for one in unknown if one.id in self._moved], self._hands.move_on)
        self._read([one for one in unknown if one.id not in self._moved])

    def _read(self, messages: Sequence[Listed]) -> None:
        for at in range(0, len(messages), CHUNK):
            if self._mailbox.graph.left() < MARGIN:
                raise OutOfTime(TIME_IS_UP)
            read = list(self._pool.map(self._hands.read, messages[at : at + CHUNK]))
            self._tell_troubles(read)
            for one in read:
                if one.trouble is None and one.name is None:
                    self._left.add(one.message.id)
                    self._failures.remove(one.message.id)
                    self.polled.left += 1
            ours = [one for one in read if one.name is not None]
            if ours:
                self._place.flight |= {one.message.id: one.name for one in ours if one.name is not None}
                self._place.save()
                self._settle(ours, self._hands.keep)

    def _settle(self, taken: list[Taken], work: Callable[[Taken], Taken]) -> None:
        """Do the work for each, count what came of it, and only then let an error end the run."""
        done = list(self._pool.map(work, taken))
        for one in done:
            self.polled.kept += one.is_new
            self.polled.moved += one.moved
            self.polled.known += bool(one.content) and not one.is_new and one.error is None
            if one.trouble is None and one.error is None:
                self._moved.add(one.message.id)
                self._failures.remove(one.message.id)
        self._tell_troubles(done)
        for one in done:
            if one.error is not None:
                raise one.error

    def _tell_troubles(self, taken: Sequence[Taken]) -> None:
        """Write down what failed for itself. Where all of the service may be down, ask it: then nothing is counted."""
        troubled = [one for one in taken if one.trouble is not None]
        if any(one.passing for one in troubled):
            self._mailbox.folder(self._hands.source)
        for one in troubled:
            failure = self._failures.add(
                one.message.id,
                one.trouble or "",
                self._hands.now,
                received=one.message.received,
                name=one.name,
                final=one.final,
            )
            more = "It is not tried again." if failure.final else "It is tried again in the next run."
            received = failure.received or "at a time that is not known"
            self.polled.failed.append(f"A message received {received}: {failure.reason} {more}")

    def _has(self, name: str) -> bool:
        return next(iter(self._hands.inbox.list(name)), None) == name
