"""Asking a server itself: is STARTTLS offered, which TLS versions does it take, with which certificate?"""

from triage.probe.address import Address, addresses_of, read_target
from triage.probe.certificate import Certificate
from triage.probe.session import Probed, Version, is_mended, probe
from triage.probe.versions import cannot_test

__all__ = [
    "Address",
    "Certificate",
    "Probed",
    "Version",
    "addresses_of",
    "cannot_test",
    "is_mended",
    "probe",
    "read_target",
]
