"""Sentences that other stages made in English, told in another language.

Evidence, checks and changes come filled in ("57 of 57 sessions …"), and are kept so: what was concluded then must read
the same later. A language's `said.toml` has the English pattern of each with its own words; a sentence that fits none
is shown as it is. RE2 matches, so the time is linear in the text, whatever a message put into it.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

_PLACE = re.compile(r"\{([a-z_]+)\}")
_SENTENCES = ("change", "trust", "check", "rule_check", "evidence")
"""The tables whose keys are whole English sentences, in the order in which they are tried: a change holds evidence."""

_SEVERAL = frozenset({"because", "reasons"})
"""Places that hold sentences themselves, parted by semicolons."""

_PARTS = frozenset({"failed", "passed", "others", "tallies"})
"""Places that hold counts with their nouns, or names and how many more: `part` has the patterns of those."""

_TIMES = frozenset({"first", "last", "until"})
"""Places that hold a point in time, as the sentence was made with it."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOMENT = re.compile(
    rf"(?P<day>[0-9]{{1,2}}) (?P<month>{'|'.join(_MONTHS)}) (?P<year>[0-9]{{4}}) (?P<clock>[0-9]{{2}}:[0-9]{{2}}) UTC"
    r"|(?P<y>[0-9]{4})-(?P<m>0[1-9]|1[0-2])-(?P<d>[0-9]{2})T(?P<c>[0-9]{2}:[0-9]{2}):[0-9]{2}Z"
)

LIMIT = 2_000
"""Characters of a sentence that is looked up: the longest of ours has some 400 with its names."""

Tree = Mapping[str, Mapping[str, str]]


class Retold:
    """All sentences of one language. Without any it gives each back as it is."""

    def __init__(self, said: Tree) -> None:
        """Take the tables of a `said.toml`."""
        sentences = [pair for table in _SENTENCES for pair in said.get(table, {}).items()]
        self._sentences = [(_pattern(english), own) for english, own in sentences]
        self._tails = [(_pattern(english), own) for english, own in said.get("tail", {}).items()]
        self._parts = [(_pattern(english), own) for english, own in said.get("part", {}).items()]
        self._values = tuple(said.get("value", {}).items())
        self._thousands = said.get("number", {}).get("thousands", ",")
        self._quotes, self._names = said.get("quote", {}), said.get("name", {})
        self._time = {} if _wrong_shape(said) else said.get("time", {})

    def __call__(self, text: str) -> str:
        """Tell a sentence in this language, its final count too."""
        if not self._sentences or len(text) > LIMIT:
            return text
        whole = self._filled(text, self._sentences)
        if whole is not None:
            return whole
        sentence, colon, tail = text.rpartition(": ")
        counted = self._filled(tail, self._tails) if colon else None
        told = self._filled(sentence, self._sentences) if counted is not None else None
        return f"{told}: {counted}" if told is not None else text

    def _filled(self, text: str, patterns: list[tuple[Any, str]]) -> str | None:
        for pattern, own in patterns:
            found = pattern.fullmatch(text)
            if found is not None:
                values = found.groupdict()
                return own.format_map({name: self._value(name, value) for name, value in values.items()})
        return None

    def _value(self, name: str, value: str) -> str:
        """Give a value: a host or a quotation stays, sentences and words of ours are told."""
        if name in _SEVERAL:
            return "; ".join(self(part) for part in value.split("; "))
        if name in _PARTS:
            return "; ".join(self._filled(part, self._parts) or part for part in value.split("; "))
        if name == "n":
            return value.replace(",", self._thousands)
        if name in _TIMES:
            return _MOMENT.sub(self._moment, value) if self._time else value
        if name.endswith("software") or name == "sources":
            for english, own in self._values:
                value = value.replace(english, own)
            return value
        return self._names.get(value) or self._quoted(value)

    def _quoted(self, value: str) -> str:
        """Give a stranger's words between the marks of this language; anything else as it is."""
        if not (self._quotes and len(value) > 1 and value[0] == "“" and value[-1] == "”"):
            return value
        return f"{self._quotes.get('open', '“')}{value[1:-1]}{self._quotes.get('close', '”')}"

    def _moment(self, found: re.Match[str]) -> str:
        """Write a point in time as this language does: the shape of `time`, with its names of months."""
        day, month, year, clock = found.group("day", "month", "year", "clock")
        if day is None:
            day, year, clock = found.group("d", "y", "c")
            month = _MONTHS[int(found["m"]) - 1]
        own = self._time.get(month, month)
        return self._time["shape"].format(day=int(day), month=own, year=year, clock=clock)


@cache
def _pattern(english: str) -> Any:
    """Compile an English sentence: each place takes what stands there, of two of one name the first."""
    import re2  # type: ignore[import-untyped]

    pieces, seen = [], set[str]()
    for at, piece in enumerate(_PLACE.split(english)):
        if at % 2 == 0:
            pieces.append(re2.escape(piece))
        else:
            pieces.append(".+?" if piece in seen else f"(?P<{piece}>.+?)")
            seen.add(piece)
    return re2.compile("(?s)" + "".join(pieces))


def problems(
    said: Tree, evidence: frozenset[str], checks: frozenset[str], rule_checks: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Name each English sentence that a language lacks or that nobody says any more, and each unknown place.

    `evidence`, `checks` (of categories) and `rule_checks` are the sentences that are said, with their places.
    """
    if not said:
        return
    yield from _of_rules(said, rule_checks)
    if _wrong_shape(said):
        yield "said.time: the shape needs the places day, month, year and clock, and no others"
    for table, originals in (("evidence", evidence), ("check", checks)):
        given = said.get(table, {})
        yield from (f"said.{table} lacks “{sentence}”" for sentence in sorted(originals - given.keys()))
        yield from (
            f"said.{table}: nobody says “{sentence}” any more" for sentence in given if sentence not in originals
        )
    for table in (*_SENTENCES, "tail", "part"):
        for english, own in said.get(table, {}).items():
            unknown = set(_PLACE.findall(own)) - set(_PLACE.findall(english))
            if unknown or re.search(r"[{}]", _PLACE.sub("", own)):
                yield f"said.{table}: “{own}” has a place that “{english}” does not have"


def _of_rules(said: Tree, rule_checks: frozenset[str]) -> Iterator[str]:
    """Hold the checks of rules against the patterns: one pattern may serve several rules, so they are compared filled in."""
    filled = {_PLACE.sub("mx.example", sentence): sentence for sentence in sorted(rule_checks)}
    given = {english: _pattern(english) for english in said.get("rule_check", {})}
    every = [*given.values(), *map(_pattern, said.get("check", {}))]
    for text, sentence in filled.items():
        if not any(pattern.fullmatch(text) for pattern in every):
            yield f"said.rule_check lacks “{sentence}”"
    if rule_checks:
        yield from (
            f"said.rule_check: nobody says “{english}” any more"
            for english, pattern in given.items()
            if not any(pattern.fullmatch(text) for text in filled)
        )


def _wrong_shape(said: Tree) -> bool:
    """True where the shape of a point in time cannot be filled in: then times stay as they were made."""
    shape = said.get("time", {}).get("shape", "")
    rest = _PLACE.sub("", shape)
    return "time" in said and (
        set(_PLACE.findall(shape)) != {"day", "month", "year", "clock"} or "{" in rest or "}" in rest
    )
