"""What is known of the host that has to be mended, read from an incident's verdict and its sample."""

import ipaddress
import re
from typing import Literal

import msgspec

from triage import exchange
from triage.hosts import Hosts
from triage.mend import signs
from triage.mend.gates import VERSIONS
from triage.model import Incident, Observation, Product
from triage.model.words import TLS_SPOKEN, Confidence, rank

End = Literal["sending", "receiving"]

_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62}){0,30}\Z")
_BUILD = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){1,3}\Z")
_MAX_NAME = 253
"""RFC 1035 §2.3.4: a name has at most 255 octets, 253 characters as text."""

_FAR = frozenset({"exchange-online", "large-provider", "microsoft"})
_POOLS = {
    "exchange-online": "Exchange Online",
    "gmail": "Gmail",
    "yahoo": "Yahoo",
    "icloud": "iCloud",
    "outlook-consumer": "Outlook.com",
}
_WRITER: dict[str, End] = {"queue": "sending", "send-log": "sending", "receive-log": "receiving"}
"""These sources are written by an Exchange server, which stands at this end of the hop."""


class Mended(msgspec.Struct, frozen=True, kw_only=True):
    """The host to be mended and its peer, each field None where nothing tells it.

    Names and builds passed a check of their characters: a value that could be anything but a host name, an
    address or a build is None.
    """

    side: End | None
    host: str | None
    label: str
    """What to call the host in a sentence: its name, "Exchange Online", or "the sending server"."""
    peer: str | None
    peer_label: str
    sender: str
    """The sending end, as a sentence names it."""
    receiver: str
    """The receiving end, as a sentence names it."""
    mx: str | None
    mx_ip: str | None
    domain: str | None
    sender_domain: str | None
    version: str | None
    """A name of `gates.VERSIONS`."""
    build: str | None
    level: str | None
    gates: frozenset[str]


def usable(name: str | None) -> str | None:
    """Give a host name or address in its own characters, lower case; None for anything else."""
    if not name or len(name) > _MAX_NAME:
        return None
    bare = name.strip().strip("[]").rstrip(".")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare.lower() if _HOST_NAME.match(bare) else None


def read(incident: Incident, hosts: Hosts) -> Mended:
    """Read which host has to be mended, what it runs, and the gates that follow. Never raises."""
    seen = incident.sample or Observation(source="ndr", action="failed")
    side = _side(incident, seen, hosts)
    host = _host(incident, seen, side)
    peer = usable(_name(seen, _other(side))) if side else None
    product = _product(seen, side)
    build = product.build if product and product.build and _BUILD.match(product.build) else None
    system = _system(product, build, seen, side, hosts.kind(host))
    version = next((name for name in VERSIONS if name in system), None)
    if incident.verdict.responsible.kind == "device" and "unknown-system" in system:
        system = frozenset({"device"})
    gates = system | _of_build(build, system) | _of_verdict(incident, seen, side, host, peer, hosts)
    gates |= signs.read(seen, incident.verdict.rule, hosts) | _of_domains(incident, seen, hosts)
    if allows_change(incident, gates):
        gates |= {"tls12-change"}
    return Mended(
        side=side,
        host=host,
        label=_label(host, side, hosts, system),
        peer=peer,
        peer_label=_pool_label(peer, hosts) or peer or "the other server",
        sender=_end_label(seen.sending_host, "sending", hosts),
        receiver=_end_label(seen.receiving_host, "receiving", hosts),
        mx=usable(seen.receiving_host),
        mx_ip=usable(seen.receiving_ip),
        domain=usable(seen.recipient_domain),
        sender_domain=_sender_domain(incident, seen),
        version=version,
        build=build,
        level=exchange.level_of(build) if build and version else None,
        gates=gates,
    )


def allows_change(incident: Incident, gates: frozenset[str]) -> bool:
    """Tell whether the registry change may be printed: TLS version at fault, at least probable, at a known end, on a
    Windows server whose build can speak TLS 1.2, told by a report that can be believed, and not where 1.2 is refused."""
    verdict = incident.verdict
    sure = verdict.category == "tls-version" and rank(verdict.confidence) >= rank("probable")
    sure = sure and verdict.responsible.side in ("sending", "receiving")
    return sure and {"windows", "speaks-tls12"} <= gates and "trust-low" not in gates and "demands-tls13" not in gates


def _side(incident: Incident, seen: Observation, hosts: Hosts) -> End | None:
    """Give the end to be mended; where the verdict leaves it open, the end that is not a provider's.

    A connector, a tenant or a domain on the far side is no server: it is looked at, and mostly mended, from the server
    of ours that sends to it.
    """
    named = incident.verdict.responsible.side
    no_server = incident.verdict.responsible.kind in ("connector", "tenant", "domain")
    if no_server and named == "receiving" and hosts.is_ours(seen.sending_host):
        return "sending"
    if named == "sending" or named == "receiving":
        return named
    far = {end: hosts.kind(_name(seen, end)) in _FAR for end in ("sending", "receiving")}
    if far["sending"] != far["receiving"]:
        return "receiving" if far["sending"] else "sending"
    ends: tuple[End, End] = ("sending", "receiving")
    for end in ends:
        if hosts.is_ours(_name(seen, end)):
            return end
    reporter = usable(seen.reported_by)
    return next((end for end in ends if reporter and usable(_name(seen, end)) == reporter), None)


