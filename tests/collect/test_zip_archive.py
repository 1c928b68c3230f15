"""Members of a .zip, honest and hostile."""

import gzip
import io
import struct
import time
import tracemalloc
import zipfile
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.collect.files import unpacked, walk
from triage.collect.limits import Limits

STORED = 0
SECONDS = 10


def below(items, name: str = "input") -> list[str]:
    """Give the places below the file of this name."""
    return [item.place.path.rpartition("/" + name)[2] for item in items]


def test_members_of_all_kinds_are_read(build, read):
    """Messages, an mbox, a packed mbox and an inner .zip each give their documents, in the archive's order."""
    content = build.zip(
        {
            "b.eml": build.mail(1),
            "a/box": build.mbox(build.mail(2), build.mail(3)),
            "box.gz": gzip.compress(build.mbox(build.mail(4))),
            "inner.zip": build.zip({"c.eml": build.mail(5)}),
            "folder/": b"",
        }
    )

    items = read(content)

    assert [item.content for item in items] == [build.mail(number) for number in (1, 2, 3, 4, 5)]
    assert below(items) == ["!b.eml", "!a/box", "!a/box", "!box.gz", "!inner.zip!c.eml"]
    assert [item.place.index for item in items] == [0, 0, 1, 0, 0]


def test_a_stored_member_is_read(read):
    """A member that is not packed is read and its checksum compared."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.eml", b"Subject: one\n\n")

    assert [(item.content, item.error) for item in read(file.getvalue())] == [(b"Subject: one\n\n", None)]


class _Pipe(io.RawIOBase):
    """A file that cannot be sought in, to which sizes are written after the bytes."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, data) -> int:
        """Keep the bytes."""
        self.content += bytes(data)
        return len(data)


def streamed_zip() -> bytes:
    """Give a .zip of two members whose sizes follow them, as a program writes it into a pipe."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.eml", b"Subject: one\n\n")
        archive.writestr("b.eml", b"Subject: two\n\n")
    return pipe.content


def test_an_archive_written_into_a_pipe_is_read(read):
    """Sizes that stand after the members are found in the directory."""
    assert [item.content for item in read(streamed_zip())] == [b"Subject: one\n\n", b"Subject: two\n\n"]


def test_a_program_that_unpacks_itself_is_read_behind_its_start(build):
    """Offsets count from where the archive begins, not the file, when bytes stand before it."""
    content = b"PK\3\4 not quite" + build.zip({"a.eml": build.mail()})

    assert [item.content for item in unpacked(content, "x")] == [build.mail()]


def test_an_archive_without_members_is_told(build, read):
    """An export that found nothing is an error, not silence."""
    [item] = read(build.zip({}))

    assert "nothing in it" in (item.error or "")


def test_a_directory_that_lists_too_few_is_told(build):
    """Where an archive says that it has more members than it lists, it is told to be damaged."""
    content = build.zip({"a.eml": build.mail(1), "b.eml": build.mail(2)})
    at = content.find(b"PK\5\6") + 8

    items = list(unpacked(content[:at] + b"\3\0\3\0" + content[at + 4 :], "x.zip"))

    assert [item.error is None for item in items] == [True, True, False]


def test_a_comment_at_the_end_is_no_harm(build, read):
    """An archive with a comment is read."""
    file = io.BytesIO(build.zip({"a.eml": build.mail()}))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"exported " * 1_000

    assert [item.content for item in read(file.getvalue())] == [build.mail()]


def test_the_fields_of_large_archives_are_read(read):
    """The 64-bit forms of size, offset and directory, which exports over 4 GB have, are understood."""
    body = b"Subject: one\n\n"
    sizes = struct.pack("<2H2Q", 1, 16, len(body), len(body))
    full = 0xFFFFFFFF
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 45, 0, 0, 0, 0, zlib.crc32(body), full, full, 5, 20) + b"a.eml" + sizes
    place = struct.pack("<2H3Q", 1, 24, len(body), len(body), 0)
    central = struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 45, 45, 0, 0, 0, 0, zlib.crc32(body), full, full, 5, 28, 0, 0, 0, 0, full
    )
    start = len(local) + len(body)
    listed = central + b"a.eml" + place
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(listed), start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + len(listed), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, full, full, 0)

    for content in (local + body + listed + end64 + locator + end, local + body):
        assert read(content)[0].content == body


@pytest.mark.parametrize(
    ("name", "flags", "as_shown"),
    [
        (b"../../etc/passwd", 0, "!../../etc/passwd"),
        (b"/etc/passwd", 0, "!/etc/passwd"),
        (b"a\nb\x1b[2J.eml", 0, "!a\\x0ab\\x1b[2J.eml"),
        (b"M\x81ller.eml", 0, "!Müller.eml"),
        ("Müller.eml".encode(), 0, "!Müller.eml"),
        (b"M\x81ller.eml", 0x800, "!M\ufffdller.eml"),
        (b"n" * 5_000, 0, "!" + "n" * 300),
        (b"", 0, "!"),
    ],
    ids=["upwards", "absolute", "controls", "code-page-437", "utf-8-unsaid", "utf-8-broken", "long", "none"],
)
def test_a_members_name_is_text_and_nothing_else(tmp_path, build, read, name, flags, as_shown):
    """Whatever a member is called, its name is shown safely and never a path: nothing is written or opened."""
    [item] = read(
        build.raw_zip(b"Subject: x\n", name=name, flags=flags, method=STORED, checksum=zlib.crc32(b"Subject: x\n"))
    )

    assert item.content == b"Subject: x\n"
    assert item.place.path == f"{tmp_path / 'input'}{as_shown}"
    assert [file.name for file in tmp_path.iterdir()] == ["input"]


def test_a_desktops_own_members_are_passed_over(build, read):
    """What a desktop adds to an archive is no document; a Maildir's hidden subfolder is read."""
    content = build.zip(
        {name: build.mail() for name in ("__MACOSX/._a.eml", "x/.DS_Store", "./a.eml", "m/.Sent/cur/1:2,S")}
    )

    assert below(read(content)) == ["!./a.eml", "!m/.Sent/cur/1:2,S"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"flags": 1}, "encrypted"),
        ({"method": 99, "flags": 1}, "encrypted"),
        ({"method": 14}, "LZMA"),
        ({"method": 77}, "method 77"),
    ],
    ids=["password", "aes", "lzma", "unknown"],
)
def test_a_member_that_cannot_be_unpacked_says_why(build, read, options, told):
    """An encrypted member and an odd packing are errors with the way out."""
    [item] = read(build.raw_zip(b"\3\0", **options))

    assert told in (item.error or "")
    assert "give the folder" in (item.error or "")


