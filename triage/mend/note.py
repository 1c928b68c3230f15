"""What happened to somebody's message, as that person needs to know it."""

from typing import get_args

from triage.errors import NotFound
from triage.model import Affected, Incident
from triage.model.draft import NoteKind, SenderNote
from triage.model.words import Category

KINDS: tuple[NoteKind, ...] = get_args(NoteKind)

_OF_CATEGORY: dict[Category, NoteKind] = {
    "recipient-unknown": "wrong-address",
    "recipient-inactive": "inactive",
    "mailbox-full": "mailbox-full",
    "message-too-large": "too-large",
    "content-rejected": "content",
    "spam-block": "blocked",
    "reputation": "blocked",
    "authentication": "blocked",
    "policy": "blocked",
    "relay-denied": "blocked",
    "rate-limit": "too-many",
}
"""Every other fault lies between servers: the message was returned, or waits."""


def note(incident: Incident, one: Affected | None = None, kind: NoteKind | None = None) -> SenderNote:
    """Give the facts of a note on one affected message, else on the incident as a whole; `kind` overrules what they say.

    A message that still waits must not be sent again, whatever the fault is: that comes first. It names the address that
    the sender wrote, not the one that an alias made of it.
    """
    seen = incident.sample
    recipient = (one.sent_to or one.recipient) if one is not None else None
    until = one.tried_until if one is not None else seen.retry_until if seen is not None else None
    return SenderNote(
        incident=incident.id,
        kind=kind or _kind(incident, one),
        recipient=recipient,
        domain=recipient.rpartition("@")[2] if recipient else seen.recipient_domain if seen is not None else None,
        tried_until=until,
        language=one.language if one is not None else seen.language if seen is not None else None,
    )


def find_affected(affected: tuple[Affected, ...], recipient: str) -> Affected:
    """Find the message to a recipient, by either address; of several the one that still waits. Raises `NotFound`."""
    wanted = recipient.strip().lower()
    found = [one for one in affected if wanted in ((one.recipient or "").lower(), (one.sent_to or "").lower())]
    if not found:
        raise NotFound(f"No message to {recipient} is counted in this incident; `affected.csv` lists those that are.")
    order = ("waiting", "returned", "delivered-later")
    return min(found, key=lambda one: order.index(one.state))


def _kind(incident: Incident, one: Affected | None) -> NoteKind:
    if one is not None and one.state == "delivered-later":
        return "delivered"
    counts = incident.counts
    waits = one.state == "waiting" if one is not None else bool(counts.waiting) and not counts.returned
    return "waiting" if waits else _OF_CATEGORY.get(incident.verdict.category, "returned")
