"""What stands around the steps of every runbook: a sentence of ours for each language, and words for what is not known."""

import string
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from triage.errors import Misconfigured

FOLDER = Path(__file__).parent / "runbooks"
REFERENCE = "en"
_TABLES = ("say", "names")

Tables = Mapping[str, Mapping[str, str]]


class Words:
    """The sentences and words of one language; what it lacks, or has wrong, is said in English."""

    def __init__(self, locale: str = REFERENCE) -> None:
        """Read the words of a locale. Raises Misconfigured where its file cannot be read as TOML."""
        english, own = _read(REFERENCE), _read(locale)
        wrong = {path for path, _ in _wrong(own, english)}
        self._say = {
            name: own["say"].get(name, told) if f"say.{name}" not in wrong else told
            for name, told in english["say"].items()
        }
        self._names = {told: own["names"].get(name, told) for name, told in english["names"].items()}

    def say(self, name: str, **values: str) -> str:
        """Fill in a sentence. Raises KeyError for one that does not exist."""
        return self._say[name].format_map(values)

    def name(self, english: str) -> str:
        """Give the word for one that is ours in English; anything else is somebody's name, and stays."""
        return self._names.get(english, english)


def problems(locale: str) -> Iterator[str]:
    """Name each sentence and word that a language lacks, has too many, or has wrong; none for one without any file."""
    if locale == REFERENCE or not _path(locale).exists():
        return
    english, own = _read(REFERENCE), _read(locale)
    yield from (f"{path} {what}" for path, what in _wrong(own, english))
    for table in _TABLES:
        yield from (f"words.{table}.{name} is missing" for name in english[table].keys() - own[table].keys())
        yield from (f"words.{table}.{name} is not used any more" for name in own[table].keys() - english[table].keys())


def _wrong(own: Tables, english: Tables) -> Iterator[tuple[str, str]]:
    for name, told in own["say"].items():
        try:
            unknown = _places(told) - _places(english["say"].get(name, ""))
        except ValueError as error:
            yield f"say.{name}", f"cannot be filled in: {error}"
            continue
        if unknown:
            yield f"say.{name}", f"has the unknown place {', '.join(sorted(unknown))}"


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _path(locale: str) -> Path:
    return FOLDER / "words.toml" if locale == REFERENCE else FOLDER / locale / "words.toml"


@cache
def _read(locale: str) -> Tables:
    path = _path(locale)
    if not path.exists():
        return {table: {} for table in _TABLES}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"The words {locale}/words.toml cannot be read: {error}.") from error
    return {table: {name: str(told) for name, told in found.get(table, {}).items()} for table in _TABLES}
