"""Sessions → observations: one for each connector, peer, outcome and hour, with how many there were."""

import re
from datetime import datetime
from typing import NamedTuple

import msgspec

from triage import exchange
from triage.decode.outcome import spoken
from triage.decode.protocol_log.closed import MEMBER, Closed
from triage.decode.protocol_log.fields import is_time
from triage.decode.protocol_log.names import Names, Own
from triage.decode.protocol_log.outcome import Outcome, text_of
from triage.decode.protocol_log.session import Side
from triage.decode.reply import address, unwrap
from triage.hosts import Hosts
from triage.model import Document, Observation, Product, Reply, Software, Tls
from triage.model.words import Action, Impact, Source

MAX_GROUPS = 10_000
"""Observations of failures, and as many of successes, that one input gives hour by hour: a busy server has some hundred
peers an hour. Past it the hours of a peer are put together; past twice as many, sessions are only counted."""
MAX_SESSIONS = 3
"""Session ids kept to find the rows again."""
MAX_MEMBERS = 500_000
"""Sessions of one input that are told apart by digest, four megabytes of them; those past it are counted as they come."""
MAX_RECENT = 5_000
"""Peers whose last failed handshake is remembered."""
FALLBACK_SECONDS = 60
"""After a failed handshake Exchange goes on in clear text within seconds; an ordinary retry comes after minutes."""

MIN_NOT_USED = 3
"""Sessions in which a client leaves STARTTLS unused: fewer may be somebody who only looks whether the server answers."""

_SOURCES: dict[Side, Source] = {"send": "send-log", "receive": "receive-log"}
_REPLY_HEAD = re.compile(r"([245]\d\d)[ -](?:([245]\.\d{1,3}\.\d{1,3})\b)?")
_REAL_BUILD = re.compile(r"\d{1,2}\.\d{1,2}\.\d{1,5}\.\d{1,4}")


class _Key(NamedTuple):
    side: Side
    connector: bytes
    own: Own
    peer: str | None
    remote: str
    kind: str
    phase: str | None
    version: str | None
    error: str | None
    reply: tuple[str | None, str | None]
    impact: Impact
    software: str | None
    hour: bytes


class _Group(msgspec.Struct):
    """Sessions alike in all that matters: the first of them stands for the rest."""

    outcome: Outcome
    peer: str | None
    ehlo: str | None
    cipher: bytes | None
    first: bytes
    last: bytes
    count: int = 0
    sessions: list[str] = []
    members: bytearray = msgspec.field(default_factory=bytearray)


class Recent(msgspec.Struct, frozen=True):
    """The failed handshakes that a session in clear text may follow: by side and peer, when and with what outcome."""

    failures: list[tuple[Side, str, bytes, Outcome]] = []


class TallyState(msgspec.Struct, frozen=True):
    """All that a tally knows."""

    failures: list[tuple[_Key, _Group]]
    successes: list[tuple[_Key, _Group]]
    recent: Recent
    set_aside: dict[str, int]
    owns: list[Own]


