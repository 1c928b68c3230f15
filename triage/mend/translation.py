"""Runbooks in another language: the words of a step are translated, its commands and conditions are not.

A translation is kept step by step, each with a digest of the English step that it stands for (`of`). An English step
that nobody translated, or that changed since, is printed in English: a wrong step does harm, a foreign one only delays.
"""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from triage.errors import Misconfigured
from triage.mend.runbook import Entry, Runbook, parse_steps
from triage.mend.shelf import SHIPPED, Shelf
from triage.mend.words import REFERENCE, Words
from triage.mend.words import problems as problems_of_words
from triage.typed import converted

_SPAN = re.compile(r"`([^`\n]+)`")
_VALUE = re.compile(r"\{\{.*?\}\}")
_CONDITION = re.compile(r"\{%.*?%\}")
_MARK = re.compile(r"\{[{%#]")
_ENGLISH = frozenset({"{{ role }}"})
"""Values that are English words: a translation does without them."""

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"https?://[^\s)>\]]*[^\s)>\].,;:]")
_WORD = re.compile(r"[\w@./+=-]+")
_FACT = re.compile(r"\d|[a-z][A-Z]|\w[@._]\w")
"""What makes a word a number, an address, or the name of a setting, file or product: no language has its own for it."""
_THOUSANDS = re.compile(r"(?<=\d)[,. \u00a0\u202f](?=\d{3}(?!\d))")


