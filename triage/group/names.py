"""Which names and addresses are one host: learned from what comes in, proved, never guessed.

A queue says `HQ-EX13`, an NDR the full name, a protocol log an address, and an EHLO a name that servers may share. Two of
them are one host where one input of ours shows both together; where a short name fits exactly one full name within our own
domains; or where the name that one address alone gives in EHLO is known to be a machine's. The settings come before all of
this (`Hosts`). What was seen is one document, a union of sets: the order in which inputs come does not matter.
"""

import ipaddress
from collections.abc import Iterable, Sequence

import msgspec

from triage.errors import Conflict, Transient
from triage.group.documents import Documents
from triage.hosts import Hosts, is_address, normal
from triage.model import Observation, Reading

NAMES = "names/seen"

OWN_RECORDS = ("queue", "send-log", "receive-log", "tracking-log")
"""Inputs that only the admin of a server has: what they say of names is no stranger's claim."""

MAX_SEEN = 20_000
"""Addresses, and as many names, that are remembered: a large organisation's servers and the peers that they talk to."""
MAX_FOR_ONE = 20
"""Names of one address, or addresses of one name, that are told apart: two already prove that it is shared."""
MAX_TRIES = 40


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What inputs showed.

    `pairs` maps an address to the names that stood with it, `ehlo` a name to our own addresses that gave it in EHLO,
    `machines` are names, short or full, that belong to one machine of ours.
    `builds` holds the newest build that a host of ours showed, behind the time when it did.
    """

    pairs: dict[str, tuple[str, ...]] = {}
    ehlo: dict[str, tuple[str, ...]] = {}
    machines: tuple[str, ...] = ()
    builds: dict[str, tuple[str, str]] = {}


def learn(documents: Documents, readings: Iterable[Reading], hosts: Hosts) -> Hosts:
    """Remember what these readings show of names, and give `hosts` with all that is known now.

    Raises `Transient` where another process kept winning every race.
    """
    news = list(_shown(readings, hosts))
    for _ in range(MAX_TRIES):
        found = documents.get(NAMES)
        before = Seen() if found is None else msgspec.json.decode(found[0], type=Seen)
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
    return learn(documents, (), hosts)


def known_builds(documents: Documents, hosts: Hosts) -> dict[str, str]:
    """Give the newest build of each of our servers that showed one, by its main name."""
    found = documents.get(NAMES)
    seen = Seen() if found is None else msgspec.json.decode(found[0], type=Seen)
    builds: dict[str, tuple[str, str]] = {}
    for name, shown in seen.builds.items():
        main = hosts.canonical(name) or name
        builds[main] = max(builds.get(main, shown), shown)
    return {name: build for name, (_, build) in builds.items()}


class _Shown(msgspec.Struct, frozen=True):
    pair: tuple[str, str] | None = None
    ehlo: tuple[str, str] | None = None
    machine: str | None = None
    build: tuple[str, str, str] | None = None


def _shown(readings: Iterable[Reading], hosts: Hosts) -> Iterable[_Shown]:
    for reading in readings:
        for finding in reading.findings:
            yield from _of(finding.observation, hosts)


def _of(seen: Observation, hosts: Hosts) -> Iterable[_Shown]:
    yield from _builds(seen, hosts)
    own, own_ip = _own_end(seen)
    peer, peer_ip = _peer_end(seen)
    if seen.source in OWN_RECORDS:
        for name in (normal(seen.reported_by), own):
            if name is not None and not is_address(name):
                yield _Shown(machine=name)
        if own and own_ip:
            yield from _paired(own, own_ip)
        # A peer may call itself anything, but by a name of ours it calls itself only to deceive.
        if peer and peer_ip and hosts.is_ours(peer) is not True:
            yield from _paired(peer, peer_ip)
        said = normal(seen.ehlo)
        if seen.source == "send-log" and said and seen.sending_ip and hosts.is_ours(said) is True:
            yield _Shown(ehlo=(said, seen.sending_ip))
    elif seen.source == "ndr" and seen.trust.level != "low":
        reporter = normal(seen.reported_by)
        if reporter is not None and hosts.is_ours(reporter) is True and not is_address(reporter):
            yield _Shown(machine=reporter)
            if seen.trust.level == "high" and reporter == normal(seen.sending_host) and seen.sending_ip:
                yield from _paired(reporter, seen.sending_ip)


def _builds(seen: Observation, hosts: Hosts) -> Iterable[_Shown]:
    """Give the builds of our servers that a report shows which nothing speaks against."""
    if seen.trust.level == "low":
        return
    for name, product in (
        (normal(seen.sending_host), seen.software.sending),
        (normal(seen.receiving_host), seen.software.receiving),
    ):
        if name and product is not None and product.build and hosts.is_ours(name) is True:
            yield _Shown(build=(name, seen.time or "", product.build))


def _own_end(seen: Observation) -> tuple[str | None, str | None]:
    if seen.source == "receive-log":
        return normal(seen.receiving_host), seen.receiving_ip
    return normal(seen.sending_host), seen.sending_ip


def _peer_end(seen: Observation) -> tuple[str | None, str | None]:
    """Give the other end where our server called it; who calls us gives his name himself, which proves nothing."""
    return (None, None) if seen.source == "receive-log" else (normal(seen.receiving_host), seen.receiving_ip)


def _paired(name: str, address: str) -> Iterable[_Shown]:
    if is_address(address) and not ipaddress.ip_address(address).is_loopback and not is_address(name):
        yield _Shown(pair=(address, name))


def _with(before: Seen, news: Sequence[_Shown]) -> Seen:
    pairs, ehlo, machines = dict(before.pairs), dict(before.ehlo), set(before.machines)
    builds = dict(before.builds)
    for one in news:
        if one.pair:
            _add(pairs, *one.pair)
        if one.ehlo:
            _add(ehlo, *one.ehlo)
        if one.machine and len(machines) < MAX_SEEN:
            machines.add(one.machine)
        if one.build and (one.build[0] in builds or len(builds) < MAX_SEEN):
            name, *newest = one.build
            builds[name] = max(builds.get(name, ("", "")), (newest[0], newest[1]))
    return Seen(pairs=pairs, ehlo=ehlo, machines=tuple(sorted(machines)), builds=builds)


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
    for address, names in seen.pairs.items():
        one = _one_host([main(name) for name in names], hosts)
        if one is not None:
            joined[address] = one
        else:
            joined.pop(address, None)
    return joined


def _full_names(seen: Seen, hosts: Hosts) -> dict[str, str]:
    """Map the short names of our machines to the one full name within our domains that each abbreviates."""
    by_label: dict[str, set[str]] = {}
    named = {*seen.machines, *(name for name, addresses in seen.ehlo.items() if len(addresses) == 1)}
    for name in named:
        if "." in name and hosts.is_ours(name) is True and hosts.pool(name) is None:
            by_label.setdefault(name.partition(".")[0], set()).add(hosts.canonical(name) or name)
    return {
        name: next(iter(by_label[name]))
        for name in seen.machines
        if "." not in name and len(by_label.get(name, ())) == 1 and hosts.canonical(name) == name
    }


def _is_machine(said: str, seen: Seen, full: dict[str, str]) -> bool:
    """Say whether a name that a server gave in EHLO is known to be a machine's, not a connector's."""
    return said in seen.machines or full.get(said.partition(".")[0]) == said


def _one_host(names: list[str], hosts: Hosts) -> str | None:
    """Give the one host, or a host of the one pool, that an address stands for; None where it stands for several."""
    if len(set(names)) == 1:
        return names[0]
    pools = {hosts.pool(name) for name in names}
    return min(names) if len(pools) == 1 and None not in pools else None
