"""The sentences, labels and line shapes of `phrases/prose.toml`, loaded and compiled once."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec

from triage.decode.failure import ADDRESS
from triage.decode.patterns import Patterns
from triage.model.words import Action
from triage.typed import converted

PHRASES = Path(__file__).parent / "phrases" / "prose.toml"

_GROUPS = {
    "ADDRESS": rf"(?P<address>{ADDRESS})",
    "HOST": r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,63}\.){1,12}[A-Za-z0-9-]{1,63})",
    "IP": r"(?P<ip>(?:IPv6:)?[0-9A-Fa-f]{1,4}[0-9A-Fa-f:.]{2,41})",
}
_ROUGHLY = {"ADDRESS": r"\S+@\S+", "HOST": "[A-Za-z0-9_.-]+", "IP": "[0-9A-Za-z:.]+"}
"""What the groups hold at least, in a pattern that only tells whether it is worth looking closer."""


class Introduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[introduction]]` of `phrases/prose.toml`.

    `local_names` is True for a provider that names mailboxes of its own domain without the domain, `reason_first` for
    one that puts each reason above its recipient.
    """

    mailer: str
    action: Action
    example: str
    counterexample: str
    source: str
    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    local_names: bool = False
    reason_first: bool = False


class Wordings:
    """The sentences of introductions, in the order in which they count."""

    def __init__(self, wordings: Sequence[tuple[Introduction, str]]) -> None:
        """Take each sentence with its introduction."""
        self._wordings = tuple(wordings)

    def within(self, text: str) -> list[tuple[Introduction, int]]:
        """Give those that stand in a text, in their order, each with where it stands."""
        return [(introduction, text.find(phrase)) for introduction, phrase in self._wordings if phrase in text]


class Phrases(msgspec.Struct, frozen=True):
    """The whole of `phrases/prose.toml`, compiled; `end` is any of `ends`."""

    introductions: tuple[Introduction, ...]
    strong: Wordings
    weak: Wordings
    original: Patterns
    recipient: Patterns
    sentences: Patterns
    service: frozenset[str]
    replies: Patterns
    labels: Patterns
    ends: Patterns
    end: re.Pattern[str]
    noise: Patterns
    servers: Patterns
    line_labels: tuple[str, ...]
    before_a_name: tuple[str, ...]
    before_an_address: tuple[str, ...]
    transcripts: Patterns
    reporters: Patterns


@cache
def phrases() -> Phrases:
    """Load the phrases, once."""
    raw = tomllib.loads(PHRASES.read_text(encoding="utf-8"))
    introductions = converted(raw["introduction"], tuple[Introduction, ...])
    return Phrases(
        introductions=introductions,
        strong=Wordings([(one, phrase) for one in introductions for phrase in one.strong]),
        weak=Wordings([(one, phrase) for one in introductions for phrase in one.weak]),
        original=_compiled(raw["original"]["starts"], re.IGNORECASE),
        recipient=_compiled(raw["recipient"]["lines"]),
        sentences=_compiled(raw["recipient"]["sentences"]),
        service=frozenset(raw["recipient"]["service"]),
        replies=_compiled(raw["reply"]["starts"]),
        labels=_compiled(raw["reply"]["labels"]),
        ends=_compiled(raw["reply"]["ends"]),
        end=re.compile("|".join(map(_scoped, raw["reply"]["ends"]))),
        noise=_compiled(raw["reply"]["noise"]),
        servers=_compiled(raw["server"]["lines"]),
        line_labels=tuple(raw["joined"]["labels"]),
        before_a_name=tuple(raw["server"]["before_a_name"]),
        before_an_address=tuple(raw["server"]["before_an_address"]),
        transcripts=_compiled(raw["server"]["transcripts"]),
        reporters=_compiled(raw["reporter"]["lines"]),
    )


def is_service(address: str) -> bool:
    """True for a mailbox to which the reader of a report may turn."""
    return address.partition("@")[0].lower() in phrases().service


def _compiled(patterns: list[str], flags: int = 0) -> Patterns:
    compiled = [re.compile(_with_groups(pattern, _GROUPS), flags) for pattern in patterns]
    return Patterns.of(compiled, [_with_groups(pattern, _ROUGHLY) for pattern in patterns])


def _scoped(pattern: str) -> str:
    """Give a pattern as one of several in another: whether case counts is then its own affair."""
    return f"(?i:{pattern.removeprefix('(?i)')})" if pattern.startswith("(?i)") else f"(?:{pattern})"


def _with_groups(pattern: str, groups: dict[str, str]) -> str:
    for name, group in groups.items():
        pattern = group.join(re.split(rf"(?<![A-Za-z]){name}(?![A-Za-z])", pattern))
    return pattern
