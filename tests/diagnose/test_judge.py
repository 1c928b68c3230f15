"""The verdict over several sources: what makes it certain, what overturns it, what renames it, and what must not."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.group.sources import (
    ADDRESS,
    HIGH,
    HOSTS,
    LOW,
    SERVER,
    TENANT,
    book,
    built,
    delay,
    finding,
    handed,
    ndr,
    queue,
    receive_log,
    send_log,
)
from triage.diagnose import judge
from triage.group.tallies import with_findings
from triage.hosts import Hosts
from triage.model import Diagnosis, Observation, Surroundings, Tls, Trust
from triage.model.words import rank

OLD, NEW = "15.0.847.32", "15.2.1748.10"
KNOWN = Hosts(domains=["contoso.example"], names=[[SERVER, "hq-ex13a", ADDRESS]])
HANDSHAKE = {
    error: {"tls": Tls(error=error, phase="handshake"), "diagnostic": f"TLS negotiation failed with error {error}"}
    for error in (
        *("SocketError", "InvalidToken", "AlgorithmMismatch", "ConnectionReset", "NoCredentials", "UnknownCredentials"),
        *("UntrustedRoot", "CertExpired", "WrongPrincipal", "CertUnknown"),
    )
}
CUT: dict[str, Any] = {
    "diagnostic": "Remote(SocketError)",
    "tls": Tls(version="1.2", phase="data", error="SocketError"),
    "sessions": ("X",),
}
"""A session that spoke TLS 1.2 and was lost during the message."""
LATE = {"time": "2026-10-20T12:00:00Z", "until": "2026-10-20T12:30:00Z"}
POD = "mail-am6eur05on2040.outbound.protection.outlook.com"


def verdict(*seen: Observation, hosts: Hosts = KNOWN) -> Diagnosis:
    """Judge observations of one incident, a report each."""
    keyed = [(n.to_bytes(20, "big"), finding(one)) for n, one in enumerate(seen)]
    return judge(tuple(with_findings({}, keyed).values()), Surroundings(), book(), hosts)


def said(found: Diagnosis) -> tuple[str, str]:
    """Give cause and confidence."""
    return found.category, found.confidence


def ids(found: Diagnosis, *, supports: bool = True) -> list[str]:
    """Give the ids of the evidence for, or against."""
    return [one.id for one in found.evidence if one.supports is supports]


# Certain


def test_a_bounce_s_build_and_a_log_s_handshake_make_it_certain() -> None:
    """Each alone is not; together they are, and the evidence names both."""
    bounce, log = ndr(software=built(OLD)), send_log()
    assert [said(verdict(one)) for one in (bounce, log)] == [("tls-version", "probable")] * 2
    found = verdict(bounce, log)
    assert said(found) == ("tls-version", "certain")
    assert {"sending-build-lacks-tls12", "handshake-failed"} <= set(ids(found))
    assert found.responsible.host == SERVER


def test_all_four_sources_say_one_thing() -> None:
    """Delay, queue, bounce and log of one server: certain, with the log's sessions counted."""
    found = verdict(delay(software=built(OLD)), queue(), ndr(software=built(OLD)), send_log(57))
    assert said(found) == ("tls-version", "certain")
    assert any("57 of 57 sessions" in one.text for one in found.evidence)


def test_many_bounces_are_no_handshake_seen() -> None:
    """However many bounces of a generic text, with the old build in each: probable."""
    assert said(verdict(*(ndr(n, software=built(OLD)) for n in range(50)))) == ("tls-version", "probable")


@pytest.mark.parametrize(("trust", "confidence"), [(Trust(), "probable"), (HIGH, "certain")], ids=["unknown", "high"])
def test_a_bounce_that_tells_of_a_handshake_is_no_witness_unless_verified(trust: Trust, confidence: str) -> None:
    """Anybody can write that a handshake failed at an old server; only a verified report, or a log, has seen it."""
    found = verdict(ndr(1, **HANDSHAKE["SocketError"], software=built(OLD), trust=trust))
    assert said(found) == ("tls-version", confidence)


@pytest.mark.parametrize(("trust", "confidence"), [(Trust(), "probable"), (HIGH, "certain")], ids=["unknown", "high"])
def test_whom_an_unverified_bounce_accuses_is_never_certain(trust: Trust, confidence: str) -> None:
    """Its text may state the cause; that it is this host stays a claim."""
    text = "550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization."
    found = verdict(ndr(1, diagnostic=text, reply_code=550, status="5.7.67", trust=trust))
    assert found.confidence == "certain"
    assert found.responsible.confidence == confidence


