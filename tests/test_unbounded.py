"""Patterns are looked for together without the bounds of their repetitions, and match as they are written."""

import pytest

from triage.diagnose.pattern import PatternSet
from triage.unbounded import least_bound, without_bounds

PATTERNS = {
    r"a.{0,40}b": r"a.{0,}b",
    r"(?:\S{1,60} ){0,2}x": r"(?:\S{1,} ){0,}x",
    r"[a{1,2}]{3}": r"[a{1,2}]{3}",
    r"\{1,2}": r"\{1,2}",
    r"[]{1,2}]{1,2}": r"[]{1,2}]{1,}",
    r"\Qx{1,2}\E": r"\Qx{1,2}\E",
}


@pytest.mark.parametrize(("pattern", "expected"), PATTERNS.items(), ids=PATTERNS)
def test_only_upper_bounds_of_repetitions_go(pattern: str, expected: str) -> None:
    """What is quoted, escaped or in a class is no repetition, and an exact count is no bound."""
    assert without_bounds(pattern) == expected


@pytest.mark.parametrize(("text", "expected"), [("a12b", {0, 1}), ("a123b", {1}), ("ab", {0, 1}), ("b a", set())])
def test_a_set_of_patterns_keeps_their_bounds(text: str, expected: set[int]) -> None:
    """A text that matches only without the bound does not match."""
    assert PatternSet([r"a.{0,2}b", r"a.*b"]).match(text) == expected


@pytest.mark.parametrize(
    ("pattern", "bound"), [(r"a{2,40}b{0,6}", 6), (r"a+b{3}", None), (r"[{1,2}]\{1,2}", None), (r"(?:a{1,3}){2,}", 3)]
)
def test_the_least_bound_of_a_pattern_is_known(pattern: str, bound: int | None) -> None:
    """A text that is no longer than the least bound cannot pass any; an exact count and a class are no bounds."""
    assert least_bound(pattern) == bound