def test_a_damaged_member_leaves_the_others(build, read):
    """A member that does not match its checksum is given and told; the next one is read."""
    content = bytearray(build.zip({"a.eml": b"", "b.eml": build.mail()}))
    content[14:18] = content[content.find(b"PK\1\2") + 16 :][:4] = b"\1\2\3\4"
    at = content.find(b"PK\1\2") + 16
    content[at : at + 4] = b"\1\2\3\4"

    items = read(bytes(content))

    assert "damaged" in (items[0].error or "")
    assert [item.content for item in items if item.error is None] == [build.mail()]


@pytest.mark.parametrize("source", [streamed_zip, None], ids=["sizes-after", "sizes-before"])
def test_an_archive_that_is_cut_off_gives_what_is_there(build, source):
    """Of half a download the whole members are documents; the half one is given as far as it reaches and told."""
    members = {"a.eml": b"Subject: one\n\n", "b.eml": b"Subject: two\n\n"}
    whole = source() if source else build.zip(members)
    cut = whole[: whole.find(b"PK\3\4", 10) + 45]

    items = list(unpacked(cut, "x.zip"))

    assert items[0].content == b"Subject: one\n\n"
    assert "cut off" in (items[-1].error or "")
    assert all(item.error is None or "cut off" in item.error for item in items)


def test_cutting_anywhere_is_told(build):
    """Wherever an archive ends too early, the last item says so, and no item holds wrong bytes."""
    members = {"a.eml": build.mail(1), "b.eml": build.mail(2)}
    whole = build.zip(members)

    for end in range(4, len(whole)):
        items = list(unpacked(whole[:end], "x.zip"))
        assert items[-1].error, end
        assert all(any(good.startswith(item.content) for good in members.values()) for item in items), end


