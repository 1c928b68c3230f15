"""From observations to verdicts: each decisive fact changes what it should, and nothing else does."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.decode.reply import unwrap
from triage.diagnose import Rulebook, diagnose, explain, judge
from triage.hosts import Hosts
from triage.model import Diagnosis, Observation, Product, Software, Surroundings, Tallied, Tls, Trust
from triage.model.words import rank

EXCHANGE_ONLINE = "fabrikam-example.mail.protection.outlook.com"
POD = "am6pr05mb5014.eurprd05.prod.outlook.com"
DROPPED = "421 4.4.2 Connection dropped due to SocketError"
HOSTS = Hosts(domains=["contoso.example"])
BOOK = Rulebook.load()
ALONE = Surroundings()


def seen(**changes: Any) -> Observation:
    """Give the first row of the trouble: our server to Exchange Online, the session dropped."""
    values: dict[str, Any] = {
        "source": "ndr",
        "action": "failed",
        "impact": "returned",
        "recipient": "anna@fabrikam.example",
        "recipient_domain": "fabrikam.example",
        "reply_code": 421,
        "status": "4.4.2",
        "diagnostic": DROPPED,
        "reported_by": "hq-ex13a.contoso.example",
        "sending_host": "hq-ex13a.contoso.example",
        "receiving_host": EXCHANGE_ONLINE,
        "tls": Tls(error="SocketError"),
    }
    return Observation(**{**values, **changes})


def built(sending: str | None = None, receiving: str | None = None) -> Software:
    """Give software with these builds."""
    return Software(
        Product("Exchange", sending) if sending else None, Product("Exchange", receiving) if receiving else None
    )


def verdict(observation: Observation) -> Diagnosis:
    """Diagnose a failure."""
    found = diagnose(observation, BOOK, HOSTS)
    assert found is not None
    return found


def test_the_generic_text_alone_is_possible_and_says_why() -> None:
    """With Exchange Online at the other end and nothing more: possible, the other cause named, the doubt shown."""
    found = verdict(seen())
    assert (found.category, found.confidence) == ("tls-version", "possible")
    assert "connection-dropped" in [one.category for one in found.alternatives]
    assert [one for one in found.evidence if not one.supports]
    assert found.next_check


def test_an_old_build_raises_it_and_a_single_bounce_is_never_certain() -> None:
    """A build that cannot speak TLS 1.2 makes it probable; the text is still the generic one."""
    found = verdict(seen(software=built("15.0.847.32")))
    assert (found.category, found.confidence) == ("tls-version", "probable")
    assert any("15.0.847.32" in one.text and one.supports for one in found.evidence)


@pytest.mark.parametrize("build", ["15.2.1544.4", "15.2.2562.17"], ids=["2019", "SE"])
def test_a_new_build_speaks_against_it(build: str) -> None:
    """A build that speaks TLS 1.2 by default leaves no version fault, or hardly one."""
    found = verdict(seen(software=built(build)))
    assert found.category != "tls-version" or (
        found.confidence == "possible" and any(not one.supports and build in one.text for one in found.evidence)
    )


@pytest.mark.parametrize("receiver", ["gmail-smtp-in.l.google.com", "mx-eu.mail.am0.yahoodns.net"])
def test_exchange_online_to_a_large_provider_is_hardly_tls(receiver: str) -> None:
    """Both ends speak TLS 1.2: the version is no candidate, authentication and reputation are."""
    found = verdict(seen(sending_host=POD, reported_by=POD, receiving_host=receiver, software=built("15.20.8699.20")))
    categories = [found.category, *(one.category for one in found.alternatives)]
    assert "tls-version" not in categories
    assert {"authentication", "reputation"} <= set(categories)
    assert found.confidence == "possible"


@pytest.mark.parametrize(
    ("changes", "side", "host", "ours", "actor"),
    [
        ({}, "sending", "hq-ex13a.contoso.example", True, "mail-team"),
        (
            {"sending_host": POD, "reported_by": POD, "receiving_host": "mail.contoso.example"},
            "receiving",
            "mail.contoso.example",
            True,
            "mail-team",
        ),
        (
            {"sending_host": POD, "reported_by": POD, "receiving_host": "mx1.adatum.example"},
            "receiving",
            "mx1.adatum.example",
            False,
            "partner-postmaster",
        ),
    ],
    ids=["we send", "we receive", "a partner receives"],
)
def test_the_fault_lies_on_the_side_that_is_not_exchange_online(
    changes: dict[str, Any], side: str, host: str, ours: bool, actor: str
) -> None:
    """Exchange Online never offers old versions: the other host has to be mended, by whoever owns it."""
    found = verdict(seen(**changes))
    assert (found.responsible.side, found.responsible.host, found.responsible.ours) == (side, host, ours)
    assert found.actor == actor


@pytest.mark.parametrize(
    ("builds", "side"),
    [
        (built("14.3.123.4", "15.2.1544.4"), "sending"),
        (built("15.2.1544.4", "14.3.123.4"), "receiving"),
        (built(), None),
    ],
    ids=["old sender", "old receiver", "nothing known"],
)
def test_between_two_servers_the_builds_decide(builds: Software, side: str | None) -> None:
    """Without Microsoft in it, the side is that of the build that cannot; unknown builds leave it open."""
    found = verdict(seen(receiving_host="hub.contoso.example", software=builds))
    assert found.responsible.side == side or (side is None and found.category != "tls-version")


@pytest.mark.parametrize(
    ("diagnostic", "code", "status", "category"),
    [
        ("421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade your client.", 421, "4.7.66", "tls-version"),
        ("550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization.", 550, "5.7.67", "tls-version"),
        ("451 5.7.3 STARTTLS is required to send mail", 451, "5.7.3", "tls-required"),
        ("451 5.7.3 Must issue a STARTTLS command first", 451, "5.7.3", "tls-required"),
        ("530 5.7.0 Must issue a STARTTLS command first", 530, "5.7.0", "tls-required"),
        ("454 4.7.5 Certificate validation failure", 454, "4.7.5", "tls-certificate"),
        ("450 4.4.317 Cannot connect to remote server [Message=UntrustedRoot]", 450, "4.4.317", "tls-certificate"),
        ("550 5.7.230 Connecting Exchange server version is out-of-date", 550, "5.7.230", "server-out-of-date"),
        ("550 5.7.51 TenantInboundAttribution; There is a partner connector configured", 550, "5.7.51", "connector-attribution"),
        ("550 5.1.1 User unknown", 550, "5.1.1", "recipient-unknown"),
        ("421 4.4.2 Message submission rate for this client has exceeded the configured limit", 421, "4.4.2", "rate-limit"),
        ("550 4.4.7 QUEUE.Expired; message expired", 550, "4.4.7", "expired"),
        ("421 4.2.1 Unable to connect -> SocketTimedout: Socket error code 10060", 421, "4.2.1", "connection-timeout"),
        ("450 4.4.316 Connection refused [Message=Socket error code 10061]", 450, "4.4.316", "connection-refused"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("build", [None, "14.3.123.4"], ids=["no build", "old build"])
def test_a_text_that_states_its_cause_decides(
    diagnostic: str, code: int, status: str, category: str, build: str | None
) -> None:
    """The words decide, whatever the build: an old server alone is never a cause.

    One exception: Exchange Online demands STARTTLS of a server that cannot speak TLS 1.2. Its handshake failed and it
    came back in clear text, which is how a version fault looks from there.
    """
    changes = {"diagnostic": diagnostic, "reply_code": code, "status": status}
    found = verdict(seen(**changes, tls=Tls(error=unwrap(diagnostic).error), software=built(build)))
    fell_back = category == "tls-required" and build is not None
    assert found.category == ("tls-version" if fell_back else category)


def test_a_report_of_low_trust_makes_nothing_more_than_possible() -> None:
    """A forged report cannot name a host as certain, whatever it says."""
    certain = {"diagnostic": "550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization.", "status": "5.7.67"}
    assert verdict(seen(**certain)).confidence == "certain"
    found = verdict(seen(**certain, trust=Trust("low", ("dmarc=fail",))))
    assert found.confidence == "possible"
    assert found.responsible.confidence in (None, "possible")


def test_a_success_has_no_diagnosis() -> None:
    """A hop that delivered has nothing to mend."""
    assert diagnose(seen(action="relayed"), BOOK, HOSTS) is None


def test_what_no_rule_knows_stays_unclassified() -> None:
    """No rule, no cause: null rather than a guess."""
    found = verdict(seen(diagnostic="Zork frobnicated the wibble", reply_code=None, status=None, tls=Tls()))
    assert (found.rule, found.category) == (None, "unclassified")


def tallied(observation: Observation, count: int = 1, time: str = "2026-10-20T09:00:00Z") -> Tallied:
    """Give an observation as an incident's ledger keeps it."""
    return Tallied(
        observation=observation, diagnosis=diagnose(observation, BOOK, HOSTS), count=count, first=time, last=time
    )


