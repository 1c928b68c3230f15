"""Incidents whose ends turn out to be the same hosts become one, whatever is known first, and lose nothing on the way."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.group.sources import (
    ADDRESS,
    SERVER,
    TENANT,
    built,
    delay,
    handed,
    judging,
    members,
    ndr,
    queue,
    reading,
    receive_log,
    send_log,
)
from tests.people import acknowledge, resolve
from triage.errors import NotFound, Transient
from triage.group import (
    SqliteDocuments,
    affected,
    commit,
    find_incident,
    incidents,
    join,
    keep,
    receiving_addresses,
)
from triage.group.documents import Listed
from triage.group.fingerprint import fingerprint, renamed
from triage.group.join import finish_move
from triage.group.ledger import Ledger
from triage.group.stored import change_ledger, load_ledger
from triage.hosts import Hosts
from triage.model import Counts, Diagnosis, Ends, Finding, Incident, Observation, Place, Reading, Tls
from triage.model.wire import incident_json
from triage.model.words import Family
from triage.pipeline import Parts, count, settle
from triage.settings import Settings
from triage.wiring import parts_of

NOW = "2026-10-20T12:00:00Z"
LATER = "2026-10-21T12:00:00Z"
OURS = Hosts(domains=["contoso.example"])
BOTH = Hosts(domains=["contoso.example"], names=[[SERVER, ADDRESS]])
TLS12 = Tls(version="1.2")

LOG = reading(send_log(57, ehlo="mail.contoso.example"), packed=[members(*range(57))])
"""A log that names its server by address alone: the name in EHLO is a connector's."""
OWN_NAME = reading(send_log(57), packed=[members(*range(57))])
BOUNCE = reading(ndr(1, software=built("15.0.847.32")))
DELAY = reading(delay(1))
QUEUE = reading(queue())
PROOF = reading(receive_log(1, action="relayed", diagnostic=None, sending_host="pc7.contoso.example", tls=TLS12))
"""A session that another client of ours began: what it shows is that our server's name and address belong together."""


@cache
def parts() -> Parts:
    """Give the shipped rules, with one domain of ours."""
    return parts_of(Settings(ours={"domains": ["contoso.example"]}))


def come(documents: SqliteDocuments, *readings: Reading, now: str = NOW) -> list[Incident]:
    """Let readings come in, each by itself, and give the incidents."""
    for one in readings:
        count(documents, [keep(documents, one)], parts(), now)
        settle(documents, parts(), now)
    return list(incidents(documents))


def facts(documents: SqliteDocuments) -> list[dict[str, object]]:
    """Give what neither the order of arrival nor a crash may change: all but the changes, and what is kept of the past.

    What is over keeps the last verdict that it had while it was open.
    """
    found = [{**incident_json(one), "changes": None} for one in incidents(documents)]
    return [one | {"verdict": None, "linked": None} if one["state"] == "resolved" else one for one in found]


def kinds(incident: Incident) -> Counter[str]:
    """Count the changes of an incident by kind."""
    return Counter(change.kind for change in incident.changes)


def id_of(documents: SqliteDocuments, sending: str) -> str:
    """Give the id of the incident in which this end sends."""
    return next(one.id for one in incidents(documents) if one.ends.sending == sending)


# What is known late


@pytest.mark.parametrize(
    "sources", [(OWN_NAME, BOUNCE, DELAY, QUEUE), (LOG, BOUNCE, PROOF)], ids=["by ehlo", "by a log"]
)
def test_all_sources_of_one_trouble_are_one_incident_in_any_order(tmp_path: Path, sources: Sequence[Reading]) -> None:
    """Delay, bounce, queue and log come in every order: one incident under the full name, the same verdict and counts."""
    seen = []
    for number, order in enumerate(itertools.permutations(sources)):
        with SqliteDocuments(tmp_path / f"{number}.sqlite") as documents:
            (incident,) = come(documents, *order)
            seen.append(facts(documents))
            waiting = 143 if QUEUE in sources else 0
            assert incident.ends == Ends(SERVER, "exchange-online")
            assert incident.counts == Counts(returned=1, waiting=waiting, sessions=57)
            assert (incident.verdict.category, incident.verdict.confidence) == ("tls-version", "certain")
    assert [one for one in seen if one != seen[0]] == []


