"""What an admin exports from a server, told by its content: queues, queued messages, tracking events, TLS reports.

Told before anything is parsed as mail, and never of a mail message: that begins with a header field, an export with
the head of a table, a list of properties, JSON or the groups of a LastError.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import msgspec

from triage.decode import (
    copied,
    export_columns,
    export_csv,
    export_custom,
    export_errors,
    export_json,
    export_list,
    export_markup,
    export_table,
    tls_report,
    tracking_rows,
)
from triage.decode.export_row import Row, is_export, is_known, plain
from triage.decode.export_signs import may_hold_export
from triage.decode.export_text import GZIP, HEAD, json_values, lines_of, plain_text, text_of
from triage.decode.message import Mail, read_mail
from triage.decode.queue_export import is_message, place_of, read_message, read_queue
from triage.decode.tracking import is_tracking, read_event
from triage.hosts import Hosts
from triage.model import Document, Observation

HEADERS = 256 * 2**10
"""Bytes of a mail's header block in which a TLS report is announced."""
MAX_OBSERVATIONS = 50_000
"""Of one document. A server seldom has a thousand queues; a queue of this depth is better told as one queue."""
MAX_ROWS = 1_000_000
"""Of one document, whatever they say: a tracking log is cut at ten megabytes, which have some 30,000."""

_FIELD = re.compile(rb"[A-Za-z0-9][!-9;-~]{0,75}:")
_MAIL_FIELD = re.compile(
    r"(?:Return-Path|Received|From|To|Cc|Subject|Date|MIME-Version|Content-[A-Z][A-Za-z-]{1,40}|Message-ID|Delivered-To"
    r"|Reply-To|X-[\w-]{1,60}|ARC-[\w-]{1,40}|DKIM-Signature|Authentication-Results):",
    re.IGNORECASE,
)
_ALSO_PROPERTIES = frozenset({"received", "subject", "to"})
"""Fields of a mail's header whose names are properties of a queued message or a trace too."""
_TIME = re.compile(r'"?\d{4}-\d\d-\d\dT\d\d:')
"""What a row of a log begins with: no field of a header has such a name."""
_ANNOUNCED = re.compile(
    rb"(?im)^(?:tls-report-domain:|content-type:[^\n]*(?:\n[ \t][^\n]*){0,10}?"
    rb"(?:report-type[ \t]*=[ \t]*\"?tlsrpt|application/tlsrpt))"
)
_JSON = re.compile(r"^[ \t]*(?:\[\s{0,99}){0,3}\{\s{0,99}\"", re.MULTILINE)
_JSON_WORDS = re.compile(
    r'"(?:NextHopDomain|NextHopConnector|DeliveryType|MessageCount|QueueIdentity|LastError|InternetMessageId'
    r'|RecipientStatus|MessageSubject|MessageTraceId|report[-_]id|total[-_]failure[-_]session[-_]count)(?:_[bdgst])?"',
    re.IGNORECASE,
)
_DAMAGED = "It is an export in JSON, and damaged or cut off."


def read_export(content: bytes, hosts: Hosts) -> Document | None:
    """Read an export and give what it says; None where it is none, which costs little. Never raises on any bytes."""
    if content.startswith(GZIP):
        return tls_report.read_packed(content)
    if _is_mail(content[:HEADERS]):
        return tls_report.report_in(read_mail(content)) if _is_announced(_header_block(content)) else None
    head = text_of(content[:HEAD])
    if head is None or not head.strip():
        return None
    if (at := _json_at(head)) is not None and not _shows_mail(lines_of(head[:at])):
        return _read_json(text_of(content) or "", hosts)
    if (read := _reader_of(head)) is not None:
        return read_rows(read(text_of(content) or ""), hosts)
    sign = copied.sign_before(head)
    read = _reader_of(copied.taken_off(head, sign)) if sign else None
    return read_rows(read(copied.taken_off(text_of(content) or "", sign)), hosts) if read and sign else None


def read_announced(mail: Mail, content: bytes) -> Document | None:
    """Read the TLS report that a mail announces in its header; None where it announces none, or holds none.

    `content` are the bytes of the mail: where its header is odd, they are what tells.
    """
    if len(content) <= HEADERS and mail.is_header_usual and not _names_report(mail):
        return None
    return tls_report.report_in(mail) if _is_announced(_header_block(content)) else None


def _names_report(mail: Mail) -> bool:
    types = mail.raw_values("content-type")
    return mail.has("tls-report-domain") or any("tlsrpt" in value.lower() for value in types)


