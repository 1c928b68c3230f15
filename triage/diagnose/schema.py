"""What a rule may say: the schema of `rules/*.toml`, and the reader that turns a file into rules.

Sites write rules too, so each mistake is answered with the file, the rule and what is wrong with it.
"""

import tomllib
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from triage.diagnose.pattern import BadPattern, check_pattern
from triage.errors import Misconfigured, mistake
from triage.model.words import (
    Action,
    Actor,
    Category,
    Confidence,
    Family,
    Permanence,
    Phase,
    ResponsibleKind,
    Side,
    Source,
)

End = Literal["exchange-online", "large-provider", "microsoft", "ours", "other", "unknown"]


def _compiles(pattern: str) -> str:
    try:
        check_pattern(pattern)
    except BadPattern as error:
        raise ValueError(f"this pattern does not compile in RE2: {error}") from error
    return pattern


Pattern = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_compiles)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$", max_length=100)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class When(_Frozen):
    """The conditions of a rule: all that are given must hold."""

    reply_code: tuple[Annotated[int, Field(ge=200, le=599)], ...] = ()
    status: Pattern | None = None
    """Matches the whole enhanced status code."""
    text: Pattern | None = None
    """Found anywhere in the diagnostic: the innermost cause, white space folded."""
    not_text: Pattern | None = None
    error: tuple[str, ...] = ()
    source: tuple[Source, ...] = ()
    action: tuple[Action, ...] = ()
    phase: tuple[Phase, ...] = ()
    sending: tuple[End, ...] = ()
    receiving: tuple[End, ...] = ()
    evidence: tuple[Identifier, ...] = ()
    """Facts of `evidence.toml` that must all hold."""

    @model_validator(mode="after")
    def _says_something(self) -> "When":
        if not self.model_fields_set:
            raise ValueError("a rule without a condition would match everything")
        return self


class Responsibility(_Frozen):
    """Who has to be mended; the engine fills in the host and whose it is."""

    kind: ResponsibleKind | None = None
    side: Side | None = None
    confidence: Confidence | None = None
    """The most that may be said of who it is, where that is less sure than what it is."""


class Other(_Frozen):
    """Another category that the text leaves open. The first takes over when the evidence speaks against the rule."""

    category: Category
    confidence: Confidence = "possible"


class Sample(_Frozen):
    """An example: the diagnostic, and what else the report said. Code and status are read from the text's head."""

    text: str = ""
    reply_code: int | None = None
    status: str | None = None
    error: str | None = None
    required: bool | None = None
    phase: Phase | None = None
    source: Source = "ndr"
    action: Action = "failed"
    sending_host: str | None = None
    receiving_host: str | None = None
    sending_build: str | None = None
    receiving_build: str | None = None


class Rule(_Frozen):
    """One rule: what it matches, and what follows."""

    id: Identifier
    title: Sentence
    category: Category
    family: Family | None = None
    permanence: Permanence | None = None
    confidence: Confidence = "possible"
    states_cause: bool = False
    """The text itself states the cause: only then, or where a handshake was seen to fail, may it be certain."""
    responsible: Responsibility = Responsibility()
    actor: Actor | Literal["owner"] | None = None
    """`owner`: whoever owns the host that is responsible."""
    runbook: Identifier | None = None
    alternatives: tuple[Other, ...] = ()
    raises: tuple[Identifier, ...] = ()
    lowers: tuple[Identifier, ...] = ()
    supports: tuple[Identifier, ...] = ()
    """Facts that are shown as speaking for the verdict, and do not move its confidence."""
    opposes: tuple[Identifier, ...] = ()
    """Facts that are shown as speaking against the verdict, and do not move its confidence."""
    next_check: Sentence | None = None
    when: When
    samples: tuple[str | Sample, ...] = ()
    not_samples: tuple[str | Sample, ...] = ()
    synthetic: bool = False
    source: str = ""
    read_on: date | None = None


class RulesFile(_Frozen):
    """A file of rules."""

    rule: tuple[Rule, ...] = ()


def read_folder(folder: Path) -> Iterable[tuple[Path, Rule]]:
    """Give the rules of all `*.toml` in a folder, in the order of the files' names. Raises `Misconfigured`."""
    for path in sorted(folder.glob("*.toml")):
        for rule in read_file(path):
            yield path, rule


def read_file(path: Path) -> tuple[Rule, ...]:
    """Read one file of rules. Raises `Misconfigured` with the file, the rule's id and every mistake in it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"The rules in {path} cannot be read: {error}.") from error
    try:
        return RulesFile.model_validate(content).rule
    except ValidationError as error:
        wrong = "; ".join(_mistake(content, one["loc"], one["type"], one["msg"]) for one in error.errors()[:5])
        raise Misconfigured(f"The rules in {path} are wrong: {wrong}.") from error


def _mistake(content: dict[str, Any], place: tuple[int | str, ...], kind: str, message: str) -> str:
    fields = When.model_fields if "when" in place[:-1] else Rule.model_fields
    message = mistake(kind, message, str(place[-1]) if place else "", fields)
    if len(place) < 2 or place[0] != "rule" or not isinstance(place[1], int):
        return f"{'.'.join(map(str, place))}: {message}"
    entry = content["rule"][place[1]]
    name = entry.get("id") if isinstance(entry, dict) else None
    named = f"rule {name!r}" if isinstance(name, str) else f"rule number {place[1] + 1}"
    return f"{named}: {'.'.join(map(str, place[2:]))}: {message}"
