"""Changes to people: what a Teams card, a ticket and the list of affected mail say of an incident."""

from triage.notify.affected import affected_csv
from triage.notify.card import card
from triage.notify.card_check import problems
from triage.notify.phrases import Texts
from triage.notify.summary import title
from triage.notify.ticket import ticket_html, ticket_markdown

__all__ = ["Texts", "affected_csv", "card", "problems", "ticket_html", "ticket_markdown", "title"]