class Tally:
    """Takes sessions one by one, keeps them in bounded memory, and gives the document."""

    def __init__(self, hosts: Hosts, recent: Recent | None = None) -> None:
        """`hosts` tells pools and our own servers; `recent` is what an earlier log of the same side ended with."""
        self._hosts = hosts
        self._names = Names(hosts)
        self._owns: dict[Own, None] = {}
        self._failures: dict[_Key, _Group] = {}
        self._successes: dict[_Key, _Group] = {}
        self._members = 0
        self._set_aside: dict[str, int] = {}
        self._recent = {(side, peer): (time, outcome) for side, peer, time, outcome in (recent or Recent()).failures}

    def learn(self, own: Own) -> None:
        """Remember what a session says of its own server."""
        if own.server is not None and own not in self._owns and self._names.learn(own):
            self._owns[own] = None

    def add(self, closed: Closed) -> None:
        """Count one session."""
        outcome = closed.outcome
        impact: Impact = "none"
        if outcome.kind == "handshake-failed":
            self._remember(closed)
        elif outcome.kind == "relayed" and outcome.version == "none":
            before = self._failed_before(closed)
            if before is not None:
                impact = "sent-unencrypted"
                outcome = outcome._replace(text=before.text, error=before.error, phase=before.phase, required=False)
        key = _Key(
            closed.side, closed.connector, closed.own, closed.pool or closed.peer, closed.remote, outcome.kind,
            outcome.phase, outcome.version, outcome.error, _reply_head(outcome), impact, closed.software, closed.first[:13],
        )  # fmt: skip
        group = self._group(key, closed, outcome)
        if group is None:
            self.set_aside("relayed-past-bound" if outcome.kind == "relayed" else "failed-past-bound")
            return
        group.count += 1
        group.first, group.last = min(group.first, closed.first), max(group.last, closed.first)
        if len(group.sessions) < MAX_SESSIONS and (name := text_of(closed.key)) not in group.sessions:
            group.sessions.append(name)
        if (outcome.kind != "relayed" or impact != "none") and self._members < MAX_MEMBERS:
            group.members += closed.member
            self._members += 1

    def set_aside(self, reason: str, count: int = 1) -> None:
        """Count what becomes no observation."""
        if count:
            self._set_aside[reason] = self._set_aside.get(reason, 0) + count

    def recent(self) -> Recent:
        """Give what the tally of the next log of the same side needs to know."""
        return Recent([(side, peer, time, outcome) for (side, peer), (time, outcome) in self._recent.items()])

    def state(self) -> TallyState:
        """Give all that this tally knows."""
        pairs = list(self._failures.items()), list(self._successes.items())
        return TallyState(*pairs, self.recent(), self._set_aside, list(self._owns))

    def restore(self, state: TallyState) -> None:
        """Take over what another tally knew."""
        self._failures, self._successes = dict(state.failures), dict(state.successes)
        self._members = sum(len(group.members) for _, group in state.failures + state.successes) // MEMBER
        self._set_aside = dict(state.set_aside)
        for own in state.owns:
            self.learn(own)

    def document(self, versions: dict[Side, str]) -> Document:
        """Give what all sessions say, and forget it. `versions` are those of the logs' headers."""
        self._forget_doubtful()
        software = {side: _product(version) for side, version in versions.items()}
        observations, members = [], []
        for groups in (self._failures, self._successes):
            for key in list(groups):
                group = groups.pop(key)  # a wide log makes much of them: never both they and what they become
                repeated = _without_repeats(group)
                observations.append(self._observation(key, group, group.count - repeated, software.get(key.side)))
                members.append(bytes(group.members))
        return Document(
            kind="protocol-log", suppressed=self._set_aside, observations=tuple(observations), members=tuple(members)
        )

    def _forget_doubtful(self) -> None:
        """Set sessions aside that left STARTTLS unused: where they are few, or the same peer used it in others."""
        unused: dict[tuple[Own, str | None], list[_Key]] = {}
        for key in self._failures:
            if key.kind == "starttls-not-used":
                unused.setdefault((key.own, key.peer), []).append(key)
        used = {(key.own, key.peer) for key in self._successes if key.version not in (None, "none")} if unused else ()
        for ends, keys in unused.items():
            if ends in used or sum(self._failures[key].count for key in keys) < MIN_NOT_USED:
                self.set_aside("no-mail", sum(self._failures.pop(key).count for key in keys))

    def _group(self, key: _Key, closed: Closed, outcome: Outcome) -> _Group | None:
        """Give the group that a session belongs to; None past the bound."""
        groups = self._successes if outcome.kind == "relayed" else self._failures
        if key not in groups and len(groups) >= MAX_GROUPS:
            key = key._replace(hour=b"")
        group = groups.get(key)
        if group is None and len(groups) < 2 * MAX_GROUPS:
            group = groups[key] = _Group(outcome, closed.peer, None, closed.cipher, closed.first, closed.first)
        if group is not None and group.ehlo is None:
            group.ehlo = closed.ehlo
        return group

    def _remember(self, closed: Closed) -> None:
        for name in (closed.peer, closed.remote):
            if name:
                self._recent.pop((closed.side, name), None)
                self._recent[closed.side, name] = (closed.last, closed.outcome)
        while len(self._recent) > MAX_RECENT:
            self._recent.pop(next(iter(self._recent)))

    def _failed_before(self, closed: Closed) -> Outcome | None:
        """Give the failed handshake with the same peer that this session in clear text follows within seconds."""
        for name in (closed.remote, closed.peer):
            before = self._recent.get((closed.side, name)) if name else None
            if before is not None and 0 <= _seconds(closed.first) - _seconds(before[0]) <= FALLBACK_SECONDS:
                return before[1]
        return None

    def _observation(self, key: _Key, group: _Group, count: int, software: Product | None) -> Observation:
        outcome, is_send, peer_ip = group.outcome, key.side == "send", address(key.remote)
        own = self._names.own(key.own)
        peer = self._names.peer(group.peer, peer_ip, is_client=not is_send)
        action: Action = "relayed" if outcome.kind == "relayed" else "failed"
        said = _said(outcome)
        return Observation(
            source=_SOURCES[key.side],
            action=action,
            impact=key.impact,
            reply_code=said.cause.reply_code,
            status=said.cause.status,
            diagnostic=said.diagnostic,
            wrappers=said.wrappers,
            reported_by=own,
            sending_host=own if is_send else peer,
            sending_ip=key.own.ip if is_send else peer_ip,
            ehlo=group.ehlo,
            receiving_host=peer if is_send else own,
            receiving_ip=peer_ip if is_send else key.own.ip,
            tls=Tls(
                version=outcome.version,
                cipher=group.cipher.decode("ascii") if group.cipher else None,
                phase=outcome.phase,
                error=said.error,
                required=said.required,
            ),
            software=Software(software, _claimed(key.software)) if is_send else Software(receiving=software),
            time=_utc(group.first),
            until=_utc(group.last) if count > 1 else None,
            count=count,
            sessions=tuple(group.sessions),
        )


