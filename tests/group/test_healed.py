"""What proves a fault mended, and what does not: successes of the same hop, over TLS, in logs of ours, after the last failure."""

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
    handed,
    judging,
    members,
    ndr,
    queue,
    reading,
    receive_log,
    send_log,
    tls_report,
)
from triage.group import Documents, MemoryDocuments, commit, incidents
from triage.model import Incident, Observation, Original, Reading, Tls, Trust

NOW = "2026-10-20T12:00:00Z"
LATER = "2026-10-21T12:00:00Z"
NAMED = {"sending_host": SERVER}
"""A log that names its server, so that no name has to be learned first."""
TLS13 = Tls(version="1.3")
CLEAR = Tls(version="none")
EXO = {"sending_host": "mail-am6eur05on2040.outbound.protection.outlook.com", "sending_ip": "40.107.22.40"}
"""A client of Exchange Online at an address that Microsoft publishes as its own."""


def at(clock: str, day: int = 20) -> str:
    """Give a time of that day."""
    return f"2026-10-{day}T{clock}:00Z"


def failed(until: str, count: int = 57, since: str | None = None, **changes: Any) -> Reading:
    """Give a Send log in which handshakes failed until then; each run has sessions of its own."""
    begun = since or until
    seen = send_log(count, **{**NAMED, "time": begun, "until": until, **changes})
    first = int(begun[8:10] + begun[11:13] + begun[14:16]) * 1000
    return reading(seen, packed=[members(*range(first, first + count))])


def passed(since: str, count: int = 12, until: str | None = None, **changes: Any) -> Reading:
    """Give a Send log in which mail was handed over from then on."""
    return reading(handed(count, **{**NAMED, "time": since, "until": until or since, **changes}), name=since)


def come(*batches: Reading | list[Reading], documents: Documents | None = None, now: str = NOW) -> Incident:
    """Let readings come one after the other, lists at once, and give the one incident."""
    store = documents or MemoryDocuments()
    for batch in batches:
        commit(store, batch if isinstance(batch, list) else [batch], judging(), HOSTS, now)
    (incident,) = incidents(store)
    return incident


def test_later_successes_over_tls_resolve_a_sending_fault_and_say_what_was_seen() -> None:
    """57 failures, then 12 sessions over TLS 1.2 from the same server to the same pool: resolved, with both numbers."""
    incident = come(failed(at("09:14")), passed(at("10:02"), 12, at("10:40")))
    assert incident.state == "resolved"
    assert incident.changes[-1].kind == "resolved"
    assert incident.changes[-1].text == (
        "57 failed sessions until 20 Oct 2026 09:14 UTC, then 12 sessions over TLS 1.2 from 20 Oct 2026 10:02 UTC"
    )
    assert incident.proof is not None
    assert (incident.proof.last_failure, incident.proof.first_success) == (at("09:14"), at("10:02"))
    assert (incident.proof.successes, incident.proof.at_least, incident.proof.tls_version) == (12, False, "1.2")
    assert incident.resolved_at == at("10:02")


def test_successes_of_the_hour_of_the_last_failure_count_as_far_as_that_is_known() -> None:
    """Of sessions that began before the failure and went on after it, one is known to be later."""
    incident = come(failed(at("09:14")), passed(at("09:02"), 12, at("09:50")))
    assert incident.proof is not None
    assert (incident.proof.successes, incident.proof.at_least) == (1, True)
    assert "then at least 1 session over TLS 1.2 from 20 Oct 2026 09:50 UTC" in incident.changes[-1].text


def test_successes_of_several_hours_and_versions_are_counted_together() -> None:
    """Each hour's sessions after the last failure count; all versions are named."""
    incident = come(failed(at("09:14")), passed(at("10:02")), passed(at("11:02"), 5, tls=TLS13))
    assert incident.proof is not None
    assert (incident.proof.successes, incident.proof.tls_version) == (17, "1.2 and 1.3")


