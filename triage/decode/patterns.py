"""Many patterns, asked at once which of them are worth trying: most texts hold none of them."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import re2  # type: ignore[import-untyped]

from triage.unbounded import without_bounds

Search = Callable[[str], re.Match[str] | None]

MAX_AT_ONCE = 65_536
"""Characters that are looked at for all patterns together; in a longer text each is looked for by itself."""

_LOOK_AROUND = re.compile(r"\(\?<?![^()]*\)")
_SPECIAL = "^$.()|"
_PIECE = re.compile(
    r"(\(\?(?:P<\w+>|<?[=!]|[a-z]*[:)])|\(|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.)([*+?]|\{\d+(?:,\d*)?\})?", re.DOTALL
)
"""One piece of a pattern, and how often it stands there."""
_NAMED = re.compile(r"\(\?P<\w+>")


class Patterns(tuple[re.Pattern[str], ...]):
    """Patterns in the order in which they are tried. `roughly` says of each what it holds at least."""

    searches: tuple[Search, ...]
    together: Any

    @classmethod
    def of(cls, patterns: Iterable[re.Pattern[str]], roughly: Iterable[str] | None = None) -> "Patterns":
        """Take patterns; without `roughly` as they stand, but for the look-around, which only narrows them."""
        made = cls(patterns)
        made.searches = tuple(map(_search, made))
        made.together = re2.Set.SearchSet()
        for pattern, rough in zip(made, roughly or [one.pattern for one in made], strict=True):
            bare = _NAMED.sub("(?:", _LOOK_AROUND.sub("", without_bounds(rough)))
            made.together.Add(f"(?m{'i' if pattern.flags & re.IGNORECASE else ''}:{bare})")
        made.together.Compile()
        return made

    def possible(self, lines: Sequence[str]) -> Sequence[re.Pattern[str]]:
        """Give those that may match one of the lines, in order: mostly none, found out in one pass over all of them.

        Only plain ASCII is looked at so: of other letters and white space RE2 knows less than Python.
        """
        found = self._in("\n".join(lines))
        return self if found is None else [self[at] for at in found]

    def searching(self, lines: Sequence[str]) -> Sequence[Search]:
        """Give what looks for each of those that may match one of the lines anywhere, in order."""
        found = self._in("\n".join(lines))
        return self.searches if found is None else [self.searches[at] for at in found]

    def _in(self, text: str) -> list[int] | None:
        if len(text) > MAX_AT_ONCE or not text.isascii() or "\x0b" in text or "\x1f" in text:
            return None
        found: list[int] | None = self.together.Match(text)
        return sorted(found) if found else []


def _search(pattern: re.Pattern[str]) -> Search:
    """Give the way to look for a pattern: only at the start of a text, or only in one that holds what it must hold."""
    pieces: list[tuple[str, str]] = _PIECE.findall(pattern.pattern.removeprefix("(?i)"))
    key = "" if pattern.flags & re.IGNORECASE else _key(pieces)
    if pieces[0][0] == "^" and not _is_choice(pieces) and not pattern.flags & re.MULTILINE:
        return pattern.match
    if not key:
        return pattern.search
    return lambda text: pattern.search(text) if key in text else None


def _is_choice(pieces: list[tuple[str, str]]) -> bool:
    return any(piece == "|" for piece, _ in _outside(pieces))


def _key(pieces: list[tuple[str, str]]) -> str:
    """Give the longest text that stands in whatever a pattern matches, empty without one."""
    outside = list(_outside(pieces))
    if _is_choice(pieces):
        return ""
    runs = "".join(piece[-1] if _is_letter(piece) and not repeated else "\0" for piece, repeated in outside)
    return max(runs.split("\0"), key=len)


def _outside(pieces: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Give the pieces that stand in no group, and one in the place of each group."""
    depth = 0
    for piece, repeated in pieces:
        opens = piece[0] == "("
        depth += opens - (piece == ")")
        if opens or not depth:
            yield piece, repeated


def _is_letter(piece: str) -> bool:
    """True for a piece that stands for one character."""
    return piece not in _SPECIAL if len(piece) == 1 else len(piece) == 2 and piece[0] == "\\" and not piece[1].isalnum()
