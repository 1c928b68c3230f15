"""What no export that is pasted into a text can do without: most letters are ruled out by it, at little cost."""

import re
from functools import cache
from typing import Any

import re2  # type: ignore[import-untyped]

from triage.decode.export_row import words

_ERRORS = re2.compile(
    rb"(?:led|lrt|msg) ?=|4\.[47]\.[^ ]{1,12} (?:primary target ip address|target host responded|error communicating with"
    rb"|proxy session|connection (?:dropped|timed out)|unable to connect|cannot (?:connect|establish)"
    rb"|error encountered while|dns query)"
)
"""What begins the groups of a LastError, and the replies that only queues hold; in lower case."""
_REPORT = ("reportid", "totalfailuresessioncount")
"""Names of a TLS report, as `plain` gives them."""
_MIN_TABS = 4
_MIN_PROPERTIES = 4
_NOT_PLAIN = bytes(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyz0123456789"))
_RULE = re.compile("- +-")
_COUNT = re.compile(r"(?:  |\t)\d+(?:  |\t|\s*$)", re.MULTILINE)
_CASES = re.compile("[\u0130\u0131\u017f\u212a]")
"""Letters that a pattern which ignores case holds for `i`, `s` and `k`."""


def may_hold_export(text: str) -> bool:
    """Tell whether an export may stand in a text; False where none of the ways to write one is possible.

    Each way needs one of these: the names of its columns or properties, the groups of an error or a reply that only
    queues hold, the rule under a table's head, rows of tabs, a number set apart by wide blanks, times of a log, or a
    list on one line.
    """
    if not text.isascii() and _CASES.search(text):
        return True
    lower = text.lower().encode("utf-8", "replace")
    if _has_error(lower.translate(None, b'"')) or _has_rows(text):
        return True
    squeezed = lower.translate(None, _NOT_PLAIN)
    return _names().search(squeezed) is not None


def _has_error(lower: bytes) -> bool:
    may_have = b"=" in lower or b"4.4." in lower or b"4.7." in lower
    return may_have and _ERRORS.search(lower) is not None


def _has_rows(text: str) -> bool:
    if text.count("\t") >= _MIN_TABS or text.count(" : ") >= _MIN_PROPERTIES:
        return True
    if "Z," in text or 'Z",' in text or _RULE.search(text):
        return True
    return "   " in text and _COUNT.search(text) is not None


@cache
def _names() -> Any:
    """Look for names that make an export, whatever stands between their letters; of those together, for the first."""
    known = words()
    return re2.compile("|".join(sorted({*_REPORT, *known.telling, *map(min, known.together)})).encode())
