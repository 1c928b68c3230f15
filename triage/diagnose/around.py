"""What other incidents and other people's tallies add to a verdict: whom a pattern blames, and who saw the same.

One host that fails with two unrelated ends or more is likely the one at fault, whichever end a single report blames; where
each end fails with several others, nothing follows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from triage.diagnose.case import Case
from triage.diagnose.engine import MAX_AGAINST, MAX_FOR, Concluded
from triage.diagnose.evidence import facts
from triage.diagnose.owner import OF_MICROSOFT, actor_for, owns
from triage.hosts import Hosts
from triage.model import Diagnosis, Evidence, Responsible, Surroundings, Tallied
from triage.model.words import CONFIDENCES, Actor, Category, Confidence, Side, rank

ENDS = ("sending", "receiving")
MAX_NAMED = 3
"""Other ends that a sentence names."""

_CERTIFICATE: tuple[Category, ...] = ("tls-certificate",)
RESULTS: Mapping[str, tuple[Category, ...]] = {
    "starttls-not-supported": ("tls-required", "tls-version", "tls-negotiation"),
    "validation-failure": ("tls-version", "tls-negotiation", "tls-cipher"),
    "certificate-host-mismatch": _CERTIFICATE,
    "certificate-expired": _CERTIFICATE,
    "certificate-not-trusted": _CERTIFICATE,
    "tlsa-invalid": _CERTIFICATE,
}
"""What the result types of RFC 8460 §4.3 may mean. None stands for a version that is too old: senders tell it as a missing
STARTTLS or as a failed validation. The other types are about policies and DNS, and say nothing of a session."""


def blamed_by_pattern(
    verdict: Diagnosis, concluded: Concluded, around: Surroundings, hosts: Hosts
) -> tuple[Diagnosis, tuple[Evidence, ...]]:
    """Give the verdict with the host blamed that fails with several others, where exactly one of the two does; and why.

    A report whose text states the cause keeps its own answer. Category and confidence of the cause stay as they are: the
    pattern says where, not why.
    """
    side, others, host = _pattern(concluded.case, around)
    if side is None or host is None:
        return _past_the_way_out(verdict, concluded.case, around, hosts)
    # "No answer" and "no version in common" state what, and not where.
    states_cause = concluded.rule is not None and concluded.rule.states_cause and verdict.responsible.side in ENDS
    fact = facts()["fails-to-many" if side == "sending" else "many-fail-to-it"]
    if (
        verdict.responsible.side == "path"
        and side == "sending"
        and verdict.category in ("connection-timeout", "tls-required")
    ):
        # What nobody can be reached through lies before all of them: on the way out, no server's own fault.
        told = fact.told(concluded.case, supports=True, values={"others": _named(others)})
        return msgspec.structs.replace(verdict, actor=_network_of(host, hosts)), (told,)
    agrees = verdict.responsible.side == side
    told = fact.told(concluded.case, supports=agrees or not states_cause, values={"others": _named(others)})
    if states_cause and not agrees:
        return verdict, (told,)
    before = verdict.responsible.confidence if agrees and verdict.responsible.confidence else "possible"
    responsible = Responsible(
        kind="host",
        side=side,
        host=host,
        ours=owns(host, concluded.case, hosts),
        confidence=_raised(before, verdict.confidence),
    )
    if agrees and verdict.responsible.host == host:
        responsible = msgspec.structs.replace(responsible, kind=verdict.responsible.kind, ours=verdict.responsible.ours)
    actor = verdict.actor if agrees else actor_for("owner", responsible, concluded.case, hosts)
    return msgspec.structs.replace(verdict, responsible=responsible, actor=actor), (told,)


def _past_the_way_out(
    verdict: Diagnosis, case: Case, around: Surroundings, hosts: Hosts
) -> tuple[Diagnosis, tuple[Evidence, ...]]:
    """Give the verdict on a server that does not answer, while others take mail from the same sender: our way out is open,
    and whoever owns the far end has to look."""
    if verdict.category != "connection-timeout" or verdict.responsible.side != "path" or not around.reached:
        return verdict, ()
    told = facts()["reaches-others"].told(case, supports=True, values={"others": _named(around.reached)})
    if hosts.is_ours(case.receiving_host) is not False or hosts.kind(case.receiving_host) in OF_MICROSOFT:
        return verdict, (told,)
    return msgspec.structs.replace(verdict, actor="partner-postmaster"), (told,)


def _network_of(host: str, hosts: Hosts) -> Actor:
    return "partner-postmaster" if hosts.is_ours(host) is False else "network-team"


def _pattern(case: Case, around: Surroundings) -> tuple[Side | None, tuple[str, ...], str | None]:
    """Give the side that fails with several others, those others, and its host; None where both sides do, or none."""
    many = (len(around.receivers) > 1, len(around.senders) > 1)
    if many == (True, False):
        return "sending", around.receivers, case.sending_host
    if many == (False, True):
        return "receiving", around.senders, case.receiving_host
    return None, (), None


def _raised(before: Confidence, most: Confidence) -> Confidence:
    """Give one step more, and no more than "probable" on a pattern alone, or than the verdict itself has."""
    raised = min(rank(before) + 1, rank("probable"))
    return CONFIDENCES[max(rank(before), min(raised, rank(most)))]


def _named(others: Sequence[str]) -> str:
    shown = ", ".join(others[:MAX_NAMED])
    return f"{shown} and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else shown


def told_by_others(verdict: Diagnosis, hearsay: Sequence[Tallied], case: Case) -> tuple[Evidence, ...]:
    """Give what TLS reports (RFC 8460) say for and against a verdict about TLS; their tallies are no counts of ours."""
    told = []
    for supports, fact in ((True, "others-see-it"), (False, "others-see-another")):
        alike = [one for one in hearsay if _speaks(one, verdict.category) is supports]
        if alike:
            told.append(facts()[fact].told(case, supports=supports, values={"tallies": _tallied(alike)}))
    return tuple(told)


def _speaks(one: Tallied, category: Category) -> bool | None:
    """Say whether a result type speaks for a category or against it; None where it says nothing of it."""
    result = one.observation.tls.error
    means = RESULTS.get(result or "", ())
    if category in means:
        return True
    return False if means == _CERTIFICATE and category.startswith("tls-") else None


def _tallied(hearsay: Sequence[Tallied]) -> str:
    counts: Counter[tuple[str, str]] = Counter()
    for one in hearsay:
        seen = one.observation
        counts[seen.reported_by or "a reporter", seen.tls.error or "no result type"] += one.count
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_NAMED]
    return "; ".join(f"{reporter} counted {count} sessions with {result}" for (reporter, result), count in ranked)


def with_facts(evidence: tuple[Evidence, ...], told: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Give the evidence with some more, within what a person reads: the newest sentences keep their place."""
    if not told:
        return evidence
    ids = {(one.id, one.supports) for one in told}
    rest = [one for one in evidence if (one.id, one.supports) not in ids]
    new_for, new_against = [one for one in told if one.supports], [one for one in told if not one.supports]
    speaks_for = [one for one in rest if one.supports][: MAX_FOR - len(new_for)] + new_for
    against = [one for one in rest if not one.supports][: MAX_AGAINST - len(new_against)] + new_against
    return (*speaks_for, *against)
