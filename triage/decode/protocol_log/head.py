"""Is it a protocol log: told by its first bytes, with or without the header lines."""

import re

from triage.decode.protocol_log.fields import row_of
from triage.decode.protocol_log.rows import encoding_of
from triage.decode.protocol_log.session import Side, side_of

LOG_HEAD = 4096
"""Bytes that decide: the header has about 300, a row hardly more than 1,000."""

_LOG_TYPE = re.compile(rb"(?im)^#Log-type: ?SMTP (?:Send|Receive) Protocol Log")
_OTHER_TYPE = re.compile(rb"(?im)^#Log-type:")
_FIELDS = re.compile(rb"(?im)^#Fields: ?date-time,connector-id,session-id,sequence-number,")
_ROW = re.compile(
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z,"
    rb'(?:[^,"\n]{0,300}|"[^"\n]{0,300}"),[0-9A-F]{8,32},\d{1,9},[^,\n]{0,60},[^,\n]{1,60},[-+*<>],'
)
_BEGINS = re.compile(rb'#|"?\d{4}-\d\d-\d\dT\d\d:')
_ESCAPED = re.compile(rb",&[lg]t;,")
_ANY_FIELDS = re.compile(rb"(?im)^#Fields: ?[a-z]")
_HEADER_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,60}:(?:\s|$)")


def is_protocol_log(head: bytes) -> bool:
    """Tell whether what begins with `head` (its first `LOG_HEAD` bytes, fewer only where it is shorter) is a protocol log.

    Never true for a mail message, which begins with a header field, and for Exchange's other logs. The header may be
    missing, and the first row may be cut: then two rows must stand.
    """
    if _HEADER_FIELD.match(head):
        return False
    text = _plain(head[:LOG_HEAD]).lstrip(b"\r\n\t ")
    if text.startswith(b"#"):
        return _has_header(text) and not (_is_broken(text) or _ESCAPED.search(text))
    first, _, rest = text.partition(b"\n")
    if _HEADER_FIELD.match(first) or first.startswith((b"From ", b">From ")):
        return False
    lines = rest.split(b"\n")
    if _is_filtered(text):
        return False
    if _ROW.match(first):
        return len(lines) < 2 or any(_ROW.match(line) for line in lines[:2])
    return len(lines) >= 2 and all(_ROW.match(line) for line in lines[:2])


def declared_side(head: bytes) -> Side | None:
    """Give what the header in the first bytes of a log says it is; None where there is none."""
    found = _LOG_TYPE.search(_plain(head[:LOG_HEAD]))
    return ("receive" if b"receive" in found.group().lower() else "send") if found else None


def side_of_log(head: bytes) -> Side:
    """Tell a Send from a Receive log by its first bytes: by its header, else by its first whole row."""
    if declared := declared_side(head):
        return declared
    rows = (row_of(line) for line in _plain(head[:LOG_HEAD]).split(b"\n"))
    return next((side_of(row.local, row.remote, row.event, row.rest) for row in rows if row is not None), "send")


def _has_header(text: bytes) -> bool:
    if _FIELDS.search(text):
        return True
    if _LOG_TYPE.search(text):
        return _ANY_FIELDS.search(text) is None  # columns in another order: `copied` puts them in their own
    if _OTHER_TYPE.search(text):
        return False
    rows = [line for line in text.split(b"\n") if line.strip() and not line.startswith(b"#")]
    return bool(rows) and _ROW.match(rows[0]) is not None


def _is_broken(text: bytes) -> bool:
    """Tell whether rows run on in other lines, as a console or a mail program broke them: then `copied` mends them."""
    whole = text.split(b"\n")[:-1]
    odd = sum(_BEGINS.match(line) is None for line in whole if line.strip())
    return odd > 1 and odd * 20 > len(whole)


def _is_filtered(text: bytes) -> bool:
    """Tell whether rows are missing within a session, as in what a search gave: `copied` takes care of what they hid."""
    last: dict[bytes, int] = {}
    for line in text.split(b"\n"):
        fields = line.split(b",", 4)
        if len(fields) == 5 and fields[3].isdigit() and len(fields[3]) < 10:
            number = int(fields[3])
            if last.get(fields[2], number - 1) != number - 1 and number > 0:
                return True
            last[fields[2]] = number
    return False


def _plain(head: bytes) -> bytes:
    encoding, mark = encoding_of(head)
    if encoding is None:
        return head[mark:]
    return head[mark:].decode(encoding, "replace").encode("utf-8", "replace")
