"""The groups of an Exchange queue's LastError: `[{LRT=…};{LED=…};{FQDN=…};{IP=…}]`, in any order, whole or damaged.

The value of LED holds semicolons, brackets, quotes, commas and equals signs of its own: groups end at a brace that
is followed by another group or by the end, never at a semicolon.
"""

import re

import msgspec

_KEY = re.compile(r"(?:(?P<brace>\{ ?)|\} ?; ?|^\[? ?)(?P<name>LRT|LED|MSG|FQDN|IP) ?=", re.IGNORECASE)
"""A group may have lost its brace; a key without one counts only where there is none with it."""
_OPENING = re.compile(r"\{ ?(?:LRT|LED|MSG|FQDN|IP) ?=", re.IGNORECASE)
_BARE_LED = re.compile(r"^LED=(?=[245]\d\d[ -])")
_CLOSING = re.compile(r" ?\}(?: ?; ?[\w.-]{1,255}\})?(?: ?; ?| ?\][ }\]]*)?$")
_LOST_OPENER = re.compile(r"\} ?; ?([A-Za-z0-9](?:[\w-]*\.)+[A-Za-z0-9-]+)\} ?;")


class LastError(msgspec.Struct, frozen=True, kw_only=True):
    """The groups of one LastError; `last_retry` is the server's local time as it was written, never converted."""

    error: str
    message: str | None = None
    host: str | None = None
    ip: str | None = None
    last_retry: str | None = None


def read_last_error(text: str) -> LastError | None:
    """Read the groups out of `text` (whitespace already collapsed); None where it has no such groups."""
    if not (_OPENING.search(text) or _BARE_LED.search(text)):
        return None
    values: dict[str, str] = {}
    keys = list(_KEY.finditer(text))
    braced = {key.group("name").upper() for key in keys if key.group("brace")}
    keys = [key for key in keys if key.group("brace") or key.group("name").upper() not in braced]
    for here, following in zip(keys, [*keys[1:], None], strict=False):
        name = here.group("name").upper()
        if name in values:
            continue
        stop = following.start() if following else len(text)
        values[name] = _value(text[here.end() : stop])
    host = values.get("FQDN")
    if not host and (lost := _LOST_OPENER.search(text)):
        host = lost.group(1)
    if not (values.get("LED") or values.get("MSG")):
        return None
    return LastError(
        error=values.get("LED") or values.get("MSG") or "",
        message=values.get("MSG") or None,
        host=host or None,
        ip=values.get("IP") or None,
        last_retry=values.get("LRT") or None,
    )


def _value(raw: str) -> str:
    """Cut off the brace that closes a group; a value without one was cut off and is taken whole."""
    raw = raw.rstrip("; \t")
    closing = _CLOSING.search(raw)
    return (raw[: closing.start()] if closing else raw).strip()
