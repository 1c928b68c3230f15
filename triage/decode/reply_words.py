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
_PHASES = Patterns.of(pattern for _, pattern in _IN_ORDER)
_REFUSED_OR_TIMED_OUT = re.compile(r"[45]\.4\.31[56]")


def error_in(text: str) -> str | None:
    """Give the error that a text names: "Winsock 10060" for a Winsock number, else the name as written."""
    lower = text.lower()
    if "error" in lower and (found := _WINSOCK.search(text)):
        return f"Winsock {int(found.group('number'))}"
    if found := _NAMED_BY_CONTEXT.search(text):
        return found.group("name")
    return next((word for word in _WORD.findall(text) if word in _KNOWN), None)


def phase_in(whole: str, cause: Reply) -> Phase | None:
    """Give the step of the session that the text says failed; None where it does not say.

    A lost connection (`Connection dropped due to SocketError`) has no phase: it comes from any of them.
    """
    spoken = cause.text or ""
    possible = _PHASES.possible([whole, spoken])
    for phase, pattern in _IN_ORDER:
        if pattern in possible and pattern.search(spoken):
            return phase
    if cause.status and _REFUSED_OR_TIMED_OUT.fullmatch(cause.status):
        return "connect"  # Exchange Online gives 4.4.315 and 4.4.316 for TCP alone
    for phase, pattern in _IN_ORDER[3:]:  # the command may stand outside the quoted reply
        if pattern in possible and pattern.search(whole):
            return phase
    return None


def requires_tls(text: str) -> bool | None:
    """True where a text says that TLS is demanded; None where it does not say."""
    lower = text.lower()
    return True if ("tls" in lower or "encryption" in lower) and _REQUIRED.search(text) else None
