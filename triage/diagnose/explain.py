"""The whole decision on one observation, for a person who asks why."""

from typing import TYPE_CHECKING

import msgspec

from triage.diagnose.case import Case, case_of
from triage.diagnose.engine import SUCCESSES, conclude
from triage.diagnose.evidence import software_name
from triage.diagnose.pattern import find, is_whole
from triage.diagnose.rulebook import Rulebook, why_not
from triage.hosts import Hosts
from triage.model import Diagnosis, Observation

if TYPE_CHECKING:
    from triage.diagnose.schema import Rule

MAX_TRIED = 30
"""Losers that are shown: those that came close, in the order in which they were tried."""


class Matched(msgspec.Struct, frozen=True):
    """The text that the winner matched: all of it as the rules saw it, and from where to where the match goes."""

    text: str
    start: int
    end: int


class Tried(msgspec.Struct, frozen=True):
    """One rule that came close, and why it did not win."""

    rule: str
    title: str
    reason: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, which rules were tried, which won and by what text, and what followed.

    `diagnosis` is None for a success: no rule is asked then.
    """

    facts: tuple[tuple[str, str], ...]
    diagnosis: Diagnosis | None
    winner: str | None = None
    title: str | None = None
    source: str | None = None
    matched: Matched | None = None
    tried: tuple[Tried, ...] = ()


def explain(observation: Observation, rulebook: Rulebook, hosts: Hosts) -> Explanation:
    """Give the whole decision on one observation, as plain data."""
    case = case_of(observation, hosts)
    if observation.action in SUCCESSES:
        return Explanation(facts=_read(case), diagnosis=None)
    concluded = conclude(case, rulebook, hosts)
    winner = concluded.rule
    return Explanation(
        facts=_read(case),
        diagnosis=concluded.diagnosis,
        winner=winner.id if winner else None,
        title=winner.title if winner else None,
        source=winner.source or None if winner else None,
        matched=_matched(winner, case) if winner else None,
        tried=tuple(_losers(case, rulebook, winner))[:MAX_TRIED],
    )


def _matched(winner: "Rule", case: Case) -> Matched | None:
    span = find(winner.when.text, case.text) if winner.when.text else None
    return Matched(case.text, *span) if span else None


def _losers(case: Case, rulebook: Rulebook, winner: "Rule | None") -> list[Tried]:
    losers = []
    won = False
    for rule in rulebook.rules:
        if rule is winner:
            won = True
            continue
        reason = why_not(rule, case)
        if reason is None and won:
            reason = "it matches too, but another rule came first"
        if reason is not None and _came_close(rule, case):
            losers.append(Tried(rule.id, rule.title, reason))
    return losers


def _came_close(rule: "Rule", case: Case) -> bool:
    """Say whether the text, the status or the reply code of a rule is that of the case."""
    when, seen = rule.when, case.seen
    if when.text is not None:
        return find(when.text, case.text) is not None
    if when.status is not None:
        return seen.status is not None and is_whole(when.status, seen.status)
    return bool(when.reply_code) and seen.reply_code in when.reply_code


def _read(case: Case) -> tuple[tuple[str, str], ...]:
    """Give what the decision rests on, name by name; what is not known is left out."""
    seen = case.seen
    required = {True: "yes", False: "no", None: None}[seen.tls.required]
    given: tuple[tuple[str, str | None], ...] = (
        ("source", seen.source),
        ("action", seen.action),
        ("recipient", seen.recipient),
        ("sent to", seen.original_recipient),
        ("reply code", str(seen.reply_code) if seen.reply_code is not None else None),
        ("status", seen.status),
        ("diagnostic", case.text or None),
        ("reported by", seen.reported_by),
        ("sending end", _end(case.sending_host, case.sending)),
        ("receiving end", _end(case.receiving_host, case.receiving)),
        ("sending software", software_name(case.sending_product) if case.sending_product else None),
        ("receiving software", software_name(case.receiving_product) if case.receiving_product else None),
        ("TLS version", seen.tls.version),
        ("TLS error", seen.tls.error),
        ("TLS phase", seen.tls.phase),
        ("TLS required", required),
        ("time", seen.time),
        ("trust", f"{seen.trust.level}: {'; '.join(seen.trust.reasons)}" if seen.trust.reasons else seen.trust.level),
    )
    return tuple((name, value) for name, value in given if value)


def _end(host: str | None, kind: str) -> str:
    return f"{host or 'no host named'} ({kind})"
