"""The rules in the order in which they are tried, and an index that finds the few that a report can match.

A site's rules come first, ours last; within a folder the files' names give the order; the first match wins.
"""

import tomllib
from collections.abc import Collection, Iterator, Sequence
from functools import cache, lru_cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from triage.diagnose.case import Case
from triage.diagnose.evidence import facts
from triage.diagnose.pattern import BadPattern, PatternSet, find, is_whole, occurs
from triage.errors import Misconfigured
from triage.model.words import Actor, Category, Family, Permanence, ResponsibleKind, Side
from triage.typed import converted

if TYPE_CHECKING:  # pydantic is slow to import: only loading the rules needs it
    from triage.diagnose.schema import Rule, When

SHIPPED = Path(__file__).parent / "rules"
CATEGORIES = Path(__file__).parent.parent / "knowledge" / "categories.toml"

MAX_STATUSES = 1024
"""Enhanced status codes for which the rules are known: RFC 3463 and the vendors name some two hundred."""

MAX_SESSIONS = 1024
"""Statuses with what else is known of a failure, for which the rules without a text are known: a site's mail shows some
dozens over and over."""

_NONE: frozenset[int] = frozenset()


class Owed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What and where a category's fault is, where a rule does not say it."""

    kind: ResponsibleKind | None = None
    side: Side | None = None


class CategoryDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of `knowledge/categories.toml`."""

    title: str
    family: Family
    actor: Actor | Literal["owner"]
    next_check: str
    runbook: str | None = None
    permanence: Permanence | None = None
    responsible: Owed = Owed()


class Rulebook:
    """All rules, indexed. Matching is linear in the text, and hardly grows with the number of rules."""

    def __init__(self, rules: Sequence["Rule"], paths: Sequence[Path] = ()) -> None:
        """Index the rules, which are in the order in which they are tried; `paths` are their files, for messages."""
        self.rules = tuple(rules)
        self.paths = tuple(paths)
        patterns = dict.fromkeys(
            one for rule in rules for one in (rule.when.text, rule.when.not_text) if one is not None
        )
        self._texts = PatternSet(patterns)
        place_of = {pattern: place for place, pattern in enumerate(patterns)}
        self._wanted = [place_of.get(rule.when.text or "") for rule in rules]
        self._unwanted = [place_of.get(rule.when.not_text or "") for rule in rules]
        self._worded: list[list[int]] = [[] for _ in patterns]
        for at, place in enumerate(self._wanted):
            if place is not None:
                self._worded[place].append(at)
        self._status_rules = [at for at, rule in enumerate(rules) if rule.when.status is not None]
        self._statuses = PatternSet([rules[at].when.status or "" for at in self._status_rules], whole=True)
        self._of_status = lru_cache(maxsize=MAX_STATUSES)(self._fitting)
        self._needs_status = frozenset(self._status_rules)
        self._asked = [_asked(rule.when) for rule in rules]
        textless = frozenset(at for at, rule in enumerate(rules) if rule.when.text is None)
        self._status_alone = textless & self._needs_status
        neither = textless - self._needs_status
        self._by_value: dict[object, set[int]] = {}
        self._neither: set[int] = set()
        for at in neither:
            when = rules[at].when
            wanted: Collection[object] = when.reply_code or when.error or when.phase or when.source
            for places in [self._by_value.setdefault(one, set()) for one in wanted] or [self._neither]:
                places.add(at)
        self._textless = lru_cache(maxsize=MAX_SESSIONS)(self._standing)

    @classmethod
    def load(cls, site: Path | None = None) -> "Rulebook":
        """Read the site's rules, if it has any, and ours. Raises `Misconfigured` with what is wrong and where."""
        from triage.diagnose.schema import read_folder

        if site is not None and not site.is_dir():
            raise Misconfigured(f"There is no folder of rules {site}.")
        read = [*(read_folder(site) if site else ()), *read_folder(SHIPPED)]
        try:
            book = cls([rule for _, rule in read], [path for path, _ in read])
        except BadPattern as error:
            raise Misconfigured(f"The rules cannot be used together: {error}.") from error
        known = facts()
        for path, rule in read:
            unknown = sorted(name for name in named_facts(rule) if name not in known)
            if unknown:
                raise Misconfigured(f"The rules in {path} are wrong: rule {rule.id!r} names no such fact: {unknown}.")
        categories()
        return book

    def match(self, case: Case) -> "Rule | None":
        """Give the first rule whose conditions all hold."""
        return next(self.matches(case), None)

    def matches(self, case: Case) -> Iterator["Rule"]:
        """Give every rule whose conditions all hold, in the order in which they are tried: the first decides."""
        status, values = case.seen.status, _values(case)
        of_status = self._of_status(status) if status else _NONE
        places = self._texts.possible(case.text)
        found = list(self._textless(status, values))
        for place in places:
            found += [at for at in self._worded[place] if self._stands(at, values, of_status)]
        found.sort()
        for at in found:
            if self._is_worded(at, case.text, places) and not _unproved(self.rules[at].when, case):
                yield self.rules[at]

    def _fitting(self, status: str) -> frozenset[int]:
        """Give the rules that ask for this status among others."""
        return frozenset(self._status_rules[at] for at in self._statuses.match(status))

    def _standing(self, status: str | None, values: "_Values") -> tuple[int, ...]:
        """Give the rules without a text whose status and values are these."""
        of_status = self._of_status(status) if status else _NONE
        found = (of_status & self._status_alone) | self._neither
        for value in values:
            found |= self._by_value.get(value, _NONE)
        return tuple(at for at in found if self._stands(at, values, of_status))

    def _stands(self, at: int, values: "_Values", of_status: Collection[int]) -> bool:
        """Say whether a rule asks for no other status and no other values."""
        for place, wanted in self._asked[at]:
            if values[place] not in wanted:
                return False
        return at in of_status or at not in self._needs_status

    def _is_worded(self, at: int, text: str, places: Sequence[int]) -> bool:
        """Say whether a rule's text, of those that are possible, matches with its bounds, and what it excludes does not."""
        wanted, unwanted = self._wanted[at], self._unwanted[at]
        if wanted is not None and not self._texts.fits(wanted, text):
            return False
        return unwanted not in places or unwanted is None or not self._texts.fits(unwanted, text)

    def check(self, runbooks: Collection[str] | None = None) -> list[str]:
        """Give what is wrong with the rules, a sentence each; nothing where all is well.

        `runbooks` are the ids of the runbooks that exist; None leaves the runbooks unchecked.
        """
        from triage.diagnose.proof import problems

        return problems(self, runbooks)


