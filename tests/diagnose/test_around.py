"""What the neighbours of an incident say: patterns against its own text, and other people's tallies."""

from typing import Any

import pytest

from tests.group.sources import (
    HOSTS,
    SERVER,
    TENANT,
    book,
    built,
    finding,
    members,
    ndr,
    receive_log,
    send_log,
    tls_report,
)
from triage.diagnose import judge
from triage.diagnose.engine import MAX_AGAINST, MAX_FOR
from triage.group.tallies import tallied
from triage.model import Diagnosis, Observation, Surroundings, Tallied, Tls
from triage.model.words import rank

PARTNER, STRANGER = "mx1.fabrikam.example", "mail.tailspin.example"
LOST = send_log(3, sending_host=SERVER, receiving_host=PARTNER)


def verdict(*seen: Observation, **around: Any) -> Diagnosis:
    """Judge observations among these neighbours."""
    tallies = [tallied(bytes([n]) * 20, finding(one)) for n, one in enumerate(seen)]
    return judge(tallies, Surroundings(**around), book(), HOSTS)


def told(one: Diagnosis, name: str) -> list[tuple[bool, str]]:
    """Give the evidence of this id."""
    return [(evidence.supports, evidence.text) for evidence in one.evidence if evidence.id == name]


def test_the_pattern_says_where_and_not_why() -> None:
    """Category, confidence, alternatives and runbook stay; only whom it blames and who acts change."""
    alone, among = verdict(LOST), verdict(LOST, receivers=(PARTNER, STRANGER))
    assert (alone.responsible.side, among.responsible.side) == (None, "sending")
    for name in ("category", "confidence", "alternatives", "runbook", "permanence", "rule"):
        assert getattr(among, name) == getattr(alone, name)
    assert (among.responsible.host, among.responsible.ours, among.actor) == (SERVER, True, "mail-team")


@pytest.mark.parametrize(
    ("around", "side"),
    [
        ({}, None),
        ({"receivers": (PARTNER,)}, None),
        ({"receivers": (PARTNER, STRANGER)}, "sending"),
        ({"senders": (SERVER, STRANGER)}, "receiving"),
        ({"receivers": (PARTNER, STRANGER), "senders": (SERVER, STRANGER)}, None),
    ],
    ids=["nothing", "one", "many receivers", "many senders", "both"],
)
def test_exactly_one_side_must_fail_with_several(around: dict[str, Any], side: str | None) -> None:
    """One other end is no pattern, and two patterns are none."""
    assert verdict(LOST, **around).responsible.side == side


def test_a_partner_that_a_pattern_blames_is_the_partner_s_work() -> None:
    """Many unrelated senders fail to reach a partner's server: its postmaster acts."""
    found = verdict(LOST, senders=(SERVER, STRANGER))
    assert (found.responsible.host, found.responsible.ours, found.actor) == (PARTNER, False, "partner-postmaster")


def test_a_pattern_raises_who_it_is_by_one_step_and_never_past_probable() -> None:
    """It agrees with the verdict: surer of the host, no surer than of the cause, and never certain by itself."""
    log = send_log(3, sending_host=SERVER)
    alone, among = verdict(log), verdict(log, receivers=("exchange-online", PARTNER))
    assert (alone.responsible.side, alone.responsible.confidence) == ("sending", "probable")
    assert among.responsible.confidence == "probable"
    bounce = ndr()
    alone, among = verdict(bounce), verdict(bounce, receivers=("exchange-online", PARTNER))
    assert alone.responsible.confidence == among.responsible.confidence == "possible"


def test_a_text_that_states_its_cause_is_not_overruled() -> None:
    """The pattern speaks against it, in words, and changes nothing."""
    error = {
        "diagnostic": "TLS negotiation failed with error CertExpired",
        "tls": Tls(error="CertExpired", phase="handshake"),
    }
    stated = send_log(3, sending_host=SERVER, receiving_host=PARTNER, **error)
    alone, among = verdict(stated), verdict(stated, receivers=(PARTNER, STRANGER))
    assert alone.responsible == among.responsible
    assert [supports for supports, _ in told(among, "fails-to-many")] == [False]


def test_more_than_three_others_are_counted_and_not_listed() -> None:
    """A person reads three names and how many more there are."""
    others = tuple(f"mx.peer{n}.example" for n in range(7))
    [(_, text)] = told(verdict(LOST, receivers=others), "fails-to-many")
    assert text.endswith("mx.peer0.example, mx.peer1.example, mx.peer2.example and 4 more")


# TLS reports


def hearsay(result: str | None, count: int = 900, reporter: str = "google.com") -> Tallied:
    """Give a tally of one result type."""
    seen = tls_report(count, tls=Tls(error=result), reported_by=reporter, diagnostic=result)
    return tallied(b"h" * 20, finding(seen))


AGREES = {
    # RFC 8460 §4.3: result type: does it speak for (True), against (False) or not of (None) version and certificate
    "starttls-not-supported": (True, None),
    "certificate-host-mismatch": (False, True),
    "certificate-expired": (False, True),
    "certificate-not-trusted": (False, True),
    "validation-failure": (True, None),
    "tlsa-invalid": (False, True),
    "dnssec-invalid": (None, None),
    "dane-required": (None, None),
    "sts-policy-fetch-error": (None, None),
    "sts-policy-invalid": (None, None),
    "sts-webpki-invalid": (None, None),
    "made-up": (None, None),
}


