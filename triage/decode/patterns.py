"""Many patterns, asked at once which of them are worth trying: most texts hold none of them."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import re2  # type: ignore[import-untyped]

from triage.unbounded import without_bounds

MAX_AT_ONCE = 65_536
"""Characters that are looked at for all patterns together; in a longer text each is looked for by itself."""

_LOOK_AROUND = re.compile(r"\(\?<?![^()]*\)")
_ODD = "\x0b\x1c\x1d\x1e\x1f"
"""Characters of ASCII that are white space or end a line for Python alone."""
_PIECE = re.compile(r"(\(\?[a-z]*[:)]|\(|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.)([*+?]|\{\d+(?:,\d*)?\})?", re.DOTALL)
"""One piece of a pattern, and how often it stands there."""
_BREAK = r"(?:\s+|[ \t]*[\r\n\f](?s:.*))"
"""A space between words, or the end of a line and whatever follows."""
_NAMED = re.compile(r"\(\?P<\w+>")


class Patterns(tuple[re.Pattern[str], ...]):
    """Patterns in the order in which they are tried. `roughly` says of each what it holds at least."""

    together: Any

    @classmethod
    def of(cls, patterns: Iterable[re.Pattern[str]], roughly: Iterable[str] | None = None) -> "Patterns":
        """Take patterns; without `roughly` as they stand, but for the look-around, which only narrows them."""
        made = cls(patterns)
        made.together = _together(made, roughly or [one.pattern for one in made])
        return made

    def possible(self, lines: Sequence[str]) -> Sequence[re.Pattern[str]]:
        """Give those that may match one of the lines, in order: mostly none, found out in one pass over all of them.

        Only plain ASCII is looked at so: of other letters and white space RE2 knows less than Python.
        """
        text = "\n".join(lines)
        if len(text) > MAX_AT_ONCE or not text.isascii() or "\x0b" in text or "\x1f" in text:
            return self
        return [self[at] for at in sorted(self.together.Match(text) or ())]


class Signs:
    """What a text holds where patterns match any of its lines, or of the lines that are left of it, put on one."""

    def __init__(self, patterns: Sequence[re.Pattern[str]], roughly: Iterable[str]) -> None:
        """Take the patterns, and what each of them holds at least."""
        self._together = _together(patterns, map(_scattered, roughly))

    def stand_in(self, text: str) -> bool:
        """Tell whether a text may hold one of the patterns, whatever is made of its lines; False only where it does not."""
        if len(text) > MAX_AT_ONCE or not text.isascii() or any(map(text.__contains__, _ODD)):
            return True
        return bool(self._together.Match(text))


def _together(patterns: Iterable[re.Pattern[str]], roughly: Iterable[str]) -> Any:
    """Give RE2's set of patterns that match at least where those match."""
    made = re2.Set.SearchSet()
    for pattern, rough in zip(patterns, roughly, strict=True):
        bare = _NAMED.sub("(?:", _LOOK_AROUND.sub("", without_bounds(rough)))
        made.Add(f"(?m{'i' if pattern.flags & re.IGNORECASE else ''}:{bare})")
    made.Compile()
    return made


def _scattered(pattern: str) -> str:
    """Let a pattern match although lines stand between its pieces: wherever it takes a space, and at any place."""
    return "".join(map(_scattered_piece, _PIECE.finditer(pattern)))


def _scattered_piece(found: re.Match[str]) -> str:
    piece, repeated = found.groups("")
    if piece in ("^", "$"):
        return ""
    if piece == "." or piece.startswith("[^"):
        return "(?s:.*)"
    if piece in (" ", r"\s"):
        return _BREAK + ("?" if repeated[:1] in ("?", "*") or repeated.startswith("{0") else "")
    return piece + repeated
