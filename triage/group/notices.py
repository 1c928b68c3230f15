"""Which sinks are to be told of a change: one pending entry for each, written in the same put as the change itself.

What is pending follows from how the incident stands and from what each sink was told; so the same reports in any
order, in any batches and any number of times leave the same entries behind. Who is told of what is the routing's word.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import msgspec

from triage.group.ledger import Ledger
from triage.group.packed import digest
from triage.model import Change, ChangeKind, Facts, Notice, Sent, Timing
from triage.model.words import CONFIDENCES

Router = Callable[[Facts, ChangeKind], Sequence[str]]
"""Names the sinks that are told of a change of this kind, of an incident that stands so. It names those of `heard_by`
that are to hear how it went on."""

Timer = Callable[[Facts, ChangeKind, str, str], Timing]
"""Says when a message of this kind about such an incident may go to a sink, given the time."""

KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)

_TURNS: dict[str, ChangeKind] = {"resolved": "resolved", "reopened": "reopened"}

HELD_UNTIL = 100
"""How many times as large as last told an incident must be before its growth is told again while somebody has it."""

KEPT_WHYS = 3
"""Changes that one notice tells of: more do not fit a card, and the incident itself keeps the others."""


def nobody(_facts: Facts, _kind: ChangeKind) -> Sequence[str]:
    """Route nothing: what holds where no sink is set up."""
    return ()


def at_once(_facts: Facts, _kind: ChangeKind, _sink: str, _now: str) -> Timing:
    """Hold nothing."""
    return Timing()


def kind_of(notice: Notice) -> ChangeKind:
    """Give the kind of change that a notice tells."""
    name = notice.name.partition(":")[0]
    return next(kind for kind in KINDS if kind.startswith(name))


def notice_key(name: str, sink: str) -> str:
    """Give the key of an entry: with the incident's id before it, it names one notice for ever."""
    return f"{name}/{sink}"


def is_loose(notice: Notice) -> bool:
    """Tell whether nobody can have heard of a notice yet: it may still be changed or taken back."""
    return notice.message is None and notice.failed is None


def headline_of(ledger: Ledger) -> str:
    """Give a digest of what of a verdict is news: its category, how sure it is, and which side is to be mended."""
    verdict = ledger.verdict
    return digest(verdict.category, verdict.confidence, verdict.responsible.side or "").hex()[:8]


def with_notices(ledger: Ledger, changes: Sequence[Change], route: Router) -> Ledger:
    """Give the ledger with what its sinks are to be told of these changes; the same object where that is nothing new.

    A sink is told first that the incident opened, whichever change makes the routing name it; later of what is news to
    it. An entry that nobody can have sent yet is taken back when it stops being true.
    """
    if not changes:
        return ledger
    facts = facts_of(ledger)
    pending = dict(ledger.pending)
    # Sinks that the routing never names are not set up here: what another process wrote for them is its own affair.
    entries: tuple[Notice | Sent, ...] = (*ledger.pending.values(), *ledger.sent.values())
    heard = tuple(sorted({one.sink for one in entries}))
    at_any = [msgspec.structs.replace(facts, confidence=one, heard_by=heard) for one in CONFIDENCES]
    for sink in sorted({sink for one in at_any for kind in KINDS for sink in route(one, kind)}):
        desk = _Desk(ledger, sink, route, facts, pending)
        for change in changes:
            desk.note(change)
    return ledger if pending == ledger.pending else msgspec.structs.replace(ledger, pending=pending)


def facts_of(ledger: Ledger) -> Facts:
    """Give what a routing decides by."""
    verdict = ledger.verdict
    return Facts(
        family=ledger.family,
        category=verdict.category,
        confidence=verdict.confidence,
        actor=verdict.actor,
        ours=verdict.responsible.ours,
        size=ledger.size(),
        acknowledged=ledger.acknowledged_by is not None,
        hosts=tuple(
            dict.fromkeys(filter(None, (ledger.ends.sending, ledger.ends.receiving, verdict.responsible.host)))
        ),
        impacts=ledger.impacts(),
    )


def is_rerouted(before: Ledger, after: Ledger) -> bool:
    """Tell whether a routing may decide otherwise although nothing happened that people hear of by itself."""
    was, now_is = before.verdict, after.verdict
    if (was.actor, was.responsible) != (now_is.actor, now_is.responsible):
        return True
    return before.impacts() != after.impacts()


