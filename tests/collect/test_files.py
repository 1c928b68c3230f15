"""What a person names, and the documents that come of it."""

import gzip
import io
import os
import socket
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from triage.collect.files import measure, unpacked, walk
from triage.collect.limits import Limits
from triage.collect.stream import Stream
from triage.collect.unpack import Unpacking
from triage.errors import NotFound

SMALL = Limits(message_bytes=1_000)


def places(items) -> list[tuple[str, int]]:
    """Give where the items come from, by the last part of the path."""
    return [(item.place.path.rsplit("/", 1)[-1], item.place.index) for item in items]


@pytest.mark.parametrize("name", ["a.eml", "a.txt", "a.zip", "a", "1730000000.M1P2.hq-ex10a,S=200:2,S"])
def test_a_message_is_one_document(build, read, name):
    """A message is read whatever its file is called, with the digest of exactly its bytes."""
    [item] = read(build.mail(), name)

    assert item.content == build.mail()
    assert item.sha256 == sha256(build.mail()).hexdigest()
    assert (item.error, item.streamed, places([item])) == (None, False, [(name, 0)])


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\r\n\n"], ids=["plain", "byte-order-mark", "empty-lines"])
def test_an_mbox_with_another_name_is_an_mbox(build, read, start):
    """The separator line decides, not the name; messages are numbered from 0."""
    items = read(start + build.mbox(build.mail(1), build.mail(2)), "export.txt")

    assert [item.content for item in items] == [build.mail(1), build.mail(2)]
    assert places(items) == [("export.txt", 0), ("export.txt", 1)]


def test_a_zip_with_another_name_is_a_zip(build, read):
    """A .zip that somebody called .eml is opened; its members' names follow an exclamation mark."""
    items = read(build.zip({"new/1.eml": build.mail(1), "2.eml": build.mail(2)}), "mail.eml")

    assert [item.place.path.rsplit("mail.eml", 1)[1] for item in items] == ["!new/1.eml", "!2.eml"]
    assert [item.content for item in items] == [build.mail(1), build.mail(2)]


def test_a_document_that_begins_with_from_is_no_mbox(read):
    """A text whose first word is "From" is one document."""
    [item] = read(b"From the desk of the postmaster\n\nFrom here on\n")

    assert item.error is None


def test_utf_16_text_is_handed_on_as_it_is(read):
    """Text in UTF-16 is a document with its byte order mark: decoders know what to do."""
    text = "\ufeffUndeliverable".encode("utf-16-le")

    assert read(text)[0].content == text


def test_a_packed_office_document_is_not_unpacked(build, read):
    """A word processor's file is a .zip inside and one document to people."""
    content = build.zip({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"})

    assert [item.content for item in read(content, "offer.docx")] == [content]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "7-Zip"),
        (b"Rar!\x1a\x07\x01\x00", "RAR"),
        (b"!BDN" + bytes(600), "Outlook data file"),
        (bytes(257) + b"ustar\x0000", "tar"),
    ],
    ids=["empty", "7z", "rar", "pst", "tar"],
)
def test_what_is_not_read_says_so_and_what_to_do(read, content, told):
    """An empty file and a container that is not opened here are errors with a sentence, never "not a bounce"."""
    [item] = read(content)

    assert told in (item.error or "")
    assert item.content == b""


def test_two_unreadable_inputs_are_two(tmp_path):
    """Empty files have one digest; each is told all the same, under a name of its own."""
    for name in ("a.eml", "b.eml"):
        (tmp_path / name).write_bytes(b"")

    first, second = walk([str(tmp_path)])

    assert first.sha256 != second.sha256


@pytest.mark.parametrize("size", [1_000, 1_001])
def test_a_document_over_the_bound_tells_what_to_do(read, size):
    """The bound itself is read; one byte more is a sentence with the ways out: mbox, .eml files, a cut log."""
    [item] = read(b"x" * size, limits=SMALL)

    assert (item.error is None) is (size == 1_000)
    assert all(word in (item.error or "mbox .eml log") for word in ("mbox", ".eml", "log"))


def test_a_message_of_an_mbox_over_the_bound_leaves_the_others(build, read):
    """A message that is too large is told under its number; those around it are read."""
    items = read(build.mbox(build.mail(1), build.mail(2, b"x" * 1_000 + b"\n"), build.mail(3)), limits=SMALL)

    assert [item.content for item in items] == [build.mail(1), b"", build.mail(3)]
    assert items[1].place.index == 1
    assert "has more" in (items[1].error or "")


