"""Everything can be rebuilt from the journal: the same incidents and counts in a new store."""

import gzip
import hashlib
import itertools
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.decode.protocol_log.conftest import log_of
from tests.intake.conftest import rows_of_many
from tests.people import resolve
from triage.cloud.intake import Intake, take_in_blob
from triage.cloud.storage import AzureBlob
from triage.collect.files import walk
from triage.collect.inbox import FolderInbox
from triage.collect.item import Item
from triage.collect.journal import entry_of, stored_bytes
from triage.collect.limits import MIB
from triage.decode import LogReader
from triage.errors import Misconfigured, NotFound
from triage.group import (
    BlobDocuments,
    DocumentActs,
    Documents,
    InboxActs,
    SqliteDocuments,
    act_on,
    age,
    incidents,
    notices_of,
    uncounted,
)
from triage.intake import inputs
from triage.model import ActKind, Place
from triage.model.wire import incident_json
from triage.pipeline import Parts, count, settle, take_in
from triage.settings import Settings
from triage.upkeep import ContainerMail, FolderMail, Missing, Periods, from_entries, from_raw, rebuild, retain
from triage.wiring import lifetimes_of

NOW = "2026-10-20T12:00:00Z"
LATER = "2027-10-20T12:00:00Z"


@pytest.fixture
def new(tmp_path: Path) -> Iterator[SqliteDocuments]:
    """Give an empty store to rebuild into."""
    with SqliteDocuments(tmp_path / "new.sqlite") as opened:
        yield opened


def outcome(documents: Documents) -> list[dict[str, Any]]:
    """Give the incidents as of one time, without what tells when and in how many steps the reports came."""
    found = incidents(documents, LATER, lifetimes_of(Settings()))
    return [{**incident_json(one), "changes": None, "quiet_since": None} for one in found]


def rebuilt(documents: Documents, old: Documents, parts: Parts) -> list[Missing]:
    """Rebuild from a store's entries; give what is missing."""
    missing: list[Missing] = []
    for _ in rebuild(documents, from_entries(old, missing), parts):
        pass
    return missing


@pytest.fixture
def mail(items: list[Item], tmp_path: Path) -> Path:
    """Write the six bounces as people keep them: a file, a zip, an mbox, a packed file, and one to be piped."""
    folder = tmp_path / "mail!old"
    folder.mkdir()
    (folder / "0.eml").write_bytes(items[0].content)
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        archive.writestr("in/1.eml", items[1].content)
        archive.writestr("in/2.eml", items[2].content)
    (folder / "some.mbox").write_bytes(b"From x Tue Oct 20 09:14:11 2026\n" + items[3].content.replace(b"\r\n", b"\n"))
    (folder / "4.eml.gz").write_bytes(gzip.compress(items[4].content))
    return folder


@pytest.fixture
def fed(documents: Documents, feed: Callable[..., None], mail: Path, items: list[Item]) -> Documents:
    """Give the store after the folder was read, and then the sixth bounce from standard input."""
    feed(list(walk([str(mail)])))
    feed([msgspec.structs.replace(items[5], place=Place("-"), streamed=True)], LATER)
    assert sum(one["counts"]["returned"] for one in outcome(documents)) == 6
    return documents


def test_a_store_is_rebuilt_from_its_journal(fed: Documents, new: Documents, parts: Parts) -> None:
    """Files, members of archives, messages of an mbox and piped bytes give the same incidents again."""
    assert rebuilt(new, fed, parts) == []
    assert outcome(new) == outcome(fed)
    assert list(new.list("rebuild/")) == []
    assert list(new.list("uncounted/")) == []


def test_the_journal_of_the_new_store_is_the_old_one(
    fed: Documents, new: Documents, parts: Parts, items: list[Item]
) -> None:
    """Every entry keeps its place and date, and kept bytes are kept again: the new store can be rebuilt too."""
    rebuilt(new, fed, parts)
    for listed in fed.list("input/"):
        sha256 = listed.key.removeprefix("input/")
        assert entry_of(new, sha256) == entry_of(fed, sha256)
    assert stored_bytes(new, items[5].sha256) == items[5].content
    piped = entry_of(new, items[5].sha256)
    assert piped is not None
    assert piped.at == LATER


