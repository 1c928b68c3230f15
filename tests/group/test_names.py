"""Names of a host: each way of joining two of them proved by itself, and what must never join them."""

import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.group.sources import (
    ADDRESS,
    DROPPED,
    HIGH,
    LOW,
    SERVER,
    TENANT,
    built,
    handed,
    ndr,
    queue,
    reading,
    receive_log,
    send_log,
    tls_report,
)
from triage.errors import Transient
from triage.group import SqliteDocuments, known_names, learn
from triage.group.names import MAX_FOR_ONE, NAMES, Seen, known_builds
from triage.hosts import Hosts
from triage.model import Observation, Trust

OURS = Hosts(domains=["contoso.example"])
SHORT = "hq-ex13a"
BRANCH = "hq-ex13a.branch.contoso.example"
MX = "mx1.fabrikam.example"
PEER = "198.51.100.7"


def learned(documents: SqliteDocuments, *seen: Observation, hosts: Hosts = OURS) -> Hosts:
    """Give what is known of names once each of these came in, a document each."""
    known = hosts
    for one in seen:
        known = learn(documents, [reading(one)], hosts)
    return known


def same(hosts: Hosts, one: str, other: str) -> bool:
    """Say whether two names are one host."""
    return hosts.canonical(one) == hosts.canonical(other)


# By the settings


def test_the_settings_join_what_they_list_and_nothing_else(documents: SqliteDocuments) -> None:
    """A list of names is one server, in any spelling; a name that is not in it stays another."""
    hosts = learned(documents, hosts=Hosts(names=[[SERVER, "HQ-EX13A", ADDRESS, "relay.contoso.example"]]))
    assert same(hosts, "HQ-EX13A", SERVER)
    assert same(hosts, ADDRESS, "Relay.contoso.example.")
    assert not same(hosts, "hq-ex13b.contoso.example", SERVER)


def test_the_settings_come_before_what_is_learned(documents: SqliteDocuments) -> None:
    """An address that the settings give to one server stays there, whatever a log shows."""
    listed = Hosts(domains=["contoso.example"], names=[["hq-ex16.contoso.example", ADDRESS]])
    hosts = learned(documents, receive_log(), hosts=listed)
    assert hosts.canonical(ADDRESS) == "hq-ex16.contoso.example"


# By one input that shows two of them together


def test_a_receive_log_shows_address_and_name_together(documents: SqliteDocuments) -> None:
    """Its connector's id and its banner name the machine whose address stands in the same row."""
    assert same(learned(documents, receive_log()), ADDRESS, SERVER)


def test_a_send_log_shows_whom_it_called(documents: SqliteDocuments) -> None:
    """The banner of a server that we called and the address that we called are one host."""
    assert same(learned(documents, send_log(receiving_host=MX, receiving_ip=PEER)), PEER, MX)


def test_the_name_that_a_client_gives_itself_proves_nothing(documents: SqliteDocuments) -> None:
    """Who calls us may give any name in EHLO: a Receive log ties no client's address to it."""
    hosts = learned(documents, receive_log(sending_host=MX, sending_ip=PEER))
    assert not same(hosts, PEER, MX)


@pytest.mark.parametrize("hosts", [OURS, Hosts()], ids=["domain is set", "nothing is set"])
@pytest.mark.parametrize("order", [1, -1], ids=["ours first", "peer first"])
def test_a_peer_that_bears_our_name_is_not_believed(documents: SqliteDocuments, hosts: Hosts, order: int) -> None:
    """A hostile server whose banner is the name of ours does not become ours, nor ours its address."""
    hostile = send_log(receiving_host=SERVER, receiving_ip=PEER)
    known = learned(documents, *[receive_log(), hostile][::order], hosts=hosts)
    assert not same(known, PEER, SERVER)
    assert same(known, ADDRESS, SERVER)


