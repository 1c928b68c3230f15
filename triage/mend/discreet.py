"""What a stranger may read of us: public names and addresses, and reports without the inside of our network."""

import ipaddress
import re

from triage.safe_text import block, redact_addresses

REPLY_LIMIT = 1_200
"""Characters of a reply in a letter: the longest nested reply of Exchange has some 900."""

TAKEN_OUT = "[…]"

# RFC 1918, 3927, 4193, 4291, 6598 and the loopback: what no partner can have seen. Documentation ranges are not among them.
_INSIDE = tuple(
    ipaddress.ip_network(text)
    for text in (
        *(
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "100.64.0.0/10",
            "0.0.0.0/8",
        ),
        *("fc00::/7", "fe80::/10", "::1/128", "::/128"),
    )
)
# RFC 6762 (local), 8375 (home.arpa), ICANN's reserved internal, and what the appendix of RFC 6762 lists as in use inside.
_INSIDE_ENDS = (
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "corp",
    "home",
    "private",
    "home.arpa",
    "localhost",
)

_ADDRESS = re.compile(
    r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9]|\.[0-9])"  # a port may follow
    r"|(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![0-9A-Za-z:])"
)
_INSIDE_NAME = re.compile(
    r"(?i)(?<![0-9A-Za-z._-])[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63}){0,10}\.(?:"
    + "|".join(re.escape(end) for end in _INSIDE_ENDS)
    + r")(?![0-9A-Za-z_-]|\.[0-9A-Za-z])"
)
_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{40}(?:[0-9A-Fa-f]{24})?(?![0-9A-Za-z])")
"""A certificate's thumbprint: SHA-1, or SHA-256."""


def public_address(address: str | None) -> str | None:
    """Give an address that the other side can have seen; None for one of our inside, and for what is none."""
    try:
        found = ipaddress.ip_address((address or "").strip("[]"))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return None if any(found in one or (mapped is not None and mapped in one) for one in _INSIDE) else str(found)


def public_name(name: str | None) -> str | None:
    """Give a name that can stand in public DNS; None for a short name, for an address, and below an inside domain."""
    bare = (name or "").lower().rstrip(".")
    labels = bare.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in bare:
        return None
    return None if any(bare.endswith(f".{end}") for end in _INSIDE_ENDS) else bare


def discreet(text: str, names: tuple[str, ...] = ()) -> str:
    """Give a reply for a stranger's eyes: people's addresses, inside names and addresses and thumbprints are taken out.

    `names` are names of ours that are not to be shown, wherever the text repeats them.
    """
    shown = redact_addresses(block(text, REPLY_LIMIT))
    shown = _INSIDE_NAME.sub(TAKEN_OUT, shown)
    for name in sorted({part for one in names for part in (one, one.partition(".")[0]) if len(part) > 2}, key=len)[
        ::-1
    ]:
        shown = re.sub(rf"(?i)(?<![0-9A-Za-z_-]){re.escape(name)}(?![0-9A-Za-z_-])", TAKEN_OUT, shown)
    shown = _DIGEST.sub(TAKEN_OUT, shown)
    return _ADDRESS.sub(lambda found: found[0] if _is_shown(found[0]) else TAKEN_OUT, shown)


def _is_shown(text: str) -> bool:
    """Tell whether what looks like an address may stay: a clock or a version with dots is none."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return True
    return public_address(text) is not None
