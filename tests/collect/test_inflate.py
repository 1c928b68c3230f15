"""What is packed with gzip."""

import gzip
import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.collect.files import unpacked
from triage.collect.inflate import gunzip
from triage.collect.limits import Limits


def test_an_mbox_in_gzip_is_an_mbox(build, read):
    """The messages of a packed mbox stand under the file's own name, numbered."""
    items = read(gzip.compress(build.mbox(build.mail(1), build.mail(2))), "old.mbox.gz")

    assert [(item.place.path.rsplit("/", 1)[1], item.place.index) for item in items] == [
        ("old.mbox.gz", 0),
        ("old.mbox.gz", 1),
    ]
    assert [item.content for item in items] == [build.mail(1), build.mail(2)]


def test_a_zip_in_gzip_is_opened(build, read):
    """A packed archive gives its members."""
    [item] = read(gzip.compress(build.zip({"a.eml": build.mail()})))

    assert (item.content, item.place.path.endswith("input!a.eml")) == (build.mail(), True)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5), st.integers(1, 50), st.integers(1, 50))
def test_members_in_a_row_are_one_text(parts, packed_at_once, at_once):
    """Several gzip members, padded with zeros at the end, give one text however they are read."""
    file = io.BytesIO(b"".join(gzip.compress(part) for part in parts) + bytes(10))
    pull = gunzip(lambda size: file.read(min(size, packed_at_once)), lambda: None)

    assert b"".join(iter(lambda: pull(at_once), b"")) == b"".join(parts)


@pytest.mark.parametrize("cut", [11, 500, -9, -8, -1])
def test_gzip_that_is_cut_off_gives_what_came_before(build, cut):
    """Of half an mbox the whole messages are documents, and the end is an error that says so."""
    body = random.Random(1).randbytes(600).hex().encode() + b"\n"
    mails = [build.mail(number, body) for number in range(5)]
    whole = gzip.compress(build.mbox(*mails))

    items = list(unpacked(whole[:cut], "x.gz"))

    assert "cut off" in (items[-1].error or "")
    texts = [item.content for item in items[:-1]]
    assert texts[:-1] == mails[: len(texts) - 1] if texts else cut == 11


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda packed: packed[:-8] + b"\0\0\0\0" + packed[-4:], "damaged"),
        (lambda packed: packed[:10] + b"\xff" * 50, "damaged"),
        (lambda packed: packed + b"and more text", "other bytes"),
        (lambda packed: packed + b"\x1f", "other bytes"),
    ],
    ids=["checksum", "data", "text-after", "byte-after"],
)
def test_damage_is_told(build, change, told):
    """A wrong checksum, wrong data and bytes after the end are errors, beside what could be read."""
    items = list(unpacked(change(gzip.compress(build.mail())), "x.gz"))

    assert told in (items[-1].error or "")
    assert [item.place.index for item in items] == list(range(len(items)))


@given(st.binary(max_size=100))
def test_anything_after_a_gzip_head_is_an_item(rest):
    """Any bytes that begin like gzip are read to an end without an exception."""
    assert list(unpacked(b"\x1f\x8b\x08" + rest, "x.gz"))


def test_members_of_nothing_have_a_bound():
    """A tower of gzip members without a byte, which no bound of bytes ends, is ended by their number."""
    content = gzip.compress(gzip.compress(b"", mtime=0) * 1_000)

    [item] = unpacked(content, "x.gz", Limits(archive_members=900))

    assert "after 900 members" in (item.error or "")


def test_an_mbox_of_a_storm_may_pack_well(build):
    """Bounces of a storm are so alike that they pack sixtyfold; the bound on bombs lets them through."""
    text = b"The server hq-ex10a.contoso.example has tried to deliver this message, without success.\n" * 80
    mbox = build.mbox(*(build.mail(number, text) for number in range(10_000)))
    content = gzip.compress(mbox, 1)
    assert len(mbox) > max(60 * len(content), Limits().unpacked_floor)

    assert sum(item.error is None for item in unpacked(content, "storm.gz")) == 10_000


def test_a_packed_mbox_over_the_bound_gives_what_came_before(build):
    """Where unpacking stops, the messages before it are documents and a sentence tells the way out."""
    content = gzip.compress(build.mbox(*(build.mail(number, b"x" * 1_000 + b"\n") for number in range(100))))

    items = list(unpacked(content, "x.gz", Limits(unpacked_floor=20_000, unpacked_ratio=2)))

    assert len(items) > 10
    assert "Unpacking stopped" in (items[-1].error or "")
