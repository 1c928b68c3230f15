"""Everything can be rebuilt from the journal: the same incidents and counts in a new store."""

import gzip
import itertools
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from triage.collect.files import walk
from triage.collect.item import Item
from triage.collect.journal import entry_of, stored_bytes
from triage.errors import Misconfigured, NotFound
from triage.group import BlobDocuments, Documents, SqliteDocuments, incidents
from triage.model import Place
from triage.model.wire import incident_json
from triage.pipeline import Parts
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
