"""The value of an address header (RFC 5322 §3.4) → names and addresses."""

import re
from email.utils import getaddresses, parseaddr

from triage.decode.limits import MAX_COMMENTS

_ADDRESS = r"[\w.!#$%&*+/=?^`{|}~'-]++@[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)*+"
_USUAL = re.compile(
    rf"[ \t]*+(?:({_ADDRESS})|(?:\"([^\"\\\r\n()]*+)\"|([\w.!#$%&*+/=?^`{{|}}~'-]++(?: [\w.!#$%&*+/=?^`{{|}}~'-]++)*+))?"
    rf"[ \t]*+<({_ADDRESS})>)[ \t]*+"
)
"""One mailbox without comments, routes and escapes, as nearly all headers have it."""


def mailbox_of(value: str) -> tuple[str, str]:
    """Give name and address of a header's one mailbox, each empty where there is none or several. Never raises."""
    if not value:
        return "", ""
    if found := _USUAL.fullmatch(value):
        alone, quoted, name, address = found.groups()
        return quoted or name or "", alone or address
    return parseaddr(value) if value.count("(") <= MAX_COMMENTS else ("", "")


def addresses_of(value: str) -> list[str]:
    """Give the addresses of a header, in order. Never raises."""
    if not value:
        return []
    if found := _USUAL.fullmatch(value):
        return [found.group(1) or found.group(4)]
    listed = getaddresses([value]) if value.count("(") <= MAX_COMMENTS else []
    return [address for _, address in listed if "@" in address]
