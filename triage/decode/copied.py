"""What a copy puts before each line of a text: the quote signs of a reply, the file's name and number of a search.

`findstr`, `grep -n` and PowerShell's `Select-String` write `SEND20261018-1.LOG:14:` there, with `> ` before the line
that was looked for where those around it are shown too.
"""

import re
from itertools import islice
from typing import NamedTuple

from triage.decode.export_text import lines_of

SHOWN = 50
"""Lines by which it is told what stands before all of them."""

_FILE = r"(?P<file>(?:[A-Za-z]:)?[^:\"<>|*?\n]{1,300}\.(?:log|txt|csv|tsv|out|dat|bak|old|LOG|TXT|CSV))"
_QUOTE = re.compile(r" ?(?:> ?){1,6}")
_OF_SEARCH = re.compile(rf"[> ]{{0,3}}{_FILE}[:-](?:\d{{1,9}}[:-])?")
_NUMBER = re.compile(r"\d{1,9}:(?!\d\d(?::|\s|$))")
_BEFORE = re.compile(rf"(?: ?(?:> ?){{1,6}})?(?: {{0,2}}{_FILE}[:-])?(?:\d{{1,9}}[:-](?!\d\d-\d\dT))?")


class Cut(NamedTuple):
    """A line without what stands before it, and the name of the file that a search wrote there, in lower case."""

    text: str
    file: str | None = None


def cut_at(line: str, begins: re.Pattern[str]) -> Cut | None:
    """Take off what a copy put before a line, so that `begins` matches; None where it does not match then either."""
    line = line.lstrip(" \t") if begins.match(line.lstrip(" \t")) else line
    if begins.match(line):
        return Cut(line)
    found = _BEFORE.match(line)
    if found is None or not begins.match(line, found.end()):
        return None
    file = found.group("file")
    return Cut(line[found.end() :], re.split(r"[\\/]", file)[-1].lower() if file else None)


def is_of_search(line: str) -> bool:
    """Tell whether the name of a file stands before a line, or its number: no field of a mail's header does so."""
    return _OF_SEARCH.match(line) is not None or _NUMBER.match(line) is not None


def sign_before(text: str) -> re.Pattern[str] | None:
    """Tell by the first lines of a text what stands before each of them; None where nothing does."""
    shown = [line for line in islice(lines_of(text), 4 * SHOWN) if line.strip()][:SHOWN]
    for sign in (_QUOTE, _OF_SEARCH, _NUMBER):
        marked = sum(sign.match(line) is not None for line in shown)
        # Whoever quotes may write a line or two of his own around it.
        if marked > 1 and marked * 5 >= len(shown) * 4 - 8:
            return sign
    return None


def taken_off(text: str, sign: re.Pattern[str]) -> str:
    """Give a text without the sign before its lines."""
    return "\n".join(sign.sub("", line, count=1) if sign.match(line) else line for line in lines_of(text))
