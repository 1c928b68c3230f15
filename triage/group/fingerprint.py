"""What makes two observations the same trouble: the family of the fault and both ends of the hop.

Only what later evidence cannot change goes in: never a recipient, a Message-ID, a time or a conclusion.
"""

import base64
import hashlib

import msgspec

from triage.hosts import Hosts, is_address, pool_ids
from triage.model import Ends, Observation
from triage.model.words import Family


class Fingerprint(msgspec.Struct, frozen=True):
    """The family and both ends; equal fingerprints are one incident."""

    family: Family
    ends: Ends

    @property
    def incident_id(self) -> str:
        """Eight characters that name the incident for people and files, the same for the same fingerprint."""
        text = "\x1f".join((self.family, self.ends.sending or "", self.ends.receiving or ""))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return base64.b32encode(digest)[:8].decode("ascii")


def fingerprint(observation: Observation, family: Family, hosts: Hosts) -> Fingerprint:
    """Give the fingerprint of an observation whose fault is of this family."""
    domain = observation.recipient_domain
    domain_end = domain.lower() if domain else None
    if family == "recipient":
        receiving = domain_end or _end(observation.receiving_host, observation.receiving_ip, hosts)
        return Fingerprint(family, Ends(None, receiving))
    sending = _end(observation.sending_host or observation.reported_by, observation.sending_ip, hosts)
    receiving_pool = hosts.pool(observation.receiving_host) or hosts.pool(domain)
    receiving_host = _end(observation.receiving_host, observation.receiving_ip, hosts)
    if family == "session":
        # A session fault belongs to one host of the far side: another of its hosts may well be healthy.
        receiving = receiving_pool or receiving_host or domain_end
    else:
        # A policy belongs to the whole far side, whichever of its hosts spoke.
        receiving = receiving_pool or domain_end or receiving_host
    return Fingerprint(family, Ends(sending, receiving))


def renamed(family: Family, ends: Ends, hosts: Hosts) -> Fingerprint:
    """Give the fingerprint that observations with these ends have, now that `hosts` knows more names."""
    if family == "recipient" and ends.receiving and "." in ends.receiving and not is_address(ends.receiving):
        return Fingerprint(family, ends)  # a mail domain, which is nobody's host
    return Fingerprint(family, Ends(_renamed(ends.sending, hosts), _renamed(ends.receiving, hosts)))


def _renamed(end: str | None, hosts: Hosts) -> str | None:
    return end if end is None or end in pool_ids() else _end(end, None, hosts)


def _end(host: str | None, ip: str | None, hosts: Hosts) -> str | None:
    return hosts.pool(host) or hosts.canonical(host) or hosts.pool(ip) or hosts.canonical(ip)
