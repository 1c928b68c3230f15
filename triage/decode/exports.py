"""What an admin exports from a server, told by its content: queues, queued messages, tracking events, TLS reports.

Told before anything is parsed as mail, and never of a mail message: that begins with a header field, an export with
the head of a table, a list of properties, JSON or the groups of a LastError.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

import msgspec

from triage.decode import queue_csv, queue_json, queue_list, queue_table, tls_report
from triage.decode.export_row import MAX_CELL, Row, is_export, is_known, plain
from triage.decode.queue_export import is_message, read_message, read_queue
from triage.decode.tracking import is_tracking, read_event
from triage.hosts import Hosts
from triage.model import Document, Observation

HEAD = 64 * 2**10
"""Bytes in which an export shows what it is; what a shell prints before the first row is far shorter."""
HEADERS = 256 * 2**10
"""Bytes of a mail's header block in which a TLS report is announced."""
MAX_OBSERVATIONS = 50_000
"""Of one document. A server seldom has a thousand queues; a queue of this depth is better told as one queue."""

_FIELD = re.compile(rb"[A-Za-z0-9][!-9;-~]{0,75}:")
_MAIL_FIELD = re.compile(
    r"(?:Return-Path|Received|From|To|Cc|Subject|Date|MIME-Version|Content-[A-Z][A-Za-z-]{1,40}|Message-ID|Delivered-To"
    r"|Reply-To|X-[\w-]{1,60}|ARC-[\w-]{1,40}|DKIM-Signature|Authentication-Results):",
    re.IGNORECASE,
)
_ANNOUNCED = re.compile(
    rb"(?im)^(?:tls-report-domain:|content-type:[^\n]*(?:\n[ \t][^\n]*){0,10}?"
    rb"(?:report-type[ \t]*=[ \t]*\"?tlsrpt|application/tlsrpt))"
)
_GROUPS = re.compile(
    r"(?P<label>Reason|LastError|RecipientStatus|Status|Detail)? ?:? ?(?P<open>\{? ?\[? ?)(?:\{ ?(?:LED|LRT|MSG) ?=|LED=[245])",
    re.IGNORECASE,
)
_REPLY = re.compile(r"[45]\d\d[ -]")
_JSON = re.compile(r"[{\[]\s*[\"{\[]")
_JSON_WORDS = re.compile(
    r'"(?:policies|NextHopDomain|NextHopConnector|DeliveryType|MessageCount|QueueIdentity|LastError|InternetMessageId'
    r'|RecipientStatus|EventId|MessageTraceId)"',
    re.IGNORECASE,
)
_DAMAGED = "It is an export in JSON, and damaged or cut off."


def read_export(content: bytes, hosts: Hosts) -> Document | None:
    """Read an export and give what it says; None where it is none, which costs little. Never raises on any bytes."""
    if content.startswith(tls_report.GZIP):
        return tls_report.read_packed(content)
    if _is_mail(content[:HEADERS]):
        return tls_report.read_mail_report(content) if _ANNOUNCED.search(_header_block(content)) else None
    head = text_of(content[:HEAD])
    start = (head or "").lstrip()
    if head is None or not start:
        return None
    if _JSON.match(start) and not _GROUPS.match(start):
        return _read_json(text_of(content) or "", hosts) if _JSON_WORDS.search(start) else None
    shape = _shape(list(lines_of(head)))
    return None if shape is None else read_rows(_rows(shape, text_of(content) or ""), hosts)


def text_of(content: bytes) -> str | None:
    """Decode an export: UTF-16 as PowerShell 5 writes it, UTF-8, else Windows-1252; None for what is no text."""
    start = content[:512]
    charset = "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        charset = "utf-16"
    elif b"\0" in start:
        even, odd = start[::2].count(0), start[1::2].count(0)
        if not (even == 0 and odd * 3 > len(start)) and not (odd == 0 and even * 3 > len(start)):
            return None
        charset = "utf-16-be" if even else "utf-16-le"
    try:
        return content.decode(charset)
    except UnicodeDecodeError as error:
        if charset == "utf-8-sig" and len(content) - error.start > 3:
            charset = "cp1252"
        # Cut within a character, as the start of a larger file is: what stands before is as it was.
        return content.decode(charset, "replace")


