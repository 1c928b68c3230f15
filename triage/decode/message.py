"""Bytes → a message: its headers, its leaf parts and the messages attached to it, read lazily and within bounds.

`mime.py` parses as the standard library does. Three things are done differently: the parts that this program reads
itself (delivery-status and the like) stay text instead of becoming messages; an encoded message part is decoded before
it is parsed; and a message whose boundary was lost is read again with the boundary that its body shows. Where it shows
none, its body is read as one text.
"""

import codecs
import email.errors
import re
from collections.abc import Iterator
from functools import cached_property

from triage.decode import limits
from triage.decode.encoded import decode_text, decode_words, unfolded
from triage.decode.html_text import text_of_html
from triage.decode.mime import parse, parse_header
from triage.decode.node import ENCODED_MESSAGE, Node

UNTYPED = ("application/octet-stream", "application/x-eml", "application/eml", "text/plain")
"""Types under which webmail and ticket systems attach a saved message; its name and its content then decide."""
LOST = (
    email.errors.NoBoundaryInMultipartDefect,
    email.errors.StartBoundaryNotFoundDefect,
    email.errors.MultipartInvariantViolationDefect,
)
"""What counts as defective: a multipart whose parts were not found. A missing end or a stray line does no harm."""
_OF_PARTS = (*LOST, email.errors.CloseBoundaryNotFoundDefect)
"""What a parser finds amiss in the parts of a message, and not in its header."""

_DELIMITER = re.compile(r"(?m)^--([^\s-][^\r\n]{0,199}?)[ \t]*\r?\n[Cc]ontent-[\w-]{1,40}:")
_HEADERS = re.compile(rb"(?m)^(Received|From|To|Subject|Date|Message-I[Dd]|MIME-Version|Content-Type):")
_LIKE_ASCII = ("us-ascii", "ascii", "utf-8", "iso-8859-", "windows-125")
_MACHINE_PART = re.compile(rb"(?i)(?:Reporting-MTA|Original-Envelope-Id|Original-Recipient|Final-Recipient)[ \t]{0,8}:")
"""How the machine part of a report begins, whatever type and name it was given on its way."""
_FIELD = re.compile(rb"[!#-9;=-Z^-z][!-9;-~]{0,75}:")
"""A header field; no field's name begins with a quote or bracket, as JSON and XML do."""
_NAME = 77
"""Characters of a field's name with its colon."""


class Leaf:
    """One part that is no container: its type, its file name and its text, decoded when first asked for."""

    def __init__(self, node: Node, kind: str) -> None:
        """Take the parsed part and the type it is read as."""
        self._node = node
        self.kind = kind

    @cached_property
    def filename(self) -> str:
        """The name that the part gives itself, or an empty text."""
        return _filename_of(self._node)

    @property
    def content(self) -> bytes:
        """The whole part, its transfer encoding undone."""
        return _content(self._node)

    @cached_property
    def text(self) -> str:
        """The decoded text, HTML as text; at most `limits.TEXT_BYTES` of it (more of a delivery-status part)."""
        return text_of_html(self.markup) if self.kind == "text/html" else self.markup

    @cached_property
    def markup(self) -> str:
        """The decoded text as it stands, HTML with its tags; at most as much as of `text`."""
        bound = limits.STATUS_BYTES if self.kind == "text/delivery-status" else limits.TEXT_BYTES
        text = _plain_text(self._node)
        return text[:bound] if text is not None else decode_text(_content(self._node)[:bound], _charset(self._node))


class Header:
    """The header fields of a message, decoded when asked for."""

    def __init__(self, node: Node) -> None:
        """Take a parsed message."""
        self.node = node
        self._words: dict[str, str] = {}

    def raw_values(self, name: str) -> list[str]:
        """Give every value of a header, as it stands; `name` in lower case."""
        return self.node.values_of(name)

    def headers(self, name: str) -> list[str]:
        """Give every value of a header, unfolded, as it stands (RFC 2047 words are not decoded)."""
        return [unfolded(value) for value in self.node.values_of(name.lower())]

    def has(self, *names: str) -> bool:
        """True where the message has one of these headers, whatever it says; names in lower case."""
        return not self.node.names.isdisjoint(names)

    def header(self, name: str) -> str | None:
        """Give the first value of a header, unfolded; None without one. An empty value is an empty text."""
        value = self.node.value_of(name.lower())
        return None if value is None else unfolded(value)

    def words(self, name: str) -> str:
        """Give the first value of a header with RFC 2047 words decoded; empty without one."""
        if name not in self._words:
            self._words[name] = decode_words(self.header(name) or "")
        return self._words[name]


