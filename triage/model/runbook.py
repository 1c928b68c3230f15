"""The steps that mend one cause, filled in for one host."""

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step: where, what, what to expect, how to take it back, how long, and whether it restarts anything.

    `body` is Markdown of our own with the host's values already escaped for a code block or for text.
    """

    title: str
    body: str
    where: str | None = None
    expected: str | None = None
    undo: str | None = None
    minutes: int | None = None
    restart: bool = False


class Link(msgspec.Struct, frozen=True):
    """Further reading; `read_on` is the ISO date on which the page was last read."""

    title: str
    url: str
    read_on: str | None = None


class FilledRunbook(msgspec.Struct, frozen=True, kw_only=True):
    """A runbook filled in for one host: only the steps that this host needs and its version has.

    `first` is the title of the one step to take first. `files` are the attachments (name, bytes) such as a
    `.reg` file.
    """

    id: str
    title: str
    host: str | None = None
    first: str = ""
    way_round: str = ""
    before: tuple[Step, ...] = ()
    check: tuple[Step, ...] = ()
    change: tuple[Step, ...] = ()
    verify: tuple[Step, ...] = ()
    undo: tuple[Step, ...] = ()
    do_not: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    """Why a change that one might expect is not printed ("the verdict is only possible")."""
    links: tuple[Link, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
