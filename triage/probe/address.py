"""What is to be probed: a name with its port, and the addresses behind the name."""

import ipaddress
import socket

import msgspec

from triage.errors import BadInput, Transient
from triage.hosts import normal

SMTP_PORT = 25
MAX_ADDRESSES = 16
"""Addresses of one name that are probed: a large pool has some ten, and each takes several sessions."""


class Address(msgspec.Struct, frozen=True):
    """One address of a server; `name` is what its certificate has to be for, None where only the address is known."""

    ip: str
    port: int = SMTP_PORT
    name: str | None = None


def read_target(text: str) -> tuple[str, int]:
    """Read `HOST`, `HOST:PORT`, `[IPv6]:PORT` or an address. Raises `BadInput` for anything else."""
    host, port = text.strip(), SMTP_PORT
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = _port(rest.removeprefix(":"), text) if rest else SMTP_PORT
    elif host.count(":") == 1:
        host, _, rest = host.partition(":")
        port = _port(rest, text)
    name = normal(host)
    if name is None or any(one.isspace() or not one.isprintable() or one in "/@" for one in name):
        raise BadInput(f"“{text}” is no host: give a name or an address, with a port behind a colon if it is not 25.")
    return name, port


def _port(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65_536):
        raise BadInput(f"“{whole}” has no port between 1 and 65535 behind its colon.")
    return int(text)


def addresses_of(host: str, port: int = SMTP_PORT) -> tuple[Address, ...]:
    """Look the addresses of a host up, at most `MAX_ADDRESSES`. Raises `Transient` where DNS gives none."""
    try:
        ipaddress.ip_address(host)
        return (Address(host, port),)
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Transient(
            f"No address of {host} can be looked up: {getattr(error, 'strerror', None) or error}."
        ) from error
    ips = dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found)
    return tuple(Address(ip, port, host) for ip in list(ips)[:MAX_ADDRESSES])
