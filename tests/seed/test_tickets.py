"""The ticket of each row carries what the support case asks for, whatever its confidence and direction."""

import json
from typing import Any

import pytest

from tests.seed.conftest import DROPPED

KEY = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2"
CARRIES = {
    "path": KEY,
    "client": r"TLS 1.2\Client",
    "server": r"TLS 1.2\Server",
    "disabled by default": '"DisabledByDefault"=dword:00000000',
    "enabled": '"Enabled"=dword:00000001',
    "restart": "restart",
    "updates": "latest Windows and Exchange updates",
    "logging": "-ProtocolLoggingLevel Verbose",
    "folder": "ProtocolLog",
    "part 1": "ba-p/607649",
    "part 2": "ba-p/607761",
    "scenarios": "ba-p/2065089",
}
DEMAND = "451 5.7.3 Must issue a STARTTLS command first"
NO_OFFER = "451 5.7.3 STARTTLS is required to send mail"
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "1, ours to Exchange Online": ("to-cloud", {"build": None}),
    "1, ours to Exchange Online, old build": ("to-cloud", {"build": "14.3.123.4"}),
    "1, ours to Exchange Online, old build of 2013": ("to-cloud", {"build": "15.0.847.32"}),
    "1, ours to Exchange Online, build below guidance": ("to-cloud", {"build": "15.0.1130.7"}),
    "1, ours to Exchange Online, new build": ("to-cloud", {"build": "15.2.1748.10"}),
    "1, Exchange Online to a partner": ("from-cloud", {}),
    "1, Exchange Online to ours": (
        "from-cloud",
        {"receiving": "mail.contoso.example", "recipients": ("eva@contoso.example",)},
    ),
    "1, between two of ours": ("between", {}),
    "1, ours to Exchange Online, waiting": (
        "to-cloud",
        {"action": "delayed", "notice": "400 4.4.7 Message delayed", "cause": DROPPED},
    ),
    "4, ours to Exchange Online": ("to-cloud", {"cause": DEMAND}),
    "4, ours sees no STARTTLS": ("to-cloud", {"cause": NO_OFFER}),
    "4, Exchange Online to ours": (
        "from-cloud",
        {"cause": NO_OFFER, "receiving": "mail.contoso.example", "recipients": ("eva@contoso.example",)},
    ),
    "4, between two of ours": ("between", {"cause": DEMAND}),
}


def case(build, row):
    """Give the report of a row."""
    direction, facts = ROWS[row]
    if direction == "from-cloud" and "cause" in facts:
        facts = {**facts, "notice": f"550 5.4.317 Message expired, cannot connect to remote server({facts['cause']})"}
    return build[direction](**facts)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("name", ["ticket.md", "ticket.html"])
def test_the_ticket_carries_all_that_the_case_asks_for(build, told, row, name):
    """Keys with both values, restart, updates, protocol log with its folder and the three articles are there."""
    _, files = told(case(build, row))
    text = files[name]
    assert [what for what, wanted in CARRIES.items() if wanted not in text] == []


@pytest.mark.parametrize("row", ["1, ours to Exchange Online", "4, ours to Exchange Online"])
def test_a_sending_fault_switches_the_send_log_on(build, told, row):
    """For the server that sends, the protocol log is that of its Send connector, in the folder SmtpSend."""
    _, files = told(case(build, row))
    assert "Set-SendConnector" in files["ticket.md"]
    assert "SmtpSend" in files["ticket.md"]


@pytest.mark.parametrize("row", ["1, Exchange Online to ours", "4, Exchange Online to ours"])
def test_a_receiving_fault_switches_the_receive_log_on(build, told, row):
    """For the server that receives, the protocol log is that of its Receive connector, in the folder SmtpReceive."""
    _, files = told(case(build, row))
    assert "Set-ReceiveConnector" in files["ticket.md"]
    assert "SmtpReceive" in files["ticket.md"]


