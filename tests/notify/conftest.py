"""Incidents and filled runbooks made by hand, with example names alone."""

import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from triage.model import (
    Affected,
    Alternative,
    Change,
    Counts,
    Diagnosis,
    Ends,
    Evidence,
    FilledRunbook,
    Incident,
    Link,
    Observation,
    Original,
    Product,
    Reply,
    Responsible,
    Software,
    Step,
    Tls,
    Trust,
)
from triage.notify import Texts

NOW = "2026-10-18T13:20:00Z"
HOST = "hq-ex10a.contoso.example"
EXO = "contoso-example.mail.protection.outlook.com"
KEYS = r"""Reads and changes nothing.

```powershell
Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client'
```

- `Enabled` 1 and `DisabledByDefault` 0: TLS 1.2 is on.
- No values on Windows Server 2008 R2: TLS 1.2 is off."""


@pytest.fixture(scope="session")
def texts() -> Texts:
    """The English texts."""
    return Texts.load("en")


@pytest.fixture(scope="session")
def now() -> str:
    """The time at which the cards of these tests are written."""
    return NOW


@pytest.fixture(scope="session")
def sample() -> Observation:
    """One NDR of the seed fault: our Exchange 2010 sends to Exchange Online."""
    return Observation(
        source="ndr",
        action="failed",
        impact="returned",
        recipient="anna.b@fabrikam.example",
        recipient_domain="fabrikam.example",
        reply_code=421,
        status="4.4.2",
        diagnostic="421 4.4.2 Connection dropped due to SocketError",
        wrappers=(Reply(550, "5.4.300", "Message expired"),),
        reported_by=HOST,
        sending_host=HOST,
        sending_ip="192.0.2.10",
        receiving_host=EXO,
        receiving_ip="203.0.113.7",
        tls=Tls("1.0", None, "handshake", "SocketError", True),
        software=Software(sending=Product("Exchange 2010", "14.3.123.4")),
        time="2026-10-18T09:14:00Z",
        retry_until="2026-10-20T09:14:00Z",
        original=Original("m1@contoso.example", "sales@contoso.example", "anna.b@fabrikam.example", "Offer 4711"),
        trust=Trust("high", ("The Authentication-Results of mx.contoso.example say pass.",)),
    )


@pytest.fixture(scope="session")
def diagnosis() -> Diagnosis:
    """The verdict on the seed fault with a queue and a Send log in hand."""
    return Diagnosis(
        rule="tls-version.exchange-online.socket-error",
        category="tls-version",
        permanence="temporary",
        confidence="certain",
        alternatives=(Alternative("connection-dropped", "possible"),),
        responsible=Responsible(kind="host", side="sending", host=HOST, ours=True, confidence="certain"),
        actor="mail-team",
        evidence=(
            Evidence(id="handshakes", supports=True, text="57 of 57 handshakes failed right after STARTTLS"),
            Evidence(id="build", supports=True, text="Exchange 2010 build 14.3.123 speaks TLS 1.0 only"),
        ),
        next_check=f"Read the Exchange build on {HOST}",
        runbook="tls-version",
    )


@pytest.fixture(scope="session")
def make_incident(sample: Observation, diagnosis: Diagnosis) -> Callable[..., Incident]:
    """Give a function that makes the seed incident with some of its fields changed."""

    def make(**changed: Any) -> Incident:
        fields: dict[str, Any] = {
            "id": "inc-2026-0001",
            "state": "open",
            "family": "session",
            "ends": Ends(HOST, "exchange-online"),
            "verdict": diagnosis,
            "counts": Counts(returned=12, waiting=143),
            "recipients": 155,
            "senders": 41,
            "domains": 9,
            "first_seen": "2026-10-18T09:14:00Z",
            "last_seen": "2026-10-18T13:18:00Z",
            "changes": (Change(kind="opened", at="2026-10-18T09:15:00Z", text="first seen"),),
            "sample": sample,
        }
        return Incident(**fields | changed)

    return make


@pytest.fixture(scope="session")
def runbook() -> FilledRunbook:
    """A filled runbook with every kind of step."""
    return FilledRunbook(
        id="tls-version",
        title=f"TLS 1.2 on {HOST}",
        host=HOST,
        first=f"Route this mail through a relay that speaks TLS 1.2, not through {HOST}",
        way_round="Point the connector at a smart host that speaks TLS 1.2.\n\nIt takes no restart.",
        before=(Step(title="Is this machine the real sender?", body="A gateway in front decides instead.", minutes=2),),
        check=(
            Step(title="Read the TLS 1.2 keys", body=KEYS, where=f"On {HOST}", expected="`Enabled` is 1.", minutes=5),
        ),
        change=(
            Step(title="Install the last update rollup", body="Plan a change window.", minutes=60, restart=True),
            Step(title="Write the TLS 1.2 keys", body="Import `tls12.reg`.", undo="Delete the values.", minutes=5),
            Step(title="Restart the server", body="Once.", minutes=15, restart=True),
        ),
        verify=(Step(title="Look for TLS 1.2 in the Send log", body="`SP_PROT_TLS1_2_CLIENT`", minutes=5),),
        undo=(Step(title="Import the backup", body="Then restart.", restart=True),),
        do_not=("Do not turn off TLS 1.0 in this ticket.",),
        withheld=("No cipher change: the default list fits.",),
        links=(Link("TLS guidance, part 1", "https://example.com/tls-1", "2026-11-23"),),
        files=((f"tls12-{HOST}.reg", b"x"),),
    )


@pytest.fixture(scope="session")
def affected() -> tuple[Affected, ...]:
    """One message in each state."""
    return (
        Affected(
            state="returned",
            recipient="anna.b@fabrikam.example",
            sender="sales@contoso.example",
            subject="Offer 4711",
            message_id="m1@contoso.example",
            time="2026-10-18T09:14:00Z",
            diagnostic="421 4.4.2 Connection dropped due to SocketError",
        ),
        Affected(state="waiting", recipient="carl@fabrikam.example", tried_until="2026-10-20T09:14:00Z"),
        Affected(state="delivered-later", recipient="dora@fabrikam.example"),
    )


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 and hooks.contoso.example that nobody but itself vouches for, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.contoso.example")])
    today = datetime.now(UTC)
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("hooks.contoso.example")]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(hours=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "receiver.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file
