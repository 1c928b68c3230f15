"""Format-List → rows: `Name : value` from the first column on, wrapped at the width of a console.

Values run on in the lines below, indented or (in a copy) not, with or without blank lines between. So a name that
comes a second time, not a blank line, begins the next row.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from triage.decode.export_row import MAX_CELL, Row, cell, is_known, plain
from triage.decode.export_text import joined

MAX_NAME = 60
"""Characters of a property's name; the longest of Exchange's has 33."""

MIN_INNER = 4
"""Properties on one line that make it a list whose line ends were lost."""

_INNER = re.compile(r"(?:^|(?<=\s))(?P<name>[A-Za-z]{3,40}) : ")
_OTHER = re.compile(r"[A-Z][A-Za-z0-9_]{1,60}")
_END = re.compile(
    r"(?:\[PS\] |PS [A-Za-z]:\\|PS>|\*{10}|-{3,}(?: |$)|#{3}|`{3}|\{(?:noformat|code)\}|[A-Z][a-z]{1,20}-[A-Z][A-Za-z]{1,40} : )"
)
"""What ends a list: the next prompt of a shell or its error, the frame of a transcript, the line under a table's head, the
mark of a ticket's code block."""


def names_in(lines: Iterable[str], spaced: bool) -> set[str]:
    """Give the plain names that begin a line; `spaced` as for `field`."""
    return {name for line in lines if (name := field(line.strip(), spaced)[0]) is not None}


def is_flattened(line: str) -> bool:
    """Tell whether a line holds a whole list, of which a web mail or a chat lost the line ends."""
    return len(_inner(line)) >= MIN_INNER


def unflattened(line: str) -> str:
    """Give each property in such a line a line of its own."""
    starts = _inner(line)
    if len(starts) < MIN_INNER:
        return line
    return "\n".join(line[start:end] for start, end in pairwise([0, *starts, len(line)]) if start < end)


def _inner(line: str) -> list[int]:
    if line.count(" : ") < MIN_INNER:
        return []
    return [found.start("name") for found in _INNER.finditer(line[:MAX_CELL]) if is_known(plain(found.group("name")))]


def read_list(lines: Iterable[str], spaced: bool = True) -> Iterator[Row]:
    """Give the rows of the lists in a text; `spaced` as for `field`. Lines that belong to none are passed over."""
    row: dict[str, _Value] = {}
    value: _Value | None = None
    indent = ""
    is_apart = is_spread = False
    for line in lines:
        if not line.strip():
            is_apart = True
            continue
        if not row:
            indent = line[: len(line) - len(line.lstrip(" \t"))][:40]
        bare = line[len(indent) :] if line.startswith(indent) else line.lstrip()
        name, at = field(bare, spaced)
        if name:
            if name in row:
                yield _row(row)
                row = {}
            # A copy may put an empty line behind each: then one before a line tells nothing of it.
            is_spread = is_apart if len(row) == 1 else is_spread or not row
            value = row[name] = _Value(bare, at)
        elif _END.match(bare):
            if row:
                yield _row(row)
            row, value = {}, None
        elif is_apart and not is_spread and bare[:1] not in " \t":
            value = None
        elif value is not None:
            value.add(bare)
        is_apart = False
    if row:
        yield _row(row)


def field(line: str, spaced: bool = True) -> tuple[str | None, int]:
    """Give the plain name of the property that begins on this line, and where its value begins; None without one.

    `spaced` asks for a space before the colon, as Format-List sets it: without one, `Subject:` may be a word of an
    error text that runs on in this line.
    """
    if spaced and (tab := _before_tab(line)):
        return plain(line[:tab]), tab + 1
    colon = line.find(":", 1, 2 * MAX_NAME)
    if colon < 0 or not line[0].isalpha():
        return None, 0
    name = line[:colon].rstrip()
    if len(name) == colon and spaced:
        # Read off a picture, a colon may stand twice: `Status:      : Retry`.
        second = line.find(":", colon + 1, 2 * MAX_NAME)
        if second < 0 or line[colon + 1 : second].strip() or second == colon + 1:
            return None, 0
        colon = second
    if line[colon + 1 : colon + 2] not in ("", " "):
        return None, 0
    if len(name) > MAX_NAME or not (is_known(plain(name)) or (spaced and _OTHER.fullmatch(name))):
        return None, 0
    return plain(name), colon + 1


def _before_tab(line: str) -> int | None:
    """Give where the name ends that a tab sets apart from its value, as a spreadsheet copies two columns."""
    tab = line.find("\t", 1, MAX_NAME)
    if tab < 0 or line[tab:].lstrip()[:1] == ":" or not line[0].isalpha() or not is_known(plain(line[:tab])):
        return None
    return tab


class _Value:
    """A value and the lines it runs on in."""

    def __init__(self, line: str, at: int) -> None:
        self._lines = [line[at:].strip()]
        self.room = len(line) - len(line[at:].lstrip()) if line[at:].strip() else at + 1
        self.width = len(line.rstrip())
        self._size = len(line)
        self._closed = self._lines[0].startswith("[{") and self._lines[0].endswith("}]")

    def add(self, line: str) -> None:
        """Take a line on which the value runs on; nothing follows the brackets that end a LastError."""
        if self._closed or self._size > MAX_CELL:
            return
        text = line.strip()
        moved = 0 if line[0] in " \t" else self.room  # a copy may lose the indentation
        self._size += len(text)
        self._lines.append(text)
        self.width = max(self.width, len(line.rstrip()) + moved)
        self._closed = self._lines[0].startswith("[{") and text.endswith("}]")

    def text(self, width: int) -> str:
        """Join the lines, `width` the length of the longest line of the row."""
        return joined(self._lines, width - self.room)


def _row(values: dict[str, _Value]) -> Row:
    width = max(value.width for value in values.values())
    return {name: cell(value.text(width)) for name, value in values.items()}
