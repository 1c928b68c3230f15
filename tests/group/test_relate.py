"""What incidents say about each other: patterns of blame, one host's incidents linked, other people's tallies."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tests.group.sources import (
    HIGH,
    LOW,
    SERVER,
    TENANT,
    built,
    judging,
    ndr,
    reading,
    receive_log,
    send_log,
    tls_report,
)
from tests.group.test_join import come, parts
from tests.people import resolve
from triage.group import SqliteDocuments, incidents, relate
from triage.group.owners import owner_of
from triage.group.relate import MAX_ENDS, MAX_LINKED
from triage.group.stored import heads, load_ledger
from triage.hosts import Hosts
from triage.model import Counts, Incident, Observation, Tls
from triage.pipeline import count, settle

NOW = "2026-10-20T12:00:00Z"
PARTNER, STRANGER = "mx1.fabrikam.example", "mail.tailspin.example"
OURS = Hosts(domains=["contoso.example"])


def fails(receiving: str, sending: str = SERVER, **changes: Any) -> Observation:
    """Give a handshake that one of our logs shows to fail between these ends."""
    return send_log(
        3, **{"sending_host": sending, "sending_ip": None, "receiving_host": receiving, "receiving_ip": None, **changes}
    )


def received_from(sending: str, **changes: Any) -> Observation:
    """Give a handshake that our Receive log shows to fail with this client."""
    return receive_log(3, sending_host=sending, sending_ip=None, **changes)


def by_ends(documents: SqliteDocuments) -> dict[tuple[str | None, str | None], Incident]:
    """Give the incidents by their ends."""
    return {(one.ends.sending, one.ends.receiving): one for one in incidents(documents)}


def blamed(documents: SqliteDocuments, *seen: Observation) -> dict[tuple[str | None, str | None], str | None]:
    """Let observations come in, and give the side that each incident blames."""
    come(documents, *(reading(one) for one in seen))
    return {ends: one.verdict.responsible.side for ends, one in by_ends(documents).items()}


# Patterns


def test_one_failure_between_two_servers_blames_neither(documents: SqliteDocuments) -> None:
    """A handshake that fails between two servers of unknown build leaves open which of them is at fault."""
    assert blamed(documents, fails(PARTNER)) == {(SERVER, PARTNER): None}


def test_a_sender_that_fails_with_two_unrelated_peers_is_blamed(documents: SqliteDocuments) -> None:
    """The pattern blames the one that both have in common, says why, and no more surely than it can."""
    assert set(blamed(documents, fails(PARTNER), fails(STRANGER)).values()) == {"sending"}
    for incident in incidents(documents):
        responsible = incident.verdict.responsible
        assert (responsible.kind, responsible.host, responsible.ours) == ("host", SERVER, True)
        assert responsible.confidence in ("possible", "probable")
        assert incident.verdict.actor == "mail-team"
        assert incident.verdict.category == "tls-negotiation"
        [told] = [one for one in incident.verdict.evidence if one.id == "fails-to-many"]
        assert told.supports
        assert PARTNER in told.text
        assert STRANGER in told.text
        assert incident.changes[-1].kind == "verdict-changed"
        assert "now it blames the sending server" in incident.changes[-1].text
        assert "told by: other incidents" in incident.changes[-1].text


def test_a_receiver_that_fails_with_two_unrelated_senders_is_blamed(documents: SqliteDocuments) -> None:
    """The same the other way round, in our Receive log."""
    assert set(blamed(documents, received_from(PARTNER), received_from(STRANGER)).values()) == {"receiving"}
    for incident in incidents(documents):
        assert incident.verdict.responsible.host == SERVER
        assert "many-fail-to-it" in [one.id for one in incident.verdict.evidence]


def test_exchange_online_counts_as_one_of_the_peers(documents: SqliteDocuments) -> None:
    """A server that fails with Exchange Online and with a partner fails with two that have nothing in common."""
    assert blamed(documents, fails(TENANT), fails(PARTNER))[SERVER, PARTNER] == "sending"


@pytest.mark.parametrize(
    "others",
    [
        ("mx1.fabrikam.example", "mx2.fabrikam.example"),
        ("mx1.fabrikam.example", "out.mail.fabrikam.example"),
        ("mx1.fabrikam.co.uk", "mx2.fabrikam.co.uk"),
        ("a.mail.protection.outlook.com", "b.eurprd05.prod.outlook.com"),
        ("a.mail.protection.outlook.com", "c.olc.protection.outlook.com"),
        ("198.51.100.7", "203.0.113.9"),
        ("mx1.fabrikam.example", "203.0.113.9"),
        ("2001:db8::7", "2001:db8:ffff::7"),
        ("mx-one", "mx-two"),
    ],
    ids=["one domain", "subdomain", "one domain of a country", "one pool", "Microsoft's pools", "addresses",
         "a name and an address", "IPv6", "names without a domain"],
)  # fmt: skip
def test_related_peers_or_peers_of_unknown_owner_make_no_pattern(
    documents: SqliteDocuments, others: Sequence[str]
) -> None:
    """Hosts of one organisation or pool are one peer; whose a bare address is, nobody knows: no guess."""
    sides = blamed(documents, *(fails(other) for other in others))
    assert "sending" not in [side for (_, other), side in sides.items() if other != "exchange-online"]
    told = [one.id for incident in incidents(documents) for one in incident.verdict.evidence]
    assert "fails-to-many" not in told


def test_our_own_servers_are_one_owner(documents: SqliteDocuments) -> None:
    """That two servers of ours fail with one partner does not blame the partner: they share network and policy."""
    assert set(blamed(documents, fails(PARTNER), fails(PARTNER, "hq-ex13b.contoso.example")).values()) == {None}


@pytest.mark.parametrize(
    ("end", "owner"),
    [
        ("mx1.fabrikam.example", "fabrikam.example"),
        ("fabrikam.example", "fabrikam.example"),
        ("mx1.fabrikam.co.uk", "fabrikam.co.uk"),
        ("mail.adatum.com.au", "adatum.com.au"),
        ("mx.adatum.de", "adatum.de"),
        ("co.uk", "co.uk"),
        ("hq.contoso.example", "ours"),
        ("gmail", "gmail"),
        ("exchange-online", "microsoft"),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
        ("hq-ex13", None),
    ],
)
def test_an_owner_is_what_somebody_registered(end: str, owner: str | None) -> None:
    """The registered domain stands for the owner, also below a country's second level; an address has none."""
    assert owner_of(end, OURS) == owner


