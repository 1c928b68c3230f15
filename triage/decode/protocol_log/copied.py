"""Rows of a protocol log as people copy and save them → rows as Exchange writes them, which `Reader` takes.

A search puts the file's name before each row, a reply its quote signs; a mail program breaks long rows at a space; a
shell or a spreadsheet writes other delimiters, quotes around every field, fewer columns or another order of them.
"""

import csv
import html
import io
import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from triage.decode.copied import Cut, cut_at
from triage.decode.export_text import lines_of, record, text_of
from triage.decode.protocol_log.head import LOG_HEAD
from triage.decode.protocol_log.rows import MAX_ROW, in_fields

FIELDS = (
    "date-time", "connector-id", "session-id", "sequence-number", "local-endpoint", "remote-endpoint", "event", "data",
    "context",
)  # fmt: skip
SHOWN = 500
"""Lines by which it is told how a text was broken."""
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
    rf'{_TIME},(?:[^,"]{{0,300}}|"[^"]{{0,300}}"),(?P<session>[0-9A-F]{{8,32}}),(?P<number>\d{{1,9}}),[^,"]{{0,60}},[^,"]{{0,60}},'
    r"(?P<event>[-+*<>]),",
    re.IGNORECASE,
)
_LISTED_TIME = re.compile(rf"(?im)^ {{0,8}}date-time {{0,20}}: {{0,4}}{_TIME}\s*$")
_LISTED = re.compile(rf" {{0,8}}(?P<name>{'|'.join(FIELDS)}) {{0,20}}:(?P<value>(?: .*)?)$", re.IGNORECASE)
_ESCAPED = re.compile(r",&[lg]t;,")
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
    if cut_at(line, _BEGINS) is None and _columns_of(line) is None and _LISTED.match(line) is None:
        return None
    return log_in(text_of(content) or "")


def log_in(text: str) -> bytes | None:
    """Give the rows of a log that stand somewhere in a text; None where there are none."""
    if _ESCAPED.search(text):
        text = html.unescape(text)
    if _LISTED_TIME.search(text):
        text = "\n".join(_from_lists(text))
    out = _Rows()
    columns = _Columns()
    for cut in _whole(text):
        if named := _columns_of(cut.text):
            columns = named
        elif cut.text.startswith("#"):
            out.lines.append((None, cut.text))
        elif columns == _Columns() and (plain := _PLAIN.match(cut.text)):
            out.add(cut, cut.text, plain)
        elif (fields := _fields(cut.text, columns)) is not None:
            row = _written(fields)
            out.add(cut, row, _PLAIN.match(row))
    return out.log() if out.is_found else None


def _from_lists(text: str) -> Iterator[str]:
    """Give the rows of a text that Format-List wrote of what Import-Csv read, and its other lines as they are."""
    row: dict[str, list[str]] = {}
    pieces: list[str] | None = None
    for line in lines_of(text):
        found = _LISTED.match(line)
        name = found.group("name").lower() if found else ""
        if row and (name in row or not line.strip()):
            yield _listed_row(row)
            row = {}
        if found is not None:
            pieces = row[name] = [found.group("value").strip()]
        elif pieces is not None and line.strip() and line[0] in " \t":
            pieces.append(line.strip()[:MAX_ROW])
        else:
            pieces = None
            yield line
    if row:
        yield _listed_row(row)


def _listed_row(row: dict[str, list[str]]) -> str:
    return _written([" ".join(row.get(name, ()))[:MAX_ROW] for name in FIELDS])