def test_a_peer_with_a_short_name_is_anybody(documents: SqliteDocuments) -> None:
    """A banner of one label, even that of a server of ours, ties no address."""
    hosts = learned(documents, queue(), ndr(), send_log(receiving_host=SHORT, receiving_ip=PEER))
    assert hosts.canonical(PEER) == PEER


@pytest.mark.parametrize("order", [1, -1])
def test_an_address_that_two_servers_claim_belongs_to_neither(documents: SqliteDocuments, order: int) -> None:
    """Private addresses come again in other networks: where two servers show one, it names none of them."""
    private = "10.0.0.5"
    here = receive_log(receiving_ip=private)
    there = receive_log(
        receiving_ip=private, reported_by="hq-ex13b.contoso.example", receiving_host="hq-ex13b.contoso.example"
    )
    hosts = learned(documents, *[here, there][::order])
    assert hosts.canonical(private) == private


def test_an_address_whose_names_are_all_of_one_pool_belongs_to_the_pool(documents: SqliteDocuments) -> None:
    """Exchange Online answers at one address under many names: the address alone is Exchange Online too."""
    pods = [f"am6eur05ft{number:03}.mail.protection.outlook.com" for number in range(MAX_FOR_ONE + 3)]
    hosts = learned(documents, *(send_log(receiving_host=pod, receiving_ip="203.0.113.20") for pod in pods))
    assert hosts.pool("203.0.113.20") == "exchange-online"


def test_an_address_of_a_pool_and_of_somebody_else_belongs_to_neither(documents: SqliteDocuments) -> None:
    """One name outside the pool, and the address is nobody's."""
    hosts = learned(
        documents,
        send_log(receiving_host=TENANT, receiving_ip=PEER),
        send_log(receiving_host=MX, receiving_ip=PEER),
    )
    assert hosts.pool(PEER) is None
    assert hosts.canonical(PEER) == PEER


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.7.7", "fe80::1", "::"])
def test_an_address_that_every_host_has_names_none(documents: SqliteDocuments, address: str) -> None:
    """Loopback and link-local addresses are no server's, in a Receive log, a Send log, EHLO or a queue."""
    hosts = learned(
        documents,
        receive_log(receiving_ip=address),
        send_log(sending_ip=address),
        queue(sending_ip=address),
        ndr(trust=HIGH, sending_ip=address),
        send_log(receiving_host=MX, receiving_ip=address),
    )
    assert hosts.canonical(address) == address


def test_a_bounce_of_unknown_trust_ties_no_address(documents: SqliteDocuments) -> None:
    """Anybody can write that our server has his address."""
    assert not same(learned(documents, ndr(sending_ip=PEER)), PEER, SERVER)


def test_a_verified_bounce_shows_its_writer_s_address(documents: SqliteDocuments) -> None:
    """A report that our own server verified may say which address the server that wrote it has."""
    assert same(learned(documents, ndr(trust=HIGH, sending_ip=ADDRESS)), ADDRESS, SERVER)


def test_a_verified_bounce_says_nothing_of_another_server_s_address(documents: SqliteDocuments) -> None:
    """The address of a hop that another server began is not the writer's."""
    hop = ndr(trust=HIGH, sending_host="hq-ex13b.contoso.example", sending_ip=ADDRESS)
    assert not same(learned(documents, hop), ADDRESS, SERVER)


# By the short name within our own domain


@pytest.mark.parametrize("order", [1, -1], ids=["queue first", "bounce first"])
@pytest.mark.parametrize("trust", [None, HIGH], ids=["unknown", "high"])
def test_a_queue_s_short_name_is_the_one_full_name_that_it_abbreviates(
    documents: SqliteDocuments, order: int, trust: object
) -> None:
    """HQ-EX13A of a queue and hq-ex13a.contoso.example of a bounce are one server of ours."""
    bounce = ndr() if trust is None else ndr(trust=trust)
    assert same(learned(documents, *[queue(), bounce][::order]), SHORT, SERVER)


