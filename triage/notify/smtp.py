"""One mail to a server that relays for us (RFC 5321): verified TLS, bounded time, and what each reply means.

The name is resolved once and the connection goes to the address that was looked at; the certificate is still verified
against the name. Of what the server says only its codes are kept: texts may repeat addresses.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from pydantic import SecretStr

from triage.notify.address import addresses_of
from triage.notify.deadline import within
from triage.notify.outcome import Accepted, Later, Outcome, Refused
from triage.notify.post import Line

ANSWER_SECONDS = 20
"""How long to wait for each reply."""

DEADLINE_SECONDS = 60
"""How long a whole mail may take: half of what its claim holds."""

_STATUS = re.compile(rb"^[245]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that relays for us, and how it is reached."""

    host: str
    port: int
    security: str
    user: str | None = None
    password: SecretStr | None = None


class _Done(Exception):
    """The session ends here."""

    def __init__(self, outcome: Later | Refused) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


def send_mail(relay: Relay, line: Line, sender: str, recipients: Sequence[str], content: bytes) -> Outcome:
    """Hand over one mail and say what became of it; `remote` says how many recipients were not taken."""

    def work() -> Outcome:
        try:
            return _sent(relay, line, sender, recipients, content)
        except _Done as done:
            return done.outcome

    return within(DEADLINE_SECONDS, work, f"No end within {DEADLINE_SECONDS} seconds.")


def _sent(relay: Relay, line: Line, sender: str, recipients: Sequence[str], content: bytes) -> Outcome:
    client = _connected(relay, line)
    try:
        try:
            _greet(client, relay, line)
            _expect(client.mail(sender), "the sender")
            refused = [reply for reply in (client.rcpt(one) for one in recipients) if reply[0] not in (250, 251)]
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise _Done(_lost(error)) from None
        if len(refused) == len(recipients):
            _expect(min(refused), "any recipient")  # one that passes by itself is worth another try
        try:
            reply = client.data(content)
        except smtplib.SMTPDataError as error:  # DATA itself was refused: nothing was sent
            reply = (error.smtp_code, _bytes(error.smtp_error))
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            raise _Done(
                Later(f"The connection ended before the mail was acknowledged ({type(error).__name__}).", unsure=True)
            ) from None
        _expect(reply, "the mail")
    finally:
        with suppress(smtplib.SMTPException, OSError):
            client.close()
    left = f"{len(refused)} of {len(recipients)} recipients were not taken" if refused else None
    return Accepted(left)


def _connected(relay: Relay, line: Line) -> smtplib.SMTP:
    try:
        addresses, forbidden = addresses_of(relay.host, relay.port)
    except (OSError, UnicodeError):
        raise _Done(Later("The name of the host cannot be resolved.")) from None
    if forbidden is not None and not line.allow_loopback:
        raise _Done(Refused(f"The host's name leads to {forbidden}; sinks.allow_loopback lets a trial do that."))
    made: type[_ToAddress] | type[_TlsToAddress] = _TlsToAddress if relay.security == "tls" else _ToAddress
    error: Exception | None = None
    for address in addresses[:3]:
        try:
            return made(relay, address, _context(line))
        except smtplib.SMTPConnectError as refusal:
            _expect((refusal.smtp_code, _bytes(refusal.smtp_error)), "the connection")
        except (smtplib.SMTPServerDisconnected, OSError) as failure:
            error = failure
    raise _Done(_lost(error or OSError()))


class _ToAddress(smtplib.SMTP):
    """A session with one address, which keeps the host's name for the certificate."""

    def __init__(self, relay: Relay, address: str, _context: ssl.SSLContext) -> None:
        self._address = address
        super().__init__(relay.host, relay.port, local_hostname=_own_name(), timeout=ANSWER_SECONDS)

    def _get_socket(self, _host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self._address, port), timeout)


class _TlsToAddress(smtplib.SMTP_SSL):
    """The same with TLS from the first byte (RFC 8314)."""

    def __init__(self, relay: Relay, address: str, context: ssl.SSLContext) -> None:
        self._address = address
        super().__init__(relay.host, relay.port, local_hostname=_own_name(), timeout=ANSWER_SECONDS, context=context)

    def _get_socket(self, _host: str, port: int, timeout: float) -> ssl.SSLSocket:
        plain = socket.create_connection((self._address, port), timeout)
        return self.context.wrap_socket(plain, server_hostname=self._host)  # type: ignore[attr-defined]


def _own_name() -> str:
    """Give what EHLO says: the library's own way asks the name service, which may take long."""
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "[127.0.0.1]"


def _context(line: Line) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=None if line.ca_file is None else str(line.ca_file))


def _greet(client: smtplib.SMTP, relay: Relay, line: Line) -> None:
    """Say EHLO, go over to TLS and log in, as the settings ask."""
    _expect(client.ehlo(), "EHLO")
    if relay.security == "starttls":
        if not client.has_extn("starttls"):
            raise _Done(Refused("The server offers no STARTTLS, and sinks.mail.security asks for it."))
        try:
            reply = client.starttls(context=_context(line))
        except smtplib.SMTPResponseException as error:
            reply = (error.smtp_code, _bytes(error.smtp_error))
        _expect(reply, "STARTTLS")
        _expect(client.ehlo(), "EHLO")
    if relay.user is not None and relay.password is not None:
        try:
            client.login(relay.user, relay.password.get_secret_value())
        except smtplib.SMTPResponseException as error:
            _expect((error.smtp_code, _bytes(error.smtp_error)), "user and password")
        except smtplib.SMTPException as error:
            raise _Done(Refused(f"It offers no way to log in that we know ({type(error).__name__}).")) from None


def _expect(reply: tuple[int, bytes], what: str) -> None:
    """Go on after a good reply: 4xx passes by itself, anything else is for a person (RFC 5321, 4.2.1)."""
    code, text = reply
    if 200 <= code < 300:
        return
    status = _STATUS.match(text)
    reason = f"It answered {code}{' ' + status[0].decode('ascii') if status else ''} to {what}."
    raise _Done(Later(reason) if 400 <= code < 500 else Refused(reason))


def _lost(error: Exception) -> Later:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Later("The certificate of the host is not trusted.")
    return Later(f"The host cannot be reached, or the session was lost ({type(error).__name__}).")


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")
