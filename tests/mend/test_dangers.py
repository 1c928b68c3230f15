"""Each danger of the trade kept: what must never be printed, and in which situation."""

import re
from pathlib import Path
from typing import Any

import pytest

from triage.mend import fill
from triage.model.words import CATEGORIES

ALL: dict[str, dict[str, Any]] = {
    "2007": {"build": "8.3.83.6"},
    "2010-old": {"build": "14.3.123.4"},
    "2010": {"build": "14.3.513.0"},
    "2013-old": {"build": "15.0.516.32"},
    "2013": {"build": "15.0.1497.2"},
    "2016": {"build": "15.1.2507.6"},
    "2019": {"build": "15.2.1748.10"},
    "se": {"build": "15.2.2562.17"},
    "exchange-of-no-version": {"source": "send-log"},
    "unknown": {},
    "postfix": {"product": "Postfix"},
    "exim": {"product": "Exim"},
    "sendmail": {"product": "sendmail"},
    "device": {"kind": "device"},
    "cloud": {"sending": "a.prod.outlook.com", "ours": False},
    "partner": {"receiving": "mx1.fabrikam.example", "side": "receiving", "ours": False},
    "takes-mail": {
        "build": "15.1.2507.6",
        "side": "receiving",
        "sending": "mail-a.outbound.protection.outlook.com",
        "receiving": "hq-ex10a.contoso.example",
        "domain": "contoso.example",
    },
}
OLD = [
    "2007",
    "2010-old",
    "2010",
    "2013-old",
    "2013",
    "exchange-of-no-version",
    "unknown",
    "postfix",
    "device",
    "cloud",
]
NEVER = [
    "0xAA0", "0x800", "RequireTLS $false", "RequireTLS:$false", "ForceHELO", "IgnoreSTARTTLS $true", "TLS 1.0\\",
    "TLS 1.1\\", "TLS 1.3\\", "SSL 3.0\\", "Disable-TlsEccCurve", "Remove-ExchangeCertificate", "-Services IIS",
    "Restart-Service", "hosts_avoid_tls", "KeyExchangeAlgorithms", "0xffffffff", "Set-ReceiveConnector -Fqdn", " -Fqdn ",
    "security defaults", "SECLEVEL", "Try_TLS",
]  # fmt: skip


