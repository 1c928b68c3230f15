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

    `builds` maps a host to the build that a trusted report names; `tls12` holds, for each sending and receiving
    end, how many sessions over TLS 1.2 or 1.3 succeeded near the failures; `handshakes` the ends between which a
    handshake was seen to fail.
    """

    builds: dict[str, Product] = {}
    tls12: dict[tuple[str, str], int] = {}
    handshakes: frozenset[tuple[str, str]] = frozenset()


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
    tls12_successes: int = 0
    failed_handshake: bool = False


def case_of(observation: Observation, hosts: Hosts, shared: Shared | None = None) -> Case:
    """Give the case of an observation, with the builds and successes that its incident knows."""
    known = shared or Shared()
    sending = hosts.canonical(observation.sending_host or observation.sending_ip)
    receiving = hosts.canonical(observation.receiving_host or observation.receiving_ip)
    ends = (sending or "", hosts.pool(receiving) or receiving or "")
    return Case(
        seen=observation,
        text=readable(observation.diagnostic),
        sending=hosts.kind(sending) or UNKNOWN,
        receiving=hosts.kind(receiving) or hosts.kind(_pooled(observation.recipient_domain, hosts)) or UNKNOWN,
        sending_host=sending,
        receiving_host=receiving,
        sending_product=_product(observation.software.sending, sending, known),
        receiving_product=_product(observation.software.receiving, receiving, known),
        tls12_successes=known.tls12.get(ends, 0),
        failed_handshake=ends in known.handshakes,
    )


def _pooled(domain: str | None, hosts: Hosts) -> str | None:
    """Give the domain where it names a pool by itself (gmail.com): it stands in where no host is known."""
    return domain if hosts.pool(domain) else None


def _product(own: Product | None, host: str | None, known: Shared) -> Product | None:
    if own is not None and own.build:
        return own
    return known.builds.get(host) if host and host in known.builds else own


def readable(text: str | None) -> str:
    """Fold white space and typographic quotes, so that a wrapped or pretty-printed reply matches like the plain one."""
    if not text:
        return ""
    plain = text[: MAX_TEXT * 2].translate(_QUOTES).encode("utf-8", "replace").decode("utf-8")
    return " ".join(plain.split())[:MAX_TEXT]