def read_rows(rows: Iterable[Row], hosts: Hosts) -> Document:
    """Give the document of the rows of an export."""
    seen: list[Observation] = []
    suppressed: dict[str, int] = {}
    for row in rows:
        if len(seen) >= MAX_OBSERVATIONS:
            read: list[Observation] | Observation | str = "left-out"
        elif is_tracking(row):
            read = read_event(row)
        else:
            read = read_message(row, hosts) if is_message(row) else read_queue(row, hosts)
        if isinstance(read, str):
            suppressed[read] = suppressed.get(read, 0) + 1
        else:
            seen.extend(read if isinstance(read, list) else [read])
    return Document(kind="queue", observations=tuple(seen), suppressed=suppressed)


def lines_of(text: str) -> Iterator[str]:
    """Give the lines of a text one by one, without their ends: a list of them takes several times the text's room."""
    if "\n" not in text[:HEAD]:
        text = text.replace("\r", "\n")
    at = 0
    while (end := text.find("\n", at)) >= 0:
        yield text[at : end - 1 if text[end - 1 : end] == "\r" else end]
        at = end + 1
    yield text[at:]


Shape = Literal["groups", "delimited", "copied", "spaced", "flush"]


def _shape(lines: list[str]) -> Shape | None:
    """Tell by its first lines how an export is written: `spaced` are lists and tables, `flush` lists without spaces."""
    first = next((line.strip() for line in lines[:20] if line.strip() and line[0] != "#"), "")
    if _GROUPS.match(first):
        return "groups"
    if queue_csv.head_of(lines) is not None:
        return "delimited"
    if any(queue_csv.is_viewer_copy(line) for line in lines[:5]):
        return "copied"
    if any(_MAIL_FIELD.match(line) for line in lines):
        return None
    if queue_table.has_table(lines) or is_export(queue_list.names_in(lines, spaced=True)):
        return "spaced"
    return "flush" if is_export(queue_list.names_in(lines, spaced=False)) else None


def _rows(shape: Shape, text: str) -> Iterator[Row]:
    if shape == "groups":
        return _read_groups(lines_of(text))
    if shape == "copied":
        return queue_csv.read_viewer_copy(lines_of(text))
    if shape == "delimited":
        return queue_csv.read_csv(lines_of(text))
    listed = queue_list.read_list(lines_of(text), spaced=shape == "spaced")
    return chain(queue_table.read_tables(lines_of(text)), (row for row in listed if is_export(row)))


def _read_groups(lines: Iterable[str]) -> Iterator[Row]:
    """Give a row for each LastError or RecipientStatus that stands by itself, copied out of a property page."""
    texts: list[str] = []
    name = ""
    size = 0
    for line in map(str.strip, lines):
        found = _GROUPS.match(line)
        if found or (_REPLY.match(line) and texts and texts[-1].endswith(("}", "]"))):
            if texts:
                yield {name: " ".join(texts)}
            name, texts, size = _group_name(found), [], 0
        size += len(line)
        if size < MAX_CELL and name and line:
            texts.append(line)
    if texts:
        yield {name: " ".join(texts)}


def _group_name(found: "re.Match[str] | None") -> str:
    """Tell a LastError from a RecipientStatus, which stands in braces of its own or behind a word of the trace."""
    if found is None:
        return "lasterror"
    label, brackets = (found.group("label") or "").lower(), found.group("open")
    return "recipientstatus" if label not in ("", "lasterror") or brackets.replace(" ", "") == "{[" else "lasterror"


def _read_json(text: str, hosts: Hosts) -> Document | None:
    try:
        value = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return Document(kind="unreadable", error=_DAMAGED)
    reports = value if isinstance(value, list) else [value]
    if any(tls_report.is_report(one) for one in reports):
        return tls_report.read_report(value)
    objects = queue_json.rows_in(value)
    return None if objects is None else read_rows(queue_json.read_objects(objects), hosts)


def _is_mail(start: bytes) -> bool:
    """Tell whether bytes begin with a header field of a mail message, or with the separator line of a mailbox."""
    first = start.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0][:HEAD]
    if first.startswith((b"From ", b">From ")):
        return True
    return _FIELD.match(first) is not None and not _begins_export(first.decode("ascii", "replace"))


def _begins_export(line: str) -> bool:
    """Tell a property of an export (`LastError: …`) from a field of a mail's header."""
    if _GROUPS.match(line):
        return True
    name = line.partition(":")[0]
    return is_known(plain(name)) and not _MAIL_FIELD.match(line)


def _header_block(content: bytes) -> bytes:
    start = content[:HEADERS].lstrip(b"\xef\xbb\xbf \t\r\n")
    ends = [at for at in (start.find(b"\n\n"), start.find(b"\n\r\n")) if at >= 0]
    return start[: min(ends, default=len(start))]
