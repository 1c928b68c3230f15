"""All runbooks: a site's own folder first, the shipped ones last. The first of each id wins."""

import datetime
from collections.abc import Mapping
from pathlib import Path

import msgspec

from triage.errors import Misconfigured
from triage.mend.runbook import Entry, Part, Runbook, parse, parse_part
from triage.mend.words import Words

SHIPPED = Path(__file__).parent / "runbooks"

KEYS_CHECK = "tls12-keys-check"
"""The part that holds the read-only check of the TLS 1.2 keys, which every session fault of a Windows server gets."""


class Shelf:
    """The runbooks that a run works with, by id and by category."""

    def __init__(
        self, runbooks: Mapping[str, Runbook], keys_check: tuple[Entry, ...], words: Words | None = None
    ) -> None:
        """Take the runbooks, the steps of the keys' check, and the words of their language; English without any."""
        self.words = words or Words()
        self.runbooks = dict(runbooks)
        self.keys_check = keys_check
        self._of_category: dict[str, Runbook] = {}
        for runbook in self.runbooks.values():
            category = runbook.front.category
            # The runbook that bears the category's name serves it; a further one is reached by its id alone.
            if runbook.front.id == category or category not in self._of_category:
                self._of_category[category] = runbook

    @classmethod
    def load(cls, site: Path | None = None) -> "Shelf":
        """Read a site's folder (`*.md`, and `parts/*.md`) and then the shipped runbooks.

        Raises Misconfigured where a file cannot be read as a runbook, or names a part that does not exist.
        """
        folders = [folder for folder in (site, SHIPPED) if folder is not None]
        if site is not None and not site.is_dir():
            raise Misconfigured(f"The folder of runbooks {site} does not exist.")
        parts: dict[str, Part] = {}
        runbooks: dict[str, Runbook] = {}
        for folder in folders:
            for path in sorted((folder / "parts").glob("*.md")):
                parts.setdefault(path.stem, parse_part(_text(path), path.name))
        for folder in folders:
            for path in sorted(folder.glob("*.md")):
                runbook = _with_parts(parse(_text(path), path.name), parts)
                runbooks.setdefault(runbook.front.id, runbook)
        return cls(runbooks, parts[KEYS_CHECK].entries)

    def find(self, runbook_id: str | None, category: str) -> Runbook:
        """Give the runbook of this id, else that of the category, else the one for what no rule knows."""
        if runbook_id is not None and runbook_id in self.runbooks:
            return self.runbooks[runbook_id]
        return self._of_category.get(category) or self.runbooks["unclassified"]

    def check(self, read_since: datetime.date | None = None) -> list[str]:
        """Give what is wrong with the runbooks, a sentence each; empty where all is well.

        With `read_since`, also each source, and each runbook, that nobody has read since that day.
        """
        from triage.mend.proofs import problems, stale

        found = problems(self.runbooks)
        return found if read_since is None else found + list(stale(self.runbooks, read_since))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"Runbook {path.name} cannot be read: {error}") from error


def _with_parts(runbook: Runbook, parts: Mapping[str, Part]) -> Runbook:
    """Put the steps of shared parts where the runbook names them; the naming line's `when` narrows them further.

    The parts' sources join the runbook's own, whose ids come first.
    """
    sections: dict[str, tuple[Entry, ...]] = {}
    sources = {source.id: source for source in runbook.front.sources}
    for section, entries in runbook.sections.items():
        found: list[Entry] = []
        for entry in entries:
            name = entry.gate.part
            if name is None:
                found.append(entry)
            elif name in parts:
                found.extend(_narrowed(step, entry.gate.when) for step in parts[name].entries)
                sources = {source.id: source for source in parts[name].sources} | sources
            else:
                raise Misconfigured(f"Runbook {runbook.front.id}: there is no part {name!r}.")
        sections[section] = tuple(found)
    front = msgspec.structs.replace(runbook.front, sources=tuple(sources.values()))
    return msgspec.structs.replace(runbook, front=front, sections=sections)


def _narrowed(entry: Entry, when: tuple[str, ...]) -> Entry:
    gate = msgspec.structs.replace(entry.gate, when=(*when, *entry.gate.when))
    return msgspec.structs.replace(entry, gate=gate)
