"""Patterns without the upper bounds of their repetitions, for looking for many of them in one pass.

RE2 has a state for each number that it must count to, and for each combination of them that a text brings about. A text
that matches a pattern matches the same pattern without its bounds, so that the cheap ones find the few that are worth
trying as they are written.
"""

import re

_REPETITION = re.compile(r"(\\.|\[\^?\]?(?:\\.|\[:\w{1,12}:\]|[^\]\\])*\])|\{(\d+),\d+\}", re.DOTALL)
"""A repetition with an upper bound, apart from what stands escaped or in a class of characters."""


def without_bounds(pattern: str) -> str:
    """Let every repetition of a pattern go on for as long as the text does; one with RE2's quoted text stays as it is."""
    if r"\Q" in pattern:
        return pattern
    return _REPETITION.sub(lambda found: found.group(1) or f"{{{found.group(2)},}}", pattern)