# Overturned


FINE = handed(10, time="2026-10-20T09:20:00Z", until="2026-10-20T09:30:00Z")


@pytest.mark.parametrize("build", [None, OLD, NEW], ids=["no build", "old build", "new build"])
@pytest.mark.parametrize("seen", [ndr(), queue(), send_log()], ids=["bounce", "queue", "log"])
def test_successes_over_tls12_overturn_it(seen: Observation, build: str | None) -> None:
    """The same host speaks TLS 1.2 with the same pool meanwhile: the version is not it, whatever build a report names."""
    told = ndr(2, software=built(build))
    found = verdict(seen, told, FINE)
    assert found.category != "tls-version"
    assert "tls12-success-same-ends" in [one.id for one in found.evidence]
    assert "sending-build-lacks-tls12" not in ids(found)


@pytest.mark.parametrize(
    ("minutes", "overturned"),
    [(-31, False), (-29, True), (29, True), (31, False)],
    ids=["31 before", "29 before", "29 after", "31 after"],
)
def test_half_an_hour_decides(minutes: int, overturned: bool) -> None:
    """A success 29 minutes from the only failure overturns it, one of 31 minutes does not."""
    time = f"2026-10-20T{10 + minutes // 60:02}:{minutes % 60:02}:00Z"
    failed = send_log(1, time="2026-10-20T10:00:00Z", until=None)
    found = verdict(failed, handed(1, time=time, until=None))
    assert (found.category != "tls-version") is overturned


@pytest.mark.parametrize(
    "other",
    [
        handed(10, sending_host="hq-ex13b.contoso.example", sending_ip="192.0.2.11"),
        handed(10, receiving_host="mx1.fabrikam.example"),
        receive_log(10, action="relayed", diagnostic=None, tls=Tls(version="1.2")),
        handed(10, tls=Tls(version="none")),
        handed(10, tls=Tls(version="1.0")),
        handed(10, tls=Tls()),
        handed(10, **LATE),
        send_log(10, **CUT, **LATE),
    ],
    ids=["another host", "another pool", "another role", "clear text", "TLS 1.0", "version unknown", "hours later", "failed"],
)  # fmt: skip
def test_other_successes_overturn_nothing(other: Observation) -> None:
    """Another host, another far end, the receiving role, clear text, an old or unknown version, another hour: no."""
    alone, among = verdict(send_log(), ndr(software=built(OLD))), verdict(send_log(), ndr(software=built(OLD)), other)
    assert said(among) == said(alone) == ("tls-version", "certain")


@pytest.mark.parametrize(
    "pod", [POD, "mail-db8eur03on9999.outbound.protection.outlook.com"], ids=["same pod", "another"]
)
def test_in_the_mirror_any_host_of_the_pool_counts(pod: str) -> None:
    """Exchange Online reaches our server over TLS 1.2 from whichever of its hosts: the version is not it."""
    fine = receive_log(
        9, action="relayed", diagnostic=None, sending_host=pod, sending_ip="203.0.113.61", tls=Tls(version="1.2")
    )
    assert verdict(receive_log()).category == "tls-version"
    assert verdict(receive_log(), fine).category != "tls-version"


def test_a_success_that_nobody_believes_overturns_nothing() -> None:
    """A hop that stands in a forged report is no success."""
    hop = ndr(2, source="received", action="relayed", impact="none", tls=Tls(version="1.2"), trust=LOW)
    assert verdict(send_log(), hop).category == "tls-version"


def test_a_forged_time_brings_no_success_near() -> None:
    """A bounce dated beside a success of another day is overturned by it alone; the log's handshakes are not."""
    forged = ndr(9, time=LATE["time"])
    assert verdict(send_log(), handed(10, **LATE), forged).category == "tls-version"


# Comes and goes


def test_both_kinds_at_once_are_intermittent_and_counted_for_each_address() -> None:
    """Failures and successes together: the cause is open, each address has its numbers, nothing is called healed."""
    found = verdict(
        send_log(4, receiving_ip="203.0.113.25"),
        send_log(2, receiving_ip="203.0.113.27", sessions=("B",)),
        handed(6, receiving_ip="203.0.113.26"),
        handed(3, receiving_ip="203.0.113.27", sessions=("C",)),
    )
    assert found.category == "tls-negotiation"
    [told] = [one for one in found.evidence if one.id == "intermittent"]
    assert told.supports
    assert told.text.endswith("203.0.113.25 4 of 4, 203.0.113.27 2 of 5, 203.0.113.26 0 of 6")
    assert not any("heal" in one.text for one in found.evidence)