def _reader_of(head: str) -> "_Read | None":
    """Give what reads an export whose text begins so; None where it is none."""
    for is_so, read in _MARKED_UP:
        if is_so(head):
            return read
    lines = list(lines_of(head))
    return next((read for is_so, read in _SHAPES if is_so(lines)), None)


def read_markup(text: str, hosts: Hosts) -> Document | None:
    """Read the tables in the HTML of a mail; None where no export is among them."""
    rows = export_markup.read_page(text)
    first = next(rows, None)
    return None if first is None else read_rows(chain([first], rows), hosts)


def read_pasted(text: str, hosts: Hosts) -> Document | None:
    """Read an export that stands somewhere in the text of a mail; None where there is none."""
    text = plain_text(text)
    return _read_pasted(text, hosts) if may_hold_export(text) else None


def _read_pasted(text: str, hosts: Hosts) -> Document | None:
    if (at := _json_at(text)) is not None:
        return _read_json(text[at:], hosts)
    lines = list(lines_of(text))
    start = next((at for at, line in enumerate(lines) if export_csv.head_of([line]) is not None), None)
    if start is not None:
        return read_rows(export_csv.read_csv(iter(lines[start:])), hosts)
    shapes = (
        (_has_columns, _read_columns),
        (_is_copied, _read_copied),
        (tracking_rows.has_rows, _read_tracking),
        (_is_spaced, _read_spaced),
        (_is_flattened, _read_flattened),
        (_is_apart, _read_apart),
        (_shows_error, _read_errors),
        (_has_error, _read_errors),
    )
    read = next((read for is_so, read in shapes if is_so(lines)), None)
    return None if read is None else read_rows(read(text), hosts)


def _json_at(text: str) -> int | None:
    """Give where JSON begins that has the words of an export."""
    found = _JSON.search(text) if _JSON_WORDS.search(text) else None
    return found.start() if found else None


def read_rows(rows: Iterator[Row], hosts: Hosts) -> Document:
    """Give the document of the rows of an export. A queue or message that it shows twice is told once."""
    seen: list[Observation] = []
    places: dict[tuple[str | None, ...], int] = {}
    suppressed: dict[str, int] = {}
    for row in islice(rows, MAX_ROWS):
        read = _read_row(row, hosts) if len(seen) < MAX_OBSERVATIONS else "left-out"
        if isinstance(read, str):
            suppressed[read] = suppressed.get(read, 0) + 1
            continue
        place = place_of(row)
        for one in read:
            key = (place, one.recipient)
            at = places.setdefault(key, len(seen)) if place else len(seen)
            if at == len(seen):
                seen.append(one)
            elif _says(one) >= _says(seen[at]):
                seen[at] = one
    if next(rows, None) is not None:
        suppressed["cut-off"] = 1
    return Document(kind="queue", observations=tuple(seen), suppressed=suppressed)


def _read_row(row: Row, hosts: Hosts) -> list[Observation] | str:
    if not row:
        return "unreadable-row"
    if is_tracking(row):
        return read_event(row)
    if is_message(row):
        return read_message(row, hosts)
    read = read_queue(row, hosts)
    return read if isinstance(read, str) else [read]


def _says(one: Observation) -> tuple[bool, int]:
    """Order what an export says of one queue twice: with its error before without, then by the depth."""
    return one.diagnostic is not None, one.count


def _begins_with_error(lines: list[str]) -> bool:
    first = next((line.strip() for line in lines[:20] if line.strip() and line[0] != "#"), "")
    return export_errors.begins(first) or export_errors.is_bare(first)


def _is_delimited(lines: list[str]) -> bool:
    return export_csv.head_of(lines) is not None


def _is_copied(lines: list[str]) -> bool:
    return any(map(export_csv.is_viewer_copy, lines))


def _is_spaced(lines: list[str]) -> bool:
    return export_table.has_table(lines) or is_export(export_list.names_in(lines, spaced=True))


def _is_flush(lines: list[str]) -> bool:
    return is_export(export_list.names_in(lines, spaced=False))


def _shows_error(lines: list[str]) -> bool:
    return any(export_errors.begins(line.strip()) for line in lines)


def _has_error(lines: list[str]) -> bool:
    return any(export_errors.within(line.strip()) is not None for line in lines)


def _read_errors(text: str) -> Iterator[Row]:
    return export_errors.read_errors(lines_of(text))


def _is_apart(lines: list[str]) -> bool:
    return any(map(export_csv.is_spaced_row, lines))


