"""The proof of the rules: each sample is run, and what contradicts itself is named."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from triage.diagnose.case import case_of
from triage.diagnose.engine import runbook_of
from triage.diagnose.rulebook import Rulebook, categories, why_not
from triage.hosts import Hosts
from triage.model import Observation, Product, Software, Tls
from triage.model.words import CATEGORIES

if TYPE_CHECKING:
    from triage.diagnose.schema import Rule, Sample

HEAD = re.compile(r"\s*([245]\d\d)(?:[ -]+#?([245]\.\d{1,3}\.\d{1,3}))?")
"""The head of a reply (RFC 5321 §4.2, RFC 2034 §4)."""

HOSTS = Hosts(domains=["contoso.example"])
"""Samples are run with this domain as ours."""


def problems(book: Rulebook, runbooks: Collection[str] | None) -> list[str]:
    """Give what is wrong with the rules, a sentence each, in the order of the rules."""
    return [
        *_twice(book),
        *(problem for rule in book.rules for problem in _incomplete(rule)),
        *(problem for rule in book.rules for problem in _unproved(rule, book)),
        *_divided(book),
        *_without_runbook(book, runbooks),
        *(f"Category {name} has no entry in categories.toml." for name in CATEGORIES if name not in categories()),
    ]


def _twice(book: Rulebook) -> Iterator[str]:
    for name, count in Counter(rule.id for rule in book.rules).items():
        if count > 1:
            yield f"Rule {name} exists {count} times: give each its own id."


def _incomplete(rule: "Rule") -> Iterator[str]:
    if not rule.samples:
        yield f"Rule {rule.id} has no sample: nothing shows that it ever matches."
    if not rule.source:
        yield f"Rule {rule.id} names no source."
    if rule.read_on is None:
        yield f"Rule {rule.id} does not say when its source was read (read_on)."


def _unproved(rule: "Rule", book: Rulebook) -> Iterator[str]:
    for sample in rule.samples:
        case = case_of(observation_of(sample), HOSTS)
        reason = why_not(rule, case)
        winner = book.match(case)
        if reason is not None:
            yield f"Rule {rule.id} does not match its own sample {_short(sample)}: {reason}."
        elif winner is not rule and winner is not None:
            yield f"Rule {rule.id} is shadowed: rule {winner.id} comes first and takes the sample {_short(sample)}."
    for sample in rule.not_samples:
        if why_not(rule, case_of(observation_of(sample), HOSTS)) is None:
            yield f"Rule {rule.id} matches what it says it must not: {_short(sample)}."


def _divided(book: Rulebook) -> Iterator[str]:
    """Rules on one text that differ in family would put the reports of one fault into two incidents."""
    families: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for rule in book.rules:
        if rule.when.text is not None:
            family = rule.family or categories()[rule.category].family
            families[rule.when.text].setdefault(family, rule.id)
    for by_family in families.values():
        if len(by_family) > 1:
            named = " and ".join(f"{name} ({family})" for family, name in sorted(by_family.items()))
            yield f"Rules {named} look for the same text but belong to different families."


def _without_runbook(book: Rulebook, runbooks: Collection[str] | None) -> Iterator[str]:
    if runbooks is None:
        return
    for rule in book.rules:
        name = rule.runbook or runbook_of(rule.category, categories()[rule.category])
        if name not in runbooks:
            yield f"Rule {rule.id} names the runbook {name}, which does not exist."


def observation_of(sample: "str | Sample") -> Observation:
    """Give the observation that a sample stands for; reply code and status come from the text's head."""
    from triage.diagnose.schema import Sample

    given = Sample(text=sample) if isinstance(sample, str) else sample
    head = HEAD.match(given.text)
    code = int(head[1]) if head else None
    return Observation(
        source=given.source,
        action=given.action,
        recipient="jo@fabrikam.example",
        recipient_domain="fabrikam.example",
        reply_code=given.reply_code or code,
        status=given.status or (head[2] if head else None),
        diagnostic=given.text or None,
        sending_host=given.sending_host,
        receiving_host=given.receiving_host,
        tls=Tls(error=given.error, required=given.required, phase=given.phase),
        software=Software(_product(given.sending_build), _product(given.receiving_build)),
    )


def _product(build: str | None) -> Product | None:
    return Product(build=build) if build else None


def _short(sample: "str | Sample") -> str:
    text = sample if isinstance(sample, str) else sample.text or repr(sample)
    return f"“{text[:100]}”"
