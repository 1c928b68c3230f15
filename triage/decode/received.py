"""Received headers, newest first: who handed the message to whom, over which TLS, and on which Exchange build.

The clauses are taken apart by mail-parser's scanner, which is linear and keeps comments apart; what it holds ambiguous
is read by us as far as it goes, and plain stamps, nearly all, get the same answer at a tenth of the cost. Exchange's
own stamps prove encryption (`(TLS)`) or a version (`version=TLS1_2`). A stamp is not proof of the version for an
authenticated client's own submission, and `with mapi` says nothing of TLS.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import overload

from triage.decode.dates import utc_of, written
from triage.decode.encoded import unfolded
from triage.decode.reply import address
from triage.model.words import TlsVersion

MAX_HEADERS = 100
"""Received headers read of one message: RFC 5321 §6.3 lets a loop be called one at 100."""
MAX_LENGTH = 4096
"""Characters read of one Received header: real ones have some hundred."""

_EXCHANGE = re.compile(r"Microsoft SMTP Server(?:\s?\((?P<tls>[^()]{1,300})\))?", re.IGNORECASE)
_BUILD = re.compile(r"(?:^|\bid )(?P<build>\d{1,2}\.\d{1,2}\.\d{1,5}\.\d{1,4})(?![\d.])")
_VERSION = re.compile(
    r"(?:\bversion[= ] ?|\busing |\btls |\(|\bX=|, )(?:SSL/)?TLS[ v_]{0,2}1(?:[._](?P<minor>[0-3]))?(?=[\s,):;]|$)",
    re.IGNORECASE,
)
"""`TLSv1/SSLv3` is OpenSSL's name for a group of ciphers, not a version: the slash keeps it out."""
_CIPHER = re.compile(r"\bcipher[= ]\s?(?P<cipher>[A-Za-z0-9_+-]{4,80})")
_EXIM_CIPHER = re.compile(
    r"\b(?:tls |TLS1\.[0-3]:|X=TLS1\.[0-3]:)(?P<cipher>TLS_[A-Z0-9_]{4,80}|ECDHE[A-Z0-9_-]{4,80})"
)
_TLS_ONLY = re.compile(r"^\s*TLS\s*$", re.IGNORECASE)
_ENCRYPTING = re.compile(r"(?:UTF8)?(?:E?SMTP|LMTP)SA?\b", re.IGNORECASE)
_SECURED = re.compile(
    r"\bover TLS secured channel\b|\bwith E?SMTP(?:/TLS/| \((?:SSL|TLS)\))(?P<cipher>[A-Z0-9-]{4,60})?"
)
_LITERAL = re.compile(r"\[(?:IPv6:)?(?P<ip>[0-9A-Fa-f:.]{2,45})(?:%\w{1,20})?\]", re.IGNORECASE)
_BARE_ADDRESS = re.compile(r"\((?P<ip>[0-9A-Fa-f:.]{3,45})\)")
_HELO = re.compile(r"\b(?:helo|ehelo|ehlo)[= ](?P<helo>[^\s()]{1,255})", re.IGNORECASE)
_REVERSE = re.compile(r"\((?P<host>[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){1,10})\.?\s?(?:\[|\))")
_LETTER = re.compile("[a-z]")
_FIRST = re.compile(r"(?P<name>[^\s()\[\];]{1,255})")
_NEVER_PLAIN = re.compile(r"[\x00\x01\\\"]")
_KEY = r"(?!with cipher)(?:from|by|via|with|id|for|envelope-(?:from|sender))(?= )"
_COVERED = r"\((?:[^()]++|\((?:[^()]++|\((?:[^()]++|\([^()]*+\))*+\))*+\))*+\)|\[[^()\[\]]*+\]|<[^()<>]*+>"
"""A comment (up to four deep), a literal, an angle: no word and no `;` in it counts."""
_VALUE = rf"(?:(?!(?<=\)){_KEY})[^ ()\[\]<>;]++|{_COVERED}| (?!{_KEY}))*+"
_ITEM = rf"(?: |(?<=\)))({_KEY})({_VALUE})"
_CLAUSES = re.compile(_ITEM, re.IGNORECASE)
_PLAIN = re.compile(rf"(?P<before>{_VALUE})(?:{_ITEM})*+;(?P<date>(?:[^()\[\]<>;]++|{_COVERED})*+)", re.IGNORECASE)
_CLAUSE = re.compile(r"(?:^|\s)(?P<key>from|by|with|id|for)\s", re.IGNORECASE)

_STAMPS = (
    ("Postfix", "(Postfix", re.compile(r"\bby \S{1,255} \(Postfix[,)]")),
    ("Exim", "(Exim ", re.compile(r"\(Exim \d")),
    ("sendmail", " (8.", re.compile(r"\bby \S{1,255} \(8\.\d{1,2}\.\d{1,2}(?:\.\d{1,3})?/")),
)
"""How servers that are not Exchange name themselves in the clause of the stamping host, and what each pattern holds."""

