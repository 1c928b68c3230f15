"""What stands in any text that names a server, or its address: most texts are told apart by it, at little cost."""

import re

from triage.decode.prose_words import phrases

_IN_AN_IPV4 = re.compile(r"\.\d{1,3}\.\d")
_IN_AN_IPV6 = re.compile(r":[0-9a-f]{1,4}:[0-9a-f]{1,4}:")
_HOST_IS_ADDRESS = re.compile(r"host\s{1,4}(?:>\s{0,4})?[0-9a-f:.]{3,45}:")
_BETWEEN = ".,:;=/<> \t\r\n"
"""What may stand between a name and its address or the bracket around it; in a quoted text a line begins with `>`."""
_BEGINS_ADDRESS = tuple("[(0123456789")
_NEAR = 8


def may_name_a_server(lower: str) -> bool:
    """Tell whether a text in lower case may name a server: an address stands there, or a word behind which a name does."""
    return any(map(lower.__contains__, phrases().before_a_name)) or _holds_address(lower)


def may_tell_address_of(host: str, lower: str) -> bool:
    """Tell whether a text in lower case may give the address of a host: right behind its name, or without a name."""
    if not _holds_address(lower):
        return False
    at = lower.find(host)
    while at >= 0:
        at += len(host)
        if lower[at : at + _NEAR].lstrip(_BETWEEN).startswith(_BEGINS_ADDRESS):
            return True
        at = lower.find(host, at)
    return any(map(lower.__contains__, phrases().before_an_address)) or _HOST_IS_ADDRESS.search(lower) is not None


def _holds_address(lower: str) -> bool:
    return "::" in lower or _IN_AN_IPV4.search(lower) is not None or _IN_AN_IPV6.search(lower) is not None
