"""What Teams takes of an Adaptive Card from a workflow: checked before a card is sent.

A workflow answers 202 before it looks at the card, so a wrong one is lost without a word. This checks the
structure; that the words are harmless is the work of `safe_text.card_text`.
"""

from collections.abc import Iterator
from typing import Any

from triage.notify.card import VERSION, is_safe_link, size

LIMIT = 20_000
"""Bytes of the payload as a sink may write it."""

_ELEMENTS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    # type: (keys that must be there, keys that may be)
    "TextBlock": (frozenset({"text"}), frozenset("wrap size weight color style isSubtle spacing separator".split())),
    "FactSet": (frozenset({"facts"}), frozenset({"spacing", "separator"})),
}
_CARD = (frozenset({"version", "body"}), frozenset({"$schema", "fallbackText", "msteams", "actions"}))
_WORDS = {
    "size": frozenset({"small", "default", "medium", "large"}),
    "weight": frozenset({"lighter", "default", "bolder"}),
    "color": frozenset({"default", "accent", "good", "warning", "attention"}),
    "style": frozenset({"default", "heading"}),
    "spacing": frozenset({"none", "small", "default", "medium", "large"}),
}
_BUTTONS = 3
_LINES = 11


def problems(payload: dict[str, Any]) -> list[str]:
    """Name what is wrong with a message for Teams, a sentence each; empty for one that can be sent."""
    found = [] if size(payload) < LIMIT else [f"The payload has {size(payload)} bytes; the limit is {LIMIT}."]
    attachments = payload.get("attachments")
    if payload.get("type") != "message" or not isinstance(attachments, list) or len(attachments) != 1:
        return [*found, "The payload is not a message with one attachment."]
    content = attachments[0].get("content")
    if attachments[0].get("contentType") != "application/vnd.microsoft.card.adaptive" or not isinstance(content, dict):
        return [*found, "The attachment is not an Adaptive Card."]
    return [*found, *_card(content)]


def _card(content: dict[str, Any]) -> Iterator[str]:
    if content.get("type") != "AdaptiveCard":
        yield "The content is not an AdaptiveCard."
    yield from _keys("AdaptiveCard", content, *_CARD)
    if content.get("version") not in ("1.0", "1.1", "1.2", "1.3", "1.4", VERSION):
        yield f"The version {content.get('version')!r} is newer than {VERSION} or none."
    lines = 0
    for element in content.get("body", []):
        yield from _element(element)
        lines += len(element.get("facts", [None]))
    if not 0 < lines <= _LINES:
        yield f"The card has {lines} lines; 1 to {_LINES} are allowed."
    yield from _buttons(content.get("actions", []))


def _element(element: dict[str, Any]) -> Iterator[str]:
    kind = element.get("type")
    if kind not in _ELEMENTS:
        yield f"The element {kind!r} is not one that our cards use."
        return
    yield from _keys(kind, element, *_ELEMENTS[kind])
    for key, allowed in _WORDS.items():
        if key in element and element[key] not in allowed:
            yield f"{kind}.{key} is {element[key]!r}."
    facts = element.get("facts", [])
    texts = (
        [element.get("text")]
        if kind == "TextBlock"
        else [fact.get(key) for fact in facts for key in ("title", "value")]
    )
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            yield f"A text of a {kind} is empty or missing."
        elif "\n" in text or "](" in text or "<at>" in text.lower():
            yield f"A text of a {kind} has a line feed, a link or a mention: {text[:60]!r}."


def _keys(kind: str, element: dict[str, Any], required: frozenset[str], optional: frozenset[str]) -> Iterator[str]:
    given = element.keys() - {"type"}
    for key in sorted(required - given):
        yield f"{kind} lacks {key}."
    for key in sorted(given - required - optional):
        yield f"{kind} has the unknown key {key}."


def _buttons(actions: list[dict[str, Any]]) -> Iterator[str]:
    if len(actions) > _BUTTONS:
        yield f"The card has {len(actions)} buttons; at most {_BUTTONS} are allowed."
    for action in actions:
        if action.get("type") != "Action.OpenUrl" or action.keys() != {"type", "title", "url"}:
            yield "A button is not an Action.OpenUrl with a title and a url alone."
        elif not is_safe_link(str(action["url"])):
            yield "A button leads to an address that is not plain https."
