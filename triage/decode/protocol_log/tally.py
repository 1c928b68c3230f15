"""Sessions → observations: one for each connector, peer, outcome and hour, with how many there were."""

import re
from datetime import datetime
from typing import NamedTuple

import msgspec

from triage import exchange
from triage.decode.protocol_log.fields import address_of, is_time
from triage.decode.protocol_log.names import Names, Own, own_of, peer_of
from triage.decode.protocol_log.outcome import Outcome, outcome_of, text_of
from triage.decode.protocol_log.session import Session, Side
from triage.decode.reply import unwrap
from triage.hosts import Hosts
from triage.model import Document, Observation, Product, Reply, Software, Tls
from triage.model.words import Action, Impact, Source

MAX_GROUPS = 10_000
"""Observations of failures, and as many of successes, that one input gives hour by hour: a busy server has some hundred
peers an hour. Past it the hours of a peer are put together; past twice as many, sessions are only counted."""
MAX_SESSIONS = 3
"""Session ids kept to find the rows again."""
MAX_RECENT = 5_000
"""Peers whose last failed handshake is remembered."""
FALLBACK_SECONDS = 60
"""After a failed handshake Exchange goes on in clear text within seconds; an ordinary retry comes after minutes."""

_SOURCES: dict[Side, Source] = {"send": "send-log", "receive": "receive-log"}
_REPLY_HEAD = re.compile(r"([245]\d\d)[ -](?:([245]\.\d{1,3}\.\d{1,3})\b)?")
_REAL_BUILD = re.compile(r"\d{1,2}\.\d{1,2}\.\d{1,5}\.\d{1,4}")


class _Key(NamedTuple):
    side: Side
    connector: bytes
    own: Own
    peer: str | None
    peer_ip: str | None
    kind: str
    phase: str | None
    version: str | None
    error: str | None
    reply: tuple[str | None, ...]
    impact: Impact
    hour: bytes


class _Group(msgspec.Struct):
    """Sessions alike in all that matters: the first of them stands for the rest."""

    first: Outcome
    time: bytes
    peer: str | None
    cipher: bytes | None
    count: int
    sessions: list[str]