class Mail(Header):
    """One message: `leaves` are its own parts, `attached` the messages in it.

    `is_cut` tells that it passes a bound of `limits`: then its parts may not be whole.
    """

    def __init__(self, node: Node, depth: int = 0) -> None:
        """Take a parsed message; `depth` is the number of messages around it."""
        super().__init__(node)
        self.depth = depth
        self.is_cut = False
        self.leaves: list[Leaf] = []
        self.attached: list[Mail] = []
        self._collect(node, depth)

    def parameter(self, name: str) -> str:
        """Give a parameter of Content-Type in lower case (`report-type`); empty without one."""
        try:
            value = self.node.get_param(name, "")
        except (TypeError, ValueError, LookupError):
            return ""
        return (value[-1] if isinstance(value, tuple) else str(value or "")).lower()

    @property
    def content_type(self) -> str:
        """The declared type of the whole message."""
        return self.node.get_content_type()

    @property
    def has_headers(self) -> bool:
        """True where at least one header field was found."""
        return len(self.node) > 0

    @property
    def is_header_usual(self) -> bool:
        """True where nothing was amiss in the header, so that its fields are all that stands in it."""
        return not self.node.defects or all(isinstance(defect, _OF_PARTS) for defect in self.node.defects)

    def of_kind(self, *kinds: str) -> list[Leaf]:
        """Give the own leaf parts of these types, in order."""
        return [leaf for leaf in self.leaves if leaf.kind in kinds]

    def _collect(self, node: Node, depth: int) -> None:
        leaves, attached = self.leaves, self.attached
        for part, kind in _leaves(node):
            if len(leaves) + len(attached) >= limits.MAX_PARTS:
                break
            if not kind.startswith("message/"):
                leaves.append(Leaf(part, kind))
            elif depth < limits.MAX_DEPTH and len(attached) < limits.MAX_MESSAGES:
                attached.append(Mail(part, depth + 1))


def read_mail(content: bytes) -> Mail:
    """Parse bytes within `limits` and give the message. Never raises; what is no message becomes one text part."""
    kept = bounded(content)
    mail = _read(_start_of_message(kept))
    waiting = [mail] if len(kept) < len(content) else []
    while waiting:
        one = waiting.pop()
        one.is_cut = True
        waiting.extend(one.attached)
    return mail


def read_header(text: str) -> Header:
    """Read the header that a text begins with, as that of a message; what stands behind it is left alone."""
    if text.isascii() and len(text) <= limits.HEADER_BYTES and _FIELD.match(text[:_NAME].encode()):
        node = parse_header(text)
        if node is not None:
            return Header(node)
    return read_mail(text.encode("utf-8", "replace"))


def _read(content: bytes) -> Mail:
    node = _parse(content)
    mail = Mail(node)
    if _is_lost(mail):
        repaired = _with_its_boundary(node)
        if repaired is not None:
            return _with_preamble(Mail(repaired))
    return mail


def parsed(content: bytes) -> Node:
    """Parse bytes as they stand, without bounds and repairs: for a tool that writes the same message again."""
    return _parse(content)


def bounded(content: bytes) -> bytes:
    """Cut a message to the bounds of `limits`: size, header block, number of containers and of parts."""
    if len(content) > limits.HEAD_BYTES + limits.TAIL_BYTES:
        content = content[: limits.HEAD_BYTES] + b"\n" + content[-limits.TAIL_BYTES :]
    if len(content) <= limits.SMALL_BYTES:
        return content  # what passes another bound is cut to this
    end = min((at for at in (content.find(b"\n\n"), content.find(b"\n\r\n")) if at >= 0), default=len(content))
    if end > limits.HEADER_BYTES:
        cut = content.rfind(b"\n", 0, limits.HEADER_BYTES)
        content = content[: cut if cut > 0 else limits.HEADER_BYTES] + content[end:]
    return _not_too_many_parts(content)


def _parse(content: bytes) -> Node:
    try:
        return parse(content)
    except RecursionError:
        return parse(b"\n" + content[: limits.SMALL_BYTES])