@pytest.mark.parametrize(
    "success",
    [
        pytest.param({"tls": CLEAR, "impact": "sent-unencrypted"}, id="clear text after a failure"),
        pytest.param({"tls": CLEAR}, id="clear text"),
        pytest.param({"tls": Tls()}, id="TLS not known"),
        pytest.param({"trust": Trust("unknown", ("Nobody verified the mail that carried it.",))}, id="log in a mail"),
        pytest.param({"trust": HIGH}, id="log in a verified mail"),
        pytest.param({"trust": LOW}, id="log in a forged mail"),
        pytest.param({"time": at("09:14"), "until": None}, id="in the same second"),
        pytest.param({"time": at("08:50"), "until": None}, id="before the failure"),
        pytest.param({"time": None, "until": None}, id="without a time"),
        pytest.param({"receiving_host": "mx.tailspin.example"}, id="to another end"),
        pytest.param({"sending_host": "hq-ex16.contoso.example", "sending_ip": "192.0.2.16"}, id="of another server"),
        pytest.param({"source": "received"}, id="told by a message's own fields"),
        pytest.param({"source": "ndr", "action": "delivered"}, id="told by a report"),
        pytest.param({"source": "tls-report"}, id="told by others"),
        pytest.param({"source": "tracking-log", "action": "delivered"}, id="delivered, TLS or not"),
    ],
)
def test_what_proves_nothing_leaves_a_sending_fault_open(success: dict[str, Any]) -> None:
    """Only sessions over TLS in a log of ours, of the same hop, after the last failure, are proof."""
    store = MemoryDocuments()
    changes = {**NAMED, "time": at("10:02"), "until": None, **success}
    commit(store, [failed(at("09:14")), reading(handed(12, **changes))], judging(), HOSTS, NOW)
    assert {one.state for one in incidents(store)} == {"open"}
    assert [one.proof for one in incidents(store)] == [None] * len(list(incidents(store)))


def test_a_failure_after_the_successes_keeps_it_open_and_brings_it_back() -> None:
    """No failure may come between: one that is later opens it again, whatever came first."""
    again = ndr(7, time=at("10:30"), original=Original(message_id="x@contoso.example"))
    incident = come(failed(at("09:14")), passed(at("10:02")), reading(again))
    assert incident.state == "open"
    assert [one.kind for one in incident.changes][-2:] == ["resolved", "reopened"]
    assert come([failed(at("09:14")), passed(at("10:02")), reading(again)]).state == "open"


def test_a_late_failure_that_lies_before_the_successes_changes_nothing() -> None:
    """A log that comes late tells of failures before the end: the end holds, and nobody hears of a return."""
    incident = come(failed(at("09:14")), passed(at("10:02")), failed(at("09:40"), 3))
    assert incident.state == "resolved"
    assert "reopened" not in [one.kind for one in incident.changes]
    assert incident.proof is not None
    assert incident.proof.last_failure == at("09:40")


