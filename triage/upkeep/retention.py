"""What is kept how long: raw mail, what was read in it, and incidents, each with its own period.

Counts outlive what they were counted from. Each step can be repeated, and a process that is killed in the middle leaves
nothing that the next one would not finish. What goes first is what depends on the rest: mail, then readings, then an
incident whose readings are all gone, then what is known of its ticket.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from triage.collect.journal import INPUTS, Entry, Head, decoded, encoded, head_of
from triage.errors import Conflict
from triage.group import Documents, Listed
from triage.group.acts import ACTS, INBOX_ACTS
from triage.group.ledger import REPORT, Ledger, read_ledger
from triage.group.packed import DIGEST, split
from triage.group.readings import READINGS, UNCOUNTED, chunks
from triage.group.silences import remove_silences
from triage.group.stored import INCIDENTS
from triage.upkeep.raw import RawMail
from triage.upkeep.tickets import remove_tickets

DONE = "retention/readings"
"""The document that says up to which day readings were removed: the audit must tell a removed one from a lost one."""

_AT_ONCE = 250


class Periods(msgspec.Struct, frozen=True, kw_only=True):
    """Days that things are kept; None keeps them for ever."""

    raw_days: int | None = None
    readings_days: int | None = None
    incidents_days: int | None = None


class Removed(msgspec.Struct, kw_only=True):
    """What a run removed: raw inputs, bytes kept in the journal, its entries, readings, incidents, rows of tickets."""

    raw: int = 0
    kept_bytes: int = 0
    entries: int = 0
    readings: int = 0
    incidents: int = 0
    tickets: int = 0


class _Done(msgspec.Struct, frozen=True):
    before: str


def retain(documents: Documents, inbox: RawMail | None, periods: Periods, now: str) -> Removed:
    """Remove what is older than its period at `now` (UTC, RFC 3339), and tell how much that was.

    An open incident is never removed, nor a reading that is not counted yet. Idempotent.
    """
    removed = Removed()
    if periods.raw_days is not None:
        before = _days_before(now, periods.raw_days)
        removed.raw = _remove_raw(inbox, before)
        removed.kept_bytes = _remove_kept_bytes(documents, before, now)
    if periods.readings_days is not None:
        before = _days_before(now, periods.readings_days)
        _note_done(documents, before)
        removed.readings = _remove_readings(documents, before, now)
        removed.entries = _remove_entries(documents, before)
    if periods.incidents_days is not None:
        before = _days_before(now, periods.incidents_days)
        removed.incidents = _remove_incidents(documents, before)
        removed.tickets = remove_tickets(documents)
        _remove_acts(documents, inbox, before)
        remove_silences(documents, before, now)
    return removed


def readings_removed_before(documents: Documents) -> str | None:
    """Give the time before which readings may have been removed; None where none ever were."""
    found = documents.get(DONE)
    return None if found is None else msgspec.json.decode(found[0], type=_Done).before


def _days_before(now: str, days: int) -> str:
    time = datetime.fromisoformat(now).astimezone(UTC) - timedelta(days=days)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- raw mail


def _remove_raw(inbox: RawMail | None, before: str) -> int:
    if inbox is None:
        return 0
    count = 0
    for raw in inbox.list():
        if raw.at < before and not raw.name.startswith(INBOX_ACTS):
            inbox.delete(raw.name)
            count += 1
    return count


def _remove_kept_bytes(documents: Documents, before: str, now: str) -> int:
    """Take the bytes out of journal entries that hold them; the entry itself stays."""
    count = 0
    for listed in documents.list(INPUTS):
        head = head_of(listed.head)
        if head is not None and (not head.kept or head.at >= before):
            continue
        found = _entry(documents, listed.key)
        if found is None:
            continue
        entry, tag = found
        if entry.kept and entry.at < before:
            without = msgspec.structs.replace(entry, kept=False, removed=now)
            try:
                documents.put(*encoded(without, b"", tag))
            except Conflict:
                continue  # somebody else just did the same
            count += 1
    return count


def _entry(documents: Documents, key: str) -> tuple[Entry, str] | None:
    found = documents.get(key)
    if found is None:
        return None
    try:
        return decoded(found[0])[0], found[1]
    except msgspec.DecodeError:
        return None  # `triage store export` shows it


def _remove_acts(documents: Documents, inbox: RawMail | None, before: str) -> None:
    """Remove what people did so long ago, by the day in the names: acts stay as long as what they were done to."""
    for listed in list(documents.list(ACTS)):
        if listed.key.removeprefix(ACTS)[:10] < before[:10]:
            documents.delete(listed.key)
    if inbox is None:
        return
    for raw in inbox.list(INBOX_ACTS):
        if raw.name.removeprefix(INBOX_ACTS)[:10] < before[:10]:
            inbox.delete(raw.name)


# ---- readings


def _note_done(documents: Documents, before: str) -> None:
    """Write down, before anything goes, up to when readings are removed; never an earlier time than once was."""
    while True:
        found = documents.get(DONE)
        if found is not None and msgspec.json.decode(found[0], type=_Done).before >= before:
            return
        try:
            documents.put(DONE, msgspec.json.encode(_Done(before)), None if found is None else found[1])
        except Conflict:
            continue  # another run: perhaps a later one
        return


def _remove_readings(documents: Documents, before: str, now: str) -> int:
    waiting = {listed.key.removeprefix(UNCOUNTED) for listed in documents.list(UNCOUNTED)}
    old = _old_readings(documents, before, now)
    return _remove(documents, (key for key in old if key.removeprefix(READINGS) not in waiting))


def _old_readings(documents: Documents, before: str, now: str) -> Iterator[str]:
    for listed in documents.list(READINGS):
        at = listed.head.decode("ascii", "replace") or _date(documents, listed, now)
        if at < before:
            yield listed.key


def _date(documents: Documents, reading: Listed, now: str) -> str:
    """Give the date of a reading that has none: its journal entry's; without an entry its time begins now."""
    found = _entry(documents, INPUTS + reading.key.removeprefix(READINGS))
    if found is not None:
        return found[0].at
    body = documents.get(reading.key)
    if body is not None and body[1] == reading.tag:
        try:
            documents.put(reading.key, body[0], reading.tag, now.encode("ascii"))
        except Conflict:
            return now
    return now


