"""The words of one language: phrases with named places, read from a folder of texts."""

import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triage.errors import Misconfigured
from triage.model.words import CATEGORIES

_FOLDER = Path(__file__).parent / "texts"
_REFERENCE = "en"
_PLACES = frozenset(
    "culprit other sending receiving domain name n time host text day month year clock takes whose actor confidence".split()
)
_DIRECTIONS = frozenset({"sending", "receiving", "neutral"})

Tree = dict[str, Any]


class Texts:
    """The phrases of a locale and the folder of its templates. Make one with `load`."""

    def __init__(self, locale: str, phrases: Tree, folder: Path) -> None:
        self.locale, self.folder, self._phrases = locale, folder, phrases

    @classmethod
    def load(cls, locale: str = _REFERENCE) -> "Texts":
        """Read the texts of a locale ("en"). Raises `Misconfigured` where there are none, or some are missing."""
        available = sorted(path.parent.name for path in _FOLDER.glob("*/phrases.toml"))
        if locale not in available:
            raise Misconfigured(f"There are no texts for the locale {locale!r}; there are: {', '.join(available)}.")
        texts = cls(locale, _read(locale), _FOLDER / locale)
        problems = texts.problems() + _missing(_read(_REFERENCE), texts._phrases)
        if problems:
            raise Misconfigured(f"The texts of the locale {locale!r} are wrong: {'; '.join(problems)}.")
        return texts

    def problems(self) -> list[str]:
        """Name each category without its phrases and each place that nothing fills, one sentence each."""
        found = []
        for category in CATEGORIES:
            entry = self._phrases.get("category", {}).get(category, {})
            if not {"name", "what", "sure", "maybe"} <= entry.keys():
                found.append(f"category {category} lacks a name, what, sure or maybe")
            found += [
                f"the headlines {certainty} of {category} lack neutral or have an unknown direction"
                for certainty in ("sure", "maybe")
                if "neutral" not in (given := entry.get(certainty, {})) or not given.keys() <= _DIRECTIONS
            ]
        for path, phrase in _leaves(self._phrases):
            if unknown := _places(phrase) - _PLACES:
                found.append(f"{path} has the unknown place {', '.join(sorted(unknown))}")
        return found

    def phrase(self, path: str, /, **values: str) -> str:
        """Fill in the phrase at a path of keys ("why.next"). Raises `KeyError` for a path that is not there."""
        return str(self._at(path)).format_map(values)

    def find(self, path: str, /, **values: str) -> str | None:
        """Fill in a phrase that a locale need not have for this key; None where it has not."""
        try:
            found = self._at(path)
        except KeyError:
            return None
        return found.format_map(values) if isinstance(found, str) else None

    def count(self, path: str, n: int) -> str:
        """Fill in the singular or the plural for a count."""
        return str(self._at(path)["one" if n == 1 else "many"]).format_map({"n": self.number(n)})

    def number(self, n: int) -> str:
        """Write a whole number with the locale's separator of thousands."""
        return f"{n:,}".replace(",", self.phrase("number.thousands"))

    def words(self, path: str) -> tuple[str, ...]:
        """Give a list of words, such as the names of the months."""
        return tuple(self._at(path))

    def _at(self, path: str) -> Any:
        found: Any = self._phrases
        for key in path.split("."):
            if not isinstance(found, dict):
                raise KeyError(path)
            found = found[key]
        return found


def _read(locale: str) -> Tree:
    try:
        return tomllib.loads((_FOLDER / locale / "phrases.toml").read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"The texts of the locale {locale!r} cannot be read: {error}.") from error


def _leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{key}.")
        elif isinstance(value, str):
            yield f"{path}{key}", value


def _places(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None}


def _missing(reference: Tree, given: Tree) -> list[str]:
    there = {path for path, _ in _leaves(given)}
    return [
        f"{path} is missing"
        for path, _ in _leaves(reference)
        if path not in there and not path.startswith("ends.pools")
    ]
