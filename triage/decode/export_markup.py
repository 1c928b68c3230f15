"""Markup → rows: the table of ConvertTo-Html or of a mail, and the objects of Export-Clixml ([MS-PSRP] §2.2.5)
and ConvertTo-Xml.

Both are read from end to end once, without a tree of the document.
"""

import html
import re
from collections.abc import Iterator
from xml.parsers import expat

import msgspec

from triage.decode.export_csv import MAX_COLUMNS, names_of
from triage.decode.export_row import MAX_CELL, MAX_ITEMS, Row, cell, is_export, is_known, plain

MAX_NESTED = 40
"""Objects within objects: ConvertTo-Clixml goes two deep unless it is told otherwise."""
CHUNK = 2**20
"""Characters that are parsed at once."""

_XML = re.compile(
    r"\s{0,99}(?:<\?xml[^<>]{0,200}\?>\s{0,99})?"
    r"(?:<Objs\s[^<>]{0,200}schemas\.microsoft\.com/powershell/|<Objects>\s{0,99}<Object[\s>])"
)
_HTML = re.compile(r"\s{0,99}<[!a-zA-Z]")
_TABLE = re.compile(r"(?i)<table(?=[\s>])")
_CELLS = re.compile(r"(?i)<(?P<end>/?)(?P<tag>tr|td|th|table)(?=[\s/>])[^<>]{0,2000}>")
_TAG = re.compile(r"<[!/?a-zA-Z][^<>]{0,2000}>")
_NUMBERED = re.compile(r"_x(?P<number>[0-9A-Fa-f]{4})_")
_OBJECTS = frozenset({"Obj", "Object", "Property"})
"""What may hold others: of ConvertTo-Xml a property too, whose members are properties without a name."""
_LISTS = frozenset({"LST", "IE", "QUE", "STK"})
_NO_VALUE = frozenset({"T", "TN", "TNRef", "Props", "MS", "Objs", "Objects", "DCT", "En", "Ref"})


def is_xml(text: str) -> bool:
    """Tell whether a text begins as Export-Clixml or ConvertTo-Xml writes it, with an object of an export.

    The text may be cut off.
    """
    return _XML.match(text) is not None and any(read_xml(text))


def is_page(text: str) -> bool:
    """Tell whether a text begins as HTML does, and has the table of an export."""
    return _HTML.match(text) is not None and _TABLE.search(text) is not None and any(read_page(text))


def read_page(text: str) -> Iterator[Row]:
    """Give the rows of the tables of an export in HTML; those of any other table are passed over."""
    names: tuple[str, ...] | None = None
    listed: dict[str, str | None] = {}
    for cells in _grid(text):
        name = plain(cells[0]) if len(cells) == 2 else ""
        if found := names_of(cells):
            names = found
        elif names is not None and len(cells) == len(names):
            yield {name: cell(value) for name, value in zip(names, cells, strict=True)}
        elif name and is_known(name):  # ConvertTo-Html -As List: a name and a value on each row
            if name in listed:
                yield listed
                listed = {}
            listed[name] = cell(cells[1])
    if is_export(listed):
        yield listed


def lines_of_cells(text: str) -> Iterator[str]:
    """Give each row of the tables of a page as a line, with tabs between its cells."""
    return ("\t".join(cells) for cells in _grid(text))


def _grid(text: str) -> Iterator[list[str]]:
    """Give the cells of each row. Of a table within a table the inner rows stand for the outer ones."""
    row: list[str] = []
    at: int | None = None
    for found in _CELLS.finditer(text):
        if at is not None and len(row) <= MAX_COLUMNS:
            row.append(_shown(text[at : min(found.start(), at + MAX_CELL)]))
        is_cell = found.group("tag").lower() in ("td", "th")
        at = found.end() if is_cell and not found.group("end") else None
        if not is_cell:
            if row:
                yield row
            row = []
    if row:
        yield row


def _shown(markup: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" " if "<br" in markup else "", markup)).split())


def read_xml(text: str) -> Iterator[Row]:
    """Give a row for each object of an export; an empty row where the rest is damaged or cut off."""
    objects = _Objects()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = objects.start, objects.end
    parser.CharacterDataHandler = objects.text
    parser.StartDoctypeDeclHandler = objects.refuse
    parser.buffer_text = True
    try:
        for at in range(0, len(text), CHUNK):
            parser.Parse(text[at : at + CHUNK].encode("utf-8", "replace"), at + CHUNK >= len(text))
            yield from objects.taken()
    except (expat.ExpatError, _RefusedError):
        yield from objects.taken()
        yield {}


class _RefusedError(Exception):
    """The text holds what PowerShell never writes."""


class _Object(msgspec.Struct):
    """An object that is open: the name that its parent gives it, its properties, its members and its text."""

    name: str | None
    properties: dict[str, str | None] = {}
    members: list[str] | None = None
    shown: str = ""
    is_property: bool = False


class _Objects:
    """Takes the elements as they come and keeps the rows that they make."""

    def __init__(self) -> None:
        self._open: list[_Object] = []
        self._rows: list[Row] = []
        self._name: str | None = None
        self._text: list[str] = []
        self._size = 0

    def taken(self) -> list[Row]:
        """Give the rows made since the last time."""
        rows, self._rows = self._rows, []
        return rows

    def refuse(self, *_: object) -> None:
        """Stop at a document type: it can define entities that grow without end."""
        raise _RefusedError

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin an object, a list or a value."""
        self._text, self._size = [], 0
        self._name = attributes.get("N", attributes.get("Name"))
        if tag in _OBJECTS:
            if len(self._open) >= MAX_NESTED:
                raise _RefusedError
            self._open.append(_Object(self._name, is_property=tag == "Property"))
        elif tag in _LISTS and self._open:
            self._open[-1].members = self._open[-1].members or []

    def text(self, data: str) -> None:
        """Take a piece of a value."""
        if self._size < MAX_CELL:
            self._text.append(data)
            self._size += len(data)

    def end(self, tag: str) -> None:
        """End an object, which may be a row, or a value, which belongs to the object around it."""
        value = _NUMBERED.sub(lambda found: chr(int(found.group("number"), 16)), "".join(self._text)).strip()
        name, self._name = self._name, None
        self._text = []
        if tag in _OBJECTS:
            one = self._open.pop()
            if is_export(one.properties):
                self._rows.append(one.properties)
            shown = value if one.is_property else one.shown
            self._give(one.name, shown if one.members is None else f"{{{', '.join(one.members)}}}")
        elif tag == "ToString" and self._open:
            self._open[-1].shown = value
        elif tag not in _NO_VALUE and tag not in _LISTS:
            self._give(name, value)

    def _give(self, name: str | None, value: str) -> None:
        if not self._open:
            return
        around = self._open[-1]
        if name is not None:
            around.properties[plain(name)] = cell(value)
        elif around.is_property and around.members is None:
            around.members = [value]
        elif around.members is not None and len(around.members) < MAX_ITEMS:
            around.members.append(value)
