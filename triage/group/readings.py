"""What each input said: one small document beside its raw bytes, written once, and the list of what is not counted yet.

The first reading stays: new rules must not count a redelivered report a second time in another incident.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from triage.errors import Conflict
from triage.group.documents import Documents
from triage.model import Reading

READINGS = "reading/"
UNCOUNTED = "uncounted/"
_DECODER = msgspec.json.Decoder(Reading)


def keep(documents: Documents, reading: Reading) -> Reading:
    """Store a reading once, and note that it is not counted yet. Gives the reading that stands from now on.

    The note is written first: a process that dies in between leaves a note, never a reading that nobody counts.
    """
    stored = stored_reading(documents, reading.sha256)
    if stored is not None:
        return stored
    _note(documents, reading.sha256)
    try:
        documents.put(READINGS + reading.sha256, msgspec.json.encode(reading), None)
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


def counted_reading(documents: Documents, sha256: str) -> Reading | None:
    """Give what this document said, where its reports were counted too; None where there is work left."""
    return stored_reading(documents, sha256) if documents.get(UNCOUNTED + sha256) is None else None


def uncounted(documents: Documents) -> Iterator[Reading]:
    """Give the readings that a run before this one stored but did not get to count."""
    for listed in documents.list(UNCOUNTED):
        reading = stored_reading(documents, listed.key.removeprefix(UNCOUNTED))
        if reading is not None:
            yield reading


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
