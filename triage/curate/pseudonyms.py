"""Stable stand-ins: the same address, host, IP, name or Message-ID always becomes the same other one.

Within a file by chance, so that nobody can try names until one fits; with a key the same in every file. What Microsoft and
the large providers call their own servers stays: it says something about the fault and nothing about anybody.
"""

import base64
import hashlib
import hmac
import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from triage.hosts import Hosts

MAX_LITERALS = 2_000

KEPT_LOCALS = frozenset("postmaster mailer-daemon noreply no-reply double-bounce root abuse".split())
_MICROSOFT_LOCAL = "microsoftexchange329e71ec88ae4615bbc36ab6ce41109e"
_TENANT = re.compile(r"(?i)^[^.]+\.(?:mail\.protection\.|mail\.onmicrosoft\.|onmicrosoft\.|[a-z0-9-]+\.mx\.microsoft)")
_KNOWN_WORD = re.compile(r".{1,200}\.[A-Z][a-z]{1,40}[A-Za-z]{0,40}")

ADDRESS = r"[^\s<>()\[\],;:\"'@=\\/]{1,64}+@(?:[A-Za-z0-9_-]{1,63}\.){0,12}[A-Za-z0-9-]{1,63}"
IP = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])"
HOST = r"(?<![\w.@-])(?:[A-Za-z0-9_-]{1,63}\.){1,12}[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])(?![A-Za-z0-9_])"


class Pseudonyms:
    """Gives stand-ins. `literals` are words to be replaced wherever they stand, each with the kind it has."""

    def __init__(self, key: bytes, hosts: Hosts) -> None:
        """Take the key that decides which stand-in is given, and what is known of hosts."""
        self._key = key
        self._hosts = hosts
        self._literals: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def learn(self, literals: dict[str, str]) -> None:
        """Take words (a subject, a name, a Message-ID) and their kind; they go before all patterns, the longest first."""
        self._literals = {word.lower(): kind for word, kind in literals.items()}
        longest = sorted(self._literals, key=len, reverse=True)[:MAX_LITERALS]
        words = "|".join(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])" for word in longest)
        every = [f"(?P<word>(?i:{words}))"] if words else []
        # An address first: its local part may be a word that stands by itself elsewhere.
        self._pattern = re.compile("|".join([f"(?P<address>{ADDRESS})", *every, f"(?P<ip>{IP})", f"(?P<host>{HOST})"]))

    def text(self, text: str) -> str:
        """Give a text with every word that names somebody replaced."""
        if self._pattern is None:
            self.learn({})
        assert self._pattern is not None  # noqa: S101 - learned above
        return self._pattern.sub(self._one, text)

    def _one(self, found: re.Match[str]) -> str:
        kind, value = found.lastgroup or "", found.group()
        if kind == "word":
            return self.word(value, self._literals[value.lower()])
        return {"address": self.address, "ip": self.ip, "host": self.host}[kind](value)

    def word(self, value: str, kind: str) -> str:
        """Give the stand-in of a learned word."""
        made = self._mark(kind, value)
        match kind:
            case "name":
                return f"Person {made[:6].upper()}"
            case "subject":
                return f"Subject {made[:8]}"
            case "id":
                local, at, domain = value.rpartition("@")
                return f"{self._mark('id', local)}@{self.host(domain)}" if at else made
            case "boundary":
                return made
            case "local":
                return f"user-{made[:6]}"
            case _:
                return self.host(value)

    def address(self, value: str) -> str:
        """Give the stand-in of an address: what servers write as stays before the @, a person does not."""
        local, _, domain = value.rpartition("@")
        kept = local.lower() in KEPT_LOCALS or local.lower().startswith(_MICROSOFT_LOCAL)
        # By the local part alone, so that it is the same where it stands by itself.
        made = local if kept else f"user-{self._mark('local', local)[:6]}"
        return f"{made}@{self.host(domain)}"

    def host(self, value: str) -> str:
        """Give the stand-in of a host or domain, with as many labels; names below one domain stay below one."""
        if _KNOWN_WORD.fullmatch(value) and not value.endswith((".Com", ".Net", ".Org")):
            return value
        name = value.lower().rstrip(".")
        if self._hosts.pool(name) is not None or name.endswith((".microsoft", "outlook.com", "office365.com")):
            if not _TENANT.match(name):
                return value
            return f"t-{self._mark('label', name.partition('.')[0])[:6]}.{name.partition('.')[2]}"
        if name.endswith(".example") or name in ("localhost", "localhost.localdomain"):
            return value
        labels = name.split(".")
        if len(labels) == 1:
            return f"H-{self._mark('label', name)[:6].upper()}"
        top = f"d{self._mark('domain', '.'.join(labels[-2:]))[:6]}.example"
        return ".".join([*(f"h{self._mark('label', label)[:4]}" for label in labels[:-2]), top])

    def ip(self, value: str) -> str:
        """Give an address of the ranges for documentation; a private one stays private, the loopback what it is."""
        try:
            address = ip_address(value)
        except ValueError:
            return value
        number = int.from_bytes(self._digest("ip", str(address))[:4], "big")
        if address.is_loopback or address.is_unspecified:
            return value
        if isinstance(address, IPv6Address):
            return str(IPv6Address((0x20010DB8 << 96) | number))
        if address.is_private and not _is_documentation(address):
            return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number % 254 + 1}"
        net = ("192.0.2", "198.51.100", "203.0.113")[(number >> 8) % 3]
        return f"{net}.{number % 254 + 1}"

    def _mark(self, kind: str, value: str) -> str:
        return base64.b32encode(self._digest(kind, value.lower())).decode("ascii").lower()[:12]

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\0{value}".encode("utf-8", "replace"), hashlib.sha256)


def _is_documentation(address: IPv4Address) -> bool:
    return str(address).startswith(("192.0.2.", "198.51.100.", "203.0.113."))
