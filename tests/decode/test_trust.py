"""A report is trusted for what our own server verified, never for what it says of itself."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.decode.trust import Claims, assess, read_results
from triage.hosts import Hosts

OURS = "mx.contoso.example"
HOSTS = Hosts(domains=["contoso.example"], hosts=["hq-ex13a.contoso.example"])
ONLINE = "AB1PR01MB0001.namprd01.prod.outlook.com"
PASS = f"{OURS}; spf=pass smtp.helo=mx.fabrikam.example; dmarc=pass (p=reject) header.from=fabrikam.example"
PARTNER = Claims(
    authentication_results=[PASS],
    return_path="<>",
    from_domain="fabrikam.example",
    recipient_domain="fabrikam.example",
    reporting_mta="mx.fabrikam.example",
    hops=["mx.fabrikam.example", OURS],
)


def level(claims: Claims, authserv_id: str | None = OURS) -> str:
    """Give the level alone."""
    return assess(claims, HOSTS, authserv_id).level


def but(**changes: object) -> Claims:
    """Give the partner's report with some claims changed."""
    return msgspec.structs.replace(PARTNER, **changes)


def test_a_verified_report_of_the_recipients_own_server_is_high() -> None:
    """A pass for the recipient's domain, from a server of that domain, with an empty sender."""
    assert level(PARTNER) == "high"


def test_a_report_of_exchange_online_for_a_verified_domain_is_high_if_it_came_by_exchange_online() -> None:
    """The pool alone proves nothing, so the way must show it."""
    report = but(reporting_mta=ONLINE, hops=["mail-a.outbound.protection.outlook.com", OURS])
    assert level(report) == "high"
    assert level(but(reporting_mta=ONLINE, hops=["mail.attacker.example", OURS])) == "low"


UNKNOWN = {
    "no results": but(authentication_results=[]),
    "a foreign server's results": but(authentication_results=[PASS.replace(OURS, "mx.attacker.example")]),
    "results without a server": but(authentication_results=["spf=pass smtp.helo=mx.fabrikam.example; dmarc=pass"]),
    "nothing passed": but(authentication_results=[f"{OURS}; spf=none; dkim=none; dmarc=none"]),
    "a failed DKIM signature alone": but(authentication_results=[f"{OURS}; dkim=fail header.d=fabrikam.example"]),
    "a sender that is not empty": but(return_path="<news@fabrikam.example>"),
    "a pass for somebody else": but(authentication_results=[PASS.replace("fabrikam", "attacker")]),
    "no recipient": but(recipient_domain=None),
    "no reporter": but(reporting_mta=None),
}


@pytest.mark.parametrize("claims", UNKNOWN.values(), ids=UNKNOWN)
def test_without_a_pass_that_counts_trust_is_unknown_not_low(claims: Claims) -> None:
    """Genuine reports often carry no results: that is no failure, and no proof."""
    trust = assess(claims, HOSTS, OURS)
    assert trust.level == "unknown"
    assert trust.reasons[0].endswith(".")


def test_without_an_authserv_id_no_result_counts() -> None:
    """Neither a pass nor a failure of an unnamed server changes anything."""
    assert level(PARTNER, None) == "unknown"
    assert level(but(authentication_results=[f"{OURS}; dmarc=fail"]), None) == "unknown"


LOW = {
    "dmarc failed": but(authentication_results=[f"{OURS}; dmarc=fail header.from=fabrikam.example"]),
    "spf failed, no dkim": but(authentication_results=[f"{OURS}; spf=fail smtp.helo=x.example; dkim=none"]),
    "two reporters": but(generating_server="hq-ex13a.contoso.example"),
    "claims to be ours, came from elsewhere": but(
        reporting_mta="hq-ex13a.contoso.example", from_domain="contoso.example", hops=["mail.attacker.example"]
    ),
    "claims to be ours, From is not": but(reporting_mta="hq-ex13a.contoso.example", hops=["hq-ex13a.contoso.example"]),
    "claims to be ours, came to us from elsewhere": but(
        reporting_mta="hq-ex13a.contoso.example",
        from_domain="contoso.example",
        hops=["hub.contoso.example", "hq-ex13a.contoso.example", "mail.attacker.example", OURS],
    ),
    "claims to be Exchange Online": but(reporting_mta=ONLINE, hops=["mail.attacker.example"]),
    "claims to be Exchange Online, taken in there": but(
        reporting_mta=ONLINE, hops=[ONLINE, ONLINE, "mail.attacker.example", "ab1ft01.mail.protection.outlook.com"]
    ),
    "two remote hosts": but(remote_hosts_machine=["mx.a.example"], remote_hosts_human=["mx.fabrikam.example"]),
}