@pytest.mark.parametrize("result", AGREES)
@pytest.mark.parametrize("which", [0, 1], ids=["tls-version", "tls-certificate"])
def test_each_result_type_speaks_for_what_it_can_mean(result: str, which: int) -> None:
    """No type stands for an old version: a missing STARTTLS or a failed validation may; a certificate's is another fault."""
    error = ("SocketError", "NoCredentials")[which]
    log = receive_log(
        3, tls=Tls(error=error, phase="handshake"), diagnostic=f"TLS negotiation failed with error {error}"
    )
    found = verdict(log, hearsay=(hearsay(result),))
    assert found.category == ("tls-version", "tls-certificate")[which]
    heard = [one.supports for one in found.evidence if one.id in ("others-see-it", "others-see-another")]
    assert heard == ([] if AGREES[result][which] is None else [AGREES[result][which]])


def test_tallies_are_named_by_reporter_and_type_the_largest_first() -> None:
    """Two tallies of one reporter add up; three pairs are named."""
    given = (
        hearsay("certificate-expired", 5),
        hearsay("certificate-expired", 6),
        hearsay("certificate-expired", 100, "mail.ru"),
        hearsay("tlsa-invalid", 7),
        hearsay("certificate-not-trusted", 1, "a.example"),
    )
    [(supports, text)] = told(verdict(receive_log(3), hearsay=given), "others-see-another")
    assert not supports
    assert text.endswith(
        "mail.ru counted 100 sessions with certificate-expired; google.com counted 11 sessions with certificate-expired; "
        "google.com counted 7 sessions with tlsa-invalid"
    )


def test_hearsay_moves_no_verdict() -> None:
    """A billion sessions of other people change neither the cause nor how sure it is nor whom it blames."""
    alone = verdict(receive_log(3))
    among = verdict(
        receive_log(3), hearsay=(hearsay("certificate-expired", 10**9), hearsay("validation-failure", 10**9))
    )
    for name in ("category", "confidence", "responsible", "actor", "alternatives", "runbook"):
        assert getattr(among, name) == getattr(alone, name)


def test_evidence_from_around_finds_room() -> None:
    """Where a verdict has all the evidence that a person reads, what the neighbours say is still among it."""
    seen = [
        ndr(1, software=built("14.3.123.4")),
        send_log(
            5,
            sending_host=SERVER,
            receiving_host=TENANT,
            tls=Tls(error="SocketError", phase="handshake", required=True),
        ),
    ]
    found = verdict(
        *seen, receivers=(TENANT, PARTNER), hearsay=(hearsay("validation-failure"), hearsay("tlsa-invalid"))
    )
    ids = [one.id for one in found.evidence]
    assert {"fails-to-many", "others-see-it", "others-see-another"} <= set(ids)
    assert sum(one.supports for one in found.evidence) <= MAX_FOR
    assert sum(not one.supports for one in found.evidence) <= MAX_AGAINST
    assert found.evidence[0].supports


# Builds from elsewhere


def test_a_build_from_elsewhere_proves_and_says_where_it_was_read() -> None:
    """The handshake of a log and the build that another incident's bounce showed: certain, and the reader can check."""
    found = verdict(send_log(3, sending_host=SERVER), builds={SERVER: ("14.3.123.4", "NDR, unverified")})
    assert (found.category, found.confidence) == ("tls-version", "certain")
    [(_, text)] = told(found, "sending-build-lacks-tls12")
    assert "14.3.123.4 (told by: NDR, unverified)" in text


def test_a_newer_build_from_elsewhere_takes_the_proof_away() -> None:
    """The server was updated since the bounce: its old build proves nothing any more."""
    seen = [ndr(1, software=built("14.3.123.4")), send_log(3, sending_host=SERVER)]
    assert verdict(*seen).confidence == "certain"
    found = verdict(*seen, builds={SERVER: ("15.2.1748.10", "NDR")})
    assert rank(found.confidence) < rank("certain") or found.category != "tls-version"
    assert not told(found, "sending-build-lacks-tls12")


def test_a_build_of_another_host_says_nothing() -> None:
    """Only the builds of the two hosts between which it fails count."""
    found = verdict(send_log(3, sending_host=SERVER), builds={"hq-ex10z.contoso.example": ("14.3.123.4", "NDR")})
    assert found.confidence == "probable"


def test_members_are_no_reports() -> None:
    """Sessions that stand in two tallies are one each in what a verdict counts by address."""
    both = [
        send_log(4, sending_host=SERVER, receiving_ip="2001:db8::5"),
        send_log(2, sending_host=SERVER, receiving_ip="2001:db8::5", diagnostic="Remote", tls=Tls(phase="handshake")),
        send_log(6, sending_host=SERVER, action="relayed", diagnostic=None, tls=Tls(version="1.2")),
    ]
    packed = (members(1, 2, 3, 4), members(3, 4), b"")
    tallies = [
        tallied(bytes([n]) * 20, finding(one, own)) for n, (one, own) in enumerate(zip(both, packed, strict=True))
    ]
    found = judge(tallies, Surroundings(), book(), HOSTS)
    [(_, text)] = told(found, "intermittent")
    assert text.endswith("2001:db8::5 4 of 4, 203.0.113.25 0 of 6")