def test_what_is_gone_or_changed_is_named(
    fed: Documents, new: Documents, parts: Parts, mail: Path, items: list[Item]
) -> None:
    """Each input that is not there any more is named with the reason, and the rest is rebuilt."""
    (mail / "some.zip").unlink()
    (mail / "0.eml").write_bytes(b"Subject: another\r\n\r\n")
    retain(fed, None, Periods(raw_days=1), "2027-12-31T00:00:00Z")
    missing = {one.path.removeprefix(f"{mail}/"): one.why for one in rebuilt(new, fed, parts)}
    assert missing == {
        "0.eml": "the file has other bytes now",
        "some.zip!in/1.eml": "there is no such file here",
        "some.zip!in/2.eml": "there is no such file here",
        "-": "its bytes were removed by retention on 2027-12-31",
    }
    assert sum(one["counts"]["returned"] for one in outcome(new)) == 2


def test_a_damaged_entry_is_named(fed: Documents, new: Documents, parts: Parts) -> None:
    """An entry that cannot be read stops nothing and is not passed over in silence."""
    fed.put("input/" + "0" * 64, b"{", None)
    assert [(one.sha256, one.why) for one in rebuilt(new, fed, parts)] == [("0" * 64, "its journal entry is damaged")]
    assert outcome(new) == outcome(fed)


@pytest.mark.parametrize("done", [0, 1, 4])
def test_a_rebuild_that_was_interrupted_goes_on(fed: Documents, new: Documents, parts: Parts, done: int) -> None:
    """The same command after an interruption completes the store, as if there had been none."""
    list(itertools.islice(rebuild(new, from_entries(fed, []), parts), done))
    rebuilt(new, fed, parts)
    assert outcome(new) == outcome(fed)


def test_a_store_in_use_is_not_rebuilt_into(fed: Documents, new: Documents, parts: Parts) -> None:
    """A store with documents is refused, and left as it is."""
    rebuilt(new, fed, parts)
    before = [(one.key, one.tag) for one in new.list("")]
    with pytest.raises(Misconfigured, match="not empty"):
        rebuilt(new, fed, parts)
    assert [(one.key, one.tag) for one in new.list("")] == before


@pytest.mark.needs_node
def test_a_cloud_store_is_rebuilt_from_its_inbox(
    filled: Documents, parts: Parts, items: list[Item], azurite: Any, service: Callable[[str], Any]
) -> None:
    """The raw mail of the container alone gives the incidents again, dated as it arrived."""
    account = service(azurite.connection())
    inbox = account.create_container("inbox")
    for number, item in enumerate(items):
        inbox.upload_blob(f"mailbox/2026-10-20/{number}.eml", item.content)
    inbox.upload_blob("drop/all again.mbox.gz", gzip.compress(items[0].content))
    again = BlobDocuments(account.get_container_client("store"))
    for _ in rebuild(again, from_raw(ContainerMail(inbox)), parts):
        pass
    assert outcome(again) == outcome(filled)
    entry = entry_of(again, items[3].sha256)
    assert entry is not None
    assert entry.path == "inbox/mailbox/2026-10-20/3.eml"
    created = inbox.get_blob_client("mailbox/2026-10-20/0.eml").get_blob_properties().creation_time
    assert entry.at[:10] == created.strftime("%Y-%m-%d")


def test_a_folder_of_raw_mail_is_an_inbox(
    filled: Documents, new: Documents, parts: Parts, items: list[Item], tmp_path: Path
) -> None:
    """A folder is read as the container is; hidden files in it are nobody's mail."""
    folder = tmp_path / "inbox" / "mailbox"
    folder.mkdir(parents=True)
    for number, item in enumerate(items):
        (folder / f"{number}.eml").write_bytes(item.content)
    (folder / ".3.eml.part").write_bytes(b"half")
    for _ in rebuild(new, from_raw(FolderMail(tmp_path / "inbox")), parts):
        pass
    assert outcome(new) == outcome(filled)
    assert len(list(new.list("reading/"))) == 6