HANDSHAKE = {
    "source": "send-log", "impact": "none", "reply_code": None, "status": None,
    "diagnostic": "TLS negotiation failed with error SocketError", "tls": Tls(error="SocketError", phase="handshake"),
}  # fmt: skip


def test_a_handshake_seen_to_fail_and_a_build_that_cannot_make_it_certain() -> None:
    """What one report knows, all know: the build from a bounce, the handshake from a log."""
    found = judge([tallied(seen(software=built("14.3.123.4"))), tallied(seen(**HANDSHAKE), 57)], ALONE, BOOK, HOSTS)
    assert (found.category, found.confidence) == ("tls-version", "certain")


def test_successes_over_tls12_at_the_same_time_overturn_it() -> None:
    """The same host spoke TLS 1.2 to the same pool meanwhile: the version cannot be it, or is in doubt."""
    fine = seen(source="send-log", action="relayed", impact="none", tls=Tls(version="1.2"), diagnostic=None)
    before = judge([tallied(seen())], ALONE, BOOK, HOSTS)
    after = judge([tallied(seen()), tallied(fine, 500)], ALONE, BOOK, HOSTS)
    assert before.category == "tls-version"
    assert after.category != "tls-version"


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_verdict_does_not_depend_on_the_order(rng: random.Random) -> None:
    """Any order of the same evidence gives the same verdict."""
    tallies = [
        tallied(seen(), 3),
        tallied(seen(software=built("14.3.123.4")), 2),
        tallied(seen(diagnostic="550 4.4.7 QUEUE.Expired; message expired", status="4.4.7", reply_code=550), 9),
        tallied(seen(trust=Trust("low", ("x",))), 40),
        tallied(seen(**HANDSHAKE), 57),
    ]
    shuffled = tallies[:]
    rng.shuffle(shuffled)
    assert judge(shuffled, ALONE, BOOK, HOSTS) == judge(tallies, ALONE, BOOK, HOSTS)


