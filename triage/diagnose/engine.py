"""One observation and the rules: the rule that wins, and the diagnosis that follows from it and the evidence."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from triage.diagnose.case import Case, case_of
from triage.diagnose.owner import actor_for, domain_of, responsible_for
from triage.diagnose.rulebook import CategoryDefaults, Rulebook, categories
from triage.diagnose.weigh import Weighed, turned, weigh
from triage.hosts import Hosts
from triage.model import Alternative, Diagnosis, Evidence, Observation
from triage.model.words import Category, Confidence, Permanence, rank

if TYPE_CHECKING:
    from triage.diagnose.schema import Other, Rule

SUCCESSES = ("delivered", "relayed", "expanded")

_NAME = re.compile(r"[\w.:-]{1,253}")
"""A host, address or domain, in any script: nothing that could end a command or begin a link."""

MAX_FOR, MAX_AGAINST = 5, 4
"""Facts that a person reads before acting; the strongest stay."""


class Concluded(msgspec.Struct, frozen=True):
    """A diagnosis and what it was made of: the rule that won, and its facts weighed; None where no rule matched."""

    diagnosis: Diagnosis
    case: Case
    rule: "Rule | None" = None
    weighed: Weighed | None = None


def diagnose(observation: Observation, rulebook: Rulebook, hosts: Hosts) -> Diagnosis | None:
    """Conclude from one observation alone. None for a success: there is nothing to mend."""
    if observation.action in SUCCESSES:
        return None
    return conclude(case_of(observation, hosts), rulebook, hosts).diagnosis


def conclude(case: Case, rulebook: Rulebook, hosts: Hosts, *, telling: bool = True) -> Concluded:
    """Find the rule that wins in a case and follow it. Without `telling` its evidence is weighed and not put into words."""
    rule = rulebook.match(case)
    if rule is None:
        return Concluded(_unclassified(case, hosts), case)
    weighed = weigh(rule, case)
    if weighed.confidence is None and (others := _open(rule, case)):
        first = others[0]
        is_low = case.seen.trust.level == "low"
        confidence: Confidence = "possible" if is_low or first.confidence == "possible" else "probable"
        weighed = turned(weighed, first.category, confidence)
        told = _told(weighed, case) if telling else ()
        return Concluded(_taken_over(rule, weighed, told, case, hosts), case, rule, weighed)
    told = _told(weighed, case) if telling else ()
    return Concluded(_followed(rule, weighed, told, case, hosts), case, rule, weighed)


def _open(rule: "Rule", case: Case) -> tuple["Other", ...]:
    """Give the alternatives that the evidence leaves open: ends that were seen to speak TLS 1.2 have a version in common."""
    if not case.tls12_successes:
        return rule.alternatives
    return tuple(one for one in rule.alternatives if one.category != "tls-version")


def _followed(rule: "Rule", weighed: Weighed, told: tuple[Evidence, ...], case: Case, hosts: Hosts) -> Diagnosis:
    defaults = categories()[rule.category]
    confidence = weighed.confidence or "possible"
    responsible = responsible_for(rule, defaults, case, hosts, confidence)
    return Diagnosis(
        rule=rule.id,
        family=rule.family or defaults.family,
        category=rule.category,
        permanence=rule.permanence or defaults.permanence or _permanence(case.seen),
        confidence=confidence,
        alternatives=tuple([_alternative(one.category, one.confidence, confidence) for one in _open(rule, case)]),
        responsible=responsible,
        actor=actor_for(rule.actor or defaults.actor, responsible, case, hosts),
        evidence=told,
        next_check=_filled(rule.next_check or defaults.next_check, responsible.host, case),
        runbook=rule.runbook or runbook_of(rule.category, defaults),
    )


def _taken_over(rule: "Rule", weighed: Weighed, told: tuple[Evidence, ...], case: Case, hosts: Hosts) -> Diagnosis:
    """Let the rule's first open alternative take its place; `weighed` is what speaks for the alternative."""
    first, *others = _open(rule, case)
    defaults = categories()[first.category]
    confidence = weighed.confidence or "possible"
    responsible = responsible_for(None, defaults, case, hosts, confidence)
    return Diagnosis(
        rule=rule.id,
        family=rule.family or categories()[rule.category].family,
        category=first.category,
        permanence=rule.permanence or _permanence(case.seen),
        confidence=confidence,
        alternatives=tuple(_alternative(one.category, one.confidence, confidence) for one in others),
        responsible=responsible,
        actor=actor_for(defaults.actor, responsible, case, hosts),
        evidence=told,
        next_check=_filled(defaults.next_check, responsible.host, case),
        runbook=runbook_of(first.category, defaults),
    )


