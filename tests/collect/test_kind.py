"""What bytes are, told by their beginning."""

import pytest

from triage.collect.kind import not_read, shape_of


@pytest.mark.parametrize(
    ("head", "shape"),
    [
        (b"", "document"),
        (b"Return-Path: <>\nFrom: a\n", "document"),
        (b"From - Sun Oct 18 09:14:00 2026\nSubject: x\n", "mbox"),
        (b"From - Sun Oct 18 09:14:00 2026", "mbox"),
        (b"From me to you\n", "document"),
        (b"PK\3\4" + bytes(40), "zip"),
        (b"PK\5\6" + bytes(18), "zip"),
        (b"PK\3\4" + bytes(26) + b"mimetypeapplication/vnd.oasis", "document"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"\x1f\x8b\x07\0", "document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "document"),
    ],
)
def test_the_beginning_decides(head, shape):
    """Containers are known by their first bytes; what is no container is a document for the decoders."""
    assert shape_of(head) == shape


def test_a_document_is_no_unread_container():
    """A message, whatever its first line, is not taken for an archive."""
    assert not_read(b"Received: by hq-ex10a.contoso.example\nBZh: 7z\n" * 10) is None
    assert not_read(b"BZhello is a sender's first word") is None
