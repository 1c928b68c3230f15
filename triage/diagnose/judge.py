"""The verdict on an incident: all its observations together, in whatever order they came.

What one report knows, all know: a build from an NDR's headers and a failed handshake from a log make `certain`
together; successes over TLS 1.2 between the same two ends at about the same time overturn it.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from triage import exchange
from triage.diagnose.addresses import blamed_by_address, seen_by_address, told_by_address
from triage.diagnose.around import blamed_by_pattern, told_by_others, with_facts
from triage.diagnose.case import Shared, case_of, ends_of
from triage.diagnose.engine import MAX_AGAINST, MAX_FOR, SUCCESSES, Concluded, conclude
from triage.diagnose.evidence import Fact
from triage.diagnose.near import near_successes
from triage.diagnose.rulebook import Rulebook
from triage.diagnose.weigh import HANDSHAKE
from triage.hosts import Hosts
from triage.model import Diagnosis, Evidence, Product, Surroundings, Tallied
from triage.model.words import SESSION_LOGS, UNVERIFIED, Permanence, rank, told_in


class _Weighty(msgspec.Struct, frozen=True):
    """One tally and what it leads to, with what the others know."""

    tallied: Tallied
    concluded: Concluded

    @property
    def is_trusted(self) -> bool:
        return self.tallied.observation.trust.level != "low"


def judge(tallies: Sequence[Tallied], around: Surroundings, rulebook: Rulebook, hosts: Hosts) -> Diagnosis:
    """Derive the verdict from all evidence of an incident, and from what other incidents say of its two ends.

    The order of the tallies does not matter.

    The surest category wins; of certain ones a certificate's that our own log names, then what our own logs show, then the
    one most often seen. Tallies of low trust add their evidence and can neither raise the verdict nor choose it while a
    better one is there.
    """
    failures = [one for one in tallies if _is_failure(one)]
    if not failures:
        return Diagnosis()
    weighty = _weighed(tallies, failures, around, rulebook, hosts)
    believed = [one for one in weighty if one.is_trusted] or weighty
    best = _best(believed)
    verdict = _witnessed(best, believed)
    alike = [one.concluded.diagnosis for one in weighty if one.concluded.diagnosis.category == verdict.category]
    verdict = msgspec.structs.replace(verdict, evidence=_merged(best, weighty), permanence=_worst(verdict, alike))
    case = best.concluded.case
    seen = seen_by_address(case, tallies, hosts)
    verdict = blamed_by_address(verdict, seen, case, hosts)
    verdict, pattern = blamed_by_pattern(verdict, best.concluded, around, hosts)
    told = (*told_by_address(case, seen), *pattern, *told_by_others(verdict, around.hearsay, case))
    return msgspec.structs.replace(verdict, evidence=with_facts(verdict.evidence, told))


def _is_failure(one: Tallied) -> bool:
    seen = one.observation
    # What others tally about us corroborates, and is no report of ours.
    return seen.action not in SUCCESSES and seen.source != "tls-report"


def _weighed(
    tallies: Sequence[Tallied], failures: Sequence[Tallied], around: Surroundings, rulebook: Rulebook, hosts: Hosts
) -> list[_Weighty]:
    """Conclude from each failure with what all tallies know together, the most telling first."""
    builds, handshakes, successes = _shared(tallies, around, hosts)
    weighty = []
    for one in failures:
        others = [other for other in successes.get(ends_of(one.observation, hosts), ()) if other is not one]
        near = near_successes(one, others)
        shared = Shared(builds, near, handshakes)
        weighty.append(_Weighty(one, conclude(case_of(one.observation, hosts, shared), rulebook, hosts, telling=False)))
    return sorted(weighty, key=_order)


def _best(believed: Sequence[_Weighty]) -> _Weighty:
    """Give the most telling tally of the claim that wins."""
    counts: Counter[tuple[int, str]] = Counter()
    in_logs: set[tuple[int, str]] = set()
    for one in believed:
        counts[_claim(one)] += one.tallied.count
        if one.tallied.observation.source in SESSION_LOGS:
            in_logs.add(_claim(one))

    def strength(claim: tuple[int, str]) -> tuple[int, bool, bool, int, str]:
        confidence, category = claim
        is_seen = confidence == rank("certain") and claim in in_logs
        return confidence, is_seen and category == "tls-certificate", is_seen, counts[claim], category

    winner = max(counts, key=strength)
    return next(one for one in believed if _claim(one) == winner)


def _witnessed(best: _Weighty, believed: Sequence[_Weighty]) -> Diagnosis:
    """Give the diagnosis of the winning tally; where our own log shows the same cause to lie elsewhere, the log's answer
    to where. What a report or a queue cannot see, such as a device that masks STARTTLS, stands in a log alone."""
    diagnosis = best.concluded.diagnosis
    in_logs = [
        one.concluded.diagnosis
        for one in believed
        if one.tallied.observation.source in SESSION_LOGS and one.concluded.diagnosis.category == diagnosis.category
    ]
    sides = [one.responsible.side for one in in_logs]
    if diagnosis.responsible.side in sides:
        return diagnosis
    witness = next((one for one in in_logs if one.responsible.side is not None), diagnosis)
    return msgspec.structs.replace(witness, confidence=diagnosis.confidence, family=diagnosis.family)


def _worst(verdict: Diagnosis, alike: Sequence[Diagnosis]) -> Permanence | None:
    """Give the verdict's permanence; where its own report says nothing, the worst that another one says."""
    said = {one.permanence for one in alike}
    if verdict.permanence is not None:
        return verdict.permanence
    return "permanent" if "permanent" in said else "temporary" if "temporary" in said else None


