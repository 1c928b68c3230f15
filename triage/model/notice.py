"""What one sink is still to be told of an incident, and what it was told: written with the change that is told."""

from typing import Literal

import msgspec

from triage.model.incident import Change, Counts
from triage.model.words import Actor, Category, Confidence, Family, Impact

ChangeKind = Literal["opened", "grew", "verdict-changed", "resolved", "reopened", "reminder"]
HeldBy = Literal["quiet-hours", "digest", "silence"]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a routing decides by: how an incident stands at a change.

    `hosts` are both ends and the host that is blamed, `impacts` what came of the mail so far. `heard_by` are the sinks
    that were told of the incident before: they hear how it went on, whichever row fits by now.
    """

    family: Family
    category: Category
    confidence: Confidence
    actor: Actor | None
    ours: bool | None
    size: int
    acknowledged: bool
    hosts: tuple[str, ...] = ()
    impacts: tuple[Impact, ...] = ()
    heard_by: tuple[str, ...] = ()


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """When a message may go out: now, or not before `until`, and `by` what it is held.

    `remind_hours` is how long after a word an open incident with waiting mail is told again; None for never. `team` is
    the label that the routing gives the incident.
    """

    until: str | None = None
    by: HeldBy | None = None
    remind_hours: int | None = None
    team: str | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one sink about one change, until it is told.

    `name` is "opened:1", "grew:100", "verdict:5f0c1a2b", "resolved:1", "reopened:1" or "reminder:1".
    `whys` and `counts` stay as they were when the change was written; `headline`, `confidence` and `size` are what the
    sink was told last of them, where it was tried.

    The rest is how the telling goes. `claim` is the word of the relay that is at it, until `claimed_until`;
    `message` is the name of the notice with which this one went, or may have gone, out; `tries` counts attempts, and
    `unsure` those of which nobody knows whether they arrived. `trouble` is what stopped the last try; `failed` says
    why nobody tries any more. `held_until` and `held_by` say until when it waits for quiet hours or a silence to end,
    or a digest to come, as it was when somebody looked last.
    """

    name: str
    sink: str
    at: str
    whys: tuple[Change, ...]
    headline: str
    confidence: Confidence
    size: int
    counts: Counts
    message: str | None = None
    claim: str | None = None
    claimed_until: str | None = None
    tries: int = 0
    unsure: int = 0
    next_try: str | None = None
    trouble: str | None = None
    failed: str | None = None
    held_until: str | None = None
    held_by: HeldBy | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A notice that was told: when, with which message, and by what name the sink knows it."""

    name: str
    sink: str
    at: str
    headline: str
    confidence: Confidence
    size: int
    told_at: str
    message: str
    remote: str | None = None
