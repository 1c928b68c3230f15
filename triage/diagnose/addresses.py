"""Which addresses of the far end fail and which pass: a fault that comes and goes often lies with one of several."""

import ipaddress
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from triage.diagnose.case import Case
from triage.diagnose.engine import SUCCESSES
from triage.diagnose.evidence import facts
from triage.diagnose.owner import actor_for
from triage.diagnose.weigh import HANDSHAKE
from triage.hosts import Hosts
from triage.model import Diagnosis, Evidence, Responsible, Tallied
from triage.model.words import SESSION_LOGS, Confidence, Side

MAX_ADDRESSES = 6
"""Addresses whose failures and successes are told apart in one sentence."""
_SESSION = 8
"""Bytes of a session's digest in `Tallied.members`."""

Seen = Mapping[str, tuple[int, int]]
"""Address of the far end → handshakes that failed there, sessions that came through over TLS 1.2 or newer."""


def seen_by_address(case: Case, tallies: Sequence[Tallied], hosts: Hosts) -> Seen:
    """Count at each address of the far end; nothing where the fault does not come and go."""
    if case.tls12_successes == 0 or not case.failed_handshake:
        return {}
    failed: defaultdict[str, list[Tallied]] = defaultdict(list)
    passed: defaultdict[str, list[Tallied]] = defaultdict(list)
    is_receiver = _far_side(case, hosts) == "receiving"
    for one in tallies:
        seen = one.observation
        address = seen.receiving_ip if is_receiver else seen.sending_ip
        if seen.source in SESSION_LOGS and address:
            if seen.action not in SUCCESSES and seen.tls.phase == HANDSHAKE:
                failed[address].append(one)
            elif seen.tls.version in ("1.2", "1.3"):
                passed[address].append(one)
    return {one: (_sessions(failed[one]), _sessions(passed[one])) for one in {*failed, *passed}}


def told_by_address(case: Case, seen: Seen) -> tuple[Evidence, ...]:
    """Say how often it was seen at each address."""
    if not seen:
        return ()
    ranked = sorted(seen, key=lambda one: (-seen[one][0], one))
    told = ", ".join(f"{one} {seen[one][0]} of {sum(seen[one])}" for one in ranked[:MAX_ADDRESSES])
    more = f" and {len(ranked) - MAX_ADDRESSES} more" if len(ranked) > MAX_ADDRESSES else ""
    return (facts()["intermittent"].told(case, supports=True, values={"addresses": told + more}),)


def blamed_by_address(verdict: Diagnosis, seen: Seen, case: Case, hosts: Hosts) -> Diagnosis:
    """Blame the far end where some of its addresses always fail and others never do, and nobody is blamed yet.

    Not a pool, of which nobody can mend one address; and not where every failing address is of another IP version than
    those that pass: there the way may be it.
    """
    side = _far_side(case, hosts)
    host = case.receiving_host if side == "receiving" else case.sending_host
    if verdict.category != "tls-negotiation" or verdict.responsible.host is not None or not _is_one_host(host, hosts):
        return verdict
    bad = [one for one, (failed, passed) in seen.items() if failed and not passed]
    good = [one for one, (failed, passed) in seen.items() if passed and not failed]
    if not bad or len(bad) + len(good) < len(seen) or not {*map(_version, bad)} & {*map(_version, good)}:
        return verdict
    most: Confidence = "possible" if verdict.confidence == "possible" else "probable"
    responsible = Responsible(kind="host", side=side, host=host, ours=hosts.is_ours(host), confidence=most)
    return msgspec.structs.replace(verdict, responsible=responsible, actor=actor_for("owner", responsible, case, hosts))


def _far_side(case: Case, hosts: Hosts) -> Side:
    return "sending" if hosts.is_ours(case.receiving_host) is True else "receiving"


def _is_one_host(host: str | None, hosts: Hosts) -> bool:
    return host is not None and hosts.pool(host) is None and _version(host) is None


def _version(address: str) -> int | None:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


def _sessions(tallies: Sequence[Tallied]) -> int:
    """Count the sessions of several tallies, each once, though a cut copy of a log may show one in another way."""
    known = {one.members[at : at + _SESSION] for one in tallies for at in range(0, len(one.members), _SESSION)}
    return len(known) + sum(one.count - len(one.members) // _SESSION for one in tallies)