@given(st.data())
def test_any_damage_is_an_item(build, data):
    """Whatever bytes of an archive are changed, it is read to an end without an exception."""
    content = bytearray(build.zip({"a.eml": b"x" * 50, "b.zip": build.zip({"c": b"From x\n"})}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))

    assert all(item.error or item.content for item in unpacked(bytes(content), "x.zip"))


def nested(content: bytes, levels: int, build) -> bytes:
    """Pack an archive into an archive, so many times."""
    for _ in range(levels):
        content = build.zip({"inner.zip": content})
    return content


@pytest.mark.parametrize(("levels", "is_read"), [(3, True), (4, False)])
def test_archives_in_archives_have_a_bound(build, levels, is_read):
    """Four archives in one another are opened; a fifth is told."""
    [item] = unpacked(nested(build.zip({"a.eml": build.mail()}), levels, build), "x.zip")

    assert (item.content == build.mail()) is is_read
    assert is_read or "too deep" in (item.error or "")


def overlapping(count: int, packed: bytes, build: Any) -> bytes:
    """Give a .zip whose many members are all the same bytes."""
    one: bytes = build.raw_zip(packed)
    start = one.find(b"PK\1\2")
    central, end = one[start : one.find(b"PK\5\6")], one[one.find(b"PK\5\6") :]
    length = struct.pack("<I", len(central) * count)
    return one[:start] + central * count + end[:12] + length + end[16:]


def empty_blocks() -> bytes:
    """Give half a megabyte of deflate that unpacks to nothing."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b"\0\0\0\xff\xff" * 100_000 + packer.flush()


def headers_alone(count: int, build: Any) -> bytes:
    """Give an archive without directory: member after member whose end nobody tells, each without an end."""
    one: bytes = build.raw_zip(b"\0\0\0\xff\xff", flags=8)
    return one[: one.find(b"PK\1\2")] * count


def forty_two(build: Any) -> bytes:
    """Give five layers of archives with sixteen archives each, all zeros at the bottom."""
    content: bytes = build.raw_zip(build.deflated_zeros(64))
    for _ in range(4):
        content = build.zip({f"{number}.zip": content for number in range(16)})
    return content


@pytest.mark.parametrize(
    "make",
    [
        lambda build: build.raw_zip(build.deflated_zeros(1_024)),
        lambda build: build.raw_zip(build.deflated_zeros(1_024), name=b"a.mbox"),
        lambda build: overlapping(10_000, build.deflated_zeros(16), build),
        lambda build: overlapping(10_000, empty_blocks(), build),
        lambda build: headers_alone(3_000, build),
        forty_two,
        lambda build: build.zip({"a.gz": build.gzipped_zeros(1_024)}),
        lambda build: gzip.compress(build.gzipped_zeros(1_024)),
    ],
    ids=[
        "gigabyte",
        "gigabyte-by-name",
        "overlapping-members",
        "overlapping-members-of-nothing",
        "members-without-end",
        "nested",
        "gzip-inside",
        "gzip-of-gzip",
    ],
)
def test_a_bomb_ends_with_a_sentence(build, make):
    """Small inputs that unpack to gigabytes end within seconds and a fixed memory, as an error."""
    content = make(build)
    tracemalloc.start()
    begun = time.process_time()

    items = list(unpacked(content, "bomb"))

    seconds = time.process_time() - begun
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert items[-1].error
    assert seconds < SECONDS
    assert peak < 200 * 2**20


def test_a_bound_of_members_is_told(build):
    """An archive of more members than allowed gives the first ones and a sentence."""
    content = build.zip({f"{number}.eml": build.mail(number) for number in range(9)})

    items = list(unpacked(content, "x.zip", Limits(archive_members=5)))

    assert [item.error is None for item in items] == [True] * 5 + [False]
    assert "after 5 members" in (items[-1].error or "")


def test_one_bomb_does_not_hide_the_rest_of_the_folder(tmp_path, build):
    """Bounds are those of one input: the next file starts anew."""
    (tmp_path / "a.zip").write_bytes(build.zip({"a.gz": build.gzipped_zeros(200)}))
    (tmp_path / "b.zip").write_bytes(build.zip({"b.eml": build.mail()}))

    assert [item.content for item in walk([str(tmp_path)])][-1] == build.mail()
