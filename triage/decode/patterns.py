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
_ODD = "\x0b\x1c\x1d\x1e\x1f"
"""Characters of ASCII that are white space or end a line for Python alone."""
_SPECIAL = "^$.()|"
_PIECE = re.compile(
    r"(\(\?(?:P<\w+>|<?[=!]|[a-z]*[:)])|\(|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.)([*+?]|\{\d+(?:,\d*)?\})?", re.DOTALL
)
"""One piece of a pattern, and how often it stands there."""
_BREAK = r"(?:\s+|[ \t]*[\r\n\f](?s:.*))"
"""A space between words, or the end of a line and whatever follows."""
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
        made.together = _together(made, roughly or [one.pattern for one in made])
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
