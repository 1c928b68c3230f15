"""Folding new reports into an incident: counts by set, first and last by minimum and maximum, best by a total order.

Every fold commutes, so reports that come twice, late or in another order give the same incident.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from triage.group.ledger import DELIVERED, HEARSAY, MESSAGE, REPORT, RETURNED, WAITING, Ledger
from triage.group.notices import Router, nobody, with_notices
from triage.group.packed import DIGEST, add, digest, split
from triage.model import Change, Diagnosis, Finding, Observation, Tallied

Judge = Callable[[Sequence[Tallied]], Diagnosis]
"""Derives the verdict from all evidence; its answer must not depend on the order of the tallies."""

MAX_TALLIES = 400
"""Ways in which one fault can show itself. Rules and builds give dozens; past this, hostile variety is pooled."""

POOLED = "~"
KEPT_CHANGES = 50
"""Changes kept for people to read; the oldest but the first go."""

FROM_LOGS = ("send-log", "receive-log")


class Report(msgspec.Struct, frozen=True):
    """One finding of one document, with the key under which it is counted once."""

    key: bytes
    finding: Finding


def report_key(sha256: str, index: int) -> bytes:
    """Give the key of the finding at `index` in the document with this digest (hex)."""
    return bytes.fromhex(sha256)[:DIGEST] + index.to_bytes(REPORT - DIGEST, "big")


def fold(ledger: Ledger, reports: Iterable[Report], judge: Judge, now: str, route: Router = nobody) -> Ledger:
    """Give the ledger with the reports that it did not know yet; the same object where there are none.

    `now` (UTC, RFC 3339) dates the changes, and stands in for the time of an observation that has none. `route` names
    the sinks that are told of them.
    """
    known = set(split(ledger.reports, REPORT))
    fresh: dict[bytes, Finding] = {}
    for report in reports:
        if report.key not in known:
            fresh.setdefault(report.key, report.finding)
    if not fresh:
        return ledger
    ordered = sorted(fresh.items())
    tallies = _tally(ledger.tallies, ordered)
    failures = [
        (key, finding.observation)
        for key, finding in ordered
        if finding.diagnosis is not None and finding.observation.source != HEARSAY
    ]
    successes = [(key, finding.observation) for key, finding in ordered if finding.diagnosis is None]
    folded = msgspec.structs.replace(
        _count(ledger, failures, successes),
        reports=ledger.reports + b"".join(fresh),
        tallies=tallies,
        verdict=judge(tuple(tallies.values())),
    )
    return _note_changes(ledger, folded, [observation for _, observation in failures], now, route)


def _tally(tallies: dict[str, Tallied], fresh: list[tuple[bytes, Finding]]) -> dict[str, Tallied]:
    result = dict(tallies)
    for _, finding in fresh:
        name = _signature(finding)
        if name not in result and len(result) >= MAX_TALLIES:
            name = POOLED
        result[name] = _merged(result.get(name), finding)
    return result


def _signature(finding: Finding) -> str:
    """Name the way in which this fault showed itself: what the verdict depends on, and nothing else."""
    seen, diagnosis = finding.observation, finding.diagnosis
    parts = [seen.source, seen.action, seen.trust.level, seen.receiving_ip or "", repr(seen.tls)]
    parts += [repr(seen.software), seen.sending_host or "", seen.receiving_host or ""]
    if diagnosis is not None:
        parts += [diagnosis.rule or "", diagnosis.category, diagnosis.confidence]
        parts += [f"{evidence.id}{evidence.supports}" for evidence in diagnosis.evidence]
    return digest(*parts).hex()


def _merged(old: Tallied | None, finding: Finding) -> Tallied:
    seen = finding.observation
    new = Tallied(observation=seen, diagnosis=finding.diagnosis, count=seen.count, first=seen.time, last=seen.time)
    if old is None:
        return new
    earliest = min(old, new, key=_order)
    return msgspec.structs.replace(
        earliest,
        count=old.count + new.count,
        first=_least(old.first, new.first),
        last=_greatest(old.last, new.last),
    )


def _order(tallied: Tallied) -> tuple[bool, str, bytes]:
    """Order tallies totally: dated ones first, the earliest first, then by all that they say."""
    said = msgspec.msgpack.encode((tallied.observation, tallied.diagnosis))
    return (tallied.observation.time is None, tallied.observation.time or "", said)


def _count(
    ledger: Ledger, failures: list[tuple[bytes, Observation]], successes: list[tuple[bytes, Observation]]
) -> Ledger:
    seen = [observation for _, observation in failures]
    in_logs = [one for one in seen if one.source in FROM_LOGS]
    times = [one.time for one in seen]
    return msgspec.structs.replace(
        ledger,
        messages=_with_messages(ledger.messages, failures, successes),
        depths=_with_depths(ledger.depths, seen),
        recipients=add(ledger.recipients, {digest(_folded(one.recipient)) for one in seen if one.recipient}),
        senders=add(ledger.senders, {digest(_folded(one.original.from_)) for one in seen if one.original.from_}),
        domains=add(ledger.domains, {digest(one.recipient_domain.lower()) for one in seen if one.recipient_domain}),
        sessions=ledger.sessions + sum(one.count for one in in_logs),
        first_seen=_least(ledger.first_seen, *times),
        last_seen=_greatest(ledger.last_seen, *times),
    )


def _with_depths(depths: dict[str, int], seen: list[Observation]) -> dict[str, int]:
    """Give the peak depth of each queue: a depth is a snapshot, so later ones are not added to it."""
    peaks = dict(depths)
    for one in seen:
        if one.source == "queue" and one.recipient is None:
            name = digest(one.reported_by or "", one.receiving_host or "", one.recipient_domain or "").hex()
            peaks[name] = max(peaks.get(name, 0), one.count)
    return peaks


def _with_messages(
    packed: bytes, failures: list[tuple[bytes, Observation]], successes: list[tuple[bytes, Observation]]
) -> bytes:
    """Give the messages with all that was reported of each. Only a report about a message counts, never a hop."""
    seen = {record[:DIGEST]: record[-1] for record in split(packed, MESSAGE)}
    marks = {"returned": RETURNED, "waiting": WAITING, "none": 0}
    news = [(key, one, marks.get(one.impact, 0)) for key, one in failures]
    news += [(key, one, DELIVERED) for key, one in successes]
    for key, one, mark in news:
        if mark and (one.source == "ndr" or (one.source == "queue" and one.recipient is not None)):
            name = message_name(one, key)
            seen[name] = seen.get(name, 0) | mark
    return b"".join(name + bytes([mark]) for name, mark in seen.items())


def message_name(seen: Observation, key: bytes) -> bytes:
    """Give the digest of the message that is hit: original Message-ID and recipient; the report itself without them."""
    if seen.original.message_id and seen.recipient:
        return digest(seen.original.message_id, _folded(seen.recipient))
    return digest(key.hex())


def _note_changes(before: Ledger, after: Ledger, failures: list[Observation], now: str, route: Router) -> Ledger:
    if not failures:
        return after
    changes: list[Change] = []
    grown_to, resolved_at = before.grown_to, before.resolved_at
    if not before.is_incident:
        changes.append(Change(kind="opened", at=now, text="first seen"))
        while after.size() >= grown_to * 10:
            grown_to *= 10
    else:
        if resolved_at is not None and any((one.time or now) > resolved_at for one in failures):
            changes.append(Change(kind="reopened", at=now, text="the fault is back"))
            resolved_at = None
        if after.size() >= grown_to * 10:
            while after.size() >= grown_to * 10:
                grown_to *= 10
            changes.append(Change(kind="grew", at=now, text=f"{after.size()} messages, ten times as many as before"))
        if _headline(before.verdict) != _headline(after.verdict):
            was, now_is = before.verdict, after.verdict
            text = f"from {was.category} ({was.confidence}) to {now_is.category} ({now_is.confidence})"
            changes.append(Change(kind="verdict-changed", at=now, text=text))
    noted = msgspec.structs.replace(
        after,
        grown_to=grown_to,
        resolved_at=resolved_at,
        acknowledged_by=None if any(change.kind == "reopened" for change in changes) else after.acknowledged_by,
        changes=_bounded(before.changes + tuple(changes)),
    )
    return with_notices(noted, changes, route)


def _bounded(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    return changes if len(changes) <= KEPT_CHANGES else changes[:1] + changes[1 - KEPT_CHANGES :]


def _headline(verdict: Diagnosis) -> tuple[str, str, str | None]:
    return verdict.category, verdict.confidence, verdict.responsible.side


def _folded(address: str | None) -> str:
    """Compare addresses without regard to case: two spellings of one mailbox are one in practice."""
    return (address or "").casefold()


def _least(*times: str | None) -> str | None:
    return min((time for time in times if time), default=None)


def _greatest(*times: str | None) -> str | None:
    return max((time for time in times if time), default=None)
