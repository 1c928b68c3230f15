"""What the ticket must carry for the four rows of the support case, in both directions."""

import pytest

from triage.mend import fill

ROWS = {
    "ndr-dropped": {"category": "tls-version", "confidence": "possible", "source": "ndr", "error": "SocketError"},
    "queue-dropped": {"category": "connection-dropped", "confidence": "possible", "source": "queue"},
    "send-log-handshake": {"category": "tls-version", "confidence": "certain", "source": "send-log"},
    "send-log-no-reason": {"category": "tls-negotiation", "confidence": "probable", "source": "send-log"},
    "log-starttls": {"category": "tls-required", "confidence": "probable", "source": "send-log"},
    "receive-log-starttls": {
        "category": "tls-required",
        "confidence": "certain",
        "source": "receive-log",
        "side": "receiving",
        "sending": "mail-a.outbound.protection.outlook.com",
        "receiving": "hq-ex10a.contoso.example",
    },
    "cloud-sends-to-us": {
        "category": "tls-version",
        "confidence": "probable",
        "side": "receiving",
        "sending": "mail-a.outbound.protection.outlook.com",
        "receiving": "hq-ex10a.contoso.example",
    },
}
KEY = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2"
CARRIES = {
    "key": KEY,
    "client": r"SCHANNEL\Protocols\TLS 1.2\Client",
    "server": r"SCHANNEL\Protocols\TLS 1.2\Server",
    "disabled-by-default": '"DisabledByDefault"=dword:00000000',
    "enabled": '"Enabled"=dword:00000001',
    "restart": "If a key is changed later, restart the server",
    "updates": "latest Windows and Exchange updates",
    "logging-on": "-ProtocolLoggingLevel Verbose",
    "log-files": r"%ExchangeInstallPath%TransportRoles\Logs",
    "log-folder-send": "SmtpSend",
    "log-folder-receive": "SmtpReceive",
}


@pytest.mark.parametrize("wanted", CARRIES.values(), ids=CARRIES.keys())
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_every_row_carries_what_the_case_needs(incident, shelf, hosts, text_of, row, wanted):
    """Each row's ticket holds the keys, the restart, the updates and the protocol log, whatever the confidence."""
    assert wanted in text_of(fill(incident(**row), shelf, hosts))


@pytest.mark.parametrize("article", ["ba-p/607649", "ba-p/607761", "ba-p/2065089"])
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_every_row_links_the_three_articles(incident, shelf, hosts, row, article):
    """Each row's further reading leads to the Exchange team's three articles, with the day they were read."""
    links = [link for link in fill(incident(**row), shelf, hosts).links if link.url.endswith(article)]
    assert len(links) == 1
    assert links[0].url.startswith("https://techcommunity.microsoft.com/")
    assert links[0].read_on is not None


def test_logging_names_the_connector_of_the_direction(incident, shelf, hosts, text_of):
    """A sending fault switches the Send log on and not the Receive log, a receiving fault the other way round."""
    sends = text_of(fill(incident(source="send-log"), shelf, hosts))
    takes = text_of(fill(incident(**ROWS["receive-log-starttls"]), shelf, hosts))
    assert "Set-SendConnector '<connector>' -ProtocolLoggingLevel" in sends
    assert "Set-ReceiveConnector '<server>\\<connector>' -ProtocolLoggingLevel" not in sends
    assert "Set-ReceiveConnector '<server>\\<connector>' -ProtocolLoggingLevel" in takes
    assert "Set-SendConnector '<connector>' -ProtocolLoggingLevel" not in takes


def test_first_row_with_nothing_more_reads_before_it_changes(incident, shelf, hosts):
    """With one NDR and no build, the first step reads the build and the Client key, and no change is printed."""
    filled = fill(incident(**ROWS["ndr-dropped"]), shelf, hosts)
    assert filled.first == "Read the Exchange build and the TLS 1.2 Client key on hq-ex10a.contoso.example"
    assert [step.minutes for step in filled.check if step.title == filled.first] == [5]
    assert filled.files == ()
    assert any("Do not change hq-ex10a.contoso.example yet" in reason for reason in filled.withheld)


def test_old_build_that_is_certain_goes_through_a_relay_first(incident, shelf, hosts):
    """A certain fault of a build that cannot speak TLS 1.2 begins with the relay; the update follows, no key."""
    filled = fill(incident(build="14.3.123.4"), shelf, hosts)
    assert filled.first.startswith("Route this mail through a relay that speaks TLS 1.2")
    assert filled.way_round.startswith(filled.first)
    assert filled.change[0].title.startswith("Update hq-ex10a.contoso.example before anything else")
    assert filled.change[0].restart is True
