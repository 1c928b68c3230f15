"""Changes to people: what a card, a ticket, the list of affected mail and drafts to strangers say of an incident."""

from triage.notify.affected import affected_csv
from triage.notify.card import card
from triage.notify.card_check import problems
from triage.notify.digest import Digest, digest_text
from triage.notify.drafts import letter_text, note_text
from triage.notify.letter import Letter
from triage.notify.outcome import Accepted, Later, Refused
from triage.notify.phrases import Texts
from triage.notify.policy import Decision, Placed, Policy
from triage.notify.relay import DigestSink, Sink, deliver, deliver_digest
from triage.notify.sinks import SINKS, open_sinks, ready
from triage.notify.summary import title
from triage.notify.ticket import ticket_html, ticket_markdown

__all__ = [
    "SINKS",
    "Accepted",
    "Decision",
    "Digest",
    "DigestSink",
    "Later",
    "Letter",
    "Placed",
    "Policy",
    "Refused",
    "Sink",
    "Texts",
    "affected_csv",
    "card",
    "deliver",
    "deliver_digest",
    "digest_text",
    "letter_text",
    "note_text",
    "open_sinks",
    "problems",
    "ready",
    "ticket_html",
    "ticket_markdown",
    "title",
]
