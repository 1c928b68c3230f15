"""Delimited text → rows: Export-Csv, Queue Viewer's tab-separated copy and the message tracking log."""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from triage.decode.export_row import Row, cell, is_export, plain, words

DELIMITERS = (",", ";", "\t")
MAX_COLUMNS = 200
MAX_BEFORE = 20
"""Lines before the head: empty ones and comments."""

_FIELDS = "#Fields:"
_COLUMN = re.compile(r"[\w .#()-]{0,80}")


class Head(msgspec.Struct, frozen=True):
    """The head of a delimited text: the delimiter and the plain names of the columns."""

    delimiter: str
    names: tuple[str, ...]


def head_of(lines: Iterable[str]) -> Head | None:
    """Give the head with which these lines begin, and take them up to it; None where there is no such head.

    `#TYPE …` may stand before it (Export-Csv without -NoTypeInformation), and `#` lines in a log, whose head they hold.
    """
    for line in islice(lines, MAX_BEFORE):
        text = line.strip()
        if text.startswith(_FIELDS):
            return _head(text.removeprefix(_FIELDS), ",")
        if text and not text.startswith("#"):
            return next((head for delimiter in DELIMITERS if (head := _head(line, delimiter))), None)
    return None


def read_csv(lines: Iterator[str]) -> Iterator[Row]:
    """Give the rows below a head. A row that cannot be read is passed over; a value may hold line ends."""
    head = head_of(lines)
    if head is None:
        return
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=head.delimiter)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a quote that never ends: the reader gives up after 128 KiB and goes on below
            continue
        if len(values) > 1:
            yield {name: cell(value) for name, value in zip(head.names, values, strict=False)}


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
    if line.count(delimiter) > MAX_COLUMNS:
        return None
    try:
        columns = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return None
    if not all(_COLUMN.fullmatch(column) for column in columns):
        return None  # such as the prompt before a list of properties: `PS C:\\>Get-Queue | ft Status,LastError`
    names = tuple(map(plain, columns))
    return Head(delimiter, names) if is_export(names) else None


def _viewer_row(line: str) -> Row | None:
    if not 4 <= line.count("\t") <= MAX_COLUMNS:
        return None
    values = [value.strip() for value in line.split("\t")]
    known = words()
    kinds = (*known.delivery_types, *known.more_delivery_types)
    for at in range(1, len(values) - 2):
        status, count = plain(values[at + 1]), values[at + 2]
        if plain(values[at]) in kinds and status in known.queue_statuses and count.isascii() and count.isdigit():
            last = values[-1] if len(values) > at + 3 else None
            row: Row = {"nexthopdomain": cell(values[at - 1]), "deliverytype": values[at], "status": status}
            row |= {"messagecount": count, "lasterror": cell(last) if last is not None else None}
            return row | ({"identity": values[0]} if at > 1 and "\\" in values[0] else {})
    return None