class Front(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The front matter of a translation: the runbook's heading, and the digest of the English one."""

    title: str
    of: str


class Translated(msgspec.Struct, frozen=True):
    """What one file of a translation holds."""

    file: str
    front: Front | None
    steps: tuple[Entry, ...]


class Translation:
    """All that is translated into one language, by the digest of its original."""

    def __init__(self, files: Iterable[Translated], locale: str = REFERENCE) -> None:
        """Take the files in order: of two translations of one step the first counts."""
        self.files, self.locale = tuple(files), locale
        self._steps: dict[str, Entry] = {}
        self._titles: dict[str, str] = {}
        for words in self.files:
            for step in words.steps:
                self._steps.setdefault(step.gate.of or "", step)
            if words.front is not None:
                self._titles.setdefault(words.front.of, words.front.title)

    @classmethod
    def load(cls, locale: str, site: Path | None = None) -> "Translation":
        """Read `LOCALE/*.md` and `LOCALE/parts/*.md` of a site's folder, then of ours.

        Raises Misconfigured where a file cannot be read as a translation.
        """
        folders = [folder / locale for folder in (site, SHIPPED) if folder is not None and locale != REFERENCE]
        files = (
            _read(path)
            for folder in folders
            for path in (*sorted(folder.glob("*.md")), *sorted((folder / "parts").glob("*.md")))
        )
        return cls(files, locale)

    def shelf(self, shelf: Shelf) -> Shelf:
        """Give the same runbooks, in this language as far as it goes."""
        if self.locale == REFERENCE:
            return shelf
        runbooks = {name: self._runbook(runbook) for name, runbook in shelf.runbooks.items()}
        return Shelf(runbooks, tuple(map(self._step, shelf.keys_check)), Words(self.locale))

    def _runbook(self, runbook: Runbook) -> Runbook:
        title = self._titles.get(digest(runbook.front.title), runbook.front.title)
        sections = {
            name: entries if name == "Further reading" else tuple(map(self._step, entries))
            for name, entries in runbook.sections.items()
        }
        return msgspec.structs.replace(
            runbook, front=msgspec.structs.replace(runbook.front, title=title), sections=sections
        )

    def _step(self, entry: Entry) -> Entry:
        words = self._steps.get(digest_of(entry))
        if words is None or differs(entry, words):
            return entry
        if not entry.title:  # a bullet has a body alone, and its translation a heading alone
            return msgspec.structs.replace(entry, body=words.title)
        gate = msgspec.structs.replace(entry.gate, where=words.gate.where or entry.gate.where)
        return msgspec.structs.replace(words, gate=gate)

    def problems(self, shelf: Shelf) -> Iterator[str]:
        """Name each translation whose original changed or is gone, and each that would change more than words."""
        yield from problems_of_words(self.locale)
        steps = {digest_of(entry): entry for entry in originals(shelf)}
        titles = {digest(runbook.front.title) for runbook in shelf.runbooks.values()}
        for words in self.files:
            if words.front is not None and words.front.of not in titles:
                yield f"{words.file}: the original of the title “{words.front.title}” changed or is gone"
            for step in words.steps:
                original = steps.get(step.gate.of or "")
                if original is None:
                    yield f"{words.file}: the original of “{step.title}” changed or is gone; it is printed in English"
                    continue
                yield from (
                    f"{words.file}: “{step.title}” {what}; it is printed in English" for what in differs(original, step)
                )

    def lacks(self, shelf: Shelf) -> Iterator[str]:
        """Name each runbook that is not translated to its end, how much of it, and what prints the rest."""
        if self.locale == REFERENCE:
            return
        for name, runbook in sorted(shelf.runbooks.items()):
            missing, every = self.missing(runbook), {digest_of(entry) for entry in _of_runbook(runbook)}
            what = [f"{len(missing)} of its {len(every)} steps and bullets"] if missing else []
            what += ["its title"] if digest(runbook.front.title) not in self._titles else []
            if what:
                told = f"the runbook {name} lacks a translation of {' and '.join(what)}"
                yield f"{told}; `triage texts steps {self.locale} {name}` prints it"

    def missing(self, runbook: Runbook) -> list[Entry]:
        """Give the steps and bullets of a runbook that are not translated, each once."""
        found = {digest_of(entry): entry for entry in _of_runbook(runbook)}
        return [entry for of, entry in found.items() if of not in self._steps]


def digest_of(entry: Entry) -> str:
    """Give the digest of the words of a step: any change to them makes it another one. Conditions are not words."""
    return digest("\0".join((entry.title, entry.body, entry.expected or "", entry.undo or "", entry.gate.where or "")))


def digest(text: str) -> str:
    """Give twelve hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def originals(shelf: Shelf) -> Iterator[Entry]:
    """Give every English step and bullet."""
    for runbook in shelf.runbooks.values():
        yield from _of_runbook(runbook)
    yield from shelf.keys_check


def _of_runbook(runbook: Runbook) -> Iterator[Entry]:
    return (entry for section, entry in runbook.entries() if section != "Further reading")


def differs(original: Entry, words: Entry) -> list[str]:
    """Say where a translation is more than words: other commands, values, numbers or links, a part that is there or not."""
    if not original.title:
        pairs = [("", original.body, words.title)]
    else:
        pairs = [
            ("title", original.title, words.title),
            ("body", original.body, words.body),
            ("Expected", original.expected or "", words.expected or ""),
            ("Undo", original.undo or "", words.undo or ""),
        ]
    found = [f"{what}{f' in its {name}' if name else ''}" for name, *texts in pairs for what in _differ(*texts)]
    if words.gate.where is not None:  # what is not translated of it is taken from the original
        found += [f"{what} in its where" for what in _differ(original.gate.where or "", words.gate.where)]
    return found


def _differ(english: str, given: str) -> Iterator[str]:
    """Say what two texts do not have alike, apart from words."""
    if bool(english.strip()) != bool(given.strip()):
        yield "has words where the original has none, or none where it has"
    if _FENCE.findall(english) != _FENCE.findall(given):
        yield "has other commands"
    outside = [_FENCE.sub("", text) for text in (english, given)]
    if _count(_SPAN, outside[0]) != _count(_SPAN, outside[1]):
        yield "has other words in backticks"
    values = [Counter(value for value in _VALUE.findall(text) if value not in _ENGLISH) for text in outside]
    if values[0] != values[1]:
        yield "has other values"
    if _MARK.search(_CONDITION.sub("", _VALUE.sub("", given))):
        yield "has braces that nothing closes"
    # Values may stand in any order, the parts of a condition only in theirs: so the template is as right as its original.
    if _CONDITION.findall(english) != _CONDITION.findall(given):
        yield "has other conditions, or the same in another order"
    plain = [_SPAN.sub(" ", _VALUE.sub(" ", _CONDITION.sub(" ", text))) for text in outside]
    if _count(_LINK, plain[0]) != _count(_LINK, plain[1]):
        yield "has other links"
    missing, added = _facts(plain[0]) - _facts(plain[1]), _facts(plain[1]) - _facts(plain[0])
    if missing or added:
        told = [f"without {one}" for one in sorted(missing)] + [f"with {one}" for one in sorted(added)]
        yield f"has other numbers or names ({', '.join(told)})"


def _count(pattern: re.Pattern[str], text: str) -> Counter[str]:
    return Counter(pattern.findall(text))


def _facts(text: str) -> set[str]:
    """Give the words that are the same in every language; thousands are parted as each language does it."""
    words = (word.strip("./+=-") for word in _WORD.findall(_THOUSANDS.sub("", _LINK.sub("", text))))
    return {word for word in words if _FACT.search(word)}


def to_translate(entry: Entry) -> str:
    """Give a step as a translation's file holds it, in English still: what a translator writes over."""
    where = f', where = "{entry.gate.where}"' if entry.gate.where else ""
    if not entry.title:
        return f'### {entry.body}\n<!-- of = "{digest_of(entry)}" -->\n'
    parts = [f'### {entry.title}\n<!-- of = "{digest_of(entry)}"{where} -->', entry.body]
    parts += [f"Expected: {entry.expected}"] if entry.expected else []
    parts += [f"Undo: {entry.undo}"] if entry.undo else []
    return "\n\n".join(part for part in parts if part) + "\n"


def _read(path: Path) -> Translated:
    name = "/".join(path.parts[-3:] if path.parent.name == "parts" else path.parts[-2:])
    try:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"The translation {name} cannot be read: {error}") from error
    front = None
    if text.startswith("+++\n"):
        front_text, _, text = text.removeprefix("+++\n").partition("\n+++\n")
        try:
            front = converted(tomllib.loads(front_text), Front)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise Misconfigured(f"The translation {name}: its front matter is wrong: {error}") from error
    steps = tuple(parse_steps(text.split("\n"), name))
    for step in steps:
        if not step.gate.of:
            raise Misconfigured(f"The translation {name}: “{step.title}” does not say of which step it is (of = …).")
    return Translated(name, front, steps)