@dataclass(slots=True)
class _Desk:
    """What one sink has been told, and what it is to be told; `pending` holds the entries of all sinks."""

    ledger: Ledger
    sink: str
    route: Router
    facts: Facts
    pending: dict[str, Notice]

    def note(self, change: Change) -> None:
        """Write, change or take back this sink's entries for one change."""
        told = self._told()
        if not told:
            self._tell_first(change)
        elif change.kind == "acknowledged":
            self._drop("grew")
        else:
            self._tell_on(change, told)

    def _told(self) -> list[Notice | Sent]:
        """Give what this sink was told or may have been told, the newest last; what failed counts least."""
        failed = [one for one in self._own() if one.failed is not None]
        sent = [one for one in self.ledger.sent.values() if one.sink == self.sink]
        return [*failed, *sent, *(one for one in self._own() if one.failed is None and one.message is not None)]

    def _own(self) -> Iterator[Notice]:
        return (one for one in self.pending.values() if one.sink == self.sink)

    def _tell_first(self, change: Change) -> None:
        """Note a change for a sink that never heard of the incident."""
        if change.kind == "acknowledged":
            return
        opened = self.pending.get(notice_key("opened:1", self.sink))
        if change.kind == "resolved":
            if opened is not None and self._routed("resolved", ()):
                self._add(f"resolved:{self._next('resolved')}", change)
            return
        if not self._routed("opened", ()):
            # It was surer before, and nobody was told: now nobody needs to be.
            for name in ("opened", "grew", "resolved", "reopened"):
                self._drop(name)
            return
        if opened is None:
            self._add("opened:1", change)
        elif change.kind == "verdict-changed":
            # The message has not left: it will tell the verdict as it stands then.
            whys = (*opened.whys[:1], change)
            opened = msgspec.structs.replace(opened, whys=whys)
            if opened.held_by == "silence":  # which may be of the cause that it was thought to be
                opened = msgspec.structs.replace(opened, held_until=None, held_by=None)
            self.pending[notice_key("opened:1", self.sink)] = opened
        elif change.kind == "reopened" and self._has("resolved"):
            self._add(f"reopened:{self._next('reopened')}", change)
        self._add_thresholds(change, ())

    def _tell_on(self, change: Change, told: Sequence[Notice | Sent]) -> None:
        """Note a change for a sink that has heard of the incident."""
        if change.kind == "grew":
            if not self._is_held(told):
                self._add_thresholds(change, told)
        elif change.kind == "verdict-changed":
            self._tell_verdict(change, told)
        elif (turn := _TURNS.get(change.kind)) and self._routed(turn, told):
            self._add(f"{turn}:{self._next(turn)}", change)

    def _tell_verdict(self, change: Change, told: Sequence[Notice | Sent]) -> None:
        """Replace what is pending of earlier verdicts; none is told where the sink's last word holds again."""
        last = told[-1]
        earlier = [why for one in self._drop("verdict") for why in one.whys]
        if last.headline != headline_of(self.ledger) and self._routed("verdict-changed", told):
            # The name of what was told last goes in: a verdict that comes back is told again, under a new name.
            name = f"verdict:{digest(headline_of(self.ledger), last.name).hex()[:8]}"
            self._add(name, change, tuple(earlier))

    def _add_thresholds(self, change: Change, told: Sequence[Notice | Sent]) -> None:
        """Add each tenfold that was passed: which there are depends on the size alone, not on the batches."""
        step = 10
        while step <= self.ledger.grown_to and self._routed("grew", told):
            self._add(f"grew:{step}", change)
            step *= 10

    def _routed(self, kind: ChangeKind, told: Sequence[Notice | Sent]) -> bool:
        """Tell whether the routing names this sink; one that heard of the incident hears how it went on."""
        facts = msgspec.structs.replace(self.facts, heard_by=(self.sink,)) if told else self.facts
        return self.sink in self.route(facts, kind)

    def _is_held(self, told: Sequence[Notice | Sent]) -> bool:
        size = max(1, *(one.size for one in told))
        return self.facts.acknowledged and self.facts.size < HELD_UNTIL * size

    def _has(self, kind: str) -> bool:
        return any(one.name.startswith(f"{kind}:") for one in self._own())

    def _drop(self, kind: str) -> list[Notice]:
        """Take back this sink's entries of a kind that nobody can have heard of, and give them."""
        loose = [one for one in self._own() if is_loose(one) and one.name.startswith(f"{kind}:")]
        for one in loose:
            del self.pending[notice_key(one.name, one.sink)]
        return loose

    def _next(self, kind: str) -> int:
        """Give the number of the next ending or return, as this sink counts them."""
        names = [one.name.partition(":") for one in (*self._told(), *self._own())]
        return 1 + max((int(number) for name, _, number in names if name == kind), default=0)

    def _add(self, name: str, change: Change, earlier: tuple[Change, ...] = ()) -> None:
        key = notice_key(name, self.sink)
        if key in self.pending or key in self.ledger.sent:
            return
        self.pending[key] = Notice(
            name=name,
            sink=self.sink,
            at=change.at,
            whys=(*earlier, change)[-KEPT_WHYS:],
            headline=headline_of(self.ledger),
            confidence=self.facts.confidence,
            size=self.facts.size,
            counts=self.ledger.counts(),
        )