def test_the_log_comes_first_and_the_proof_of_the_name_later(documents: SqliteDocuments) -> None:
    """Two incidents, by address and by name, become one when a log shows both together; the old id finds it still."""
    before = come(documents, LOG, BOUNCE)
    assert {one.ends.sending for one in before} == {ADDRESS, SERVER}
    by_address = id_of(documents, ADDRESS)
    (incident,) = come(documents, PROOF, now=LATER)
    assert incident.ends.sending == SERVER
    assert incident.counts == Counts(returned=1, sessions=57)
    assert (incident.recipients, incident.senders) == (1, 1)
    assert find_incident(documents, by_address) == find_incident(documents, incident.id) == incident
    assert [row.recipient for row in affected(documents, by_address)] == ["user1@fabrikam.example"]
    assert receiving_addresses(documents, by_address) == (("203.0.113.25", True),)


def test_a_join_is_told_with_what_it_moved(documents: SqliteDocuments) -> None:
    """The incident says which other one is the same trouble, and that the log's evidence moved the verdict."""
    come(documents, LOG, BOUNCE)
    by_address = id_of(documents, ADDRESS)
    (incident,) = come(documents, PROOF, now=LATER)
    assert kinds(incident) == Counter(opened=1, joined=1, **{"verdict-changed": 1})
    *_, joined, moved = incident.changes
    assert (joined.kind, joined.at) == ("joined", LATER)
    assert by_address in joined.text
    assert ADDRESS in joined.text
    assert moved.text.startswith("from tls-version (probable) to tls-version (certain), because ")
    assert "handshake failed right after STARTTLS" in moved.text
    assert "told by: " in moved.text
    assert "Send log" in moved.text


def test_what_comes_later_under_the_old_name_goes_on_in_the_new_one(documents: SqliteDocuments) -> None:
    """Reports by address, once it is known whose it is, count in the one incident, and known ones count no more."""
    come(documents, LOG, BOUNCE, PROOF)
    more = reading(send_log(9, time="2026-10-20T10:00:00Z", until=None), packed=[members(*range(100, 109))])
    (incident,) = come(documents, more, LOG, BOUNCE)
    assert incident.counts == Counts(returned=1, sessions=66)


@pytest.mark.parametrize("which", [ADDRESS, SERVER])
def test_an_acknowledgement_is_kept(documents: SqliteDocuments, which: str) -> None:
    """Whoever took one of the two incidents has both."""
    come(documents, LOG, BOUNCE)
    acknowledge(documents, id_of(documents, which), "eva", NOW)
    (incident,) = come(documents, PROOF)
    assert incident.acknowledged_by == "eva"


def test_the_old_id_takes_acknowledgement_and_resolution(documents: SqliteDocuments) -> None:
    """A ticket that bears the old id acts on the incident in which it went on."""
    come(documents, LOG, BOUNCE)
    by_address = id_of(documents, ADDRESS)
    (incident,) = come(documents, PROOF)
    assert acknowledge(documents, by_address, "eva", LATER).id == incident.id
    assert resolve(documents, by_address, "mended", LATER).state == "resolved"
    assert [(one.state, one.acknowledged_by) for one in incidents(documents)] == [("resolved", "eva")]


@pytest.mark.parametrize(
    ("resolved", "state", "told"),
    [((ADDRESS,), "open", 0), ((SERVER,), "open", 1), ((ADDRESS, SERVER), "resolved", 0)],
    ids=["the joined one", "the one that goes on", "both"],
)
def test_a_resolved_incident_that_joins_an_open_one_is_open(
    documents: SqliteDocuments, resolved: Sequence[str], state: str, told: int
) -> None:
    """One trouble is over where both incidents were; where the known one was and the other is not, people hear of it."""
    come(documents, LOG, BOUNCE)
    for sending in resolved:
        resolve(documents, id_of(documents, sending), "mended", NOW)
    (incident,) = come(documents, PROOF, now=LATER)
    assert incident.state == state
    assert kinds(incident)["reopened"] == told


def test_successes_that_join_are_no_news_of_their_own(documents: SqliteDocuments) -> None:
    """What only delivered is no incident: that its address is our server is told to nobody, but by what it moves."""
    fine = reading(handed(500, ehlo="mail.contoso.example", until="2026-10-20T09:30:00Z"))
    (before,) = come(documents, BOUNCE, fine)
    (after,) = come(documents, PROOF, now=LATER)
    assert before.verdict.category == "tls-version"
    assert after.verdict.category == "connection-dropped"
    assert kinds(after) == Counter(opened=1, resolved=1, **{"verdict-changed": 1})
    moved, ended = after.changes[-2:]
    assert moved.text.startswith("from tls-version (probable) to connection-dropped")
    assert "succeeded over TLS 1.2" in moved.text
    assert "Send log" in moved.text
    assert ended.kind == "resolved"  # by then it is known that they came after the bounce


