"""An input becomes readings that wait to be counted, in steps of which each can be repeated.

The committer counts them (`uncounted/`). A large input is read in ranges, and how far the reading came is noted under
`progress/`, so that a process whose time is up, or that is killed, leaves work done. Whatever such a note says is true
for as long as the input stands, so that a lost or an older one costs work and never a count: two processes may read
the same input at once.
"""

import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from typing import IO, Protocol

import msgspec
import structlog

from triage.collect.files import Item
from triage.collect.item import shown, unreadable
from triage.collect.journal import record
from triage.collect.kind import HEAD as SHAPE_HEAD
from triage.collect.kind import shape_of
from triage.collect.limits import GIB, MIB, Limits
from triage.collect.ranges import RANGE, ranged
from triage.collect.stream import Stream
from triage.collect.unpack import Unpacking
from triage.decode import LOG_HEAD, is_protocol_log
from triage.errors import BadInput, Conflict, Transient
from triage.group import Documents, keep
from triage.group.readings import stored_reading
from triage.hosts import Hosts
from triage.intake.one import failed, read, reading_of
from triage.model import Document, Place, Reading
from triage.pipeline import Parts
from triage.safe_text import file_name

PROGRESS = "progress/"

KEPT_TOGETHER = 50
"""Documents of one input between two looks at the clock; a blob store keeps some tens a second."""

KEPT_BYTES = 16 * MIB


class Blob(Protocol):
    """One input that lies elsewhere, of one version: bytes that never change while it is read."""

    @property
    def name(self) -> str:
        """Give its place, for people: `inbox/logs/SEND20261018-1.LOG`."""

    @property
    def version(self) -> str:
        """Give what tells this version from every other."""

    @property
    def size(self) -> int:
        """Give its size in bytes."""

    @property
    def fetch(self) -> str:
        """Give the command that copies it to the file `{file}` of a machine with room for it."""

    def read(self, start: int, length: int) -> bytes:
        """Give exactly these bytes, fewer only past the end.

        Raises `NotFound` where it is gone, `Conflict` where another version took its place, `Transient` otherwise.
        """


