"""The runbook format: Markdown with TOML front matter, read into sections of gated entries.

`docs/runbooks.md` describes the format for the people who write runbooks. Nothing is filled in here.
"""

import datetime
import re
import tomllib
from collections.abc import Iterator

import msgspec

from triage.errors import Misconfigured
from triage.model.words import Category, Confidence
from triage.typed import converted

SECTIONS = ("Way round", "Before", "Check", "Change", "Verify", "Undo", "Do not", "Further reading")
"""The sections in the order in which a runbook carries them."""

_LISTS = frozenset({"Do not", "Further reading"})
"""These sections are bullets; the others are steps."""

_GATE = re.compile(r"<!--\s*(.*?)\s*-->\s*\Z")
_LABEL = re.compile(r"(Expected|Undo):\s*(.*)\Z")


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a fact of the runbook comes from. `read_on` is the day on which somebody last read it."""

    id: str
    title: str
    url: str
    read_on: datetime.date | None = None


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The TOML line below a step's heading."""

    of: str | None = None
    """In a translation: the digest of the English step, whose own line decides all but `where`."""
    when: tuple[str, ...] = ()
    minutes: int | None = None
    restart: bool = False
    at: str = "server"
    """Who takes the step: "server" (the host to be mended), "here" (our side), "tenant", "firewall", "sender"."""
    where: str | None = None
    first: tuple[Confidence, ...] = ()
    """The confidences at which this is the one step to take first."""
    safe: bool = False
    """A step of Change or Undo that may be printed while the verdict is only possible: it changes no server."""
    part: str | None = None
    """Instead of a step: the name of a shared part whose steps stand here."""
    source: tuple[str, ...] = ()
    """The ids of the sources in the front matter that say what the step says."""
    hint: bool = False
    """No source says it: the step is printed as a hint."""


class Entry(msgspec.Struct, frozen=True):
    """One step, or one bullet of a list (then only `body`). All texts are templates still."""

    gate: Gate
    title: str = ""
    body: str = ""
    expected: str | None = None
    undo: str | None = None


class Front(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The front matter. `full` runbooks must fill every section; the others at least Check or Change."""

    id: str
    title: str
    category: Category
    applies_to: str
    read_on: datetime.date
    sources: tuple[Source, ...] = ()
    full: bool = False


class Part(msgspec.Struct, frozen=True):
    """Steps that several runbooks share, with the sources that they name."""

    sources: tuple[Source, ...]
    entries: tuple[Entry, ...]


class _PartFront(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sources: tuple[Source, ...] = ()


class Runbook(msgspec.Struct, frozen=True):
    """One runbook as its file says it."""

    front: Front
    sections: dict[str, tuple[Entry, ...]]

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Give every entry with the name of its section, in order."""
        for section in SECTIONS:
            for entry in self.sections.get(section, ()):
                yield section, entry


def parse(text: str, name: str) -> Runbook:
    """Read one runbook. `name` is the file's, for the message. Raises Misconfigured where the text is no runbook."""
    front_text, _, body = text.replace("\r\n", "\n").removeprefix("+++\n").partition("\n+++\n")
    try:
        front = converted(tomllib.loads(front_text), Front, strict=False)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"Runbook {name}: its front matter is wrong: {error}") from error
    sections: dict[str, tuple[Entry, ...]] = {}
    for heading, lines in _split(body.split("\n"), "## "):
        if heading not in SECTIONS:
            raise Misconfigured(f'Runbook {name}: "{heading}" is not one of the sections {", ".join(SECTIONS)}.')
        if heading in sections:
            raise Misconfigured(f'Runbook {name}: the section "{heading}" stands twice.')
        sections[heading] = tuple(_bullets(lines, name) if heading in _LISTS else parse_steps(lines, name))
    return Runbook(front, sections)


def parse_part(text: str, name: str) -> Part:
    """Read a shared part: steps, and before them, if it has any, front matter with `[[sources]]`.

    Raises Misconfigured where the text is no part.
    """
    text = text.replace("\r\n", "\n")
    front_text, body = "", text
    if text.startswith("+++\n"):
        front_text, _, body = text.removeprefix("+++\n").partition("\n+++\n")
    try:
        front = converted(tomllib.loads(front_text), _PartFront, strict=False)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"Part {name}: its front matter is wrong: {error}") from error
    return Part(front.sources, tuple(parse_steps(body.split("\n"), name)))


def parse_steps(lines: list[str], name: str) -> Iterator[Entry]:
    """Read the steps of a section, or of a shared part: `###` headings, and lines that name a part."""
    for heading, block in _split(lines, "### "):
        gate, rest = _gate_of(block, name)
        if heading == "" and gate.part is None:
            raise Misconfigured(f"Runbook {name}: text stands outside of a step: {''.join(rest).strip()[:60]!r}")
        body, expected, undo = _labelled(rest)
        yield Entry(gate, heading, body, expected, undo)


def _split(lines: list[str], mark: str) -> Iterator[tuple[str, list[str]]]:
    """Split at headings outside of code blocks. A gate line that names a part makes an entry of its own."""
    heading: str | None = None
    block: list[str] = []
    fenced = False
    for line in lines:
        fenced ^= line.lstrip().startswith("```")
        names_part = mark == "### " and line.startswith("<!--") and "part =" in line
        if not fenced and (line.startswith(mark) or names_part):
            if heading is not None or any(map(str.strip, block)):
                yield heading or "", block
            heading, block = ("", [line]) if names_part else (line.removeprefix(mark).strip(), [])
        else:
            block.append(line)
    if fenced:
        raise Misconfigured(f"Below {heading!r} a code block is not closed: its ``` must begin a line.")
    if heading is not None or any(map(str.strip, block)):
        yield heading or "", block


def _gate_of(block: list[str], name: str) -> tuple[Gate, list[str]]:
    """Read the gate line, if the first line with text is one, and give the lines after it."""
    for index, line in enumerate(block):
        if not line.strip():
            continue
        found = _GATE.match(line.strip())
        return (_gate(found[1], name), block[index + 1 :]) if found else (Gate(), block[index:])
    return Gate(), []


def _gate(text: str, name: str) -> Gate:
    try:
        return converted(tomllib.loads(f"gate = {{ {text} }}")["gate"], Gate)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"Runbook {name}: the line <!-- {text} --> is wrong: {error}") from error


def _labelled(lines: list[str]) -> tuple[str, str | None, str | None]:
    """Give the body of a step, and what follows its labels `Expected:` and `Undo:`."""
    parts: dict[str, list[str]] = {"": []}
    label, fenced = "", False
    for line in lines:
        fenced ^= line.lstrip().startswith("```")
        found = None if fenced else _LABEL.match(line)
        if found:
            label = found[1]
            parts[label] = [found[2]]
        else:
            parts[label].append(line)
    texts = {key: "\n".join(value).strip() for key, value in parts.items()}
    return texts[""], texts.get("Expected"), texts.get("Undo")


def _bullets(lines: list[str], name: str) -> Iterator[Entry]:
    """Read a list: each bullet `- …` with, where it is gated, the gate on the line before."""
    gate = Gate()
    for line in filter(str.strip, lines):
        found = _GATE.match(line.strip())
        if found:
            gate = _gate(found[1], name)
        elif line.startswith("- "):
            yield Entry(gate, body=line.removeprefix("- ").strip())
            gate = Gate()
        else:
            raise Misconfigured(f"Runbook {name}: a list holds bullets of one line each, not {line.strip()[:60]!r}.")
