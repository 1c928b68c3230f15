"""A session that ended, in short: what is counted, and what tells it from all other sessions."""

import hashlib
from typing import NamedTuple

from triage.decode.protocol_log.fields import address_of
from triage.decode.protocol_log.greeting import software_of
from triage.decode.protocol_log.names import Own, first_name, own_of, peer_of, usable
from triage.decode.protocol_log.outcome import Outcome, SetAside, outcome_of
from triage.decode.protocol_log.session import Session, Side
from triage.hosts import Hosts

MEMBER = 8
"""Bytes of a session's digest. Of a million sessions of one incident, two are alike with a chance of one in 36 million."""


class Closed(NamedTuple):
    """What counting needs of a session. `peer` is the name that the peer goes by, `remote` its address as logged, and
    `software` what it says that it is."""

    side: Side
    connector: bytes
    own: Own
    peer: str | None
    pool: str | None
    ehlo: str | None
    remote: str
    outcome: Outcome
    first: bytes
    last: bytes
    cipher: bytes | None
    key: bytes
    member: bytes
    software: str | None = None


def closed_of(session: Session, hosts: Hosts) -> tuple[Own, Closed | SetAside]:
    """Judge a session that ended: what it says of its own server, and what to count, or why it is set aside."""
    own, peer = own_of(session), usable(peer_of(session), hosts)
    pool = hosts.pool(peer) if peer else None
    outcome = outcome_of(session, pool == "exchange-online")
    if isinstance(outcome, str):
        return own, outcome
    # The number of sessions that went well is evidence only: it need not be exact over copies of a log.
    is_counted = outcome.kind != "relayed" or outcome.version == "none"
    closed = Closed(
        side=session.side,
        connector=session.connector,
        own=own,
        peer=peer,
        pool=pool,
        ehlo=first_name(session.client_name),
        remote=remote_of(session.remote),
        outcome=outcome,
        first=session.first,
        last=session.last,
        cipher=session.cipher,
        key=session.key,
        member=member_of(session) if is_counted else b"",
        software=software_of(session) if pool is None else None,
    )
    return own, closed


def member_of(session: Session) -> bytes:
    """Give the digest that stands for a session, the same in every copy or piece of its log, whatever the file's name.

    Of its side, its id, and the server's address without the port, which a Send log lacks where no connection came to
    stand: then of the connector.
    """
    where = session.local.rpartition(b":")[0] or session.local or session.connector
    return hashlib.blake2b(b"\n".join((session.side.encode(), where, session.key)), digest_size=MEMBER).digest()


def remote_of(endpoint: bytes) -> str:
    """Give the address of an endpoint in its one form, or as it stands where it is masked or none."""
    return address_of(endpoint) or endpoint.rpartition(b":")[0].decode("ascii", "replace")