def _remove_entries(documents: Documents, before: str) -> int:
    """Remove entries without bytes: nothing can be rebuilt from them that would be kept."""
    return _remove(documents, (key for key, head in _entry_heads(documents) if head.at < before and not head.kept))


def _entry_heads(documents: Documents) -> Iterator[tuple[str, Head]]:
    for listed in documents.list(INPUTS):
        head = head_of(listed.head)
        if head is None:
            found = _entry(documents, listed.key)
            head = None if found is None else Head(at=found[0].at, kept=found[0].kept)
        if head is not None:
            yield listed.key, head


def _remove(documents: Documents, keys: Iterable[str]) -> int:
    count = 0
    for some in chunks(keys, _AT_ONCE):
        with documents.batch():
            for key in some:
                documents.delete(key)
        count += len(some)
    return count


# ---- incidents


def _remove_incidents(documents: Documents, before: str) -> int:
    """Remove incidents that ended so long ago, each only in the version that was looked at."""
    ended = dict(_ended(documents, before))
    with_readings = _sources(documents, {source for _, sources in ended.values() for source in sources})
    count = 0
    for key, (tag, sources) in ended.items():
        if sources & with_readings:
            continue
        try:
            documents.delete(key, tag)
        except Conflict:
            continue  # it lives again
        count += 1
    return count


def _ended(documents: Documents, before: str) -> Iterator[tuple[str, tuple[str, set[bytes]]]]:
    """Give incidents that ended before that time: the key, the version, the beginnings of their inputs' digests."""
    for listed in documents.list(INCIDENTS):
        found = documents.get(listed.key) if _may_have_ended(listed.head, before) else None
        if found is None:
            continue
        ledger = read_ledger(found[0])
        if _ended_before(ledger, before):
            sources = {report[:DIGEST] for report in split(ledger.reports, REPORT)}
            yield listed.key, (found[1], sources)


class _Shown(msgspec.Struct):
    resolved_at: str | None = None
    size: int = 0


def _may_have_ended(head: bytes, before: str) -> bool:
    """Tell from the listing alone; a ledger that holds no message may be no incident at all."""
    try:
        shown = msgspec.json.decode(head, type=_Shown)
    except msgspec.DecodeError:
        return True
    return shown.size == 0 or (shown.resolved_at is not None and shown.resolved_at < before)


def _ended_before(ledger: Ledger, before: str) -> bool:
    if ledger.is_incident:
        is_over = ledger.resolved_at is not None and max(ledger.resolved_at, ledger.last_seen or "") < before
        return is_over and not ledger.pending  # who has not been told yet must be told first
    # Successes between two ends that never had a trouble.
    return bool(ledger.tallies) and all((one.last or "~") < before for one in ledger.tallies.values())


def _sources(documents: Documents, wanted: set[bytes]) -> set[bytes]:
    """Give which of these inputs still have a reading."""
    if not wanted:
        return set()
    beginnings = (bytes.fromhex(listed.key.removeprefix(READINGS))[:DIGEST] for listed in documents.list(READINGS))
    return {one for one in beginnings if one in wanted}