def test_an_inbox_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A folder that does not exist is an error; a container that nobody wrote to yet is empty."""
    with pytest.raises(NotFound, match="no folder"):
        FolderMail(tmp_path / "nowhere")


def test_mail_that_goes_while_it_is_read_is_named(new: Documents, parts: Parts, tmp_path: Path) -> None:
    """An input that was listed and is gone when it is opened becomes an unreadable record."""

    class Going(FolderMail):
        def open(self, name: str) -> Any:
            (tmp_path / name).unlink()
            return super().open(name)

    (tmp_path / "a.eml").write_bytes(b"Subject: x\r\n\r\n")
    readings = [reading for reading, _ in rebuild(new, from_raw(Going(tmp_path)), parts)]
    assert [(one.kind, "a.eml" in (one.error or "")) for one in readings if one.source.path.endswith("a.eml")] == [
        ("unreadable", True)
    ]


# ---- what people did


def act(documents: Documents, kind: ActKind, at: str, **changes: Any) -> str:
    """Let Ana do something to the largest incident, and give its id."""
    incident = max(incidents(documents), key=lambda one: one.counts.returned)
    act_on(documents, incident.id, kind, "Ana", at, **changes)
    return incident.id


def standing(documents: Documents, at: str = LATER) -> list[dict[str, Any]]:
    """Give all that people did and how things stand, with each change: kind, time and text."""
    return [incident_json(one) for one in incidents(documents, at, lifetimes_of(Settings()))]


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("blobs", marks=pytest.mark.needs_node)])
def test_a_rebuilt_store_stands_as_the_old_one_stood(
    engine: str, new: SqliteDocuments, parts: Parts, mail: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Acknowledged, silenced, resolved, back again: states, names, times and every change are as they were."""
    with SqliteDocuments(tmp_path / "old.sqlite") as sqlite:
        old: Documents = BlobDocuments(request.getfixturevalue("container")) if engine == "blobs" else sqlite
        list(take_in(walk([str(mail / "0.eml"), str(mail / "some.zip")]), old, parts, NOW))
        incident = act(old, "acknowledge", "2026-10-20T13:00:00Z", until="2026-10-20T20:00:00Z")
        act(old, "silence", "2026-10-20T14:00:00Z", until="2026-10-21T14:00:00Z", text="works on it")
        age(old, "2026-10-21T08:00:00Z", parts.periods)
        act(old, "resolve", "2026-10-21T09:00:00Z", text="updated")
        list(take_in(walk([str(mail / "some.mbox")]), old, parts, "2026-10-21T10:00:00Z"))
        act(old, "acknowledge", "2026-10-21T11:00:00Z", until="2026-11-21T11:00:00Z")
        act(old, "unsilence", "2026-10-21T12:00:00Z")
        assert rebuilt(new, old, parts) == []
        at = "2026-10-22T00:00:00Z"
        assert standing(new, at) == standing(old, at)
        (again,) = [one for one in incidents(new) if one.id == incident]
        assert again.acknowledged_by == "Ana"
        assert [one.kind for one in again.changes] == (
            ["opened", "acknowledged", "silenced", "acknowledgement-ended", "resolved", "acknowledged", "silence-ended"]
        )
        assert list(DocumentActs(new).acts()) == list(DocumentActs(old).acts())


def test_an_interrupted_rebuild_does_each_act_once(fed: Documents, new: Documents, parts: Parts) -> None:
    """What was done before the interruption is not done again by the next run."""
    act(fed, "acknowledge", NOW)
    act(fed, "resolve", LATER, text="mended")
    for done in (1, 4):
        list(itertools.islice(rebuild(new, from_entries(fed, []), parts), done))
    rebuilt(new, fed, parts)
    assert [[one["kind"] for one in found["changes"]] for found in standing(new)] == [
        [one["kind"] for one in found["changes"]] for found in standing(fed)
    ]


def test_an_act_without_its_incident_is_named(fed: Documents, new: Documents, parts: Parts, mail: Path) -> None:
    """Where the inputs of an incident are gone, what was done to it is told as missing."""
    incident = act(fed, "resolve", LATER, text="mended")
    for path in mail.iterdir():
        path.unlink()
    retain(fed, None, Periods(raw_days=1), "2027-12-31T00:00:00Z")
    missing: list[Missing] = []
    for _ in rebuild(new, from_entries(fed, []), parts, missing=missing):
        pass
    (lost,) = missing
    assert (lost.path, incident in lost.why) == (f"resolve by Ana at {LATER}", True)