class Tally:
    """Takes sessions one by one, keeps them in bounded memory, and gives the document."""

    def __init__(self, hosts: Hosts) -> None:
        """`hosts` tells pools and our own servers."""
        self._hosts = hosts
        self._names = Names(hosts)
        self._failures: dict[_Key, _Group] = {}
        self._successes: dict[_Key, _Group] = {}
        self._recent: dict[tuple[Side, str], tuple[bytes, Outcome]] = {}
        self._set_aside: dict[str, int] = {}

    def add(self, session: Session) -> None:
        """Count one session."""
        own, peer = own_of(session), self._names.usable(peer_of(session))
        pool = self._hosts.pool(peer) if peer else None
        self._names.learn(own)
        outcome = outcome_of(session, pool == "exchange-online")
        if isinstance(outcome, str):
            self.set_aside(outcome)
            return
        impact: Impact = "none"
        if outcome.kind == "handshake-failed":
            self._remember(session, peer, outcome)
        elif outcome.kind == "relayed" and outcome.version == "none":
            before = self._failed_before(session, peer)
            if before is not None:
                impact = "sent-unencrypted"
                outcome = outcome._replace(text=before.text, error=before.error, phase=before.phase, required=False)
        key = _Key(
            session.side, session.connector, own, pool or peer, address_of(session.remote), outcome.kind, outcome.phase,
            outcome.version, outcome.error, _reply_head(outcome), impact, session.first[:13],
        )  # fmt: skip
        self._count(key, session, outcome, peer)

    def set_aside(self, reason: str, count: int = 1) -> None:
        """Count what becomes no observation."""
        if count:
            self._set_aside[reason] = self._set_aside.get(reason, 0) + count

    def document(self, versions: dict[Side, str]) -> Document:
        """Give what all sessions say. `versions` are those of the logs' headers."""
        software = {side: _product(version) for side, version in versions.items()}
        groups = [*self._failures.items(), *self._successes.items()]
        observations = tuple(self._observation(key, group, software.get(key.side)) for key, group in groups)
        return Document(kind="protocol-log", suppressed=self._set_aside, observations=observations)

    def _count(self, key: _Key, session: Session, outcome: Outcome, peer: str | None) -> None:
        groups = self._successes if outcome.kind == "relayed" else self._failures
        if key not in groups and len(groups) >= MAX_GROUPS:
            key = key._replace(hour=b"")
        group = groups.get(key)
        if group is None:
            if len(groups) >= 2 * MAX_GROUPS:
                self.set_aside("relayed-past-bound" if outcome.kind == "relayed" else "failed-past-bound")
                return
            group = groups[key] = _Group(outcome, session.first, peer, session.cipher, 0, [])
        group.count += 1
        if len(group.sessions) < MAX_SESSIONS:
            group.sessions.append(text_of(session.key))

    def _remember(self, session: Session, peer: str | None, outcome: Outcome) -> None:
        for name in (peer, address_of(session.remote)):
            if name is not None:
                self._recent.pop((session.side, name), None)
                self._recent[session.side, name] = (session.last, outcome)
        while len(self._recent) > MAX_RECENT:
            self._recent.pop(next(iter(self._recent)))

    def _failed_before(self, session: Session, peer: str | None) -> Outcome | None:
        """Give the failed handshake with the same peer that this session in clear text follows within seconds."""
        for name in (address_of(session.remote), peer):
            before = self._recent.get((session.side, name)) if name is not None else None
            if before is not None and 0 <= _seconds(session.first) - _seconds(before[0]) <= FALLBACK_SECONDS:
                return before[1]
        return None

    def _observation(self, key: _Key, group: _Group, software: Product | None) -> Observation:
        outcome = group.first
        own = self._names.own(key.own)
        peer = self._names.peer(group.peer, key.peer_ip, is_client=key.side == "receive")
        is_send = key.side == "send"
        action: Action = "relayed" if outcome.kind == "relayed" else "failed"
        cause, wrappers, required = _replies(outcome)
        return Observation(
            source=_SOURCES[key.side],
            action=action,
            impact=key.impact,
            reply_code=cause.reply_code,
            status=cause.status,
            diagnostic=outcome.text,
            wrappers=wrappers,
            reported_by=own,
            sending_host=own if is_send else peer,
            sending_ip=key.own.ip if is_send else key.peer_ip,
            ehlo=key.own.said if is_send else group.peer,
            receiving_host=peer if is_send else own,
            receiving_ip=key.peer_ip if is_send else key.own.ip,
            tls=Tls(
                version=outcome.version,
                cipher=group.cipher.decode("ascii") if group.cipher else None,
                phase=outcome.phase,
                error=outcome.error,
                required=required,
            ),
            software=Software(sending=software) if is_send else Software(receiving=software),
            time=f"{group.time[:19].decode('ascii')}Z" if is_time(group.time) else None,
            count=group.count,
            sessions=tuple(group.sessions),
        )


def _reply_head(outcome: Outcome) -> tuple[str | None, ...]:
    found = _REPLY_HEAD.match(outcome.reply or outcome.text or "")
    return found.groups() if found else ()


def _replies(outcome: Outcome) -> tuple[Reply, tuple[Reply, ...], bool | None]:
    """Give the reply that decides, those around it, and whether TLS was demanded."""
    if outcome.reply is not None:
        read = unwrap(outcome.reply)
        return Reply(), (*read.wrappers, read.cause), outcome.required or read.required
    if outcome.kind not in ("refused", "tls-demanded", "not-connected"):
        return Reply(), (), outcome.required
    read = unwrap(outcome.text or "")
    return read.cause, read.wrappers, outcome.required or read.required


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