@pytest.mark.parametrize(
    "second",
    [ndr(reported_by=BRANCH, sending_host=BRANCH), receive_log(reported_by=BRANCH, receiving_host=BRANCH)],
    ids=["bounce", "log"],
)
def test_a_short_name_that_two_full_names_fit_is_neither(documents: SqliteDocuments, second: Observation) -> None:
    """Two candidates within our domains: nobody guesses."""
    hosts = learned(documents, ndr(), second, queue())
    assert hosts.canonical(SHORT) == SHORT


def test_a_short_name_is_no_name_of_another_domain(documents: SqliteDocuments) -> None:
    """A server of somebody else with the same first label is another server."""
    elsewhere = "hq-ex13a.fabrikam.example"
    hosts = learned(documents, queue(), ndr(reported_by=elsewhere, sending_host=elsewhere))
    assert hosts.canonical(SHORT) == SHORT


def test_without_a_domain_of_ours_no_short_name_is_joined(documents: SqliteDocuments) -> None:
    """Where no setting says what is ours, a label is no proof."""
    assert not same(learned(documents, queue(), ndr(), hosts=Hosts()), SHORT, SERVER)


def test_a_short_name_that_no_record_of_ours_gives_is_not_joined(documents: SqliteDocuments) -> None:
    """Only queues, logs and tracking name our machines in short: a bounce's own word for itself does not."""
    hosts = learned(documents, ndr(), ndr(2, reported_by=SHORT, sending_host=SHORT))
    assert hosts.canonical(SHORT) == SHORT


# By EHLO


@pytest.mark.parametrize("proof", [queue(), ndr(), receive_log(receiving_ip=None)], ids=["queue", "bounce", "log"])
@pytest.mark.parametrize("order", [1, -1])
def test_ehlo_of_one_address_with_a_machine_s_name_names_it(
    documents: SqliteDocuments, proof: Observation, order: int
) -> None:
    """One address alone gives the name, and another input knows the name as a machine's: they are one host."""
    assert same(learned(documents, *[send_log(), proof][::order]), ADDRESS, SERVER)


@pytest.mark.parametrize("ehlo", [SERVER, "mail.contoso.example"], ids=["a machine's", "a connector's"])
def test_ehlo_alone_names_no_machine(documents: SqliteDocuments, ehlo: str) -> None:
    """A name that nothing but EHLO gives may be a connector's: one address giving it proves nothing."""
    assert learned(documents, send_log(ehlo=ehlo)).canonical(ADDRESS) == ADDRESS


def test_ehlo_with_another_name_than_the_known_machine_s_proves_nothing(documents: SqliteDocuments) -> None:
    """That one server is known does not make the address that gives a connector's name its own."""
    hosts = learned(documents, send_log(ehlo="mail.contoso.example"), queue(), ndr())
    assert hosts.canonical(ADDRESS) == ADDRESS


@pytest.mark.parametrize("order", [1, -1])
def test_an_ehlo_name_that_two_addresses_give_names_neither(documents: SqliteDocuments, order: int) -> None:
    """Servers share a connector's name: it never names the machine, also where it is a machine's name."""
    logs = [send_log(), send_log(sending_ip="192.0.2.11")]
    hosts = learned(documents, *[*logs, queue(), ndr()][::order])
    assert hosts.canonical(ADDRESS) == ADDRESS
    assert hosts.canonical("192.0.2.11") == "192.0.2.11"


def test_ehlo_of_a_name_that_is_not_ours_names_nothing(documents: SqliteDocuments) -> None:
    """Our own log may show a name outside our domains: not known to be a machine of ours, it is none."""
    hosts = learned(documents, send_log(ehlo="smtp.tailspin.example"), ndr(reported_by="smtp.tailspin.example"))
    assert hosts.canonical(ADDRESS) == ADDRESS


def test_what_shows_an_address_and_a_name_together_comes_before_ehlo(documents: SqliteDocuments) -> None:
    """The Receive log says which machine has the address; the EHLO name of its Send log is a shared one."""
    shared = "mail.contoso.example"
    hosts = learned(documents, send_log(ehlo=shared), ndr(reported_by=shared, sending_host=shared), receive_log())
    assert hosts.canonical(ADDRESS) == SERVER


