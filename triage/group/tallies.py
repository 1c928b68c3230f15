"""The ways in which a fault showed itself, each with how often: what the verdict is derived from.

Everything here commutes and is counted by set or by maximum, so that the same reports in any order, and the same log read
again when it has grown, give the same tallies.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from triage.group.ledger import HEARSAY, SESSION
from triage.group.packed import digest, split
from triage.model import Finding, Observation, Tallied
from triage.model.words import SESSION_LOGS

MAX_TALLIES = 200
"""Ways in which one fault can show itself in one kind of source: rules, builds and addresses give dozens. Past it, hostile
variety is pooled, within its kind, so that strangers' bounces take no room from our own logs."""
MAX_MEMBERS = 250_000
"""Sessions or reports of one way that are told apart, two megabytes: weeks of a server that tries ten times a minute. Past
it they are counted group by group."""
MAX_PARTS = 2_000
"""Groups remembered one by one: a quarter of a year, hour by hour. The oldest are one sum."""
MAX_HOURS = 720
"""Hours of which it is remembered when the fault or success was seen: the newest, as far back as Exchange keeps its logs by
default (30 days)."""

POOLED = "~"
_SUM = ""


def with_findings(tallies: Mapping[str, Tallied], fresh: Iterable[tuple[bytes, Finding]]) -> dict[str, Tallied]:
    """Give the tallies with findings that they do not hold yet, each with the key of its report."""
    return _all(tallies, ((signature(finding), tallied(key, finding)) for key, finding in fresh))


def together(one: Mapping[str, Tallied], other: Mapping[str, Tallied]) -> dict[str, Tallied]:
    """Give the tallies of two ledgers that turned out to be one incident."""
    return _all(one, other.items())


def _all(tallies: Mapping[str, Tallied], fresh: Iterable[tuple[str, Tallied]]) -> dict[str, Tallied]:
    alike: defaultdict[str, list[Tallied]] = defaultdict(list)
    for name, new in fresh:
        alike[name].append(new)
    result = dict(tallies)
    for name, news in alike.items():
        result[name] = merged([result[name], *news] if name in result else news)
    return _pooled(result)


def _pooled(tallies: dict[str, Tallied]) -> dict[str, Tallied]:
    """Give the tallies with those of one kind that are too many as one. The least names stay, whatever came first."""
    if len(tallies) <= MAX_TALLIES:
        return tallies
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for name, one in tallies.items():
        if not name.startswith(POOLED):
            kinds[_kind(one)].append(name)
    for kind, names in kinds.items():
        more = [tallies.pop(name) for name in sorted(names)[MAX_TALLIES:]]
        if more:
            pool = tallies.get(POOLED + kind)
            tallies[POOLED + kind] = merged(more if pool is None else [pool, *more])
    return tallies


def _kind(one: Tallied) -> str:
    """Name what must stay apart even where the rest is pooled: what counts differently, and what is believed."""
    seen = one.observation
    parts = [seen.source, "success" if one.diagnosis is None else "failure", seen.impact, seen.trust.level]
    if seen.source in SESSION_LOGS:
        parts += [f"tls {seen.tls.version}", _came(seen)]
    return " ".join(parts)


def _came(seen: Observation) -> str:
    """Tell a log that came as a file from one that a mail carried, which anybody can write."""
    return "carried" if seen.trust.reasons else "file"


def signature(finding: Finding) -> str:
    """Name the way in which this fault showed itself: what the verdict depends on, and nothing else."""
    seen, diagnosis = finding.observation, finding.diagnosis
    parts = [seen.source, seen.action, seen.impact, seen.trust.level, seen.receiving_ip or "", repr(seen.tls)]
    if seen.source in SESSION_LOGS and seen.trust.reasons:
        parts.append(_came(seen))
    parts += [repr(seen.software), seen.sending_host or "", seen.sending_ip or "", seen.receiving_host or ""]
    if diagnosis is not None:
        parts += [diagnosis.rule or "", diagnosis.category, diagnosis.confidence]
        parts += [f"{evidence.id}{evidence.supports}" for evidence in diagnosis.evidence]
    return digest(*parts).hex()


def tallied(key: bytes, finding: Finding) -> Tallied:
    """Give the tally of one finding, out of the report with this key."""
    seen = finding.observation
    members, without = finding.members, 0
    if seen.source in SESSION_LOGS:
        without = max(0, seen.count - len(members) // SESSION)
    elif seen.source == HEARSAY:
        without = seen.count
    else:  # a report counts once; a queue's depth is no number of reports
        members = digest(key.hex())[:SESSION]
    return Tallied(
        observation=seen,
        diagnosis=finding.diagnosis,
        count=len(members) // SESSION + without,
        first=seen.time,
        last=seen.until or seen.time,
        members=members,
        parts={_part(seen, key): without} if without else {},
        hours={seen.time[:13]: (seen.time, seen.until or seen.time)} if seen.time else {},
    )


def _part(seen: Observation, key: bytes) -> str:
    """Name a group of sessions that are not told apart: a log that has grown shows it again, from the same first one."""
    name = seen.sessions[0] if seen.source in SESSION_LOGS and seen.sessions else key.hex()
    return f"{(seen.time or '')[:13]} {name}"


def merged(alike: Sequence[Tallied]) -> Tallied:
    """Give one tally of several that showed the fault in the same way."""
    if len(alike) == 1:
        return alike[0]
    members, parts = _members(alike)
    hours: dict[str, tuple[str, str]] = {}
    for one in alike:
        for hour, (first, last) in one.hours.items():
            known = hours.get(hour, (first, last))
            hours[hour] = (min(known[0], first), max(known[1], last))
    return msgspec.structs.replace(
        min(alike, key=_order),
        count=len(members) // SESSION + sum(parts.values()),
        first=least(*(one.first for one in alike)),
        last=greatest(*(one.last for one in alike)),
        members=members,
        parts=parts,
        hours={hour: hours[hour] for hour in sorted(hours)[-MAX_HOURS:]},
    )


def _members(alike: Sequence[Tallied]) -> tuple[bytes, dict[str, int]]:
    known: set[bytes] = set()
    members: list[bytes] = []
    parts: dict[str, int] = {}
    for one in alike:
        # Mostly in order already: then sorting looks at each of them once.
        fresh = [member for member in dict.fromkeys(sorted(split(one.members, SESSION))) if member not in known]
        room = max(0, MAX_MEMBERS - len(known))
        known.update(fresh[:room])
        members += fresh[:room]
        more = dict(one.parts)
        if len(fresh) > room:
            name = "past " + _part(one.observation, b"")
            more[name] = max(more.get(name, 0), len(fresh) - room)
        for name, count in more.items():
            parts[name] = parts.get(name, 0) + count if name == _SUM else max(parts.get(name, 0), count)
    for name in sorted(parts)[: max(0, len(parts) - MAX_PARTS)]:
        parts[_SUM] = parts.get(_SUM, 0) + (parts.pop(name) if name != _SUM else 0)
    return b"".join(sorted(members)), parts


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
