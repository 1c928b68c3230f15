"""One input document, what was read in it and what was concluded at first: written once, kept beside the bytes."""

import msgspec

from triage.model.diagnosis import Diagnosis
from triage.model.observation import Observation
from triage.model.words import Kind, What


class Place(msgspec.Struct, frozen=True):
    """Where a document came from: a path ("mail.zip!new/1.eml", "-" for standard input) and its index there."""

    path: str
    index: int = 0


class Finding(msgspec.Struct, frozen=True):
    """An observation and the diagnosis made of it; None for a success. `members` as in `Document`."""

    observation: Observation
    diagnosis: Diagnosis | None = None
    members: bytes = b""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer to "what does this document say": the line that `triage diagnose --json` prints.

    `sha256` is the digest of the document's own bytes, in hex: with the index of a finding it is the key
    of a report, counted once however often the report is delivered.
    """

    source: Place
    sha256: str
    kind: Kind
    what: What | None = None
    error: str | None = None
    suppressed: dict[str, int] = {}
    findings: tuple[Finding, ...] = ()
