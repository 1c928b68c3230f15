"""The files below a folder, in one order everywhere, without what a mail store keeps for itself."""

import os
import re
from collections.abc import Iterator

import msgspec

from triage.collect.limits import Limits
from triage.collect.stream import because

_DIGITS = re.compile(r"([0-9]{1,18})")

_OWN_FILES = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "maildirfolder", "maildirsize", "subscriptions", "incidents.json"}
)
_OWN_STARTS = ("dovecot.", "dovecot-", "courierimap")
_OWN_ENDS = (".msf", ".sqlite-wal", ".sqlite-shm", ".sqlite-journal")
_OWN_FOLDERS = frozenset({"__MACOSX"})
_TICKET_FILES = frozenset({"teams.json", "ticket.md"})
"""A folder with these is what an earlier run wrote: a ticket quotes bounces and is none."""

DELIVERED = ("cur", "new")
"""The parts of a Maildir that hold what was delivered."""


class Found(msgspec.Struct, frozen=True):
    """A file, or the sentence that says why a place in the folder could not be read. `size` is in bytes."""

    path: str
    entry: os.DirEntry[str] | None = None
    error: str | None = None


def is_own(name: str) -> bool:
    """Tell whether a file or folder of this name belongs to a mail store or desktop and holds no mail."""
    lower = name.lower()
    return (
        name.startswith(".")
        or lower in _OWN_FILES
        or (lower.startswith(_OWN_STARTS) and not lower.endswith(".eml"))
        or lower.endswith(_OWN_ENDS)
        or name in _OWN_FOLDERS
    )


def natural(name: str) -> tuple[list[str | int], str]:
    """Give what sorts names as people count: `SEND2026101809-2.LOG` stands before `SEND2026101809-10.LOG`.

    Logs of a server are read in this order, which is the order in which they were written.
    """
    parts: list[str | int] = [*_DIGITS.split(name)]
    parts[1::2] = map(int, parts[1::2])
    return parts, name


def files(folder: str, limits: Limits) -> Iterator[Found]:
    """Give the files below `folder`, sorted by name and number at each level; links are followed, each folder once.

    A Maildir's `tmp` is passed over, which holds what was not delivered yet; its subfolders are read though
    they are hidden (Maildir++). Other hidden files and folders, and index files, are passed over.
    """
    seen: set[tuple[int, int]] = set()
    levels = [_entries(folder, seen)]
    while levels:
        found = next(levels[-1], None)
        if found is None:
            levels.pop()
        elif found.entry is None or not _is_folder(found.entry):
            yield from _readable(found)
        elif len(levels) >= limits.folder_depth:
            yield Found(
                found.path, None, f"Folders lie more than {limits.folder_depth} deep here; give this one itself."
            )
        else:
            levels.append(_entries(found.path, seen))


def _entries(folder: str, seen: set[tuple[int, int]]) -> Iterator[Found]:
    try:
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            return
        seen.add(identity)
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: natural(entry.name))
    except OSError as error:
        yield Found(folder, None, because(error))
        return
    names = {entry.name for entry in entries}
    if names >= _TICKET_FILES:
        return
    is_maildir = "cur" in names and ("new" in names or "tmp" in names)  # a copy loses those that were empty
    for entry in entries:
        if not _is_passed_over(entry) and not (is_maildir and entry.name == "tmp"):
            yield Found(entry.path, entry)


def _readable(found: Found) -> Iterator[Found]:
    """Pass over sockets, pipes and devices; say of a link that it leads nowhere."""
    try:
        if found.entry is None or found.entry.is_file():
            yield found
        else:
            found.entry.stat()
    except FileNotFoundError:
        yield Found(found.path, None, "It is a link to a file that does not exist.")
    except OSError as error:
        yield Found(found.path, None, because(error))


def _is_passed_over(entry: os.DirEntry[str]) -> bool:
    return is_own(entry.name) and not (_is_folder(entry) and _is_subfolder(entry.path))


def _is_subfolder(path: str) -> bool:
    return any(os.path.isdir(os.path.join(path, part)) for part in DELIVERED)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