def test_where_both_sides_fail_with_many_nobody_is_blamed(documents: SqliteDocuments) -> None:
    """Each end fails with two unrelated others: the pattern says nothing of the incident between them."""
    other = "out.adatum.example"
    sides = blamed(
        documents, fails(PARTNER), fails(STRANGER), fails(PARTNER, other), fails(PARTNER, "x.litware.example")
    )
    assert sides[SERVER, PARTNER] is None
    assert sides[SERVER, STRANGER] == "sending"
    assert sides[other, PARTNER] == "receiving"


def test_a_text_that_states_its_cause_keeps_its_answer(documents: SqliteDocuments) -> None:
    """A partner's certificate has expired: that our server fails with another one too does not make it our fault."""
    error: dict[str, Any] = {
        "diagnostic": "TLS negotiation failed with error CertExpired",
        "tls": Tls(error="CertExpired", phase="handshake"),
    }
    sides = blamed(documents, fails(PARTNER, **error), fails(STRANGER, **error))
    assert set(sides.values()) == {"receiving"}
    told = [one for incident in incidents(documents) for one in incident.verdict.evidence if one.id == "fails-to-many"]
    assert [one.supports for one in told] == [False, False]


def test_different_ways_of_failing_do_not_add_up(documents: SqliteDocuments) -> None:
    """A certificate fault with one peer and a lost handshake with another are two faults, not a pattern."""
    expired: dict[str, Any] = {
        "diagnostic": "TLS negotiation failed with error CertExpired",
        "tls": Tls(error="CertExpired", phase="handshake"),
    }
    sides = blamed(documents, fails(PARTNER, **expired), fails(STRANGER))
    assert sides == {(SERVER, PARTNER): "receiving", (SERVER, STRANGER): None}


