"""No pattern of ours can be made slow: each is given what it is made of, over and over, in every way that hurts."""

import importlib
import itertools
import pkgutil
import re
import time
from collections.abc import Iterator

import pytest

import triage
from triage.decode.exchange_words import words
from triage.decode.prose_words import phrases
from triage.diagnose import Rulebook
from triage.diagnose.pattern import find, is_whole

SECONDS = 10.0
"""On one text: each takes milliseconds on an idle machine. A pattern that backtracks without end takes hours."""
LONG = 3_000
"""Characters of one text: a few lines of mail. What grows with the third power or faster shows at that length."""

_LITERAL = re.compile(r"(?<!\\)[A-Za-z][A-Za-z '-]{1,30}|[<>@#:;=\"\[\]()*-]")
_EVERY = (
    " ",
    "a",
    "a.",
    "1",
    "1.",
    "<",
    "(",
    "[",
    "@",
    "-",
    ":",
    "\n",
    "\u00e9",
    "a@a.",
    "550 ",
    "5.1.1 ",
    "'",
    '"',
    "> ",
)


def _modules() -> Iterator[object]:
    for one in pkgutil.walk_packages(triage.__path__, "triage."):
        if one.name.split(".")[1] in (
            "decode",
            "collect",
            "safe_text",
            "hosts",
            "exchange",
            "model",
            "diagnose",
            "notify",
        ):
            yield importlib.import_module(one.name)


def _ours() -> dict[str, re.Pattern[str]]:
    """Give every pattern that stands in a module or in the data of a decoder, each once."""
    found: dict[str, re.Pattern[str]] = {}
    for module in _modules():
        for value in vars(module).values():
            for one in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(one, re.Pattern) and isinstance(one.pattern, str):
                    found.setdefault(one.pattern, one)
    known = phrases()
    for patterns in (
        known.original, known.recipient, known.sentences, known.replies, known.labels, known.ends, known.noise,
        known.servers, known.reporters, (words().label,),
    ):  # fmt: skip
        found |= {one.pattern: one for one in patterns}
    return found


def hostile(pattern: str) -> Iterator[str]:
    """Give texts for a pattern: each of its literals repeated, one followed by a run of another, all in turn."""
    literals = list(dict.fromkeys(_LITERAL.findall(pattern)))[:8]
    for one in (*literals, *_EVERY):
        yield (one * LONG)[:LONG]
        yield f"{one} " * (LONG // (len(one) + 1))
    for one, other in itertools.product(literals[:4], _EVERY):
        yield (one + other * LONG)[:LONG]
    yield ("".join(literals) * LONG)[:LONG] if literals else ""


OURS = _ours()


def test_the_patterns_are_found() -> None:
    """The table is not empty by accident: the decoders have more than two hundred."""
    assert len(OURS) > 200


@pytest.mark.parametrize("part", range(8))
def test_no_pattern_of_a_decoder_is_slow(part: int) -> None:
    """Search, match at the start and of the whole end soon on every text made of the pattern's own pieces."""
    for pattern in list(OURS.values())[part::8]:
        for text in hostile(pattern.pattern):
            began = time.process_time()
            pattern.search(text)
            pattern.match(text)
            pattern.fullmatch(text)
            assert time.process_time() - began < SECONDS, (pattern.pattern, text[:60])


def test_no_pattern_of_a_rule_is_slow() -> None:
    """The same for every pattern of every rule, which RE2 matches in linear time."""
    for rule in Rulebook.load(None).rules:
        for pattern in filter(None, (rule.when.text, rule.when.not_text)):
            for text in hostile(pattern):
                began = time.process_time()
                find(pattern, text)
                assert time.process_time() - began < SECONDS, (rule.id, text[:60])
        if rule.when.status:
            is_whole(rule.when.status, "5." * LONG)