def _leaves(node: Node) -> Iterator[tuple[Node, str]]:
    """Walk the parts of one message without entering the messages attached to it. Not recursive."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        kind = part.get_content_type()
        inside = part.parts
        if inside and (part is node or not kind.startswith("message/")):
            waiting.extend(reversed(inside))
        elif inside:
            yield inside[0], kind
        elif kind == ENCODED_MESSAGE:
            yield _parse(bounded(_content(part))), "message/rfc822"
        elif kind in UNTYPED and part is not node and (saved := _saved(part, kind)):
            is_message = not _MACHINE_PART.match(saved)
            yield (_parse(bounded(saved)), "message/rfc822") if is_message else (part, "text/delivery-status")
        else:
            yield part, "text/plain" if kind.startswith(("multipart/", "message/")) else kind


def _filename_of(node: Node) -> str:
    """Give the name that a part gives itself, or an empty text."""
    try:
        return str(node.get_filename() or "")[: limits.MAX_HEADER]
    except (TypeError, ValueError, LookupError):
        return ""


def _saved(part: Node, kind: str) -> bytes | None:
    """Give the content of an attachment that is a saved message (`.eml`) or a machine part under a name of its own (Outlook
    says `ATT00001.txt`), None for any other."""
    name = _filename_of(part).lower()
    named = name.endswith(".eml")
    if not name and kind == "text/plain":
        return None
    content = _content(part).lstrip()
    if _MACHINE_PART.match(content) and b"final-recipient:" in content[:4096].lower():
        return content
    if not named and kind == "text/plain":
        return None
    known = set(_HEADERS.findall(content[:4096]))
    return content if _FIELD.match(content) and len(known) >= (1 if named else 3) else None


def _start_of_message(content: bytes) -> bytes:
    """Cut off what stands before the first header: blank lines, a byte order mark, an mbox separator. UTF-16 is undone.

    A text without headers (a report that somebody saved) gets an empty header block.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", "replace").encode("utf-8", "replace")
    content = content.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n\x00")
    if content.startswith((b"From ", b">From ")):
        content = content.partition(b"\n")[2].lstrip(b"\r\n")
    return content if _FIELD.match(content) else b"\n" + content


def _not_too_many_parts(content: bytes) -> bytes:
    many = (
        _containers(content) > limits.MAX_BOUNDARIES
        or (len(content) > limits.MAX_DELIMITERS and content.count(b"\n--") > limits.MAX_DELIMITERS)
        or (len(content) > limits.MAX_LINES and content.count(b"\n") > limits.MAX_LINES)
    )
    return content[: limits.SMALL_BYTES] if many else content


def _containers(content: bytes) -> int:
    """Give how many parts may hold others, or a little more where there are too few of them to count exactly."""
    enclosed = content.count(b"message/rfc822")
    at_most = content.count(b"=") + enclosed
    if at_most <= limits.MAX_BOUNDARIES:
        return at_most
    return enclosed + sum(content.count(word) for word in (b"boundary=", b"BOUNDARY=", b"Boundary="))


def _content(node: Node) -> bytes:
    try:
        content = node.get_payload(decode=True)
    except (ValueError, AssertionError, LookupError):
        content = None
    if isinstance(content, bytes):
        return content
    payload = node.get_payload()
    return payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""


def _plain_text(node: Node) -> str | None:
    """Give the payload of a part that is the same in ASCII and in its charset, and not encoded; None for any other."""
    text = node.raw
    if (
        node.is_multipart()
        or node.encoding("7bit") not in ("7bit", "8bit", "binary")
        or not text.isascii()
        or "\x1b" in text
    ):
        return None
    charset = _charset(node)
    return text if charset is None or charset.startswith(_LIKE_ASCII) else None


def _charset(node: Node) -> str | None:
    charset = node.get_content_charset()
    return charset if isinstance(charset, str) else None


def _is_lost(mail: Mail) -> bool:
    """True where parts seem to be there that the parser did not find: a lost boundary, or no type that names one."""
    if _has_lost_parts(mail.node):
        return True
    if len(mail.leaves) != 1 or mail.attached or mail.leaves[0].kind != "text/plain":
        return False
    text = str(mail.node.get_payload())
    return "--" in text and _DELIMITER.search(text[: limits.TEXT_BYTES]) is not None


def _has_lost_parts(node: Node) -> bool:
    return bool(node.defects) and any(isinstance(defect, LOST) for defect in node.defects)


def _with_its_boundary(node: Node) -> Node | None:
    """Parse the body again with the boundary that it shows; None where it shows none."""
    payload = node.get_payload()
    if not isinstance(payload, str):
        return None
    found = _DELIMITER.search(payload[: limits.TEXT_BYTES])
    if not found:
        return None
    boundary = found.group(1).strip().replace("\\", "\\\\").replace('"', '\\"')
    head = f'Content-Type: multipart/mixed; boundary="{boundary}"\n\n'
    body = _parse((head + payload).encode("utf-8", "surrogateescape"))
    if not body.is_multipart():
        return None
    kind = node.get("content-type", "multipart/mixed") if node.get_content_maintype() == "multipart" else ""
    for key, value in node.raw_items():
        if str(key).lower() != "content-type":
            body[key] = value
    if kind:
        body.replace_header("Content-Type", kind)
    body.defects.extend(node.defects)
    return body


def _with_preamble(mail: Mail) -> Mail:
    """Keep what stands before the first boundary: without a declared one it is the text itself."""
    preamble = mail.node.preamble
    if isinstance(preamble, str) and preamble.strip():
        node = Node()
        node.set_payload(preamble)
        mail.leaves.insert(0, Leaf(node, "text/plain"))
    return mail
