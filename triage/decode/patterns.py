"""Many patterns, asked at once which of them are worth trying: most texts hold none of them."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import re2  # type: ignore[import-untyped]

from triage.unbounded import without_bounds

MAX_AT_ONCE = 65_536
"""Characters that are looked at for all patterns together; in a longer text each is looked for by itself."""

_LOOK_AROUND = re.compile(r"\(\?<?![^()]*\)")
_NAMED = re.compile(r"\(\?P<\w+>")


class Patterns(tuple[re.Pattern[str], ...]):
    """Patterns in the order in which they are tried. `roughly` says of each what it holds at least."""

    together: Any

    @classmethod
    def of(cls, patterns: Iterable[re.Pattern[str]], roughly: Iterable[str] | None = None) -> "Patterns":
        """Take patterns; without `roughly` as they stand, but for the look-around, which only narrows them."""
        made = cls(patterns)
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
        text = "\n".join(lines)
        if len(text) > MAX_AT_ONCE or not text.isascii() or "\x0b" in text or "\x1f" in text:
            return self
        return [self[at] for at in sorted(self.together.Match(text) or ())]