def test_a_copied_inbox_whose_dates_are_lost_has_its_acts_all_the_same(
    filled: Documents, new: Documents, parts: Parts, items: list[Item], tmp_path: Path
) -> None:
    """Acts that are older than every file of a folder are done when all is read; a damaged one is named."""
    inbox = FolderInbox(tmp_path / "inbox")
    journal = InboxActs(inbox)
    largest = max(incidents(filled), key=lambda one: one.counts.returned)
    resolve(filled, largest.id, "mended", "2026-10-20T13:00:00Z", journal=journal)
    for number, item in enumerate(items):
        inbox.put(f"mailbox/{number}.eml", item.content)
    inbox.put("acts/2026-10-20/x.json", b"{")
    readings = [reading for reading, _ in rebuild(new, from_raw(FolderMail(tmp_path / "inbox")), parts, journal)]
    assert [one.source.path.endswith("acts/2026-10-20/x.json") for one in readings if one.kind == "unreadable"] == [
        True
    ]
    assert outcome(new) == outcome(filled)
    assert [one.state for one in incidents(new) if one.id == largest.id] == ["resolved"]
    assert list(new.list("act/")) == []


def test_a_rebuild_tells_nobody(fed: Documents, new: Documents, parts: Parts) -> None:
    """Who was told of what is not in the journal, so nothing is told a second time."""
    loud = msgspec.structs.replace(parts, route=lambda _facts, _kind: ("webhook",))
    rebuilt(new, fed, loud)
    assert list(notices_of(new)) == []


# ---- large logs


@pytest.fixture(scope="module")
def large_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Send log of more than 50 MB, of whose sessions a third fail."""
    path = tmp_path_factory.mktemp("large") / "SEND2026101809-1.LOG"
    block = ("\r\n".join(rows_of_many(300, peers=40, seconds=0.2)) + "\r\n").encode()
    with path.open("wb") as file:
        file.write(log_of())
        number = 0
        while file.tell() <= 51 * MIB:
            file.write(block.replace(b"08D92C6B", b"08D9%04X" % number))
            number += 1
    return path


@pytest.mark.needs_node
def test_a_log_past_the_bound_of_a_document_is_rebuilt_as_it_was_read(
    large_log: Path, new: SqliteDocuments, parts: Parts, azurite: Any, service: Callable[[str], Any], tmp_path: Path
) -> None:
    """Read in ranges from the container: the digest, the reading and the counts that the cloud's intake gave."""
    account = service(azurite.connection())
    inbox = account.create_container("inbox")
    with large_log.open("rb") as file:
        inbox.upload_blob("logs/SEND2026101809-1.LOG", file)
    properties = inbox.get_blob_client("logs/SEND2026101809-1.LOG").get_blob_properties()
    blob = AzureBlob(inbox.get_blob_client("logs/SEND2026101809-1.LOG"), properties.size, properties.etag)
    with SqliteDocuments(tmp_path / "old.sqlite") as old:
        assert take_in_blob(blob, Intake(documents=old, parts=parts, begin_log=LogReader, now=lambda: NOW))
        count(old, list(uncounted(old)), parts, NOW)
        settle(old, parts, NOW)
        readings = [reading for reading, _ in rebuild(new, from_raw(ContainerMail(inbox)), parts)]
        assert [one.kind for one in readings] == ["protocol-log"]
        (known,) = [one.key for one in old.list("reading/")]
        assert readings[0].sha256 == known.removeprefix("reading/") == _sha256(large_log)
        assert outcome(new) == outcome(old)
        assert sum(one["counts"]["sessions"] for one in outcome(new)) > 8_000


def test_a_large_log_of_a_laptop_is_rebuilt_from_where_it_lies(
    large_log: Path, new: SqliteDocuments, parts: Parts, tmp_path: Path
) -> None:
    """A store's entry leads to the file, which is read in pieces: the same counts, nothing missing."""
    with SqliteDocuments(tmp_path / "old.sqlite") as old:
        list(take_in(inputs([str(large_log)]), old, parts, NOW))
        assert rebuilt(new, old, parts) == []
        assert outcome(new) == outcome(old)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
