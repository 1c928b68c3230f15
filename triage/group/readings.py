"""What each input said: one small document beside its raw bytes, written once, and the list of what is not counted yet.

The first reading stays: new rules must not count a redelivered report a second time in another incident.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

import msgspec
import structlog

from triage.errors import Conflict
from triage.group.documents import Documents
from triage.model import Reading

READINGS = "reading/"
UNCOUNTED = "uncounted/"
_DECODER = msgspec.json.Decoder(Reading)


WAITING_BYTES = 32 * 2**20
"""Readings held in memory together: a thousand of usual size, or a few with thousands of recipients each."""

_ASKED_AT_ONCE = 100


def keep(documents: Documents, reading: Reading, now: str = "", *, is_unknown: bool = False) -> Reading:
    """Store a reading once, and note that it is not counted yet. Gives the reading that stands from now on.

    `now` (UTC, RFC 3339) dates it for retention; a reading without a date gets one when retention first sees it.
    `is_unknown`: the caller has just looked, so that nobody needs to look again; what was kept meanwhile stands.
    The note is written first: a process that dies in between leaves a note, never a reading that nobody counts.
    """
    stored = None if is_unknown else stored_reading(documents, reading.sha256)
    if stored is not None:
        return stored
    _note(documents, reading.sha256)
    try:
        documents.put(READINGS + reading.sha256, msgspec.json.encode(reading), None, now.encode("ascii"))
    except Conflict:
        other = stored_reading(documents, reading.sha256)
        return reading if other is None else other
    return reading


def _note(documents: Documents, sha256: str) -> None:
    with suppress(Conflict):  # an earlier attempt left the same note
        documents.put(UNCOUNTED + sha256, b"", None)


def stored_reading(documents: Documents, sha256: str) -> Reading | None:
    """Give what this document said, or None where it was never read."""
    found = documents.get(READINGS + sha256)
    return None if found is None else _DECODER.decode(found[0])


def counted_readings(documents: Documents, sha256s: Sequence[str]) -> list[Reading | None]:
    """Give what each of these documents said, where its reports were counted too; None where there is work left."""
    notes = documents.get_many([UNCOUNTED + one for one in sha256s])
    free = [one for one, note in zip(sha256s, notes, strict=True) if note is None]
    found = zip(free, documents.get_many([READINGS + one for one in free]), strict=True)
    known = {one: _DECODER.decode(stored[0]) for one, stored in found if stored is not None}
    return [known.get(one) for one in sha256s]


def uncounted(documents: Documents) -> Iterator[Reading]:
    """Give the readings that a run before this one stored but did not get to count."""
    for listed in documents.list(UNCOUNTED):
        reading = stored_reading(documents, listed.key.removeprefix(UNCOUNTED))
        if reading is not None:
            yield reading


def waiting(documents: Documents, at_once: int) -> Iterator[list[Reading]]:
    """Give what `uncounted` gives, in batches for the committer: at most so many, and no more than memory takes.

    A reading that cannot be decoded is logged and passed over; its note stays, and `triage store audit` names it.
    """
    batch: list[Reading] = []
    size = 0
    for keys in chunks((listed.key for listed in documents.list(UNCOUNTED)), _ASKED_AT_ONCE):
        for found in documents.get_many([READINGS + key.removeprefix(UNCOUNTED) for key in keys]):
            reading = None if found is None else _decoded(found[0])
            if found is None or reading is None:
                continue
            batch.append(reading)
            size += len(found[0])
            if len(batch) >= at_once or size >= WAITING_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _decoded(body: bytes) -> Reading | None:
    try:
        return read_reading(body)
    except msgspec.DecodeError as error:
        structlog.get_logger().error("reading_is_damaged", error=str(error))
        return None


def read_reading(body: bytes) -> Reading:
    """Give the reading that these bytes hold. Raises `msgspec.DecodeError` on bytes that are none."""
    return _DECODER.decode(body)


def chunks(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    """Give the keys in lists of this size, the last one shorter."""
    left = iter(keys)
    while chunk := list(islice(left, size)):
        yield chunk


def bodies(documents: Documents, prefix: str) -> Iterator[tuple[str, bytes]]:
    """Give key and body of each document below a prefix."""
    return ((key, body) for key, body, _ in versions(documents, prefix))


def versions(documents: Documents, prefix: str) -> Iterator[tuple[str, bytes, str]]:
    """Give key, body and tag of each document below a prefix, many asked for at once: where they are far, that is faster."""
    for keys in chunks((listed.key for listed in documents.list(prefix)), _ASKED_AT_ONCE):
        for key, found in zip(keys, documents.get_many(keys), strict=True):
            if found is not None:
                yield key, *found


def counted(documents: Documents, sha256: str) -> None:
    """Note that the reports of this document are in their incidents."""
    documents.delete(UNCOUNTED + sha256)


def readings_of(documents: Documents, reports: Iterator[bytes]) -> Iterator[tuple[Reading, int]]:
    """Give, for packed report keys, the reading and the index of the finding in it."""
    for report in reports:
        prefix = READINGS + report[:16].hex()
        for listed in documents.list(prefix):
            reading = stored_reading(documents, listed.key.removeprefix(READINGS))
            if reading is not None:
                yield reading, int.from_bytes(report[16:], "big")
