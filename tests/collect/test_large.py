"""Logs that are too large to be held: found in files, archives and pipes, read in pieces, as often as asked."""

import gzip
import io
import sys
import tracemalloc
import zipfile
from hashlib import sha256

import pytest

from triage.collect.files import unpacked, walk
from triage.collect.journal import accepted, entry_of, record
from triage.collect.limits import MIB, Limits
from triage.errors import BadInput
from triage.group import SqliteDocuments

LOG = b"#LOG\n" + b"".join(b"row %d of a log that is long enough\n" % n for n in range(40_000))
HELD = Limits(log_bytes=len(LOG), message_bytes=2 * len(LOG))
IN_PIECES = Limits(log_bytes=100_000, message_bytes=400_000, spooled_bytes=2 * len(LOG))


def is_log(head: bytes) -> bool:
    """Tell the logs of these tests."""
    return head.startswith(b"#LOG")


def zipped(name: str = "s/a.log", content: bytes = LOG) -> bytes:
    """Give a .zip of one log."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


INPUTS = {
    "file": LOG,
    "gz": gzip.compress(LOG),
    "zip": zipped(),
    "gz in zip": zipped("a.log.gz", gzip.compress(LOG)),
    "zip in zip": zipped("inner.zip", zipped()),
    "zip in gz": gzip.compress(zipped()),
    "two gz members": gzip.compress(LOG[:70_000]) + gzip.compress(LOG[70_000:]),
}


@pytest.mark.parametrize("content", INPUTS.values(), ids=INPUTS)
def test_a_large_log_is_read_in_pieces_wherever_it_lies(tmp_path, content):
    """Its digest, its size and its bytes, twice, though nothing of it is held."""
    (tmp_path / "input").write_bytes(content)

    [item] = walk([str(tmp_path)], IN_PIECES, is_log)

    assert (item.error, item.content, item.streamed) == (None, b"", False)
    assert (item.sha256, item.size, item.head) == (sha256(LOG).hexdigest(), len(LOG), LOG[:4096])
    assert [b"".join(item.chunks()) for _ in range(2)] == [LOG, LOG]


@pytest.mark.parametrize("content", INPUTS.values(), ids=INPUTS)
def test_bytes_in_memory_give_the_same(content):
    """What the cloud hands over as bytes gives the log that a file with these bytes gives."""
    [item] = unpacked(content, "inbox/7", IN_PIECES, is_log)

    assert (item.sha256, b"".join(item.chunks())) == (sha256(LOG).hexdigest(), LOG)


class _Console:
    """Standard input as the interpreter gives it: text on top of bytes."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize("content", INPUTS.values(), ids=INPUTS)
def test_a_large_log_from_a_pipe_is_copied_and_read(monkeypatch, content):
    """A pipe is read once: the log goes to a temporary file."""
    monkeypatch.setattr(sys, "stdin", _Console(content))

    [item] = walk(["-"], IN_PIECES, is_log)

    assert (item.sha256, item.streamed) == (sha256(LOG).hexdigest(), True)
    assert [b"".join(item.chunks()) for _ in range(2)] == [LOG, LOG]


@pytest.mark.parametrize("content", [LOG, zipped("inner.zip", zipped())], ids=["pipe", "zip in zip"])
def test_a_copy_has_a_bound(monkeypatch, content):
    """What does not fit a temporary file of that size is told, with the way out."""
    monkeypatch.setattr(sys, "stdin", _Console(content))

    [item] = walk(["-"], Limits(log_bytes=1000, message_bytes=1000, spooled_bytes=500_000), is_log)

    assert "save it as a file" in (item.error or "")


def test_a_log_that_is_not_large_is_held(read, tmp_path):
    """Up to the bound a log is a document like any other, one byte more is not."""
    (tmp_path / "a.log").write_bytes(LOG)
    [held] = walk([str(tmp_path)], HELD, is_log)
    [large] = walk([str(tmp_path)], Limits(log_bytes=len(LOG) - 1), is_log)

    assert (held.content, held.large) == (LOG, None)
    assert b"".join(held.chunks()) == LOG
    assert large.large is not None
    assert (held.sha256, held.size, held.head) == (large.sha256, large.size, large.head)