def test_a_large_log_is_refused_before_it_is_read(tmp_path, build):
    """A sparse file of a terabyte costs what its first bytes cost, and the rest of the folder is read."""
    with (tmp_path / "a.log").open("wb") as file:
        file.write(b"#Software: Microsoft Exchange Server\n")
        file.truncate(2**40)
    (tmp_path / "b.eml").write_bytes(build.mail())

    large, small = walk([str(tmp_path)])

    assert "50 MB" in (large.error or "")
    assert small.content == build.mail()


def test_a_missing_path_stops_before_anything_is_read(tmp_path):
    """A misspelt path is found before the first document is given, not in the middle of a run."""
    with pytest.raises(NotFound, match=r"missing\.eml"):
        walk([str(tmp_path), str(tmp_path / "missing.eml")])


@pytest.mark.parametrize("path", ["a\0b", "x" * 5_000], ids=["null", "too-long"])
@pytest.mark.parametrize("ask", [walk, measure])
def test_a_path_that_cannot_exist_is_not_found(ask, path):
    """Names that no file system takes are missing files, not crashes."""
    with pytest.raises(NotFound):
        ask([path])


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """Give a folder that everybody may enter, and act as an account without rights until the test ends."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "a.eml").write_bytes(b"secret")
        (folder / "a.eml").chmod(0)
        (folder / "b.eml").write_bytes(b"open")
        (folder / "c").mkdir()
        (folder / "c").chmod(0)
        root = os.geteuid() == 0  # root may read anything
        if root:
            os.seteuid(65534)
        yield folder
        if root:
            os.seteuid(0)
        (folder / "c").chmod(0o700)


def test_what_this_account_may_not_read_is_told(locked_folder):
    """A file or folder without permission is an item with the way out; the others are read."""
    items = list(walk([str(locked_folder)]))

    assert [(place[0], item.content) for place, item in zip(places(items), items, strict=True)] == [
        ("a.eml", b""),
        ("b.eml", b"open"),
        ("c", b""),
    ]
    assert all("may not read" in (item.error or "") for item in (items[0], items[2]))


def test_a_named_path_below_a_locked_folder_is_told(locked_folder):
    """Where permission hides even whether a file exists, that is what the item says."""
    [item] = walk([str(locked_folder / "c" / "d.eml")])

    assert "may not read" in (item.error or "")


def test_paths_keep_their_order_and_folders_are_sorted(tmp_path, build):
    """What was named first comes first; in a folder names and the numbers in them decide."""
    for name in ("b/2.eml", "b/10.eml", "b/1/z.eml", "a.eml"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(build.mail(len(name)))

    items = list(walk([str(tmp_path / "b"), str(tmp_path / "a.eml")]))

    assert [place[0] for place in places(items)] == ["z.eml", "2.eml", "10.eml", "a.eml"]


def test_progress_ends_at_what_was_measured(tmp_path, build):
    """`consumed` rises to the measured bytes over single files, mbox files and archives together."""
    (tmp_path / "a.eml").write_bytes(build.mail())
    (tmp_path / "b.mbox").write_bytes(build.mbox(*(build.mail(number) for number in range(50))))
    (tmp_path / "c.zip").write_bytes(build.zip({"x.eml": build.mail(), "y.eml": build.mail()}))
    (tmp_path / "d.eml").write_bytes(build.mail())

    consumed = [item.consumed for item in walk([str(tmp_path)])]

    assert consumed == sorted(consumed)
    assert consumed[-1] == measure([str(tmp_path)]) == sum(file.stat().st_size for file in tmp_path.iterdir())


def test_named_files_are_measured(tmp_path, build):
    """The measure of files that are named one by one is their size."""
    (tmp_path / "a.eml").write_bytes(build.mail())

    assert measure([str(tmp_path / "a.eml"), "-", str(tmp_path)]) == 2 * len(build.mail())


def test_a_run_has_a_bound_of_files(tmp_path, build):
    """When somebody names the root of a disk, reading ends with a sentence."""
    for number in range(5):
        (tmp_path / f"{number}.eml").write_bytes(build.mail(number))

    items = list(walk([str(tmp_path)], Limits(files=3)))

    assert [item.error for item in items] == [None, None, None, "Reading stopped after 3 files."]


@pytest.mark.parametrize(
    ("name", "as_shown"),
    [
        (b"caf\xe9.eml", "caf\\xe9.eml"),
        (b"a\nb.eml", "a\\x0ab.eml"),
        (b"a\x1b[31m.eml", "a\\x1b[31m.eml"),
        ("gpj\u202eexe.eml".encode(), "gpj\\u202eexe.eml"),
        ("Müller \u65e5\u672c.eml".encode(), "Müller \u65e5\u672c.eml"),
    ],
    ids=["not-utf-8", "line-feed", "escape", "right-to-left", "letters"],
)
def test_a_file_name_cannot_forge_what_is_printed(tmp_path, build, name, as_shown):
    """Any name is read, and shown with its controls and foreign bytes escaped."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(build.mail())

    [item] = walk([str(tmp_path)])

    assert (item.place.path, item.content) == (f"{tmp_path}/{as_shown}", build.mail())


