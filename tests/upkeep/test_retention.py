"""Raw mail, readings and incidents go when their period is over, in that order; counts and open incidents stay."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from tests.people import resolve
from triage.collect.inbox import FolderInbox
from triage.collect.item import Item
from triage.collect.journal import entry_of, stored_bytes
from triage.group import Documents, InboxActs, MemoryDocuments, incidents, keep
from triage.group.ledger import Ledger
from triage.model import Ends, Observation, Place, Tallied
from triage.pipeline import Parts, read, take_in
from triage.settings import Settings
from triage.upkeep import ContainerMail, FolderMail, Periods, Removed, retain
from triage.wiring import periods_of

NOW = "2026-10-20T12:00:00Z"
DAY_90 = "2027-01-18T12:00:00Z"
"""Exactly 90 days after NOW."""

DAY_91 = "2027-01-19T12:00:00Z"


def keys(documents: Documents, prefix: str) -> list[str]:
    """Give the keys below a prefix."""
    return [one.key for one in documents.list(prefix)]


def counts(documents: Documents) -> list[int]:
    """Give the messages returned of each incident."""
    return sorted(one.counts.returned for one in incidents(documents))


def test_nothing_goes_before_its_time(filled: Documents) -> None:
    """At the very end of a period everything is still there; without periods it stays for ever."""
    before = keys(filled, "")
    all_90 = Periods(raw_days=90, readings_days=90, incidents_days=90)
    assert retain(filled, None, all_90, DAY_90) == Removed()
    assert retain(filled, None, Periods(), "2100-01-01T00:00:00Z") == Removed()
    assert [key for key in keys(filled, "") if not key.startswith("retention/")] == before


def test_readings_go_and_counts_stay(filled: Documents) -> None:
    """Past their period, readings and the journal's entries are removed, and each incident keeps its counts."""
    removed = retain(filled, None, Periods(readings_days=90), DAY_91)
    assert removed == Removed(readings=6, entries=6)
    assert keys(filled, "reading/") + keys(filled, "input/") == []
    assert counts(filled) == [2, 4]
    assert retain(filled, None, Periods(readings_days=90), DAY_91) == Removed()


def test_a_redelivered_message_is_not_counted_again_after_its_reading_went(
    filled: Documents, feed: Callable[..., None], items: list[Item]
) -> None:
    """The incident knows its reports without the readings: the same mail once more changes no count."""
    retain(filled, None, Periods(readings_days=90), DAY_91)
    feed(items, DAY_91)
    assert counts(filled) == [2, 4]


def test_what_is_not_counted_yet_is_kept(documents: Documents, parts: Parts, items: list[Item]) -> None:
    """A reading that waits for the committer stays, however old it is."""
    keep(documents, read(items[0], parts), NOW)
    assert retain(documents, None, Periods(readings_days=1), DAY_91).readings == 0
    assert keys(documents, "reading/") == [f"reading/{items[0].sha256}"]


@pytest.mark.parametrize("entry", [True, False], ids=["with an entry", "without an entry"])
def test_a_reading_without_a_date_gets_one(
    documents: Documents, parts: Parts, items: list[Item], feed: Callable[..., None], entry: bool
) -> None:
    """A reading that says no date goes with its journal entry's; without an entry its period begins when it is seen."""
    feed(items[:1])
    found = documents.get(f"reading/{items[0].sha256}")
    assert found is not None
    documents.put(f"reading/{items[0].sha256}", found[0], found[1])
    if not entry:
        documents.delete(f"input/{items[0].sha256}")
    assert retain(documents, None, Periods(readings_days=90), DAY_91).readings == (1 if entry else 0)
    assert retain(documents, None, Periods(readings_days=90), "2027-05-01T00:00:00Z").readings == (0 if entry else 1)


@pytest.mark.parametrize("headed", [True, False], ids=["with a head", "of an older version"])
def test_kept_bytes_go_with_raw_mail(
    documents: Documents, items: list[Item], feed: Callable[..., None], headed: bool
) -> None:
    """What came through a pipe loses its bytes after the period of raw mail; entry, reading and counts stay."""
    feed([msgspec.structs.replace(items[0], place=Place("-"), streamed=True)])
    if not headed:
        key = f"input/{items[0].sha256}"
        found = documents.get(key)
        assert found is not None
        documents.put(key, found[0], found[1])
    periods = Periods(raw_days=90, readings_days=180)
    assert retain(documents, None, periods, DAY_91) == Removed(kept_bytes=1)
    assert stored_bytes(documents, items[0].sha256) is None
    entry = entry_of(documents, items[0].sha256)
    assert entry is not None
    assert (entry.kept, entry.removed, entry.at) == (False, DAY_91, NOW)
    assert retain(documents, None, periods, DAY_91) == Removed()
    assert retain(documents, None, periods, "2028-01-01T00:00:00Z") == Removed(readings=1, entries=1)