def test_one_ipv6_address_of_several_shows_itself() -> None:
    """InvalidToken at one endpoint, successes at the others: the numbers name the endpoint."""
    found = verdict(
        send_log(12, receiving_ip="2001:db8:401::5", **HANDSHAKE["InvalidToken"]),
        handed(20, receiving_ip="203.0.113.25"),
        handed(18, receiving_ip="203.0.113.26", sessions=("D",)),
        ndr(software=built(OLD)),
    )
    assert found.category == "tls-negotiation"
    [told] = [one.text for one in found.evidence if one.id == "intermittent"]
    assert "2001:db8:401::5 12 of 12" in told
    assert "203.0.113.25 0 of 20" in told


def test_in_the_mirror_the_sender_s_addresses_are_told_apart() -> None:
    """Where our server receives, it is the far sender's addresses that fail or not."""
    fine = receive_log(9, action="relayed", diagnostic=None, sending_ip="203.0.113.61", tls=Tls(version="1.2"))
    [told] = [one.text for one in verdict(receive_log(5), fine).evidence if one.id == "intermittent"]
    assert told.endswith("203.0.113.60 5 of 5, 203.0.113.61 0 of 9")


def test_many_addresses_are_shortened() -> None:
    """Six addresses are named, the worst first, and how many more there are."""
    failed = [send_log(n, receiving_ip=f"203.0.113.{n}", sessions=(f"F{n}",)) for n in range(1, 10)]
    [told] = [one.text for one in verdict(*failed, handed(1)).evidence if one.id == "intermittent"]
    assert "203.0.113.9 9 of 9, 203.0.113.8 8 of 8" in told
    assert told.endswith("and 4 more")


def test_without_a_failed_handshake_nothing_is_intermittent() -> None:
    """A bounce and successes are no handshake that comes and goes."""
    assert "intermittent" not in ids(verdict(ndr(), FINE))


def test_tls12_at_work_and_a_drop_after_data_are_not_tls() -> None:
    """Bounce, queue and log: the connection is lost during the message, with TLS 1.2 spoken. Not TLS, and it says why."""
    cut = send_log(8, **CUT)
    found = verdict(ndr(software=built("15.0.1497.2")), queue(), FINE, cut)
    assert found.category == "connection-dropped"
    assert {"lost-after-handshake", "tls12-in-session", "tls12-success-same-ends"} <= set(ids(found))
    assert "tls-version" not in [one.category for one in found.alternatives if one.confidence != "possible"]


@pytest.mark.parametrize("error", ["InvalidToken", "AlgorithmMismatch", "ConnectionReset", "SocketError"])
def test_no_failed_handshake_turns_into_a_version_fault_beside_tls12(error: str) -> None:
    """Whatever a rule would fall back to: ends that speak TLS 1.2 have a version in common, and it is no alternative."""
    found = verdict(send_log(5, **HANDSHAKE[error]), FINE)
    assert "tls-version" not in [found.category, *(one.category for one in found.alternatives)]
    assert "tls12-success-same-ends" in ids(found)


def test_a_reset_beside_tls12_stays_a_dropped_connection() -> None:
    """Successes over TLS 1.2 speak for the path, not against it."""
    reset = ndr(diagnostic="421 4.4.2 Connection dropped due to ConnectionReset", tls=Tls(error="ConnectionReset"))
    found = verdict(reset, FINE)
    assert said(found) == ("connection-dropped", "probable")
    assert "tls12-success-same-ends" in ids(found)


# Renamed


CERTIFICATES = tuple(HANDSHAKE)[4:]
TIMED_OUT = {"diagnostic": "421 4.4.1 Connection timed out", "status": "4.4.1", "tls": Tls(error="TimedOut")}


@pytest.mark.parametrize("error", CERTIFICATES)
@pytest.mark.parametrize("bounce", [{}, TIMED_OUT, {"software": built(OLD)}], ids=["dropped", "timed out", "old build"])
def test_a_certificate_s_name_in_the_log_renames_the_cause(error: str, bounce: dict[str, Any]) -> None:
    """The bounces pointed to TLS versions or the network; only the log told the truth, however few its sessions."""
    named = send_log(2, **HANDSHAKE[error])
    found = verdict(*(ndr(n, **bounce) for n in range(40)), queue(**bounce), named)
    assert said(found) == ("tls-certificate", "certain")