def why_not(rule: "Rule", case: Case) -> str | None:
    """Say why a rule does not match a case, or None where it does."""
    when, status = rule.when, case.seen.status
    if when.text is not None and find(when.text, case.text) is None:
        return "its text does not occur"
    if when.status is not None and (status is None or not is_whole(when.status, status)):
        return f"its status is {when.status}; here it is {status or 'not known'}"
    return _lost(rule, case)


_Values = tuple[int | str | None, ...]
"""What a case says of each of `_CONDITIONS`, in their order."""

_CONDITIONS = tuple(
    (name, attrgetter(wanted))
    for name, wanted in (
        ("reply code", "reply_code"),
        ("error", "error"),
        ("source", "source"),
        ("action", "action"),
        ("phase", "phase"),
        ("sending end", "sending"),
        ("receiving end", "receiving"),
    )
)
"""What a rule may ask for beside text and status: its name, and where the rule says it."""


def _values(case: Case) -> _Values:
    seen, tls = case.seen, case.seen.tls
    return seen.reply_code, tls.error, seen.source, seen.action, tls.phase, case.sending, case.receiving


def _asked(when: "When") -> tuple[tuple[int, Collection[object]], ...]:
    """Give the conditions that a rule has: the place of each, and what it asks for there."""
    given = ((place, wanted_of(when)) for place, (_, wanted_of) in enumerate(_CONDITIONS))
    return tuple((place, wanted) for place, wanted in given if wanted)


def _lost(rule: "Rule", case: Case) -> str | None:
    """Say why a rule whose text and status match does not, or None where it does."""
    for (name, wanted_of), value in zip(_CONDITIONS, _values(case), strict=True):
        wanted = wanted_of(rule.when)
        if wanted and value not in wanted:
            return f"its {name} is one of {', '.join(map(str, wanted))}; here it is {value or 'not known'}"
    if rule.when.not_text is not None and occurs(rule.when.not_text, case.text):
        return "the text holds what the rule excludes"
    missing = _unproved(rule.when, case)
    return f"no evidence of {', '.join(missing)}" if missing else None


def _unproved(when: "When", case: Case) -> list[str]:
    """Give the facts that a rule asks for and that do not hold."""
    return [name for name in when.evidence if not facts()[name].holds(case)]


def named_facts(rule: "Rule") -> tuple[str, ...]:
    """Give the ids of all facts that a rule names."""
    return (*rule.raises, *rule.lowers, *rule.supports, *rule.opposes, *rule.when.evidence)


@cache
def categories() -> dict[Category, CategoryDefaults]:
    """Give the defaults of every category. Raises `Misconfigured` where the file is not what it should be."""
    try:
        content = tomllib.loads(CATEGORIES.read_text(encoding="utf-8"))
        return converted(content, dict[Category, CategoryDefaults])
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"The categories in {CATEGORIES} cannot be read: {error}.") from error
