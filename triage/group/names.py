"""Which names and addresses are one host: learned from what comes in, proved, never guessed.

A queue says `HQ-EX13`, an NDR the full name, a protocol log an address, and an EHLO a name that servers may share. Two of
them are one host where one input of ours shows both together; where a short name fits exactly one full name within our own
domains; or where the name that one address alone gives in EHLO is known to be a machine's. The settings come before all of
this (`Hosts`). What was seen is one document, a union of sets: the order in which inputs come does not matter.
"""

import ipaddress
from collections.abc import Iterable, Mapping

import msgspec

from triage import exchange
from triage.errors import Conflict, Transient
from triage.group.documents import Documents
from triage.hosts import Hosts, is_address, normal, pool_host
from triage.model import Observation, Reading
from triage.model.words import OWN_RECORDS, UNVERIFIED, told_in

NAMES = "names/seen"

MAX_SEEN = 20_000
"""Addresses of ours, of others, and as many names of each kind, that are remembered: a large organisation's servers and the
peers that they talk to. Each kind has its own room, so that strangers cannot take that of ours."""
MAX_FOR_ONE = 8
"""Names of one address, or addresses of one name, that are told apart. One server has a few; with more it is shared."""
MAX_TRIES = 40


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What inputs showed.

    `own` and `peers` map an address, of our servers or of others, to the names that stood with it, a pool's host to one
    name of its pool. `ehlo` maps a name to our own addresses that gave it in EHLO. `machines` are names, short or full,
    that our own records give to one machine; `claimed` those by which a server within our domains signed a bounce.
    `builds` holds the newest build of a server of ours and where it was read.
    """

    own: dict[str, tuple[str, ...]] = {}
    peers: dict[str, tuple[str, ...]] = {}
    ehlo: dict[str, tuple[str, ...]] = {}
    machines: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    builds: dict[str, tuple[str, str]] = {}


def learn(documents: Documents, readings: Iterable[Reading], hosts: Hosts) -> Hosts:
    """Remember what these readings show of names, and give `hosts` with all that is known now.

    Raises `Transient` where another process kept winning every race.
    """
    news = set(_shown(readings, hosts))
    for _ in range(MAX_TRIES):
        found = documents.get(NAMES)
        before = _read(found)
        after = _with(before, news)
        if after == before:
            return hosts.knowing(resolved(before, hosts))
        try:
            documents.put(NAMES, msgspec.json.encode(after), None if found is None else found[1])
        except Conflict:
            continue
        return hosts.knowing(resolved(after, hosts))
    raise Transient("The names of hosts are written to by others without a pause; the input is kept for later.")


def known_names(documents: Documents, hosts: Hosts) -> Hosts:
    """Give `hosts` with what is known of names."""
    return hosts.knowing(resolved(_read(documents.get(NAMES)), hosts))


def known_builds(documents: Documents, hosts: Hosts) -> dict[str, tuple[str, str]]:
    """Give, for each of our servers that showed one, the newest build and where it was read, by its main name."""
    builds: dict[str, tuple[str, str]] = {}
    for name, shown in _read(documents.get(NAMES)).builds.items():
        main = hosts.canonical(name) or name
        builds[main] = max(builds.get(main, shown), shown, key=_newness)
    return builds


_SEEN = msgspec.json.Decoder(Seen)


def _read(found: tuple[bytes, str] | None) -> Seen:
    return Seen() if found is None else _SEEN.decode(found[0])


class _Shown(msgspec.Struct, frozen=True):
    """One thing that an observation shows: which of `Seen`'s fields it belongs to, and what it adds there."""

    own: tuple[str, str] | None = None
    peer: tuple[str, str] | None = None
    ehlo: tuple[str, str] | None = None
    machine: str | None = None
    claimed: str | None = None
    build: tuple[str, str, str] | None = None


def _shown(readings: Iterable[Reading], hosts: Hosts) -> Iterable[_Shown]:
    for reading in readings:
        for finding in reading.findings:
            seen = finding.observation
            if seen.trust.level == "low":
                continue
            yield from _builds(seen, hosts)
            if seen.source in OWN_RECORDS:
                yield from _of_record(seen, hosts)
            elif seen.source == "ndr":
                yield from _of_bounce(seen, hosts)


def _of_record(seen: Observation, hosts: Hosts) -> Iterable[_Shown]:
    own, own_ip = _own_end(seen)
    for name in (normal(seen.reported_by), own):
        if name is not None and not is_address(name):
            yield _Shown(machine=name)
    if own and not is_address(own) and own_ip and _tells_hosts_apart(own_ip):
        yield _Shown(own=(own_ip, own))
    peer, peer_ip = _called(seen)
    # A peer may call itself anything: by a name of ours it calls itself only to deceive, and a short name is anybody's.
    if peer and "." in peer and not is_address(peer) and peer_ip and hosts.is_ours(peer) is not True:
        pool = hosts.pool(peer)
        if _tells_hosts_apart(peer_ip):
            yield _Shown(peer=(peer_ip, pool_host(pool) if pool else peer))
    said, ip = normal(seen.ehlo), normal(seen.sending_ip)
    if seen.source == "send-log" and said and hosts.is_ours(said) is True and ip and _tells_hosts_apart(ip):
        yield _Shown(ehlo=(said, ip))