@pytest.mark.parametrize("claims", LOW.values(), ids=LOW)
def test_a_failed_result_or_a_contradiction_makes_trust_low(claims: Claims) -> None:
    """Each reason is a sentence; a pass elsewhere does not outweigh it."""
    trust = assess(claims, HOSTS, OURS)
    assert trust.level == "low"
    assert all(reason.endswith(".") for reason in trust.reasons)


AGREEING = {
    "two hosts of one organisation": but(generating_server="ex2.fabrikam.example"),
    "several servers tried": but(
        remote_hosts_machine=["mx2.a.example"], remote_hosts_human=["mx.b.example", "mx2.a.example"]
    ),
    "two hosts of one pool": but(
        reporting_mta=ONLINE,
        generating_server="cd2pr01mb0002.eurprd02.prod.outlook.com",
        hops=["mail-a.outbound.protection.outlook.com"],
    ),
}


@pytest.mark.parametrize("claims", AGREEING.values(), ids=AGREEING)
def test_names_of_one_organisation_do_not_contradict(claims: Claims) -> None:
    """Servers of one domain or pool may report together."""
    assert level(claims) == "high"


def test_a_gateway_between_the_reporter_and_us_is_no_contradiction() -> None:
    """Where an older hop shows the reporter's side, a foreign server in between proves nothing either way."""
    way = ["gw.filter.example", OURS, "mail-a.outbound.protection.outlook.com", "gw.filter.example"]
    assert level(but(reporting_mta=ONLINE, hops=way, authentication_results=[])) == "unknown"


def test_the_topmost_result_of_our_server_counts() -> None:
    """A result that a forger wrote under our name stands below the one that our server put on top."""
    forged = but(authentication_results=[f"{OURS}; dmarc=fail", PASS])
    assert level(forged) == "low"


def test_results_are_read_past_comments_and_quoted_strings() -> None:
    """Semicolons and words in comments and quoted strings are no results (RFC 8601 §2.2)."""
    read = read_results(
        [f'"{OURS}" 1; spf=fail (x; dmarc=pass header.from=a.example) reason="; dkim=pass header.d=b.example"'], OURS
    )
    assert read is not None
    assert (read.passed, read.failed) == ({}, ("spf",))


def test_a_bounce_forged_with_a_pass_of_its_own_is_never_high() -> None:
    """An attacker's verified domain lends nothing to our server's, a partner's or Exchange Online's name."""
    own = [f"{OURS}; spf=pass smtp.mailfrom=attacker.example; dkim=pass header.d=attacker.example; dmarc=pass header.from=attacker.example"]  # fmt: skip  # noqa: E501
    for reporter in ("hq-ex13a.contoso.example", ONLINE, "mx.fabrikam.example", "mx.attacker.example"):
        for way in (["mail.attacker.example"], [ONLINE], [reporter]):
            assert level(but(authentication_results=own, reporting_mta=reporter, hops=way)) != "high"


@given(st.lists(st.text(alphabet='a.;=()"\\ x-pasfilmdrc', max_size=200), max_size=4), st.text())
def test_any_header_is_read_without_an_error(values: list[str], name: str) -> None:
    """Whatever the headers hold, a level comes out, and an unread one never makes it high."""
    assert level(but(authentication_results=values, reporting_mta=name)) in ("unknown", "low")