_TELLING = ("smtps", "lmtps", "tls", "ssl", "cipher", "microsoft", "mapi")
"""Words without one of which a stamp tells neither of encryption nor of a build."""


class Hop:
    """One Received header; what it says is read when it is asked first, for most stamps are asked little."""

    def __init__(self, value: str) -> None:
        """Take the value of the header, as it stands or unfolded."""
        self._value = value

    @cached_property
    def raw(self) -> str:
        """The value on one line, at most `MAX_LENGTH` characters of it."""
        value = self._value
        if len(value) > MAX_LENGTH or not value.isascii():
            value = unfolded(value)[:MAX_LENGTH]
        return " ".join(value.split())

    @cached_property
    def from_host(self) -> str | None:
        """The client as the server names it: its reverse name where the stamp gives one apart, else what it said."""
        return self._names[0]

    @property
    def helo(self) -> str | None:
        """What the client said in its greeting."""
        return self._names[1]

    @cached_property
    def from_ip(self) -> str | None:
        """The client's address."""
        return _address(self._clause("from"))

    @cached_property
    def by_host(self) -> str | None:
        """The stamping (receiving) server."""
        by = _FIRST.match(self._clause("by"))
        return _host(by.group("name")) if by else None

    @property
    def by_ip(self) -> str | None:
        """The stamping server's address."""
        return _address(self._clause("by"))

    @property
    def tls_version(self) -> TlsVersion | None:
        """The version of TLS; "none" where the stamp tells that there was no encryption."""
        return self._tls[0]

    @property
    def cipher(self) -> str | None:
        """The cipher suite."""
        return self._tls[1]

    @property
    def encrypted(self) -> bool | None:
        """Whether the hop was encrypted at all; None where the stamp does not tell."""
        return self._tls[2]

    @property
    def product(self) -> str | None:
        """The name of the stamping server's product."""
        return _product(self.build, self.by_host) if self.build else _stamped_by(self.raw)

    @cached_property
    def build(self) -> str | None:
        """The build of the stamping server, as written."""
        return _build(self._clause("id"), self._with)

    @property
    def protocol(self) -> str | None:
        """The protocol that the stamp names."""
        return self._with.split(" (")[0].strip() or None

    @property
    def time(self) -> str | None:
        """When the server stamped it, UTC, RFC 3339."""
        return _time(self._split[1])

    def may_name(self, host: str) -> bool:
        """False where a host, in lower case, does not stand in the stamp at all."""
        return host in self._lower or not self._lower.isascii()

    @cached_property
    def _lower(self) -> str:
        """The value in lower case, with whatever blanks it has: for words that have none."""
        return self._value.lower()

    @cached_property
    def tells_tls(self) -> bool:
        """True where the stamp tells of encryption, or that there was none, or a build."""
        if self._lower.isascii() and not any(map(self._lower.__contains__, _TELLING)):
            return False
        return self.tls_version is not None or self.encrypted is not None or self.build is not None

    @cached_property
    def _split(self) -> tuple[dict[str, str], str]:
        return _clauses(self.raw)

    def _clause(self, key: str) -> str:
        return self._split[0].get(key, "")

    @property
    def _with(self) -> str:
        return self._clause("with")

    @cached_property
    def _names(self) -> tuple[str | None, str | None]:
        return _names(self._clause("from"))

    @cached_property
    def _tls(self) -> tuple[TlsVersion | None, str | None, bool | None]:
        return _tls(self.raw, self._with)


def read_received(values: Sequence[str]) -> tuple[Hop, ...]:
    """Take the Received headers of a message, in their order (newest first). Never raises, whatever is asked of them."""
    return tuple(map(Hop, values[:MAX_HEADERS]))


class Way(Sequence[str]):
    """The hosts that Received headers name, in their order: of each the client, then the server.

    Most judgements of a report do without its way: it is read when something of it is asked first.
    """

    def __init__(self, hops: Sequence[Hop]) -> None:
        """Take the headers, newest first."""
        self._hops = hops

    @cached_property
    def _hosts(self) -> list[str]:
        return [host for hop in self._hops for host in (hop.from_host, hop.by_host) if host]

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        """Give a host, or some of them."""
        return self._hosts[at]

    def __len__(self) -> int:
        return len(self._hosts)


def _clauses(raw: str) -> tuple[dict[str, str], str]:
    """Split a header into its clauses (the first of each) and its date."""
    return _plain_clauses(raw) or _any_clauses(raw)


def _plain_clauses(raw: str) -> tuple[dict[str, str], str] | None:
    """Split a stamp in which every bracket is closed, nothing is quoted and one `;` stands before the date; else None."""
    if _NEVER_PLAIN.search(raw):
        return None
    found = _PLAIN.fullmatch(f" {raw}")
    if found is None:
        return None
    clauses: dict[str, str] = {}
    for key, value in _CLAUSES.findall(found.string, found.end("before"), found.start("date") - 1):
        clauses.setdefault(key.lower(), value.strip())
    return clauses, found["date"].strip()


