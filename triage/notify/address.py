"""Where a webhook may lead: https, and a host that the settings name. What an address holds is never repeated."""

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from triage.errors import Misconfigured

LONGEST = 4_000
"""Characters of an address: a workflow's has some 300."""

_UNRESOLVED = "@Microsoft.KeyVault("
"""How Azure leaves a reference to Key Vault that it could not read."""

_WIRE_SERVER = ipaddress.ip_address("168.63.129.16")
"""Azure's own agent channel, which every virtual machine there can reach."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def checked_address(setting: str, url: str, hosts: Sequence[str], *, allow_loopback: bool) -> SplitResult:
    """Give the parts of an address that may be posted to.

    `hosts` are names ("hooks.contoso.example", "hooks.contoso.example:8443") or ends of names (".logic.azure.com").
    Raises `Misconfigured` with the name of the setting, never with what it holds.
    """
    if url.startswith(_UNRESOLVED):
        raise Misconfigured(f"{setting} is a reference to Key Vault that Azure could not read: look at its identity.")
    parts, port = _split(setting, url)
    host = (parts.hostname or "").lower().rstrip(".")
    if parts.username is not None or parts.password is not None:
        raise Misconfigured(f"{setting} holds a user name or a password before the host; that is not allowed.")
    if allow_loopback and is_loopback(host):
        return parts
    if parts.scheme != "https" or not host:
        raise Misconfigured(f"{setting} is no https address.")
    if not any(_fits(host, port, one.lower()) for one in hosts):
        table = setting.rpartition(".")[0]
        raise Misconfigured(f"The host of {setting} is not among {table}.hosts, so nothing is sent there.")
    return parts


def _split(setting: str, url: str) -> tuple[SplitResult, int]:
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Misconfigured(f"{setting} is no address.")
    try:
        parts = urlsplit(url)
        return parts, parts.port or 443
    except ValueError:
        raise Misconfigured(f"{setting} is no address.") from None


def _fits(host: str, port: int, allowed: str) -> bool:
    if allowed.startswith("."):
        # An address ends in digits: no end of a name may let one in.
        return port == 443 and _literal(host) is None and host.endswith(allowed) and len(host) > len(allowed)
    name, _, wanted = allowed.rpartition(":")
    if _literal(allowed) is None and name and wanted.isdigit():
        return (host, port) == (name.strip("[]"), int(wanted))
    return (host, port) == (allowed.strip("[]"), 443)


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address means this machine."""
    address = _literal(host)
    return host == "localhost" if address is None else address.is_loopback


def addresses_of(host: str, port: int) -> tuple[list[str], str | None]:
    """Resolve a name once: give its addresses, and the first of them that nothing on the internet can honestly have.

    Such are this machine, its link and none at all: a name that the settings allow may still be pointed at the
    machine's own services or at the cloud's metadata. Raises `OSError` where the name cannot be resolved.
    """
    found: dict[str, None] = {}
    forbidden = None
    for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        seen = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped else address
        unfit = seen.is_loopback or seen.is_link_local or seen.is_unspecified or seen.is_multicast
        if unfit or seen == _WIRE_SERVER:
            forbidden = forbidden or str(seen)
        found[str(address)] = None
    return list(found), forbidden
