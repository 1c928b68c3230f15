"""The human part of Exchange's reports: the lines that say which server answered what, newest first.

Exchange puts the cause there alone: its machine part often holds only the expiry. What is looked for stays English in
every language (`Server at … returned '…'`, `#550 … ##`); headings and labels only help.

Generations: A (2007), B (2010), C (2013 and later, and Exchange Online's classic form), D (Exchange Online's table).
"""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Literal

import msgspec

from triage.decode.exchange_table import read_table
from triage.decode.exchange_words import ADDRESS, HEADER_BLOCK, HOST, labelled, name_and_address, plain, same_host
from triage.decode.reply import Unwrapped, is_expiry, unwrap
from triage.decode.timestamp import TIMESTAMP, read_time
from triage.model import Reply

MAX_TEXT = 262_144
"""Characters read of a human part: Exchange's own text is some kilobytes, the returned headers some dozen."""
MAX_LINES = 500
"""Lines read: a report has one to a few dozen for each of its recipients."""
MAX_REPLY = 8192

_LINE = re.compile(r"(?P<remote>Remote\s{1,3})?Server(?:\s{1,3}at\s{1,3}(?P<name>[^'\"]{1,300}?))?\s{1,3}returned\s{1,3}'")
_OLD_LINE = re.compile(r"#(?=[245]\d\d[ \n])|#(?=<[^<>\n]{0,255}#[245]\.\d)")
_BEFORE_SERVER = re.compile(r"[^\d]{0,12}[-\u2013\u2014]\s{0,4}$")
_NEXT_RECORD = re.compile(rf"\s*(?:$|\n|{TIMESTAMP.pattern}|Remote\s+Server|Server at|[A-Z\d<])")
_LABEL_LINE = re.compile(
    r"(?m)^[^:：\n@]{3,60}[:：][ \t]{0,8}(?P<value>[^\s:@][^\n@]{0,255}?)[ \t]{0,8}$"
)
_OF_2007 = re.compile(r"recipients or distribution lists|Microsoft Exchange Server 2007", re.IGNORECASE)


class ServerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line: when (UTC, RFC 3339, None where day and month stay open), which server, and what it answered.

    `host` is None where the name is no host's (a mailbox database, a connector); `name` keeps it as written.
    `remote` is what the text says; Exchange also writes "Remote Server" about replies of its own.
    `own` is True where the host is the generating server itself: then it is not the other end of the hop.
    """

    reply: str
    time: str | None = None
    host: str | None = None
    ip: str | None = None
    remote: bool = False
    own: bool = False
    name: str | None = None


class HumanRecipient(msgspec.Struct, frozen=True):
    """One recipient and its lines, newest first as they stand."""

    address: str | None
    lines: tuple[ServerLine, ...]


class HumanReport(msgspec.Struct, frozen=True, kw_only=True):
    """A whole human part; hosts as written."""

    generation: Literal["A", "B", "C", "D"]
    generating_server: str | None = None
    receiving_server: str | None = None
    receiving_ip: str | None = None
    recipients: tuple[HumanRecipient, ...] = ()
    original_headers: str = ""
    sender: str | None = None
    subject: str | None = None


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipient's lines come to: the cause, every reply around it (outermost first), and the other end."""

    unwrapped: Unwrapped
    wrappers: tuple[Reply, ...] = ()
    host: str | None = None
    ip: str | None = None
    time: str | None = None


def read_human(text: str, reference: datetime | None = None) -> HumanReport | None:
    """Read an Exchange human part, plain or made from HTML, in any language; None for anything else. Never raises.

    `reference` (Arrival-Date, else the report's own Date) decides which number of a date is the day.
    """
    text = plain(text[:MAX_TEXT])
    starts = list(_first(_LINE.finditer(text)))
    if starts:
        return _classic(text, starts, reference)
    if "#SMTP#" in text or "##" in text:
        return _old(text)
    return _table(text)


def cause_of(recipient: HumanRecipient) -> Cause | None:
    """Find the line that states the cause: the newest that is more than an expiry; None without lines.

    The other end is the newest server that is not the generating one.
    """
    read = [unwrap(line.reply) for line in recipient.lines]
    if not read:
        return None
    at = next((index for index, one in enumerate(read) if not is_expiry(one.cause)), 0)
    outer: tuple[Reply, ...] = (*read[0].wrappers, read[0].cause) if at else ()
    host, ip = read[at].receiving_host, read[at].receiving_ip
    for line in recipient.lines[at:]:
        if host or line.own:
            break_here = bool(host)
            if break_here:
                break
            continue
        host, ip = line.host, ip or line.ip
        if host or ip:
            break
    return Cause(
        unwrapped=read[at],
        wrappers=(*outer, *read[at].wrappers),
        host=host,
        ip=ip,
        time=recipient.lines[at].time,
    )


def _first(matches):  # type: ignore[no-untyped-def]
    for _, one in zip(range(MAX_LINES), matches, strict=False):
        yield one
