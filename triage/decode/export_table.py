"""Format-Table → rows: a head, a line of hyphens under it, and columns that are cut where the console is too narrow."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from triage.decode.export_row import MAX_CELL, Row, cell, is_cut, is_export, plain, words
from triage.decode.export_text import joined

MAX_WIDTH = 4096
"""Characters of a line: Out-File -Width is seldom set above this; a longer line is no row."""
MAX_COLUMNS = 60
MAX_HEAD = 4
"""Lines over which a head is broken: `DeferredMessageCountsPerPriority` needs four in a column of nine places."""

_RULE = re.compile(r"\s*-+(?: +-+)+\s*")
_HYPHENS = re.compile(r"-+")
_ACROSS = "\u2026"
_IDENTITY = ("identity", "queueidentity", "queue", "messageidentity")
_UNBROKEN = ("status", "messagecount")
"""Columns whose values every row has, and that no console breaks."""


def has_table(lines: Iterable[str]) -> bool:
    """Tell whether the head of an export stands in these lines, with its line of hyphens."""
    above: deque[str] = deque(maxlen=MAX_HEAD)
    for line in lines:
        if _is_rule(line) and _head(above, line):
            return True
        _note(above, line)
    return False


def read_tables(lines: Iterable[str]) -> Iterator[Row]:
    """Give the rows of the tables in a text. What is cut is None."""
    names: list[str] = []
    rule = ""
    above: deque[str] = deque(maxlen=MAX_HEAD)
    body: list[str] = []
    for line in lines:
        if _is_rule(line) and (found := _head(above, line)):
            yield from _rows(names, rule, body[: -found.lines])
            names, rule, body = found.names, line, []
        elif names and line.strip() and len(line) <= MAX_WIDTH:
            body.append(line)
        _note(above, line)
    yield from _rows(names, rule, body)


class _Head(NamedTuple):
    names: list[str]
    lines: int


def _head(above: Sequence[str], rule: str) -> _Head | None:
    """Give the names above a line of hyphens: a narrow console breaks them, also within a word, over several lines."""
    for count in range(1, len(above) + 1):
        pieces = [_pieces(line, rule) for line in list(above)[-count:]]
        names = [plain("".join(parts)) for parts in zip(*pieces, strict=True)]
        if is_export(names):
            return _Head(names, count)
    return None


def _note(above: deque[str], line: str) -> None:
    """Remember a line that a rule may follow; an empty one ends the head before it."""
    if line.strip():
        above.append(line[:MAX_WIDTH])
    else:
        above.clear()


def _is_rule(line: str) -> bool:
    return line.lstrip()[:1] == "-" and len(line) <= MAX_WIDTH and _RULE.fullmatch(line) is not None


def _spans(rule: str) -> list[tuple[int, int]]:
    return [found.span() for found in _HYPHENS.finditer(rule)][:MAX_COLUMNS]


def _pieces(head: str, rule: str) -> list[str]:
    return [head[start:end].strip() for start, end in _spans(rule)]


def _rows(names: list[str], rule: str, body: list[str]) -> Iterator[Row]:
    spans = _spans(rule)
    gaps = [_gap(body, left[1], right[0]) for left, right in pairwise(spans)]
    widths = [right[0] - left[0] - 1 for left, right in pairwise(spans)]
    widths.append(max((len(line.rstrip()) - spans[-1][0] for line in body), default=0) if spans else 0)
    row: list[list[str]] = []
    size = 0
    for line in body:
        cells = _cells(line, gaps)
        if _is_row(names, cells):
            if row:
                yield _row(names, row, widths)
            row, size = [[cell] for cell in cells], len(line)
        elif row and size < MAX_CELL and not _own(names, cells):
            # -Wrap: the cells of a row run on in the lines below, where the columns that fitted are empty.
            size += len(line)
            for pieces, cell_below in zip(row, cells, strict=True):
                pieces.extend([cell_below] if cell_below else [])
    if row:
        yield _row(names, row, widths)


def _row(names: list[str], cells: list[list[str]], widths: list[int]) -> Row:
    texts = (joined(pieces, width) for pieces, width in zip(cells, widths, strict=True))
    return {name: _value(name, text) for name, text in zip(names, texts, strict=True)}


def _gap(body: list[str], left: int, right: int) -> int:
    """Give the place between two columns that is blank in every row: numbers stand at the right of theirs."""
    blank = set(range(left, right))
    for line in body:
        if not line[left:right].strip():
            continue
        free = {at for at in blank if at >= len(line) or line[at] == " "}
        # Other lines may follow a table: one that fills the whole gap is no row of it.
        blank = free or blank
    return max(blank, default=left)


def _cells(line: str, gaps: list[int]) -> list[str]:
    """Split a line between its columns. A word that stands across a border was moved: then neither cell is whole."""
    borders = [0, *gaps, max(len(line), *gaps) if gaps else len(line)]
    cells = [line[start:end].strip() for start, end in pairwise(borders)]
    for at, gap in enumerate(gaps):
        if line[gap : gap + 1].strip():
            cells[at] += _ACROSS
            cells[at + 1] += _ACROSS
    return cells


def _own(names: list[str], cells: list[str]) -> bool:
    """Tell whether a line has a word in a column that is too narrow to be broken: then it is another line's."""
    return any(text and name in _UNBROKEN for name, text in zip(names, cells, strict=True))


def _is_row(names: list[str], cells: list[str]) -> bool:
    """Tell a row from a line that runs on or does not belong to the table: by its identity, status or counts."""
    known = words()
    shown = False
    for name, text in zip(names, cells, strict=True):
        if name == "status" and plain(text) in (*known.queue_statuses, *known.message_statuses):
            return True
        if name in ("messagecount", "retrycount") and text.isascii() and text.isdigit():
            return True
        if name == "eventid" and text.isascii() and text.isupper():
            return True
        if name in _UNBROKEN and not text:
            return False  # an identity that was broken runs on in a line in which these are empty
        shown = shown or (name in _IDENTITY and "\\" in text and " " not in text.partition("\\")[0])
    return shown


def _value(name: str, text: str) -> str | None:
    if not is_cut(text):
        return cell(text)
    if name in _IDENTITY and "\\" in text:
        return text.partition("\\")[0] + "\\"  # the server's name stands whole before what is cut
    return None