def test_faults_of_another_family_make_no_pattern(documents: SqliteDocuments) -> None:
    """Wrong addresses at two domains say nothing of a host."""
    unknown = {"diagnostic": "550 5.1.1 User unknown", "reply_code": 550, "status": "5.1.1", "tls": Tls()}
    come(documents, *(reading(ndr(n, recipient_domain=f"d{n}.example", **unknown)) for n in range(3)))
    assert {one.verdict.responsible.side for one in incidents(documents)} == {"receiving"}


def test_a_resolved_incident_makes_no_pattern_any_more(documents: SqliteDocuments) -> None:
    """What is over does not count: the blame goes back, and that is told."""
    blamed(documents, fails(PARTNER), fails(STRANGER))
    resolve(documents, by_ends(documents)[SERVER, STRANGER].id, "mended", NOW)
    settle(documents, parts(), NOW)
    left = by_ends(documents)[SERVER, PARTNER]
    assert left.verdict.responsible.side is None
    assert left.changes[-1].kind == "verdict-changed"
    assert "now it blames neither" in left.changes[-1].text
    over = by_ends(documents)[SERVER, STRANGER]
    assert (over.verdict.responsible.side, over.changes[-1].kind) == ("sending", "resolved")


@pytest.mark.parametrize(("trust", "side"), [(LOW, None), (HIGH, "sending")], ids=["low", "high"])
def test_reports_that_nobody_believes_make_no_pattern(
    documents: SqliteDocuments, trust: object, side: str | None
) -> None:
    """Forged bounces about our server and two more peers do not turn the blame of a real fault."""
    claims = [ndr(n, receiving_host=f"mx.forger{n}.example", recipient_domain=None, trust=trust) for n in range(3)]
    assert blamed(documents, fails(PARTNER), *claims)[SERVER, PARTNER] == side


def test_a_pattern_never_makes_a_host_certain(documents: SqliteDocuments) -> None:
    """Fifty peers are still only a pattern: possible faults stay possible, and nobody is named as certain."""
    forged = [ndr(n, receiving_host=f"mx.peer{n}.example", recipient_domain=None) for n in range(50)]
    come(documents, *(reading(*forged[at : at + 10]) for at in range(0, 50, 10)))
    for incident in incidents(documents):
        assert incident.verdict.responsible.confidence == "possible"
        assert len(incident.verdict.evidence) <= 9
    ledger = load_ledger(documents, next(incidents(documents)).id)
    assert ledger is not None
    assert len(ledger.around.receivers) == MAX_ENDS


# Links


def test_incidents_that_blame_one_host_name_each_other(documents: SqliteDocuments) -> None:
    """One host, several incidents: each names the others and not itself; another host's are not among them."""
    come(
        documents,
        reading(fails(TENANT, software=built("14.3.123.4"))),
        reading(fails(PARTNER)),
        reading(fails(STRANGER)),
    )
    come(documents, reading(fails(TENANT, "hq-ex10z.contoso.example", software=built("14.3.123.4"))))
    found = by_ends(documents)
    mine = {one.id for (sending, _), one in found.items() if sending == SERVER}
    for (sending, _), incident in found.items():
        assert set(incident.linked) == (mine - {incident.id} if sending == SERVER else set())


def test_links_are_few_and_all_know_the_first(documents: SqliteDocuments) -> None:
    """However many incidents blame one host, each names some, and the first of them is the same for all."""
    many = [reading(fails(f"mx.peer{n}.example")) for n in range(MAX_LINKED + 15)]
    found = {one.id: one for one in come(documents, *many)}
    first = min(found)
    for name, incident in found.items():
        assert len(incident.linked) == MAX_LINKED
        assert name == first or incident.linked[0] == first


# Other people's tallies


def test_what_others_tell_opens_nothing(documents: SqliteDocuments) -> None:
    """A million failed sessions in TLS reports are no incident."""
    assert come(documents, reading(tls_report(10**6)), reading(tls_report(5, reported_by="google.com"))) == []


def told_by_others(incident: Incident) -> list[tuple[bool, str]]:
    """Give the evidence out of TLS reports."""
    return [(one.supports, one.text) for one in incident.verdict.evidence if one.id.startswith("others-")]


