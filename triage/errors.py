"""Every error that this package raises on purpose, and who has to act on it.

TriageError
├── BadInput          the input cannot be read: it is recorded as unreadable, the rest goes on
│   └── TooLarge      the input passes a bound (size, depth, count, time)
├── Misconfigured     settings, rules or runbooks are wrong: the operator acts, nothing runs
├── WrongUse          a command was called in a way that means nothing: its words say how
├── NotFound          something was named that does not exist (an incident, a rule, a file)
├── Conflict          a document changed under us: reload and try again
└── Transient         an outside thing failed for now: try again later
"""

from collections.abc import Iterable
from difflib import get_close_matches

_WANTED = {
    "missing": "it is missing",
    "tuple_type": 'a list is wanted, such as ["…", "…"]',
    "model_type": "a table is wanted",
    "dict_type": "a table is wanted",
    "string_type": "a text in quotes is wanted",
    "bool_type": "true or false is wanted",
    "bool_parsing": "true or false is wanted",
    "int_type": "a whole number is wanted",
    "int_parsing": "a whole number is wanted",
    "int_from_float": "a whole number is wanted",
    "float_type": "a number is wanted",
    "float_parsing": "a number is wanted",
    "string_pattern_mismatch": "it has not the form that is wanted",
}
"""What the library that checks settings and rules finds, by its own name for it, in words for whoever typed it."""


class TriageError(Exception):
    """The parent of all; its text is a sentence for the person at the keyboard."""

    exit_code = 1


class BadInput(TriageError):
    """Bytes that cannot be read as what they claim to be."""


class TooLarge(BadInput):
    """Input that passes one of the bounds of `collect.limits` or `decode.limits`."""


class Misconfigured(TriageError):
    """Settings, rules, texts or runbooks that contradict their schema."""

    exit_code = 2


class WrongUse(TriageError):
    """Words on the command line that mean nothing, or not here."""

    exit_code = 2


class NotFound(TriageError):
    """A named thing that does not exist."""

    exit_code = 2


class Conflict(TriageError):
    """A compare-and-swap that lost: somebody else wrote the document first."""


class Transient(TriageError):
    """An outside service that failed for now."""


def mistake(kind: str, message: str, name: str, known: Iterable[str]) -> str:
    """Say what is wrong with an entry of a file that somebody wrote.

    `kind` and `message` are the checking library's; `name` is the entry's own name, `known` the names that may stand
    in its place.
    """
    if kind == "extra_forbidden":
        near = get_close_matches(name, list(known), 1)
        return "there is no such name" + (f"; {near[0]} is meant perhaps" if near else "")
    return _WANTED.get(kind) or message.removeprefix("Value error, ").replace("Input should be", "it should be", 1)