def _unclassified(case: Case, hosts: Hosts) -> Diagnosis:
    defaults = categories()["unclassified"]
    responsible = responsible_for(None, defaults, case, hosts, "possible")
    return Diagnosis(
        rule=None,
        family=defaults.family,
        category="unclassified",
        permanence=_permanence(case.seen),
        confidence="possible",
        responsible=responsible,
        actor=actor_for(defaults.actor, responsible, case, hosts),
        next_check=_filled(defaults.next_check, None, case),
        runbook=runbook_of("unclassified", defaults),
    )


def runbook_of(category: Category, defaults: CategoryDefaults) -> str:
    """Give the runbook of a category: its own name unless the defaults name another."""
    return defaults.runbook or category


def _alternative(category: Category, confidence: Confidence, most: Confidence) -> Alternative:
    """An alternative is never surer than the verdict beside which it stands."""
    bounded = confidence if rank(confidence) <= rank(most) else most
    return Alternative(category, bounded, runbook_of(category, categories()[category]))


def _told(weighed: Weighed, case: Case) -> tuple[Evidence, ...]:
    speaks_for = [fact.told(case, supports=True) for fact, _ in weighed.speaks_for[:MAX_FOR]]
    against = [fact.told(case, supports=False) for fact, _ in weighed.speaks_against[:MAX_AGAINST]]
    return (*speaks_for, *against)


def _permanence(seen: Observation) -> Permanence | None:
    """Give what the report means: a report of failure has given up, whatever class its code has (RFC 3464 §2.3.3)."""
    if seen.action == "delayed" or seen.impact == "waiting":
        return "temporary"
    if seen.source == "ndr":
        return "permanent"
    if seen.reply_code is None:
        return None
    return "temporary" if seen.reply_code < 500 else "permanent"


def _filled(check: str, responsible: str | None, case: Case) -> str:
    """Put the names of this case into a check; words where a name is not known."""
    if "{" not in check:
        return check
    for name, value_of in _NAMED.items():
        if name in check:
            check = check.replace(name, value_of(responsible, case))
    return check


def _sending(_responsible: str | None, case: Case) -> str:
    # Nobody but Microsoft can run anything on a host of Exchange Online.
    own = "a host outside" if case.sending == "exchange-online" else _plain(case.sending_host)
    return own or "the sending server"


_NAMED: Mapping[str, Callable[[str | None, Case], str]] = {
    "{responsible}": lambda responsible, _: _plain(responsible) or "the server that is responsible",
    "{sending}": _sending,
    "{receiving}": lambda _, case: _plain(case.receiving_host) or "the receiving server",
    "{domain}": lambda _, case: _plain(domain_of("receiving", case)) or "the recipient's domain",
    "{sender_domain}": lambda _, case: _plain(domain_of("sending", case)) or "the sender's domain",
}
"""What a check may name, each with how it is found out from who is responsible and the case."""


def _plain(name: str | None) -> str | None:
    """Give a name that is fit to stand in a command of ours; None for what a message made up to break out of one."""
    return name if name and _NAME.fullmatch(name) else None
