"""Who stands at the two ends: what a session says of its own server and of its peer, and which of it names a machine.

A Receive connector's id begins with its server's name. An EHLO name may be a connector's, which several servers share,
so it names a machine only where something else confirms it: the settings, a connector id, or an address seen with one.
"""

import ipaddress
import re
from functools import lru_cache
from typing import NamedTuple

from triage.decode.protocol_log.fields import address_of
from triage.decode.protocol_log.session import Session
from triage.hosts import Hosts, normal

MAX_SERVERS = 1_000
"""Servers and addresses remembered of one input: a folder holds the logs of a few."""

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62}){0,30}")
_COMPUTER = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]{0,62}")


class Own(NamedTuple):
    """What a session says of the log's own server: its address, the name in the connector's id, the name it gave."""

    ip: str | None
    server: str | None
    said: str | None


def own_of(session: Session) -> Own:
    """Give what a session says of the log's own server."""
    if session.side == "send":
        return Own(address_of(session.local), None, first_name(session.client_name))
    said = first_name(_after_code(session.banner)) or first_name(_after_code(session.greeting))
    return Own(address_of(session.local), _server(session.connector), said)


def peer_of(session: Session) -> str | None:
    """Give the name by which the peer goes: of its banner or greeting, or of the EHLO that it sent."""
    if session.side == "receive":
        return first_name(session.client_name)
    return first_name(_after_code(session.banner)) or first_name(_after_code(session.greeting))


def usable(said: str | None, hosts: Hosts) -> str | None:
    """Give a name that a peer gave itself, where it is a full one, or short for one that the settings list."""
    name = hosts.canonical(said)
    return name if name is not None and "." in name else None


class Names:
    """Names seen in one input, and what each end is called when all of it is known."""

    def __init__(self, hosts: Hosts) -> None:
        """`hosts` says which names are ours, and which of them are one server."""
        self._hosts = hosts
        self._full: dict[str, str] = {}
        self._by_ip: dict[str, str | None] = {}

    def learn(self, own: Own) -> bool:
        """Remember which full name and which address go with the server that a connector's id names; False if full."""
        if own.server is None or len(self._full) >= MAX_SERVERS or len(self._by_ip) >= MAX_SERVERS:
            return False
        if own.said is not None and own.said.partition(".")[0] == own.server:
            self._full.setdefault(own.server, own.said)
        if own.ip is not None and not ipaddress.ip_address(own.ip).is_loopback:
            known = self._by_ip.setdefault(own.ip, own.server)
            if known != own.server:
                self._by_ip[own.ip] = None
        return True

    def own(self, own: Own) -> str | None:
        """Give the name of the log's own server; None where the log does not name the machine."""
        server = own.server or self._server_at(own.ip)
        if server is not None:
            return self._hosts.canonical(self._full.get(server, server))
        return self._listed_at(own.ip) or (self._hosts.canonical(own.said) if self._is_confirmed(own.said) else None)

    def peer(self, said: str | None, ip: str | None, is_client: bool) -> str | None:
        """Give the name of the peer; a client of our own domain needs more than its EHLO."""
        listed = self._listed_at(ip)
        if listed is not None:
            return listed
        if is_client and self._hosts.is_ours(said) and not self._is_confirmed(said):
            server = self._server_at(ip)
            return self._hosts.canonical(self._full.get(server, server)) if server else None
        return self._hosts.canonical(said)

    def _server_at(self, ip: str | None) -> str | None:
        return self._by_ip.get(ip) if ip is not None else None

    def _listed_at(self, ip: str | None) -> str | None:
        """Give the name that the settings join with an address."""
        name = self._hosts.canonical(ip)
        return name if name != ip else None

    def _is_confirmed(self, said: str | None) -> bool:
        """Say whether a name that a server gave itself is a machine's: its connector ids bear it, or the settings do."""
        if said is None:
            return False
        label, _, _ = said.partition(".")
        if self._full.get(label) == said:
            return True
        listed = self._hosts.canonical(label)
        return listed is not None and "." in listed and listed == self._hosts.canonical(said)


def _after_code(row: bytes | None) -> bytes | None:
    return row.lstrip(b'"')[4:].lstrip() if row is not None else None


@lru_cache(maxsize=8192)
def first_name(said: bytes | None) -> str | None:
    """Give the first word, where it is a host name and no address."""
    words = said.strip(b'"\r, ').split(None, 1) if said else None
    name = normal(words[0].rstrip(b',"').decode("ascii", "replace")) if words else None
    if name is None or not _HOST.fullmatch(name) or name.rpartition(".")[2].isdigit():
        return None
    return name


@lru_cache(maxsize=1024)
def _server(connector: bytes) -> str | None:
    server, backslash, _ = connector.partition(b"\\")
    return server.decode("ascii").lower() if backslash and _COMPUTER.fullmatch(server) else None
