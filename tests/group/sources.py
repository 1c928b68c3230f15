"""Observations of one trouble as each decoder gives them, and readings made of them; every field can be changed."""

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from triage.diagnose import Rulebook, diagnose, judge
from triage.group.fold import Judge
from triage.hosts import Hosts
from triage.model import (
    Diagnosis,
    Finding,
    Observation,
    Original,
    Place,
    Product,
    Reading,
    Software,
    Tls,
    Trust,
)

SERVER = "hq-ex13a.contoso.example"
ADDRESS = "192.0.2.10"
TENANT = "fabrikam-example.mail.protection.outlook.com"
DROPPED = "421 4.4.2 Connection dropped due to SocketError"
HOSTS = Hosts(domains=["contoso.example"])
LOW = Trust("low", ("It was found forged.",))
HIGH = Trust("high", ("Our server verified it.",))


@cache
def book() -> Rulebook:
    """Give the shipped rules."""
    return Rulebook.load()


def judging(hosts: Hosts = HOSTS) -> Judge:
    """Give the real judge."""
    return partial(judge, rulebook=book(), hosts=hosts)


def built(sending: str | None = None, receiving: str | None = None) -> Software:
    """Give software with these builds."""
    return Software(
        Product("Exchange", sending) if sending else None, Product("Exchange", receiving) if receiving else None
    )


def ndr(number: int = 1, **changes: Any) -> Observation:
    """Give what a bounce says: our server gave up sending to Exchange Online."""
    values: dict[str, Any] = {
        "source": "ndr",
        "action": "failed",
        "impact": "returned",
        "recipient": f"user{number}@fabrikam.example",
        "recipient_domain": "fabrikam.example",
        "reply_code": 421,
        "status": "4.4.2",
        "diagnostic": DROPPED,
        "reported_by": SERVER,
        "sending_host": SERVER,
        "receiving_host": TENANT,
        "tls": Tls(error="SocketError"),
        "time": f"2026-10-20T09:{number % 60:02d}:00Z",
        "original": Original(message_id=f"m{number}@contoso.example", from_="karl.holm@contoso.example"),
    }
    return Observation(**{**values, **changes})


def delay(number: int = 1, **changes: Any) -> Observation:
    """Give what a delay report says of the same message as the bounce of that number."""
    return ndr(number, **{"action": "delayed", "impact": "waiting", "time": "2026-10-20T05:00:00Z", **changes})


def queue(depth: int = 143, server: str = "hq-ex13a", **changes: Any) -> Observation:
    """Give what a queue export says: the server by its short name."""
    values: dict[str, Any] = {
        "source": "queue",
        "action": "delayed",
        "impact": "waiting",
        "recipient_domain": TENANT,
        "reply_code": 421,
        "status": "4.4.2",
        "diagnostic": DROPPED,
        "reported_by": server,
        "sending_host": server,
        "receiving_host": TENANT,
        "tls": Tls(error="SocketError"),
        "time": "2026-10-20T09:14:11Z",
        "count": depth,
    }
    return Observation(**{**values, **changes})


def send_log(count: int = 57, **changes: Any) -> Observation:
    """Give handshakes that a Send log shows to fail: the server by its address and the name that it gave in EHLO."""
    values: dict[str, Any] = {
        "source": "send-log",
        "action": "failed",
        "diagnostic": "TLS negotiation failed with error SocketError",
        "sending_ip": ADDRESS,
        "ehlo": SERVER,
        "receiving_host": TENANT,
        "receiving_ip": "203.0.113.25",
        "tls": Tls(error="SocketError", phase="handshake"),
        "time": "2026-10-20T09:04:00Z",
        "until": "2026-10-20T09:40:00Z",
        "count": count,
        "sessions": ("08D92C6B00000000",),
    }
    return Observation(**{**values, **changes})


def handed(count: int = 10, **changes: Any) -> Observation:
    """Give sessions of a Send log that handed mail over, with TLS 1.2."""
    fine = {"action": "relayed", "diagnostic": None, "tls": Tls(version="1.2"), "sessions": ("08D92C6BFFFF0000",)}
    return send_log(count, **{**fine, **changes})


def receive_log(count: int = 5, **changes: Any) -> Observation:
    """Give handshakes that a Receive log shows to fail: its own server by connector, banner and address."""
    values: dict[str, Any] = {
        "source": "receive-log",
        "action": "failed",
        "diagnostic": "TLS negotiation failed with error SocketError",
        "reported_by": SERVER,
        "sending_host": "mail-am6eur05on2040.outbound.protection.outlook.com",
        "sending_ip": "203.0.113.60",
        "receiving_host": SERVER,
        "receiving_ip": ADDRESS,
        "tls": Tls(error="SocketError", phase="handshake"),
        "time": "2026-10-20T09:04:00Z",
        "until": "2026-10-20T09:40:00Z",
        "count": count,
        "sessions": ("08D92C6B0000000A",),
    }
    return Observation(**{**values, **changes})


def tls_report(count: int = 900, **changes: Any) -> Observation:
    """Give what others tally about sessions that reached our server (RFC 8460)."""
    values: dict[str, Any] = {
        "source": "tls-report",
        "action": "failed",
        "reported_by": "mail.tailspin.example",
        "recipient_domain": "contoso.example",
        "receiving_host": SERVER,
        "diagnostic": "certificate-expired",
        "tls": Tls(error="certificate-expired", phase="handshake"),
        "time": "2026-10-20T23:59:59Z",
        "count": count,
    }
    return Observation(**{**values, **changes})


def members(*numbers: int) -> bytes:
    """Give the packed digests of sessions, eight bytes each, as the reader of logs makes them."""
    return b"".join(hashlib.blake2b(str(number).encode(), digest_size=8).digest() for number in numbers)


def finding(seen: Observation, packed: bytes = b"", diagnosis: Diagnosis | None = None) -> Finding:
    """Give an observation with its diagnosis by the shipped rules."""
    return Finding(seen, diagnosis or diagnose(seen, book(), HOSTS), packed)


def reading(*seen: Observation, packed: Sequence[bytes] = (), name: str = "") -> Reading:
    """Give the reading of one document that says all this; another `name` makes it another document."""
    given = [*packed, *[b""] * (len(seen) - len(packed))]
    findings = tuple(finding(one, own) for one, own in zip(seen, given, strict=True))
    sha256 = hashlib.sha256(f"{name}{seen}{packed}".encode()).hexdigest()
    return Reading(source=Place("x"), sha256=sha256, kind="bounce", findings=findings)