def _any_clauses(raw: str) -> tuple[dict[str, str], str]:
    """Split any stamp."""
    from mailparser.exceptions import MailParserReceivedParsingError
    from mailparser.received import split_received

    try:
        pairs, date = split_received(raw)
    except MailParserReceivedParsingError:
        head, _, date = raw.rpartition(";") if ";" in raw else (raw, "", "")
        marks = list(_CLAUSE.finditer(head))
        ends = [*(mark.start() for mark in marks[1:]), len(head)]
        pairs = [(mark["key"].lower(), head[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=False)]
    clauses: dict[str, str] = {}
    for key, value in pairs:
        clauses.setdefault(key, value)
    return clauses, date or ""


def _names(sender: str) -> tuple[str | None, str | None]:
    """Read the client's name and what it said in its greeting."""
    first = _FIRST.match(sender)
    said = _host(first.group("name")) if first else None
    lower = sender.lower()
    greeting = _HELO.search(sender) if "helo" in lower or "ehlo" in lower else None
    if greeting:  # Exim and qmail put the greeting in the comment and the looked-up name in front
        return said, _host(greeting.group("helo")) or greeting.group("helo").strip("[]")
    reverse = _REVERSE.search(sender) if "(" in sender else None
    looked_up = _host(reverse.group("host")) if reverse and not address(reverse.group("host")) else None
    return looked_up or said, said


def _host(name: str) -> str | None:
    """Give a host name in lower case; None for an address, "unknown", "localhost" and what has no letter."""
    name = name.strip("[]<>,").rstrip(".").lower()
    if address(name) or name in ("unknown", "localhost", "localhost.localdomain", "") or not _LETTER.search(name):
        return None
    return name


def _address(clause: str) -> str | None:
    """Give the address in a clause: `[192.0.2.1]`, `(192.0.2.1)`, `[IPv6:2001:db8::1]`; of two, the last."""
    if "[" not in clause and "(" not in clause:
        return None
    found = [address(one.group("ip")) for one in _LITERAL.finditer(clause)]
    found += [address(one.group("ip")) for one in _BARE_ADDRESS.finditer(clause)]
    return next((one for one in reversed(found) if one), None)


def _tls(raw: str, protocol: str) -> tuple[TlsVersion | None, str | None, bool | None]:
    """Read version, cipher and whether the hop was encrypted at all."""
    if "microsoft" in raw.lower() and (exchange := _EXCHANGE.search(raw)):
        return _exchange_tls(exchange.group("tls") or "")
    if protocol.lower().startswith("mapi"):
        return None, None, None
    found = _CIPHER.search(raw) if "cipher" in raw else None
    found = found or (_EXIM_CIPHER.search(raw) if "TLS1." in raw or "tls " in raw else None)
    version = _version(raw)
    if version or found or _ENCRYPTING.match(protocol):
        return version, found.group("cipher") if found else None, True
    if ("TLS" in raw or "SSL" in raw) and (secured := _SECURED.search(raw)):
        return None, secured.group("cipher"), True
    return None, None, None


def _exchange_tls(inside: str) -> tuple[TlsVersion | None, str | None, bool | None]:
    """Read the brackets of an Exchange stamp: none at all means clear text, `TLS` alone an unknown version."""
    if not inside:
        return "none", None, False
    version, cipher = _version(f"({inside})"), _CIPHER.search(inside)
    encrypted = bool(version or cipher or _TLS_ONLY.match(inside))
    return version, cipher.group("cipher") if cipher else None, encrypted or None


def _version(text: str) -> TlsVersion | None:
    """Read a TLS version in any of the stamps' spellings; SSL versions have no word in the contract."""
    versions: dict[str | None, TlsVersion] = {None: "1.0", "0": "1.0", "1": "1.1", "2": "1.2", "3": "1.3"}
    found = _VERSION.search(text) if "tls" in text.lower() else None
    return versions[found.group("minor")] if found else None


def _build(identifier: str, protocol: str) -> str | None:
    """Give the Exchange build of a stamp, as written; other servers put queue ids in the same clause."""
    if not (_EXCHANGE.match(protocol) or protocol.lower().startswith("mapi")):
        return None
    found = _BUILD.match(identifier)
    return found.group("build") if found else None


def _stamped_by(raw: str) -> str | None:
    """Name the software that stamps its name or, as sendmail does, its version twice: `(8.17.1/8.17.1)`."""
    return next((name for name, word, mark in _STAMPS if word in raw and mark.search(raw)), None)


def _product(build: str, by_host: str | None) -> str | None:
    """Name the product: Exchange Online by its host names alone, since it stamped 15.1 builds before 2018."""
    if by_host and by_host.endswith((".outlook.com", ".outlook.cn", ".office365.us", ".outlook.de")):
        return "Exchange Online"
    try:
        from triage.exchange import product_of
    except ImportError:
        return None
    return product_of(build)


def _time(date: str) -> str | None:
    """Give a date as UTC, RFC 3339."""
    stamp = utc_of(date.strip())
    return written(stamp) if stamp is not None and stamp.year >= 1000 else None
