"""The human part of Exchange's reports: the lines that say which server answered what, newest first.

Exchange puts the cause there alone: its machine part often holds only the expiry. What is looked for stays English in
every language (`Server at … returned '…'`, `#550 … ##`); headings and labels only help.

Generations: A (2007), B (2010), C (2013 and later, and Exchange Online's classic form), D (Exchange Online's table).
"""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Literal, NamedTuple

import msgspec

from triage.decode.exchange_table import may_be_table, read_table
from triage.decode.exchange_words import (
    ADDRESS,
    HEADER_BLOCK,
    HOST,
    labelled,
    last_of,
    name_and_address,
    plain,
    same_host,
)
from triage.decode.reply import Unwrapped, is_expiry, unwrap
from triage.decode.timestamp import TIMESTAMP, read_time
from triage.model import Reply

MAX_TEXT = 262_144
"""Characters read of a human part: Exchange's own text is some kilobytes, the returned headers some dozen."""
MAX_LINES = 500
"""Lines read: a report has one to a few dozen for each of its recipients."""
MAX_REPLY = 8192

_LINE = re.compile(
    r"erver(?<=[Ss]erver)(?:\s{1,3}at\s{1,3}(?P<name>[^'\"]{1,300}?))?"
    r"\s{1,3}returned(?:\s{1,3}(?P<quote>')|:?\s{1,3}(?=[45]\d\d[ \n-][45]\.\d))"
)
"""Who types the line off a screen leaves the quotes away. A plain word is looked for far faster than one of two letters."""
_REMOTE = re.compile(r"[Rr]emote\s{1,3}\Z")
_OLD_LINE = re.compile(r"#(?=[245]\d\d[ \n])|#(?=<[^<>]{0,255}#[245]\.\d)")
_BEFORE_SERVER = re.compile(r"[^\d]{0,12}[-\u2013\u2014]\s{0,4}$")
_ANY_TIME = re.sub(r"\?P<\w+>", "?:", TIMESTAMP.pattern)
_LINE_START = rf"(?:{_ANY_TIME}|[Rr]emote\s+[Ss]erver|[Ss]erver\s+at)"
_NEXT_RECORD = re.compile(rf"\s*(?:$|\n|{_LINE_START}|[A-Z\d<]|[^\s@'\"]{{1,64}}@[\w.-]{{1,253}}?\s*{_LINE_START})")
_LABEL_LINE = re.compile(r"(?m)^[ \t]{0,8}[^:：\n@]{3,60}[:：][ \t]{0,8}(?P<value>[^\s:@][^\n@]{0,255})$")
_JOINED_LABELS = re.compile(
    r"[:：]\s{0,8}(?P<host>(?:[A-Za-z0-9_-]{1,63}\.){2,12}[A-Za-z][A-Za-z0-9-]{1,62})\s"
    r"[^:：\n@]{3,60}[:：]\s{0,8}(?P<next>[^\n:：]{4,200})"
)
"""Two labels with a server each, on one line; the second value may run on."""
_RETURNED = re.compile(r"returned(?<=\sreturned)\s{1,3}['\u2018\u2019\u201a]")
_REPLY = re.compile(r"[45]\d\d[ \n-][45]\.\d{1,3}\.\d")
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


