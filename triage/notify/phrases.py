"""The words of one language: phrases with named places, read from a folder of texts.

A language is a folder in `texts/`. What it lacks, or has wrong, is said in English; `texts_check` names it.
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from triage.errors import Misconfigured
from triage.notify.plural import Plural
from triage.notify.retold import Retold

FOLDER = Path(__file__).parent / "texts"
REFERENCE = "en"
FILES = ("phrases", "letter", "note")
"""The files of a language. Keys of the first stand alone ("why.next"), those of the others behind the file's name."""

Tree = dict[str, Any]


def locales(holding: str = FILES[0]) -> list[str]:
    """Give the languages that there are, or those that hold one of the other `FILES`."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{holding}.toml"))


class Texts:
    """The phrases of a locale and the folders of its templates. Make one with `load`."""

    def __init__(self, locale: str, phrases: Tree, folder: Path, reference: "Texts | None" = None) -> None:
        """Take the phrases that a locale has, and the language that speaks where it has none."""
        self.locale, self.folder = locale, folder
        self._phrases, self._reference = phrases, reference
        self._plural = Plural(phrases.get("plural", {}))
        self.retold = Retold(said(locale) if reference is not None else {})
        """Tells a sentence that another stage made in English."""

    @classmethod
    def load(cls, locale: str = REFERENCE) -> "Texts":
        """Read the texts of a locale ("en"). Raises `Misconfigured` where there are none, or a file cannot be read.

        A phrase that is missing, or that has a place which nothing fills, is said in English.
        """
        if locale not in locales():
            raise Misconfigured(f"There are no texts for the locale {locale!r}; there are: {', '.join(locales())}.")
        reference = cls(REFERENCE, read(REFERENCE), FOLDER / REFERENCE)
        if locale == REFERENCE:
            return reference
        from triage.notify.texts_check import usable

        return cls(locale, usable(read(locale), read(REFERENCE)), FOLDER / locale, reference)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Give where templates are looked for, in order."""
        return (self.folder,) if self._reference is None else (self.folder, *self._reference.folders)

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
        """Fill in the form that goes with a count: English has two, Slovak three."""
        return self._form(path, n).format_map({"n": self.number(n)})

    def number(self, n: int) -> str:
        """Write a whole number with the locale's separator of thousands."""
        return f"{n:,}".replace(",", self.phrase("number.thousands"))

    def words(self, path: str) -> tuple[str, ...]:
        """Give a list of words, such as the names of the months."""
        return tuple(self._at(path))

    def _form(self, path: str, n: int) -> str:
        """Give a form of this language's own, else of English by the rule of English."""
        own = _walk(self._phrases, path) or {}
        for form in (self._plural.form(n), *self._plural.forms[::-1]):
            if form in own:
                return str(own[form])
        if self._reference is None:
            raise KeyError(path)
        return self._reference._form(path, n)

    def _at(self, path: str) -> Any:
        found = _walk(self._phrases, path)
        if found is not None:
            return found
        if self._reference is None:
            raise KeyError(path)
        return self._reference._at(path)


def _walk(tree: Tree, path: str) -> Any:
    found: Any = tree
    for key in path.split("."):
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return found


def read(locale: str) -> Tree:
    """Read all files of a locale as one tree. Raises `Misconfigured` where one cannot be read."""
    tree = dict(_file(locale, FILES[0]))
    for name in FILES[1:]:
        if (FOLDER / locale / f"{name}.toml").exists():
            tree[name] = _file(locale, name)
    return tree


@cache
def _file(locale: str, name: str) -> Tree:
    try:
        return tomllib.loads((FOLDER / locale / f"{name}.toml").read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"The texts {locale}/{name}.toml cannot be read: {error}.") from error


def said(locale: str) -> Tree:
    """Read the sentences that a language has for those of other stages; none is no fault."""
    return _file(locale, "said") if (FOLDER / locale / "said.toml").exists() else {}


def leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, Any]]:
    """Give each phrase or list of words with its path."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value
