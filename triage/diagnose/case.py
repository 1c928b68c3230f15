"""What a rule looks at: an observation, the kinds of its two ends, and what else is known of its incident."""

import msgspec

from triage.hosts import Hosts
from triage.model import Observation, Product

MAX_TEXT = 8192
"""Characters of a diagnostic that rules see: sixteen reply lines of 512 (RFC 5321 §4.5.3.1.5), more than any cause."""

UNKNOWN = "unknown"

_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\x00": " "})


class Shared(msgspec.Struct, frozen=True):
    """What all observations of an incident know together; of one alone, nothing.

    `builds` maps a host to the newest build that a report names which nothing speaks against, and to where that stands;
    `tls12` is how many sessions over TLS 1.2 or 1.3 between the same two ends succeeded near this failure;
    `handshakes` are the ends between which a handshake was seen to fail.
    """

    builds: dict[str, tuple[Product, str]] = {}
    tls12: int = 0
    handshakes: frozenset[tuple[str, str]] = frozenset()


_ALONE = Shared()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One observation as rules and evidence see it. Kinds are those of `Hosts.kind`, "unknown" where it knows none."""

    seen: Observation
    text: str
    sending: str
    receiving: str
    sending_host: str | None
    receiving_host: str | None
    sending_product: Product | None
    receiving_product: Product | None
    sending_told_by: str | None = None
    """Where the sending build stands, if not in this observation; the same for the receiving one."""
    receiving_told_by: str | None = None
    tls12_successes: int = 0
    failed_handshake: bool = False


def case_of(observation: Observation, hosts: Hosts, shared: Shared | None = None) -> Case:
    """Give the case of an observation, with the builds and successes that its incident knows."""
    known = shared or _ALONE
    sending = hosts.canonical(observation.sending_host or observation.sending_ip)
    receiving = hosts.canonical(observation.receiving_host or observation.receiving_ip)
    sending_product, sending_told_by = _product(observation.software.sending, sending, known)
    receiving_product, receiving_told_by = _product(observation.software.receiving, receiving, known)
    return Case(
        seen=observation,
        text=readable(observation.diagnostic),
        sending=hosts.kind(sending) or UNKNOWN,
        receiving=hosts.kind(receiving) or hosts.kind(_pooled(observation.recipient_domain, hosts)) or UNKNOWN,
        sending_host=sending,
        receiving_host=receiving,
        sending_product=sending_product,
        receiving_product=receiving_product,
        sending_told_by=sending_told_by,
        receiving_told_by=receiving_told_by,
        tls12_successes=known.tls12,
        failed_handshake=bool(known.handshakes) and _ends(sending, receiving, hosts) in known.handshakes,
    )


def ends_of(observation: Observation, hosts: Hosts) -> tuple[str, str] | None:
    """Give both ends of a hop, each as its pool or its host, in their roles; None where one is not known."""
    sending = hosts.canonical(observation.sending_host or observation.sending_ip)
    return _ends(sending, hosts.canonical(observation.receiving_host or observation.receiving_ip), hosts)


def _ends(sending: str | None, receiving: str | None, hosts: Hosts) -> tuple[str, str] | None:
    if sending is None or receiving is None:
        return None
    return hosts.pool(sending) or sending, hosts.pool(receiving) or receiving


def _pooled(domain: str | None, hosts: Hosts) -> str | None:
    """Give the domain where it names a pool by itself (gmail.com): it stands in where no host is known."""
    return domain if hosts.pool(domain) else None


def _product(own: Product | None, host: str | None, known: Shared) -> tuple[Product | None, str | None]:
    """Give the newest build that is known of a host, and where it stands where the observation itself does not say it.

    A server's build only grows: a report of last week must not make it older than it is.
    """
    if host is None or host not in known.builds:
        return own, None
    product, told_by = known.builds[host]
    return (own, None) if own is not None and own.build == product.build else (product, told_by)


def readable(text: str | None) -> str:
    """Fold white space and typographic quotes, so that a wrapped or pretty-printed reply matches like the plain one."""
    if not text:
        return ""
    plain = text[: MAX_TEXT * 2]
    if not plain.isascii() or "\x00" in plain:
        plain = plain.translate(_QUOTES).encode("utf-8", "replace").decode("utf-8")
    return " ".join(plain.split())[:MAX_TEXT]