class _Console:
    """Standard input as the interpreter gives it: text on top of bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("shape", ["message", "mbox", "zip", "gzip"])
def test_standard_input_is_read_as_a_file_is(monkeypatch, build, shape):
    """What comes through a pipe is known by its bytes too, and marked: nobody can read it again."""
    content = {
        "message": build.mail(),
        "mbox": build.mbox(build.mail()),
        "zip": build.zip({"a.eml": build.mail()}),
        "gzip": gzip.compress(build.mbox(build.mail())),
    }[shape]
    monkeypatch.setattr(sys, "stdin", _Console(content))

    [item] = walk(["-"])

    assert (item.content, item.streamed) == (build.mail(), True)
    assert item.place.path == ("-!a.eml" if shape == "zip" else "-")


@pytest.mark.parametrize("stdin", [_Console(b""), None], ids=["empty", "closed"])
def test_no_standard_input_is_told(monkeypatch, stdin):
    """Empty or closed standard input is an item with a sentence."""
    monkeypatch.setattr(sys, "stdin", stdin)

    [item] = walk(["-"])

    assert item.error


def test_an_archive_in_a_pipe_has_a_bound(monkeypatch, build):
    """A .zip must be copied to be read; what is too large for that is told, with the way out."""
    monkeypatch.setattr(sys, "stdin", _Console(build.zip({"a.eml": os.urandom(5_000)})))

    [item] = walk(["-"], Limits(spooled_bytes=4_000))

    assert "save it as a file" in (item.error or "")


def test_a_named_pipe_is_read_as_a_stream(tmp_path, build):
    """`triage run <(zcat old.mbox.gz)` names a pipe: it is read once, and its bytes are marked for keeping."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'wb').write({build.mail()!r})"]):
        [item] = walk([str(pipe)])

    assert (item.content, item.streamed, measure([str(tmp_path)])) == (build.mail(), True, 0)


def test_a_named_socket_is_told(tmp_path, monkeypatch):
    """What can be neither read as a file nor as a pipe is an item with the system's reason."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("auth")

        [item] = walk(["auth"])

    assert "cannot read it" in (item.error or "")


class _PatchyDisk(io.BytesIO):
    """A file of which one byte cannot be read."""

    def __init__(self, content: bytes, bad: int) -> None:
        super().__init__(content)
        self._bad = bad

    def read(self, size: int | None = -1, /) -> bytes:
        """Give bytes, but not that one. What finds the directory's end reads it all and is let through."""
        at = self.tell()
        given = super().read(size)
        if at <= self._bad < at + len(given) and at + len(given) < len(self.getbuffer()):
            raise OSError(5, "Input/output error")
        return given


@pytest.mark.parametrize("part", ["header", "bytes", "directory"])
def test_an_archive_on_a_bad_disk_is_told(build, part):
    """An error of the disk in an archive is an item with the system's words, wherever it happens."""
    content = build.zip({"a.eml": build.mail()})
    file = _PatchyDisk(content, {"header": 4, "bytes": 40, "directory": content.find(b"PK\1\2")}[part])

    [item] = Unpacking(Limits(), len(content)).items(Stream(io.BytesIO(content).read), "x.zip", file)

    assert "Input/output error" in (item.error or "")


def test_bytes_in_memory_are_unpacked_alike(build):
    """What the cloud hands over as bytes gives the documents that a file with these bytes gives."""
    items = list(unpacked(build.zip({"a.eml": build.mail(), "b.mbox": build.mbox(build.mail(2))}), "inbox/7"))

    assert [(item.place.path, item.content) for item in items] == [
        ("inbox/7!a.eml", build.mail()),
        ("inbox/7!b.mbox", build.mail(2)),
    ]


def test_a_large_mbox_is_read_in_constant_memory(tmp_path, build):
    """Of an mbox of 300 MB never more than a few MB are held: the message at hand and what was read ahead."""
    part = build.mbox(*(build.mail(number, b"x" * 30_000 + b"\n") for number in range(100)))
    with (tmp_path / "large.mbox").open("wb") as file:
        for _ in range(100):
            file.write(part)

    tracemalloc.start()
    count = sum(1 for item in walk([str(tmp_path)]) if item.content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 10_000
    assert peak < 10 * 2**20
