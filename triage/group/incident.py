"""From the stored ledger to the incident that people see."""

from collections.abc import Iterator

import msgspec

from triage import exchange
from triage.errors import NotFound
from triage.group.documents import Documents
from triage.group.healed import proof_of
from triage.group.ledger import Ledger
from triage.group.lifecycle import Periods, aged
from triage.group.packed import DIGEST
from triage.group.silences import shown_silent, silent_now
from triage.group.stored import INCIDENTS, followed, load_ledger
from triage.hosts import is_address, pool_ids
from triage.model import Diagnosis, Incident, Observation, Product, Software, Tallied
from triage.model.words import OWN_RECORDS, State, rank

NO_PERIODS = Periods()
"""Time alone ends acknowledgements and silences, and nothing more."""


def incident_of(ledger: Ledger) -> Incident:
    """Give the incident of a ledger that holds a failure."""
    sample = _sample(ledger)
    return Incident(
        id=ledger.id,
        state=_state(ledger),
        family=ledger.family,
        ends=ledger.ends,
        verdict=ledger.verdict,
        counts=ledger.counts(),
        recipients=_size(ledger.recipients),
        senders=_size(ledger.senders),
        domains=_size(ledger.domains),
        first_seen=ledger.first_seen,
        last_seen=ledger.last_seen,
        changes=ledger.changes,
        sample=None if sample is None else _completed(sample.observation, ledger),
        acknowledged_by=ledger.acknowledged_by,
        linked=ledger.linked,
        acknowledged_until=ledger.acknowledged_until,
        silenced_by=ledger.silenced_by,
        silenced_until=ledger.silenced_until,
        silence_reason=ledger.silence_reason,
        quiet_since=ledger.quiet_since,
        resolved_at=ledger.resolved_at,
        proof=proof_of(ledger),
    )


def _size(packed: bytes) -> int:
    return len(packed) // DIGEST


def _state(ledger: Ledger) -> State:
    if ledger.resolved_at is not None:
        return "resolved"
    return "open" if ledger.quiet_since is None else "quiet"


def _sample(ledger: Ledger) -> Tallied | None:
    """Give the tally that shows the verdict best: same category, surest, most often seen, then the earliest."""
    failures = [(one.diagnosis, one) for one in ledger.tallies.values() if one.diagnosis is not None]
    best = min(failures, key=lambda pair: _sample_order(pair[0], pair[1], ledger), default=None)
    return None if best is None else best[1]


def _sample_order(diagnosis: Diagnosis, tallied: Tallied, ledger: Ledger) -> tuple[bool, int, int, int, str, bytes]:
    seen = tallied.observation
    known = sum(value is not None for value in (seen.sending_host, seen.receiving_host, seen.software.sending))
    return (
        diagnosis.category != ledger.verdict.category,
        -rank(diagnosis.confidence),
        -known,
        -tallied.count,
        tallied.first or "~",
        msgspec.msgpack.encode(seen),
    )


def _completed(seen: Observation, ledger: Ledger) -> Observation:
    """Give the sample with what the incident's other observations know of the same hosts: names and software.

    The verdict rests on all of them together, and so must the steps.
    """
    others = [one.observation for one in ledger.tallies.values() if one.observation.trust.level != "low"]
    # An end is one host whatever its names, unless it is a pool: there a build belongs to the host that showed it.
    senders = [one for one in others if not _is_pool(ledger.ends.sending) or one.sending_host == seen.sending_host]
    receivers = [
        one for one in others if not _is_pool(ledger.ends.receiving) or one.receiving_host == seen.receiving_host
    ]
    writer = {"send-log": ledger.ends.sending, "queue": ledger.ends.sending, "receive-log": ledger.ends.receiving}
    return msgspec.structs.replace(
        seen,
        reported_by=seen.reported_by or _host_name(writer.get(seen.source)),
        sending_host=seen.sending_host or _host_name(ledger.ends.sending),
        receiving_host=seen.receiving_host or _host_name(ledger.ends.receiving),
        software=Software(
            sending=_newest(
                seen.software.sending, [one.software.sending for one in senders], ledger.ends.sending, ledger
            ),
            receiving=_newest(
                seen.software.receiving, [one.software.receiving for one in receivers], ledger.ends.receiving, ledger
            ),
        ),
    )


def _is_pool(end: str | None) -> bool:
    return end in pool_ids()


def _host_name(end: str | None) -> str | None:
    """Give an end that names a host: no pool, and no address."""
    return end if end and not _is_pool(end) and not is_address(end) else None


def _newest(own: Product | None, others: list[Product | None], end: str | None, ledger: Ledger) -> Product | None:
    """Give the highest build that believed reports show of an end, here or elsewhere; a server's build only grows.

    Where no build is known it is what the sample says, else the one product that the other reports name.
    """
    elsewhere, _ = ledger.around.builds.get(end or "", (None, ""))
    known = [*others, Product(exchange.product_of(elsewhere), elsewhere) if elsewhere else None]
    with_build = [one for one in known if one is not None and one.build]
    if with_build or own is not None:
        return max(with_build, key=_order_of_builds, default=own)
    named = {one.product for one in known if one is not None and one.product}
    return Product(product=named.pop()) if len(named) == 1 else None


def _order_of_builds(product: Product) -> tuple[tuple[int, ...], str, str]:
    return exchange.build_order(product.build or ""), product.build or "", product.product or ""


def incidents(documents: Documents, now: str | None = None, periods: Periods = NO_PERIODS) -> Iterator[Incident]:
    """Give every incident in the store, in the order of their ids: with `now` as time alone has made it by then."""
    silent = () if now is None else silent_now(documents, now)
    for listed in documents.list(INCIDENTS):
        ledger = load_ledger(documents, listed.key.removeprefix(INCIDENTS))
        if ledger is not None and ledger.is_incident:
            yield shown_silent(incident_of(ledger if now is None else aged(ledger, now, periods)), silent)


def find_incident(documents: Documents, name: str, now: str | None = None, periods: Periods = NO_PERIODS) -> Incident:
    """Give the incident whose id is or begins with `name`, in any case; with `now` as `incidents` does.

    Raises `NotFound` where none or several do.
    """
    prefix = name.strip().upper()
    matches = [listed.key.removeprefix(INCIDENTS) for listed in documents.list(INCIDENTS + prefix)] if prefix else []
    found = {ledger.id: ledger for one in matches if (ledger := followed(documents, one)) is not None}.values()
    ledgers = [ledger for ledger in found if ledger.is_incident]
    if len(ledgers) > 1:
        names = ", ".join(ledger.id for ledger in ledgers[:5])
        raise NotFound(f"“{name}” could be {len(ledgers)} incidents: {names}. Give more of the id.")
    if not ledgers:
        raise NotFound(f"There is no incident “{name}” in this store. `triage incidents` lists them.")
    found_one = incident_of(ledgers[0] if now is None else aged(ledgers[0], now, periods))
    return shown_silent(found_one, () if now is None else silent_now(documents, now))


def receiving_addresses(documents: Documents, incident_id: str) -> tuple[tuple[str, bool], ...]:
    """Give the addresses at which the incident's mail failed, each with whether a record of our own names it."""
    ledger = followed(documents, incident_id)
    found: dict[str, bool] = {}
    for one in ledger.tallies.values() if ledger is not None else ():
        seen = one.observation
        if one.diagnosis is not None and seen.receiving_ip and seen.trust.level != "low":
            found[seen.receiving_ip] = found.get(seen.receiving_ip, False) or seen.source in OWN_RECORDS
    return tuple(sorted(found.items()))