class LogReading(Protocol):
    """A protocol log that is read piece by piece, in the order of its bytes."""

    def take(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def state(self) -> bytes:
        """Give all that was read so far, to go on in another process."""

    def end(self, *, last: bool = False) -> Document:
        """Give what the log says; with `last` also of sessions that are still open."""


BeginLog = Callable[[Hosts, bytes | None], LogReading]
"""Begins a log, or goes on from a `state`. Raises `BadInput` for a state of another version of this program."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one call may cost."""

    whole_bytes: int = 25 * MIB
    """Read at once up to here; a larger log is read in ranges."""

    largest_bytes: int = 2 * GIB
    """Refused past it, with the command for a machine of one's own: minutes of work for an app with little memory."""

    seconds: float = 240
    """After these the rest is left to another call: the host ends a call after five minutes."""

    checkpoint_seconds: float = 20
    """Work that a killed process may lose."""

    limits: Limits = Limits()


class Progress(msgspec.Struct, kw_only=True):
    """How far the reading of one version of an input came: documents kept, or bytes of a log taken."""

    items: int = 0
    offset: int = 0
    sha256: str | None = None
    state: bytes = b""


_PROGRESS = msgspec.msgpack.Decoder(Progress)


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """What reading an input needs: where readings are kept, knowledge, bounds, and two clocks."""

    documents: Documents
    parts: Parts
    begin_log: BeginLog
    now: Callable[[], str]
    bounds: Bounds = Bounds()
    clock: Callable[[], float] = time.monotonic


def keep_items(items: Sequence[Item], documents: Documents, parts: Parts, now: str) -> list[Reading]:
    """Journal, read and keep documents, each noted as uncounted. Gives the readings that stand.

    Those that are known are not read again. What the journal did not know is not looked for: each question to a far
    store costs more than decoding.
    """
    with documents.batch():
        is_new = [record(documents, item, now) for item in items]
    known = [None if new else stored_reading(documents, item.sha256) for item, new in zip(items, is_new, strict=True)]
    made = [reading or read(item, parts) for item, reading in zip(items, known, strict=True)]
    with documents.batch():
        return [old or keep(documents, new, now, is_unknown=True) for old, new in zip(known, made, strict=True)]


def take_in_blob(blob: Blob, intake: Intake) -> bool:
    """Read one input and keep what it says. False where time was up before its end: call again for the rest.

    Raises what `Blob.read` raises. Whatever is wrong with the input itself becomes an `unreadable` reading.
    """
    bounds = intake.bounds
    if blob.size > bounds.largest_bytes:
        _refuse(blob, intake)
        return True
    if blob.size <= bounds.whole_bytes:
        content = blob.read(0, blob.size)
        if shape_of(content[:SHAPE_HEAD]) == "document":
            keep_items(list(_items(blob, intake, BytesIO(content))), intake.documents, intake.parts, intake.now())
            return True
        work = _Work(blob, intake)
        done = work.read_documents(BytesIO(content))
    else:
        work = _Work(blob, intake)
        done = (
            work.read_log()
            if is_protocol_log(blob.read(0, LOG_HEAD))
            else work.read_documents(ranged(blob.read, blob.size))
        )
    if done:
        work.forget()
    return done


def _refuse(blob: Blob, intake: Intake) -> None:
    size, most = -(-blob.size // MIB), intake.bounds.largest_bytes // MIB
    local = file_name(blob.name.rpartition("/")[2])
    command = f"{blob.fetch.replace('{file}', shlex.quote(local))} && triage run {shlex.quote(local)} --out out"
    sentence = f"It has {size:,} MB, and at most {most:,} MB are read here. On a machine of your own: {command}"
    item = unreadable(Place(shown(blob.name)), sentence)
    structlog.get_logger().warning("input_refused", input=shown(blob.name), why=sentence)
    keep(intake.documents, read(item, intake.parts), intake.now())


class _Work:
    """One call's work on one input."""

    def __init__(self, blob: Blob, intake: Intake) -> None:
        self._blob = blob
        self._intake = intake
        self._key = PROGRESS + sha256(f"{blob.name}\0{blob.version}".encode("utf-8", "replace")).hexdigest()
        self._began = self._noted = intake.clock()
        found = intake.documents.get(self._key)
        self._tag = None if found is None else found[1]
        self._progress = Progress()
        if found is not None:
            with suppress(msgspec.DecodeError):  # written by another version of this program: begin anew
                self._progress = _PROGRESS.decode(found[0])

    def read_documents(self, file: IO[bytes]) -> bool:
        """Keep each document in the input, from the first that an earlier call did not keep."""
        intake = self._intake
        items = _items(self._blob, intake, file)
        for chunk in _chunks(item for at, item in enumerate(items) if at >= self._progress.items):
            keep_items(chunk, intake.documents, intake.parts, intake.now())
            self._progress.items += len(chunk)
            if self._is_past(self._began, intake.bounds.seconds):
                self._note()
                return False
            if self._is_past(self._noted, intake.bounds.checkpoint_seconds):
                self._note()
        return True

    def read_log(self) -> bool:
        """Read a protocol log in ranges, from where an earlier call came to. Its digest is taken in a pass before."""
        blob, intake, progress = self._blob, self._intake, self._progress
        if progress.sha256 is None:
            digest = sha256()
            for _, chunk in _ranges(blob, 0):
                digest.update(chunk)
            progress.sha256 = digest.hexdigest()
            self._note()
        if stored_reading(intake.documents, progress.sha256) is not None:
            return True
        item = Item(Place(shown(blob.name)), b"", progress.sha256)
        record(intake.documents, item, intake.now(), blob.size)
        reading = self._read_ranges(item)
        if reading is not None:
            keep(intake.documents, reading, intake.now())
        return reading is not None

    def _read_ranges(self, item: Item) -> Reading | None:
        intake, progress = self._intake, self._progress
        try:
            log = intake.begin_log(intake.parts.hosts, progress.state or None)
        except BadInput:  # written by another version of this program: begin anew
            progress.offset, progress.state = 0, b""
            log = intake.begin_log(intake.parts.hosts, None)
        for end, chunk in _ranges(self._blob, progress.offset):
            try:
                log.take(chunk)
            # The outer edge, as in `pipeline.read`.
            except Exception as error:  # noqa: BLE001
                return failed(item, error)
            is_late = self._is_past(self._began, intake.bounds.seconds)
            if end < self._blob.size and (is_late or self._is_past(self._noted, intake.bounds.checkpoint_seconds)):
                progress.offset, progress.state = end, log.state()
                self._note()
                if is_late:
                    return None
        try:
            return reading_of(item, log.end(last=True), intake.parts)
        except Exception as error:  # noqa: BLE001 - the outer edge, as above
            return failed(item, error)

    def forget(self) -> None:
        """Remove the note: the input was read to its end."""
        if self._tag is not None:
            self._intake.documents.delete(self._key)

    def _is_past(self, since: float, seconds: float) -> bool:
        return self._intake.clock() - since >= seconds

    def _note(self) -> None:
        self._noted = self._intake.clock()
        body = msgspec.msgpack.encode(self._progress)
        try:
            self._tag = self._intake.documents.put(self._key, body, self._tag)
        except Conflict:
            # Somebody else reads the same input, and their note is as true as ours; the next of ours replaces it.
            found = self._intake.documents.get(self._key)
            self._tag = None if found is None else found[1]


def _items(blob: Blob, intake: Intake, file: IO[bytes]) -> Iterator[Item]:
    return Unpacking(intake.bounds.limits, blob.size).items(Stream(file.read), shown(blob.name), file)


def _ranges(blob: Blob, start: int) -> Iterator[tuple[int, bytes]]:
    """Give the bytes from `start` on, piece by piece, each with the place of its end."""
    while start < blob.size:
        chunk = blob.read(start, RANGE)
        if not chunk:
            raise Transient(f"{shown(blob.name)} ended before its size.")
        start += len(chunk)
        yield start, chunk


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += len(item.content)
        if len(chunk) >= KEPT_TOGETHER or size >= KEPT_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
