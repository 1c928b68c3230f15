"""A new store from the journal: every input is read again by today's rules, and counted from nothing.

In the cloud the journal is the `inbox` container; on a laptop it is the entries of a store, whose inputs lie where they
lay, or in the entry itself where they came through a pipe. What people did (acknowledged, resolved) is not in it.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import msgspec

from triage.collect.files import walk
from triage.collect.item import Item, shown, unreadable
from triage.collect.journal import INPUTS, Entry, decoded
from triage.collect.limits import Limits
from triage.collect.stream import Stream
from triage.collect.unpack import Unpacking
from triage.errors import Misconfigured, NotFound
from triage.group import Documents
from triage.group.lease import LEASES
from triage.model import Place, Reading
from triage.pipeline import Parts, Progress, take_in
from triage.upkeep.raw import Raw, RawMail

UNFINISHED = "rebuild/unfinished"
"""A document that stands in a store while it is rebuilt: the same command goes on where a killed one was."""

Batch = tuple[str, Iterable[Item]]
"""Inputs that came together, with the time at which they did."""


class Missing(msgspec.Struct, frozen=True):
    """An input of which the journal knows, and which is not there any more."""

    path: str
    sha256: str
    why: str


def rebuild(documents: Documents, batches: Iterable[Batch], parts: Parts) -> Iterator[tuple[Reading, Progress]]:
    """Take everything in, dated as it came; give what `take_in` gives. Safe to repeat after a kill.

    Raises `Misconfigured` where the store already has documents.
    """
    tag = _begin(documents)
    for at, items in batches:
        yield from take_in(items, documents, parts, at)
    documents.delete(UNFINISHED, tag)


def _begin(documents: Documents) -> str:
    found = documents.get(UNFINISHED)
    if found is not None:
        return found[1]
    if any(not listed.key.startswith(LEASES) for listed in documents.list("")):
        raise Misconfigured(
            "This store is not empty, and a rebuilt one begins with nothing. Name a new one: --store FILE, or in the"
            " cloud the setting storage.container."
        )
    return documents.put(UNFINISHED, b"", None)


def from_raw(mail: RawMail) -> Iterator[Batch]:
    """Give what lies in an inbox, the inputs of a day together, oldest first."""
    for _, day in groupby(sorted(mail.list()), key=lambda raw: raw.at[:10]):
        raws = list(day)
        yield raws[0].at, _unpacked(mail, raws)


def _unpacked(mail: RawMail, raws: list[Raw]) -> Iterator[Item]:
    for raw in raws:
        place = shown(mail.place + raw.name)
        try:
            with mail.open(raw.name) as file:
                yield from Unpacking(Limits(), raw.size).items(Stream(file.read), place, file)
        except NotFound as error:
            yield unreadable(Place(place), str(error))


def from_entries(old: Documents, missing: list[Missing]) -> Iterator[Batch]:
    """Give the inputs that a store's journal names, oldest first; `missing` gets those that are not there any more."""
    for at, same in groupby(sorted(_entries(old, missing), key=_when), key=lambda entry: entry.at):
        entries = list(same)
        yield at, _kept(old, [entry for entry in entries if entry.kept])
        yield at, _found([entry for entry in entries if not entry.kept], missing)


def _when(entry: Entry) -> tuple[str, str, int]:
    return entry.at, entry.path, entry.index


def _entries(old: Documents, missing: list[Missing]) -> Iterator[Entry]:
    # One at a time: an entry may hold all the bytes of its input.
    for listed in old.list(INPUTS):
        found = old.get(listed.key)
        if found is None:
            continue
        try:
            yield decoded(found[0])[0]
        except msgspec.DecodeError:
            missing.append(Missing("(unknown)", listed.key.removeprefix(INPUTS), "its journal entry is damaged"))


def _kept(old: Documents, entries: list[Entry]) -> Iterator[Item]:
    for entry in entries:
        found = old.get(INPUTS + entry.sha256)
        if found is not None:
            content = decoded(found[0])[1]
            yield Item(Place(entry.path, entry.index), content, entry.sha256, streamed=True)


def _found(entries: list[Entry], missing: list[Missing]) -> Iterator[Item]:
    """Read the files in which the entries lay, each once, and give the inputs whose bytes are still the same."""
    by_file: dict[Path | None, dict[str, Entry]] = {}
    for entry in entries:
        by_file.setdefault(_file(entry.path), {})[entry.sha256] = entry
    for file, wanted in by_file.items():
        if file is not None:
            for item in walk([str(file)]):
                if wanted.pop(item.sha256, None) is not None:
                    yield item
        missing.extend(Missing(entry.path, entry.sha256, _why(file, entry)) for entry in wanted.values())


def _file(path: str) -> Path | None:
    """Give the file in which an input lay: the path, or what stands before one of its `!`."""
    parts = path.split("!")
    for end in range(len(parts), 0, -1):
        candidate = Path("!".join(parts[:end]))
        if candidate.is_file():
            return candidate
    return None


def _why(file: Path | None, entry: Entry) -> str:
    if entry.removed is not None:
        return f"its bytes were removed by retention on {entry.removed[:10]}"
    return "there is no such file here" if file is None else "the file has other bytes now"
