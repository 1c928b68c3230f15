"""The inbox keeps each input once, whole, for good: in a folder and in a container, with the same behaviour."""

import multiprocessing
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from triage.collect.inbox import BlobInbox, FolderInbox, Inbox
from triage.errors import BadInput, Misconfigured, Transient

NAME = "mailbox/2026-10-20/aa.eml"
AT_ONCE = 8


@pytest.fixture(params=["folder", pytest.param("blobs", marks=pytest.mark.needs_node)])
def inbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Inbox]:
    """Give an empty inbox of each kind."""
    if request.param == "folder":
        yield FolderInbox(tmp_path / "inbox")
        return
    from azure.storage.blob import ContainerClient

    connection = request.getfixturevalue("azurite")
    with ContainerClient.from_connection_string(connection, f"inbox-{secrets.token_hex(6)}") as container:
        container.create_container()
        yield BlobInbox(container)


def content(inbox: Inbox, name: str) -> bytes | None:
    """Give what is kept under a name."""
    file = inbox.open(name)
    if file is None:
        return None
    with file:
        return file.read()


def test_what_was_put_is_there_byte_for_byte(inbox: Inbox) -> None:
    """Every byte comes back: line ends and zeros are evidence."""
    raw = bytes(range(256)) * 5 + b"\r\n\n\r"
    assert inbox.put(NAME, raw)
    assert content(inbox, NAME) == raw


def test_nothing_is_ever_replaced(inbox: Inbox) -> None:
    """A second input under a name that is taken changes nothing, and says so."""
    assert inbox.put(NAME, b"first", {"source": "mailbox"})
    assert not inbox.put(NAME, b"second", {"source": "upload"})
    assert content(inbox, NAME) == b"first"


def test_names_come_in_order_and_by_their_beginning(inbox: Inbox) -> None:
    """Everything can be found again, and one source by itself; metadata is no input."""
    for name in ("upload/2026-10-20/b", NAME, "a.csv"):
        inbox.put(name, b"x", {"source": "test"})
    assert list(inbox.list()) == ["a.csv", NAME, "upload/2026-10-20/b"]
    assert list(inbox.list("mailbox/")) == [NAME]
    assert list(inbox.list("nothing/")) == []


def test_an_input_that_is_not_there_is_none(inbox: Inbox) -> None:
    """Asking for a name that nobody put is no error."""
    assert inbox.open("mailbox/none.eml") is None


def test_metadata_may_hold_any_text(inbox: Inbox) -> None:
    """What comes from a message cannot break the request that carries it."""
    assert inbox.put(NAME, b"x", {"source": "mailbox", "message": "Ä\r\nx-ms-evil: 1 \u2028 %41", "received": ""})
    assert content(inbox, NAME) == b"x"


def test_an_opened_input_can_be_sought_in(inbox: Inbox) -> None:
    """A .zip is read from its end."""
    inbox.put(NAME, b"0123456789")
    file = inbox.open(NAME)
    assert file is not None
    with file:
        assert (file.seek(-3, os.SEEK_END), file.read()) == (7, b"789")


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//b", "", ".hidden", "a\\b", "a/\0", "x" * 2000])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """Names are parts between slashes: none can reach another folder, or a hidden file."""
    with pytest.raises(BadInput):
        FolderInbox(tmp_path / "inbox").put(name, b"x")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def _race(root: Path, number: int, results: "multiprocessing.Queue[bool]") -> None:
    results.put(FolderInbox(root).put(NAME, b"%d" % number * 100_000))


def test_of_several_processes_one_wins(tmp_path: Path) -> None:
    """Two runs at once keep an input once, and whole."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    racers = [context.Process(target=_race, args=(tmp_path, number, results)) for number in range(AT_ONCE)]
    for one in racers:
        one.start()
    won = sorted(results.get(timeout=60) for _ in racers)
    for one in racers:
        one.join(60)
    assert won == [False] * (AT_ONCE - 1) + [True]
    kept = content(FolderInbox(tmp_path), NAME)
    assert kept is not None
    assert (len(kept), len(set(kept))) == (100_000, 1)
    assert [path.name for path in (tmp_path / "mailbox/2026-10-20").iterdir()] == ["aa.eml"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A full or read-only disk ends the run, to be tried again later."""
    (tmp_path / "inbox").write_bytes(b"a file in its place")
    with pytest.raises(Transient, match="inbox"):
        FolderInbox(tmp_path / "inbox").put(NAME, b"x")


@pytest.mark.needs_node
def test_a_container_that_is_not_there_is_told(azurite: str) -> None:
    """A missing container or role is the operator's matter, and the sentence names the role."""
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_connection_string(azurite, "not-there") as container:
        for ask in (lambda: BlobInbox(container).put(NAME, b"x"), lambda: BlobInbox(container).open(NAME)):
            with pytest.raises(Misconfigured, match="Storage Blob Data Contributor"):
                ask()


def test_a_container_out_of_reach_is_tried_later() -> None:
    """Where nobody answers, nothing is lost and the error says so."""
    from azure.storage.blob import ContainerClient

    nobody = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=AAAA;BlobEndpoint=http://127.0.0.1:1/a"
    with (
        ContainerClient.from_connection_string(nobody, "inbox", retry_total=0) as container,
        pytest.raises(Transient, match="cannot be reached"),
    ):
        BlobInbox(container).put(NAME, b"x")
