"""What is wrong with runbooks, found before anybody reads one: `Shelf.check`."""

import datetime
import re
from collections.abc import Iterator, Mapping

from triage.mend import signs, template, vocabulary
from triage.mend.gates import GATES, VERSIONS, impossible, names
from triage.mend.runbook import SECTIONS, Entry, Runbook
from triage.model.words import CATEGORIES

_SHORT = ("Check", "Change", "Further reading")
"""The sections that a runbook must fill which is not a full one."""

_PLACES = frozenset({"server", "here", "tenant", "firewall", "sender"})
_ASKED = re.compile(r'"([^"]+)"\s+(?:not\s+)?in\s+gates')


def problems(runbooks: Mapping[str, Runbook]) -> list[str]:
    """Give every problem of all runbooks, a sentence each, with the runbook's id in front."""
    served = {runbook.front.category for runbook in runbooks.values()}
    found = [f"there is no runbook for the category {category}" for category in CATEGORIES if category not in served]
    for runbook in runbooks.values():
        found += [f"{runbook.front.id}: {problem}" for problem in _of_runbook(runbook)]
    return found + list(signs.problems())


def stale(runbooks: Mapping[str, Runbook], read_since: datetime.date) -> Iterator[str]:
    """Give each runbook, and each page that runbooks name, which nobody has read since that day; the oldest first."""
    pages: dict[str, tuple[datetime.date, set[str]]] = {}
    for runbook in runbooks.values():
        dated = [(source.url, source.read_on) for source in runbook.front.sources]
        for url, read_on in [(f"runbook {runbook.front.id}", runbook.front.read_on), *dated]:
            if read_on is not None and read_on < read_since:
                oldest, users = pages.get(url, (read_on, set()))
                pages[url] = (min(oldest, read_on), users | {runbook.front.id})
    for url, (read_on, users) in sorted(pages.items(), key=lambda page: (page[1][0], page[0])):
        whom = "" if url.startswith("runbook ") else f" (named by {', '.join(sorted(users))})"
        yield f"stale: {url}{whom} was last read on {read_on}"


def _of_runbook(runbook: Runbook) -> Iterator[str]:
    for section in SECTIONS if runbook.front.full else _SHORT:
        if not runbook.sections.get(section):
            yield f'the section "{section}" is empty'
    yield from template.problems(runbook.front.title)
    sources = {source.id for source in runbook.front.sources}
    yield from (f"the source {s.id} has no read_on date" for s in runbook.front.sources if s.read_on is None)
    yield from (f"the source {s.id} has no https address" for s in runbook.front.sources if s.url[:8] != "https://")
    for section, entry in runbook.entries():
        where = f'{section}, "{entry.title or entry.body[:40]}"'
        yield from (f"{where}: {problem}" for problem in _of_gate(entry))
        if section == "Further reading":
            yield from [] if entry.body in sources else [f"{where}: there is no source of this id"]
            continue
        yield from (f"{where}: {problem}" for problem in _of_texts(entry))
        if section != "Do not":
            yield from (f"{where}: {problem}" for problem in _of_step(section, entry))
            yield from (f"{where}: {problem}" for problem in _of_sources(entry, sources))


def _of_gate(entry: Entry) -> Iterator[str]:
    asked = [name for item in entry.gate.when for name in names(item)[1]]
    yield from (f"unknown gate {name!r}" for name in asked if name not in GATES)
    if impossible(entry.gate.when):
        yield f"nothing can fulfil when = {list(entry.gate.when)}"
    if re.search(r"`|://", entry.gate.where or ""):
        yield "`where` is plain text: code and addresses belong into the step"
    if entry.gate.at not in _PLACES:
        yield f"at = {entry.gate.at!r} is not one of {', '.join(sorted(_PLACES))}"


def _of_texts(entry: Entry) -> Iterator[str]:
    for text in (entry.title, entry.body, entry.expected or "", entry.undo or "", entry.gate.where or ""):
        yield from template.problems(text)
        for name in _ASKED.findall(text):
            if name not in GATES:
                yield f"unknown gate {name!r}"
            elif name in VERSIONS:
                yield f"the version gate {name!r} belongs into `when`, where its reach is proved"


def _of_sources(entry: Entry, known: set[str]) -> Iterator[str]:
    """Hold a step against the rule that somebody said it, or that it says itself that nobody did."""
    yield from (f"there is no source {one!r} in the front matter" for one in entry.gate.source if one not in known)
    if not entry.gate.source and not entry.gate.hint:
        yield "the step names no source: give `source = [...]`, or mark it with `hint = true`"
    if entry.gate.source and entry.gate.hint:
        yield "a step with a source is no hint"


def _of_step(section: str, entry: Entry) -> Iterator[str]:
    if not entry.title:
        yield "the step has no title"
    if not entry.body and not entry.expected:
        yield "the step is empty"
    if section in ("Check", "Verify") and not entry.expected:
        yield "a check needs `Expected:`"
    if section == "Change" and not entry.undo:
        yield "a change needs `Undo:`"
    yield from vocabulary.problems(section, entry)
