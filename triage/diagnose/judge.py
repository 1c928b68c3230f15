"""The verdict on an incident: all its observations together, in whatever order they came.

What one report knows, all know: a build from an NDR's headers and a failed handshake from a log make `certain`
together; successes over TLS 1.2 between the same two ends at about the same time overturn it.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from triage.diagnose.around import blamed_by_pattern, told_by_others, with_facts
from triage.diagnose.case import Case, Shared, case_of
from triage.diagnose.engine import MAX_AGAINST, MAX_FOR, SUCCESSES, Concluded, conclude
from triage.diagnose.evidence import Fact, facts
from triage.diagnose.rulebook import Rulebook
from triage.diagnose.weigh import HANDSHAKE
from triage.exchange import speaks_tls12
from triage.hosts import Hosts
from triage.model import Diagnosis, Evidence, Product, Surroundings, Tallied
from triage.model.words import Permanence, rank

NEAR = timedelta(minutes=30)
"""How far from the failures a success may lie and still speak about the same state of the servers. A bounce is dated
by its last try, and Exchange tries again every ten minutes."""
NEAR_OF_A_HOP = timedelta(days=3)
"""The same for a hop in the returned message's own headers: tries began right after it, and go on for two days by default
before the bounce that is dated by the last of them."""

MAX_ADDRESSES = 6
"""Addresses whose failures and successes are told apart in one sentence."""

SESSIONS = ("send-log", "receive-log")


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

    The surest category wins, then the one most often seen. Tallies of low trust add their evidence and can neither
    raise the verdict nor choose it while a better one is there.
    """
    failures = [one for one in tallies if _is_failure(one)]
    if not failures:
        return Diagnosis()
    shared = _shared(tallies, failures, around, hosts)
    weighty = [_Weighty(one, conclude(case_of(one.observation, hosts, shared), rulebook, hosts)) for one in failures]
    weighty.sort(key=_order)
    believed = [one for one in weighty if one.is_trusted] or weighty
    counts: Counter[tuple[int, str]] = Counter()
    for one in believed:
        counts[_claim(one)] += one.tallied.count
    winner = max(counts, key=lambda claim: (claim[0], counts[claim], claim[1]))
    best = next(one for one in believed if _claim(one) == winner)
    verdict = best.concluded.diagnosis
    alike = [one.concluded.diagnosis for one in weighty if one.concluded.diagnosis.category == verdict.category]
    verdict = msgspec.structs.replace(verdict, evidence=_merged(best, weighty), permanence=_worst(verdict, alike))
    case = best.concluded.case
    verdict = blamed_by_pattern(verdict, best.concluded, around, hosts)
    told = (*_by_address(case, tallies, hosts), *told_by_others(verdict, around.hearsay, case))
    return msgspec.structs.replace(verdict, evidence=with_facts(verdict.evidence, told))


def _is_failure(one: Tallied) -> bool:
    seen = one.observation
    # What others tally about us corroborates, and is no report of ours.
    return seen.action not in SUCCESSES and seen.source != "tls-report"


def _by_address(case: Case, tallies: Sequence[Tallied], hosts: Hosts) -> tuple[Evidence, ...]:
    """Tell of a fault that comes and goes how often it was seen at each address of the far end."""
    if case.tls12_successes == 0 or not case.failed_handshake:
        return ()
    failed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    is_far_receiver = hosts.is_ours(case.receiving_host) is not True
    for one in tallies:
        seen = one.observation
        address = seen.receiving_ip if is_far_receiver else seen.sending_ip
        if seen.source in SESSIONS and address:
            is_failed = seen.action not in SUCCESSES and seen.tls.phase == HANDSHAKE
            total[address] += one.count if is_failed or seen.tls.version in ("1.2", "1.3") else 0
            failed[address] += one.count if is_failed else 0
    counted = sorted((address for address in total if total[address]), key=lambda one: (-failed[one], one))
    told = ", ".join(f"{one} {failed[one]} of {total[one]}" for one in counted[:MAX_ADDRESSES])
    more = f" and {len(counted) - MAX_ADDRESSES} more" if len(counted) > MAX_ADDRESSES else ""
    return (facts()["intermittent"].told(case, supports=True, values={"addresses": told + more}),)


