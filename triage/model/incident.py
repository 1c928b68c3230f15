"""All observations of one trouble between two ends, and the verdict that follows from all of them together."""

from typing import Literal

import msgspec

from triage.model.diagnosis import Diagnosis
from triage.model.observation import Observation
from triage.model.words import Family, State


class Ends(msgspec.Struct, frozen=True):
    """Both ends of the hop, each as its pool ("exchange-online") or host; for recipient faults the domain."""

    sending: str | None = None
    receiving: str | None = None


class Counts(msgspec.Struct, frozen=True):
    """Exact counts, kept apart and never summed (messages, messages, sessions, messages)."""

    returned: int = 0
    waiting: int = 0
    sessions: int = 0
    sent_unencrypted: int = 0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an incident: opened, grew, verdict-changed, joined, acknowledged, acknowledgement-ended, silenced,
    silence-ended, resolved, reopened."""

    kind: str
    at: str
    text: str


class Tallied(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which the fault showed itself, and how often: what the verdict is derived from.

    `observation` is the earliest that showed it so; `diagnosis` is None for a success; `first` and `last` are
    UTC, RFC 3339, and `hours` has the same for each hour in which it was seen. `count` is the number of reports, or of
    sessions where logs or TLS reports showed it. `members` are packed digests of those, eight bytes each; `parts` counts
    what came without them, by the group or report in which it came.
    """

    observation: Observation
    diagnosis: Diagnosis | None
    count: int
    first: str | None = None
    last: str | None = None
    members: bytes = b""
    parts: dict[str, int] = {}
    hours: dict[str, tuple[str, str]] = {}


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What other incidents and other people's tallies say about the two ends of an incident.

    `receivers` are unrelated ends to which the same host fails to send, this incident's own among them, and `senders`
    unrelated ends that fail to send to the same host; fewer than two say nothing. `builds` are the newest that its two hosts
    showed anywhere, each with the source that told it; `hearsay` tallies out of TLS reports (RFC 8460) about the receiving
    end. `reached` are unrelated ends that took mail from the same server while this one did not answer it.
    """

    receivers: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    builds: dict[str, tuple[str, str]] = {}
    hearsay: tuple[Tallied, ...] = ()
    reached: tuple[str, ...] = ()


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """One affected message, with the state that says whether to send it again."""

    state: Literal["returned", "waiting", "delivered-later"]
    recipient: str | None = None
    sent_to: str | None = None
    """The address that the sender wrote, where it is another one: he knows no other."""
    sender: str | None = None
    subject: str | None = None
    message_id: str | None = None
    time: str | None = None
    tried_until: str | None = None
    diagnostic: str | None = None
    language: str | None = None
    """The language in which its report is written, where the report tells it."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Failures before and successes after: sessions over TLS of the same hop, in a log of ours, after its last failure.

    Times are UTC, RFC 3339. `successes` is exact, or with `at_least` what is known for sure; `tls_version` names all
    versions that they spoke ("1.2", "1.2 and 1.3").
    """

    last_failure: str
    successes: int
    at_least: bool
    first_success: str
    last_success: str
    tls_version: str


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as people and `incidents.json` see it: derived from its document, never edited by hand.

    `recipients`, `senders` and `domains` are exact distinct counts; `sample` is the observation that shows
    the fault best: the hosts, addresses, codes and builds of a ticket's raw facts come from it.
    """

    id: str
    state: State
    family: Family
    ends: Ends
    verdict: Diagnosis
    counts: Counts = Counts()
    recipients: int = 0
    senders: int = 0
    domains: int = 0
    first_seen: str | None = None
    last_seen: str | None = None
    changes: tuple[Change, ...] = ()
    sample: Observation | None = None
    acknowledged_by: str | None = None
    linked: tuple[str, ...] = ()
    """Other open incidents that blame the same host."""
    acknowledged_until: str | None = None
    silenced_by: str | None = None
    silenced_until: str | None = None
    silence_reason: str | None = None
    quiet_since: str | None = None
    resolved_at: str | None = None
    proof: Proof | None = None
