"""TLS contexts that speak exactly one version, and what this machine's OpenSSL will not speak at all."""

import ssl
import warnings
from functools import cache

from triage.model.words import TlsVersion

VERSIONS: dict[TlsVersion, ssl.TLSVersion] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
OLD = ("1.0", "1.1")


def only(version: TlsVersion) -> ssl.SSLContext:
    """Give a client context that speaks this version alone and accepts any certificate: what is asked is the version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version in OLD:
        # OpenSSL 3 signs nothing with SHA-1 above security level 0, and both old versions need it.
        context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that the old ones are deprecated is why we ask
        context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


@cache
def cannot_test() -> tuple[TlsVersion, ...]:
    """Give the versions that this machine's OpenSSL, or its configuration, does not speak: they cannot be asked for."""
    return tuple(version for version in VERSIONS if not _can_begin(version))


def _can_begin(version: TlsVersion) -> bool:
    """Say whether a handshake can be begun: the first message written to memory, to nobody."""
    try:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        only(version).wrap_bio(incoming, outgoing, server_hostname=None).do_handshake()
    except ssl.SSLWantReadError:
        return True
    except (ssl.SSLError, ValueError):
        return False
    return True


def library() -> str:
    """Give the name and version of this machine's TLS library."""
    return ssl.OPENSSL_VERSION