class _Opening(NamedTuple):
    """Where the words stand that open a line of generation C, and what they say."""

    start: int
    end: int
    name: str | None
    remote: bool
    is_quoted: bool


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

    `reference` (Arrival-Date, else the report's own Date) decides which number of a date is the day. Lines alone are
    not enough, since an article may quote one: a recipient must stand before them, and the generating server, the
    original headers or a time beside them.
    """
    text = text[:MAX_TEXT]
    if not may_be_human(text):
        return None
    text = plain(text)
    has_lines = "returned" in text and "erver" in text
    openings = list(map(_opening, islice(_LINE.finditer(text), MAX_LINES))) if has_lines else []
    if openings:
        report = _report(text, [(one.start, one.end) for one in openings], openings, reference)
    elif "#SMTP#" in text or "##" in text:
        starts = list(islice(_OLD_LINE.finditer(text), MAX_LINES))
        report = _report(text, [(start.start(), start.end()) for start in starts], None, reference) if starts else None
    else:
        report = None
    return report or _table(text)


def _opening(found: re.Match[str]) -> _Opening:
    """Take what opens a line; `Remote` before it is looked for last."""
    start = found.start() - 1
    remote = _REMOTE.search(found.string, max(0, start - len("Remote   ")), start)
    at = remote.start() if remote else start
    return _Opening(at, found.end(), found.group("name"), remote is not None, found.group("quote") is not None)


def may_be_human(text: str) -> bool:
    """True where a text has what a generation has somewhere: other reports, which quote replies too, are told apart at
    little cost.
    """
    text = text[:MAX_TEXT]
    if "##" in text or "#SMTP#" in text:
        return True
    told = "returned" in text
    if told and _RETURNED.search(text):
        return True
    if not _REPLY.search(text):
        return False
    # Left are C, where a line is broken behind "returned" or has no quotes, and D.
    return (told and "erver" in text) or may_be_table(text)


def cause_of(recipient: HumanRecipient) -> Cause | None:
    """Find the line that states the cause: the newest that is more than an expiry; None without lines.

    The other end is the one that the reply itself names, else the newest server that is not the generating one. The
    time is the line's own, else that of the newest line that has one: Exchange leaves lines undated.
    """
    read = [unwrap(line.reply) for line in recipient.lines]
    if not read:
        return None
    at = next((index for index, one in enumerate(read) if not is_expiry(one.cause)), 0)
    outer: tuple[Reply, ...] = (*read[0].wrappers, read[0].cause) if at else ()
    host, ip = read[at].receiving_host, read[at].receiving_ip
    tried = next((line for line in recipient.lines[at:] if not line.own and (line.host or line.ip)), None)
    if tried and (host is None or same_host(host, tried.host)):
        host, ip = host or tried.host, ip or tried.ip
    return Cause(
        unwrapped=read[at],
        wrappers=(*outer, *read[at].wrappers),
        host=host,
        ip=ip,
        time=recipient.lines[at].time or next((line.time for line in recipient.lines if line.time), None),
    )


def _report(
    text: str,
    spans: list[tuple[int, int]],
    lines: list[_Opening] | None,
    reference: datetime | None,
) -> HumanReport | None:
    """Put a report of generation A, B or C together; `lines` are those of C."""
    limit, headers = _headers(text, spans[-1][1])
    top = text[max(0, spans[0][0] - 4000) : spans[0][0]]
    generating, receiving, ip = _servers(top, [line.name for line in lines or () if line.name])
    references = tuple(date for date in (reference, _newest_stamp(headers)) if date is not None)
    gathered: dict[str | None, list[ServerLine]] = {}
    current: str | None = None
    before = max(0, spans[0][0] - 1000)
    listed = {found.group("address") for found in ADDRESS.finditer(top)} - {_recipient(top, set(), None)}
    for index, (start, end) in enumerate(spans):
        stop = spans[index + 1][0] if index + 1 < len(spans) else limit
        reply, behind = _reply(text, lines[index] if lines else None, end, stop)
        named = ADDRESS.match(text, behind + 7) if text.startswith("rfc822;", behind) else None
        lead = text[before:start]
        current = named.group("address") if named else _recipient(lead, listed, generating) or current
        gathered.setdefault(current, []).append(
            _line(lead, lines[index] if lines else None, reply, generating, references)
        )
        before = named.end() if named else behind
    dated = any(line.time for lines_ in gathered.values() for line in lines_)
    if set(gathered) == {None} or not (generating or headers or dated or "heading" in labelled(top)):
        return None
    if same_host(receiving, generating):
        receiving = ip = None
    return HumanReport(
        generation="C" if lines else "A" if _OF_2007.search(text) else "B",
        generating_server=generating,
        receiving_server=receiving,
        receiving_ip=ip,
        recipients=tuple(HumanRecipient(address, tuple(found)) for address, found in gathered.items()),
        original_headers=headers,
    )


def _line(
    lead: str, found: _Opening | None, reply: str, generating: str | None, references: tuple[datetime, ...]
) -> ServerLine:
    """Read what stands before a reply: the time, the server, or the host on the recipient's line."""
    name = found.name if found else None
    host = ip = None
    if name:
        name = " ".join(name.split())
        host, ip = name_and_address(name)
    elif beside := list(HOST.finditer(_after_recipient(lead))):
        host = name = beside[0].group("host")
    return ServerLine(
        reply=reply,
        time=_time(lead, references) if found else None,
        host=host,
        ip=ip,
        remote=found is not None and found.remote,
        own=same_host(host, generating),
        name=name,
    )


def _time(lead: str, references: tuple[datetime, ...]) -> str | None:
    """Read the time that ends a lead, as in `9/12/2023 10:39:23 AM - `."""
    tail = lead[-80:]
    last = last_of(TIMESTAMP, tail)
    if last is None or not _BEFORE_SERVER.match(tail, last.end()):
        return None
    return read_time(last.group(), references)


def _recipient(lead: str, listed: set[str], generating: str | None) -> str | None:
    """Give the last address of a lead. Where values run together (`14anna@…`), the one listed further up tells."""
    last = last_of(ADDRESS, lead)
    if last is None:
        return None
    found = last.group("address")
    if found in listed:
        return found
    if generating and found.lower().startswith(generating.lower()) and not found[len(generating) :].startswith("@"):
        found = found[len(generating) :]
    return next((known for known in listed if found.endswith(known)), found)


def _after_recipient(lead: str) -> str:
    """Give what follows the last address of a lead: there a remote host may stand. Nothing where it has none."""
    last = last_of(ADDRESS, lead)
    return lead[last.end() :].lstrip("<>") if last else ""


def _reply(text: str, line: _Opening | None, start: int, stop: int) -> tuple[str, int]:
    """Give the reply that begins at a place, and where it ends."""
    if line is None:
        return _hashed(text, start, stop)
    if line.is_quoted:
        return _quoted(text, start, stop)
    cut = text[start : min(stop, start + MAX_REPLY)].partition("\n\n")[0]
    return " ".join(cut.split()), start + len(cut)


def _quoted(text: str, start: int, stop: int) -> tuple[str, int]:
    """Give the reply between single quotes, and where it ends; quotes nest, and stand for apostrophes too."""
    stop = min(stop, start + MAX_REPLY)
    depth, fallback = 1, -1
    at = text.find("'", start, stop)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        ends = after != "'" and _NEXT_RECORD.match(text[at + 1 : at + 160] + "\n" * (at + 161 >= stop)) is not None
        if before.isspace() or before in '([=:"':
            depth += 1
        elif not (before.isalnum() and after.isalnum() and not ends):
            depth -= 1
            if ends and depth <= 0:
                return " ".join(text[start:at].split()), at + 1
            depth = max(depth, 1)
            fallback = at if ends or fallback < 0 else fallback
        at = text.find("'", at + 1, stop)
    if fallback >= 0:
        return " ".join(text[start:fallback].split()), fallback + 1
    cut = text[start:stop].partition("\n\n")[0]
    return " ".join(cut.split()), start + len(cut)


def _hashed(text: str, start: int, stop: int) -> tuple[str, int]:
    """Give the reply of a line of A or B (`#550 … ##`, `#<host #5.7.1 smtp;530 …> #SMTP#`), and where it ends."""
    stop = min(stop, start + MAX_REPLY)
    closing = "#SMTP#" if text.startswith("<", start) else "##"
    end = text.find(closing, start, stop)
    if end < 0:
        cut = text[start:stop].partition("\n\n")[0]
        return " ".join(cut.split()), start + len(cut)
    reply = " ".join(text[start:end].split())
    return (f"#{reply} #SMTP#" if closing == "#SMTP#" else reply), end + len(closing)


def _headers(text: str, start: int) -> tuple[int, str]:
    """Find the returned headers behind the lines: by their form, since their heading comes in any language."""
    found = HEADER_BLOCK.search(text, start)
    if not found:
        return len(text), ""
    return found.start(), text[max(found.start("start"), found.start("run_on")) :]


def _servers(top: str, names: list[str]) -> tuple[str | None, str | None, str | None]:
    """Read generating and receiving server from the labels above the lines; by their place in an unknown language.

    Where the text has lost its line breaks, a name in one of the lines shows where the label's value ends.
    """
    values = labelled(top)
    value = values.get("generating_server", "")
    generating = HOST.match(next((name for name in names if value.lower().startswith(name.lower())), value))
    if generating:
        return generating.group("host"), *name_and_address(values.get("receiving_server", ""))
    values_in_order = [found.group("value").strip() for found in _LABEL_LINE.finditer(top[-1200:])]
    for index, value in enumerate(values_in_order):
        if HOST.fullmatch(value):
            following = values_in_order[index + 1] if index + 1 < len(values_in_order) else ""
            return value.rstrip("."), *name_and_address(following)
    joined = _JOINED_LABELS.search(top[-1200:])
    return (joined.group("host"), *name_and_address(joined.group("next"))) if joined else (None, None, None)


def _newest_stamp(headers: str) -> datetime | None:
    """Give the date of the first Received header: when the reporting server took the message."""
    value = headers[:3000].partition(";")[2].split("\n")
    try:
        return parsedate_to_datetime(" ".join(value[:2]).partition("Received:")[0].strip())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _table(text: str) -> HumanReport | None:
    """Put a report of generation D together."""
    table = read_table(text)
    if table is None:
        return None
    _, headers = _headers(text, table.end)
    receiving, ip = table.receiving_server, table.receiving_ip
    line = ServerLine(reply=table.reply, host=receiving, ip=ip)
    return HumanReport(
        generation="D",
        generating_server=table.generating_server,
        receiving_server=receiving,
        receiving_ip=ip,
        recipients=(HumanRecipient(table.recipient, (line,)),),
        original_headers=headers,
        sender=table.sender,
        subject=table.subject,
    )
