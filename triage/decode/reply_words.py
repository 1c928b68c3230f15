"""Words in a reply that name an error, the step of the session that failed, or a demand for TLS."""

import re

from triage.decode.patterns import Patterns
from triage.model import Reply
from triage.model.words import Phase

_NAMES = (
    # .NET SocketError
    "SocketError", "SocketTimedout", "ConnectionReset", "ConnectionAborted", "ConnectionRefused", "TimedOut",
    "HostNotFound", "HostUnreachable", "HostDown", "NetworkUnreachable", "NetworkDown", "NetworkReset", "NotConnected",
    "OperationAborted", "AddressNotAvailable", "NoBufferSpaceAvailable", "NoRecovery", "TryAgain", "NoData", "Shutdown",
    # SSPI SecurityStatus
    "InvalidToken", "AlgorithmMismatch", "UnsupportedFunction", "IllegalMessage", "DecryptFailure", "MessageAltered",
    "InternalError", "NoCredentials", "UnknownCredentials", "IncompleteCredentials", "LogonDenied", "InvalidHandle",
    "SecurityQosFailed", "OutOfSequence", "NoAuthenticatingAuthority", "TimeSkew", "WrongPrincipal",
    # certificates and chains
    "UntrustedRoot", "SubjectMismatch", "CertificateExpired", "CertExpired", "CertUnknown", "CertificateRevoked",
    "RevocationStatusUnknown", "RevocationCheckFailure", "PartialChain", "NotTimeValid", "EmptyCertificate",
    "NoRemoteCertificate", "OfflineRevocation", "RevocationOffline", "ChainPolicyStatus",
    # Exchange's own
    "SuspiciousRemoteServerError", "InfoNoRecords", "InfoDomainNonexistent", "InfoTruncated", "ErrorRetry",
    "ErrorTimeout", "ServerFailure", "NonExistentDomain",
)  # fmt: skip
_KNOWN = frozenset(_NAMES)
_ANY_NAME = re.compile("|".join(_NAMES))
_WORD = re.compile(f"[A-Za-z]{{{min(map(len, _NAMES))},}}")
_NAMED_BY_CONTEXT = re.compile(
    r"(?:Connection dropped due to|Security status|negotiation failed with error|DNS query failed ?[(]|\[Message=) ?"
    r"(?P<name>[A-Z][a-z]+(?:[A-Z][a-z]+)+)(?![A-Za-z])"
)
_WINSOCK = re.compile(r"(?:Winsock error code|Socket error code|WSA error):? ?(?P<number>\d{3,5})(?!\d)", re.IGNORECASE)

_REQUIRED = re.compile(
    r"STARTTLS is required|must issue (?:a )?STARTTLS"
    r"|(?<!not )requires? (?:a )?(?:STARTTLS|TLS|XAnonymousTls|encryption)"
    r"|TLS (?:session )?is required|\bTLS required|must support TLS|senders to use TLS|STARTTLS first"
    r"|encryption (?:is )?required",
    re.IGNORECASE,
)
_STARTTLS = re.compile(
    r"STARTTLS is required|must issue (?:a )?STARTTLS|require STARTTLS|STARTTLS first|starttls-not-supported"
    r"|refused to start TLS|not offer TLS|TLS is required, but was not offered|TLS required",
    re.IGNORECASE,
)
_HANDSHAKE = re.compile(
    r"TLS handshake|start TLS: handshake|SSL_(?:connect|accept)|TLS negotiation failed|Security status \w"
    r"|TLS connect failed|attempt to start TLS failed|certificate validation fail|establish appropriate TLS channel"
    r"|certificate (?:not trusted|verification failed)|certificate[- ]expired|tlsa-invalid|certificate-host-mismatch"
    r"|\b(?:UntrustedRoot|SubjectMismatch|CertificateExpired|CertExpired|InvalidToken|AlgorithmMismatch"
    r"|UnsupportedFunction|IllegalMessage|NoCredentials|UnknownCredentials)\b",
    re.IGNORECASE,
)
_CONNECT = re.compile(
    r"(?:Failed|Unable|Could not|cannot) to connect\b|\bUnable to connect|\bconnect to \S{1,255}: |"
    r"(?:Winsock|Socket) error code:? ?(?:10060|10061|10051|10065)(?!\d)|Couldn't connect",
    re.IGNORECASE,
)
_BANNER = re.compile(r"initial (?:server )?greeting|waiting for (?:the )?(?:initial )?banner", re.IGNORECASE)
_EHLO = re.compile(r"performing the (?:EHLO|HELO|LHLO) handshake|in reply to (?:EHLO|HELO)|after (?:EHLO|HELO)\b")
_AUTH = re.compile(
    r"in reply to AUTH|Temporary authentication failure|cannot achieve exchange server authentication", re.IGNORECASE
)
_DATA = re.compile(
    r"in reply to (?:end of DATA|DATA|BDAT)|while sending (?:end of data|message body|DATA|BDAT)"
    r"|after (?:pipelined )?(?:end of data|DATA|BDAT)\b|sending end of data",
    re.IGNORECASE,
)
_ENVELOPE = re.compile(
    r"in reply to (?:MAIL FROM|RCPT TO)|while sending (?:MAIL FROM|RCPT TO)|after (?:pipelined )?(?:MAIL FROM|RCPT TO)"
    r"|>>> (?:MAIL From|RCPT To)",
    re.IGNORECASE,
)
_IN_ORDER: tuple[tuple[Phase, re.Pattern[str]], ...] = (
    ("starttls", _STARTTLS),
    ("handshake", _HANDSHAKE),
    ("connect", _CONNECT),
    ("banner", _BANNER),
    ("ehlo", _EHLO),
    ("auth", _AUTH),
    ("data", _DATA),
    ("envelope", _ENVELOPE),
)
_PHASE_OF = {pattern: phase for phase, pattern in _IN_ORDER}
_OF_AN_ERROR = frozenset((_WINSOCK, _NAMED_BY_CONTEXT, _ANY_NAME))
_EVERY = Patterns.of((*_PHASE_OF, *_OF_AN_ERROR, _REQUIRED))
_SIGNS = (
    "tls", "cert", "connect to", "to connect", "n't connect", "ssl_", "security status", "handshake", "encrypt",
    "greeting", "banner", "in reply to", "after ", "authentication", "while sending", "sending end", ">>> ",
    "error code", "wsa error", "dns query", "[message=", "shutdown", "untrustedroot", "subjectmismatch",
    "invalidtoken", "algorithmmismatch", "unsupportedfunction", "illegalmessage", "credentials",
)  # fmt: skip
"""What stands, in lower case, in whatever one of them matches; the name of an error has `_IN_A_NAME` instead."""
_IN_A_NAME = re.compile("[a-z][A-Z]")
_NOT_OUTSIDE: tuple[Phase, ...] = ("starttls", "handshake", "connect")
"""Phases that a reply names itself; what stands around it may speak of another server's."""
_REFUSED_OR_TIMED_OUT = re.compile(r"[45]\.4\.31[56]")


