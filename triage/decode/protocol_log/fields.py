"""The nine fields of a row: `date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,
data,context`. A field is quoted only where it holds a comma or a quote; a quote within is doubled (RFC 4180).
"""

import re
from functools import lru_cache
from typing import NamedTuple

from triage.decode.reply import address

MAX_FIELD = 512
"""Bytes that an endpoint, a connector or a session id may take: names in Active Directory have at most 256 characters."""
MAX_TEXT = 1000
"""Characters kept of a reply or note: RFC 5321 §4.5.3.1.5 allows a reply line 512 octets."""

_EVENTS = frozenset({b"+", b"-", b"<", b">", b"*"})
SMTP_PORTS = frozenset({b"25", b"465", b"475", b"587", b"717", b"2525", b"2526"})
"""Ports on which Exchange or its peers listen; what connects comes from another."""

_FIELD = rb'(?:"(?:[^"]|"")*"|[^,"][^,]*|)'
_ROW = re.compile(rb",".join([rb"(" + _FIELD + rb")"] * 7) + rb",(.*)", re.DOTALL)
_TIME = re.compile(rb"\d{4}-(?:0\d|1[0-2])-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(?:\.\d{1,9})?Z")


class Row(NamedTuple):
    """One row; `rest` is data and context as they stand, for most rows need no more than their first bytes."""

    time: bytes
    connector: bytes
    session: bytes
    sequence: bytes
    local: bytes
    remote: bytes
    event: bytes
    rest: bytes


def row_of(row: bytes) -> Row | None:
    """Take a row apart; None for what is none."""
    fields = row.split(b",", 7)
    if len(fields) == 8 and fields[6] in _EVENTS:
        return Row(*fields)
    found = _ROW.fullmatch(row[: 16 * MAX_FIELD])
    if not found:
        return None
    quoted = Row(*[unquoted(field) for field in found.groups()])._replace(rest=found[8])
    return quoted if quoted.event in _EVENTS else None


def is_time(field: bytes) -> bool:
    """Say whether a field is a UTC time as Exchange writes it."""
    return _TIME.fullmatch(field) is not None


def unquoted(field: bytes) -> bytes:
    """Take the quotes off one field."""
    if len(field) >= 2 and field.startswith(b'"') and field.endswith(b'"'):
        return field[1:-1].replace(b'""', b'"')
    return field


def data_of(rest: bytes) -> str:
    """Give the text of the data field."""
    return _text(_first(rest)[0])


def context_of(rest: bytes) -> str:
    """Give the text of the context field; of data where there is no context (a row cut or shifted by a field)."""
    data, context = _first(rest)
    return _text(unquoted(context.strip()) or data)


def _first(rest: bytes) -> tuple[bytes, bytes]:
    rest = rest[: 4 * MAX_TEXT].rstrip(b"\r")
    if not rest.startswith(b'"'):
        data, _, context = rest.partition(b",")
        return data, context
    at = 1
    while (at := rest.find(b'"', at)) != -1 and rest[at + 1 : at + 2] == b'"':
        at += 2
    if at == -1:
        return rest[1:].replace(b'""', b'"'), b""
    return rest[1:at].replace(b'""', b'"'), rest[at + 2 :]


def _text(field: bytes) -> str:
    """Decode a field: UTF-8, else as single bytes, which shows a foreign code page wrong but loses no ASCII."""
    try:
        text = field.decode("utf-8")
    except UnicodeDecodeError:
        text = field.decode("utf-8", "replace")
    return " ".join(text.replace("\x00", " ").split())[:MAX_TEXT]


def address_of(endpoint: bytes) -> str | None:
    """Give the address of an endpoint (`192.0.2.5:25`, `[2001:db8::5]:53000`); None for a masked one or none."""
    host, colon, port = endpoint.rpartition(b":")
    return _address(host if colon and port.isdigit() else endpoint)


def port_of(endpoint: bytes) -> bytes:
    """Give the port of an endpoint."""
    return endpoint.rpartition(b":")[2]


@lru_cache(maxsize=8192)
def _address(text: bytes) -> str | None:
    return address(text.decode("ascii", "replace"))
