"""Sessions and reports counted once: logs that grow, are cut, overlap or roll over; and rooms that strangers cannot take."""

import itertools
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.group.sources import HOSTS, LOW, SERVER, built, handed, judging, members, ndr, reading, send_log, tls_report
from triage.group import SqliteDocuments, commit, incidents
from triage.group.ledger import Ledger
from triage.group.stored import load_ledger
from triage.group.tallies import MAX_TALLIES, tallied, together, with_findings
from triage.model import Counts, Ends, Incident, Reading, Tallied, Tls

NOW = "2026-10-21T00:00:00Z"


def told(documents: SqliteDocuments, *readings: Reading) -> Incident:
    """Count readings, one after the other, and give the one incident."""
    for one in readings:
        commit(documents, [one], judging(), HOSTS, NOW)
    (incident,) = incidents(documents)
    return incident


def log(*numbers: int, name: str = "", **changes: object) -> Reading:
    """Give the reading of a Send log with these sessions of one hour, all of which failed alike."""
    seen = send_log(len(numbers), sessions=(f"{numbers[0]:016X}",), **changes)
    return reading(seen, packed=[members(*numbers)], name=name)


def orders(*readings: Reading) -> Iterable[Sequence[Reading]]:
    """Give every order of some readings, each with the first one once more."""
    return [[*order, readings[0]] for order in itertools.permutations(readings)]


COPIES = {
    # name: the sessions of each reading, how many there are
    "a log that has grown": ([range(10), range(25), range(57)], 57),
    "a copy that was cut at the end": ([range(57), range(30)], 57),
    "a copy that was cut at the start": ([range(57), range(20, 57)], 57),
    "two copies that overlap": ([range(40), range(30, 57)], 57),
    "a second file of the same hour": ([range(40), range(40, 57)], 57),
    "three pieces with gaps": ([range(10), range(20, 30), range(5, 25)], 30),
}


@pytest.mark.parametrize("case", COPIES)
def test_a_session_counts_once_however_its_log_comes(documents: SqliteDocuments, tmp_path: Path, case: str) -> None:
    """Grown, cut, overlapping or rolled over: each session is one, whatever came first and however often."""
    ranges, count = COPIES[case]
    readings = [log(*numbers) for numbers in ranges]
    for number, order in enumerate(orders(*readings)):
        with SqliteDocuments(tmp_path / f"{number}.sqlite") as store:
            assert told(store, *order).counts == Counts(sessions=count)
    assert told(documents, *readings).verdict.evidence[0].text.endswith(f"{count} of {count} sessions")


def test_the_hour_of_a_cut_copy_says_the_same(documents: SqliteDocuments) -> None:
    """First and last of a log that grew are those of the longest copy."""
    short = log(*range(5), until="2026-10-20T09:10:00Z")
    whole = log(*range(9), until="2026-10-20T09:50:00Z")
    incident = told(documents, whole, short)
    assert (incident.first_seen, incident.last_seen) == ("2026-10-20T09:04:00Z", "2026-10-20T09:50:00Z")


def test_a_session_that_two_copies_tell_in_another_way_is_one_session(documents: SqliteDocuments) -> None:
    """Cut in the middle, a log shows a session as another outcome; it stays one session of the incident."""
    whole = log(1, 2, 3)
    cut = log(3, diagnostic="Remote(SocketError)", tls=Tls(error="SocketError", phase="starttls"))
    assert told(documents, whole, cut).counts.sessions == 3


def test_sessions_without_digests_count_by_their_group(documents: SqliteDocuments) -> None:
    """Past the reader's bound a group has a count alone: read again when it has grown, the larger count stands."""
    first = reading(send_log(10, sessions=("A",)))
    grown = reading(send_log(25, sessions=("A",)))
    other = reading(send_log(7, sessions=("B",)))
    assert told(documents, first, grown, other, first).counts.sessions == 32


def test_groups_that_are_partly_told_apart_count_both_parts(documents: SqliteDocuments) -> None:
    """Of twelve sessions three have no digest: twelve are counted, also when the group is read again."""
    seen = send_log(12, sessions=("A",))
    assert told(documents, reading(seen, packed=[members(*range(9))])).counts.sessions == 12
    again = reading(seen, packed=[members(*range(9))], name="copy")
    assert told(documents, again).counts.sessions == 12


def test_clear_text_and_failures_are_counted_apart(documents: SqliteDocuments) -> None:
    """A session that went on in clear text is counted as such, in two copies once."""
    clear = handed(2, impact="sent-unencrypted", tls=Tls(version="none", phase="handshake", error="SocketError"))
    both = reading(send_log(3), clear, packed=[members(1, 2, 3), members(4, 5)])
    copy = reading(msgspec.structs.replace(clear, count=1), packed=[members(5)])
    assert told(documents, both, copy).counts == Counts(sessions=3, sent_unencrypted=2)


def test_what_others_tally_stays_apart_from_ours(documents: SqliteDocuments) -> None:
    """Nine hundred sessions of a TLS report are no session, message, recipient or sender of ours, and date nothing."""
    mine = ndr(1, sending_host="mail.tailspin.example", receiving_host=tls_report().receiving_host)
    before = told(documents, reading(mine))
    after = told(documents, reading(tls_report(), tls_report(action="relayed", count=10**9)))
    assert after.counts == before.counts == Counts(returned=1)
    for name in ("recipients", "senders", "domains", "first_seen", "last_seen", "verdict"):
        assert getattr(after, name) == getattr(before, name)