def _worst(verdict: Diagnosis, alike: Sequence[Diagnosis]) -> Permanence | None:
    """Give the verdict's permanence; where its own report says nothing, the worst that another one says."""
    said = {one.permanence for one in alike}
    if verdict.permanence is not None:
        return verdict.permanence
    return "permanent" if "permanent" in said else "temporary" if "temporary" in said else None


def _claim(one: _Weighty) -> tuple[int, str]:
    diagnosis = one.concluded.diagnosis
    return rank(diagnosis.confidence) if diagnosis.category not in (
        "unclassified",
        "expired",
    ) else -1, diagnosis.category


def _order(one: _Weighty) -> tuple[bool, int, int, bytes]:
    """Order tallies totally, the most telling first."""
    seen, diagnosis = one.tallied.observation, one.concluded.diagnosis
    known = sum(value is not None for value in (diagnosis.responsible.host, seen.sending_host, seen.receiving_host))
    return (not one.is_trusted, -known, -one.tallied.count, msgspec.msgpack.encode((seen, one.tallied.count)))


def _shared(tallies: Sequence[Tallied], failures: Sequence[Tallied], around: Surroundings, hosts: Hosts) -> Shared:
    """Pool what trusted reports know of builds, and count the successes over TLS 1.2 near the failures."""
    builds: dict[str, tuple[str, str, Product]] = {}
    tls12: Counter[tuple[str, str]] = Counter()
    handshakes: set[tuple[str, str]] = set()
    spans = _spans(failures, hosts)
    for one in tallies:
        seen = one.observation
        if seen.trust.level == "low":
            continue
        ends = _ends(one, hosts)
        for host, product in (
            (seen.sending_host, seen.software.sending),
            (seen.receiving_host, seen.software.receiving),
        ):
            name = hosts.canonical(host)
            if name and product is not None and product.build and speaks_tls12(product.build) is not None:
                latest = (one.last or "", product.build, product)
                builds[name] = max(builds.get(name, latest), latest, key=lambda known: known[:2])
        if seen.action not in SUCCESSES and seen.tls.phase == HANDSHAKE and seen.source in SESSIONS and ends:
            handshakes.add(ends)
        if seen.action in SUCCESSES and seen.tls.version in ("1.2", "1.3") and ends and _is_near(one, spans.get(ends)):
            tls12[ends] += one.count
    known = {host: Product(build=build) for host, build in around.builds.items() if speaks_tls12(build) is not None}
    known |= {host: newest[2] for host, newest in builds.items()}
    return Shared(known, dict(tls12), frozenset(handshakes))


def _ends(one: Tallied, hosts: Hosts) -> tuple[str, str] | None:
    seen = one.observation
    sending = hosts.canonical(seen.sending_host or seen.sending_ip)
    receiving = hosts.canonical(seen.receiving_host or seen.receiving_ip)
    return (sending, hosts.pool(receiving) or receiving) if sending and receiving else None


def _spans(failures: Sequence[Tallied], hosts: Hosts) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    """Give, for each two ends, the first and the last time of a failure between them."""
    times: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for one in failures:
        ends = _ends(one, hosts)
        if ends is not None:
            times[ends] += [time for text in (one.first, one.last) if (time := _time(text))]
    return {ends: (min(found), max(found)) for ends, found in times.items() if found}


def _is_near(success: Tallied, span: tuple[datetime, datetime] | None) -> bool:
    """Say whether a success lies near the failures; one without a time, or with no failure that has one, does not."""
    first, last = _time(success.first), _time(success.last)
    if span is None or first is None or last is None:
        return False
    near = NEAR_OF_A_HOP if success.observation.source == "received" else NEAR
    return last >= span[0] - near and first <= span[1] + near


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


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
    is_session = any(one.tallied.observation.source in SESSIONS for one, _, _ in seen)
    of = [one for one in weighty if (one.tallied.observation.source in SESSIONS) is is_session]
    total = sum(one.tallied.count for one in of)
    part = sum(one.tallied.count for one, _, _ in seen if one in of)
    return f"{part} of {total} {'sessions' if is_session else 'reports'}" if total > 1 else ""