# What teaches nothing


def test_low_trust_teaches_nothing(documents: SqliteDocuments) -> None:
    """A report that was found forged adds no name, no machine and no build."""
    learned(documents, ndr(trust=LOW, sending_ip=ADDRESS, software=built("14.3.123.4")))
    assert documents.get(NAMES) is None


def test_tls_reports_teach_nothing(documents: SqliteDocuments) -> None:
    """What others tally names no machine of ours."""
    learned(documents, tls_report(receiving_ip=ADDRESS))
    assert documents.get(NAMES) is None


def test_nothing_new_writes_nothing(documents: SqliteDocuments) -> None:
    """What is known already leaves the document as it is."""
    learned(documents, receive_log())
    before = documents.get(NAMES)
    learned(documents, receive_log(), receive_log(count=9))
    assert documents.get(NAMES) == before


# Builds


def test_the_highest_build_of_a_server_is_its_newest(documents: SqliteDocuments) -> None:
    """A server's build only grows: an older report that comes later, or claims a later time, does not make it older."""
    old = ndr(1, software=built("15.0.847.32"), time="2030-01-01T00:00:00Z")
    new = ndr(2, software=built("15.0.1497.2"), time="2026-10-20T00:00:00Z")
    for one in (old, new, old):
        learned(documents, one)
    assert known_builds(documents, OURS) == {SERVER: ("15.0.1497.2", "NDR, unverified")}


def test_builds_are_ordered_as_numbers(documents: SqliteDocuments) -> None:
    """15.0.1076.9 is newer than 15.0.847.32, which letters would deny."""
    for build in ("15.0.1076.9", "15.0.847.32"):
        learned(documents, ndr(software=built(build)))
    assert known_builds(documents, OURS)[SERVER][0] == "15.0.1076.9"


def test_a_build_says_who_told_it_the_verified_report_first(documents: SqliteDocuments) -> None:
    """The same build told by a stranger's bounce and by a verified one is the verified one's."""
    for trust in (Trust(), HIGH, Trust()):
        learned(documents, ndr(trust=trust, software=built("14.3.123.4")))
    assert known_builds(documents, OURS) == {SERVER: ("14.3.123.4", "NDR")}


@pytest.mark.parametrize("build", ["x" * 300, "99.99.99.99", "15.0", "15.0.1.1.1", ""])
def test_what_is_no_build_is_not_kept(documents: SqliteDocuments, build: str) -> None:
    """Only builds that the table of Exchange knows are remembered."""
    learned(documents, ndr(software=built(build)))
    assert known_builds(documents, OURS) == {}


# Lost races


