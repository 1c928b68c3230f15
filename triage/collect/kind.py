"""What bytes are, told by the bytes themselves: names lie, and exports have none."""

from typing import Literal

from triage.collect.mbox import SEPARATOR_BYTES, is_separator

Shape = Literal["document", "mbox", "zip", "gzip"]

HEAD = SEPARATOR_BYTES + 100
"""Bytes that decide: a separator line, after a byte order mark or empty lines."""

_BOM = b"\xef\xbb\xbf"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OFFICE = (b"[Content_Types].xml", b"mimetype")
"""First members of Office Open XML and OpenDocument files: packed documents, not archives of mail."""

_FIRST_NAME = 30
"""Where the first member's name stands in a .zip: after its local header (APPNOTE 4.3.7)."""

_NOT_READ = (
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (4, b"1AY&SY", "a bzip2 archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"MSCF\0\0\0\0", "a cabinet archive"),
    (257, b"ustar", "a tar archive"),
)
_PST = b"!BDN"
_SQLITE = b"SQLite format 3\x00"


def shape_of(head: bytes) -> Shape:
    """Tell what begins with `head`, its first `HEAD` bytes: what is no container is a document."""
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if head.startswith(_ZIP):
        return "document" if head.startswith(_OFFICE, _FIRST_NAME) else "zip"
    text = head.removeprefix(_BOM).lstrip(b"\r\n")
    if text.startswith(b"From ") and is_separator(text.partition(b"\n")[0]):
        return "mbox"
    return "document"


def not_read(head: bytes) -> str | None:
    """Give the sentence for a container that is known and not read here; None for all else."""
    for at, magic, name in _NOT_READ:
        if head.startswith(magic, at):
            return f"It is {name}, which is not read here: unpack it and give the folder."
    if head.startswith(_PST):
        return "It is an Outlook data file, which is not read here: export the folder as .eml files or as mbox."
    return None


def is_store(head: bytes) -> bool:
    """Tell whether this is an SQLite file, such as the store of this program that lies beside the bounces."""
    return head.startswith(_SQLITE)
