"""What a stranger may read of us: nothing of the inside of our network."""

import pytest

from triage.mend.discreet import REPLY_LIMIT, discreet, public_address, public_name

THUMBPRINT = "0123456789ABCDEF0123456789abcdef01234567"


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "172.16.0.1", "172.31.255.254", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.9", "[10.0.0.1]",
     "fd00::1", "fe80::1", "::1", "::ffff:192.168.1.1", "nonsense", "", None],
)  # fmt: skip
def test_an_inside_address_is_not_shown(address: str | None) -> None:
    """RFC 1918, 3927, 4193, 6598, the loopback and what is no address give None."""
    assert public_address(address) is None


@pytest.mark.parametrize("address", ["203.0.113.7", "172.32.0.1", "192.0.2.10", "2001:db8::7"])
def test_an_outside_address_is_shown(address: str) -> None:
    """What the other side can have seen stays."""
    assert public_address(address) == address


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("mail.contoso.example", "mail.contoso.example"),
        ("Mail.Contoso.Example.", "mail.contoso.example"),
        ("hq-ex10a", None),
        ("hq-ex10a.contoso.local", None),
        ("hq-ex10a.corp", None),
        ("ex.internal", None),
        ("local.contoso.example", "local.contoso.example"),
        ("192.0.2.10", None),
        ("2001:db8::1", None),
        (None, None),
    ],
)
def test_only_a_name_of_public_dns_is_shown(name: str | None, shown: str | None) -> None:
    """A short name, one below a domain that only exists inside, and an address are no public names."""
    assert public_name(name) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("421 4.4.2 Connection dropped due to SocketError", "421 4.4.2 Connection dropped due to SocketError"),
        ("[{LED=451};{FQDN=mx1.fabrikam.example};{IP=203.0.113.7}]", "[{LED=451};{FQDN=mx1.fabrikam.example};{IP=203.0.113.7}]"),
        ("Hostname=hq-ex13.contoso.local via 10.1.2.3:475", "Hostname=[…] via […]:475"),
        ("from HQ-EX13 at 2026-10-18T09:14:00Z", "from […] at 2026-10-18T09:14:00Z"),
        ("not HQ-EX130, not ex-HQ-EX13-b", "not HQ-EX130, not ex-HQ-EX13-b"),
        (f"certificate {THUMBPRINT} and {'ab' * 32}", "certificate […] and […]"),
        ("550 5.1.1 <anna.b@fabrikam.example> unknown", "550 5.1.1 <…@fabrikam.example> unknown"),
        ("over fe80::1 and 2001:db8::7", "over […] and 2001:db8::7"),
        ("build 15.1.2507.39, not an address", "build 15.1.2507.39, not an address"),
    ],
)  # fmt: skip
def test_a_reply_keeps_its_words_and_loses_our_inside(text: str, shown: str) -> None:
    """Codes, times, builds, public names and addresses stay; people, inside names, addresses and thumbprints go."""
    assert discreet(text, ("hq-ex13.contoso.local", "hq-ex13")) == shown


def test_a_huge_reply_is_cut() -> None:
    """A megabyte in a diagnostic does not make a letter of a megabyte."""
    assert len(discreet("10.1.2.3 a.local " * 100_000)) <= REPLY_LIMIT + 50
