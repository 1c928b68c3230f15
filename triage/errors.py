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
