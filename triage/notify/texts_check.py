"""What a language's texts lack or have wrong, held against the English ones."""

import string
from collections.abc import Iterator
from typing import Any

from triage.model.words import CATEGORIES
from triage.notify.phrases import FOLDER, REFERENCE, Tree, leaves, read
from triage.notify.plural import OTHER, Plural

_ENDS = frozenset({"culprit", "other", "sending", "receiving", "domain"})
"""The places that every phrase of a category may use, whichever of them English uses there."""

_DIRECTIONS = frozenset({"sending", "receiving", "neutral"})
_PLACES = _ENDS | frozenset(
    "name n time host text day month year clock takes whose actor confidence message recipient".split()
)
_PLACES_OF_LETTER = frozenset({"theirs", "ours", "our_domain"})
"""All places that anything fills: what the English phrases may name."""
_HEADLINES = ("sure", "maybe")
_POOLS = "ends.pools."
"""Names of products: the same in every language, so none need be translated."""


def check(locale: str) -> list[str]:
    """Name what is missing, unknown or wrong in the texts of a locale, a sentence each; empty where all is well.

    Raises `Misconfigured` where a file cannot be read as TOML.
    """
    reference, given = read(REFERENCE), read(locale)
    wrong = dict(wrong_phrases(given, reference))
    forms, problem = _forms(given)
    found = [f"{path} {what}" for path, what in wrong.items()] + ([problem] if problem else [])
    found += [f"{path} is missing" for path in _wanted(reference, forms) if not _has(given, path)]
    found += [f"{path} is not used any more" for path in _stale(given, reference, forms)]
    found += [*_of_categories(given), *_unfilled(given)] if locale == REFERENCE else []
    names = {path.name for path in (FOLDER / REFERENCE).glob("*.jinja")}
    found += [
        f"the template {path.name} is not used any more"
        for path in sorted((FOLDER / locale).glob("*.jinja"))
        if path.name not in names
    ]
    return found


def usable(given: Tree, reference: Tree) -> Tree:
    """Give the phrases of a language without those that could not be filled in: English speaks in their place."""
    wrong = {path for path, _ in wrong_phrases(given, reference)}
    kept = _without(given, wrong)
    if _forms(given)[1]:
        kept.pop("plural", None)
    return kept


def wrong_phrases(given: Tree, reference: Tree) -> Iterator[tuple[str, str]]:
    """Give each phrase that cannot take the place of the English one, and why."""
    known = dict(leaves(reference))
    for path, phrase in leaves(given):
        if path.startswith("plural."):
            continue
        # Each form of a count may name it, though English writes "1 minute" without.
        own = known.get(f"{path.rpartition('.')[0]}.{OTHER}", known.get(path))
        if isinstance(phrase, list):
            if not isinstance(own, list) or len(own) != len(phrase) or not all(isinstance(one, str) for one in phrase):
                yield path, "is not a list of as many words as the English one"
            continue
        if not isinstance(phrase, str):
            yield path, "is no text"
            continue
        yield from ((path, what) for what in _of_places(path, phrase, own))


def _of_places(path: str, phrase: str, own: Any) -> Iterator[str]:
    try:
        places = _places(phrase)
    except ValueError as error:
        yield f"cannot be filled in: {error}"
        return
    allowed = _places(own) if isinstance(own, str) else frozenset[str]()
    if path.startswith("category."):
        allowed |= _ENDS
    if unknown := sorted(places - allowed):
        yield f"has the unknown place {', '.join(unknown)}"


def _places(phrase: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None)


def _forms(given: Tree) -> tuple[tuple[str, ...], str]:
    """Give the plural forms of a language, and what is wrong with its rule."""
    rules = given.get("plural", {})
    try:
        return Plural(rules).forms, ""
    except (ValueError, AttributeError) as error:
        return (OTHER,), f"plural is wrong: {error}"


def _wanted(reference: Tree, forms: tuple[str, ...]) -> Iterator[str]:
    """Give the path of each phrase that a language should have, in its own plural forms."""
    counts = {path.rpartition(".")[0] for path, _ in leaves(reference) if path.endswith(f".{OTHER}")}
    yield from (f"{path}.{form}" for path in sorted(counts) for form in forms)
    for path, _ in leaves(reference):
        of_count = path.rpartition(".")[0] in counts
        if not of_count and not path.startswith(("plural.", _POOLS)):
            yield path


def _stale(given: Tree, reference: Tree, forms: tuple[str, ...]) -> Iterator[str]:
    """Give each phrase that English does not have: a key that was renamed, or a typing error."""
    wanted = {*_wanted(reference, forms), *(path for path, _ in leaves(reference))}
    for path, _ in leaves(given):
        headline = path.startswith("category.") and path.rpartition(".")[2] in _DIRECTIONS
        if path not in wanted and not headline and not path.startswith("plural."):
            yield path


def _unfilled(given: Tree) -> Iterator[str]:
    """Name each English phrase with a place that nothing fills."""
    for path, phrase in leaves(given):
        known = _PLACES | (_PLACES_OF_LETTER if path.startswith("letter.") else frozenset[str]())
        if isinstance(phrase, str) and not path.startswith("plural.") and (unknown := _places(phrase) - known):
            yield f"{path} has the unknown place {', '.join(sorted(unknown))}"


def _of_categories(given: Tree) -> Iterator[str]:
    """Name each category that the English texts leave without its phrases."""
    for category in CATEGORIES:
        entry = given.get("category", {}).get(category, {})
        if not {"name", "what", *_HEADLINES} <= entry.keys():
            yield f"category {category} lacks a name, what, sure or maybe"
        for certainty in _HEADLINES:
            headlines = entry.get(certainty, {})
            if "neutral" not in headlines or not headlines.keys() <= _DIRECTIONS:
                yield f"the headlines {certainty} of {category} lack neutral or have an unknown direction"


def _has(tree: Tree, path: str) -> bool:
    found: Any = tree
    for key in path.split("."):
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return True


def _without(tree: Tree, wrong: set[str], path: str = "") -> Tree:
    return {
        key: _without(value, wrong, f"{path}{key}.") if isinstance(value, dict) else value
        for key, value in tree.items()
        if f"{path}{key}" not in wrong
    }
