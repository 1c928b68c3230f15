"""The lines of a human part, as they stood before clients and gateways quoted, curled or encoded them."""

import re

from triage.decode.limits import MAX_LINE
from triage.decode.straight import Straight

MAX_LINES = 4000
"""Lines of a human part that are read; `limits.MAX_RECIPIENTS` recipients with a reason each fit."""

_QUOTE = re.compile(r"^(?:[>|] ?){1,6}")
_SOFT_BREAK = re.compile(r"=\r?\n")
_STRAIGHT = Straight(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\u200b": "", "\ufeff": ""}
)


def text_lines(text: str) -> list[str]:
    """Give the lines of a text without reply quoting (`> `) and with straight quotes."""
    text = _STRAIGHT.of(text)
    if ("=20" in text or "=3D" in text) and _SOFT_BREAK.search(text):  # quoted-printable that nobody undid
        text = _SOFT_BREAK.sub("", text).replace("=20", " ").replace("=3D", "=")
    lines = [line[:MAX_LINE].rstrip() for line in text.splitlines()[:MAX_LINES]]
    quoted = len([1 for line in lines if line and line[0] in ">|"]) if ">" in text or "|" in text else 0
    if quoted * 2 > len(lines) - lines.count(""):
        lines = [_QUOTE.sub("", line) for line in lines]
    return lines
