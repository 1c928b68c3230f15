"""SMTP sessions that ask one question each: the banner and EHLO once, then a STARTTLS for each version of TLS."""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import msgspec

from triage.model.words import TlsVersion
from triage.probe.address import Address
from triage.probe.certificate import Certificate, read_certificate
from triage.probe.versions import VERSIONS, cannot_test, only

SECONDS = 15.0
"""For one session: RFC 5321 §4.5.3.2 lets servers take minutes; who is that slow is told as not answering."""

Answer = Literal["accepted", "refused", "no-answer", "not-tested"]
Outcome = Literal["answered", "not-reached", "no-banner", "no-starttls"]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said to one version of TLS; `why` in words of the TLS library or the operating system."""

    version: TlsVersion
    answer: Answer
    cipher: str | None = None
    why: str | None = None


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What one address answered. `starttls` is None where EHLO got no answer."""

    address: Address
    outcome: Outcome
    banner: str | None = None
    starttls: bool | None = None
    versions: tuple[Version, ...] = ()
    certificate: Certificate | None = None
    why: str | None = None

    @property
    def speaks_tls12(self) -> bool | None:
        """Say whether TLS 1.2 or newer was accepted; None where nothing that was asked tells."""
        answers = {one.answer for one in self.versions if one.version in ("1.2", "1.3")}
        if "accepted" in answers:
            return True
        return False if answers == {"refused"} or self.starttls is False else None


def is_mended(results: Sequence[Probed]) -> bool:
    """Say whether every address takes TLS 1.2 or newer: what proves a receiving server mended, and nothing less."""
    return bool(results) and all(one.speaks_tls12 for one in results)


def probe(address: Address, ehlo: str = "localhost", seconds: float = SECONDS, ca_file: str | None = None) -> Probed:
    """Ask one address; takes at most some six times `seconds`. Never raises for what the server does.

    `ehlo` is the name that we give; `ca_file` holds roots to trust beside the machine's own.
    """
    try:
        with _session(address, ehlo, seconds) as smtp:
            banner, offered = _banner(smtp), smtp.has_extn("starttls")
    except _NoBanner as failure:
        return Probed(address=address, outcome="no-banner", why=str(failure))
    except (OSError, smtplib.SMTPException) as error:
        return Probed(address=address, outcome="not-reached", why=_because(error))
    if not offered:
        return Probed(address=address, outcome="no-starttls", banner=banner, starttls=False)
    versions = tuple(_ask(address, version, ehlo, seconds) for version in VERSIONS)
    return Probed(
        address=address,
        outcome="answered",
        banner=banner,
        starttls=True,
        versions=versions,
        certificate=_certificate(address, versions, ehlo, seconds, ca_file),
    )


class _NoBanner(Exception):
    """The connection stands, and no greeting of an SMTP server came."""


@contextmanager
def _session(address: Address, ehlo: str, seconds: float) -> Iterator[smtplib.SMTP]:
    """Open a session that has said EHLO. A timer ends it: a server may send a byte now and then for ever."""
    ends = time.monotonic() + seconds
    smtp = smtplib.SMTP(timeout=seconds, local_hostname=ehlo)
    smtp._host = address.name or address.ip  # type: ignore[attr-defined]  # for SNI in starttls
    sock = socket.create_connection((address.ip, address.port), timeout=seconds)
    watch = threading.Timer(max(ends - time.monotonic(), 0), _cut, [sock])
    watch.daemon = True
    watch.start()
    try:
        smtp.sock = sock
        try:
            code, said = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise _NoBanner(_because(error)) from error
        if code != 220:
            raise _NoBanner(f"it greets with {code} {_line(said)}".strip())
        smtp.banner = said  # type: ignore[attr-defined]
        smtp.ehlo_or_helo_if_needed()
        yield smtp
    finally:
        watch.cancel()
        smtp.close()
        sock.close()


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _ask(address: Address, version: TlsVersion, ehlo: str, seconds: float) -> Version:
    """Ask for one version in a session of its own."""
    if version in cannot_test():
        return Version(version=version, answer="not-tested", why="this machine's TLS library does not speak it")
    try:
        with _session(address, ehlo, seconds) as smtp:
            code, said = smtp.docmd("STARTTLS")
            if code != 220:
                return Version(version=version, answer="refused", why=f"STARTTLS was answered {code} {_line(said)}")
            with only(version).wrap_socket(_socket(smtp), server_hostname=address.name) as secured:
                cipher = secured.cipher()
                return Version(version=version, answer="accepted", cipher=cipher[0] if cipher else None)
    except (OSError, smtplib.SMTPException, _NoBanner) as error:
        return Version(version=version, answer="refused" if _refuses(error) else "no-answer", why=_because(error))


def _refuses(error: Exception) -> bool:
    """Tell a refusal from silence. Exchange has no alert for a version that it does not take: it drops the connection."""
    if isinstance(error, TimeoutError):
        return False
    return isinstance(error, ssl.SSLError | ConnectionError | smtplib.SMTPServerDisconnected)


def _certificate(
    address: Address, versions: Sequence[Version], ehlo: str, seconds: float, ca_file: str | None
) -> Certificate | None:
    accepted = [one.version for one in versions if one.answer == "accepted"]
    if not accepted:
        return None
    shown, _ = _handshake(address, only(accepted[-1]), ehlo, seconds)
    if shown is None:
        return None
    return read_certificate(shown, _problem(address, accepted, ehlo, seconds, ca_file))


def _problem(
    address: Address, accepted: Sequence[TlsVersion], ehlo: str, seconds: float, ca_file: str | None
) -> str | None:
    """Say why a careful client would not accept the certificate; None where it would, or where none can be had."""
    if not {"1.2", "1.3"} & set(accepted):
        return None
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    context.check_hostname = address.name is not None
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # mail servers do not insist on RFC 5280 to the letter
    _, error = _handshake(address, context, ehlo, seconds)
    return error


def _handshake(address: Address, context: ssl.SSLContext, ehlo: str, seconds: float) -> tuple[bytes | None, str | None]:
    """Give the certificate of one handshake, and what it failed of where that was the certificate."""
    try:
        with _session(address, ehlo, seconds) as smtp:
            smtp.docmd("STARTTLS")
            with context.wrap_socket(_socket(smtp), server_hostname=address.name) as secured:
                return secured.getpeercert(binary_form=True), None
    except ssl.SSLCertVerificationError as error:
        return None, error.verify_message
    except (OSError, smtplib.SMTPException, _NoBanner):
        return None, None


def _socket(smtp: smtplib.SMTP) -> socket.socket:
    if smtp.sock is None:
        raise smtplib.SMTPServerDisconnected("Connection closed")
    return smtp.sock


def _banner(smtp: smtplib.SMTP) -> str:
    return _line(getattr(smtp, "banner", b""))


def _line(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return "".join(one if one.isprintable() else " " for one in text)[:200].strip()


def _because(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return _line((error.reason or str(error)).replace("_", " ").lower())
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return _line(error.strerror)
    return _line(str(error)) or type(error).__name__
