"""Bytes → the tree of a message's parts (RFC 5322, RFC 2045, RFC 2046), the same as the standard library's parser makes.

That parser takes a message line by line, which is most of the time that a report costs. Here a part is found by searching
for its boundary, and a header by one pattern. Only the usual message is read so; whatever is odd in one (a header that
begins in the middle of a field, an empty part, a carriage return alone) is left to the standard library, and so is a large
one, which that parser takes in pieces.
"""

import re
from email.errors import (
    CloseBoundaryNotFoundDefect,
    MessageDefect,
    MissingHeaderBodySeparatorDefect,
    MultipartInvariantViolationDefect,
    NoBoundaryInMultipartDefect,
    StartBoundaryNotFoundDefect,
)
from email.feedparser import BytesFeedParser
from functools import lru_cache

from triage.decode import limits
from triage.decode.node import POLICY, Node, without_line_end

PIECE = 32 * 2**10
"""Bytes that the parser is fed at once: little beside a large message."""
MAX_USUAL = 2**20
"""Bytes of a message that is read at one go; it is held as text once more, with up to two bytes for each octet."""
MAX_DEEP = 20
"""Parts within parts that are read at one go, each by a call of its own."""

MAX_KNOWN = 160
"""Characters of a part's header that is kept for the next message."""