def test_growth_by_a_join_is_told(documents: SqliteDocuments) -> None:
    """Nine messages under one name and nine under another are more than ten: that is told at once."""
    short = [reading(ndr(n, sending_host="hq-ex13a", reported_by="hq-ex13a")) for n in range(9)]
    full = [reading(ndr(n)) for n in range(20, 29)]
    assert [kinds(one)["grew"] for one in come(documents, *short, *full)] == [0, 0]
    (incident,) = come(documents, reading(queue(3)))
    assert incident.counts.returned == 18
    assert kinds(incident) == Counter(opened=1, joined=1, grew=1)


def test_both_histories_are_kept_with_one_beginning(documents: SqliteDocuments) -> None:
    """The changes of both stand in their order; the trouble opened once, when the first of them did."""
    come(documents, LOG)
    come(documents, BOUNCE, now=LATER)
    acknowledge(documents, id_of(documents, ADDRESS), "eva", LATER)
    (incident,) = come(documents, PROOF, now="2026-10-22T00:00:00Z")
    assert [(one.kind, one.at) for one in incident.changes][:2] == [("opened", NOW), ("acknowledged", LATER)]
    assert kinds(incident)["opened"] == 1


# What must stay apart


def test_a_mail_domain_is_no_host(documents: SqliteDocuments) -> None:
    """Wrong addresses at two domains of one provider stay two incidents, each under its domain."""
    diagnosis = Diagnosis(family="recipient", category="recipient-unknown", confidence="certain")
    for number, domain in enumerate(("gmail.com", "googlemail.com")):
        seen = ndr(
            number, recipient=f"x@{domain}", recipient_domain=domain, receiving_host="gmail-smtp-in.l.google.com"
        )
        one = Reading(source=Place("x"), sha256=f"{number:064x}", kind="bounce", findings=(Finding(seen, diagnosis),))
        come(documents, one)
    assert sorted(one.ends.receiving or "" for one in incidents(documents)) == ["gmail.com", "googlemail.com"]


def test_servers_that_share_an_ehlo_name_stay_apart(documents: SqliteDocuments) -> None:
    """Two addresses give one name: two incidents, and the bounce under that name is a third."""
    shared = "mail.contoso.example"
    logs = [reading(send_log(5, ehlo=shared, sending_ip=f"192.0.2.{n}")) for n in (10, 11)]
    found = come(documents, *logs, reading(ndr(1, sending_host=shared, reported_by=shared)))
    assert {one.ends.sending for one in found} == {"192.0.2.10", "192.0.2.11", shared}


names = st.sampled_from(
    [None, SERVER, "hq-ex13a", ADDRESS, TENANT, "gmail.com", "mx1.fabrikam.example", "exchange-online"]
)
families = st.sampled_from(["session", "recipient", "content-and-policy", "routing"])


@given(names, names, st.sampled_from([None, ADDRESS, "203.0.113.25"]), families)
def test_what_is_counted_goes_where_a_join_would_put_it(
    sending: str | None, receiving: str | None, ip: str | None, family: Family
) -> None:
    """A new report and an old incident of the same ends come to the same id: nothing is joined that was just counted."""
    hosts = BOTH.knowing({"hq-ex13a": SERVER, "203.0.113.25": TENANT})
    seen = Observation(source="ndr", action="failed", sending_host=sending, receiving_host=receiving, receiving_ip=ip)
    mark = fingerprint(seen, family, hosts)
    assert renamed(family, mark.ends, hosts) == mark


# Killed on the way


class Crash(Exception):
    """Stands for the end of the process."""


class Breaking(SqliteDocuments):
    """A store that raises right before or right after its n-th write."""

    def __init__(self, path: Path, at: int, after: bool) -> None:
        super().__init__(path)
        self._left, self._after = at, after

    def _may_break(self, after: bool) -> None:
        if after == self._after and self._left == 0:
            raise Crash

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Write, and break if it is time."""
        self._left -= 1
        self._may_break(after=False)
        tag = super().put(key, body, if_match, head)
        self._may_break(after=True)
        return tag

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Delete, and break if it is time."""
        self._left -= 1
        self._may_break(after=False)
        super().delete(key, if_match)
        self._may_break(after=True)


