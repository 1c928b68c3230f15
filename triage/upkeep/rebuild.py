"""A new store from the journal: every input is read again by today's rules, and counted from nothing.

In the cloud the journal is the `inbox` container; on a laptop it is the entries of a store, whose inputs lie where they
lay, or in the entry itself where they came through a pipe. What people did (acknowledged, silenced, resolved) is in it
too, and is done again at its own time.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from triage.collect.files import walk
from triage.collect.item import Item, shown, unreadable
from triage.collect.journal import INPUTS, Entry, decoded
from triage.collect.limits import Limits
from triage.collect.stream import Stream
from triage.collect.unpack import Unpacking
from triage.decode import is_protocol_log
from triage.errors import BadInput, Misconfigured, NotFound
from triage.group import ActJournal, DocumentActs, Documents, age, apply_act, known_names, nobody, read_act
from triage.group.acts import INBOX_ACTS, MAX_BYTES
from triage.group.lease import LEASES
from triage.model import Act, Place, Reading
from triage.pipeline import Parts, Progress, take_in
from triage.upkeep.raw import Raw, RawMail

UNFINISHED = "rebuild/unfinished"
"""A document that stands in a store while it is rebuilt: the same command goes on where a killed one was."""

Batch = tuple[str, Iterable[Item]]
"""Inputs that came together, with the time at which they did."""

Step = Batch | Act


class Missing(msgspec.Struct, frozen=True):
    """An input of which the journal knows, and which is not there any more."""

    path: str
    sha256: str
    why: str


def rebuild(
    documents: Documents,
    steps: Iterable[Step],
    parts: Parts,
    journal: ActJournal | None = None,
    missing: list[Missing] | None = None,
) -> Iterator[tuple[Reading, Progress]]:
    """Take everything in, dated as it came, and do what people did when they did it; give what `take_in` gives.

    Acts are written to the `journal` too, else to the store's own. `missing` gets those whose incident is nowhere. Nobody
    is told anything: who was told of what is not in the journal. Safe to repeat after a kill. Raises `Misconfigured`
    where the store already has documents.
    """
    tag = _begin(documents)
    quiet = msgspec.structs.replace(parts, route=nobody)
    acts = journal or DocumentActs(documents)
    unplaced: list[Act] = []
    hour = ""
    for step in steps:
        at = step.at if isinstance(step, Act) else step[0]
        if isinstance(step, Act) or at[:13] != hour:
            age(documents, at, parts.periods)
            hour = at[:13]
        if isinstance(step, Act):
            acts.add(step)
            if not _took_effect(documents, step, quiet):
                unplaced.append(step)
        else:
            yield from take_in(step[1], documents, quiet, at)
    for act in unplaced:  # a copied folder may have lost the dates of its files
        if not _took_effect(documents, act, quiet) and missing is not None:
            why = f"incident {act.incident}, to which it was done, is not there"
            missing.append(Missing(f"{act.kind} by {act.by} at {act.at}", act.id, why))
    documents.delete(UNFINISHED, tag)


def _took_effect(documents: Documents, act: Act, parts: Parts) -> bool:
    try:
        apply_act(documents, act, known_names(documents, parts.hosts))
    except NotFound:
        return False
    return True


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


def from_raw(mail: RawMail) -> Iterator[Step]:
    """Give what lies in an inbox in the order in which it came: acts, and between them the inputs of a day together."""
    raws = sorted(mail.list())
    acts, damaged = _acts_in(mail, [raw for raw in raws if raw.name.startswith(INBOX_ACTS)])
    inputs = [raw for raw in raws if not raw.name.startswith(INBOX_ACTS)]
    if damaged:
        yield damaged[0][0].at, (unreadable(Place(shown(mail.place + raw.name)), why) for raw, why in damaged)
    day: list[Raw] = []
    for one in _in_order(inputs, acts):
        if day and (isinstance(one, Act) or one.at[:10] != day[0].at[:10]):
            yield day[0].at, _unpacked(mail, day)
            day = []
        if isinstance(one, Act):
            yield one
        else:
            day.append(one)
    if day:
        yield day[0].at, _unpacked(mail, day)


T = TypeVar("T", Raw, Entry)


def _in_order(inputs: list[T], acts: list[Act]) -> Iterator[T | Act]:
    """Give both by their times; inputs, which are in order, come before acts of the same second, which had seen them."""
    waiting = sorted(acts, key=lambda act: (act.at, act.id), reverse=True)
    for one in inputs:
        while waiting and waiting[-1].at < one.at:
            yield waiting.pop()
        yield one
    yield from reversed(waiting)


def _acts_in(mail: RawMail, raws: list[Raw]) -> tuple[list[Act], list[tuple[Raw, str]]]:
    acts, damaged = [], []
    for raw in raws:
        try:
            with mail.open(raw.name) as file:
                acts.append(read_act(file.read(MAX_BYTES + 1)))
        except (BadInput, NotFound) as error:
            damaged.append((raw, str(error)))
    return acts, damaged


def _unpacked(mail: RawMail, raws: list[Raw]) -> Iterator[Item]:
    for raw in raws:
        place = shown(mail.place + raw.name)
        try:
            with mail.open(raw.name) as file:
                # A large log is not held: it is read in ranges for its digest, and opened anew for what it says.
                unpacking = Unpacking(Limits(), raw.size, is_log=is_protocol_log, reopen=partial(mail.open, raw.name))
                yield from unpacking.items(Stream(file.read), place, file)
        except NotFound as error:
            yield unreadable(Place(place), str(error))


def from_entries(old: Documents, missing: list[Missing]) -> Iterator[Step]:
    """Give the inputs that a store's journal names and what people did, oldest first.

    `missing` gets inputs that are not there any more.
    """
    inputs = sorted(_entries(old, missing), key=_when)
    together: list[Entry] = []
    for one in _in_order(inputs, list(DocumentActs(old).acts())):
        if together and (isinstance(one, Act) or one.at != together[0].at):
            yield from _of_entries(old, together, missing)
            together = []
        if isinstance(one, Act):
            yield one
        else:
            together.append(one)
    if together:
        yield from _of_entries(old, together, missing)


def _of_entries(old: Documents, entries: list[Entry], missing: list[Missing]) -> Iterator[Batch]:
    yield entries[0].at, _kept(old, [entry for entry in entries if entry.kept])
    yield entries[0].at, _found([entry for entry in entries if not entry.kept], missing)


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
            for item in walk([str(file)], is_log=is_protocol_log):
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
