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
from triage.diagnose.pattern import BadPattern, PatternSet, find, is_whole
from triage.errors import Misconfigured
from triage.model.words import Actor, Category, Family, Permanence, ResponsibleKind, Side
from triage.typed import converted

if TYPE_CHECKING:  # pydantic is slow to import: only loading the rules needs it
    from triage.diagnose.schema import Rule

SHIPPED = Path(__file__).parent / "rules"
CATEGORIES = Path(__file__).parent.parent / "knowledge" / "categories.toml"

MAX_STATUSES = 1024
"""Enhanced status codes for which the rules are known: RFC 3463 and the vendors name some two hundred."""


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
        self._texts, self._text_rules = _set_of([rule.when.text for rule in rules])
        self._statuses, self._status_rules = _set_of([rule.when.status for rule in rules], whole=True)
        self._fitting = lru_cache(maxsize=MAX_STATUSES)(self._statuses.match)
        self._needs_status = frozenset(self._status_rules)
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

    def candidates(self, case: Case) -> Iterator["Rule"]:
        """Give the rules whose text and status match, in the order in which they are tried.

        Of those that ask for neither, the ones for another reply code, error, phase or source are left out.
        """
        by_text = {self._text_rules[at] for at in self._texts.match(case.text)}
        status = case.seen.status
        by_status = {self._status_rules[at] for at in self._fitting(status)} if status else set()
        worded = {at for at in by_text if at not in self._needs_status or at in by_status}
        found = worded | (by_status & self._status_alone) | self._neither
        for value in (case.seen.reply_code, case.seen.tls.error, case.seen.tls.phase, case.seen.source):
            found |= self._by_value.get(value, frozenset[int]())
        for at in sorted(found):
            yield self.rules[at]

    def match(self, case: Case) -> "Rule | None":
        """Give the first rule whose conditions all hold."""
        return next(self.matches(case), None)

    def matches(self, case: Case) -> Iterator["Rule"]:
        """Give every rule whose conditions all hold, in the order in which they are tried: the first decides."""
        return (rule for rule in self.candidates(case) if _lost(rule, case) is None)

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


_CONDITIONS = tuple(
    (name, attrgetter(wanted), attrgetter(value))
    for name, wanted, value in (
        ("reply code", "reply_code", "seen.reply_code"),
        ("error", "error", "seen.tls.error"),
        ("source", "source", "seen.source"),
        ("action", "action", "seen.action"),
        ("phase", "phase", "seen.tls.phase"),
        ("sending end", "sending", "sending"),
        ("receiving end", "receiving", "receiving"),
    )
)
"""What a rule may ask for beside text and status: its name, where the rule says it, where the case does."""


def _lost(rule: "Rule", case: Case) -> str | None:
    """Say why a rule whose text and status match does not, or None where it does."""
    when = rule.when
    for name, wanted_of, value_of in _CONDITIONS:
        wanted = wanted_of(when)
        if wanted and (value := value_of(case)) not in wanted:
            return f"its {name} is one of {', '.join(map(str, wanted))}; here it is {value or 'not known'}"
    if when.not_text is not None and find(when.not_text, case.text):
        return "the text holds what the rule excludes"
    missing = [name for name in when.evidence if not facts()[name].holds(case)]
    return f"no evidence of {', '.join(missing)}" if missing else None


def named_facts(rule: "Rule") -> tuple[str, ...]:
    """Give the ids of all facts that a rule names."""
    return (*rule.raises, *rule.lowers, *rule.supports, *rule.opposes, *rule.when.evidence)


def _set_of(patterns: Sequence[str | None], whole: bool = False) -> tuple[PatternSet, list[int]]:
    """Give the set of all patterns, and for each of its positions the rule that it belongs to."""
    given = [(at, pattern) for at, pattern in enumerate(patterns) if pattern is not None]
    return PatternSet([pattern for _, pattern in given], whole), [at for at, _ in given]


@cache
def categories() -> dict[Category, CategoryDefaults]:
    """Give the defaults of every category. Raises `Misconfigured` where the file is not what it should be."""
    try:
        content = tomllib.loads(CATEGORIES.read_text(encoding="utf-8"))
        return converted(content, dict[Category, CategoryDefaults])
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"The categories in {CATEGORIES} cannot be read: {error}.") from error
