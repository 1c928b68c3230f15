"""What became of a session, by the step at which it ended: nothing here looks beyond the one session."""

import re
from typing import Literal, NamedTuple

from triage.decode.protocol_log.fields import address_of
from triage.decode.protocol_log.session import Session, Step
from triage.hosts import is_in_pool_networks
from triage.model.words import Phase, TlsVersion

Kind = Literal[
    "handshake-failed", "tls-demanded", "masked", "starttls-not-offered",
    "starttls-not-used", "dropped", "refused", "not-connected", "relayed",
]  # fmt: skip
SetAside = Literal["probe", "no-mail", "rejected", "unfinished"]
"""Sessions that say nothing of a fault: `probe`, ended before a command; `no-mail`, ended in good order without mail;
`rejected`, mail or login that our server refused, which is its work; `unfinished`, the rest lies in another log."""

_VERSIONS: dict[bytes | None, TlsVersion] = {b"0": "1.0", b"1": "1.1", b"2": "1.2", b"3": "1.3"}
_PHASES: dict[Step, Phase] = {
    "connect": "connect", "banner": "banner", "ehlo": "ehlo", "starttls": "starttls", "handshake": "handshake",
    "handshake-failed": "handshake", "ready": "envelope", "auth": "auth", "envelope": "envelope", "data": "data",
}  # fmt: skip
NOT_OFFERED = "EHLO answered without STARTTLS"
"""Our words before the answer itself: what decides is what the answer lacks."""
NOT_USED = "EHLO answered with STARTTLS, which the client did not use"
"""The same where our server offers it and Exchange Online leaves as if it had not: something between takes it away."""

_LOST = re.compile(r"421 4\.4\.[12]\b|451 4\.7\.0 Timeout\b|421 .{0,40}\btimed? ?out\b", re.IGNORECASE)
"""What Exchange notes or says when the peer is gone or silent for too long: no verdict on mail."""
_DROPPED_DUE_TO = re.compile(r"dropped due to (?P<name>[A-Za-z0-9]{1,60})")
_TLS_REFUSAL = re.compile(r"454 |554 5\.7\.[35]\b")
"""What our server says where TLS or a certificate of the two ends does not suit: no refusal of a message."""


class Outcome(NamedTuple):
    """What a session says of the hop. `text` is the row that decides; `reply` the reply that it led to, if another."""

    kind: Kind
    phase: Phase | None = None
    text: str | None = None
    error: str | None = None
    required: bool | None = None
    reply: str | None = None
    version: TlsVersion | None = None


def outcome_of(session: Session, from_exchange_online: bool = False) -> Outcome | SetAside:
    """Judge a session that ended, or of which no more is there.

    `from_exchange_online`: the client of a Receive session is a host of Exchange Online, which leaves where it finds no
    STARTTLS that it needs; of anybody else that says nothing.
    """
    version = version_of(session)
    found: Outcome | SetAside | None = _tls_fault(session) or _unfinished_business(session)
    if found is None and session.handed:
        found = Outcome("relayed", text=text_of(session.masked) if session.masked and not session.secured else None)
    found = found or _refused(session) or _ended(session, from_exchange_online)
    return found._replace(version=version) if isinstance(found, Outcome) else found


def version_of(session: Session) -> TlsVersion | None:
    """Give the version of TLS that the session spoke, "none" for clear text, None where the log leaves it open."""
    if session.secured:
        return _VERSIONS.get(session.version)
    return "none" if session.handed and session.from_start else None


def text_of(row: bytes | None) -> str:
    """Give a piece of a row as text."""
    return " ".join((row or b"").decode("utf-8", "replace").replace("\x00", " ").strip(' ",\r').split())


def named_error(ended: str | None) -> str | None:
    """Give the name in a disconnect such as `Remote(SocketError)`."""
    _, bracket, rest = (ended or "").partition("(")
    name = rest.removesuffix(")")
    return name if bracket and name.isalnum() else None


def _error(session: Session) -> str | None:
    """Give the error that a session which was cut names, in its last row or in what was noted before."""
    noted = _DROPPED_DUE_TO.search(session.refusal or "")
    return named_error(session.ended) or (noted["name"] if noted else None)


