"""Delimited text → rows: Export-Csv, Queue Viewer's tab-separated copy and the message tracking log."""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from triage.decode.export_errors import begins, is_bare
from triage.decode.export_row import MAX_CELL, Row, cell, is_delivery_type, is_export, is_known, number, plain, words
from triage.decode.export_text import record

DELIMITERS = (",", ";", "\t", "|")
MAX_COLUMNS = 200
MIN_CONSOLE = 60
"""Places of a line; narrower windows are not worked in."""
MAX_BEFORE = 20
"""Lines before the head: empty ones and comments."""

csv.field_size_limit(MAX_CELL)
"""The standard library's own bound is below what a tracking log writes of a message with a thousand recipients."""

_FIELDS = "#Fields:"
_COLUMN = re.compile(r"[\w .#()-]{0,80}")
_OF_EXCEL = re.compile(r"\"?sep=.{1,3}", re.IGNORECASE)
_RULE = re.compile(r"[-: ]*")
_BLANKS = re.compile(r" {2,}|\t")
_IDENTITY = re.compile(r"[\w.-]{1,255}\\\w{1,30}")


class Head(msgspec.Struct, frozen=True):
    """The head of a delimited text: the delimiter and the plain names of the columns."""

    delimiter: str
    names: tuple[str, ...]


def head_of(lines: Iterable[str]) -> Head | None:
    """Give the head with which these lines begin, and take them up to it; None where there is no such head.

    `#TYPE …` may stand before it (Export-Csv without -NoTypeInformation), `sep=;` where Excel wrote it, and `#` lines
    in a log, whose head they hold.
    """
    for line in islice(lines, MAX_BEFORE):
        text = line.strip()
        if text.startswith(_FIELDS):
            fields = text.removeprefix(_FIELDS).lstrip()
            return next((head for delimiter in DELIMITERS if (head := _head(fields, delimiter))), None)
        if text and not text.startswith("#") and not _OF_EXCEL.fullmatch(text):
            return next((head for delimiter in DELIMITERS if (head := _head(line, delimiter))), None)
    return None


def read_csv(lines: Iterator[str]) -> Iterator[Row]:
    """Give the rows below a head; an empty row for one that cannot be read. A value may hold line ends.

    A second export may stand below the first: its head counts from there on.
    """
    head = head_of(lines)
    if head is None:
        return
    records = _Records(lines, head)
    for values in records:
        if values is None:
            yield {}
        elif len(values) < 2 or values[0].startswith("#") or all(map(_RULE.fullmatch, values)):
            continue
        elif is_known(plain(values[0])) and (names := names_of(values)):
            records.names = names
        elif len(values) > len(records.names):
            yield _with_the_rest(records.names, values, head.delimiter)
        else:
            yield {name: cell(value) for name, value in zip(records.names, values, strict=False)}


def _with_the_rest(names: tuple[str, ...], values: list[str], delimiter: str) -> Row:
    """Give a row whose last column, an error, holds delimiters without quotes around it; an empty row for another."""
    last = len(names) - 1
    error = f"{delimiter} ".join(value.strip() for value in values[last:])
    row = dict(zip(names, [*values[:last], error], strict=True))
    is_whole = (
        names[last] == "lasterror"
        and (begins(error) or is_bare(error))
        and number(row.get("messagecount", "0")) is not None
    )
    return {name: cell(value) for name, value in row.items()} if is_whole else {}


class _Records:
    """The records of a delimited text, each of one line or of several that a quote holds together.

    Where a quote was lost, the next one ends the value somewhere in another row. So lines of which the wrong number of
    values was made are read again, each by itself; None stands for one that is no whole record. The same holds where a
    value passes `MAX_CELL`.
    """

    def __init__(self, lines: Iterator[str], head: Head) -> None:
        self.names = head.names
        self._lines = lines
        self._delimiter = head.delimiter
        self._taken: list[str] = []

    def __iter__(self) -> Iterator[list[str] | None]:
        reader = csv.reader(self._noted(), delimiter=self._delimiter, skipinitialspace=True)
        while True:
            self._taken.clear()
            try:
                values = _trimmed(next(reader), len(self.names))
            except StopIteration:
                return
            except csv.Error:
                yield from map(self._alone, self._taken)
                continue
            if len(self._taken) > 1 and _is_broken_by_console(self._taken):
                values = _trimmed(_split("".join(self._taken), self._delimiter), len(self.names))
            if len(self._taken) < 2 or len(values) == len(self.names):
                yield values
            else:
                yield from map(self._alone, self._taken)

    def _noted(self) -> Iterator[str]:
        for line in self._lines:
            self._taken.append(line)
            yield f"{line}\n"

    def _alone(self, line: str) -> list[str] | None:
        values = _trimmed(_split(line, self._delimiter), len(self.names))
        return values if not line.strip() or len(values) == len(self.names) else None