@pytest.mark.parametrize("order", [1, -1], ids=["report first", "log first"])
def test_what_others_tell_speaks_for_or_against_and_changes_nothing_else(
    documents: SqliteDocuments, order: int
) -> None:
    """Tallies of a missing STARTTLS agree with a version fault of our server, those of a certificate do not."""
    log = received_from(TENANT)
    against = tls_report(900)
    missing = {"diagnostic": None, "tls": Tls(error="starttls-not-supported", phase="starttls")}
    agreeing = tls_report(70, reported_by="google.com", **missing)
    (alone,) = come(documents, reading(log))
    (incident,) = come(documents, *[reading(against), reading(agreeing), reading(log)][::order])
    (agrees, told), (speaks_for, objection) = told_by_others(incident)
    assert agrees
    assert not speaks_for
    assert told.endswith("google.com counted 70 sessions with starttls-not-supported")
    assert objection.endswith("mail.tailspin.example counted 900 sessions with certificate-expired")
    same = ("category", "confidence", "responsible", "actor")
    assert [getattr(incident.verdict, one) for one in same] == [getattr(alone.verdict, one) for one in same]
    assert incident.counts == Counts(sessions=3)
    assert [one.kind for one in incident.changes] == ["opened"]


def test_what_others_tell_of_another_server_is_no_evidence(documents: SqliteDocuments) -> None:
    """A report about another host of ours says nothing of this one."""
    other = tls_report(900, receiving_host="hq-ex13b.contoso.example")
    (incident,) = come(documents, reading(received_from(TENANT)), reading(other))
    assert told_by_others(incident) == []


def test_what_others_tell_of_success_is_no_evidence(documents: SqliteDocuments) -> None:
    """Their successes may have come by other addresses and at other hours: they overturn nothing."""
    fine = tls_report(10**6, action="relayed", diagnostic=None, tls=Tls())
    (before,) = come(documents, reading(received_from(TENANT)))
    (after,) = come(documents, reading(fine))
    assert after.verdict == before.verdict


# Repetition


def test_a_repeated_pass_writes_nothing(documents: SqliteDocuments) -> None:
    """Once settled, a pass finds nothing to do, and leaves every document as it was."""
    come(
        documents,
        reading(fails(PARTNER)),
        reading(fails(STRANGER)),
        reading(received_from(TENANT)),
        reading(tls_report()),
    )
    before = [(one.key, one.tag) for one in documents.list("incident/")]
    assert relate(documents, OURS, judging(), NOW) == set()
    assert [(one.key, one.tag) for one in documents.list("incident/")] == before


def test_settling_reaches_its_end_in_one_go(documents: SqliteDocuments) -> None:
    """Builds change causes, causes make patterns, patterns change blame, blame makes links: one call settles it all."""
    told = ndr(
        9, software=built("14.3.123.4"), diagnostic="550 5.1.1 User unknown", reply_code=550, status="5.1.1", tls=Tls()
    )
    come(documents, reading(told, fails(TENANT), fails(PARTNER), fails(STRANGER)))
    assert relate(documents, OURS, judging(), NOW) == set()


@pytest.mark.parametrize("documents", ["sqlite"], indirect=True)
def test_an_incident_that_was_removed_meanwhile_does_not_come_back(documents: SqliteDocuments) -> None:
    """Retention may take an incident between the look at the heads and the write."""

    class Removing(SqliteDocuments):
        def get(self, key: str) -> tuple[bytes, str] | None:
            """Take every incident away right before it is read."""
            if key.startswith("incident/"):
                self.delete(key)
            return super().get(key)

    count(documents, [reading(fails(PARTNER)), reading(fails(STRANGER))], parts(), NOW)
    with Removing(documents._db.execute("PRAGMA database_list").fetchone()[2]) as store:
        assert relate(store, OURS, judging(), NOW) == set()
        assert list(store.list("incident/")) == []


def test_heads_say_what_relating_needs(documents: SqliteDocuments) -> None:
    """Whether anybody believes an incident, and whether TLS reports stand in it, is seen without its body."""
    come(documents, reading(ndr(1, trust=LOW)), reading(fails(PARTNER)), reading(tls_report()))
    found = {(head.sending, head.receiving): head for _, head in heads(documents)}
    assert not found[SERVER, "exchange-online"].is_believed
    assert found[SERVER, PARTNER].is_believed
    assert found["mail.tailspin.example", SERVER].hearsay
    assert not found["mail.tailspin.example", SERVER].is_incident
    assert len(msgspec.json.encode(found[SERVER, PARTNER])) < 1_000
