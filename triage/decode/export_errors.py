"""LastErrors that stand by themselves → rows: copied out of a property page, or printed with `(Get-Queue).LastError`."""

import re
from collections.abc import Iterable, Iterator

from triage.decode.export_row import MAX_CELL, Row, cell

_GROUPS = re.compile(
    r"(?P<label>Reason|LastError|RecipientStatus|Status|Detail)? ?:? ?"
    r"(?P<open>\{? ?\[? ?)(?:\{ ?(?:LED|LRT|MSG) ?=|LED=[245])",
    re.IGNORECASE,
)
_POINT = re.compile(r"^(?:[\u2022\u00b7*-]|\d{1,3}[.)]) {1,3}(?=[\[{45])")
"""What stands before an item of a list."""
_WITHIN = re.compile(r"(?<=\s)\{?\[\{(?:LED=#?[245]\d\d|LRT=[\d}])")
_REPLY = re.compile(r"(?P<code>[45]\d\d)(?P<more>[ -])#?[45]\.\d{1,3}\.\d{1,3}(?![\d.])")
_OF_A_QUEUE = re.compile(
    r"4\d\d[ -]4\.[47]\.\d{1,3} (?:Primary target IP address|Target host responded|Error communicating with|Proxy session"
    r"|Connection (?:dropped|timed out)|Unable to connect|Cannot (?:connect|establish)|Error encountered while|DNS query)"
)
_CLOSING = "}]"


def begins(line: str) -> bool:
    """Tell whether a line begins with the groups of a LastError or RecipientStatus."""
    return _GROUPS.match(line) is not None


def within(line: str) -> int | None:
    """Give where the groups of a LastError begin behind other words of a line; None where they do not."""
    found = _WITHIN.search(line)
    return found.start() if found else None


def is_bare(line: str) -> bool:
    """Tell whether a line is a LastError without groups: a reply that only Exchange's queues hold."""
    return _OF_A_QUEUE.match(line) is not None


def read_errors(lines: Iterable[str]) -> Iterator[Row]:
    """Give a row for each error. It runs on in the lines below until it is whole; other lines are passed over."""
    one: _Error | None = None
    for stripped in map(str.strip, lines):
        pointed = _POINT.sub("", stripped, count=1)
        at = None if one is not None or begins(pointed) else within(pointed)
        line = pointed if at is None else pointed[at:]
        if begins(line) or (_REPLY.match(line) and (one is None or one.is_whole())):
            if one:
                yield one.row()
            one = _Error(line)
        elif one and line and not one.ended:
            one.add(line)
        elif one and one.is_whole():
            one.ended = True
    if one:
        yield one.row()


class _Error:
    """One error and the lines that it runs on in."""

    def __init__(self, line: str) -> None:
        found = _GROUPS.match(line)
        self.name = "lasterror" if found is None else _name(found)
        self.grouped = found is not None and "{" in line[: found.end()]
        self.ended = False
        self._lines: list[str] = []
        self._size = 0
        self._quotes = self._brackets = 0
        self._closed = False
        self.add(line)

    def add(self, line: str) -> None:
        """Take a line; after the brackets that close the groups nothing follows but what Exchange Online appends."""
        if self._size > MAX_CELL:
            return
        line = line[:MAX_CELL]
        self._size += len(line)
        self._lines.append(line)
        self._quotes += line.count('"')
        self._brackets += line.count("[") - line.count("]")
        self._closed = self._closed or _CLOSING in line
        self.ended = self._closed and line.endswith(("]", "}"))

    def is_whole(self) -> bool:
        """Tell whether nothing is missing: the groups are closed, or brackets and quotes come in pairs."""
        last = self._lines[-1]
        if self.grouped:
            return self._closed or last.endswith("}")
        reply = _REPLY.match(last)
        return not (last.endswith("->") or self._quotes % 2 or self._brackets > 0 or (reply and reply["more"] == "-"))

    def row(self) -> Row:
        return {self.name: cell(" ".join(self._lines))}


def _name(found: re.Match[str]) -> str:
    """Tell a LastError from a RecipientStatus, which stands in braces of its own or behind a word of the trace."""
    label, brackets = (found.group("label") or "").lower(), found.group("open")
    return "recipientstatus" if label not in ("", "lasterror") or brackets.replace(" ", "") == "{[" else "lasterror"
