"""Which files below a folder are read."""

import os
import socket
from pathlib import Path

import pytest

from triage.collect.files import measure, walk
from triage.collect.limits import Limits


def put(folder: Path, *names: str) -> None:
    """Write a message of its own under each name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"Subject: " + name.encode() + b"\n\n")


def names(folder: Path, limits: Limits | None = None) -> list[str]:
    """Give what was read, as paths below the folder."""
    return [item.place.path.removeprefix(f"{folder}/") for item in walk([str(folder)], limits or Limits())]


def test_a_maildir_gives_what_was_delivered(tmp_path):
    """Of a Maildir `cur` and `new` are read, of its subfolders too; `tmp` and the server's own files are not."""
    put(tmp_path, "cur/1:2,S", "new/2", "tmp/3", "dovecot.index.log", "dovecot-uidlist", "maildirfolder")
    put(tmp_path, ".Sent.2026/cur/4:2,S", ".Sent.2026/tmp/5", ".Sent.2026/new/6", ".cache/7")

    assert names(tmp_path) == [".Sent.2026/cur/4:2,S", ".Sent.2026/new/6", "cur/1:2,S", "new/2"]


def test_a_folder_called_tmp_elsewhere_is_read(tmp_path):
    """Only in a Maildir does `tmp` mean "not delivered"."""
    put(tmp_path, "tmp/1.eml", "new/2.eml")

    assert names(tmp_path) == ["new/2.eml", "tmp/1.eml"]


@pytest.mark.parametrize(
    "name",
    [
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        "dovecot.index",
        "__MACOSX/a.eml",
        ".git/config",
        "Inbox.msf",
        "triage.sqlite-wal",
    ],
)
def test_what_desktops_and_mail_stores_keep_for_themselves_is_passed_over(tmp_path, name):
    """Hidden files, thumbnails and indexes are no documents and no errors."""
    put(tmp_path, name, "a.eml")

    assert names(tmp_path) == ["a.eml"]


def test_a_hidden_file_that_is_named_is_read(tmp_path):
    """Whoever names a file means it."""
    put(tmp_path, ".a.eml")

    [item] = walk([str(tmp_path / ".a.eml")])

    assert item.error is None


def test_our_own_store_and_tickets_are_passed_over(tmp_path):
    """A run in the folder that also holds the store and the tickets of the last one reads the bounces alone."""
    put(tmp_path, "a.eml", "out/incidents.json", "out/t-1/ticket.md", "out/t-1/teams.json", "out/t-1/ticket.html")
    (tmp_path / "triage.sqlite").write_bytes(b"SQLite format 3\x00" + bytes(4_000))

    assert names(tmp_path) == ["a.eml"]


def test_links_in_a_circle_end(tmp_path):
    """Folders that link to each other are read once each."""
    put(tmp_path, "a/1.eml", "b/2.eml")
    (tmp_path / "a" / "to-b").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to(tmp_path / "b" / "self")

    read = [name for name in names(tmp_path) if name.endswith(".eml")]

    assert read == ["a/1.eml", "a/to-b/2.eml"]


def test_a_link_to_nothing_is_told(tmp_path):
    """A link whose file is gone is an item with a sentence: perhaps a bounce was there."""
    (tmp_path / "a.eml").symlink_to(tmp_path / "gone")

    [item] = walk([str(tmp_path)])

    assert "does not exist" in (item.error or "")


def test_sockets_and_pipes_in_a_folder_are_passed_over(tmp_path, monkeypatch):
    """What mail servers leave in a folder to talk through is no document, and reading it would wait for ever."""
    put(tmp_path, "a.eml")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("auth")

        assert names(tmp_path) == ["a.eml"]


def test_folders_too_deep_are_told(tmp_path):
    """Past the bound of depth stands a sentence with the place; what lies above is read."""
    put(tmp_path, "1/a.eml", "1/2/b.eml", "1/2/3/c.eml")

    items = list(walk([str(tmp_path)], Limits(folder_depth=3)))

    assert [item.place.path.removeprefix(f"{tmp_path}/") for item in items] == ["1/2/3", "1/2/b.eml", "1/a.eml"]
    assert "deep" in (items[0].error or "")


def test_measuring_and_reading_take_the_same_files(tmp_path):
    """The progress bar's total counts no file that is passed over."""
    put(tmp_path, "a.eml", "b/c.eml", ".hidden", "Thumbs.db")

    assert measure([str(tmp_path)]) == sum(len(item.content) for item in walk([str(tmp_path)]))
