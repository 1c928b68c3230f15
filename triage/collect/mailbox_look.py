"""What a reading of a mailbox would do, with nothing changed: no message is moved, no place is saved."""

from collections.abc import Callable

import msgspec

from triage.collect.graph_mailbox import GraphMailbox
from triage.errors import Misconfigured, TriageError


class Seen(msgspec.Struct, frozen=True):
    """One message as it would be decided on: when it was received, and its kind or why it could not be read."""

    received: str | None
    kind: str | None
    trouble: str | None = None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `has_done_folder`: it exists already; `more`: the folder has further messages."""

    messages: tuple[Seen, ...]
    more: bool
    has_done_folder: bool


def look(mailbox: GraphMailbox, source: str, done: str, kind_of: Callable[[bytes], str], at_most: int) -> Look:
    """Read the first messages of the folder and say of each what it is. Raises what `Graph.send` does."""
    folder = mailbox.folder(source)
    page = mailbox.changes(folder, None)
    present = [one for one in page.messages if not one.gone]
    seen: list[Seen] = []
    for one in present[:at_most]:
        try:
            seen.append(Seen(one.received, kind_of(mailbox.mime(one.id))))
        except Misconfigured:
            raise
        except TriageError as error:
            seen.append(Seen(one.received, None, str(error)))
    return Look(
        messages=tuple(seen),
        more=len(present) > at_most or not page.last,
        has_done_folder=mailbox.find_folder(done) is not None,
    )
