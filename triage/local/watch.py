"""A watched folder: each file is read once it is complete, and stays where it is.

Nothing is moved or deleted here. What was read is remembered in the store, under `watched/`, by the file's place, size
and time; a file that changed is read again, and what is the same in it counts nothing. A protocol log is the exception:
its rows are counted by the whole file, so it is read once, after Exchange has closed it, and never again.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from math import inf
from pathlib import Path

import msgspec
import structlog

from triage.cloud.intake import KEPT_TOGETHER, keep_items
from triage.collect.files import walk
from triage.collect.folder import files
from triage.collect.item import shown
from triage.collect.limits import Limits
from triage.decode import LOG_HEAD, is_protocol_log
from triage.errors import Conflict, NotFound
from triage.group import Documents
from triage.model import Reading
from triage.pipeline import Parts

WATCHED = "watched/"

LOG_QUIET_SECONDS = 65 * 60
"""Exchange begins a new log every hour (2010: every day), so that a log whose last row is older than this is closed."""

_TAIL = 64 * 2**10
_ROW_TIME = re.compile(rb"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z,", re.MULTILINE)


class Stamp(msgspec.Struct, frozen=True):
    """By what a file is known to be the same as before."""

    size: int
    modified: int


class Watch:
    """The state of one watched folder. One thread takes turns."""

    def __init__(
        self, folder: Path, documents: Documents, settle_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Remember what was read before. `settle_seconds`: how long a file must not have changed."""
        self._folder = folder
        self._documents = documents
        self._settle = settle_seconds
        self._clock = clock
        self._read = {one.key: msgspec.json.decode(one.head, type=Stamp) for one in documents.list(WATCHED)}
        self._changing: dict[str, tuple[Stamp, float]] = {}
        self._told: dict[str, Stamp] = {}

    def ready(self) -> Iterator[str]:
        """Give the files that are complete and were not read yet, in the order of their names."""
        seen: dict[str, tuple[Stamp, float]] = {}
        for found in files(str(self._folder), Limits()):
            stamp = _stamp(found.path)
            if stamp is None or self._read.get(_key(found.path)) == stamp:
                continue
            before = self._changing.get(found.path)
            since = before[1] if before is not None and before[0] == stamp else self._clock()
            seen[found.path] = (stamp, since)
            if self._clock() - since >= self._settle and self._may_be_read(found.path, stamp):
                yield found.path
        self._changing = seen

    def take(self, path: str, parts: Parts, now: str, stopped: Callable[[], bool]) -> Iterator[Reading]:
        """Read one file, keep what it says, and remember that it was read; give the readings.

        Where `stopped` says so, the rest is left for another time.
        """
        stamp = _stamp(path)
        if stamp is None:
            return
        try:
            items = walk([path])
            while chunk := list(islice(items, KEPT_TOGETHER)):
                yield from keep_items(chunk, self._documents, parts, now)
                if stopped():
                    return
        except NotFound:
            return
        self._remember(path, stamp)

    def _may_be_read(self, path: str, stamp: Stamp) -> bool:
        """Tell whether a file that came to rest can be opened, and is no log that is being written."""
        try:
            with open(path, "rb") as file:
                if not is_protocol_log(file.read(LOG_HEAD)):
                    return True
                file.seek(max(0, stamp.size - _TAIL))
                rows = _ROW_TIME.findall(file.read(_TAIL))
        except OSError as error:
            self._tell(path, stamp, f"it cannot be opened: {error.strerror}")
            return False
        if _key(path) in self._read:
            self._tell(path, stamp, "the log has grown since it was read: what was added is not counted")
            return False
        if rows and _age(rows[-1]) < LOG_QUIET_SECONDS:
            self._tell(path, stamp, "the log may still be written: it is read an hour after its last row")
            return False
        return True

    def _tell(self, path: str, stamp: Stamp, why: str) -> None:
        if self._told.get(path) != stamp:
            self._told[path] = stamp
            structlog.get_logger().warning("file_left", file=shown(path), why=why)

    def _remember(self, path: str, stamp: Stamp) -> None:
        key = _key(path)
        head = msgspec.json.encode(stamp)
        while True:
            found = self._documents.get(key)
            try:
                self._documents.put(key, shown(path).encode(), None if found is None else found[1], head)
            except Conflict:  # another process watches the same folder
                continue
            break
        self._read[key] = stamp


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return Stamp(found.st_size, found.st_mtime_ns)


def _key(path: str) -> str:
    return WATCHED + sha256(os.path.abspath(path).encode("utf-8", "surrogateescape")).hexdigest()


def _age(row_time: bytes) -> float:
    try:
        written = datetime.strptime(row_time.decode("ascii"), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:  # digits that are no time: nothing that Exchange is writing
        return inf
    return (datetime.now(UTC) - written).total_seconds()
