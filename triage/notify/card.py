"""The Teams card: a doorbell of fewer than 12 lines, whatever the input."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from triage.model import Change, FilledRunbook, Incident
from triage.notify.phrases import Texts
from triage.notify.redaction import Redaction
from triage.notify.summary import HEADLINE_LIMIT, Summary, effort, first_step, summarise
from triage.safe_text import card_text

BUDGET = 18_000
"""Bytes of the whole payload, every character beyond ASCII escaped: Teams takes some 28 KB with its own
envelope, other clients of the same service were seen to fail at 21 KB, and indentation must still fit."""

VERSION = "1.5"
"""The newest card version that Teams shows."""

_LINK_LIMIT = 1_000
"""Characters of a link: three of them must leave room for the words."""

_ROOM = ((2, 220), (2, 140), (1, 80), (1, 40))
"""How many texts a row holds and how long each may be: the widest that fits the budget is taken."""

_COLOURS = {"certain": "attention", "probable": "warning", "possible": "accent"}

Payload = dict[str, object]
_Element = dict[str, Any]


def card(
    incident: Incident,
    runbook: FilledRunbook,
    texts: Texts,
    *,
    redact: bool = True,
    now: str,
    link: str | None = None,
    news: Sequence[Change] = (),
) -> Payload:
    """Give the whole message for a Teams workflow: one Adaptive Card, under 20 KB.

    `now` is RFC 3339. `link` is the https address of the incident's ticket; without one there are no buttons.
    `news` are the changes that it is sent for; without any it tells the last one.
    """
    redaction = Redaction(incident, redact)
    summary = summarise(incident, texts, redaction, now, news)
    payload: Payload = {}
    for many, limit in _ROOM:
        rows = _Rows(incident, runbook, summary, texts, redaction, many, limit)
        payload = _message(incident, summary, rows.facts(), _actions(link, texts), texts)
        if size(payload) <= BUDGET:
            break
    return payload


def size(payload: Payload) -> int:
    """Count the bytes of a payload in the longer of the two ways in which JSON is written."""
    return len(json.dumps(payload, ensure_ascii=True))


def _message(
    incident: Incident, summary: Summary, rows: list[_Element], actions: list[_Element], texts: Texts
) -> Payload:
    headline = card_text(summary.headline, HEADLINE_LIMIT)
    colour = "good" if incident.state == "resolved" else _COLOURS[incident.verdict.confidence]
    content: dict[str, object] = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": VERSION,
        "fallbackText": texts.phrase("card.fallback", text=headline),
        "msteams": {"width": "Full"},
        "body": [
            {**_block(headline), "size": "medium", "weight": "bolder", "style": "heading"},
            {**_block(card_text(summary.verdict, 200)), "color": colour, "spacing": "small"},
            {**_block(card_text(summary.counts, 300)), "spacing": "small"},
            {**_block(card_text(_state(incident, texts) + summary.why, 300)), "isSubtle": True, "spacing": "none"},
            {"type": "FactSet", "facts": rows, "separator": True, "spacing": "medium"},
        ],
    }
    if actions:
        content["actions"] = actions
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _state(incident: Incident, texts: Texts) -> str:
    if incident.acknowledged_by and incident.state != "resolved":
        return texts.phrase("state.acknowledged", host=card_text(incident.acknowledged_by, 40)) + ". "
    return "" if incident.state == "open" else texts.phrase(f"state.{incident.state}") + ". "


def _block(text: str) -> _Element:
    return {"type": "TextBlock", "text": text, "wrap": True}


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a card, each of at most `many` texts of `limit` characters."""

    incident: Incident
    runbook: FilledRunbook
    summary: Summary
    texts: Texts
    redaction: Redaction
    many: int
    limit: int

    def facts(self) -> list[_Element]:
        """Make the rows: who (recipient faults only), for, against, first, then, and what else blames the same host."""
        wanted, step = first_step(self.incident, self.runbook)
        first = self._short(wanted) or self.texts.phrase("card.read_ticket")
        cost = effort(step, self.incident.family, self.texts)
        rows = [
            ("who", self._who()),
            ("for", self._joined(self.summary.supports) or self.texts.phrase("card.nothing_for")),
            ("against", self._joined(self.summary.against) or self.texts.phrase("card.nothing_against")),
            ("first", card_text(first, self.limit) + (f" ({cost})" if cost else "")),
            ("then", self._then(wanted)),
            ("also", self._also()),
        ]
        return [{"title": self.texts.phrase(f"card.{name}"), "value": value} for name, value in rows if value]

    def _who(self) -> str:
        recipient = self.incident.sample.recipient if self.incident.sample else None
        if self.incident.family != "recipient" or not recipient:
            return ""
        shown = card_text(self.redaction.address(recipient) or "", 120)
        return f"{shown}{self._more(self.incident.recipients - 1)}"

    def _then(self, first: str) -> str:
        """Say what follows the first step. While the verdict is only possible nothing changes a server."""
        possible = self.incident.verdict.confidence == "possible"
        steps = [step for step in (self.runbook.check if possible else self.runbook.change) if step.title != first]
        parts = [self._joined(tuple(self.redaction.text(step.title) for step in steps))]
        if possible and self.incident.family == "session" and not self.summary.names.culprit_is_foreign:
            named = self.incident.verdict.responsible.host is not None
            host = card_text(self.summary.names.culprit, self.limit) if named else self.texts.phrase("card.the_server")
            parts.append(self.texts.phrase("card.not_yet", host=host))
        elif not possible and any(step.restart for step in steps):
            parts.append(self.texts.phrase("card.restart_later"))
        return " ".join(part.rstrip(".") + "." for part in parts if part)

    def _also(self) -> str:
        """Name the other incidents that blame the same host: one mend may end them all."""
        linked = self.incident.linked
        if not linked or self.incident.state == "resolved":
            return ""
        named = ", ".join(card_text(one, 20) for one in linked[:3])
        return f"{self.texts.count('card.linked', len(linked))}: {named}{self._more(len(linked) - 3)}"

    def _joined(self, parts: tuple[str, ...]) -> str:
        shown = "; ".join(card_text(self._short(part), self.limit).rstrip(".;") for part in parts[: self.many])
        return f"{shown}{self._more(len(parts) - self.many)}"

    def _short(self, text: str) -> str:
        return self.summary.names.short(self.redaction.text(text))

    def _more(self, left: int) -> str:
        return " " + self.texts.phrase("card.more", n=self.texts.number(left)) if left > 0 else ""


def _actions(link: str | None, texts: Texts) -> list[_Element]:
    """Make the buttons: none without an https link; a ticket page has its parts at these fragments."""
    if not link or not is_safe_link(link):
        return []
    targets = [("open", link)]
    if not urlsplit(link).fragment:
        targets += [("steps", f"{link}#do-this"), ("affected", f"{link}#who-is-hit")]
    return [{"type": "Action.OpenUrl", "title": texts.phrase(f"card.{name}"), "url": url} for name, url in targets]


def is_safe_link(link: str) -> bool:
    """Tell whether a link may become a button: https, a host, printable ASCII without spaces, of bounded length."""
    if len(link) > _LINK_LIMIT or not link.isascii() or not link.isprintable() or " " in link:
        return False
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and parts.username is None
