"""A server's certificate as it shows it: names, dates, issuer, and what this machine thinks of its chain."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:  # large, and needed only once a certificate is there
    from cryptography import x509

MAX_NAMES = 50
"""Names of a certificate that are told; large providers put a hundred into one."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What the server showed. Times are UTC, RFC 3339. `problem` is why this machine would not accept it, in words of its
    TLS library; None where it would.
    """

    subject: str
    issuer: str
    names: tuple[str, ...] = ()
    not_before: str
    not_after: str
    self_signed: bool = False
    problem: str | None = None


def read_certificate(der: bytes, problem: str | None) -> Certificate | None:
    """Read a certificate (X.509, RFC 5280) out of its DER bytes; None where they are none that can be read."""
    from cryptography import x509

    try:
        found = x509.load_der_x509_certificate(der)
        names = _names(found)
        return Certificate(
            subject=_text(found.subject.rfc4514_string()),
            issuer=_text(found.issuer.rfc4514_string()),
            names=names,
            not_before=_time(found.not_valid_before_utc),
            not_after=_time(found.not_valid_after_utc),
            self_signed=found.subject == found.issuer,
            problem=problem,
        )
    except ValueError:
        return None


def _names(found: "x509.Certificate") -> tuple[str, ...]:
    from cryptography import x509

    try:
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(_text(name) for name in alternatives.get_values_for_type(x509.DNSName)[:MAX_NAMES])


def _text(text: str) -> str:
    """Keep a line a line: a certificate may hold any characters."""
    return "".join(one if one.isprintable() else "?" for one in text)[:300]


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
