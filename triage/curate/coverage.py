"""Which rules the messages at hand exercise: how often each wins, and which always lose to another."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from triage.diagnose.case import case_of
from triage.diagnose.engine import SUCCESSES
from triage.diagnose.rulebook import Rulebook
from triage.hosts import Hosts
from triage.model import Reading


class RuleUse(msgspec.Struct, frozen=True):
    """One rule: how often it won, how often it matched in all, and which rules took what it matched too."""

    rule: str
    wins: int
    matches: int
    beaten_by: dict[str, int]

    @property
    def state(self) -> str:
        """Give `wins`, `always beaten` (it matches, and another always comes first) or `not exercised`."""
        return "wins" if self.wins else "always beaten" if self.matches else "not exercised"


class Coverage(msgspec.Struct, frozen=True):
    """All rules in the order in which they are tried; failures that were read, and those that no rule matched."""

    rules: tuple[RuleUse, ...]
    failures: int
    unmatched: int


def coverage(readings: Iterable[Reading], rulebook: Rulebook, hosts: Hosts) -> Coverage:
    """Try every rule on every failure that was read."""
    wins: Counter[str] = Counter()
    matches: Counter[str] = Counter()
    beaten: dict[str, Counter[str]] = {}
    failures = without = 0
    for reading in readings:
        for finding in reading.findings:
            if finding.observation.action in SUCCESSES:
                continue
            failures += 1
            holding = [rule.id for rule in rulebook.matches(case_of(finding.observation, hosts))]
            matches.update(holding)
            if not holding:
                without += 1
                continue
            wins[holding[0]] += 1
            for loser in holding[1:]:
                beaten.setdefault(loser, Counter())[holding[0]] += 1
    uses = [
        RuleUse(rule.id, wins[rule.id], matches[rule.id], dict(beaten.get(rule.id, Counter()).most_common()))
        for rule in rulebook.rules
    ]
    return Coverage(tuple(uses), failures, without)
