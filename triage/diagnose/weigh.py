"""Confidence is evidence added up: the facts that hold for a rule and a case, and how sure they leave us.

A code alone never makes `certain`. That takes a text that states the cause, or a handshake seen to fail together with
a fact that proves why; and a report that can be believed.
"""

from typing import TYPE_CHECKING

import msgspec

from triage.diagnose.case import Case
from triage.diagnose.evidence import Fact, facts
from triage.model.words import CONFIDENCES, OWN_RECORDS, Category, Confidence, rank

if TYPE_CHECKING:
    from triage.diagnose.schema import Rule

HANDSHAKE = "handshake"


class Weighed(msgspec.Struct, frozen=True):
    """How sure a rule is of its category in this case, and why; `confidence` None is less than possible.

    `speaks_for` and `speaks_against` hold the facts with their strength, the strongest first.
    """

    confidence: Confidence | None
    speaks_for: tuple[tuple[Fact, int], ...]
    speaks_against: tuple[tuple[Fact, int], ...]


def weigh(rule: "Rule", case: Case) -> Weighed:
    """Add up the facts that hold for a rule in a case."""
    raises, lowers = _holding(rule.raises, case), _holding(rule.lowers, case)
    score = rank(rule.confidence)
    for fact in raises:
        score += fact.steps
    for fact in lowers:
        score -= fact.steps
    is_low = case.seen.trust.level == "low"
    if is_low:
        # A report that is hard to believe adds nothing that it says for itself.
        score = min(score, rank("possible"))
    confidence = None if score < 0 else CONFIDENCES[min(score, rank(_most(rule, case, raises)))]
    speaks_for = [(fact, _strength(fact)) for fact in raises]
    speaks_for += [(fact, 0) for fact in _holding(rule.supports, case)]
    if rule.states_cause:
        speaks_for.append((facts()["text-states-cause"], 4))
    against = [(fact, fact.steps) for fact in lowers]
    against += [(fact, 0) for fact in _holding(rule.opposes, case)]
    if is_low:
        against.append((facts()["trust-low"], 3))
    return Weighed(confidence, _ordered(speaks_for), _ordered(against))


def turned(weighed: Weighed, category: Category, confidence: Confidence) -> Weighed:
    """Weigh the same facts for the alternative that takes the place of a rule.

    What lowered the rule speaks for the alternative, what raised it speaks against. Facts that moved nothing stay
    only where they speak for the alternative by themselves.
    """
    facts_held = [*weighed.speaks_for, *weighed.speaks_against]
    own = [(fact, strength) for fact, strength in facts_held if category in fact.shows]
    lowered = [(fact, strength) for fact, strength in weighed.speaks_against if strength and fact.id != "trust-low"]
    raised = [(fact, strength) for fact, strength in weighed.speaks_for if strength and category not in fact.shows]
    doubts = [(fact, strength) for fact, strength in weighed.speaks_against if fact.id == "trust-low"]
    return Weighed(confidence, _ordered([*lowered, *own]), _ordered([*raised, *doubts]))


def _most(rule: "Rule", case: Case, raises: list[Fact]) -> Confidence:
    """Give the most that this rule may say in this case."""
    if rule.states_cause:
        return "certain"
    is_proved = any(fact.proves == rule.category for fact in raises)
    return "certain" if is_proved and _saw_handshake_fail(case) else "probable"


def _saw_handshake_fail(case: Case) -> bool:
    """Say whether a handshake was seen to fail: in our own records, or by a report whose writer was verified."""
    seen = case.seen
    return seen.tls.phase == HANDSHAKE and (seen.source in OWN_RECORDS or seen.trust.level == "high")


def _holding(names: tuple[str, ...], case: Case) -> list[Fact]:
    known = facts()
    return [fact for name in names if (fact := known[name]).holds(case)]


def _strength(fact: Fact) -> int:
    return fact.steps + 2 if fact.proves else fact.steps


def _ordered(weighed: list[tuple[Fact, int]]) -> tuple[tuple[Fact, int], ...]:
    if len(weighed) < 2:
        return tuple(weighed)
    once = {fact.id: (fact, strength) for fact, strength in weighed}
    return tuple(sorted(once.values(), key=lambda pair: -pair[1]))
