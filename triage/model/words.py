"""The closed vocabularies of the contract: each is a `Literal`, checked when a document is read.

The words are those of RFC 3464 (action), RFC 3463 (status) and of `docs/contract.md`.
"""

from typing import Literal, get_args

Kind = Literal[
    "bounce",
    "delay",
    "success",
    "feedback",
    "auto-reply",
    "queue",
    "protocol-log",
    "tls-report",
    "other",
    "unreadable",
]
What = Literal[
    "read-receipt",
    "challenge",
    "dmarc-report",
    "pasted-reply",
    "abuse",
    "fraud",
    "virus",
    "not-spam",
    "auth-failure",
    "opt-out",
]
Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]
Impact = Literal["returned", "waiting", "sent-unencrypted", "none"]
Permanence = Literal["temporary", "permanent"]
Confidence = Literal["certain", "probable", "possible"]
TrustLevel = Literal["high", "unknown", "low"]
Side = Literal["sending", "receiving", "path"]
ResponsibleKind = Literal["host", "domain", "connector", "device", "address", "tenant"]
Actor = Literal["mail-team", "network-team", "partner-postmaster", "recipient", "sender", "microsoft", "nobody"]
Family = Literal["session", "recipient", "content-and-policy", "routing"]
State = Literal["open", "quiet", "resolved"]
TlsVersion = Literal["1.0", "1.1", "1.2", "1.3", "none"]
Phase = Literal["connect", "banner", "ehlo", "starttls", "handshake", "auth", "envelope", "data"]
Source = Literal["ndr", "received", "queue", "send-log", "receive-log", "tls-report", "tracking-log"]
Category = Literal[
    "tls-version",
    "tls-cipher",
    "tls-required",
    "tls-certificate",
    "tls-negotiation",
    "connection-dropped",
    "connection-refused",
    "connection-timeout",
    "dns",
    "routing",
    "connector-attribution",
    "server-out-of-date",
    "recipient-unknown",
    "recipient-inactive",
    "mailbox-full",
    "message-too-large",
    "content-rejected",
    "spam-block",
    "reputation",
    "authentication",
    "relay-denied",
    "policy",
    "rate-limit",
    "greylisted",
    "loop",
    "expired",
    "system",
    "protocol-error",
    "unclassified",
]

SOURCE_NAMES: dict[Source, str] = {
    "ndr": "NDR",
    "received": "Received fields",
    "queue": "queue export",
    "send-log": "Send log",
    "receive-log": "Receive log",
    "tls-report": "TLS report",
    "tracking-log": "tracking log",
}
"""What people call the sources."""

TLS_SPOKEN = ("tls12-in-session", "tls12-success-same-ends")
"""Evidence which shows that both ends spoke TLS 1.2 at about the time of the fault: the version is not what stops mail."""

CATEGORIES: tuple[Category, ...] = get_args(Category)
CONFIDENCES: tuple[Confidence, ...] = ("possible", "probable", "certain")
"""Weakest first: the index is the rank."""


def rank(confidence: Confidence) -> int:
    """Give 0 for possible, 1 for probable, 2 for certain."""
    return CONFIDENCES.index(confidence)


SESSION_LOGS: tuple[Source, ...] = ("send-log", "receive-log")
"""Sources that show sessions themselves."""

OWN_RECORDS: tuple[Source, ...] = ("queue", *SESSION_LOGS, "tracking-log")
"""Sources that only the admin of a server can have: what they say is no stranger's claim."""

UNVERIFIED = "unverified"


def told_in(source: Source, trust: TrustLevel) -> str:
    """Name the source of a statement, and say so where nobody verified who wrote it."""
    name = SOURCE_NAMES[source]
    return name if source in OWN_RECORDS or trust == "high" else f"{name}, {UNVERIFIED}"
