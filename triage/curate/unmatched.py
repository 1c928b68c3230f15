"""Replies that no rule matches, those of one shape together, the most frequent first."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec

from triage.curate.mask import masked
from triage.diagnose import Rulebook, diagnose
from triage.group import Documents
from triage.group.readings import READINGS, bodies, read_reading
from triage.hosts import Hosts
from triage.model import Observation, Reading

MAX_CLUSTERS = 20_000
"""Shapes that are kept apart; what comes after them is counted together, as the rest."""


class Cluster(msgspec.Struct, kw_only=True):
    """Replies of one shape: `mask` is the text with marks for what differs; `count` says how often it was read.

    `reply_code` and `status` are the same in all of them. `inputs` are up to three of the documents, to look at.
    """

    mask: str
    reply_code: int | None = None
    status: str | None = None
    count: int = 0
    inputs: list[str] = msgspec.field(default_factory=list)
    first_seen: str | None = None
    last_seen: str | None = None


class Unmatched(msgspec.Struct, kw_only=True):
    """All shapes, the most frequent first; of how many failures in all; and how many had no text or came too late."""

    clusters: list[Cluster]
    failures: int = 0
    without_text: int = 0
    rest: int = 0


def unmatched(readings: Iterable[Reading], rulebook: Rulebook, hosts: Hosts) -> Unmatched:
    """Gather what no rule matches. Readings of a store are diagnosed again, for the rules may have grown since."""
    found: dict[tuple[int | None, str | None, str], Cluster] = {}
    out = Unmatched(clusters=[])
    for reading in readings:
        for finding in reading.findings:
            if finding.diagnosis is None:
                continue
            out.failures += 1
            seen = finding.observation
            if finding.diagnosis.category != "unclassified" or not _is_open(seen, rulebook, hosts):
                continue
            _add(out, found, seen, reading)
    out.clusters = sorted(found.values(), key=lambda one: (-one.count, one.mask))
    return out


def _add(
    out: Unmatched, found: dict[tuple[int | None, str | None, str], Cluster], seen: Observation, reading: Reading
) -> None:
    mask = masked(seen.diagnostic or "")
    if not mask:
        out.without_text += 1
        return
    key = (seen.reply_code, seen.status, mask)
    if key not in found and len(found) >= MAX_CLUSTERS:
        out.rest += 1
        return
    one = found.setdefault(key, Cluster(mask=mask, reply_code=seen.reply_code, status=seen.status))
    one.count += 1
    place = reading.source.path if not reading.source.index else f"{reading.source.path} [{reading.source.index}]"
    if len(one.inputs) < 3 and place not in one.inputs:
        one.inputs.append(place)
    if seen.time is not None:
        one.first_seen = min(one.first_seen or seen.time, seen.time)
        one.last_seen = max(one.last_seen or seen.time, seen.time)


def _is_open(seen: Observation, rulebook: Rulebook, hosts: Hosts) -> bool:
    diagnosis = diagnose(seen, rulebook, hosts)
    return diagnosis is not None and diagnosis.category == "unclassified"


def stored_readings(documents: Documents) -> Iterator[Reading]:
    """Give every reading of a store; one that is damaged is passed over, `triage store audit` names it."""
    for _, body in bodies(documents, READINGS):
        with suppress(msgspec.DecodeError):
            yield read_reading(body)
