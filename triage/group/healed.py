"""Positive evidence that a fault is mended: failures before, successes after, of the same hop in the same direction.

Only sessions in protocol logs of ours count, which came as files: what a mail carries anybody can write. They must
have handed mail over in TLS; clear text proves nothing. All of it follows from the tallies, so that late logs and logs
out of order prove what they would have proved in order.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import msgspec

from triage.group.ledger import HEARSAY, Ledger
from triage.group.times import later
from triage.hosts import is_address, is_in_pool_networks, pool_ids
from triage.model import Proof, Tallied
from triage.model.words import OWN_RECORDS, SESSION_LOGS, TlsVersion

MIXED = timedelta(hours=24)
"""Where failures and successes mix, one success after a failure is nothing new: the fault has to stay away for so long,
while mail passes. It is also how far before the last failure one looks for such a mixture."""

_SENDS: tuple[TlsVersion, ...] = ("1.0", "1.1", "1.2", "1.3")
_TAKES: tuple[TlsVersion, ...] = ("1.2", "1.3")
"""What counts as TLS in a Send log, and in a Receive log: Exchange Online speaks nothing older (RFC 8996)."""


class _Run(msgspec.Struct, frozen=True):
    """What one tally saw in one hour: both times are those of sessions."""

    first: str
    last: str
    tally: Tallied


def proof_of(ledger: Ledger) -> Proof | None:
    """Give what proves the fault of a session mended; None where nothing does."""
    last = ledger.last_failed or ledger.last_seen
    if ledger.family != "session" or not ledger.is_incident or last is None:
        return None
    passed = [one for one in ledger.tallies.values() if _counts(one, ledger)]
    after = [run for run in _runs(passed) if run.last > last]
    if not after or not _at_every_address(ledger, passed):
        return None
    ended = max(run.last for run in after)
    if _mixes(ledger, passed, last) and ended < later(last, MIXED):
        return None
    counts = [_count(run, last) for run in after]
    return Proof(
        last_failure=last,
        successes=sum(number for number, _ in counts),
        at_least=not all(is_exact for _, is_exact in counts),
        first_success=min(run.first if run.first > last else run.last for run in after),
        last_success=ended,
        tls_version=" and ".join(sorted({str(run.tally.observation.tls.version) for run in after})),
    )


def _counts(one: Tallied, ledger: Ledger) -> bool:
    """Tell whether a tally is of sessions that prove the hop: relayed in TLS, in a log of ours, from who it seems to be."""
    seen = one.observation
    if one.diagnosis is not None or seen.action != "relayed" or seen.source not in SESSION_LOGS:
        return False
    if seen.trust.level == "low" or seen.trust.reasons:
        return False
    if seen.source == "send-log":
        return seen.tls.version in _SENDS
    return seen.tls.version in _TAKES and _is_sender(seen.sending_ip, ledger.ends.sending)


def _is_sender(address: str | None, sending: str | None) -> bool:
    """Tell whether a client stands where the sending end stands; what it calls itself in EHLO is no proof."""
    if address is None or sending is None:
        return False
    return is_in_pool_networks(sending, address) if sending in pool_ids() else address == sending


def _runs(tallies: Iterable[Tallied]) -> Iterator[_Run]:
    for one in tallies:
        for first, last in one.hours.values():
            yield _Run(first, last, one)


def _count(run: _Run, last: str) -> tuple[int, bool]:
    """Give how many sessions of a run came after the last failure, and whether that is exact."""
    if run.first <= last:
        return 1, False
    if len(run.tally.hours) == 1:
        return max(run.tally.count, 1), True
    found = sum(count for part, count in run.tally.parts.items() if part[:13] == run.first[:13])
    return max(found, 1), found > 0 and "" not in run.tally.parts  # the oldest parts are one sum


def _failures(ledger: Ledger) -> list[Tallied]:
    every = [one for one in ledger.tallies.values() if one.diagnosis is not None]
    return [one for one in every if one.observation.source != HEARSAY and one.observation.trust.level != "low"]


def _at_every_address(ledger: Ledger, passed: Sequence[Tallied]) -> bool:
    """Tell whether each address of one host at which mail failed took mail later; a pool has too many to ask that."""
    if ledger.ends.receiving in pool_ids():
        return True
    failed: dict[str, str] = {}
    for one in _failures(ledger):
        seen = one.observation
        if seen.source in OWN_RECORDS and seen.receiving_ip and is_address(seen.receiving_ip):
            failed[seen.receiving_ip] = max(failed.get(seen.receiving_ip, ""), one.last or "")
    taken: dict[str, str] = {}
    for run in _runs(passed):
        address = run.tally.observation.receiving_ip
        if address:
            taken[address] = max(taken.get(address, ""), run.last)
    return all(taken.get(address, "") > last for address, last in failed.items())


def _mixes(ledger: Ledger, passed: Sequence[Tallied], last: str) -> bool:
    """Tell whether a success stands between two failures of the time before the last one."""
    since = later(last, -MIXED)
    begun = min((run.first for run in _runs(_failures(ledger)) if since <= run.first < last), default=None)
    if begun is None:
        return False
    return any(begun < time < last for run in _runs(passed) for time in (run.first, run.last))
