"""Replies that speak of TLS, and those that only look like it: category and side, read as a decoder gives them."""

import pytest

from triage.decode.reply import unwrap
from triage.diagnose import Rulebook, diagnose
from triage.hosts import Hosts
from triage.model import Diagnosis, Observation, Product, Software, Tls

HOSTS = Hosts(domains=["contoso.example"])
SERVER = "hq-ex10a.contoso.example"
PARTNER = "mail.fabrikam.example"
TENANT = "fabrikam-example.mail.protection.outlook.com"
POD = "am6pr01mb1234.eurprd01.prod.outlook.com"
ENDS = {"to cloud": (SERVER, TENANT), "from cloud": (POD, PARTNER), "between": (SERVER, PARTNER)}


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    """Give the shipped rules, read once."""
    return Rulebook.load()


def verdict(
    rulebook: Rulebook, text: str, ends: str = "between", software: Software | None = None, source: str = "ndr"
) -> Diagnosis:
    """Diagnose a reply between two ends."""
    said = unwrap(text)
    sending, receiving = ENDS[ends]
    found = diagnose(
        Observation(
            source=source,  # type: ignore[arg-type]
            action="failed",
            reply_code=said.cause.reply_code,
            status=said.cause.status,
            diagnostic=said.cause.text,
            sending_host=sending,
            receiving_host=receiving,
            tls=Tls(error=said.error, phase=said.phase, required=said.required),
            software=software or Software(),
        ),
        rulebook,
        HOSTS,
    )
    assert found is not None
    return found


STATED = [
    # text, category, side
    ("421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client.", "tls-version", "sending"),
    ("553 This route requires TLS version 1.2 or greater", "tls-version", "sending"),
    ("TLS session: (SSL_connect): error:1:SSL routines::unsupported protocol", "tls-version", "receiving"),
    ("454 4.7.0 SSL_accept error: error:1:SSL routines::unsupported protocol", "tls-version", "sending"),
    ("TLS session: (SSL_connect): error:1:SSL routines:x:tlsv1 alert protocol version", "tls-version", "sending"),
    ("421 4.4.2 Connection dropped due to UnsupportedFunction", "tls-version", None),
    ("454 4.7.0 Temporary authentication failure because negotiated Tls cipher strength is too weak", "tls-cipher", "sending"),
    ("454 4.7.5 The certificate specified in TlsCertificateName of it could not be found.", "tls-certificate", "sending"),
    ("450 4.4.317 Cannot connect to remote server [Message=CertificateExpired]", "tls-certificate", "receiving"),
    ("TLS negotiation failed with error NoCredentials", "tls-certificate", "sending"),
    ("TLS negotiation failed with error UnknownCredentials", "tls-certificate", "sending"),
    ("550 5.7.323 tlsa-invalid: The domain failed DANE validation.", "tls-certificate", "receiving"),
    ("TLS is required, but was not offered by host mail.fabrikam.example[198.51.100.7]", "tls-required", "receiving"),
    ("TLS is required, but our TLS engine is unavailable", "tls-required", "sending"),
    ("421 4.7.0 TLS required for RCPT domain, closing connection", "tls-required", "sending"),
    ("553 This route requires encryption (TLS)", "tls-required", "sending"),
    ("451 5.7.3 Require STARTTLS to authenticate", "tls-required", "sending"),
    ("450 4.7.230 Connecting Exchange server version is out-of-date; throttled", "server-out-of-date", "sending"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "category", "side"), STATED, ids=[text[:40] for text, _, _ in STATED])
def test_a_stated_cause_is_certain_and_names_its_side(rulebook: Rulebook, text: str, category: str, side: str) -> None:
    """Where the reply says what is wrong, category and side follow from its words alone."""
    found = verdict(rulebook, text)
    assert (found.category, found.confidence, found.responsible.side) == (category, "certain", side)


LOW_SCORE = (
    "550 5.4.317 Message expired, cannot connect to remote server(450-4.4.317 Cannot connect to remote server "
    "[Message=550-5.7.0 Connection refused - IB116. 192.0.2.9 Senderscore too low."
)
LOOK_ALIKES = [
    ("TLS error on connection to h [198.51.100.7] (SSL_connect): error:1:SSL routines::wrong version number", "protocol-error"),
    ("lost connection with mail.fabrikam.example[198.51.100.7] while performing the EHLO handshake", "connection-dropped"),
    ("451 5.7.3 Cannot achieve Exchange Server authentication", "protocol-error"),
    ("421 4.4.2 Connection dropped due to TimedOut", "connection-timeout"),
    ("421 4.4.2 Message size limit for this connection reached", "rate-limit"),
    ("454 4.7.0 Cannot accept TLS as maximum TLS rate exceeded for server", "rate-limit"),
    ("454 4.7.0 Temporary authentication failure", "system"),
    (LOW_SCORE, "reputation"),
    ("550-5.7.26 Your email has been blocked because the sender is unauthenticated", "authentication"),
    ("550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization", "connector-attribution"),
    ("450 4.4.8 MX hosts of 'fabrikam.example' failed MTA-STS validation", "dns"),
    ("Cannot start TLS: handshake failure", "tls-negotiation"),
    ("TLS session: (SSL_connect): error:1:SSL routines:x:sslv3 alert handshake failure", "tls-cipher"),
    ("550 5.4.300 Message expired", "expired"),
]  # fmt: skip


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize(("text", "category"), LOOK_ALIKES, ids=[text[:40] for text, _ in LOOK_ALIKES])
def test_what_only_looks_like_a_version_fault_is_none(rulebook: Rulebook, text: str, category: str, ends: str) -> None:
    """Certificates, timeouts, limits and reputation keep their own category, whoever the ends are."""
    assert verdict(rulebook, text, ends).category == category