def _is_broken_by_console(lines: list[str]) -> bool:
    """Tell whether a console broke these lines: all but the last are as wide as it, whatever stands at the end."""
    width = len(lines[0])
    is_width = len(lines) > 2 or width % 10 == 0
    return (
        is_width and width >= MIN_CONSOLE and len(lines[-1]) <= width and all(len(line) == width for line in lines[:-1])
    )


def _trimmed(values: list[str], most: int) -> list[str]:
    """Drop empty values behind the last column: a delimiter may end a row."""
    while len(values) > most and not values[-1].strip():
        values.pop()
    return values


def is_viewer_copy(line: str) -> bool:
    """Tell whether a line is a row that was copied out of Queue Viewer without its head."""
    return _viewer_row(line) is not None


def read_viewer_copy(lines: Iterable[str]) -> Iterator[Row]:
    """Give the rows of a copy without a head: they are told by their delivery type, status and count."""
    for line in lines:
        row = _viewer_row(line)
        if row is not None:
            yield row


def _head(line: str, delimiter: str) -> Head | None:
    if delimiter == "|" and line.lstrip().startswith("||"):
        line = line.replace("||", "|")  # a wiki sets a head apart so
    if not 0 < line.count(delimiter) <= MAX_COLUMNS:
        return None
    names = names_of(_split(line, delimiter))
    return Head(delimiter, names) if names else None


def _split(line: str, delimiter: str) -> list[str]:
    return record(line, delimiter, skips_blanks=True)


def names_of(columns: list[str]) -> tuple[str, ...] | None:
    """Give the plain names of the columns of an export; None for other values, such as a shell's prompt."""
    if len(columns) > MAX_COLUMNS or not all(_COLUMN.fullmatch(column) for column in columns):
        return None
    names = tuple(map(plain, columns))
    return names if is_export(names) else None


def is_spaced_row(line: str) -> bool:
    """Tell whether a line is such a row with wide blanks between its values, for the tabs were lost."""
    return _spaced_row(line) is not None


def read_spaced_rows(lines: Iterable[str]) -> Iterator[Row]:
    """Give the rows of a copy whose tabs became blanks."""
    for line in lines:
        row = _spaced_row(line)
        if row is not None:
            yield row


def _spaced_row(line: str) -> Row | None:
    return _row_of(_BLANKS.split(line.strip()[:MAX_CELL], maxsplit=MAX_COLUMNS)) if "   " in line else None


def _viewer_row(line: str) -> Row | None:
    if not 4 <= line.count("\t") <= MAX_COLUMNS:
        return None
    return _row_of([value.strip() for value in line.split("\t")])


def _row_of(values: list[str]) -> Row | None:
    """Give the row whose values a delivery type, a status and a count among them tell."""
    statuses = words().queue_statuses
    for at in range(1, len(values) - 2):
        status, count = plain(values[at + 1]), values[at + 2]
        if is_delivery_type(plain(values[at])) and status in statuses and count.isascii() and count.isdigit():
            last = values[-1] if len(values) > at + 3 else None
            before = "identity" if _IDENTITY.fullmatch(values[at - 1]) else "nexthopdomain"
            row: Row = {before: cell(values[at - 1]), "deliverytype": values[at], "status": status}
            row |= {"messagecount": count, "lasterror": cell(last) if last is not None else None}
            return row | ({"identity": values[0]} if at > 1 and "\\" in values[0] else {})
    return None
