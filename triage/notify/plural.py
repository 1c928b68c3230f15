"""Which form of a word goes with a count: the rule is data of the locale.

A rule is written as in the plural rules of Unicode's CLDR, as far as whole numbers need it: `n = 1`, `n = 2..4`,
`n % 10 = 2..4 and n % 100 != 12..14`, alternatives joined by `or`. The first form whose rule holds is taken, else `many`.
https://www.unicode.org/reports/tr35/tr35-numbers.html#Language_Plural_Rules
"""

import re
from collections.abc import Mapping

OTHER = "many"
"""The form where no rule holds; every language has it."""

_RELATION = re.compile(
    r"n(?: % ([1-9][0-9]{0,3}))? (=|!=) ([0-9]{1,6}(?:\.\.[0-9]{1,6})?(?:,[0-9]{1,6}(?:\.\.[0-9]{1,6})?)*)\Z"
)


class Plural:
    """The forms of one locale, in the order in which their rules are tried."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        """Take the rule of each form but `many`. Raises `ValueError` for one that cannot be read."""
        self._rules = {form: [_all_of(part) for part in rule.split(" or ")] for form, rule in rules.items()}
        self.forms = (*self._rules, OTHER)

    def form(self, n: int) -> str:
        """Give the form for a count."""
        for form, alternatives in self._rules.items():
            if any(all(_holds(relation, n) for relation in relations) for relations in alternatives):
                return form
        return OTHER


_Relation = tuple[int | None, bool, list[range]]


def _all_of(text: str) -> list[_Relation]:
    return [_relation(part.strip()) for part in text.split(" and ")]


def _relation(text: str) -> _Relation:
    found = _RELATION.match(text)
    if found is None:
        raise ValueError(f"the plural rule {text!r} cannot be read")
    spans = []
    for span in found[3].split(","):
        first, _, last = span.partition("..")
        spans.append(range(int(first), int(last or first) + 1))
    return (int(found[1]) if found[1] else None, found[2] == "=", spans)


def _holds(relation: _Relation, n: int) -> bool:
    modulus, wanted, spans = relation
    value = n if modulus is None else n % modulus
    return any(value in span for span in spans) is wanted