TWO_PEERS = (
    reading(send_log(3, sending_host=SERVER, receiving_host="mx1.fabrikam.example", receiving_ip="198.51.100.7")),
    reading(send_log(4, sending_host=SERVER, receiving_host="mx1.adatum.example", receiving_ip="198.51.100.8")),
)


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_a_crash_at_any_write_and_a_replay_give_the_same(tmp_path: Path, after: bool) -> None:
    """Broken at each write of learning, joining, counting and relating in turn, and run again: as if nothing happened."""
    story = (LOG, BOUNCE, QUEUE, *TWO_PEERS, PROOF)
    with SqliteDocuments(tmp_path / "whole.sqlite") as documents:
        whole = come(documents, *story)
        expected = facts(documents)
    assert any(kinds(one)["joined"] for one in whole)
    assert any(one.linked for one in whole)
    for at in range(1, 200):
        path = tmp_path / f"{at}.sqlite"
        try:
            with Breaking(path, at, after) as documents:
                come(documents, *story)
            break
        except Crash:
            pass
        with SqliteDocuments(path) as documents:
            again = come(documents, *story)
            assert facts(documents) == expected, f"broken at write {at}"
            assert [kinds(one) for one in again] == [kinds(one) for one in whole], f"broken at write {at}"
    else:
        pytest.fail("the story never came to its end")
    assert at > 30


def frozen(documents: SqliteDocuments) -> tuple[str, str]:
    """Let a process die right after it froze the incident under the address; give the ids of both."""
    come(documents, LOG, BOUNCE)
    old, new = id_of(documents, ADDRESS), id_of(documents, SERVER)

    def freeze(found: Ledger | None) -> Ledger:
        assert found is not None
        return Ledger(**{name: getattr(found, name) for name in found.__struct_fields__} | {"joined_to": new})

    change_ledger(documents, old, freeze)
    return old, new


def test_a_report_for_a_frozen_incident_ends_the_move_first(documents: SqliteDocuments) -> None:
    """Another process replays what stands in the frozen incident: it is taken over before, and not counted twice."""
    _, new = frozen(documents)
    commit(documents, [LOG], judging(), OURS, LATER)
    incident = find_incident(documents, new)
    assert incident.counts == Counts(returned=1, sessions=57)
    ledger = load_ledger(documents, new)
    assert ledger is not None
    assert [one.count for one in ledger.tallies.values() if one.observation.source == "send-log"] == [57]


def test_a_move_that_was_begun_is_ended_though_the_names_are_not_known_any_more(documents: SqliteDocuments) -> None:
    """A settings file that was taken back does not leave half an incident behind."""
    old, new = frozen(documents)
    join(documents, OURS, judging(), LATER)
    assert find_incident(documents, old).id == new
    assert [one.counts for one in incidents(documents)] == [Counts(returned=1, sessions=57)]
    assert finish_move(documents, old, OURS, judging(), LATER) == new


def test_a_report_that_two_processes_counted_under_two_names_counts_once(documents: SqliteDocuments) -> None:
    """One that knew the name and one that did not yet counted the same readings: put together, each report is one."""
    several = [
        LOG,
        reading(ndr(2, sending_host=None, reported_by=None, sending_ip=ADDRESS), delay(2, sending_host=ADDRESS)),
    ]
    commit(documents, several, judging(), OURS, NOW)
    commit(documents, several, judging(BOTH), BOTH, NOW)
    join(documents, BOTH, judging(BOTH), LATER)
    (incident,) = incidents(documents)
    assert incident.counts == Counts(returned=1, sessions=57)
    ledger = load_ledger(documents, incident.id)
    assert ledger is not None
    assert sum(one.count for one in ledger.tallies.values() if one.observation.source == "ndr") == 2
    assert len(ledger.reports) == 3 * 20


