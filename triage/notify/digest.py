"""One message about several incidents: the digest of a day, what was held while it was quiet, or that more is held back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from triage.model import ChangeKind, HeldBy, Incident, Notice
from triage.model.mark import Mark
from triage.model.wire import incident_json
from triage.notify.card import VERSION, Payload
from triage.notify.news import is_word_of_silence, main_kind
from triage.notify.phrases import Texts
from triage.notify.redaction import Redaction
from triage.notify.summary import counted, title
from triage.notify.templates import render_text
from triage.safe_text import card_text, cut

ORDER: tuple[ChangeKind, ...] = ("opened", "reopened", "grew", "verdict-changed", "reminder", "resolved")
"""The order in which incidents are told: what somebody has to look at first."""

STANDING = "standing"

ROWS = 7
"""Incidents that a card names: with its other lines it stays a doorbell."""

LINES = 200
"""Incidents that a mail names."""

_TITLE_LIMIT = 110


@dataclass(frozen=True, slots=True)
class Digest:
    """What was held for one sink: each incident as it stands with the notices it is told for, and what else is open.

    `by` is what held it. With "ceiling" there are no items: `held_back` says how many incidents wait, `an_hour` how many
    messages the sink gets.
    """

    id: str
    by: HeldBy | Literal["ceiling"]
    items: tuple[tuple[Incident, tuple[Notice, ...]], ...]
    standing: tuple[Incident, ...]
    texts: Texts
    redact: bool
    now: str
    held_back: int = 0
    an_hour: int = 0
    mark: Mark | None = None
    """How mail of ours is known again."""

    def sections(self) -> list[tuple[str, list[Incident]]]:
        """Give the incidents by what happened to them last, the largest first, and those that are only still open."""
        found: dict[str, list[Incident]] = {kind: [] for kind in (*ORDER, STANDING)}
        for incident, notices in self.items:
            found[STANDING if is_word_of_silence(notices) else main_kind(notices)].append(incident)
        found[STANDING] += self.standing
        return [(kind, sorted(ones, key=_weight)) for kind, ones in found.items() if ones]

    def headline(self) -> str:
        """Say what it is and how many of each kind it tells of."""
        if self.by == "ceiling":
            return self.texts.count("digest.full", self.held_back)
        told = [self.texts.count(f"digest.count.{kind}", len(ones)) for kind, ones in self.sections()]
        return self.texts.phrase(f"digest.title.{self.by}", text=", ".join(told))

    def line(self, incident: Incident) -> str:
        """Name one incident: what is broken, how sure that is, how many messages, its id."""
        name = Redaction(incident, self.redact).text(title(incident, self.texts))
        sure = self.texts.phrase(f"verdict.confidence.{incident.verdict.confidence}").lower()
        counts = ", ".join(counted(incident, self.texts)[:2])
        return " · ".join(filter(None, (cut(name, _TITLE_LIMIT), sure, counts, incident.id)))


def _weight(incident: Incident) -> tuple[int, str]:
    return -(incident.counts.waiting + incident.counts.returned), incident.id


def digest_card(digest: Digest) -> Payload:
    """Give the message for a Teams workflow: one Adaptive Card with a line for each incident, and the number of the rest."""
    texts = digest.texts
    lines = [(kind, digest.line(one)) for kind, ones in digest.sections() for one in ones]
    facts = [
        {"title": texts.phrase(f"digest.section.{kind}"), "value": card_text(text, 200)} for kind, text in lines[:ROWS]
    ]
    if len(lines) > ROWS:
        more = texts.phrase("digest.more", n=texts.number(len(lines) - ROWS))
        facts.append({"title": "…", "value": more})
    headline = card_text(digest.headline(), 200)
    body: list[dict[str, Any]] = [
        {**_block(headline), "size": "medium", "weight": "bolder", "style": "heading"},
        {**_block(texts.phrase(f"digest.intro.{digest.by}", n=texts.number(digest.an_hour))), "spacing": "small"},
        {**_block(texts.phrase(f"digest.next.{digest.by}")), "isSubtle": True, "spacing": "none"},
    ]
    if facts:
        body.append({"type": "FactSet", "facts": facts, "separator": True, "spacing": "medium"})
    content = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": VERSION,
        "fallbackText": texts.phrase("card.fallback", text=headline),
        "msteams": {"width": "Full"},
        "body": body,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _block(text: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True}


def digest_text(digest: Digest) -> tuple[str, str]:
    """Give subject and body of the same as a plain mail."""
    texts = digest.texts
    sections = [
        {
            "title": texts.phrase(f"digest.section.{kind}"),
            "lines": [digest.line(one) for one in ones[:LINES]],
            "more": texts.phrase("digest.more", n=texts.number(len(ones) - LINES)) if len(ones) > LINES else "",
        }
        for kind, ones in digest.sections()
    ]
    view = {
        "headline": digest.headline(),
        "intro": texts.phrase(f"digest.intro.{digest.by}", n=texts.number(digest.an_hour)),
        "next": texts.phrase(f"digest.next.{digest.by}"),
        "sections": sections,
    }
    return digest.headline(), render_text("digest.txt.jinja", view, texts)


def digest_json(digest: Digest, changes: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Give the same for a program: each incident in the form of the contract, with its `changes`."""
    if digest.by == "ceiling":
        data: dict[str, Any] = {"held_back": digest.held_back, "an_hour": digest.an_hour}
        return {"type": "incidents.held_back", "timestamp": digest.now, "data": data}
    told = [
        {"changes": list(of_one), "incident": incident_json(incident)}
        for (incident, _), of_one in zip(digest.items, changes, strict=True)
    ]
    data = {"held_by": digest.by, "incidents": told, "standing": [one.id for one in digest.standing]}
    return {"type": "incidents.digest", "timestamp": digest.now, "data": data}