class Racing(SqliteDocuments):
    """A store in which another process writes the names right before each of so many writes of ours."""

    def __init__(self, path: Path, lost: int) -> None:
        super().__init__(path)
        self._lost = lost

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Let the other process be first."""
        if key == NAMES and self._lost:
            self._lost -= 1
            with SqliteDocuments(self._db.execute("PRAGMA database_list").fetchone()[2]) as other:
                learn(other, [reading(queue(server=f"hq-other{self._lost}"))], OURS)
        return super().put(key, body, if_match, head)


def test_what_another_process_learned_meanwhile_is_kept(tmp_path: Path) -> None:
    """A lost race is run again on what the other one wrote: both know everything."""
    with Racing(tmp_path / "s", 3) as documents:
        hosts = learn(documents, [reading(receive_log())], OURS)
        assert same(hosts, ADDRESS, SERVER)
        seen = msgspec.json.decode((documents.get(NAMES) or (b"{}", ""))[0], type=Seen)
    assert {"hq-other0", "hq-other1", "hq-other2", SERVER} <= set(seen.machines)


def test_a_race_that_is_never_won_is_given_back(tmp_path: Path) -> None:
    """Where others write without a pause, the input is kept for later and nothing is lost silently."""
    with Racing(tmp_path / "s", 10_000) as documents, pytest.raises(Transient):
        learn(documents, [reading(receive_log())], OURS)


# Order, bounds


EVERYTHING: Sequence[Observation] = (
    queue(),
    queue(server="hq-ex16"),
    ndr(),
    ndr(2, reported_by="hq-ex16.contoso.example", trust=HIGH, sending_host="hq-ex16.contoso.example", sending_ip="10.1.1.1"),
    ndr(3, trust=LOW, reported_by="hq-ex99.contoso.example", sending_ip="10.9.9.9"),
    send_log(),
    send_log(sending_ip="10.1.1.1", ehlo="mail.contoso.example"),
    send_log(sending_ip="10.1.1.2", ehlo="mail.contoso.example"),
    send_log(receiving_host=MX, receiving_ip=PEER),
    send_log(receiving_host="mx2.fabrikam.example", receiving_ip=PEER),
    receive_log(receiving_ip="10.0.0.5"),
    receive_log(receiving_ip="10.0.0.5", receiving_host="hq-ex16.contoso.example"),
    handed(receiving_host="a.mail.protection.outlook.com"),
    handed(receiving_host="b.mail.protection.outlook.com"),
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_what_is_seen_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, rng: random.Random
) -> None:
    """Any order, repetition and cut into batches give the same names."""

    def names(order: Sequence[Observation], step: int) -> str:
        with SqliteDocuments(tmp_path_factory.mktemp("names") / "s") as documents:
            for at in range(0, len(order), step):
                learn(documents, [reading(one) for one in order[at : at + step]], OURS)
            return known_names(documents, OURS).naming()

    shuffled = [*EVERYTHING, *rng.sample(EVERYTHING, 5)]
    rng.shuffle(shuffled)
    assert names(shuffled, rng.randint(1, 6)) == names(EVERYTHING, len(EVERYTHING))


def test_past_the_names_that_one_server_has_an_address_is_shared(
    documents: SqliteDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit any more must not hide that an address is shared: full is shared, in whatever order."""
    for number in range(MAX_FOR_ONE + 20):
        learned(documents, send_log(receiving_host=f"mx{number}.fabrikam.example", receiving_ip=PEER))
    seen = msgspec.json.decode((documents.get(NAMES) or (b"{}", ""))[0], type=Seen)
    assert len(seen.peers[PEER]) == MAX_FOR_ONE
    assert known_names(documents, OURS).canonical(PEER) == PEER


def test_what_strangers_claim_takes_no_room_from_our_records(
    documents: SqliteDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand forged names and as many peers fill their own room; queue and log still join our server."""
    monkeypatch.setattr("triage.group.names.MAX_SEEN", 50)
    forged = [f"x{number}.contoso.example" for number in range(200)]
    learn(
        documents,
        [
            reading(ndr(n, reported_by=name, sending_host=name, software=built("14.3.123.4")))
            for n, name in enumerate(forged)
        ],
        OURS,
    )
    peers = [
        send_log(receiving_host=f"mx.p{n}.example", receiving_ip=f"198.51.{n // 250}.{n % 250}") for n in range(200)
    ]
    learn(documents, [reading(one) for one in peers], OURS)
    hosts = learned(documents, queue(), receive_log())
    assert same(hosts, SHORT, SERVER)
    assert same(hosts, ADDRESS, SERVER)
    seen = msgspec.json.decode((documents.get(NAMES) or (b"{}", ""))[0], type=Seen)
    sizes = (seen.own, seen.peers, seen.ehlo, seen.machines, seen.claimed, seen.builds)
    assert max(map(len, sizes)) == 50


def test_a_name_of_any_length_costs_no_more_than_a_host_name(documents: SqliteDocuments) -> None:
    """What is too long to be a host's name is none."""
    long = "x" * 5_000 + ".contoso.example"
    learned(documents, queue(server=long), ndr(reported_by=long, sending_host=long, diagnostic=DROPPED))
    assert documents.get(NAMES) is None