class _Rows:
    """The rows that were found, and of which sessions some are missing: a search gives the rows with a word alone.

    What is missing may be TLS, or that it was offered. So such a session is given without its beginning: then nothing
    is concluded from what it does not say.
    """

    def __init__(self) -> None:
        self.lines: list[tuple[str | None, str]] = []
        self.is_found = False
        self._last: dict[str, int] = {}
        self._missing: set[str] = set()
        self._side: str | None = None

    def add(self, cut: Cut, row: str, plain: re.Match[str] | None) -> None:
        """Take a row; the name of the file that it was found in tells its side."""
        kind = _SIDES.get((cut.file or "")[:4])
        if kind and kind != self._side:
            self.lines.append((None, f"#Log-type: {kind}"))
            self._side = kind
        session = plain.group("session") if plain else None
        self.is_found = True
        self.lines.append((session, row))
        if plain is not None and session is not None:
            number = int(plain.group("number"))
            if number and self._last.get(session, number - 1) != number - 1:
                self._missing.add(session)
            self._last[session] = number

    def log(self) -> bytes:
        """Give all of it as a log."""
        rows = (self._without_start(row) if session in self._missing else row for session, row in self.lines)
        return "".join(f"{row}\r\n" for row in rows if row).encode("utf-8", "replace")

    def _without_start(self, row: str) -> str | None:
        plain = _PLAIN.match(row)
        if plain is None or plain.group("event") == "+":
            return None
        start, end = plain.span("number")
        return f"{row[:start]}{int(plain.group('number')) or 1}{row[end:]}"


def _written(fields: list[str]) -> str:
    """Give fields as Exchange writes them: in quotes only where they hold a comma or a quote."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields)
    return out.getvalue()


def _whole(text: str) -> Iterator[Cut]:
    """Give the lines that begin as rows or heads do, each with the lines in which it runs on."""
    console = _console(text)
    one: Cut | None = None
    pieces: list[str] = []
    size, above, in_order = 0, "", True
    for line in lines_of(text):
        cut = cut_at(line, _BEGINS)
        if named := _columns_of(cut.text if cut else line):
            in_order = named.names[0] == "date-time"
        if cut is None and (named or not in_order):
            cut = Cut(line)
        more = "" if cut else line if console else line.lstrip("> \t").rstrip()
        runs_on = more and size < MAX_ROW and _was_broken(above, more, console)
        if one is not None and runs_on:
            pieces.append(more if console else f" {more}")
            size += len(more)
        else:
            if one is not None:
                yield Cut("".join(pieces), one.file)
            one = cut
            pieces = [cut.text] if cut else []
            size = len(cut.text) if cut else 0
        above = line
    if one is not None:
        yield Cut("".join(pieces), one.file)


def _was_broken(above: str, more: str, console: int | None) -> bool:
    """Tell whether a line was broken before this one: at the console's width, or where the next word had no room."""
    return len(above) == console if console else len(above) + 1 + len(more.partition(" ")[0]) > WRAP


def _console(text: str) -> int | None:
    """Give the width of the console that broke the rows wherever it ended; None for what breaks at spaces."""
    widths: list[int] = []
    above = ""
    for line in islice(lines_of(text), SHOWN):
        if line.strip() and above and cut_at(line, _BEGINS) is None:
            widths.append(len(above))
        above = line
    return widths[0] if len(widths) > 1 and len(set(widths)) == 1 and widths[0] > WRAP else None


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
    line = in_fields(line.encode("utf-8", "replace")).decode("utf-8")
    begun = _TIMED.match(line.lstrip('"'))
    delimiter = columns.delimiter
    if delimiter is None and begun is not None:
        delimiter = line.lstrip('"')[begun.end() :].lstrip('"')[:1]
    if delimiter not in (",", ";", "\t"):
        return None
    row = dict(zip(columns.names, record(line[:MAX_ROW], delimiter), strict=False))
    fields = [row.get(name, "").strip() for name in FIELDS]
    time, _, session, sequence, local, remote, event = fields[:7]
    is_row = _TIMED.fullmatch(time) and _SESSION.fullmatch(session) and event in ("+", "-", "*", "<", ">")
    if not is_row or not (_ENDPOINT.fullmatch(local) and _ENDPOINT.fullmatch(remote)):
        return None
    fields[3] = sequence if sequence.isdigit() and len(sequence) < 10 else ""
    return fields