PAGE = (Path(__file__).parents[2] / "docs" / "dangers.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"\| (?P<what>[^|]+) \| (?P<kept>said|absent|never) \| (?P<category>[a-z-]+) \| (?P<host>[a-z0-9-]+) \| `(?P<words>[^`]+)` \|"
)
ROWS = [found for line in PAGE.splitlines() if (found := ROW.fullmatch(line))]


def test_page_of_dangers_is_read_whole():
    """Every row of the table is one that the tests below understand."""
    table = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| what ", "| ---"))]
    assert len(ROWS) == len(table) > 90
    assert {row["host"] for row in ROWS} <= {*ALL, "all"}
    assert {row["category"] for row in ROWS} <= {*CATEGORIES, "all"}


@pytest.mark.parametrize("row", [row for row in ROWS if row["kept"] == "said"], ids=lambda row: row["words"])
def test_danger_of_the_page_is_said_in_its_ticket(incident, shelf, hosts, text_of, row):
    """The warning that the page names stands in the filled runbook of that host, in a step or under Do not."""
    filled = fill(incident(category=row["category"], **ALL[row["host"]]), shelf, hosts)
    assert row["words"] in "\n".join((text_of(filled), *filled.do_not, *filled.withheld))


@pytest.mark.parametrize("row", [row for row in ROWS if row["kept"] == "absent"], ids=lambda row: row["what"])
def test_danger_of_the_page_is_absent_from_its_ticket(incident, shelf, hosts, text_of, row):
    """The step that the page rules out for that host is not printed for it."""
    assert row["words"] not in text_of(fill(incident(category=row["category"], **ALL[row["host"]]), shelf, hosts))


@pytest.mark.parametrize("host", ALL.values(), ids=ALL.keys())
@pytest.mark.parametrize("category", CATEGORIES)
def test_danger_of_the_page_is_never_a_step(incident, shelf, hosts, text_of, category, host):
    """What the page rules out for everybody stands in no step of this runbook for this host."""
    text = text_of(fill(incident(category=category, **host), shelf, hosts))
    assert [row["words"] for row in ROWS if row["kept"] == "never" and row["words"] in text] == []


@pytest.mark.parametrize("host", ALL.values(), ids=ALL.keys())
@pytest.mark.parametrize("category", CATEGORIES)
def test_no_step_says_what_never_helps(incident, shelf, hosts, text_of, category, host):
    """No step for any host and category holds a setting that does harm."""
    text = text_of(fill(incident(category=category, **host), shelf, hosts))
    assert [phrase for phrase in NEVER if phrase in text] == []


@pytest.mark.parametrize(
    ("phrase", "situations"),
    [
        ("HealthChecker", OLD),
        ("TlsCipherSuite", [*OLD, "2016"]),
        ("-TlsCertificateName", ["2007", "2010-old", "2010", "exchange-of-no-version", "unknown", "postfix", "cloud"]),
        ("-IntraOrgConnectorProtocolLoggingLevel", ["2007", "2010-old", "2010", "exchange-of-no-version", "unknown"]),
        ("FrontEnd\\ProtocolLog", ["2010-old", "2010"]),
        ("version=TLS1_2", ["2010", "2013", "2010-old", "2013-old"]),
        ("reg export \"HKLM\\SOFTWARE\\Microsoft\\.NETFramework", ["2007", "2010-old", "2013-old", "unknown", "cloud"]),
        ("WinHttp", ["2016", "2019", "se", "unknown", "postfix", "cloud", "device"]),
        ("AllowLegacyTLSClients", [name for name in ALL if name != "device"]),
        ("0xA80", ["2016", "2019", "se", "unknown", "cloud"]),
        ("KB3154518 on Windows", ["2013", "2016", "2019", "se"]),
        ("Enable-ExchangeCertificate", ["postfix", "exim", "sendmail", "device", "cloud"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "category", ["tls-version", "tls-cipher", "tls-required", "tls-certificate", "tls-negotiation"]
)
def test_no_host_gets_what_its_version_lacks(incident, shelf, hosts, text_of, category, phrase, situations):
    """A cmdlet, tool or path stays away from hosts that do not have it."""
    reached = [
        name for name in situations if phrase in text_of(fill(incident(category=category, **ALL[name]), shelf, hosts))
    ]
    assert reached == []


@pytest.mark.parametrize(
    ("category", "host", "phrase"),
    [
        ("tls-version", "2010", "Do not switch TLS 1.0 or 1.1 off as part of this repair"),
        ("tls-version", "2010", "Do not set these values on one server alone"),
        ("tls-version", "2016", "Do not enable TLS 1.3 below Windows Server 2022"),
        ("tls-version", "2010", "on Windows Server 2008 R2 absent means off"),
        ("tls-version", "2010", "Do not turn RequireTLS off"),
        ("tls-version", "2010", "ForceHELO or IgnoreSTARTTLS"),
        ("tls-version", "2010-old", "SMTP in it ignores them"),
        ("tls-version", "device", "Do not use the legacy endpoint for mail between servers"),
        ("tls-version", "postfix", "do not tighten the level for all destinations"),
        ("tls-cipher", "2019", "between the two steps the server has no TLS at all"),
        ("tls-cipher", "2016", "Do not touch the ECC curves"),
        ("tls-required", "partner", "Do not change the Fqdn of the connector"),
        ("tls-required", "2016", "Do not overwrite the default self-signed SMTP certificate"),
        ("tls-required", "2016", "only mail scanner"),
        ("tls-certificate", "2016", "Do not overwrite the default self-signed SMTP certificate"),
        ("tls-certificate", "2016", "that IIS, POP, IMAP, federation or a connector still names"),
        ("connection-dropped", "2010", "Do not change the registry for this"),
        ("connection-dropped", "2010", "Do not restart the transport service"),
        ("server-out-of-date", "2010", "Do not look for a TLS fault here"),
    ],
)  # fmt: skip
def test_each_danger_stands_in_its_ticket(incident, shelf, hosts, category, host, phrase):
    """The runbook that carries a risky step says what not to do."""
    filled = fill(incident(category=category, **ALL[host]), shelf, hosts)
    assert any(phrase in sentence for sentence in filled.do_not), filled.do_not


@pytest.mark.parametrize(
    ("phrase", "where"),
    [
        ("switches TLS 1.2 off: the undo brings this outage back", "undo"),
        ("Importing the backup alone does not delete values", "undo"),
        ("Group Policy, change them there", "before"),
        ("create the keys and values that do not exist", "change"),
        ("Every Exchange server of the organisation gets the same values", "change"),
        ("KB3154518", "change"),
        ("a large one is a burst", "verify"),
        ("Where a gateway, an Edge server, a filter or a smart host stands in between", "before"),
    ],
)
def test_risky_step_carries_its_own_warning(incident, shelf, hosts, phrase, where):
    """In the registry repair of Exchange 2010 each warning stands in the step that needs it."""
    steps = getattr(fill(incident(build="14.3.513.0"), shelf, hosts), where)
    assert any(phrase in f"{step.title} {step.body}" for step in steps)


def test_certificate_steps_answer_no_to_the_default_certificate(incident, shelf, hosts):
    """Wherever a certificate is enabled for SMTP, the step says to answer No."""
    for category in ("tls-required", "tls-certificate"):
        for side in ("sending", "receiving"):
            receiving = "hq-ex10a.contoso.example" if side == "receiving" else "mx1.fabrikam.example"
            one = incident(category=category, side=side, build="15.1.2507.6", receiving=receiving)
            steps = [step for step in fill(one, shelf, hosts).change if "Enable-ExchangeCertificate" in step.body]
            assert all("Answer No" in step.body for step in steps)


def test_exemption_says_ninety_days(incident, shelf, hosts, text_of):
    """The block of out-of-date servers names the report, the pause and its limit, and no registry change."""
    text = text_of(fill(incident(category="server-out-of-date", family="content-and-policy"), shelf, hosts))
    assert "New-TenantExemptionInfo -BlockingScenario UnpatchedOnPremServer -NumberOfDays" in text
    assert "Get-OnPremServerReportInfo" in text
    assert "90 days in a calendar year" in text
    assert "SCHANNEL" not in text
