"""Addresses: only https, only hosts that the settings name, and no word of what an address holds."""

import pytest

from triage.errors import Misconfigured
from triage.notify.address import addresses_of, checked_address

TEAMS = (".environment.api.powerplatform.com", ".logic.azure.com")
EXACT = ("hooks.contoso.example", "hooks.contoso.example:8443", "192.0.2.7", "2001:db8::7", "[2001:db8::7]:8443")


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://0a1b.07.environment.api.powerplatform.com:443/powerautomate/x?sig=y", TEAMS),
        ("https://prod-12.westeurope.logic.azure.com/workflows/x?sig=y", TEAMS),
        ("https://PROD-12.westeurope.Logic.Azure.com./workflows/x", TEAMS),
        ("https://hooks.contoso.example/in", EXACT),
        ("https://hooks.contoso.example:8443/in", EXACT),
        ("https://192.0.2.7/in", EXACT),
        ("https://[2001:db8::7]/in", EXACT),
        ("https://[2001:db8::7]:8443/in", EXACT),
    ],
)
def test_an_allowed_host_is_allowed(url: str, hosts: tuple[str, ...]) -> None:
    """Ends of names for Teams; exact names, ports and listed addresses for a webhook."""
    assert checked_address("sinks.x.url", url, hosts, allow_loopback=False).scheme == "https"


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("http://prod-12.westeurope.logic.azure.com/x?sig=secret", TEAMS),
        ("https://logic.azure.com/x?sig=secret", TEAMS),
        ("https://.logic.azure.com/x?sig=secret", TEAMS),
        ("https://evil-logic.azure.com/x?sig=secret", TEAMS),
        ("https://x.logic.azure.com.evil.example/x?sig=secret", TEAMS),
        ("https://x.logic.azure.com:8443/x?sig=secret", TEAMS),
        ("https://evil.example\\.logic.azure.com/x?sig=secret", TEAMS),
        ("https://evil.example#.logic.azure.com/x?sig=secret", TEAMS),
        ("https://evil.example?.logic.azure.com/x?sig=secret", TEAMS),
        ("https://a:secret@x.logic.azure.com/x", TEAMS),
        ("https://secret@x.logic.azure.com/x", TEAMS),
        ("https://other.contoso.example/?secret", EXACT),
        ("https://sub.hooks.contoso.example/?secret", EXACT),
        ("https://hooks.contoso.example:9443/?secret", EXACT),
        ("https://192.0.2.8/?secret", EXACT),
        ("https://169.254.169.254/?secret", EXACT),
        ("https://127.0.0.1/?secret", EXACT),
        ("https://localhost/?secret", EXACT),
        ("file:///etc/passwd?secret", EXACT),
        ("https:///x?secret", EXACT),
        ("https://hooks.contoso.example:port/?secret", EXACT),
        ("https://[::1/?secret", EXACT),
        ("secret", EXACT),
        ("https://hooks.contoso.example/a b?secret", EXACT),
        ("https://hooks.contoso.example/\n?secret", EXACT),
        ("https://hooks.contoso.example/?secret" + "x" * 4_000, EXACT),
        ("https://hooks.contoso.example/?secret", ()),
    ],
)
def test_any_other_is_refused_without_being_repeated(url: str, hosts: tuple[str, ...]) -> None:
    """The error names the setting and never what stands in it."""
    with pytest.raises(Misconfigured, match=r"sinks\.x\.url") as raised:
        checked_address("sinks.x.url", url, hosts, allow_loopback=False)
    assert "secret" not in str(raised.value)


def test_a_reference_that_azure_could_not_read_is_named() -> None:
    """An unresolved Key Vault reference is told as what it is."""
    with pytest.raises(Misconfigured, match="Key Vault"):
        checked_address("sinks.teams.url", "@Microsoft.KeyVault(SecretUri=https://x)", TEAMS, allow_loopback=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_this_machine_is_allowed_only_where_the_settings_say_so(host: str) -> None:
    """Plain http to loopback is for trials, by a setting of its own."""
    url = f"http://{host}:8080/in"
    assert checked_address("sinks.x.url", url, (), allow_loopback=True).port == 8080
    with pytest.raises(Misconfigured):
        checked_address("sinks.x.url", url, (), allow_loopback=False)


def test_loopback_opens_no_other_host() -> None:
    """The setting for trials lets nothing else through."""
    with pytest.raises(Misconfigured):
        checked_address("sinks.x.url", "http://192.0.2.9/in", (), allow_loopback=True)


@pytest.mark.parametrize(
    ("host", "forbidden"),
    [
        ("127.0.0.1", True),
        ("::", True),
        ("169.254.169.254", True),
        ("168.63.129.16", True),
        ("::1", True),
        ("fe80::1", True),
        ("::ffff:169.254.169.254", True),
        ("224.0.0.1", True),
        ("10.1.2.3", False),
        ("192.0.2.7", False),
        ("2001:db8::7", False),
    ],
)
def test_a_name_must_not_lead_to_the_machine_itself_or_its_link(host: str, forbidden: bool) -> None:
    """Loopback, link-local (metadata services), Azure's agent channel and multicast are no webhooks; an intranet is."""
    addresses, found = addresses_of(host, 443)
    assert addresses
    assert (found is not None) == forbidden