def _of_bounce(seen: Observation, hosts: Hosts) -> Iterable[_Shown]:
    """Give what a bounce says of the server of ours that wrote it. Unverified, it ties no address to a name."""
    reporter = normal(seen.reported_by)
    if reporter is None or hosts.is_ours(reporter) is not True or is_address(reporter):
        return
    if seen.trust.level != "high":
        yield _Shown(claimed=reporter)
        return
    yield _Shown(machine=reporter)
    ip = normal(seen.sending_ip)
    if reporter == normal(seen.sending_host) and ip and _tells_hosts_apart(ip):
        yield _Shown(own=(ip, reporter))


def _builds(seen: Observation, hosts: Hosts) -> Iterable[_Shown]:
    told_by = told_in(seen.source, seen.trust.level)
    ends = ((seen.sending_host, seen.software.sending), (seen.receiving_host, seen.software.receiving))
    for host, product in ends:
        name = normal(host)
        build = product.build if product is not None else None
        if name and build and exchange.speaks_tls12(build) is not None and hosts.is_ours(name) is True:
            yield _Shown(build=(name, build, told_by))


def _newness(shown: tuple[str, str]) -> tuple[tuple[int, ...], bool, str]:
    """Order builds: a server's build only grows, so the highest is the newest, whenever it was seen."""
    build, told_by = shown
    return exchange.build_order(build), not told_by.endswith(UNVERIFIED), told_by


def _own_end(seen: Observation) -> tuple[str | None, str | None]:
    if seen.source == "receive-log":
        return normal(seen.receiving_host), normal(seen.receiving_ip)
    return normal(seen.sending_host), normal(seen.sending_ip)


def _called(seen: Observation) -> tuple[str | None, str | None]:
    """Give the other end where our server called it; who calls us gives his name himself, which proves nothing."""
    return (None, None) if seen.source == "receive-log" else (normal(seen.receiving_host), normal(seen.receiving_ip))


def _tells_hosts_apart(address: str) -> bool:
    """Say whether an address can belong to one host of a network: every host has the loopback addresses."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return not (ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast)


def _with(before: Seen, news: Iterable[_Shown]) -> Seen:
    own, peers, ehlo = dict(before.own), dict(before.peers), dict(before.ehlo)
    machines, claimed, builds = set(before.machines), set(before.claimed), dict(before.builds)
    for one in news:
        for known, pair in ((own, one.own), (peers, one.peer), (ehlo, one.ehlo)):
            if pair:
                _add(known, *pair)
        for names, name in ((machines, one.machine), (claimed, one.claimed)):
            if name and len(names) < MAX_SEEN:
                names.add(name)
        if one.build and (one.build[0] in builds or len(builds) < MAX_SEEN):
            name, build, told_by = one.build
            builds[name] = max(builds.get(name, (build, told_by)), (build, told_by), key=_newness)
    return Seen(
        own=own,
        peers=peers,
        ehlo=ehlo,
        machines=tuple(sorted(machines)),
        claimed=tuple(sorted(claimed)),
        builds=builds,
    )


def _add(known: dict[str, tuple[str, ...]], key: str, value: str) -> None:
    there = known.get(key, ())
    if value not in there and len(there) < MAX_FOR_ONE and (there or len(known) < MAX_SEEN):
        known[key] = tuple(sorted((*there, value)))


def resolved(seen: Seen, hosts: Hosts) -> dict[str, str]:
    """Give each name and address that is known to be another name's host, with that name."""
    full = _full_names(seen, hosts)

    def main(name: str) -> str:
        canonical = hosts.canonical(name) or name
        return full.get(canonical, canonical)

    joined = dict(full)
    for said, addresses in seen.ehlo.items():
        if len(addresses) == 1 and _is_machine(said, seen, full):
            joined[addresses[0]] = main(said)
    machines = frozenset(seen.machines)
    for address in {**seen.own, **seen.peers}:
        # A peer that bears the name of a machine of ours is no proof, also where no setting says what is ours.
        names = [*seen.own.get(address, ()), *(one for one in seen.peers.get(address, ()) if one not in machines)]
        if len({main(name) for name in names}) == 1 and len(names) < MAX_FOR_ONE:
            joined[address] = main(names[0])
        else:
            joined.pop(address, None)
    return joined


def _full_names(seen: Seen, hosts: Hosts) -> Mapping[str, str]:
    """Map the short names of our machines to the one full name within our domains that each abbreviates."""
    by_label: dict[str, set[str]] = {}
    alone = (name for name, addresses in seen.ehlo.items() if len(addresses) == 1)
    for name in {*seen.machines, *seen.claimed, *alone}:
        if "." in name and hosts.is_ours(name) is True and hosts.pool(name) is None:
            by_label.setdefault(name.partition(".")[0], set()).add(hosts.canonical(name) or name)
    return {
        name: next(iter(by_label[name]))
        for name in seen.machines
        if "." not in name and len(by_label.get(name, ())) == 1 and hosts.canonical(name) == name
    }


def _is_machine(said: str, seen: Seen, full: Mapping[str, str]) -> bool:
    """Say whether a name that a server gave in EHLO is known to be a machine's, not a connector's."""
    return said in seen.machines or said in seen.claimed or full.get(said.partition(".")[0]) == said
