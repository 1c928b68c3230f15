"""Format-Custom → rows: `Name = value` within braces, objects within objects by their indentation."""

import re
from collections.abc import Iterable, Iterator

from triage.decode.export_row import Row, cell, is_export, plain

_CLASS = re.compile(r"class [A-Z][\w.#`]{1,120}")
_FIELD = re.compile(r"(?P<indent> {1,40})(?P<name>[A-Z][A-Za-z0-9]{1,60}) =(?: (?P<value>.*))?")


def has_objects(lines: Iterable[str]) -> bool:
    """Tell whether an object of an export stands in these lines."""
    return any(is_export(row) for row in _objects(lines))


def read_objects(lines: Iterable[str]) -> Iterator[Row]:
    """Give a row for each object. What is within it (an identity, a collection) is passed over."""
    return (row for row in _objects(lines) if is_export(row))


def _objects(lines: Iterable[str]) -> Iterator[Row]:
    row: Row = {}
    indent: int | None = None
    is_begun = False
    for line in lines:
        if _CLASS.fullmatch(line.rstrip()):
            yield row
            row, indent, is_begun = {}, None, True
        elif is_begun and (found := _FIELD.fullmatch(line.rstrip())):
            indent = len(found.group("indent")) if indent is None else indent
            if len(found.group("indent")) == indent:
                row[plain(found.group("name"))] = cell(found.group("value") or "")
    yield row
