"""Folding new reports into an incident: counts by set, first and last by minimum and maximum, best by a total order.

Every fold commutes, so reports that come twice, late or in another order give the same incident.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from triage.group.ledger import DELIVERED, HEARSAY, MESSAGE, REPORT, RETURNED, WAITING, Ledger
from triage.group.lifecycle import BACK, HELD_UNTIL, bounded, ended_acknowledgement, lapsed, standing
from triage.group.notices import Router, is_rerouted, nobody, with_notices
from triage.group.packed import DIGEST, add, digest, marked, split
from triage.group.tallies import greatest, least, with_findings
from triage.group.times import later
from triage.model import Change, Diagnosis, Finding, Observation, Original, Surroundings, Tallied
from triage.model.words import OWN_RECORDS, SOURCE_NAMES

Judge = Callable[[Sequence[Tallied], Surroundings], Diagnosis]
"""Derives the verdict from all evidence; its answer must not depend on the order of the tallies."""

AHEAD = timedelta(days=3)
"""How far in the future a bounce may date a failure: one that says a later day would keep an incident open for ever."""
MAX_REASONS = 3
"""Pieces of evidence that a change of the verdict names; the ticket has them all."""


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
    ledger = lapsed(ledger, now, route)
    ordered = sorted(fresh.items())
    tallies = with_findings(ledger.tallies, ordered)
    failures = [
        (key, finding.observation)
        for key, finding in ordered
        if finding.diagnosis is not None and finding.observation.source != HEARSAY
    ]
    successes = [(key, finding.observation) for key, finding in ordered if finding.diagnosis is None]
    folded = msgspec.structs.replace(
        _count(ledger, failures, successes, now),
        reports=ledger.reports + b"".join(fresh),
        tallies=tallies,
        verdict=judge(tuple(tallies.values()), ledger.around),
    )
    told_by = tuple(sorted({SOURCE_NAMES[finding.observation.source] for _, finding in ordered}))
    return note_changes(ledger, folded, now, told_by, route)


def _count(
    ledger: Ledger,
    failures: list[tuple[bytes, Observation]],
    successes: list[tuple[bytes, Observation]],
    now: str,
) -> Ledger:
    seen = [observation for _, observation in failures]
    times = [time for one in seen for time in (one.time, one.until)]
    return msgspec.structs.replace(
        ledger,
        messages=_with_messages(ledger.messages, failures, successes),
        depths=_with_depths(ledger.depths, seen),
        recipients=add(ledger.recipients, {digest(_folded(one.recipient)) for one in seen if one.recipient}),
        senders=add(ledger.senders, {digest(_folded(one.original.from_)) for one in seen if one.original.from_}),
        domains=add(ledger.domains, {digest(one.recipient_domain.lower()) for one in seen if one.recipient_domain}),
        first_seen=least(ledger.first_seen, *times),
        last_seen=greatest(ledger.last_seen, *times),
        last_failed=greatest(ledger.last_failed or ledger.last_seen, *(_failed_at(one, now) for one in seen)),
        last_news=greatest(ledger.last_news, now) if seen else ledger.last_news,
        quiet_since=None if seen else ledger.quiet_since,
    )


def _failed_at(seen: Observation, now: str) -> str:
    """Give when a failure happened last: now where nothing says it. A stranger's word cannot lie far ahead."""
    time = seen.until or seen.time
    if time is None:
        return now
    return time if seen.source in OWN_RECORDS else min(time, later(now, AHEAD))


def _with_depths(depths: dict[str, int], seen: list[Observation]) -> dict[str, int]:
    """Give the peak depth of each queue: a depth is a snapshot, so later ones are not added to it."""
    peaks = dict(depths)
    for one in seen:
        if one.source == "queue" and not _is_message(one):
            hop = (one.next_hop,) if one.next_hop else (one.receiving_host or "", one.recipient_domain or "")
            name = digest(one.reported_by or "", *hop).hex()
            peaks[name] = max(peaks.get(name, 0), one.count)
    return peaks