def told(whole: str, cause: Reply, *, alone: bool) -> tuple[str | None, Phase | None, bool | None]:
    """Give the error that a text names, the step of the session that it says failed, and True where it demands TLS.

    `alone` says that the text of its cause stands in it behind nothing but codes. Each is None where it does not say.
    """
    spoken = cause.text or ""
    texts = [spoken] if alone else [whole, spoken]
    possible = _EVERY.possible(texts) if any(map(may_tell, texts)) else ()
    if not possible:
        return None, _by_status(cause), None
    error = None
    if not _OF_AN_ERROR.isdisjoint(possible):
        error = error_in(spoken) or (None if alone else error_in(whole))
    phases = [pattern for pattern in possible if pattern in _PHASE_OF]
    return error, _phase(phases, whole, cause), requires_tls(spoken) if _REQUIRED in possible else None


def may_tell(text: str) -> bool:
    """True where a text may name an error, a step or a demand: most replies do not, as a short look shows."""
    if not text.isascii():
        return True
    return any(map(text.lower().__contains__, _SIGNS)) or _IN_A_NAME.search(text) is not None


def error_in(text: str) -> str | None:
    """Give the error that a text names: "Winsock 10060" for a Winsock number, else the name as written."""
    lower = text.lower()
    if "error" in lower and (found := _WINSOCK.search(text)):
        return f"Winsock {int(found.group('number'))}"
    if found := _NAMED_BY_CONTEXT.search(text):
        return found.group("name")
    return next((word for word in _WORD.findall(text) if word in _KNOWN), None)


def _phase(possible: list[re.Pattern[str]], whole: str, cause: Reply) -> Phase | None:
    """Give the phase, of which some patterns may tell.

    A lost connection (`Connection dropped due to SocketError`) has no phase: it comes from any of them.
    """
    spoken = cause.text or ""
    for pattern in possible:
        if pattern.search(spoken):
            return _PHASE_OF[pattern]
    if phase := _by_status(cause):
        return phase
    for pattern in possible:  # the command may stand outside the quoted reply
        if _PHASE_OF[pattern] not in _NOT_OUTSIDE and pattern.search(whole):
            return _PHASE_OF[pattern]
    return None


def _by_status(cause: Reply) -> Phase | None:
    """Give what a status says alone: Exchange Online gives 4.4.315 and 4.4.316 for TCP, and for nothing else."""
    return "connect" if cause.status and _REFUSED_OR_TIMED_OUT.fullmatch(cause.status) else None


def requires_tls(text: str) -> bool | None:
    """True where a text says that TLS is demanded; None where it does not say."""
    lower = text.lower()
    return True if ("tls" in lower or "encryption" in lower) and _REQUIRED.search(text) else None
