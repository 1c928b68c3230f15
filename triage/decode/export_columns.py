"""Delimited text whose head has words of another language → rows: each column is told by the values in it.

Queue Viewer translates its heads and the states of queues, and a person may name his columns as he likes; the types of
delivery, identities such as `EX01\\3` and Exchange's errors are the same everywhere.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice

from triage.decode.export_csv import MAX_COLUMNS
from triage.decode.export_errors import begins, is_bare
from triage.decode.export_row import Row, cell, is_delivery_type, number, plain, words
from triage.decode.export_text import record

SHOWN = 30
"""Rows by which the columns are told."""
MIN_COLUMNS = 3
MAX_ABOVE = 6
"""Rows above the first queue: the head, and what somebody wrote above that."""

_IDENTITY = re.compile(r"[\w.-]{1,255}\\(?:\d{1,20}|[A-Za-z]{1,20})(?:\\\d{1,20})?")
_GROUPS = re.compile(r'(?<!["{\w])\[\{(?:LED|LRT)=')
_DOMAIN = re.compile(r"[\w.,:\[\] -]{1,400}")
_TIME = re.compile(r"\d{1,4}[./-] ?\d{1,2}[./-] ?\d{1,4}\b")

Columns = dict[str, int]


def delimiter_of(lines: list[str]) -> str | None:
    """Give the delimiter of lines whose columns are those of queues; None where they are not told."""
    for delimiter in ("\t", ";", ",", "|"):
        if _columns(_sample(iter(lines), delimiter)) is not None:
            return delimiter
    return None


def read_columns(lines: Iterator[str], delimiter: str) -> Iterator[Row]:
    """Give the rows of lines whose columns `delimiter_of` told."""
    first = list(islice(lines, SHOWN + 10))
    columns = _columns(_sample(iter(first), delimiter))
    if columns is None:
        return
    for values in _records(chain(first, lines), delimiter):
        yield from _row(values, columns)


def _records(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    """Give the values of each line; a line that cannot be split has none."""
    for line in lines:
        yield [value.strip() for value in record(_shielded(line), delimiter)]


def _shielded(line: str) -> str:
    """Keep the groups of an error together, which hold semicolons, where nobody put them into quotes."""
    out: list[str] = []
    at = end = 0
    for found in _GROUPS.finditer(line):
        if found.start() < end:
            continue
        end = line.find("}]", found.start()) + 2
        if end < 2:
            break
        if line[end : end + 1] != '"':
            groups = line[found.start() : end].replace('"', '""')
            out += [line[at : found.start()], f'"{groups}"']
            at = end
    return "".join([*out, line[at:]])


def _sample(lines: Iterator[str], delimiter: str) -> list[list[str]]:
    rows = [values for values in islice(_records(lines, delimiter), SHOWN + 10) if any(values)]
    return [row for row in rows if MIN_COLUMNS <= len(row) <= MAX_COLUMNS]


def _row(values: list[str], columns: Columns) -> Iterator[Row]:
    """Give the row of a line that has what tells a queue; none for the head and for other lines."""
    if len(values) <= max(columns.values()):
        return
    row: Row = {name: cell(values[at]) for name, at in columns.items()}
    if ("deliverytype" in columns and _is_kind(row["deliverytype"] or "")) or _IDENTITY.fullmatch(
        row.get("identity") or ""
    ):
        yield row


def _columns(rows: list[list[str]]) -> Columns | None:
    """Tell the columns by the values below the head, if there is one; a title or a greeting may stand above it."""
    told = (_told(rows[above:]) for above in range(min(len(rows), MAX_ABOVE)))
    return next((columns for columns in told if columns is not None), None)


def _told(rows: list[list[str]]) -> Columns | None:
    """Tell the columns of rows that are all alike: at least an error, and a type of delivery or an identity."""
    width = min(map(len, rows))
    values = [[row[at] for row in rows] for at in range(width)]
    columns: Columns = {}
    for at, column in enumerate(values):
        name = _name(column)
        if name is not None and name not in columns:
            columns[name] = at
    if "lasterror" not in columns or columns.keys().isdisjoint(("deliverytype", "identity")):
        return None
    numbers = [at for at, column in enumerate(values) if all(number(value) is not None for value in column)]
    count = numbers[0] if len(numbers) == 1 else columns.get("deliverytype", -9) + 2
    if count in numbers:
        columns["messagecount"] = count
    return columns


def _name(column: list[str]) -> str | None:
    if all(map(_is_kind, column)):
        return "deliverytype"
    if all(map(_IDENTITY.fullmatch, column)):
        return "identity"
    if all(plain(value) in words().queue_statuses for value in column):
        return "status"
    if any(map(_is_error, column)) and all(_is_error(value) or not value for value in column):
        return "lasterror"
    if any("." in value for value in column) and all(map(_is_domain, column)):
        return "nexthopdomain"
    return None


def _is_kind(value: str) -> bool:
    return is_delivery_type(plain(value))


def _is_error(value: str) -> bool:
    return begins(value) or is_bare(value)


def _is_domain(value: str) -> bool:
    return _DOMAIN.fullmatch(value) is not None and _TIME.match(value) is None and number(value) is None