def test_a_possible_fault_is_checked_before_anything_is_changed(build, told):
    """With nothing but one report and no build, the first step reads, and no registry file is handed out."""
    incident, files = told(build["to-cloud"](build=None))
    assert incident.verdict.confidence == "possible"
    assert not [name for name in files if name.endswith((".reg", ".ps1"))]
    assert "possible" in files["ticket.md"].lower()
    assert "Read the Exchange build" in files["ticket.md"]


def test_a_possible_verdict_is_not_told_as_a_fact(build, told):
    """Nobody saw a handshake, and the text is that of any lost connection: the ticket does not say that one failed."""
    _, files = told(build["to-cloud"](build=None))
    for overclaim in ("have no TLS version in common. ", "The handshake fails right after STARTTLS"):
        assert overclaim not in files["ticket.md"]


def test_commands_of_ours_are_printed_as_commands(build, told):
    """What would decide it is our own Markdown: its command is not escaped as a stranger's words are."""
    _, files = told(build["from-cloud"]())
    assert "\\`openssl" not in files["ticket.md"]
    assert "`openssl s_client -starttls smtp -tls1_2 -connect mail.fabrikam.example:25`" in files["ticket.md"]


def test_the_card_leads_with_the_host_and_not_with_a_code(build, told):
    """The first line of the card names our server and Exchange Online; its text has no recipient in full."""
    _, files = told(build["to-cloud"](build=None))
    body = json.loads(files["teams.json"])["attachments"][0]["content"]["body"]
    first = json.dumps(body[0])
    assert "hq-ex13a" in first.lower()
    assert "Exchange Online" in first
    assert "421" not in first
    assert "anna.berg@fabrikam.example" not in files["teams.json"]


def test_the_affected_mail_has_its_state(build, told):
    """Returned mail may be sent again, waiting mail may not: the list says which is which."""
    waiting = {
        "action": "delayed",
        "notice": "400 4.4.7 Message delayed",
        "cause": DROPPED,
        "message_id": "w@contoso.example",
    }
    incident, files = told(build["to-cloud"](), build["to-cloud"](**waiting))
    assert (incident.counts.returned, incident.counts.waiting) == (1, 1)
    rows = files["affected.csv"].splitlines()[1:]
    assert sorted(row.split(",")[0].strip('"') for row in rows) == ["returned", "waiting"]


def test_a_delay_that_becomes_a_failure_is_one_message(build, told):
    """The report of the same message that gave up takes the place of the delay."""
    waiting = {"action": "delayed", "notice": "400 4.4.7 Message delayed", "cause": DROPPED}
    incident, _ = told(build["to-cloud"](**waiting), build["to-cloud"]())
    assert (incident.counts.returned, incident.counts.waiting, incident.recipients) == (1, 0, 1)


def test_the_look_alike_asks_for_authentication_and_no_registry_change(build, told):
    """Exchange Online to Gmail: the ticket speaks of DKIM for the sender's domain and changes no server."""
    incident, files = told(build["from-cloud"](receiving="gmail-smtp-in.l.google.com", recipients=("a@gmail.com",)))
    assert incident.verdict.category in ("authentication", "reputation")
    assert "DKIM" in files["ticket.md"]
    assert "contoso.example" in files["ticket.md"]
    assert "dword:00000001" not in files["ticket.md"]


def test_an_unknown_recipient_gets_no_registry_keys(build, told):
    """A mistyped address on an old server is a mistyped address."""
    cause = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"
    _, files = told(build["to-cloud"](build="14.3.123.4", cause=cause, notice=cause, status="5.1.10"))
    assert "SCHANNEL" not in files["ticket.md"]


def test_an_old_build_is_updated_or_relayed_around_before_any_key(build, told):
    """On Exchange 2010 before RU9 keys alone never help: the update or a relay comes before them."""
    incident, files = told(build["to-cloud"](generating="hq-ex10a.contoso.example", build="14.3.123.4"))
    text = files["ticket.md"]
    assert (incident.verdict.category, incident.verdict.confidence) == ("tls-version", "probable")
    assert "relay" in text
    assert not [name for name in files if name.endswith(".reg")]