def _claim(one: _Weighty) -> tuple[int, str]:
    """Give how sure a tally is of which category; one that names no cause comes after all others."""
    diagnosis = one.concluded.diagnosis
    names_none = diagnosis.category in ("unclassified", "expired")
    return -1 if names_none else rank(diagnosis.confidence), diagnosis.category


def _order(one: _Weighty) -> tuple[bool, int, int, bytes]:
    """Order tallies totally, the most telling first."""
    seen, diagnosis = one.tallied.observation, one.concluded.diagnosis
    known = sum(value is not None for value in (diagnosis.responsible.host, seen.sending_host, seen.receiving_host))
    return (not one.is_trusted, -known, -one.tallied.count, msgspec.msgpack.encode((seen, one.tallied.count)))


_Ends = tuple[str, str]


def _shared(
    tallies: Sequence[Tallied], around: Surroundings, hosts: Hosts
) -> tuple[dict[str, tuple[Product, str]], frozenset[_Ends], Mapping[_Ends | None, Sequence[Tallied]]]:
    """Pool what trusted reports know: builds, ends between which a handshake failed, and successes over TLS 1.2."""
    builds = {host: (Product(build=build), told_by) for host, (build, told_by) in around.builds.items()}
    successes: defaultdict[_Ends | None, list[Tallied]] = defaultdict(list)
    handshakes: set[_Ends] = set()
    for one in tallies:
        seen = one.observation
        if seen.trust.level == "low":
            continue
        for host, product in (
            (hosts.canonical(seen.sending_host), seen.software.sending),
            (hosts.canonical(seen.receiving_host), seen.software.receiving),
        ):
            if host and product is not None and product.build and exchange.speaks_tls12(product.build) is not None:
                shown = (product, told_in(seen.source, seen.trust.level))
                builds[host] = shown if builds.get(host, shown) == shown else max(builds[host], shown, key=_newness)
        is_success = seen.action in SUCCESSES
        # A session of a log that broke after its handshake shows as well that the ends have a version in common.
        has_spoken = (is_success or seen.source in SESSION_LOGS) and seen.tls.version in ("1.2", "1.3")
        if has_spoken and (ends := ends_of(seen, hosts)):
            successes[ends].append(one)
        elif (
            not is_success
            and seen.tls.phase == HANDSHAKE
            and seen.source in SESSION_LOGS
            and (ends := ends_of(seen, hosts))
        ):
            handshakes.add(ends)
    return builds, frozenset(handshakes), successes


def _newness(shown: tuple[Product, str]) -> tuple[tuple[int, ...], bool, str, str]:
    """Order builds of one host: its build only grows, so the highest is the newest, whenever it was seen."""
    product, told_by = shown
    return exchange.build_order(product.build or ""), not told_by.endswith(UNVERIFIED), told_by, product.product or ""


def _merged(best: _Weighty, weighty: Sequence[_Weighty]) -> tuple[Evidence, ...]:
    """Give the facts of all tallies that lead to the winning category, each once, with how often it was seen."""
    category = best.concluded.diagnosis.category
    held: dict[tuple[str, bool], list[tuple[_Weighty, Fact, int]]] = {}
    for one in (best, *(other for other in weighty if other is not best)):
        if one.concluded.diagnosis.category == category:
            for fact, strength, supports in _facts(one, best):
                held.setdefault((fact.id, supports), []).append((one, fact, strength))
    ranked = sorted(held.items(), key=_weight)
    told = [_told(seen, supports, weighty) for (_, supports), seen in ranked]
    speaks_for = [one for one in told if one.supports][:MAX_FOR]
    return (*speaks_for, *[one for one in told if not one.supports][:MAX_AGAINST])


def _weight(item: tuple[tuple[str, bool], list[tuple[_Weighty, Fact, int]]]) -> tuple[int, bool, tuple[str, bool]]:
    """Order facts: the strongest first, of equal ones those that were seen, not only known."""
    name, seen = item
    return (-max(strength for _, _, strength in seen), seen[0][1].counted is None, name)


def _facts(one: _Weighty, best: _Weighty) -> list[tuple[Fact, int, bool]]:
    """Give the facts of one tally; that its report is doubtful says nothing of a verdict which rests on another."""
    weighed = one.concluded.weighed
    if weighed is None:
        return []
    against = [pair for pair in weighed.speaks_against if one is best or pair[0].id != "trust-low"]
    return [*((*pair, True) for pair in weighed.speaks_for), *((*pair, False) for pair in against)]


def _told(seen: list[tuple[_Weighty, Fact, int]], supports: bool, weighty: Sequence[_Weighty]) -> Evidence:
    first, fact, _ = seen[0]
    return fact.told(first.concluded.case, supports, _count(fact, seen, weighty))


def _count(fact: Fact, seen: list[tuple[_Weighty, Fact, int]], weighty: Sequence[_Weighty]) -> str:
    """Give "12 of 12 sessions" for a fact that is counted, nothing where there is only one to count."""
    if fact.counted is None:
        return ""
    is_session = any(one.tallied.observation.source in SESSION_LOGS for one, _, _ in seen)
    of = [one for one in weighty if (one.tallied.observation.source in SESSION_LOGS) is is_session]
    total = sum(one.tallied.count for one in of)
    part = sum(one.tallied.count for one, _, _ in seen if one in of)
    return f"{part} of {total} {'sessions' if is_session else 'reports'}" if total > 1 else ""