_HEADER = re.compile(r"(?:[!-9;-~]++:[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z))*+")
_FIELD = re.compile(r"([!-9;-~]++):[ \t]*+([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_FOLDED_AT_ONCE = re.compile(r":[ \t]*+\r?\n[ \t]")
"""A field with nothing on its first line, or what looks like one within another."""
_TAIL = re.compile(r"(--)?[ \t]*+(?:\r?\n|\Z)")
"""What may follow a boundary on its line (RFC 2046 §5.1.1): the mark of the end, white space."""


_LINE_ENDS = (("\n", "\n\n"), ("\r\n", "\n\r\n"))
"""How a line may end, and how it does before an empty one."""
_LEFT_OUT = (" ", "\t", ":", "From ")
"""What begins a line that the standard library leaves out of a header in which it has no place."""


class _Odd(Exception):
    """The message is not written in the usual way."""


_Delimiter = tuple[int, int, bool]
"""A line that separates parts: where it begins and ends, and whether it ends the last one."""


def parse(content: bytes) -> Node:
    """Parse bytes as they stand, without bounds and repairs.

    Raises `RecursionError` for messages within messages that are too deep for the standard library.
    """
    if len(content) <= MAX_USUAL and (b"\r" not in content or content.count(b"\r") == content.count(b"\r\n")):
        text = content.decode("ascii", "surrogateescape")
        try:
            return _whole(text)
        except _Odd:
            pass
    return _fed(content)


def parse_header(text: str) -> Node | None:
    """Parse the header that a text begins with; None where it is not written in the usual way."""
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return None
    node = Node(policy=POLICY)
    try:
        _header(node, text, 0, len(text))
    except _Odd:
        return None
    return node


def _fed(content: bytes) -> Node:
    """Parse bytes piece by piece. `BytesParser` would hold all of it once more, with four bytes for each character."""
    parser = BytesFeedParser(Node, policy=POLICY)
    for at in range(0, len(content), PIECE):
        parser.feed(content[at : at + PIECE])
    return parser.close()


def _whole(text: str) -> Node:
    """Parse a message at one go."""
    node = _part(text, 0, len(text), 0)
    if node.is_without_its_parts:
        node.defects.append(MultipartInvariantViolationDefect())
    return node


def _part(text: str, start: int, end: int, depth: int, cut: int | None = None, default: str | None = None) -> Node:
    """Parse what stands between two places.

    Of a part of a multipart, `cut` is the length of the line break at its end, which belongs to the boundary that
    follows (RFC 2046 §5.1.1).
    """
    if depth > MAX_DEEP:
        raise _Odd
    node = Node(policy=POLICY)
    if default is not None:
        node.set_default_type(default)
    body = _header(node, text, start, end)
    kind = node.get_content_maintype()
    if kind == "message":
        node.attach(_part(text, body, end, depth + 1, cut))
    elif kind != "multipart":
        node.take_text(text[body : end - (cut or 0)])
    else:
        _parts(node, text, body, end, depth)
        if cut is not None:
            node.epilogue = without_line_end(node.epilogue) if node.epilogue else None
    return node


def _header(node: Node, text: str, start: int, end: int) -> int:
    """Read the header fields, and give where the body begins."""
    near = min(end, start + MAX_KNOWN)
    for line_end, blank_line in _LINE_ENDS:
        if text.startswith(line_end, start, end):
            return start + len(line_end)
        blank = text.find(blank_line, start, near) + 1
        if blank and (known := _known_header(text[start:blank])) is not None:
            node.take_header(known)
            return blank + len(line_end)
    found = _HEADER.match(text, start, end)
    at = found.end() if found else start
    node.take_fields(_fields(text, start, at))
    if at == end:
        return end
    for line_end, _ in _LINE_ENDS:
        if text.startswith(line_end, at, end):
            return at + len(line_end)
    if text.startswith(_LEFT_OUT, at, end):
        raise _Odd
    node.defects.append(MissingHeaderBodySeparatorDefect())
    return at


@lru_cache(maxsize=256)
def _known_header(text: str) -> Node | None:
    """Parse the short header of a part, of which the next message has the same; None where it is no header."""
    if _HEADER.fullmatch(text) is None:
        return None
    node = Node(policy=POLICY)
    node.take_fields(_fields(text, 0, len(text)))
    return node


def _fields(text: str, start: int, end: int) -> list[tuple[str, str]]:
    """Split a header into its fields."""
    fields: list[tuple[str, str]] = _FIELD.findall(text, start, end)
    if end - start > limits.MAX_HEADER or _FOLDED_AT_ONCE.search(text, start, end):
        return [_field(name, value) for name, value in fields]
    if text.find("\r", start, end) >= 0:
        return [(name, value.rstrip("\r")) for name, value in fields]
    return fields


def _field(name: str, value: str) -> tuple[str, str]:
    """Give a field as the standard library splits it."""
    if value[:1] in ("\r", "\n"):  # nothing on the field's first line, of which releases of Python differ
        return POLICY.header_source_parse(f"{name}:{value}\n".splitlines(keepends=True))
    return name, value.rstrip("\r\n")[: limits.MAX_HEADER]


def _parts(node: Node, text: str, start: int, end: int, depth: int) -> None:
    """Parse the parts of a multipart one."""
    boundary = node.get_boundary()
    if boundary is None:
        _lose(node, text[start:end], NoBoundaryInMultipartDefect())
        return
    if not boundary or not boundary.isascii() or node.encoding("8bit") not in ("7bit", "8bit", "binary"):
        raise _Odd
    mark = f"--{boundary}"
    here = _delimiter(text, mark, start, end)
    if here is None:
        node.epilogue = ""
        _lose(node, text[start:end], StartBoundaryNotFoundDefect())
        return
    begin, at, is_last = here
    if is_last:
        raise _Odd
    if begin > start:
        node.preamble = without_line_end(text[start:begin])
    default = "message/rfc822" if node.get_content_type() == "multipart/digest" else None
    is_ended = True
    while not is_last:
        following = _delimiter(text, mark, at, end)
        is_ended = following is not None
        stop, after, is_last = following or (end, end, True)
        if stop == at:
            raise _Odd
        cut = 0 if text[stop - 1] != "\n" else 2 if text[stop - 2] == "\r" else 1
        node.attach(_part(text, at, stop, depth + 1, cut, default))
        at = after
    if is_ended:
        node.epilogue = text[at:end]
    else:
        node.defects.append(CloseBoundaryNotFoundDefect())


def _lose(node: Node, body: str, defect: MessageDefect) -> None:
    """Take the body of a multipart as a text: its parts cannot be found."""
    node.defects.append(defect)
    node.take_text(body)


def _delimiter(text: str, mark: str, start: int, end: int) -> _Delimiter | None:
    """Find the next line that separates parts; `start` is where a line begins."""
    line = f"\n{mark}"
    at = start if text.startswith(mark, start, end) else text.find(line, start, end) + 1 or -1
    while at >= 0:
        after = at + len(mark)
        if text.startswith("\n", after, end):
            return at, after + 1, False
        if found := _TAIL.match(text, after, end):
            return at, found.end(), found.group(1) is not None
        at = text.find(line, at, end) + 1 or -1
    return None
