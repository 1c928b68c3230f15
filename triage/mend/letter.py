"""Whether a partner's postmaster has to act, and the facts that a letter to him may hold."""

from triage.hosts import Hosts
from triage.mend.discreet import discreet, public_address, public_name
from triage.mend.host import End, usable
from triage.model import Incident, Observation
from triage.model.draft import NoLetter, PartnerLetter, Topic
from triage.model.words import TLS_SPOKEN, Category

_TOPICS: dict[Category, Topic] = {
    "tls-version": "version",
    "tls-cipher": "cipher",
    "tls-required": "starttls",
    "tls-certificate": "certificate",
    "tls-negotiation": "handshake",
    "connection-dropped": "dropped",
    "connection-refused": "refused",
    "connection-timeout": "timeout",
    "dns": "dns",
    "authentication": "authentication",
    "reputation": "block",
    "spam-block": "block",
    "policy": "policy",
    "content-rejected": "policy",
    "relay-denied": "policy",
    "rate-limit": "policy",
    "greylisted": "policy",
    "connector-attribution": "policy",
    "system": "system",
    "mailbox-full": "recipient",
    "recipient-unknown": "recipient",
    "recipient-inactive": "recipient",
}
"""Every other category is told as it was seen: `general`."""


def letter(incident: Incident, hosts: Hosts) -> PartnerLetter | NoLetter:
    """Give the facts of a letter where the partner is the one to act, else who is. Never raises."""
    verdict = incident.verdict
    if verdict.actor != "partner-postmaster":
        return NoLetter(verdict.actor)
    seen = incident.sample or Observation(source="ndr", action="failed")
    they_send = _they_send(incident, seen, hosts)
    mine: End = "receiving" if they_send else "sending"
    online = (incident.ends.receiving if they_send else incident.ends.sending) == "exchange-online"
    ours, our_ip = _end(seen, mine)
    theirs, their_ip = _end(seen, "sending" if they_send else "receiving")
    sender = usable((seen.original.from_ or "").rpartition("@")[2].strip(" >"))
    domains = (sender, usable(seen.recipient_domain))
    named = verdict.responsible.host if verdict.responsible.kind in (None, "host") else None
    return PartnerLetter(
        incident=incident.id,
        topic=_TOPICS.get(verdict.category, "general"),
        confidence=verdict.confidence,
        they_send=they_send,
        theirs=public_name(usable(named)) or public_name(usable(theirs)),
        their_ip=public_address(their_ip),
        domain=domains[0] if they_send else domains[1],
        ours=public_name(usable(_our_name(seen, ours, they_send))),
        our_ip=public_address(our_ip),
        our_domain=domains[1] if they_send else domains[0],
        through_exchange_online=online,
        reply=discreet(seen.diagnostic, _hidden(seen, ours, hosts)) if seen.diagnostic else None,
        phase=seen.tls.phase,
        first=incident.first_seen,
        last=incident.last_seen,
        returned=incident.counts.returned,
        waiting=incident.counts.waiting,
        sessions=incident.counts.sessions,
        tried_until=seen.retry_until if incident.counts.waiting else None,
        cleared=_cleared(incident, they_send),
    )


def _they_send(incident: Incident, seen: Observation, hosts: Hosts) -> bool:
    """Tell whether the partner's server is the SMTP client of the hop."""
    side = incident.verdict.responsible.side
    if side in ("sending", "receiving"):
        return side == "sending"
    return hosts.is_ours(seen.receiving_host) is True and hosts.is_ours(seen.sending_host) is not True


def _end(seen: Observation, end: End) -> tuple[str | None, str | None]:
    if end == "sending":
        return seen.sending_host, seen.sending_ip
    return seen.receiving_host, seen.receiving_ip


def _our_name(seen: Observation, name: str | None, they_send: bool) -> str | None:
    """Give the name that the other side knows: where we connected, the one that we said in EHLO."""
    return seen.ehlo if seen.ehlo and not they_send else name


def _hidden(seen: Observation, ours: str | None, hosts: Hosts) -> tuple[str, ...]:
    """Give the names of ours that a letter must not show: those that no public DNS can hold."""
    reporter = seen.reported_by if hosts.is_ours(seen.reported_by) is not False else None
    return tuple(name for name in (ours, reporter) if name and usable(name) and not public_name(name))


def _cleared(incident: Incident, they_send: bool) -> tuple[str, ...]:
    """Name what the evidence rules out on our side."""
    supporting = {one.id for one in incident.verdict.evidence if one.supports}
    every = {one.id for one in incident.verdict.evidence}
    mine = "receiving" if they_send else "sending"
    found = []
    if incident.verdict.category != "tls-version" and supporting & set(TLS_SPOKEN):
        found.append("tls12-spoken")
    if every & {f"{mine}-build-speaks-tls12", f"{mine}-build-insists-on-tls12"}:
        found.append("we-speak-tls12")
    if "many-fail-to-it" in supporting:
        found.append("others-fail-too")
    if "others-see-it" in supporting:
        found.append("reports-agree")
    return tuple(found)