def test_an_entry_whose_bytes_are_kept_outlives_its_reading(
    documents: Documents, items: list[Item], feed: Callable[..., None]
) -> None:
    """Bytes that nobody else has stay as long as raw mail does, whatever goes before."""
    feed([msgspec.structs.replace(items[0], place=Place("-"), streamed=True)])
    assert retain(documents, None, Periods(readings_days=90), DAY_91) == Removed(readings=1)
    assert stored_bytes(documents, items[0].sha256) == items[0].content


def test_raw_mail_in_a_folder_goes_by_its_age(documents: Documents, tmp_path: Path) -> None:
    """Files older than the period are removed; younger ones, hidden ones and folders stay."""
    folder = tmp_path / "inbox" / "a"
    folder.mkdir(parents=True)
    for name, day in (("old.eml", 1), ("young.eml", 20), (".old.eml", 1)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (86400 * day, 86400 * day))
    removed = retain(documents, FolderMail(tmp_path / "inbox"), Periods(raw_days=10), "1970-01-25T00:00:00Z")
    assert removed == Removed(raw=1)
    assert sorted(path.name for path in folder.iterdir()) == [".old.eml", "young.eml"]


@pytest.mark.needs_node
def test_raw_mail_in_the_cloud_goes_by_its_age(
    documents: Documents, azurite: Any, service: Callable[[str], Any]
) -> None:
    """Blobs of the inbox are removed after the period; a container that is not there yet is empty."""
    inbox = service(azurite.connection()).get_container_client("inbox")
    mail = ContainerMail(inbox)
    assert retain(documents, mail, Periods(raw_days=10), NOW) == Removed()
    inbox.create_container()
    inbox.upload_blob("mailbox/2026-10-20/a.eml", b"x")
    created = inbox.get_blob_client("mailbox/2026-10-20/a.eml").get_blob_properties().creation_time
    assert retain(documents, mail, Periods(raw_days=10), created.isoformat()) == Removed()
    years_later = created.replace(year=created.year + 2).isoformat()
    assert retain(documents, mail, Periods(raw_days=10), years_later) == Removed(raw=1)
    assert list(mail.list()) == []


def test_only_an_incident_that_ended_goes(filled: Documents) -> None:
    """A resolved incident goes after its period; an open one stays for ever."""
    small = next(one.id for one in incidents(filled) if one.counts.returned == 2)
    resolve(filled, small, "mended", "2026-11-01T00:00:00Z")
    periods = Periods(readings_days=30, incidents_days=90)
    assert retain(filled, None, periods, "2027-01-29T00:00:00Z").incidents == 0
    assert retain(filled, None, periods, "2027-01-31T00:00:00Z").incidents == 1
    assert counts(filled) == [4]
    assert retain(filled, None, periods, "2099-01-01T00:00:00Z").incidents == 0


def test_an_incident_stays_while_one_of_its_readings_does(
    documents: Documents, feed: Callable[..., None], items: list[Item]
) -> None:
    """An old report that came late keeps its incident: otherwise the next audit would miss it."""
    feed(items[:2])
    (one,) = incidents(documents)
    resolve(documents, one.id, "mended", "2026-11-01T00:00:00Z")
    feed(items[2:3], "2027-01-25T00:00:00Z")
    periods = Periods(readings_days=30, incidents_days=90)
    assert retain(documents, None, periods, "2027-02-10T00:00:00Z") == Removed(readings=2, entries=2)
    assert retain(documents, None, periods, "2027-03-10T00:00:00Z") == Removed(readings=1, entries=1, incidents=1)
    assert keys(documents, "incident/") == []


def test_successes_without_a_trouble_go_too(documents: Documents) -> None:
    """A hop that never failed is remembered no longer than an incident."""
    documents.put("incident/AAAAAAAA", _hop("2026-10-01T00:00:00Z"), None)
    documents.put("incident/BBBBBBBB", _hop("2027-01-01T00:00:00Z"), None)
    assert retain(documents, None, Periods(incidents_days=90), DAY_91).incidents == 1
    assert keys(documents, "incident/") == ["incident/BBBBBBBB"]


def _hop(last: str) -> bytes:
    seen = Observation(source="received", action="relayed", impact="none")
    tallied = Tallied(observation=seen, diagnosis=None, count=1, first=last, last=last)
    return Ledger(id="X", family="session", ends=Ends(), tallies={"a": tallied}).encode()