def test_incidents_that_were_sent_into_each_other_come_back(documents: SqliteDocuments) -> None:
    """Two processes with opposite settings froze each its own of two incidents: both are found again as one."""
    come(documents, LOG, BOUNCE)
    old, new = id_of(documents, ADDRESS), id_of(documents, SERVER)
    for one, other in ((old, new), (new, old)):
        change_ledger(documents, one, lambda found, to=other: _sent(found, to))  # type: ignore[misc]
    join(documents, BOTH, judging(BOTH), LATER)
    join(documents, BOTH, judging(BOTH), LATER)
    (incident,) = incidents(documents)
    assert incident.counts == Counts(returned=1, sessions=57)
    assert find_incident(documents, old) == find_incident(documents, new) == incident


def _sent(found: Ledger | None, to: str) -> Ledger:
    assert found is not None
    return Ledger(**{name: getattr(found, name) for name in found.__struct_fields__} | {"joined_to": to})


def test_a_chain_of_names_ends_in_one_incident(documents: SqliteDocuments) -> None:
    """A server that was known by address, then by one name, then by another: every id finds the last incident."""
    ids = []
    for number, main in enumerate((ADDRESS, SERVER, "edge.contoso.example", "hq-ex19.contoso.example")):
        hosts = Hosts(domains=["contoso.example"], names=[[main, ADDRESS, SERVER, "edge.contoso.example"]])
        commit(documents, [reading(ndr(number, sending_host=main, reported_by=main))], judging(hosts), hosts, NOW)
        join(documents, hosts, judging(hosts), NOW)
        ids.append(id_of(documents, main))
    (incident,) = incidents(documents)
    assert incident.counts.returned == 4
    assert {find_incident(documents, one).id for one in ids} == {incident.id}
    assert kinds(incident)["joined"] == 3


def test_an_id_that_names_nothing_is_said_to(documents: SqliteDocuments) -> None:
    """Acting on an incident that is not there is an error with a sentence."""
    with pytest.raises(NotFound):
        acknowledge(documents, "AAAAAAAA", "eva", NOW)


def test_a_ring_of_pointers_is_an_error_and_no_endless_loop(documents: SqliteDocuments) -> None:
    """A store that was damaged so that emptied incidents point at each other is told of, not run into for ever."""
    for one, other in (("AAAAAAAA", "BBBBBBBB"), ("BBBBBBBB", "AAAAAAAA")):
        pointer = Ledger(id=one, family="session", ends=Ends(), joined_to=other)
        change_ledger(documents, one, lambda _, made=pointer: made)  # type: ignore[misc]
    with pytest.raises(NotFound):
        acknowledge(documents, "AAAAAAAA", "eva", NOW)
    with pytest.raises(NotFound):
        find_incident(documents, "AAAAAAAA")
    join(documents, OURS, judging(), NOW)
    assert list(incidents(documents)) == []


def test_a_move_into_a_ring_is_given_back(documents: SqliteDocuments) -> None:
    """An incident whose new name leads into such a ring stays what it is, and the pass says so."""
    come(documents, LOG)
    (before,) = incidents(documents)
    ring = ["AAAAAAAA", renamed("session", before.ends, BOTH).incident_id]
    for one, other in zip(ring, ring[::-1], strict=True):
        pointer = Ledger(id=one, family="session", ends=Ends(), joined_to=other)
        change_ledger(documents, one, lambda _, made=pointer: made)  # type: ignore[misc]
    with pytest.raises(Transient):
        join(documents, BOTH, judging(BOTH), LATER)
    assert list(incidents(documents)) == [before]


# Cost


class Counting(SqliteDocuments):
    """A store that counts what is read and written of incidents."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.done: Counter[str] = Counter()

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Count and get."""
        self.done["get"] += key.startswith("incident/")
        return super().get(key)

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Count and put."""
        self.done["put"] += key.startswith("incident/")
        return super().put(key, body, if_match, head)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Count and list."""
        self.done["list"] += prefix.startswith("incident/")
        return super().list(prefix)


def test_while_no_name_is_new_nothing_is_looked_at(tmp_path: Path) -> None:
    """A chunk that shows no new name costs no look at the other incidents; a settled store is read by its heads alone."""
    with Counting(tmp_path / "s.sqlite") as documents:
        come(documents, BOUNCE, QUEUE, *TWO_PEERS)
        documents.done.clear()
        count(documents, [keep(documents, reading(ndr(7)))], parts(), NOW)
        assert documents.done["list"] == 0
        assert documents.done["get"] == documents.done["put"] == 1
        settle(documents, parts(), NOW)
        documents.done.clear()
        settle(documents, parts(), NOW)
        assert documents.done == Counter(list=2, get=0, put=0)
