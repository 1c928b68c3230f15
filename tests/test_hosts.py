"""What is known of hosts: pools by label, ours by the settings, one name for names that are joined."""

import pickle

import pytest

from triage.hosts import Hosts, normal, pool_host, pool_ids

OURS = Hosts(
    domains=["contoso.example"],
    hosts=["relay.litware.example", "203.0.113.5"],
    names=[["hq-ex13.contoso.example", "mail.contoso.example", "192.0.2.10"]],
)


@pytest.mark.parametrize(
    ("host", "pool"),
    [
        ("fabrikam-example.mail.protection.outlook.com", "exchange-online"),
        ("Fabrikam-Example.Mail.Protection.Outlook.Com.", "exchange-online"),
        ("AM6PR05MB5014.eurprd05.prod.outlook.com", "exchange-online"),
        ("DB5EUR01FT012.eop-eur01.prod.protection.outlook.com", "exchange-online"),
        ("fabrikam-example.k-v1.mx.microsoft", "exchange-online"),
        ("fabrikam.mail.onmicrosoft.com", "exchange-online"),
        ("gmail-smtp-in.l.google.com", "gmail"),
        ("mx-eu.mail.am0.yahoodns.net", "yahoo"),
        ("smtp.office365.com", "exchange-online-submission"),
        ("outlook-com.olc.protection.outlook.com", "outlook-consumer"),
        ("evil-prod.outlook.com.fabrikam.example", None),
        ("xprod.outlook.com", None),
        ("mail.protection.outlook.com.evil.example", None),
        ("notgoogle.com", None),
        ("mx1.fabrikam.example", None),
        (None, None),
    ],
)
def test_a_pool_is_known_by_its_labels(host: str | None, pool: str | None) -> None:
    """A name belongs to a pool by whole labels at its end, never by letters."""
    assert OURS.pool(host) == pool


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("hq-ex13.contoso.example", True),
        ("CONTOSO.example", True),
        ("relay.litware.example", True),
        ("203.0.113.5", True),
        ("notcontoso.example", False),
        ("contoso.example.evil.example", False),
        ("mx1.fabrikam.example", False),
        (None, None),
    ],
)
def test_whose_a_host_is(host: str | None, ours: bool | None) -> None:
    """Ours is what the settings name, and nothing that only looks like it."""
    assert OURS.is_ours(host) is ours


def test_without_settings_nobody_is_ours_or_not() -> None:
    """Where the settings name nothing, the answer is unknown, not no."""
    assert Hosts().is_ours("hq-ex13.contoso.example") is None
    assert Hosts().is_our_domain("contoso.example") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("hq-ex13.contoso.example", "mail.contoso.example", True),
        ("192.0.2.10", "hq-ex13.contoso.example", True),
        ("HQ-EX13.Contoso.Example.", "hq-ex13.contoso.example", True),
        ("hq-ex14.contoso.example", "hq-ex13.contoso.example", False),
        ("hq-ex13.fabrikam.example", "hq-ex13.contoso.example", False),
    ],
)
def test_names_are_joined_only_where_the_settings_do(one: str, other: str, same: bool) -> None:
    """Two names are one host by the settings or by spelling, never by guess."""
    assert (OURS.canonical(one) == OURS.canonical(other)) is same


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (" MX1.Fabrikam.Example. ", "mx1.fabrikam.example"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("unknown", None),
        ("localhost", None),
        ("", None),
        (None, None),
        ("x" * 300, None),
    ],
)
def test_a_name_has_one_form(host: str | None, name: str | None) -> None:
    """Names are lower case without a final dot; what names no host is none."""
    assert normal(host) == name


def test_what_is_learned_counts_where_the_settings_say_nothing() -> None:
    """Learned names and addresses become their main name, an address of ours is ours, and the settings come first."""
    known = OURS.knowing({"hq-ex16": "hq-ex16.contoso.example", "192.0.2.16": "hq-ex16.contoso.example"})
    assert known.canonical("HQ-EX16") == known.canonical("192.0.2.16") == "hq-ex16.contoso.example"
    assert known.is_ours("192.0.2.16") is True
    assert OURS.is_ours("192.0.2.16") is None
    assert OURS.knowing({"192.0.2.10": "other.contoso.example"}).canonical("192.0.2.10") == "hq-ex13.contoso.example"


def test_what_was_found_out_stays_here() -> None:
    """What is known of names by asking for them is found out anew by whoever knows more, and sent to nobody."""
    own = Hosts(domains=["contoso.example"])
    before = pickle.dumps(own)
    assert [own.is_ours(f"hq-ex{number}") for number in range(3)] == [None] * 3
    assert pickle.dumps(own) == before
    assert own.knowing({"hq-ex1": "hq-ex1.contoso.example"}).is_ours("hq-ex1") is True
    assert own.is_ours("hq-ex1") is None


@pytest.mark.parametrize("pool", sorted(pool_ids()))
def test_one_name_stands_for_any_host_of_a_pool(pool: str) -> None:
    """The name that is shown where no host of a pool is known belongs to that very pool."""
    assert Hosts().pool(pool_host(pool)) == pool


def test_naming_changes_with_names_and_with_nothing_else() -> None:
    """The digest of names is the same in another process and another order, and new with each new name."""
    one = Hosts(names=[["a.contoso.example", "192.0.2.1"]]).knowing(
        {"x": "x.contoso.example", "y": "y.contoso.example"}
    )
    same = Hosts(names=[["a.contoso.example", "192.0.2.1"]]).knowing(
        {"y": "y.contoso.example", "x": "x.contoso.example"}
    )
    assert one.naming() == same.naming()
    others = [
        Hosts(names=[["a.contoso.example", "192.0.2.2"]]).knowing({"x": "x.contoso.example", "y": "y.contoso.example"}),
        Hosts(names=[["a.contoso.example", "192.0.2.1"]]).knowing({"x": "x.contoso.example"}),
        Hosts(names=[["192.0.2.1", "a.contoso.example"]]).knowing({"x": "x.contoso.example", "y": "y.contoso.example"}),
        Hosts(),
    ]
    assert one.naming() not in [other.naming() for other in others]
