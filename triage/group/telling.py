"""What one sink is told over all incidents: the message about several that is under way, and how many an hour brought.

One small document for each sink, `telling/<sink>`, changed by compare-and-swap alone: so what is counted here is exact,
however many relays are at work.
"""

from collections.abc import Callable
from datetime import timedelta

import msgspec

from triage.errors import Conflict, Transient
from triage.group.documents import Documents
from triage.group.stored import MAX_TRIES
from triage.group.times import later
from triage.model import HeldBy

TELLING = "telling/"

HOUR = timedelta(hours=1)


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is under way: its members are incidents, each with the keys of its entries."""

    id: str
    by: HeldBy
    members: tuple[tuple[str, tuple[str, ...]], ...]
    token: str | None = None
    claimed_until: str | None = None
    tries: int = 0
    unsure: int = 0
    next_try: str | None = None


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """What is under way for one sink, and when it was sent something in the last hour.

    `is_full` stands from when the sink was told that more is held back until nothing is.
    """

    bundles: int = 0
    bundle: Bundle | None = None
    times: tuple[str, ...] = ()
    is_full: bool = False


_DECODER = msgspec.msgpack.Decoder(Telling)


def telling(documents: Documents, sink: str) -> Telling:
    """Give what is under way for a sink."""
    return _read(documents, sink)[0]


def _read(documents: Documents, sink: str) -> tuple[Telling, str | None]:
    found = documents.get(TELLING + sink)
    return (Telling(), None) if found is None else (_DECODER.decode(found[0]), found[1])


def change_telling(documents: Documents, sink: str, change: Callable[[Telling], Telling]) -> Telling:
    """Put what `change` makes of it; the same object writes nothing. Raises `Transient` where others win every race."""
    for _ in range(MAX_TRIES):
        now_is, tag = _read(documents, sink)
        changed = change(now_is)
        if changed is now_is:
            return now_is
        try:
            documents.put(TELLING + sink, msgspec.msgpack.encode(changed), tag)
        except Conflict:
            continue
        return changed
    raise Transient(f"What {sink} is told is written to by others without a pause; it is tried again later.")


def take_room(documents: Documents, sink: str, now: str, an_hour: int | None) -> bool:
    """Count one message to a sink, before it is sent; False where it has had as many as an hour may bring.

    Counted in one place by compare-and-swap, so exact whatever relays run. What is counted and never sent, since its
    relay died, only makes room later than it could be.
    """
    if an_hour is None:
        return True
    taken = False

    def change(state: Telling) -> Telling:
        nonlocal taken
        times = _recent(state, now)
        taken = len(times) < an_hour
        return msgspec.structs.replace(state, times=(*times, now)) if taken else state

    change_telling(documents, sink, change)
    return taken


def _recent(state: Telling, now: str) -> tuple[str, ...]:
    since = later(now, -HOUR)
    return tuple(one for one in state.times if one > since)


def room_left(documents: Documents, sink: str, now: str, an_hour: int | None) -> int | None:
    """Give how many messages a sink may get now; None for any number."""
    return None if an_hour is None else max(0, an_hour - len(_recent(telling(documents, sink), now)))


def say_full(documents: Documents, sink: str, now: str, an_hour: int) -> bool:
    """Take the last room of the hour to say that more is held back; False where that was said, or there is no room."""
    said = False

    def change(state: Telling) -> Telling:
        nonlocal said
        times = _recent(state, now)
        said = not state.is_full and len(times) < an_hour
        return msgspec.structs.replace(state, times=(*times, now), is_full=True) if said else state

    change_telling(documents, sink, change)
    return said


def not_full(documents: Documents, sink: str) -> None:
    """Note that nothing is held back any more, or that it could not be said."""
    change_telling(
        documents, sink, lambda state: msgspec.structs.replace(state, is_full=False) if state.is_full else state
    )