def test_a_certificate_s_name_comes_before_the_sessions_that_name_nothing() -> None:
    """One log shows both SocketError at an old build and NoCredentials: the name says what the other does not."""
    named = send_log(1, **HANDSHAKE["NoCredentials"])
    assert verdict(ndr(software=built(OLD)), send_log(57), named).category == "tls-certificate"


def test_bounces_that_state_a_cause_do_not_outvote_our_own_log() -> None:
    """A thousand unverified bounces with a stated cause weigh less than what our log saw."""
    text = "550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization."
    forged = [ndr(n, diagnostic=text, reply_code=550, status="5.7.67") for n in range(1000)]
    named = send_log(2, **HANDSHAKE["NoCredentials"])
    assert verdict(*forged, named).category == "tls-certificate"


# Hostile


def test_ten_thousand_forged_bounces_make_no_innocent_host_certain() -> None:
    """Old builds, dropped sessions, handshakes told of, all unverified: probable at most, and no more than a claim."""
    forged = [ndr(n, software=built(OLD), **(HANDSHAKE["SocketError"] if n % 2 else {})) for n in range(10_000)]
    real = send_log(57, sending_host="hq-ex10z.contoso.example", sending_ip="192.0.2.99")
    found = verdict(*forged, real)
    assert found.responsible.host == SERVER
    assert found.confidence == "probable"
    assert found.responsible.confidence in ("possible", "probable")


@pytest.mark.parametrize(
    ("trust", "source", "confidence"),
    [(Trust(), "NDR, unverified", "probable"), (HIGH, "NDR", "certain")],
    ids=["unknown", "high"],
)
def test_a_build_that_a_bounce_gives_to_a_host_is_shown_for_what_it_is(
    trust: Trust, source: str, confidence: str
) -> None:
    """The handshake is seen in our own log, the build may be forged: the reader can tell, and the host is no certainty."""
    found = verdict(send_log(57), ndr(software=built(OLD), trust=trust))
    assert said(found) == ("tls-version", "certain")
    [told] = [one.text for one in found.evidence if one.id == "sending-build-lacks-tls12"]
    assert f"15.0.847.32 (told by: {source})" in told
    assert found.responsible.confidence == confidence


def test_a_forged_build_of_a_log_s_server_gives_way_to_its_real_one() -> None:
    """Once anything that is believed shows the newer build, the claim of an older one proves nothing."""
    found = verdict(send_log(57), ndr(1, software=built(OLD)), ndr(2, software=built(NEW), trust=HIGH))
    assert said(found) == ("tls-negotiation", "probable")


@pytest.mark.parametrize("order", [1, -1])
def test_the_highest_build_that_is_believed_counts(order: int) -> None:
    """A server's build only grows: a report with a newer one takes the proof of the older away, a forged one does not."""
    old, new = ndr(1, software=built(OLD)), ndr(2, software=built("15.0.1497.2"))
    assert rank(verdict(*[send_log(), old, new][::order]).confidence) < rank("certain")
    forged = ndr(3, software=built(NEW), trust=LOW)
    assert said(verdict(*[send_log(), old, forged][::order])) == ("tls-version", "certain")


# Order


EVERYTHING = (
    *(ndr(n, software=built(build)) for n, build in enumerate((None, OLD, "15.0.1497.2"))),
    *(ndr(n, **TIMED_OUT) for n in range(4, 6)),
    ndr(7, trust=LOW, software=built(NEW)),
    queue(), send_log(), FINE, handed(3, **LATE), receive_log(),
    send_log(2, **HANDSHAKE["NoCredentials"]),
    send_log(5, receiving_ip="203.0.113.77", receiving_host=TENANT),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, len(EVERYTHING)))
def test_the_order_of_evidence_changes_nothing(rng: random.Random, size: int) -> None:
    """Any part of the evidence in any order gives the same verdict, to the letter."""
    chosen = rng.sample(EVERYTHING, size)
    keyed = [(EVERYTHING.index(one).to_bytes(20, "big"), finding(one)) for one in chosen]
    tallies = list(with_findings({}, keyed).values())
    first = judge(tallies, Surroundings(), book(), HOSTS)
    rng.shuffle(tallies)
    assert judge(tallies, Surroundings(), book(), HOSTS) == first
