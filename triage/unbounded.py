"""Patterns without the upper bounds of their repetitions, for looking for many of them in one pass.

RE2 has a state for each number that it must count to, and for each combination of them that a text brings about. A text
that matches a pattern matches the same pattern without its bounds, so that the cheap ones find the few that are worth
trying as they are written.
"""

import re

_REPETITION = re.compile(r"(\\.|\[\^?\]?(?:\\.|\[:\w{1,12}:\]|[^\]\\])*\])|\{(\d+),(\d+)\}", re.DOTALL)
"""A repetition with an upper bound, apart from what stands escaped or in a class of characters."""


def without_bounds(pattern: str) -> str:
    """Let every repetition of a pattern go on for as long as the text does; one with RE2's quoted text stays as it is."""
    if r"\Q" in pattern:
        return pattern
    return _REPETITION.sub(lambda found: found.group(1) or f"{{{found.group(2)},}}", pattern)


def least_bound(pattern: str) -> int | None:
    """Give the smallest upper bound of a pattern's repetitions; None where it has none.

    A text of no more characters matches with the bounds wherever it matches without: nothing in it is repeated more often.
    """
    bounds = [int(found.group(3)) for found in _REPETITION.finditer(pattern) if found.group(3)]
    return min(bounds, default=None)
