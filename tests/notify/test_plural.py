"""Plural rules as data, held against the plural rules of Unicode's CLDR (release 45, cardinal, whole numbers)."""

import pytest

from triage.notify.plural import Plural

ENGLISH = {"one": "n = 1"}
SLOVAK = {"one": "n = 1", "few": "n = 2..4"}
POLISH = {"one": "n = 1", "few": "n % 10 = 2..4 and n % 100 != 12..14"}
FRENCH = {"one": "n = 0,1"}
LITHUANIAN = {
    "one": "n % 10 = 1 and n % 100 != 11..19",
    "few": "n % 10 = 2..9 and n % 100 != 11..19",
}
EITHER = {"one": "n = 1 or n = 7..8"}


@pytest.mark.parametrize(
    ("rules", "forms"),
    [
        (ENGLISH, {"one": [1], "many": [0, 2, 11, 101]}),
        (SLOVAK, {"one": [1], "few": [2, 3, 4], "many": [0, 5, 11, 12, 14, 21, 22, 104, 1000]}),
        (POLISH, {"one": [1], "few": [2, 4, 22, 34, 102], "many": [0, 5, 12, 14, 21, 112, 1000]}),
        (FRENCH, {"one": [0, 1], "many": [2, 10]}),
        (LITHUANIAN, {"one": [1, 21, 101], "few": [2, 9, 22, 109], "many": [0, 10, 11, 19, 20, 111]}),
        (EITHER, {"one": [1, 7, 8], "many": [2, 9]}),
        ({}, {"many": [0, 1, 2]}),
    ],
    ids=["en", "sk", "pl", "fr", "lt", "or", "none"],
)
def test_each_count_has_its_form(rules: dict[str, str], forms: dict[str, list[int]]) -> None:
    """The first form whose rule holds is taken, else `many`."""
    plural = Plural(rules)
    assert {form: [n for n in counts if plural.form(n) == form] for form, counts in forms.items()} == forms
    assert plural.forms == (*rules, "many")


@pytest.mark.parametrize("rule", ["", "n", "n = ", "x = 1", "n = 1..", "n % 0 = 1", "n = 1 and", "n < 3", "n = 1 or "])
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    """A typing error is an error, not a rule that never holds."""
    with pytest.raises(ValueError, match="cannot be read"):
        Plural({"one": rule})
