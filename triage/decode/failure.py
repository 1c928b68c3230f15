"""What one part of a report says of one recipient, before the parts are put together."""

import re
from datetime import datetime

import msgspec

from triage.decode.dates import utc_of, written
from triage.decode.limits import MAX_ADDRESS, MAX_HEADER
from triage.decode.reply import address as ip_of
from triage.hosts import normal
from triage.model.words import Action

FULL_WIDTH = "\uff1a\uff1b\uff0c\u3002\u3001\uff08\uff09\uff1c\uff1e\u3010\u3011\u300c\u300d\u201c\u201d"
"""Punctuation of Chinese, Japanese and Korean texts, which stands beside an address without a space."""
ADDRESS = rf"[^\s<>()\[\],;:\"'@|\\{FULL_WIDTH}]{{1,64}}@[^\s<>()\[\],;:\"'@/\\{FULL_WIDTH}]{{1,255}}"
"""An address as reports write it; not all that RFC 5321 allows (quoted local parts are read by `read_address`)."""

_USUAL_HOST = re.compile(r"(?:dns[ \t]*;)?[ \t]*([a-z0-9][a-z0-9.-]{0,200}\.[a-z]{2,24})", re.IGNORECASE | re.ASCII)
"""A field with a host as nearly all servers write it."""
_TYPE = re.compile(r"\s*[\w-]{1,20}\s*")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_HOST = re.compile(r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253}[A-Za-z0-9_])?\.?)(?![^\s\[(;,:<>)\]])")
_BRACKETED = re.compile(r"(?:[\[(]|\(TCP\|[0-9A-Fa-f:.]{2,45}\|\d{1,5}\|)(?P<ip>(?:IPv6:)?[0-9A-Fa-f:.]{2,45})[\]),|]")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient, as the report names it and, where that is another address, as the sender wrote it.

    `diagnostic` is what stands there of a reply, unwrapped by nobody yet; hosts are normal names. `status` is the
    machine part's Status field. `smtp` is False where the diagnostic is no reply of a server (RFC 3464 §2.3.6 types such
    as `x-unix`). `remark` is the comment beside the Status: some servers put the reason there.
    """

    recipient: str | None
    original_recipient: str | None = None
    action: Action = "failed"
    status: str | None = None
    diagnostic: str | None = None
    smtp: bool = True
    remark: str | None = None
    receiving_host: str | None = None
    receiving_ip: str | None = None
    time: str | None = None
    retry_until: str | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a report: who wrote it, the Arrival-Date as it stands, and its recipients. `more` counts those beyond
    the bound, `message_id` is that of the returned message where the part itself names it.
    """

    reported_by: str | None = None
    message_id: str | None = None
    arrival_date: str | None = None
    failures: tuple[Failure, ...] = ()
    more: int = 0

    @property
    def arrival(self) -> str | None:
        """The Arrival-Date as UTC in RFC 3339, None without one: few ask for it."""
        return utc(self.arrival_date)


def read_address(text: str) -> str | None:
    """Give the address in a field value such as `rfc822; <anna@contoso.example>`, its case kept; None without one.

    Takes RFC 6533's `utf-8` addresses with their `\\x{…}` escapes, and drops source routes (RFC 5321 appendix C).
    """
    if not text:
        return None
    kind, semicolon, value = text[:MAX_HEADER].partition(";")
    if not semicolon or "@" in kind:
        kind, value = "", text[:MAX_HEADER]
    value = _ESCAPED.sub(_unescaped, value) if kind.strip().lower().startswith("utf-8") else value
    value = value.strip()
    opening = value.find("<")
    if opening >= 0:
        inside = value[opening + 1 :].partition(">")[0]
        value = inside if "@" in inside or not value[:opening].strip() else value[:opening]
    value = value.strip(" \t<>,;'")
    if value.startswith("@") and ":" in value:
        value = value.partition(":")[2]
    if value.startswith('"') and '"@' in value:
        local, _, domain = value.rpartition('"@')
        value = f'{local}"@{domain.split()[0] if domain.split() else ""}'
    else:
        value = value.split()[0] if value.split() else ""
    value = value.strip('"') if value.count('"') == 1 else value
    if not value or len(value) > MAX_ADDRESS or value[0] in "|/@" or "/" in value.partition("@")[0][:1]:
        return None
    return value.rstrip(".>),") or None


def read_host(text: str) -> tuple[str | None, str | None]:
    """Give name and IP address of an MTA field such as `dns; mx.fabrikam.example [192.0.2.1]`, each None without one."""
    if usual := _USUAL_HOST.fullmatch(text):
        return normal(usual[1]), None
    kind, semicolon, value = text[:MAX_HEADER].partition(";")
    value = (value if semicolon and _TYPE.fullmatch(kind) else text[:MAX_HEADER]).strip(" <>")
    bracketed = _BRACKETED.search(value)
    ip = ip_of(bracketed.group("ip")) if bracketed else None
    first = value.split()[0] if value.split() else ""
    if as_ip := ip_of(first.strip("[]();,").removeprefix("IPv6:")):
        return None, as_ip
    found = _HOST.match(first)
    host = normal(found.group("host")) if found else None
    return host, ip


def utc(text: str | None) -> str | None:
    """Give a date of RFC 5322 as UTC in RFC 3339, None where it is none."""
    moment = moment_of(text)
    return written(moment) if moment is not None else None


def moment_of(text: str | None) -> datetime | None:
    """Give a date of RFC 5322 as a moment; without a zone it is taken as UTC, as RFC 5322 §4.3 takes unknown ones."""
    moment = utc_of(text[:200]) if text else None
    return moment if moment is not None and 1970 <= moment.year < 2200 else None


def _unescaped(found: re.Match[str]) -> str:
    number = int(found.group(1), 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 and number > 31 else found.group()