def _read_apart(text: str) -> Iterator[Row]:
    return export_csv.read_spaced_rows(lines_of(text))


def _is_flattened(lines: list[str]) -> bool:
    return any(map(export_list.is_flattened, lines))


def _read_flattened(text: str) -> Iterator[Row]:
    return _read_list("\n".join(map(export_list.unflattened, lines_of(text))))


def _has_columns(lines: list[str]) -> bool:
    return export_columns.delimiter_of(lines) is not None


def _read_columns(text: str) -> Iterator[Row]:
    delimiter = export_columns.delimiter_of(list(lines_of(text[:HEAD])))
    return export_columns.read_columns(lines_of(text), delimiter or "\t")


def _read_tracking(text: str) -> Iterator[Row]:
    return tracking_rows.read_rows(lines_of(text))


def _read_copied(text: str) -> Iterator[Row]:
    return export_csv.read_viewer_copy(lines_of(text))


def _read_spaced(text: str) -> Iterator[Row]:
    return chain(export_table.read_tables(lines_of(text)), _read_list(text))


def _read_list(text: str, spaced: bool = True) -> Iterator[Row]:
    return (row for row in export_list.read_list(lines_of(text), spaced) if is_export(row))


def _shows_mail(lines: Iterable[str]) -> bool:
    """Tell whether the header of a mail message stands in these lines, such as that of one passed on."""
    names = {found.group()[:-1].lower() for line in lines if (found := _MAIL_FIELD.match(line))}
    return bool(names - _ALSO_PROPERTIES)


_Read = Callable[[str], Iterator[Row]]

_MARKED_UP: tuple[tuple[Callable[[str], bool], _Read], ...] = (
    (export_markup.is_xml, export_markup.read_xml),
    (export_markup.is_page, export_markup.read_page),
)
_SHAPES: tuple[tuple[Callable[[list[str]], bool], _Read | None], ...] = (
    (_begins_with_error, _read_errors),
    (_is_delimited, lambda text: export_csv.read_csv(lines_of(text))),
    (_has_columns, _read_columns),
    (_is_copied, _read_copied),
    (tracking_rows.has_rows, _read_tracking),
    (_shows_mail, None),
    (export_custom.has_objects, lambda text: export_custom.read_objects(lines_of(text))),
    (_is_spaced, _read_spaced),
    (_is_flush, lambda text: _read_list(text, spaced=False)),
    (_shows_error, _read_errors),
)
"""How an export may be written, told by its first lines in this order, and what reads it; None for a mail."""


def _read_json(text: str, hosts: Hosts) -> Document | None:
    values, damaged = json_values(text)
    if len(values) != 1:
        values = [[one for value in values for one in (value if isinstance(value, list) else [value])]]
    if reports := tls_report.reports_in(values[0]):
        document: Document | None = tls_report.read_report(reports)
    else:
        objects = export_json.rows_in(values[0])
        document = None if objects is None else read_rows(export_json.read_objects(objects), hosts)
    if not damaged:
        return document
    if document is None or not document.observations:
        return Document(kind="unreadable", error=_DAMAGED)
    return msgspec.structs.replace(document, suppressed=document.suppressed | {"cut-off": 1})


def _is_mail(start: bytes) -> bool:
    """Tell whether bytes begin with a header field of a mail message, or with the separator line of a mailbox."""
    first = start.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0][:HEAD]
    line = first.decode("ascii", "replace")
    if _TIME.match(line) or copied.is_of_search(line):
        return False
    if first.startswith((b"From ", b">From ")):
        return export_csv.head_of([line]) is None
    return _FIELD.match(first) is not None and not _begins_export(line)


def _begins_export(line: str) -> bool:
    """Tell a property of an export (`LastError: …`) from a field of a mail's header."""
    if export_errors.begins(line):
        return True
    name = line.partition(":")[0]
    return is_known(plain(name)) and not _MAIL_FIELD.match(line)


def _is_announced(header: bytes) -> bool:
    lower = header.lower()
    return (b"tls-report-domain" in lower or b"tlsrpt" in lower) and _ANNOUNCED.search(header) is not None


def _header_block(content: bytes) -> bytes:
    start = content[:HEADERS].lstrip(b"\xef\xbb\xbf \t\r\n")
    end = start.find(b"\n\n")
    end = len(start) if end < 0 else end
    other = start.find(b"\n\r\n", 0, end)
    return start[: other if other >= 0 else end]