def _host(incident: Incident, seen: Observation, side: End | None) -> str | None:
    responsible = incident.verdict.responsible
    if responsible.kind in (None, "host", "device") and responsible.side in (None, side):
        named = usable(responsible.host)
        if named:
            return named
    if side is None:
        return None
    address = seen.sending_ip if side == "sending" else seen.receiving_ip
    return usable(_name(seen, side)) or usable(address)


def _name(seen: Observation, side: str) -> str | None:
    return seen.sending_host if side == "sending" else seen.receiving_host


def _sender_domain(incident: Incident, seen: Observation) -> str | None:
    """Give the domain that the verdict blames on the sending side, else that of the original message's sender."""
    blamed = incident.verdict.responsible
    if blamed.kind == "domain" and blamed.side == "sending" and blamed.host:
        return usable(blamed.host)
    return usable((seen.original.from_ or "").rpartition("@")[2].strip(" >"))


def _other(side: End) -> End:
    return "receiving" if side == "sending" else "sending"


def _product(seen: Observation, side: End | None) -> Product | None:
    if side is None:
        return None
    return seen.software.sending if side == "sending" else seen.software.receiving


def _system(
    product: Product | None, build: str | None, seen: Observation, side: End | None, kind: str | None
) -> frozenset[str]:
    """Give the gates that say what the host runs."""
    named = ((exchange.product_of(build) if build else None) or (product.product if product else None) or "").lower()
    if kind == "exchange-online" or "exchange online" in named:
        return frozenset({"exchange-online", "provider", "not-windows"})
    if kind in _FAR:
        return frozenset({"provider", "not-windows"})
    server = signs.system_named(named)
    if server is not None:
        return frozenset({server, "not-windows"})
    if "exchange" in named or _wrote_it(seen, side):
        return frozenset({"exchange", "windows", _version(named) or "exchange-version-unknown"})
    server = signs.system_saying(seen, side)
    if server is not None:
        return frozenset({server, "not-windows"})
    return frozenset({"unknown-system"})


def _version(named: str) -> str | None:
    for year in ("2010", "2013", "2016", "2019"):
        if year in named:
            return f"exchange-{year}"
    if named.endswith(" se") or "subscription" in named:
        return "exchange-se"
    return "exchange-2007-or-older" if any(old in named for old in ("2007", "2003", "2000", "5.5")) else None


def _wrote_it(seen: Observation, side: End | None) -> bool:
    """Tell whether an Exchange server at this end wrote the report: a queue or a log of its own, or an NDR of its
    own with an error name that only .NET's socket and SSPI layers give."""
    if side is None:
        return False
    if _WRITER.get(seen.source) == side:
        return True
    reporter = usable(seen.reported_by)
    own = reporter is not None and reporter == usable(_name(seen, side))
    return own and seen.source == "ndr" and seen.tls.error is not None


def _of_build(build: str | None, system: frozenset[str]) -> frozenset[str]:
    if "exchange-2007-or-older" in system:
        return frozenset({"below-code-limit", "below-guidance"} | ({"build-known"} if build else set()))
    if build is None or "exchange" not in system:
        return frozenset()
    gates = {"build-known"}
    speaks = exchange.speaks_tls12(build)
    if speaks is not None:
        gates.add("speaks-tls12" if speaks else "below-code-limit")
    if exchange.meets_guidance(build) is False:
        gates.add("below-guidance")
    return frozenset(gates)


def _of_verdict(
    incident: Incident, seen: Observation, side: End | None, host: str | None, peer: str | None, hosts: Hosts
) -> frozenset[str]:
    verdict = incident.verdict
    confidence: Confidence = verdict.confidence
    gates: set[str] = {confidence, side or "side-unknown"}
    if verdict.responsible.side == "path":
        gates.add("path")
    told = verdict.responsible.ours if verdict.responsible.side in (None, side) else None
    ours = told if told is not None else hosts.is_ours(host)
    gates.add({True: "ours", False: "not-ours", None: "ownership-unknown"}[ours])
    if seen.trust.level == "low":
        gates.add("trust-low")
    if hosts.kind(peer) == "exchange-online":
        gates.add("peer-exchange-online")
    if incident.family == "session":
        gates.add("session")
    if incident.counts.waiting:
        gates.add("waiting")
    if any(one.supports and one.id in TLS_SPOKEN for one in verdict.evidence):
        gates.add("tls-spoken")
    return frozenset(gates)


def _of_domains(incident: Incident, seen: Observation, hosts: Hosts) -> frozenset[str]:
    """Give whose the two mail domains are; no gate where the settings name no domain of ours."""
    owners = {
        ("our-recipient", "their-recipient"): hosts.is_our_domain(usable(seen.recipient_domain)),
        ("our-sender", "their-sender"): hosts.is_our_domain(_sender_domain(incident, seen)),
    }
    return frozenset(gates[0] if ours else gates[1] for gates, ours in owners.items() if ours is not None)


def _pool_label(host: str | None, hosts: Hosts) -> str | None:
    return _POOLS.get(hosts.pool(host) or "")


def _end_label(name: str | None, end: End, hosts: Hosts) -> str:
    host = usable(name)
    return _pool_label(host, hosts) or host or f"the {end} server"


def _label(host: str | None, side: End | None, hosts: Hosts, system: frozenset[str]) -> str:
    if "exchange-online" in system:
        return "Exchange Online"
    unknown = f"the {side} server" if side else "the server at fault"
    return _pool_label(host, hosts) or host or unknown
