"""Proof of mending: a probe of every address that failed, and the incident that it closes.

A probe proves the receiving role alone. It asks no address that only a message named, unless a person names it.
"""

from collections.abc import Sequence

from triage.errors import BadInput, Transient
from triage.group import ActJournal, Documents, Router, act_on, nobody, receiving_addresses
from triage.hosts import Hosts, is_address
from triage.model import Incident
from triage.probe import Address, Probed, addresses_of, probe, read_target

MENDED_BY_TLS12 = ("tls-version", "tls-negotiation", "tls-cipher", "tls-required")
MENDED_BY_CERTIFICATE = ("tls-certificate",)
"""Categories that a probe can prove mended, and by what."""


def targets(incident: Incident | None, named: str | None, documents: Documents | None, hosts: Hosts) -> list[Address]:
    """Give the addresses to probe: of the host that a person named, and those at which the incident's mail failed.

    Raises `BadInput` where the incident is no fault of a receiving host, where `named` is another host than its, and
    where nobody but a message named the host.
    """
    host, port = read_target(named) if named else (None, 25)
    if incident is None or documents is None:
        return list(addresses_of(host or "", port))
    end = incident.ends.receiving
    if incident.verdict.responsible.side != "receiving" or not end or hosts.pool(end):
        raise BadInput(
            f"Incident {incident.id} is no fault of one receiving host, and a probe proves nothing else. "
            "Probe the host without --for."
        )
    if host is not None and hosts.canonical(host) != hosts.canonical(end) and not is_address(host):
        raise BadInput(f"Incident {incident.id} is about {end}, not {host}: name that host.")
    failed = receiving_addresses(documents, incident.id)
    if host is None and not (hosts.is_ours(end) or any(own for _, own in failed)):
        raise BadInput(
            f"Only a message named {end}, and messages can be forged. Look at it, and if it is the right host, name it: "
            f"triage probe {end} --for {incident.id}"
        )
    name = None if is_address(end) else end
    try:
        found = list(addresses_of(host or end, port))
    except Transient:
        if not failed:
            raise
        found = []  # a name that only our own DNS knows; the addresses that failed are known all the same
    known = {one.ip for one in found}
    return [*found, *(Address(ip, port, name) for ip, _ in failed if ip not in known)]


def ask(addresses: Sequence[Address], seconds: float, ca_file: str | None) -> list[Probed]:
    """Probe the addresses one after the other: a server that limits connections must not be hurt by us."""
    return [probe(one, seconds=seconds, ca_file=ca_file) for one in addresses]


def proves(incident: Incident, results: Sequence[Probed]) -> bool:
    """Say whether these answers prove the incident's fault mended, at every address that failed."""
    if not results or incident.verdict.responsible.side != "receiving":
        return False
    category = incident.verdict.category
    if category in MENDED_BY_TLS12:
        return all(one.speaks_tls12 for one in results)
    is_proof = category in MENDED_BY_CERTIFICATE
    return is_proof and all(one.certificate is not None and one.certificate.problem is None for one in results)


def close(
    documents: Documents,
    incident: Incident,
    results: Sequence[Probed],
    now: str,
    *,
    by: str = "probe",
    route: Router = nobody,
    journal: ActJournal | None = None,
) -> Incident:
    """Resolve an incident that the answers prove mended, saying what was seen where. Without a `journal` it is the store's."""
    seen = ", ".join(f"{one.address.ip} takes TLS {_newest(one)}" for one in results[:5])
    more = f" and {len(results) - 5} more" if len(results) > 5 else ""
    text = f"a probe of every address that failed passes: {seen}{more}"
    return act_on(documents, incident.id, "resolve", by, now, text=text, route=route, journal=journal)


def _newest(result: Probed) -> str:
    accepted = [one.version for one in result.versions if one.answer == "accepted"]
    return accepted[-1] if accepted else "not at all"