@pytest.mark.parametrize(
    "text",
    ["Connection dropped due to ConnectionReset", "Connection was closed abruptly (SuspiciousRemoteServerError)"],
)
@pytest.mark.parametrize(
    ("ends", "software", "category", "side"),
    [
        ("to cloud", Software(), "connection-dropped", None),
        ("to cloud", Software(sending=Product(build="14.3.123.4")), "tls-version", "sending"),
        ("from cloud", Software(receiving=Product(build="8.3.83.6")), "tls-version", "receiving"),
        ("between", Software(sending=Product(build="14.3.123.4")), "connection-dropped", None),
        ("from cloud", Software(), "connection-dropped", "receiving"),
    ],
    ids=["nothing known", "old sender", "old receiver", "old sender, no Microsoft", "from the cloud"],
)
def test_a_reset_is_tls_only_where_a_build_says_so(
    rulebook: Rulebook, text: str, ends: str, software: Software, category: str, side: str | None
) -> None:
    """A reset connection is a matter of the network, unless one end cannot speak what the other demands."""
    found = verdict(rulebook, f"421 4.4.2 {text}", ends, software)
    assert (found.category, found.responsible.side) == (category, side)


@pytest.mark.parametrize(
    ("text", "ends", "side"),
    [
        ("451 5.7.3 Must issue a STARTTLS command first", "to cloud", "sending"),
        ("451 5.7.3 Must issue a STARTTLS command first", "from cloud", "receiving"),
        ("530 5.7.0 Must issue a STARTTLS command first", "between", "sending"),
        ("451 5.7.3 STARTTLS is required to send mail", "from cloud", "receiving"),
        ("451 5.7.3 STARTTLS is required to send mail", "between", "receiving"),
        ("451 5.7.3 STARTTLS is required to send mail", "to cloud", "sending"),
    ],
)
def test_a_demand_for_starttls_blames_by_its_words_and_its_direction(
    rulebook: Rulebook, text: str, ends: str, side: str
) -> None:
    """“Is required” is said by a sender of a peer that offers none, “must issue” by a receiver; never of Microsoft."""
    found = verdict(rulebook, text, ends)
    assert (found.category, found.responsible.side) == ("tls-required", side)
    assert found.responsible.confidence != "certain" or ends == "between"


@pytest.mark.parametrize(
    "text",
    [
        "TLS negotiation failed with error UntrustedRoot",
        "454 4.7.5 Certificate validation failure",
        "TLS is required, but was not offered by host fabrikam-example.mail.protection.outlook.com[198.51.100.7]",
        "Failed to connect. Winsock error code: 10061, Win32 error code: 10061",
    ],
)
def test_exchange_online_is_not_blamed_for_what_lies_before_it(rulebook: Rulebook, text: str) -> None:
    """Its certificate and its port are in order for everybody else: the fault lies at our end or on the way."""
    found = verdict(rulebook, text, "to cloud")
    assert found.responsible.host != TENANT
    assert found.actor != "microsoft"


def test_the_same_handshake_error_blames_the_side_whose_log_it_is(rulebook: Rulebook) -> None:
    """A missing private key in a Send log is the sender's, in a Receive log the receiver's."""
    text = "TLS negotiation failed with error NoCredentials"
    assert verdict(rulebook, text, source="send-log").responsible.side == "sending"
    assert verdict(rulebook, text, source="receive-log").responsible.side == "receiving"


@pytest.mark.parametrize("name", ["x`; rm -rf /", "a.example](https://b.example)", "<b>", "a.example\nb.example"])
def test_a_made_up_host_name_gets_into_no_command(rulebook: Rulebook, name: str) -> None:
    """What would decide it holds commands of ours: a name that is none is left out of them."""
    found = diagnose(
        Observation(
            source="ndr",
            action="failed",
            diagnostic="Connection dropped due to SocketError",
            sending_host=POD,
            receiving_host=name,
        ),
        rulebook,
        HOSTS,
    )
    assert found is not None
    assert found.next_check is not None
    assert name.lower() not in found.next_check
    assert "the receiving server" in found.next_check


@pytest.mark.parametrize(
    ("receiving", "actor"), [("hub.contoso.example", "network-team"), (PARTNER, "partner-postmaster")]
)
def test_the_way_from_exchange_online_belongs_to_the_receiving_side(
    rulebook: Rulebook, receiving: str, actor: str
) -> None:
    """Our network team acts where the server that cannot be reached is ours, and only there."""
    text = "421 4.4.2 Connection dropped due to TimedOut"
    seen = Observation(source="ndr", action="failed", diagnostic=text, sending_host=POD, receiving_host=receiving)
    found = diagnose(seen, rulebook, HOSTS)
    assert found is not None
    assert found.actor == actor
