"""What is told to people outside of the mail team: facts for drafts, whose words `notify` finds and nobody sends for us."""

from typing import Literal

import msgspec

from triage.model.words import Actor, Confidence, Phase

Topic = Literal[
    "version",
    "cipher",
    "starttls",
    "certificate",
    "handshake",
    "dropped",
    "refused",
    "timeout",
    "dns",
    "authentication",
    "block",
    "policy",
    "system",
    "recipient",
    "general",
]
"""What a letter is about: each has paragraphs of its own."""

NoteKind = Literal[
    "returned",
    "waiting",
    "wrong-address",
    "inactive",
    "mailbox-full",
    "too-large",
    "blocked",
    "content",
    "too-many",
    "delivered",
]
"""What happened to somebody's message, as that person needs to know it."""


class PartnerLetter(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a letter to a partner's postmaster, nothing of them internal to us; None where nothing tells it.

    `they_send` is true where their server is the SMTP client. `reply` is the reply in its own words, without addresses
    of people and names of our network. `cleared` are ids of what is ruled out on our side.
    """

    incident: str
    topic: Topic
    confidence: Confidence
    they_send: bool = False
    theirs: str | None = None
    their_ip: str | None = None
    domain: str | None = None
    ours: str | None = None
    our_ip: str | None = None
    our_domain: str | None = None
    through_exchange_online: bool = False
    reply: str | None = None
    phase: Phase | None = None
    first: str | None = None
    last: str | None = None
    returned: int = 0
    waiting: int = 0
    sessions: int = 0
    tried_until: str | None = None
    cleared: tuple[str, ...] = ()


class NoLetter(msgspec.Struct, frozen=True):
    """Why there is no letter: somebody else has to act."""

    actor: Actor | None


class SenderNote(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of a note to the person whose message it was."""

    incident: str
    kind: NoteKind
    recipient: str | None = None
    domain: str | None = None
    tried_until: str | None = None
    language: str | None = None
    """The language in which the report is written, where it tells one: whoever got it reads that."""