def test_low_trust_cannot_choose_the_verdict() -> None:
    """A thousand forged reports do not outweigh one that is believed."""
    forged = seen(diagnostic="550 5.1.1 User unknown", status="5.1.1", reply_code=550, trust=Trust("low", ("x",)))
    found = judge([tallied(seen()), tallied(forged, 1000)], ALONE, BOOK, HOSTS)
    assert found.category == "tls-version"


def test_the_explanation_names_the_winner_its_words_and_the_losers() -> None:
    """Why: the rule, the text it matched at its place, and rules that came close with the reason."""
    shown = explain(seen(), BOOK, HOSTS)
    assert shown.matched is not None
    assert shown.matched.text[shown.matched.start : shown.matched.end] in DROPPED
    assert shown.winner not in [one.rule for one in shown.tried]
    assert all(one.reason for one in shown.tried)


def test_every_rule_proves_itself() -> None:
    """Samples match and win, not-samples do not, no rule is shadowed or without its source."""
    assert BOOK.check() == []


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "-> " * 40_000, "4.4.2 " * 20_000, "<>[]{}()" * 15_000, "\x00\ud800" * 20_000, "TLS 1." * 20_000],
    ids=["one letter", "arrows", "codes", "brackets", "surrogates", "half a match"],
)
def test_hostile_text_costs_no_more_than_its_length(text: str) -> None:
    """Any text is judged at once: matching is linear and bounded."""
    found = verdict(seen(diagnostic=text, tls=Tls()))
    assert rank(found.confidence) <= rank("certain")


REFUSED = {
    "a tenant's rule": ({"reported_by": "hq-ex16.contoso.example"}, ("tenant", False, "partner-postmaster")),
    "our own tenant's rule": (
        {"recipient": "bo@contoso.example", "recipient_domain": "contoso.example"}, ("tenant", True, "mail-team"),
    ),
    "the partner's own server": (
        {"reported_by": "ex13.fabrikam.example", "sending_host": None, "receiving_host": None},
        ("host", False, "partner-postmaster"),
    ),
    "a pod that tells nobody whose it is": (
        {"reported_by": POD, "sending_host": None, "receiving_host": None}, ("host", None, "partner-postmaster"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_service_of_many_is_not_blamed_for_the_rule_of_one(
    changes: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    """A rule that refuses at Exchange Online is its tenant's; a partner's server that refused and reported is the partner's."""
    text = "550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy"
    found = verdict(seen(reply_code=550, status="5.7.1", diagnostic=text, tls=Tls(), **changes))
    assert (found.responsible.kind, found.responsible.ours, found.actor) == expected
