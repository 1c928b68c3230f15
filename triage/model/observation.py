"""What one report says of one hop: the only thing that a decoder makes."""

import msgspec

from triage.model.words import Action, Impact, Kind, Phase, Source, TlsVersion, TrustLevel, What


class Reply(msgspec.Struct, frozen=True, omit_defaults=False):
    """One SMTP reply (RFC 5321 §4.2, RFC 3463): code, enhanced status code and text, each as far as known."""

    reply_code: int | None = None
    status: str | None = None
    text: str | None = None


class Tls(msgspec.Struct, frozen=True):
    """What is known of TLS on the hop. `version` is None where nothing tells it, "none" for clear text.

    `error` is the name that the log or reply gives (`SocketError`, `UntrustedRoot`), never a paraphrase.
    """

    version: TlsVersion | None = None
    cipher: str | None = None
    phase: Phase | None = None
    error: str | None = None
    required: bool | None = None


class Product(msgspec.Struct, frozen=True):
    """A product and its build, as a Received stamp or a banner gives them ("Exchange 2010", "14.3.123.4")."""

    product: str | None = None
    build: str | None = None


class Software(msgspec.Struct, frozen=True):
    """The software at both ends of the hop."""

    sending: Product | None = None
    receiving: Product | None = None


class Original(msgspec.Struct, frozen=True):
    """The message that bounced. `message_id` keeps its angle brackets off."""

    message_id: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    subject: str | None = None


class Trust(msgspec.Struct, frozen=True):
    """How far the report itself can be believed, and why."""

    level: TrustLevel = "unknown"
    reasons: tuple[str, ...] = ()


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One hop of one recipient, queue, peer or reporting period: a failure, a delay or a success.

    Host names are lower case without a final dot, addresses keep their case, times are UTC in RFC 3339
    ("2026-10-18T09:14:00Z"). None means unknown; nothing is invented. The fields are the contract of
    `docs/contract.md`.
    """

    source: Source
    action: Action
    impact: Impact = "none"
    recipient: str | None = None
    recipient_domain: str | None = None
    original_recipient: str | None = None
    """The address that the sender wrote, where the report names it and another one (RFC 3464 Original-Recipient)."""
    reply_code: int | None = None
    status: str | None = None
    diagnostic: str | None = None
    wrappers: tuple[Reply, ...] = ()
    reported_by: str | None = None
    sending_host: str | None = None
    sending_ip: str | None = None
    ehlo: str | None = None
    """The name that the SMTP client gave in EHLO, in a protocol log: servers may share it, so it names no machine."""
    next_hop: str | None = None
    """NextHopDomain of the queue that a queue export shows: with the server it names the queue."""
    receiving_host: str | None = None
    receiving_ip: str | None = None
    tls: Tls = Tls()
    software: Software = Software()
    time: str | None = None
    until: str | None = None
    """When the last of them happened, where it stands for several; None where `time` says it all."""
    retry_until: str | None = None
    """Where the report says until when a server goes on trying (RFC 3464 Will-Retry-Until)."""
    count: int = 1
    sessions: tuple[str, ...] = ()
    """Up to three session ids of a protocol log, to find its rows again."""
    language: str | None = None
    """The language in which the report is written, as its tag has it ("sk"), where the report tells it."""
    original: Original = Original()
    trust: Trust = Trust()


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder made of one input document: its kind, what was set aside, and its observations.

    `members` holds, for each observation that stands for sessions of a protocol log, their packed digests (eight bytes
    each), so that a session is counted once however many copies of its rows come in; empty where there are none.
    `what` says more exactly what a document is whose kind is `other`, `auto-reply` or `feedback`.
    """

    kind: Kind
    what: What | None = None
    error: str | None = None
    suppressed: dict[str, int] = msgspec.field(default_factory=dict)
    observations: tuple[Observation, ...] = ()
    members: tuple[bytes, ...] = ()
