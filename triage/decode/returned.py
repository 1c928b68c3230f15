"""The returned message, whole or its headers: which message it was, and what its Received stamps prove."""

import re

from triage.decode.limits import MAX_HEADER, MAX_HOPS
from triage.decode.mailbox import addresses_of
from triage.decode.message import Header, read_header
from triage.decode.received import Hop, read_received
from triage.exchange import product_of
from triage.hosts import normal
from triage.model import Observation, Original, Product, Software, Tls, Trust

_NAME = re.compile("[!-~]+")

PARAGRAPHS = 4
"""Lines by which it is told whether each line of a header is a paragraph of its own."""
MAX_TO = 5
"""Addresses of the To field that are kept: they only help to recognize the message."""


class Returned:
    """The message that bounced: which it was, and the stamps of its way, newest first."""

    def __init__(self, header: Header | None = None) -> None:
        """Take its header; None where the report returns none."""
        self.original = Original() if header is None else _original(header)
        self.hops = () if header is None else read_received(header.raw_values("received")[:MAX_HOPS])
        self._known: dict[str, tuple[Product | None, str | None]] = {}

    def product_of(self, host: str | None) -> Product | None:
        """Give the product that stamped in a host's name, one with a build before one without; None without one."""
        return self._told_of(host)[0] if host else None

    def address_of(self, host: str | None) -> str | None:
        """Give the address that a host's newest stamp tells of it; None without one."""
        return self._told_of(host)[1] if host else None

    def _told_of(self, host: str) -> tuple[Product | None, str | None]:
        """Give what the stamps of a host tell of it, by its normal name."""
        if host not in self._known:
            own = [hop for hop in self.hops if hop.may_name(host) and normal(hop.by_host) == host]
            products = [one for one in map(_stamped, own) if one is not None]
            product = next((one for one in products if one.build), products[0] if products else None)
            self._known[host] = (product, next((hop.by_ip for hop in own if hop.by_ip), None))
        return self._known[host]


def returned_text(text: str) -> Header | None:
    """Parse the headers of a returned message that stand in a text; None where no header is there."""
    lines = text[: 4 * MAX_HEADER].splitlines()
    for at, line in enumerate(lines[:40]):
        name, colon, _ = line.partition(":")
        if colon and name.lower() in _STARTS and name.isascii():
            return read_header("\n".join(_folded(lines[at:])))
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
    if not (hop.tells_tls and normal(hop.by_host) and (normal(hop.from_host) or hop.from_ip)):
        return False
    return not (hop.protocol or "").lower().startswith(("mapi", "http", "local"))


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
            sending=returned.product_of(sending),
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


def _original(header: Header) -> Original:
    return Original(
        message_id=bare_id(header.header("message-id")),
        from_=_addresses(header, "from", 1),
        to=_addresses(header, "to", MAX_TO),
        subject=header.words("subject") or None,
    )


def bare_id(value: str | None) -> str | None:
    """Give a Message-ID without its angle brackets; of several the first."""
    if not value:
        return None
    inside = value.partition("<")[2].partition(">")[0] if "<" in value else value
    return inside.strip() or None


def _addresses(header: Header, name: str, at_most: int) -> str | None:
    """Give the bare addresses of a field, joined by commas; None without one."""
    return ", ".join(addresses_of(header.header(name) or "")[:at_most]) or None
