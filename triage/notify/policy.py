"""Who is told of an incident, and when: the rows of the routing in their order, the first that fits.

A site's own rows come before ours (`routing.toml`). What is asked of them is answered from facts and a clock that are
handed in, so the same incident is routed the same way whoever asks, and `triage routes test` shows the very answer.
"""

import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from triage.errors import Misconfigured
from triage.model import ChangeKind, Facts, HeldBy, Timing
from triage.model.words import rank
from triage.notify.hours import next_time, quiet_until
from triage.routing import NoticeSettings, Route, time_zone

SHIPPED = Path(__file__).with_name("routing.toml")

GOES_ON: frozenset[ChangeKind] = frozenset({"verdict-changed", "resolved", "reopened"})
"""Changes that those hear who heard of the incident before, whichever row fits it by now."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A row, and where it stands: `number` counts from one, among a site's own rows or among ours."""

    row: Route
    number: int
    is_own: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Which row an incident falls to; and those before it, each with what does not fit."""

    winner: Placed | None
    lost: tuple[tuple[Placed, str], ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    routing: tuple[Route, ...]


@cache
def shipped() -> tuple[Route, ...]:
    """Give our own rows. Raises `Misconfigured` where the file was changed into something that is none."""
    try:
        return _File.model_validate(tomllib.loads(SHIPPED.read_text("utf-8"))).routing
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise Misconfigured(f"The routing in {SHIPPED} is wrong: {error}.") from error


class Policy:
    """The routing with the clock's rules. Called, it names the sinks for a change: it is what `group` takes as a router."""

    def __init__(
        self, own: Sequence[Route], ready: Collection[str], notices: NoticeSettings, ours: Sequence[Route] | None = None
    ) -> None:
        """`ready` are the sinks that are set up: no other is ever named. `ours` stands in for the shipped rows."""
        self.rows = (
            *(Placed(row, number, True) for number, row in enumerate(own, 1)),
            *(Placed(row, number, False) for number, row in enumerate(shipped() if ours is None else ours, 1)),
        )
        self.ready = frozenset(ready)
        self._notices = notices

    def __call__(self, facts: Facts, kind: ChangeKind) -> Sequence[str]:
        """Name the sinks for a change: those of the first row that fits, and those that heard of the incident before."""
        found = self.decide(facts, kind).winner
        named = set(found.row.sinks) if found is not None else set()
        if kind in GOES_ON:
            named |= {sink for sink in facts.heard_by if self._ever(sink, kind)}
        return sorted(named & self.ready)

    def _ever(self, sink: str, kind: ChangeKind) -> bool:
        return any(sink in one.row.sinks and kind in one.row.changes for one in self.rows)

    def decide(self, facts: Facts, kind: ChangeKind) -> Decision:
        """Give the first row that fits, and what does not fit in those before it."""
        lost: list[tuple[Placed, str]] = []
        for one in self.rows:
            reason = next(_misfits(one.row, facts, kind), None)
            if reason is None:
                return Decision(one, tuple(lost))
            lost.append((one, reason))
        return Decision(None, tuple(lost))

    def when(self, facts: Facts, kind: ChangeKind, sink: str, now: str) -> Timing:
        """Say when a message of this kind may go to a sink. `now` is UTC, RFC 3339.

        The row that fits says it; for a sink that is told because it heard of the incident before, the first that names it.
        """
        found = self.decide(facts, kind).winner
        if found is None or sink not in found.row.sinks:
            found = next((one for one in self.rows if sink in one.row.sinks), found)
        if found is None:
            return Timing()
        row, at = found.row, datetime.fromisoformat(now)
        zone = time_zone(row.zone or self._notices.zone)
        is_program = sink in self._notices.programs
        timing = Timing(remind_hours=None if is_program else row.remind_hours, team=row.team)
        if row.digest is not None:
            return _held(timing, next_time(row.digest, at, zone), "digest")
        quiet = self._notices.quiet_hours if row.quiet_hours is None else row.quiet_hours
        if is_program:
            return timing
        passes = self._notices.urgent_passes if row.urgent_passes is None else row.urgent_passes
        if passes and facts.confidence == "certain" and "waiting" in facts.impacts:
            return timing
        end = quiet_until(quiet, at, zone)
        return timing if end is None else _held(timing, end, "quiet-hours")

    def ceiling(self, sink: str) -> int | None:
        """Give how many messages the sink gets in an hour at most; None for any number."""
        return next((one.an_hour for one in self._notices.ceilings if one.sink == sink), None)


def _held(timing: Timing, until: datetime, by: HeldBy) -> Timing:
    moment = until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Timing(until=moment, by=by, remind_hours=timing.remind_hours, team=timing.team)


def _misfits(row: Route, facts: Facts, kind: ChangeKind) -> Iterator[str]:
    """Say what keeps a row from being the one, a few words each."""
    if row.categories and facts.category not in row.categories:
        yield f"{facts.category} is not among {_listed(row.categories)}"
    if row.families and facts.family not in row.families:
        yield f"a {facts.family} fault is not among {_listed(row.families)}"
    if rank(facts.confidence) < rank(row.at_least):
        yield f"{facts.confidence} is less than {row.at_least}"
    if row.hosts and not any(fnmatchcase(host.lower(), one) for host in facts.hosts for one in row.hosts):
        yield f"none of its hosts ({_listed(facts.hosts)}) is like {_listed(row.hosts)}"
    if row.ours is not None and facts.ours != row.ours:
        whose = {True: "ours", False: "not ours", None: "not known to be anybody's"}
        yield f"it is {whose[facts.ours]}, and the row wants {whose[row.ours]}"
    if row.actors and facts.actor not in row.actors:
        yield f"who acts ({facts.actor or 'unknown'}) is not among {_listed(row.actors)}"
    if row.impacts and not set(row.impacts) & set(facts.impacts):
        yield f"what came of the mail ({_listed(facts.impacts)}) is not among {_listed(row.impacts)}"
    if kind not in row.changes:
        yield f"{kind} is not among {_listed(row.changes)}"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"