def test_what_is_no_log_has_the_bound_of_a_document(tmp_path):
    """Only what is read row by row may have any size."""
    (tmp_path / "a.csv").write_bytes(LOG[4:])

    [item] = walk([str(tmp_path)], IN_PIECES, is_log)

    assert "has more" in (item.error or "")


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_of_a_damaged_archive_what_came_before_is_read(tmp_path, damage):
    """The log as far as it goes, with the digest of just that, and a sentence; the second reading gives the same bytes."""
    packed = gzip.compress(LOG, compresslevel=1)
    middle = len(packed) // 2
    content = packed[:middle] if damage == "cut" else packed[:middle] + b"\xff" * 40 + packed[middle + 40 :]
    (tmp_path / "a.log.gz").write_bytes(content)

    log, rest = walk([str(tmp_path)], IN_PIECES, is_log)

    said = b"".join(log.chunks())
    assert LOG[:100_000] == said[:100_000]
    assert sha256(said).hexdigest() == log.sha256
    assert ("cut off" if damage == "cut" else "damaged") in (rest.error or "")


def test_a_changed_archive_is_told_at_the_second_reading(tmp_path):
    """Never other bytes than those whose digest was taken."""
    path = tmp_path / "a.zip"
    path.write_bytes(zipped())
    [item] = walk([str(path)], IN_PIECES, is_log)
    path.write_bytes(zipped(content=LOG[:1000]))

    with pytest.raises(BadInput):
        list(item.chunks())


def test_memory_stays_flat(tmp_path):
    """Of two hundred megabytes no more is held than a few pieces."""
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        for _ in range(200 * MIB // len(LOG)):
            file.write(LOG)
    limits = Limits(log_bytes=4 * MIB)

    tracemalloc.start()
    [item] = walk([str(path)], limits, is_log)
    read = sum(map(len, item.chunks()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert read == item.size == path.stat().st_size
    assert peak < 16 * MIB


def test_the_journal_knows_a_large_log_by_its_place(tmp_path):
    """Its bytes are where they were; the store does not take them."""
    (tmp_path / "a.log").write_bytes(LOG)
    [item] = walk([str(tmp_path / "a.log")], IN_PIECES, is_log)
    with SqliteDocuments(tmp_path / "s.sqlite") as documents:
        assert record(documents, accepted(item), "2026-11-23T09:00:00Z")
        entry = entry_of(documents, item.sha256)

    assert entry is not None
    assert (entry.size, entry.kept) == (len(LOG), False)
    assert (tmp_path / "s.sqlite").stat().st_size < len(LOG) // 10


def test_the_journal_refuses_a_large_log_from_a_pipe(monkeypatch):
    """Nobody can read it again, and the store would be as large as the log: the sentence names the way out."""
    monkeypatch.setattr(sys, "stdin", _Console(LOG))
    [item] = walk(["-"], IN_PIECES, is_log)
    [small] = unpacked(b"Subject: a\n\n", "x")

    refused = accepted(item)

    assert "save it as a file" in (refused.error or "")
    assert (refused.content, refused.sha256 != item.sha256) == (b"", True)
    assert accepted(small) is small


@pytest.mark.parametrize("count", [12, 10_001])
def test_logs_of_an_archive_come_in_the_order_of_their_numbers(read, count):
    """In the places that logs have among other members; a very long list is left as it is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for n in reversed(range(1, count)):
            archive.writestr(f"RECV2026101809-{n}.LOG", b"#LOG %d\n" % n)
        archive.writestr("note.txt", b"a note")
        archive.writestr(f"RECV2026101809-{count}.LOG", b"#LOG %d\n" % count)

    order = [item.content.strip().removeprefix(b"#LOG ") for item in read(file.getvalue())]

    numbers = [int(one) for one in order if one.isdigit()]
    assert order.index(b"a note") == count - 1
    assert (numbers == sorted(numbers)) is (count == 12)
