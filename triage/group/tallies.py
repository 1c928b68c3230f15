"""The ways in which a fault showed itself, each with how often: what the verdict is derived from.

Everything here commutes and is counted by set or by maximum, so that the same reports in any order, and the same log read
again when it has grown, give the same tallies.
"""

from collections.abc import Iterable, Mapping

import msgspec

from triage.group.ledger import FROM_LOGS, HEARSAY, SESSION
from triage.group.packed import digest, union
from triage.model import Finding, Observation, Tallied

MAX_TALLIES = 400
"""Ways in which one fault can show itself. Rules and builds give dozens; past this, hostile variety is pooled."""
MAX_PARTS = 2_000
"""Groups of successful sessions remembered one by one: a quarter of a year, hour by hour. The rest is one sum."""

POOLED = "~"
_SUM = ""


def with_findings(tallies: Mapping[str, Tallied], fresh: Iterable[Finding]) -> dict[str, Tallied]:
    """Give the tallies with findings that they do not hold yet."""
    return _all(tallies, ((signature(finding), tallied(finding)) for finding in fresh))


def together(one: Mapping[str, Tallied], other: Mapping[str, Tallied]) -> dict[str, Tallied]:
    """Give the tallies of two ledgers that turned out to be one incident."""
    return _all(one, other.items())


def _all(tallies: Mapping[str, Tallied], fresh: Iterable[tuple[str, Tallied]]) -> dict[str, Tallied]:
    result = dict(tallies)
    for name, new in fresh:
        at = name if name in result or len(result) < MAX_TALLIES else POOLED
        old = result.get(at)
        result[at] = new if old is None else merged(old, new)
    return result


def signature(finding: Finding) -> str:
    """Name the way in which this fault showed itself: what the verdict depends on, and nothing else."""
    seen, diagnosis = finding.observation, finding.diagnosis
    parts = [seen.source, seen.action, seen.impact, seen.trust.level, seen.receiving_ip or "", repr(seen.tls)]
    parts += [repr(seen.software), seen.sending_host or "", seen.sending_ip or "", seen.receiving_host or ""]
    if diagnosis is not None:
        parts += [diagnosis.rule or "", diagnosis.category, diagnosis.confidence]
        parts += [f"{evidence.id}{evidence.supports}" for evidence in diagnosis.evidence]
    return digest(*parts).hex()


def tallied(finding: Finding) -> Tallied:
    """Give the tally of one finding."""
    seen = finding.observation
    is_sessions = seen.source in FROM_LOGS
    weight = seen.count if is_sessions or seen.source == HEARSAY else 1  # a queue's depth is no number of reports
    # A log that has grown shows the same group again, with the same first session and more of them.
    part = seen.sessions[0] if is_sessions and seen.sessions else _SUM
    without = weight - len(finding.members) // SESSION
    return Tallied(
        observation=seen,
        diagnosis=finding.diagnosis,
        count=weight,
        first=seen.time,
        last=seen.until or seen.time,
        members=finding.members,
        parts={part: without} if without > 0 else {},
    )


def merged(old: Tallied, new: Tallied) -> Tallied:
    """Give one tally of two that showed the fault in the same way."""
    earliest = min(old, new, key=_order)
    members = union(old.members, new.members, SESSION)
    parts = _parts(old, new)
    return msgspec.structs.replace(
        earliest,
        count=len(members) // SESSION + sum(parts.values()),
        first=least(old.first, new.first),
        last=greatest(old.last, new.last),
        members=members,
        parts=parts,
    )


def _parts(old: Tallied, new: Tallied) -> dict[str, int]:
    parts = _counted(old)
    for name, count in _counted(new).items():
        parts[name] = parts.get(name, 0) + count if name == _SUM else max(parts.get(name, 0), count)
    if len(parts) > MAX_PARTS:
        for name in sorted(parts)[: len(parts) - MAX_PARTS + 1]:
            parts[_SUM] = parts.get(_SUM, 0) + (parts.pop(name) if name != _SUM else 0)
    return parts


def _counted(one: Tallied) -> dict[str, int]:
    """Give a tally's parts; one that was stored before there were parts has its count alone."""
    return dict(one.parts) if one.parts or one.members else {_SUM: one.count}


def _order(one: Tallied) -> tuple[bool, str, bytes]:
    """Order tallies totally: dated ones first, the earliest first, then by all that they say."""
    seen: Observation = one.observation
    return (seen.time is None, seen.time or "", msgspec.msgpack.encode((seen, one.diagnosis)))


def least(*times: str | None) -> str | None:
    """Give the earliest of some times, None where there is none."""
    return min((time for time in times if time), default=None)


def greatest(*times: str | None) -> str | None:
    """Give the latest of some times, None where there is none."""
    return max((time for time in times if time), default=None)