@given(st.data(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_late_logs_and_logs_out_of_order_come_to_the_same_state(data: st.DataObject, rng: random.Random) -> None:
    """Failures, successes in TLS and in clear text, bounces and queues: order, doubles and batches change no state."""
    minutes = st.integers(0, 3 * 24 * 60 - 1)
    given_ones: list[Reading] = []
    for minute in data.draw(st.lists(minutes, min_size=1, max_size=8)):
        time = f"2026-10-{20 + minute // 1440}T{minute // 60 % 24:02}:{minute % 60:02}:00Z"
        kind = data.draw(st.sampled_from(["failed", "passed", "clear", "bounce", "queue"]))
        given_ones.append(
            {
                "failed": lambda time=time: failed(time, 2),
                "passed": lambda time=time: passed(time, 3),
                "clear": lambda time=time: passed(time, 3, tls=CLEAR),
                "bounce": lambda time=time: reading(ndr(1, time=time)),
                "queue": lambda time=time: reading(queue(3, SERVER, time=time)),
            }[kind]()
        )
    given_ones.append(failed(at("09:14")))
    last = max(_failed_at(one) for one in given_ones)

    def end(order: list[Reading], cuts: list[int]) -> tuple[Any, ...]:
        store = MemoryDocuments()
        for begin, stop in zip([0, *cuts], [*cuts, len(order)], strict=True):
            commit(store, order[begin:stop], judging(), HOSTS, "2026-10-24T00:00:00Z")
        (one,) = incidents(store)
        return one.state, one.resolved_at, one.proof

    whole = end(given_ones, [])
    assert whole[2] is None or whole[2].last_failure == last
    shuffled = [*given_ones, *rng.sample(given_ones, min(3, len(given_ones)))]
    rng.shuffle(shuffled)
    assert end(shuffled, sorted(rng.sample(range(len(shuffled)), min(3, len(shuffled))))) == whole


def _failed_at(one: Reading) -> str:
    seen = one.findings[0].observation
    return "" if seen.action == "relayed" else seen.until or seen.time or ""


# ---- faults that come and go


def test_a_fault_that_comes_and_goes_is_not_over_after_one_success() -> None:
    """Where failures and successes mix, the next success proves nothing; a day of them without a failure does."""
    mixed = [failed(at("08:00"), 5), passed(at("08:30")), failed(at("09:14"), 5)]
    assert come([*mixed, passed(at("09:20")), passed(at("20:00"))]).state == "open"
    assert come([*mixed, passed(at("09:20")), passed(at("09:30", 21))]).state == "resolved"
    assert come([*mixed, passed(at("09:30", 21)), failed(at("15:00"), 1)]).state == "open"


def test_successes_of_last_month_make_no_mixture() -> None:
    """What passed long before the fault began says nothing about whether it comes and goes."""
    before = [failed("2026-09-01T08:00:00Z", 1), passed("2026-09-01T09:00:00Z")]
    assert come([*before, failed(at("09:14")), passed(at("10:02"))]).state == "resolved"


def test_each_address_of_one_host_that_failed_must_take_mail_again() -> None:
    """One of two addresses that works proves nothing about the other."""
    host: dict[str, Any] = {"receiving_host": "mx1.fabrikam.example", "receiving_ip": "198.51.100.7"}
    other = {**host, "receiving_ip": "198.51.100.8"}
    bad = [failed(at("09:14"), **host), failed(at("09:15"), 3, **other)]
    assert come([*bad, passed(at("10:02"), **host)]).state == "open"
    assert come([*bad, passed(at("10:02"), **host), passed(at("10:05"), **other)]).state == "resolved"


# ---- receiving faults


def received(since: str, **changes: Any) -> Reading:
    """Give a Receive log of ours in which Exchange Online delivered over TLS."""
    fine: dict[str, Any] = {"action": "relayed", "diagnostic": None, "tls": Tls(version="1.2"), "time": since}
    return reading(receive_log(4, **{**fine, "until": since, **EXO, **changes}), name=since)


def refused(until: str) -> Reading:
    """Give a Receive log of ours in which handshakes of Exchange Online failed."""
    return reading(receive_log(5, time=until, until=until, **EXO), packed=[members(*range(5))])


def test_exchange_onlines_own_later_success_resolves_a_receiving_fault() -> None:
    """A Receive log in which it delivers over TLS 1.2 from an address of its own is proof in the right role."""
    incident = come(refused(at("09:14")), received(at("10:02")))
    assert (incident.ends.sending, incident.ends.receiving) == ("exchange-online", SERVER)
    assert incident.state == "resolved"


@pytest.mark.parametrize(
    "success",
    [
        pytest.param({"sending_ip": "198.51.100.66"}, id="a stranger who calls himself so in EHLO"),
        pytest.param({"sending_ip": None}, id="an address that is not known"),
        pytest.param({"tls": Tls(version="1.0")}, id="TLS 1.0"),
        pytest.param({"tls": CLEAR}, id="clear text"),
    ],
)
def test_a_client_that_only_says_who_it_is_proves_nothing(success: dict[str, Any]) -> None:
    """Anybody can connect to us and say EHLO: the address has to be one that Microsoft publishes."""
    assert come(refused(at("09:14")), received(at("10:02"), **success)).state == "open"


def test_how_our_server_sends_proves_nothing_about_how_it_takes() -> None:
    """Sessions in the other direction are another hop: they close no receiving fault, and open ones stay so."""
    store = MemoryDocuments()
    commit(store, [refused(at("09:14")), passed(at("10:02"))], judging(), HOSTS, NOW)
    assert [one.state for one in incidents(store)] == ["open"]


def test_recipient_faults_know_no_proof() -> None:
    """That sessions pass says nothing about an address that does not exist."""
    store = MemoryDocuments()
    unknown = ndr(1, diagnostic="550 5.1.1 User unknown", reply_code=550, status="5.1.1", tls=Tls())
    commit(store, [reading(unknown), passed(at("10:02"))], judging(), HOSTS, NOW)
    assert [(one.family, one.state) for one in incidents(store)] == [("recipient", "open")]


# ---- what a stranger may do


def forged(**changes: Any) -> Observation:
    """Give a report that a stranger wrote about our hop."""
    return ndr(99, **changes)


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
@pytest.mark.parametrize("trust", [Trust(), LOW, HIGH], ids=["unknown", "low", "high"])
def test_a_forged_report_of_success_closes_nothing(action: Any, trust: Trust) -> None:
    """Whatever a message claims of TLS and delivery, and however it is believed, is no proof."""
    claim = forged(action=action, impact="none", tls=Tls(version="1.3"), time=at("11:00"), trust=trust)
    assert come(failed(at("09:14")), reading(claim)).state == "open"


def test_a_bounce_dated_far_ahead_does_not_keep_an_incident_open_for_ever() -> None:
    """A stranger's date is believed for three days at most; successes after that close the incident."""
    incident = come(failed(at("09:14")), reading(forged(time="2099-01-01T00:00:00Z")))
    assert incident.state == "open"
    store = MemoryDocuments()
    come(failed(at("09:14")), reading(forged(time="2099-01-01T00:00:00Z")), documents=store)
    assert come(passed(at("10:02", 24)), documents=store, now=at("11:00", 24)).state == "resolved"


def test_hearsay_alone_never_opens_closes_or_reopens() -> None:
    """TLS reports of others corroborate and move no state."""
    incident = come(refused(at("09:14")), received(at("10:02")), reading(tls_report(900, time=at("11:00"))))
    assert incident.state == "resolved"


def test_pooled_successes_of_a_busy_server_still_prove(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound of ways, sessions over TLS are pooled apart from those in clear text and from carried logs."""
    monkeypatch.setattr("triage.group.tallies.MAX_TALLIES", 2)
    fronts = [
        passed(at(f"10:{n:02}"), receiving_ip=f"203.0.113.{n}", sessions=(f"08D92C6B{n:08}",)) for n in range(1, 9)
    ]
    clear = [passed(at(f"10:{n:02}"), tls=CLEAR, receiving_ip=f"203.0.113.{n}") for n in range(11, 19)]
    assert come([failed(at("09:14")), *clear]).state == "open"
    incident = come([failed(at("09:14")), *clear, *fronts])
    assert incident.state == "resolved"
    assert incident.proof is not None
    assert incident.proof.successes == 8 * 12
    assert incident.proof.tls_version == "1.2"


def test_the_address_of_a_server_is_the_server() -> None:
    """A hop that is known by an address alone is proved by sessions from that address."""
    own: dict[str, Any] = {"sending_host": None, "ehlo": None, "sending_ip": ADDRESS}
    assert come(failed(at("09:14"), **own), passed(at("10:02"), **own)).state == "resolved"
