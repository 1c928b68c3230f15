"""Rows of a protocol log as people copy and save them → rows as Exchange writes them, which `Reader` takes.

A search puts the file's name before each row, a reply its quote signs; a mail program breaks long rows at a space; a
shell or a spreadsheet writes other delimiters, quotes around every field, fewer columns or another order of them.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from triage.decode.copied import Cut, cut_at
from triage.decode.export_text import lines_of, text_of
from triage.decode.protocol_log.head import LOG_HEAD
from triage.decode.protocol_log.rows import MAX_ROW

FIELDS = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint", "remote-endpoint", "event", "data",
    "context",
)  # fmt: skip
MAX_BEFORE = 20
"""Lines before the first row or head of a file: empty ones, and a search's own."""
WRAP = 56
"""A line that a mail program broke would have passed at least this width, whatever width it keeps to."""

_NEEDED = frozenset({"date-time", "session-id", "event", "data", "context"})
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z"
_BEGINS = re.compile(rf'"?{_TIME}"?[,;\t]|#(?:Software|Version|Log-type|Date|Fields):', re.IGNORECASE)
_COLUMNS = re.compile(
    r'(?:#Fields: ?)?"?[a-z][a-z-]{3,20}"?(?P<delimiter>[,;\t])"?[a-z][a-z-]{3,20}"?[,;\t]', re.IGNORECASE
)
_PLAIN = re.compile(
    rf'{_TIME},(?:[^,"]{{0,300}}|"[^"]{{0,300}}"),[0-9A-F]{{8,32}},\d{{1,9}},[^,"]{{0,60}},[^,"]{{1,60}},[-+*<>],'
)
_TIMED = re.compile(_TIME)
_SESSION = re.compile(r"[0-9A-F]{8,32}", re.IGNORECASE)
_ENDPOINT = re.compile(r"[^\s,]{0,60}")
_SIDES = {"send": "SMTP Send Protocol Log", "recv": "SMTP Receive Protocol Log"}


class _Columns(NamedTuple):
    names: tuple[str, ...] = FIELDS
    delimiter: str | None = None


def copied_log(content: bytes) -> bytes | None:
    """Give the rows of a log that a file holds in a form other than Exchange's own; None where it holds none.

    The first line that is not empty must be a row or a head, so that neither a mail nor another log is one.
    """
    head = text_of(content[:LOG_HEAD])
    if head is None:
        return None
    for at, line in enumerate(lines_of(head)):
        if at == MAX_BEFORE:
            return None
        if line.strip():
            break
    else:
        return None
    if cut_at(line, _BEGINS) is None and _columns_of(line) is None:
        return None
    return log_in(text_of(content) or "")


def log_in(text: str) -> bytes | None:
    """Give the rows of a log that stand somewhere in a text; None where there are none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns, side, found = _Columns(), None, False
    for cut in _whole(lines_of(text)):
        if named := _columns_of(cut.text):
            columns = named
            continue
        if cut.text.startswith("#"):
            out.write(f"{cut.text}\r\n")
            continue
        if cut.file is not None and (kind := _SIDES.get(cut.file[:4])) and kind != side:
            out.write(f"#Log-type: {kind}\r\n")
            side = kind
        if columns == _Columns() and _PLAIN.match(cut.text):
            out.write(f"{cut.text}\r\n")
            found = True
        elif (fields := _fields(cut.text, columns)) is not None:
            writer.writerow(fields)
            found = True
    return out.getvalue().encode("utf-8", "replace") if found else None


def _whole(lines: Iterable[str]) -> Iterator[Cut]:
    """Give the lines that begin as rows or heads do, each with the lines in which it runs on."""
    one: Cut | None = None
    pieces: list[str] = []
    size, above, in_order = 0, "", True
    for line in lines:
        cut = cut_at(line, _BEGINS)
        if named := _columns_of(cut.text if cut else line):
            in_order = named.names[0] == "date-time"
        if cut is None and (named or not in_order):
            cut = Cut(line)
        more = "" if cut else line.lstrip("> \t").rstrip()
        runs_on = more and len(above) + 1 + len(more.partition(" ")[0]) > WRAP and size < MAX_ROW
        if one is not None and runs_on:
            pieces.append(more)
            size += len(more)
        else:
            if one is not None:
                yield Cut(" ".join(pieces), one.file)
            one = cut
            pieces = [cut.text] if cut else []
            size = len(cut.text) if cut else 0
        above = line
    if one is not None:
        yield Cut(" ".join(pieces), one.file)


def _columns_of(line: str) -> _Columns | None:
    """Give the columns that a head names, `#Fields: …` or the first row of a table; None for another line."""
    found = _COLUMNS.match(line)
    if found is None:
        return None
    delimiter = found.group("delimiter")
    names = tuple(
        name.strip(' "').lower() for name in line.partition(":")[2 if line[0] == "#" else 0][:400].split(delimiter)
    )
    return _Columns(names, delimiter) if set(names) >= _NEEDED else None


def _fields(line: str, columns: _Columns) -> list[str] | None:
    """Give the nine fields of a row in their own order; None for what is no row."""
    begun = _TIMED.match(line.lstrip('"'))
    delimiter = columns.delimiter
    if delimiter is None and begun is not None:
        delimiter = line.lstrip('"')[begun.end() :].lstrip('"')[:1]
    if delimiter not in (",", ";", "\t"):
        return None
    try:
        values = next(csv.reader([line[:MAX_ROW]], delimiter=delimiter), [])
    except csv.Error:
        return None
    row = dict(zip(columns.names, values, strict=False))
    fields = [row.get(name, "").strip() for name in FIELDS]
    time, _, session, sequence, local, remote, event = fields[:7]
    is_row = _TIMED.fullmatch(time) and _SESSION.fullmatch(session) and event in ("+", "-", "*", "<", ">")
    if not is_row or not (_ENDPOINT.fullmatch(local) and _ENDPOINT.fullmatch(remote)):
        return None
    fields[3] = sequence if sequence.isdigit() else "1"
    return fields
