"""Fills values into a runbook's texts, each escaped for the place where it stands."""

import functools
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from triage import safe_text

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

Place = Literal["plain", "markdown"]

FILTERS = ("ps", "sh", "code")
"""`ps`: a PowerShell literal with its quotes. `sh`: a word for a POSIX shell. `code`: inside a code span."""

VALUES: Mapping[str, str] = {
    "host": "the host to be mended, as a sentence names it",
    "server": "the same host's name, or None: for commands",
    "peer": "the other end of the hop, as a sentence names it",
    "sender": "the sending end, as a sentence names it",
    "receiver": "the receiving end, as a sentence names it",
    "mx": "the receiving host",
    "mx_ip": "the receiving host's address",
    "domain": "the recipient's domain",
    "sender_domain": "the sender's domain, or the domain that the verdict names",
    "last_update": "the last update of this Exchange version",
    "windows_updates": "the Windows updates that TLS 1.2 asks for below this Exchange version",
    "product": "the Exchange version in words",
    "build": "the build of the host",
    "level": "the update level of that build",
    "key": "Client, Server, or both: which Schannel key the role of this host reads",
    "role": "what the host does on this hop: sends, receives",
}
"""What a runbook's text may name."""

_STAND_IN: Mapping[str, str] = {
    "server": "the server",
    "mx": "the receiving host",
    "mx_ip": "the address of the receiving host",
    "domain": "the domain of the recipient",
    "sender_domain": "the domain of the sender",
    "product": "Exchange",
    "build": "unknown",
    "level": "unknown",
}
"""What stands where a value is not known; in a command it stands in angle brackets, for the reader to fill in.
None holds an apostrophe, which a shell would quote past reading."""


def stand_in(name: str) -> str:
    """Give the words that stand where a value is not known."""
    return _STAND_IN.get(name, "unknown")


class Missing(str):
    """Words that stand for a value that is not known."""

    __slots__ = ()


class Ready(str):
    """Text that is escaped already."""

    __slots__ = ()


def _word(value: object) -> str:
    return f"<{value}>" if isinstance(value, Missing) else str(value)


@functools.cache
def _environment(place: Place) -> "SandboxedEnvironment":
    """Build the template environment of one place. jinja2 loads here: a run without incidents never needs it."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    escape: Callable[[str], str] = safe_text.markdown if place == "markdown" else safe_text.one_line

    def finalize(value: object) -> str:
        return value if isinstance(value, Ready) else escape(str(value))

    environment = SandboxedEnvironment(
        undefined=StrictUndefined, finalize=finalize, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["ps"] = lambda value: Ready(safe_text.powershell(_word(value)))
    environment.filters["sh"] = lambda value: Ready(shlex.quote(safe_text.one_line(_word(value))))
    environment.filters["code"] = lambda value: Ready(safe_text.one_line(_word(value)).replace("`", ""))
    return environment


@functools.lru_cache(maxsize=2048)
def _compiled(text: str, place: Place) -> Callable[..., str]:
    return _environment(place).from_string(text).render


def render(text: str, values: Mapping[str, str | None], gates: frozenset[str], place: Place = "markdown") -> str:
    """Fill `values` into `text`, which may also ask whether a gate holds (`{% if "receiving" in gates %}`).

    Raises jinja2's UndefinedError where the text names a value that does not exist: `problems` finds that first.
    """
    if "{" not in text:
        return text
    known = {name: values.get(name) or Missing(stand_in(name)) for name in VALUES}
    return _compiled(text, place)(known, gates=gates)


def problems(text: str) -> list[str]:
    """Give what is wrong with a text as a template: syntax, unknown names, a value that is not escaped for its
    place."""
    from jinja2 import TemplateSyntaxError, meta

    if "{" not in text:
        return []
    environment = _environment("markdown")
    try:
        tree = environment.parse(text)
        environment.from_string(text)
    except TemplateSyntaxError as error:
        return [f"the template is wrong: {error.message}"]
    found = [
        f"unfilled placeholder {name!r}" for name in sorted(meta.find_undeclared_variables(tree) - {*VALUES, "gates"})
    ]
    return found + list(_misplaced(text))


def _misplaced(text: str) -> list[str]:
    """Find values in code that do not carry the filter of their place, and filters outside of code."""
    found: list[str] = []
    fence: str | None = None
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            fence = None if fence is not None else line.strip().removeprefix("```")
            continue
        spans = line.split("`")
        pieces = (
            [(line, _filter_of(fence))]
            if fence is not None
            else [(s, ("", "code")[i % 2]) for i, s in enumerate(spans)]
        )
        for piece, wanted in pieces:
            values = (chunk.partition("}}")[0] for chunk in piece.split("{{")[1:])
            wrong = (value for value in values if value.partition("|")[2].strip() != wanted)
            found += [
                f"{{{{{value}}}}} needs {f'the filter {wanted}' if wanted else 'no filter'} here" for value in wrong
            ]
    return found


def _filter_of(fence: str | None) -> str:
    return {"powershell": "ps", "sh": "sh"}.get(fence or "", "code")