def _with_messages(
    packed: bytes, failures: list[tuple[bytes, Observation]], successes: list[tuple[bytes, Observation]]
) -> bytes:
    """Give the messages with all that was reported of each. Only a report about a message counts, never a hop."""
    before = dict(marked(packed, MESSAGE))
    after: dict[bytes, int] = {}
    marks = {"returned": RETURNED, "waiting": WAITING, "none": 0}
    news = [(key, one, marks.get(one.impact, 0)) for key, one in failures]
    news += [(key, one, DELIVERED) for key, one in successes]
    for key, one, mark in news:
        if mark and _is_message(one):
            name = message_name(one, key)
            after[name] = after.get(name, before.get(name, 0)) | mark
    if any(name in before and before[name] != mark for name, mark in after.items()):
        packed = _packed(before | {name: mark for name, mark in after.items() if name in before})
    return packed + _packed({name: mark for name, mark in after.items() if name not in before})


def _packed(messages: Mapping[bytes, int]) -> bytes:
    return b"".join([name + bytes((mark,)) for name, mark in messages.items()])


def _is_message(seen: Observation) -> bool:
    """Tell a report about one message from one about a queue, a session or a hop."""
    if seen.source == "queue":  # Get-Message exports often leave the recipients out
        return seen.recipient is not None or seen.original != Original()
    return seen.source in ("ndr", "tracking-log")


def message_name(seen: Observation, key: bytes) -> bytes:
    """Give the digest of the message that is hit: original Message-ID and recipient; the report itself without them."""
    if seen.original.message_id and (seen.recipient or seen.source == "queue"):
        return digest(seen.original.message_id, _folded(seen.recipient))
    return digest(key.hex())


def note_changes(
    before: Ledger,
    after: Ledger,
    now: str,
    told_by: Sequence[str] = (),
    route: Router = nobody,
    back: str = BACK,
) -> Ledger:
    """Give `after` with what people have to hear of: that it opened, came back, grew, has another verdict, or is over.

    `told_by` are the sources of what is new, in people's words; `back` says why what was over is back.
    """
    if not after.is_incident:
        return after
    after, turned = standing(before, after, now, back)
    changes: list[Change] = [] if before.is_incident else [Change(kind="opened", at=now, text="first seen")]
    changes += [one for one in turned if one.kind == "reopened"]
    grown_to, size = before.grown_to, after.size()
    while size >= grown_to * 10:
        grown_to *= 10
    if before.is_incident and grown_to > before.grown_to:
        changes.append(Change(kind="grew", at=now, text=f"{size} messages, ten times as many as before"))
    if before.is_incident and _headline(before.verdict) != _headline(after.verdict):
        changes.append(Change(kind="verdict-changed", at=now, text=_moved(before.verdict, after.verdict, told_by)))
    changes += [one for one in turned if one.kind == "resolved"]
    noted = msgspec.structs.replace(after, grown_to=grown_to, changes=bounded(before.changes + tuple(changes)))
    if noted.acknowledged_size and noted.acknowledged_by and size >= HELD_UNTIL * noted.acknowledged_size:
        noted = ended_acknowledgement(noted, now, f"it has grown to {size} messages")
    if not changes and route is not nobody and noted.resolved_at is None and is_rerouted(before, noted):
        # For a sink that another row names by now it is new, as it would be had all reports come at once.
        changes = [Change(kind="opened", at=now, text="first seen")]
    return with_notices(noted, changes, route)


def _moved(was: Diagnosis, now_is: Diagnosis, told_by: Sequence[str]) -> str:
    """Say where a verdict moved from and to, which evidence moved it, the strongest first, and where that stood."""
    known = {(one.id, one.supports) for one in was.evidence}
    fresh = [one.text for one in now_is.evidence if (one.id, one.supports) not in known]
    because = f", because {'; '.join(fresh[:MAX_REASONS] or ['it is seen more often now'])}"
    seen_in = f" (told by: {', '.join(told_by)})" if told_by else ""
    if (was.category, was.confidence) == (now_is.category, now_is.confidence):
        side = now_is.responsible.side
        blamed = f"the {side} server" if side in ("sending", "receiving") else "neither"
        return f"still {was.category} ({was.confidence}), now it blames {blamed}{because}{seen_in}"
    return f"from {was.category} ({was.confidence}) to {now_is.category} ({now_is.confidence}){because}{seen_in}"


def _headline(verdict: Diagnosis) -> tuple[str, str, str | None]:
    return verdict.category, verdict.confidence, verdict.responsible.side


def _folded(address: str | None) -> str:
    """Compare addresses without regard to case: two spellings of one mailbox are one in practice."""
    return (address or "").casefold()