def test_an_incident_that_lives_again_meanwhile_stays(
    documents: Documents, feed: Callable[..., None], items: list[Item]
) -> None:
    """A failure that is counted while retention looks keeps the incident: it is removed in the version seen, or not."""
    feed(items[:1])
    (one,) = incidents(documents)
    resolve(documents, one.id, "mended", "2026-11-01T00:00:00Z")

    class Interrupted(MemoryDocuments):
        """The same documents, in which something is counted just before the incident is removed."""

        def __init__(self) -> None:
            super().__init__(documents, ("",))

        def get(self, key: str) -> tuple[bytes, str] | None:
            return documents.get(key)

        def put(self, *arguments: Any) -> str:
            return documents.put(*arguments)

        def list(self, prefix: str) -> Iterator[Any]:
            return documents.list(prefix)

        def delete(self, key: str, if_match: str | None = None) -> None:
            if key.startswith("incident/"):
                feed(items[1:2], DAY_91)
            documents.delete(key, if_match)

    removed = retain(Interrupted(), None, Periods(readings_days=30, incidents_days=60), DAY_91)
    assert removed.incidents == 0
    assert counts(documents) == [2]


class Stopping(MemoryDocuments):
    """Documents whose process ends after so many writes."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Write, and end if it is time."""
        tag = super().put(key, body, if_match, head)
        self._count()
        return tag

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Remove, and end if it is time."""
        super().delete(key, if_match)
        self._count()


def test_retention_that_was_interrupted_anywhere_is_completed_by_the_next(parts: Parts, items: list[Item]) -> None:
    """Stopped after any write and run again, it leaves what an uninterrupted run leaves."""

    def run(stop_after: int) -> tuple[list[tuple[str, bytes]], bool]:
        documents = Stopping()
        piped = [msgspec.structs.replace(items[0], place=Place("-"), streamed=True), *items[1:]]
        for _ in take_in(piped, documents, parts, NOW):
            pass
        for one in list(incidents(documents)):
            resolve(documents, one.id, "mended", NOW)
        periods = Periods(raw_days=10, readings_days=20, incidents_days=30)
        documents.left = stop_after
        try:
            retain(documents, None, periods, DAY_91)
            stopped = False
        except KeyboardInterrupt:
            stopped = True
        documents.left = -1
        retain(documents, None, periods, DAY_91)
        return [(one.key, documents.get(one.key)[0]) for one in documents.list("")], stopped  # type: ignore[index]

    expected, _ = run(0)
    assert [key for key, _ in expected] == ["names/joined", "names/seen", "retention/readings"]
    at = 0
    while True:
        at += 1
        left, stopped = run(at)
        assert left == expected, f"stopped after write {at}"
        if not stopped:
            break
    assert at > 14


def test_the_periods_come_from_the_settings() -> None:
    """Days are days, "forever" is no period, and the defaults let readings go before incidents."""
    assert periods_of(Settings()) == Periods(raw_days=90, readings_days=180, incidents_days=730)
    some = Settings(retention={"raw_days": "forever", "readings_days": 30, "incidents_days": 30})
    assert periods_of(some) == Periods(raw_days=None, readings_days=30, incidents_days=30)


@pytest.mark.parametrize(
    "retention", [{"incidents_days": 100}, {"readings_days": "forever"}, {"raw_days": 0}, {"raw_days": "never"}]
)
def test_periods_that_make_no_sense_are_refused(retention: dict[str, Any]) -> None:
    """Readings that would outlive their incidents, no days at all, and unknown words are settings errors."""
    with pytest.raises(ValidationError):
        Settings(retention=retention)


def test_a_damaged_entry_stops_nobody(filled: Documents, items: list[Item]) -> None:
    """An entry that cannot be read stays for the export to show; all others go."""
    filled.put("input/" + "0" * 64, b"{", None)
    removed = retain(filled, None, Periods(raw_days=10, readings_days=20), DAY_91)
    assert removed == Removed(readings=6, entries=6)
    assert keys(filled, "input/") == ["input/" + "0" * 64]


def test_what_people_did_stays_as_long_as_incidents_do(filled: Documents, tmp_path: Path) -> None:
    """Acts outlive raw mail in the inbox and in the store, and go with the period of incidents."""
    inbox = FolderInbox(tmp_path / "inbox")
    one = next(incidents(filled))
    resolve(filled, one.id, "mended", NOW)
    resolve(filled, one.id, "mended", NOW, journal=InboxActs(inbox))
    inbox.put("mailbox/1.eml", b"Subject: x\r\n\r\n")
    for path in (tmp_path / "inbox").rglob("*"):
        os.utime(path, (0, 0))
    mail = FolderMail(tmp_path / "inbox")
    assert retain(filled, mail, Periods(raw_days=1, readings_days=1), DAY_91).raw == 1
    assert [len(list(inbox.list("acts/"))), len(keys(filled, "act/"))] == [1, 1]
    retain(filled, mail, Periods(incidents_days=90), DAY_91)
    assert [len(list(inbox.list("acts/"))), len(keys(filled, "act/"))] == [0, 0]
