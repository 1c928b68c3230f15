"""Letters to partners: only where they have to act, and only facts that they may know."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from triage.hosts import Hosts
from triage.mend import letter
from triage.model import Counts, Ends, Evidence, Incident, Original
from triage.model.draft import NoLetter, PartnerLetter
from triage.model.words import Actor

MX = "mx1.fabrikam.example"
Make = Callable[..., Incident]


@pytest.fixture
def theirs(incident: Make) -> Make:
    """Give a builder: our server sends to a partner's, whose postmaster has to act."""

    def build(*, seen: dict[str, Any] | None = None, actor: Actor = "partner-postmaster", **given: Any) -> Incident:
        made = incident(**({"side": "receiving", "receiving": MX, "ours": False} | given))
        assert made.sample is not None
        facts: dict[str, Any] = {
            "diagnostic": "421 4.4.2 Connection dropped due to SocketError",
            "receiving_ip": "203.0.113.7",
            "sending_ip": "192.0.2.10",
            "original": Original("m1@contoso.example", "sales@contoso.example", "anna.b@fabrikam.example", "Offer"),
        }
        sample = msgspec.structs.replace(made.sample, **facts | (seen or {}))
        verdict = msgspec.structs.replace(made.verdict, actor=actor)
        return msgspec.structs.replace(made, sample=sample, verdict=verdict, counts=Counts(returned=2, waiting=3))

    return build


def facts(incident: Incident, hosts: Hosts) -> PartnerLetter:
    """Give the facts of a letter that has to exist."""
    found = letter(incident, hosts)
    assert isinstance(found, PartnerLetter)
    return found


def test_the_facts_are_both_ends_and_the_reply(theirs: Make, hosts: Hosts) -> None:
    """Their host and address, our public name and address, both domains and the reply in its own words."""
    found = facts(theirs(), hosts)
    assert (found.topic, found.they_send) == ("version", False)
    assert (found.theirs, found.their_ip, found.domain) == (MX, "203.0.113.7", "fabrikam.example")
    assert (found.ours, found.our_ip, found.our_domain) == ("hq-ex10a.contoso.example", "192.0.2.10", "contoso.example")
    assert found.reply == "421 4.4.2 Connection dropped due to SocketError"
    assert (found.returned, found.waiting) == (2, 3)


@pytest.mark.parametrize("actor", ["mail-team", "network-team", "recipient", "sender", "microsoft", "nobody", None])
def test_somebody_else_s_work_is_no_letter(actor: Actor, theirs: Make, hosts: Hosts) -> None:
    """Where the partner is not the one to act, the answer names who is."""
    assert letter(theirs(actor=actor), hosts) == NoLetter(actor)


def test_our_inside_is_not_told(theirs: Make, hosts: Hosts) -> None:
    """No inside name, no private address and no thumbprint of ours reaches the facts, wherever the report holds it."""
    inside = "hq-ex10a.contoso.local"
    seen = {
        "sending_host": inside,
        "sending_ip": "10.1.2.3",
        "reported_by": inside,
        "diagnostic": f"421 from {inside} [10.1.2.3] HQ-EX10A to {MX} certificate {'0a' * 20}",
    }
    told = msgspec.json.encode(facts(theirs(sending=inside, seen=seen), hosts)).decode().lower()
    for secret in ("contoso.local", "10.1.2.3", "hq-ex10a", "0a0a0a"):
        assert secret not in told
    assert MX in told


def test_the_name_in_ehlo_is_what_they_know_us_by(theirs: Make, hosts: Hosts) -> None:
    """A log shows the name that we gave in EHLO: the letter tells that one."""
    assert facts(theirs(seen={"ehlo": "mail.contoso.example"}), hosts).ours == "mail.contoso.example"


def test_a_server_that_sends_to_us_is_told_the_other_way_round(incident: Make, hosts: Hosts) -> None:
    """Where their server is the client, theirs is the sending host and the domain is that of the sender."""
    made = incident(side="sending", sending="out.fabrikam.example", receiving="mx.contoso.example", ours=False)
    assert made.sample is not None
    sample = msgspec.structs.replace(
        made.sample, original=Original(None, "anna.b@fabrikam.example"), recipient_domain="contoso.example"
    )
    verdict = msgspec.structs.replace(made.verdict, actor="partner-postmaster")
    found = facts(msgspec.structs.replace(made, sample=sample, verdict=verdict), hosts)
    assert (found.they_send, found.theirs, found.ours) == (True, "out.fabrikam.example", "mx.contoso.example")
    assert (found.domain, found.our_domain) == ("fabrikam.example", "contoso.example")


def test_exchange_online_is_named_where_it_carries_our_mail(theirs: Make, hosts: Hosts) -> None:
    """A hop of Exchange Online's to a partner is ours as far as the letter goes."""
    made = msgspec.structs.replace(theirs(), ends=Ends("exchange-online", MX))
    assert facts(made, hosts).through_exchange_online is True


def test_what_is_ruled_out_comes_from_evidence(theirs: Make, hosts: Hosts) -> None:
    """Evidence names what is ruled out; a version fault cannot be ruled out by itself."""
    evidence = (
        Evidence(id="tls12-success-same-ends", supports=True, text="x"),
        Evidence(id="sending-build-speaks-tls12", supports=False, text="x"),
        Evidence(id="many-fail-to-it", supports=True, text="x"),
    )
    for category, cleared in (
        ("tls-certificate", ("tls12-spoken", "we-speak-tls12", "others-fail-too")),
        ("tls-version", ("we-speak-tls12", "others-fail-too")),
    ):
        made = theirs(category=category)
        made = msgspec.structs.replace(made, verdict=msgspec.structs.replace(made.verdict, evidence=evidence))
        assert facts(made, hosts).cleared == cleared


def test_an_incident_without_a_sample_has_a_letter(theirs: Make, hosts: Hosts) -> None:
    """Where nothing but the verdict is known, nothing is made up."""
    found = facts(msgspec.structs.replace(theirs(), sample=None), hosts)
    assert (found.theirs, found.ours, found.reply, found.domain) == (MX, None, None, None)
