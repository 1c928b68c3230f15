"""What is known of hosts: the pools of Microsoft and of the large providers (`knowledge/hosts.toml`), and ours.

A pool is many servers that stand for one end of a hop. Names are compared label by label, so that
`evil-outlook.com` and `prod.outlook.com.evil.example` belong to nobody's pool.
"""

import hashlib
import ipaddress
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cache, lru_cache
from pathlib import Path

import msgspec

from triage.errors import Misconfigured
from triage.typed import converted

KNOWLEDGE = Path(__file__).parent / "knowledge" / "hosts.toml"

MAX_NAME = 253
"""RFC 1035 §2.3.4: a longer text is no host name, whatever a report calls it."""

MAX_KNOWN = 4096
"""Names of which is kept what is known: a site's reports name the same few hundred servers over and over."""

PLACEHOLDERS = frozenset({"unknown", "localhost", "localhost.localdomain", "localhost.local", "none", "null", "n/a"})


class Pool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[pool]]` of `knowledge/hosts.toml`."""

    id: str
    kind: str
    source: str
    read_on: object
    suffixes: tuple[str, ...] = ()
    exact: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


class _Host(msgspec.Struct, frozen=True, gc=False):
    """All that is known of one name, as the methods of `Hosts` give it."""

    name: str | None = None
    pool: str | None = None
    kind: str | None = None
    is_ours: bool | None = None
    is_our_domain: bool | None = None


_NOBODY = _Host()


class Hosts:
    """What is known of hosts in general, and which are ours according to the settings."""

    def __init__(
        self, domains: Sequence[str] = (), hosts: Sequence[str] = (), names: Sequence[Sequence[str]] = ()
    ) -> None:
        """Take our mail domains, our servers outside them, and lists of names that are one server, main name first."""
        self._domains = frozenset(name for domain in domains if (name := normal(domain)))
        joined = [[name for one in group if (name := normal(one))] for group in names]
        self._main = {name: group[0] for group in joined for name in group}
        self._listed = frozenset(name for host in hosts if (name := normal(host))) | frozenset(self._main)
        self._short = _unique_short_names(self._listed, self._main)
        self._settled = bool(self._domains or self._listed)
        self._learned: dict[str, str] = {}
        self._known: dict[str | None, _Host] = {None: _NOBODY}

    def knowing(self, learned: Mapping[str, str]) -> "Hosts":
        """Give the same knowledge with names and addresses that turned out to be one host: each with its main name."""
        if learned == self._learned:
            return self
        known = copy(self)
        known._learned = dict(learned)
        return known

    def __getstate__(self) -> dict[str, object]:
        """Leave out what is found out again: a copy may know other names, another process is sent as little as can be."""
        return self.__dict__ | {"_known": {None: _NOBODY}}

    def naming(self) -> str:
        """Give a digest of all that decides which names are one host: it stays the same while no name changes."""
        parts = [sorted(self._main.items()), sorted(self._short.items()), sorted(self._learned.items())]
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()

    def pool(self, host: str | None) -> str | None:
        """Give the id of the pool that the host belongs to ("exchange-online", "gmail"), or None."""
        return (self._known.get(host) or self._look_up(host)).pool

    def kind(self, host: str | None) -> str | None:
        """Give exchange-online, large-provider, microsoft, ours or other; None where the host is not known."""
        return (self._known.get(host) or self._look_up(host)).kind

    def is_ours(self, host: str | None) -> bool | None:
        """Say whether the host is ours; None where it cannot be known.

        An address or a name without a domain that the settings do not list may still be ours: None.
        """
        return (self._known.get(host) or self._look_up(host)).is_ours

    def is_our_domain(self, domain: str | None) -> bool | None:
        """Say whether a mail domain is ours, or a subdomain of one of ours; None where the settings name none."""
        return (self._known.get(domain) or self._look_up(domain)).is_our_domain

    def canonical(self, host: str | None) -> str | None:
        """Give one name for one host: lower case, without the final dot, the main name where the settings join names.

        A name without a domain becomes the full name of the one listed server that it abbreviates; never by guess. What
        `knowing` was told counts where the settings say nothing.
        """
        return (self._known.get(host) or self._look_up(host)).name

    def _look_up(self, host: str | None) -> _Host:
        """Find out all that is known of a name, and keep it."""
        written = normal(host)
        if written is None:
            return _NOBODY
        name = self._short.get(written, written)
        name = self._main.get(name, name)
        name = self._learned.get(name, name)
        name = self._main.get(name, name)
        pool, ours = _pool_of(name), self._is_ours(name)
        kind = pool.kind if pool else "ours" if ours else "other"
        is_our_domain = self._is_below_ours(written) if self._domains else None
        known = _Host(name, pool.id if pool else None, kind, ours, is_our_domain)
        if len(self._known) >= MAX_KNOWN:
            self._known = {None: _NOBODY}
        self._known[host] = known
        return known

    def _is_ours(self, name: str) -> bool | None:
        if not self._settled:
            return None
        if name in self._listed or name in self._short:
            return True
        if _pool_of(name):
            return False
        if self._is_below_ours(name):
            return True
        return None if is_address(name) or "." not in name else False

    def _is_below_ours(self, name: str) -> bool:
        return any(suffix in self._domains for suffix in _suffixes(name))


def _pool_of(name: str) -> Pool | None:
    exact, suffixes = _pools()
    if name in exact:
        return exact[name]
    return next((suffixes[suffix] for suffix in _suffixes(name) if suffix in suffixes), None)


@cache
def pool_ids() -> frozenset[str]:
    """Give the ids of all pools: what stands for an end of a hop that is many servers."""
    exact, suffixes = _pools()
    return frozenset(pool.id for pool in (*exact.values(), *suffixes.values()))


@cache
def pool_host(pool_id: str) -> str:
    """Give the one name that stands for any host of a pool, where no other is known: the pool knows it as its own."""
    exact, suffixes = _pools()
    return next(name for name, pool in (*suffixes.items(), *exact.items()) if pool.id == pool_id)


def is_in_pool_networks(pool_id: str, address: str) -> bool:
    """Tell whether an address is one of a pool's published ones: a client may call itself anything, this it cannot."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in _networks(pool_id))


@cache
def _networks(pool_id: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    exact, suffixes = _pools()
    pools = {pool.id: pool for pool in (*exact.values(), *suffixes.values())}
    try:
        return tuple(ipaddress.ip_network(one) for one in pools[pool_id].networks)
    except ValueError as error:
        raise Misconfigured(f"The list of known hosts {KNOWLEDGE} cannot be read: {error}.") from error


@lru_cache(maxsize=MAX_KNOWN)
def normal(host: str | None) -> str | None:
    """Give a host name or address in the one form in which names are compared: lower case, no final dot, no brackets.

    None for an empty text, for what is too long to be a name, and for placeholders such as "unknown".
    """
    if not host or len(host) > MAX_NAME + 16:
        return None
    name = host.strip().lower()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1].removeprefix("ipv6:")
    name = name.rstrip(".").strip()
    if not name or len(name) > MAX_NAME or name in PLACEHOLDERS:
        return None
    return name


def _suffixes(name: str) -> Iterator[str]:
    """Give the name and every shorter end of it at a label border, the longest first."""
    yield name
    at = name.find(".")
    while at != -1:
        yield name[at + 1 :]
        at = name.find(".", at + 1)


def is_address(name: str) -> bool:
    """Tell whether a name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _unique_short_names(listed: frozenset[str], main: dict[str, str]) -> dict[str, str]:
    """Map each first label to the one listed server that has it; a label that two servers share names neither."""
    servers: dict[str, set[str]] = {}
    for name in listed:
        if not is_address(name) and "." in name:
            servers.setdefault(name.partition(".")[0], set()).add(main.get(name, name))
    return {short: names.pop() for short, names in servers.items() if len(names) == 1 and short not in listed}


@cache
def _pools() -> tuple[dict[str, Pool], dict[str, Pool]]:
    try:
        entries = tomllib.loads(KNOWLEDGE.read_text(encoding="utf-8"))["pool"]
        pools = converted(entries, tuple[Pool, ...])
    except (OSError, KeyError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"The list of known hosts {KNOWLEDGE} cannot be read: {error}.") from error
    exact = {name: pool for pool in pools for name in pool.exact}
    suffixes = {name: pool for pool in pools for name in pool.suffixes}
    return exact, suffixes
