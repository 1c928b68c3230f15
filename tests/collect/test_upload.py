"""The names of uploads in the inbox."""

import hashlib

import pytest

from triage.collect.upload import upload_name

BYTES = b"From: postmaster@contoso.example\n\n"


def test_name_holds_day_digest_and_given_name() -> None:
    """An upload is found again by its day, its digest and what its sender called it."""
    digest = hashlib.sha256(BYTES).hexdigest()
    assert upload_name(BYTES, "report.eml", "2026-10-18") == (digest, f"upload/2026-10-18/{digest}-report.eml")


@pytest.mark.parametrize(
    "given", ["../../etc/passwd", "a/b\\c.eml", "x\r\ny", "", ".", "ü" * 5000, "con.eml", "a?b#c%2fd"]
)
def test_given_name_stays_one_plain_part(given: str) -> None:
    """Whatever a client calls its upload, the name has three parts and can be a file's name anywhere."""
    _, name = upload_name(BYTES, given, "2026-10-18")
    parts = name.split("/")
    assert len(parts) == 3
    assert len(parts[2]) <= 64 + 1 + 81
    assert parts[2].isascii()
    assert not set(parts[2]) & set("\\?#%\r\n ")
