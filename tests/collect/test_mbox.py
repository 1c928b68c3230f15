"""Messages of an mbox."""

import io
import re
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from triage.collect.mbox import is_separator, messages
from triage.collect.stream import Stream

SEPARATOR = b"From MAILER-DAEMON Sun Oct 18 09:14:00 2026\n"
LIMIT = 10_000


def split(content: bytes, limit: int = LIMIT, at_once: int = 2**20) -> list[bytes | None]:
    """Give the contents of the messages, reading at most `at_once` bytes at a time."""
    file = io.BytesIO(content)
    stream = Stream(lambda size: file.read(min(size, at_once)))
    return [message.content for message in messages(stream, limit)]


@pytest.mark.parametrize(
    "line",
    [
        b"From MAILER-DAEMON Sun Oct 18 09:14:00 2026",
        b"From MAILER-DAEMON  Thu Oct  1 09:14:00 2026",
        b"From anna.berg@fabrikam.example Sun Oct 18 09:14:00 2026\r",
        b"From - Sun Oct 18 09:14:00 2026",
        b'From "anna berg"@fabrikam.example Sun Oct 18 09:14:00 2026',
        b"From a@contoso.example Sun Oct 18 09:14 2026",
        b"From a@contoso.example Sun Oct 18 09:14:00 CEST 2026",
        b"From a@contoso.example Sun Oct 18 09:14:00 2026 +0200",
        b"From 1780000000000000001@xxx Sun Oct 18 09:14:00 +0000 2026",
        b"From a@contoso.example Sun, 18 Oct 2026 09:14:00 +0200",
        b"From anna Sun Oct 18 09:14:00 2026 remote from fabrikam",
        b"From  Sun Oct 18 09:14:00 2026",
    ],
)
def test_a_line_with_a_date_at_its_end_is_a_separator(line):
    """The separator lines that mail programs write are known, with and without zone, seconds and sender."""
    assert is_separator(line)


@pytest.mark.parametrize(
    "line",
    [
        b"From here on the server answers nothing.",
        b"From: anna.berg@fabrikam.example Sun Oct 18 09:14:00 2026",
        b"From Sun Oct 18 2026",
        b"From anna Sun Oct 18 09:14:00",
        b"From what I heard on Sun Oct 18 09:14:00 2026 it failed",
        b"From anna Xyz Oct 18 09:14:00 2026",
        b"from anna Sun Oct 18 09:14:00 2026",
        b">From anna Sun Oct 18 09:14:00 2026",
        b"From " + b"a" * 2_000 + b" Sun Oct 18 09:14:00 2026",
        b"From anna " + b"Sun Oct 18 " * 80 + b"09:14:00",
    ],
)
def test_a_line_that_only_looks_alike_is_no_separator(line):
    """Text that begins with "From " is text: without the date of RFC 4155 at its end nothing is divided."""
    assert not is_separator(line)


def quoted(message: bytes) -> bytes:
    """Quote as the mboxrd format tells: every line of "From " after any number of ">" gets one more."""
    return re.sub(rb"(?m)^(>*From )", rb">\1", message)


LINES = st.one_of(
    st.sampled_from([b"", b"From ", SEPARATOR[:-1], b">From x", b">>From y", b"\r", b"Fro", b"From", b"m "]),
    st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")),
)
MESSAGES = st.lists(LINES, min_size=1, max_size=12).map(lambda lines: b"".join(line + b"\n" for line in lines))


@given(st.lists(MESSAGES, min_size=1, max_size=6), st.integers(1, 70))
@example([b"a\n", b"\n", b"From x\n\n"], 1)
def test_what_mboxrd_wrote_comes_back(written, at_once):
    """Whatever bytes the messages have and however they arrive, they come back as they were before quoting."""
    mbox = b"".join(SEPARATOR + quoted(message) + b"\n" for message in written)

    assert split(mbox, at_once=at_once) == written


@given(st.binary(max_size=300), st.integers(1, 70))
def test_nothing_is_lost_whatever_follows_a_separator(rest, at_once):
    """Any bytes at all after a separator are read without an error and to the end."""
    found = split(SEPARATOR + rest + b"\nlast line", at_once=at_once)

    assert found[-1] is not None
    assert found[-1].endswith(b"last line")


def test_lines_that_end_in_crlf_stay_so():
    """A message of an mbox from Windows keeps its line ends: only separator and empty line are the mbox's."""
    line = SEPARATOR.replace(b"\n", b"\r\n")
    message = b"Subject: one\r\n\r\ntext\r\n"

    assert split(line + message + b"\r\n" + line + message + b"\r\n") == [message, message]


def test_a_message_has_the_digest_of_its_own_file():
    """A bounce in an mbox and the same bounce as .eml are one document."""
    eml = b"Subject: one\n\nFrom here on nothing was delivered.\n"

    [content] = split(SEPARATOR + quoted(eml) + b"\n")

    assert content is not None
    assert sha256(content).digest() == sha256(eml).digest()


def test_a_separator_in_the_text_divides_nothing():
    """A separator line pasted into a message, without an empty line before it, stays text."""
    message = b"Subject: one\n\nThe mailbox begins with\n" + SEPARATOR + b"and so on\n"

    assert split(SEPARATOR + message + b"\n") == [message]


def test_content_length_is_not_believed():
    """A Content-Length that reaches over the next message swallows nothing."""
    first = b"Content-Length: 4000\n\ntext\n"

    assert split(SEPARATOR + first + b"\n" + SEPARATOR + b"Subject: two\n\n\n") == [first, b"Subject: two\n\n"]


def test_two_separators_in_a_row_begin_one_message():
    """A second separator right below the first, as some clients write, is no empty message."""
    assert split(SEPARATOR + SEPARATOR + b"Subject: one\n\n") == [b"Subject: one\n"]


@pytest.mark.parametrize("rest", [b"", b"\n", b"\n\n"], ids=["cut", "ended", "with-empty-line"])
def test_a_separator_alone_is_one_empty_message(rest):
    """A message of no bytes is told rather than passed over."""
    assert split(SEPARATOR[:-1] + rest) == [b""]


@pytest.mark.parametrize("at_once", [1, 999, 2**20])
def test_a_message_over_the_bound_is_passed_over(at_once):
    """A message larger than allowed is counted, not held; the one after it is read."""
    large = b"x" * 40_000 + b"\nFrom nowhere\n" + b"y" * 40_000 + b"\n"
    mbox = SEPARATOR + large + b"\n" + SEPARATOR + b"Subject: two\n" + b"\n"

    assert split(mbox, limit=5_000, at_once=at_once) == [None, b"Subject: two\n"]


def test_a_message_of_exactly_the_bound_is_read():
    """The bound itself is allowed, one byte more is not."""
    assert split(SEPARATOR + b"x" * 4_999 + b"\n\n", limit=5_000) == [b"x" * 4_999 + b"\n"]
    assert split(SEPARATOR + b"x" * 5_000 + b"\n\n", limit=5_000) == [None]