def _claimed(software: str | None) -> Product | None:
    return None if software is None else Product(product=software)


class _Said(NamedTuple):
    """The reply that decides, what stands around it, and what it says of TLS."""

    diagnostic: str | None
    cause: Reply = Reply()
    wrappers: tuple[Reply, ...] = ()
    error: str | None = None
    required: bool | None = None


def _said(outcome: Outcome) -> _Said:
    if outcome.reply is not None:
        read = unwrap(outcome.reply)
        required = outcome.required or read.required
        return _Said(outcome.text, Reply(), (*read.wrappers, read.cause), outcome.error, required)
    if outcome.kind == "relayed" or not _is_reply(outcome):
        return _Said(outcome.text, error=outcome.error, required=outcome.required)
    read = unwrap(outcome.text or "")
    text = spoken(read.cause) if read.wrappers else outcome.text
    return _Said(text, read.cause, read.wrappers, outcome.error or read.error, outcome.required or read.required)


def _is_reply(outcome: Outcome) -> bool:
    return outcome.kind in ("refused", "tls-demanded", "not-connected") or _reply_head(outcome) != (None, None)


def _reply_head(outcome: Outcome) -> tuple[str | None, str | None]:
    found = _REPLY_HEAD.match(outcome.reply or outcome.text or "")
    return (found[1], found[2]) if found else (None, None)


def _without_repeats(group: _Group) -> int:
    """Take digests that stand twice out of a group's members; give how many were: rows that a log holds twice."""
    packed = bytes(group.members)
    unique = dict.fromkeys(packed[at : at + MEMBER] for at in range(0, len(packed), MEMBER))
    repeated = len(packed) // MEMBER - len(unique)
    if repeated:
        group.members[:] = b"".join(unique)
    return repeated


def _utc(time: bytes) -> str | None:
    return f"{time[:19].decode('ascii')}Z" if is_time(time) else None


def _seconds(time: bytes) -> float:
    """Give a time of the log as seconds that can be compared; what is no time is far from all others."""
    if not is_time(time):
        return float("nan")
    try:
        return datetime.fromisoformat(time[:19].decode("ascii") + "+00:00").timestamp()
    except ValueError:
        return float("nan")


def _product(version: str) -> Product | None:
    """Give the server's software. `#Version: 14.0.0.0` names Exchange 2010 and no build; 15.0.0.0 stands for all since."""
    if not _REAL_BUILD.fullmatch(version):
        return None
    if version.endswith(".0.0.0"):
        return Product(product="Exchange 2010") if version.startswith("14.") else None
    return Product(product=exchange.product_of(version), build=version)