FINDINGS = (
    *((send_log(n, sessions=(f"S{n}",)), members(*range(n))) for n in range(1, 6)),
    (send_log(9, receiving_ip="203.0.113.26", sessions=("X",)), b""),
    *((ndr(n), b"") for n in range(5)),
    (ndr(6, software=built("14.3.123.4")), b""),
    (ndr(7, trust=LOW), b""),
    (handed(50), b""),
    (handed(80, time="2026-10-20T11:00:00Z", until="2026-10-20T11:30:00Z", sessions=("Y",)), b""),
    (tls_report(40), b""),
)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_tallies_of_any_order_cut_and_repetition_are_the_same(rng: random.Random) -> None:
    """Any order, any repetition, any two ledgers that are put together afterwards: the same tallies, byte for byte."""
    keyed = [(bytes([n]) * 20, reading(seen, packed=[own]).findings[0]) for n, (seen, own) in enumerate(FINDINGS)]
    whole = with_findings({}, keyed)
    shuffled = [*keyed, *rng.sample(keyed, 6)]
    rng.shuffle(shuffled)
    at, cut = rng.randint(0, len(shuffled)), rng.randint(1, 5)
    sides: list[dict[str, Tallied]] = []
    for part in (shuffled[:at], shuffled[at:]):
        side: dict[str, Tallied] = {}
        for begin in range(0, len(part), cut):
            side = with_findings(side, part[begin : begin + cut])
        sides.append(side)
    assert together(*sides) == whole
    assert together(*sides[::-1]) == whole


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_ways_that_stay_are_the_same_in_any_order(rng: random.Random) -> None:
    """Past the bound of one kind the rest is one pool, in any order the same one, and nothing is lost in it."""
    many = [ndr(n, receiving_ip=f"198.51.{n // 250}.{n % 250}") for n in range(MAX_TALLIES + 60)]
    keyed = [(n.to_bytes(20, "big"), reading(seen).findings[0]) for n, seen in enumerate(many)]
    whole = with_findings({}, keyed)
    rng.shuffle(keyed)
    pieces: dict[str, Tallied] = {}
    for begin in range(0, len(keyed), 37):
        pieces = with_findings(pieces, keyed[begin : begin + 37])
    assert pieces == whole
    assert len(whole) == MAX_TALLIES + 1
    assert sum(one.count for one in whole.values()) == len(many)


def test_hostile_variety_takes_no_room_from_our_logs(documents: SqliteDocuments) -> None:
    """Two thousand forged bounces, each in a way of its own, leave the log's sessions counted and its evidence in place."""
    forged = [ndr(n, receiving_ip=f"198.51.{n // 250}.{n % 250}", trust=LOW) for n in range(2_000)]
    incident = told(
        documents,
        *(reading(*forged[at : at + 100]) for at in range(0, 2_000, 100)),
        log(*range(57), sending_host=SERVER),
    )
    assert incident.counts == Counts(returned=2_000, sessions=57)
    assert incident.verdict.evidence[0].text.endswith("57 of 57 sessions")
    ledger = load_ledger(documents, incident.id)
    assert ledger is not None
    assert len(ledger.tallies) <= 2 * MAX_TALLIES


@pytest.mark.parametrize(("name", "bound"), [("MAX_MEMBERS", 20), ("MAX_PARTS", 3), ("MAX_HOURS", 4)])
def test_a_log_that_never_ends_is_bounded(monkeypatch: pytest.MonkeyPatch, name: str, bound: int) -> None:
    """Past each bound sessions are still counted, and a tally grows no more."""
    monkeypatch.setattr(f"triage.group.tallies.{name}", bound)
    tally: dict[str, Tallied] = {}
    total = 0
    for hour in range(20):
        packed = members(*range(hour * 5, hour * 5 + 5)) if name == "MAX_MEMBERS" else b""
        time = f"2026-10-20T{hour:02}:00:00Z"
        seen = send_log(5, time=time, until=time, sessions=(f"{hour:016}",))
        for _ in range(2):  # each is read twice
            found = reading(seen, packed=[packed]).findings[0]
            tally = with_findings(tally, [(bytes(20), found)])
        total += 5
    (one,) = tally.values()
    assert one.count == total or name == "MAX_PARTS"  # the oldest groups, read again, are no longer known
    assert one.count >= total
    assert len(one.members) <= 8 * bound or name != "MAX_MEMBERS"
    assert len(one.parts) <= bound + 1 or name == "MAX_HOURS"
    assert len(one.hours) <= 24


def test_a_report_is_one_tally_whatever_the_depth_of_its_queue() -> None:
    """A depth is a snapshot: a report of a queue with 143 messages is one report."""
    found = reading(ndr(1, source="queue", count=143, recipient=None)).findings[0]
    assert tallied(b"k" * 20, found).count == 1


def test_ledgers_without_reports_have_no_sessions() -> None:
    """An empty ledger counts nothing."""
    assert Ledger(id="X", family="session", ends=Ends()).counts() == Counts()