def _tls_fault(session: Session) -> Outcome | None:
    if session.failed_text is not None:
        required = True if session.demand else None
        return Outcome("handshake-failed", "handshake", session.failed_text, session.tls_error, required)
    if session.demand is not None and not session.secured:
        text = session.demand
        if session.masked is not None:
            return Outcome("masked", _masked_phase(session), text_of(session.masked), required=True, reply=text)
        return Outcome("tls-demanded", "starttls", text, required=True)
    if session.step == "handshake" and (session.ended is not None or session.refusal is not None):
        return Outcome("handshake-failed", "handshake", session.refusal or session.ended or None, _error(session))
    return None


def _masked_phase(session: Session) -> Phase:
    return "banner" if session.masked is session.banner else "ehlo"


def _unfinished_business(session: Session) -> Outcome | None:
    """Tell a session that was cut in the middle of a login or a message, whatever went well before."""
    if session.step == "auth" and session.auth_text and not session.refusal:
        return _dropped(session)
    if session.ended is None or session.quit or session.step not in ("auth", "envelope", "data"):
        return None
    return _dropped(session) if session.refusal is None or _LOST.match(session.refusal) else None


def _dropped(session: Session) -> Outcome:
    text = session.auth_text if session.step == "auth" and session.auth_text else session.refusal or session.ended
    return Outcome("dropped", _PHASES[session.step], text or None, _error(session))


def _refused(session: Session) -> Outcome | SetAside | None:
    if session.refusal is None:
        return None
    if session.masked is not None and not session.secured:
        phase = _masked_phase(session)
        return Outcome("masked", phase, text_of(session.masked), reply=session.refusal)
    if session.side == "receive" and session.refused_at != "starttls" and not _TLS_REFUSAL.match(session.refusal):
        idle = session.step in ("connect", "banner", "ehlo", "ready") and _LOST.match(session.refusal)
        return None if idle else "rejected"
    return Outcome("refused", _PHASES[session.refused_at], session.refusal, _error(session))


def _ended(session: Session, from_exchange_online: bool) -> Outcome | SetAside:
    """Judge a session that handed nothing over and in which nothing was refused."""
    if session.ended is None:
        return "unfinished"
    if session.masked is not None and not session.secured:
        return Outcome("masked", _masked_phase(session), text_of(session.masked))
    if session.connect_text is not None:
        return Outcome("not-connected", "connect", session.connect_text)
    if session.step == "starttls":
        return Outcome("handshake-failed", "starttls", session.ended or None, named_error(session.ended))
    if session.step in ("connect", "banner"):
        return _without_command(session)
    return _without_mail(session, from_exchange_online)


def _without_command(session: Session) -> Outcome | SetAside:
    if session.side == "receive":
        return "probe" if session.from_start else "unfinished"
    return _dropped(session) if session.from_start and not session.quit else "unfinished"


def _is_at_microsoft(session: Session) -> bool:
    """Tell whether a client stands where Exchange Online stands: what it calls itself in EHLO anybody can say."""
    address = address_of(session.remote)
    return session.step == "ehlo" and address is not None and is_in_pool_networks("exchange-online", address)


def _without_mail(session: Session, from_exchange_online: bool) -> Outcome | SetAside:
    is_send = session.side == "send"
    # Of a session whose beginning is missing, the first answer to EHLO may be the one inside TLS, which offers none.
    lacked = session.step == "ehlo" and session.offered is False and session.from_start
    if lacked and ((is_send and not session.anonymous) or from_exchange_online):
        return Outcome("starttls-not-offered", "starttls", f"{NOT_OFFERED}: {text_of(session.greeting)}")
    if from_exchange_online and session.offered and session.quit and session.from_start and _is_at_microsoft(session):
        return Outcome("starttls-not-used", "starttls", f"{NOT_USED}: {text_of(session.greeting)}")
    # A client that says nothing more and leaves is a probe of some kind; one whose connection broke is not.
    if session.quit or not (is_send or _error(session)):
        return "no-mail"
    return _dropped(session)
