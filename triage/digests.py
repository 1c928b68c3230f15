"""Messages about several incidents on their way to one sink, and the ceiling on all that a sink gets in an hour."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from triage.group import (
    Claimed,
    ClaimedBundle,
    Documents,
    Timer,
    bundle_told,
    claim_bundle,
    give_up_bundle,
    not_full,
    put_off,
    put_off_bundle,
    release_held,
    room_left,
    say_full,
    still_open,
    take_room,
    telling,
    waiting_for,
)
from triage.model.mark import Mark
from triage.notify import Accepted, Digest, DigestSink, Later, Refused, Sink, Texts, deliver_digest

Outcome = Accepted | Later | Refused

NO_ROOM_SECONDS = 60
"""After which a message is tried again that lost the last room of the hour to another relay."""

AT_ONCE = 3
"""Messages about several incidents that one relay sends to a sink: more than a thousand incidents make more than one."""


class Desk:
    """What one relay needs to tell sinks within their bounds."""

    def __init__(
        self,
        documents: Documents,
        timer: Timer,
        ceiling: Callable[[str], int | None],
        clock: Callable[[], str],
        texts: Texts,
        *,
        redact: bool,
        mark: Mark | None = None,
    ) -> None:
        """`ceiling` gives the messages an hour of a sink; `clock` the time; `mark` is that of our notices."""
        self._documents, self._timer, self._ceiling, self._clock = documents, timer, ceiling, clock
        self._texts, self._redact, self._mark = texts, redact, mark
        self._room: dict[str, int | None] = {}

    def tell_held(self, sink: Sink, ids: Sequence[str]) -> Iterator[Outcome]:
        """Tell what was held for this sink until now, and give what came of each message."""
        if not isinstance(sink, DigestSink):
            release_held(self._documents, sink.name, ids, self._clock())
            return
        for _ in range(AT_ONCE):
            if self._left(sink.name) == 0:
                return
            claimed = claim_bundle(
                self._documents,
                sink.name,
                ids,
                self._clock(),
                timer=self._timer,
                at_most_twice=sink.at_most_twice,
            )
            if claimed is None:
                return
            if not self._take(sink.name):
                put_off_bundle(self._documents, claimed, NO_ROOM_SECONDS, self._clock(), unsure=False)
                return
            outcome = self._send(sink, claimed)
            yield outcome
            if isinstance(outcome, Later):
                return

    def _send(self, sink: DigestSink, claimed: ClaimedBundle) -> Outcome:
        names = [f"{incident.id}/{one.name}" for incident, notices in claimed.told for one in notices]
        result = deliver_digest(sink, lambda: self._written(claimed), claimed.id, names, claimed.tries)
        if isinstance(result, Accepted):
            bundle_told(self._documents, claimed, result.remote, self._clock(), self._timer)
        elif isinstance(result, Later):
            put_off_bundle(self._documents, claimed, result.seconds or 0, self._clock(), unsure=result.unsure)
        else:
            give_up_bundle(self._documents, claimed, result.reason)
        return result

    def _written(self, claimed: ClaimedBundle) -> Digest:
        now = self._clock()
        others = still_open(self._documents, claimed, now, self._timer) if claimed.by == "digest" else ()
        return Digest(
            id=claimed.id,
            by=claimed.by,
            items=claimed.told,
            standing=others,
            texts=self._texts,
            redact=self._redact,
            now=now,
            mark=self._mark,
        )

    def has_room(self, sink: Sink, ids: Sequence[str]) -> bool:
        """Tell whether the sink may get another message. Of what is left, `ids`, it may be told that it is held back."""
        left = self._left(sink.name)
        if left is None or left > 1:
            return True
        if left == 1 and not telling(self._documents, sink.name).is_full:
            waiting = waiting_for(self._documents, sink.name, ids, self._clock(), self._timer)
            if waiting > 1 and isinstance(sink, DigestSink):
                self._say_full(sink, sink.name, waiting)
                return False
        return left == 1

    def take_room(self, sink: Sink, claimed: Claimed) -> bool:
        """Count a message that is about to be sent; where there is no room after all, put it off and say False."""
        if self._take(sink.name):
            return True
        put_off(self._documents, claimed, NO_ROOM_SECONDS, "As many as an hour may bring.", self._clock(), unsure=False)
        return False

    def _left(self, sink: str) -> int | None:
        if sink not in self._room:
            self._room[sink] = room_left(self._documents, sink, self._clock(), self._ceiling(sink))
        return self._room[sink]

    def _take(self, sink: str) -> bool:
        taken = take_room(self._documents, sink, self._clock(), self._ceiling(sink))
        left = self._room.get(sink)
        self._room[sink] = None if left is None else max(0, left - 1) if taken else 0
        return taken

    def _say_full(self, sink: DigestSink, name: str, waiting: int) -> None:
        an_hour = self._ceiling(name) or 0
        now = self._clock()
        self._room[name] = 0
        if not say_full(self._documents, name, now, an_hour):
            return
        digest = Digest(
            id=f"held-back/{now}/{name}",
            by="ceiling",
            items=(),
            standing=(),
            texts=self._texts,
            redact=self._redact,
            now=now,
            held_back=waiting,
            an_hour=an_hour,
            mark=self._mark,
        )
        result = deliver_digest(sink, lambda: digest, digest.id, (), 1)
        if isinstance(result, Later) and not result.unsure:
            not_full(self._documents, name)  # it was not said: the next relay tries again

    def close(self, sinks: Mapping[str, Sink], resting: set[str]) -> None:
        """Note for the sinks that were told all that there was that nothing is held back any more."""
        for name in sinks:
            if name not in resting and self._ceiling(name) is not None and telling(self._documents, name).is_full:
                not_full(self._documents, name)
