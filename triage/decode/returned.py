"""The returned message, whole or its headers: which message it was, and what its Received stamps prove."""

import re

import msgspec

from triage.decode.limits import MAX_HEADER, MAX_HOPS
from triage.decode.mailbox import addresses_of
from triage.decode.message import Mail, read_mail
from triage.decode.received import Hop, read_received
from triage.exchange import product_of
from triage.hosts import normal
from triage.model import Observation, Original, Product, Software, Tls, Trust

_NAME = re.compile("[!-~]+")

MAX_TO = 5
"""Addresses of the To field that are kept: they only help to recognize the message."""


class Returned(msgspec.Struct, frozen=True):
    """The message that bounced. `builds` maps a host's normal name to the product that stamped in its name,
    one with a build before one without."""

    original: Original = Original()
    hops: tuple[Hop, ...] = ()
    builds: dict[str, Product] = {}
    addresses: dict[str, str] = {}


def returned_message(mail: Mail) -> Returned:
    """Read the headers of a returned message."""
    hops = read_received(mail.headers("received")[:MAX_HOPS])
    builds: dict[str, Product] = {}
    addresses: dict[str, str] = {}
    for hop in hops:
        host = normal(hop.by_host)
        stamped = _stamped(hop)
        if host and stamped is not None and (host not in builds or (stamped.build and not builds[host].build)):
            builds[host] = stamped
        if host and hop.by_ip:
            addresses.setdefault(host, hop.by_ip)
    return Returned(original=_original(mail), hops=hops, builds=builds, addresses=addresses)


PARAGRAPHS = 4
"""Lines by which it is told whether each line of a header is a paragraph of its own."""


def returned_text(text: str) -> Mail | None:
    """Parse the headers of a returned message that stand in a text; None where no header is there."""
    lines = text[: 4 * MAX_HEADER].splitlines()
    for at, line in enumerate(lines[:40]):
        name, colon, _ = line.partition(":")
        if colon and name.lower() in _STARTS and name.isascii():
            return read_mail("\n".join(_folded(lines[at:])).encode("utf-8", "replace"))
    return None


def _folded(lines: list[str]) -> list[str]:
    """Fold header lines again: mail clients wrap them anew, and HTML loses the blanks that mark a continuation.

    Where a blank line stands behind each of the first ones they were paragraphs.
    """
    if len(lines) > 2 and not any(line.strip() for line in lines[1:PARAGRAPHS:2]):
        lines = [line for line in lines if line.strip()]
    return [line if not line or _is_field(line) else f" {line.lstrip()}" for line in lines]


def _is_field(line: str) -> bool:
    name, colon, value = line.partition(":")
    if not (colon and name[:1].isalpha() and _NAME.fullmatch(name)):
        return False
    return value[:1] in ("", " ", "\t") or name.lower() in _STARTS


def relayed(returned: Returned, trust: Trust) -> list[Observation]:
    """Give an observation for each hop that handed the message on by SMTP and whose stamp tells TLS or a build."""
    return [_relayed(hop, returned, trust) for hop in returned.hops if _tells(hop)]


_STARTS = frozenset(
    {
        "received", "return-path", "from", "to", "subject", "date", "message-id", "dkim-signature", "mime-version",
        "x-received", "delivered-to", "arc-seal", "authentication-results", "content-type", "received-spf", "sender",
        "x-google-dkim-signature", "x-ms-exchange-authentication-results", "x-originating-ip", "thread-topic",
    }
)  # fmt: skip


def _tells(hop: Hop) -> bool:
    if not (normal(hop.by_host) and (normal(hop.from_host) or hop.from_ip)):
        return False
    if (hop.protocol or "").lower().startswith(("mapi", "http", "local")):
        return False
    return hop.tls_version is not None or hop.encrypted is not None or hop.build is not None


def _relayed(hop: Hop, returned: Returned, trust: Trust) -> Observation:
    sending, receiving = normal(hop.from_host), normal(hop.by_host)
    return Observation(
        source="received",
        action="relayed",
        reported_by=receiving,
        sending_host=sending,
        sending_ip=hop.from_ip,
        receiving_host=receiving,
        receiving_ip=hop.by_ip,
        tls=Tls(version="none" if hop.encrypted is False else hop.tls_version, cipher=hop.cipher),
        software=Software(
            sending=returned.builds.get(sending or ""),
            receiving=_stamped(hop),
        ),
        time=hop.time,
        original=returned.original,
        trust=trust,
    )


def _stamped(hop: Hop) -> Product | None:
    """Give the product that the stamping host names, with its build where it is an Exchange server."""
    if hop.build:
        return Product(product=product_of(hop.build) or hop.product, build=hop.build)
    return Product(product=hop.product) if hop.product else None


def _original(mail: Mail) -> Original:
    return Original(
        message_id=bare_id(mail.header("message-id")),
        from_=_addresses(mail, "from", 1),
        to=_addresses(mail, "to", MAX_TO),
        subject=mail.words("subject") or None,
    )


def bare_id(value: str | None) -> str | None:
    """Give a Message-ID without its angle brackets; of several the first."""
    if not value:
        return None
    inside = value.partition("<")[2].partition(">")[0] if "<" in value else value
    return inside.strip() or None


def _addresses(mail: Mail, name: str, at_most: int) -> str | None:
    """Give the bare addresses of a header, joined by commas; None without one."""
    return ", ".join(addresses_of(mail.header(name) or "")[:at_most]) or None
