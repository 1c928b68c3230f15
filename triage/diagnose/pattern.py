"""Patterns that take linear time whatever the text: RE2, with our bounds, behind three typed names.

Texts come from strangers' messages; a backtracking engine would let one of them stop the machine.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from triage.unbounded import least_bound, without_bounds

PATTERN_MEMORY = 8 * 2**20
"""Bytes that one compiled pattern may take: a rule of a site must not swallow the machine."""

SET_MEMORY = (64 * 2**20, 256 * 2**20, 1024 * 2**20)
"""Bytes for all patterns together, the first that is enough: 64 MB hold about a thousand. RE2 takes them only as texts
need them, and starts afresh when they are used up."""


class BadPattern(ValueError):
    """A pattern that RE2 does not take; the text says why."""


def _options(memory: int) -> Any:
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    return options


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:
    try:
        return re2.compile(pattern, _options(PATTERN_MEMORY))
    except re2.error as error:
        said = error.args[0] if error.args else error
        raise BadPattern(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from error


def check_pattern(pattern: str) -> None:
    """Raise `BadPattern` where RE2 does not take the pattern (look-around and back-references among them)."""
    _compiled(pattern)


def find(pattern: str, text: str) -> tuple[int, int] | None:
    """Give start and end of the pattern's first occurrence in the text, in characters, or None."""
    match = _compiled(pattern).search(text)
    return None if match is None else match.span()


def occurs(pattern: str, text: str) -> bool:
    """Say whether the pattern matches anywhere in the text."""
    return _compiled(pattern).search(text.encode()) is not None  # in bytes nobody has to count characters


def is_whole(pattern: str, text: str) -> bool:
    """Say whether the pattern matches the whole text."""
    return _compiled(pattern).fullmatch(text.encode()) is not None


class PatternSet:
    """Many patterns tried on a text in one pass: its cost hardly grows with their number."""

    def __init__(self, patterns: Iterable[str], whole: bool = False) -> None:
        """Compile the patterns. `whole`: each must match all of the text, else it may occur anywhere.

        Raises `BadPattern` where one of them, or all together, are too much for RE2.
        """
        self._patterns = tuple(patterns)
        for pattern in self._patterns:
            check_pattern(pattern)
        self._fits = is_whole if whole else occurs
        bare = tuple(without_bounds(pattern) for pattern in self._patterns)
        self._bounds = [
            least_bound(self._patterns[at]) if one != self._patterns[at] else None for at, one in enumerate(bare)
        ]
        self._set = _set_of(bare, whole)

    def match(self, text: str) -> frozenset[int]:
        """Give the positions of the patterns that match the text."""
        return frozenset(at for at in self.possible(text) if self.fits(at, text))

    def possible(self, text: str) -> Sequence[int]:
        """Give the positions of the patterns that match at least without the bounds of their repetitions, in no order."""
        return (self._set.Match(text.encode()) or ()) if self._patterns else ()

    def fits(self, at: int, text: str) -> bool:
        """Say whether one of those that `possible` gives matches with its bounds too."""
        bound = self._bounds[at]
        return bound is None or len(text) <= bound or self._fits(self._patterns[at], text)


def _set_of(patterns: tuple[str, ...], whole: bool) -> Any:
    kind = re2.Set.FullMatchSet if whole else re2.Set.SearchSet
    for memory in SET_MEMORY:
        together = kind(_options(memory))
        for pattern in patterns:
            together.Add(pattern)
        try:
            together.Compile()
        except re2.error:
            continue
        return together
    raise BadPattern(f"{len(patterns)} patterns together are more than {SET_MEMORY[-1] >> 20} MB can hold")
