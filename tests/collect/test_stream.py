"""Bytes read from front to back."""

import io

import pytest

from triage.collect.stream import Stream
from triage.errors import BadInput


def breaking(error: Exception) -> Stream:
    """Give a stream that breaks after its first bytes."""
    parts = [b"begun "]

    def pull(size: int) -> bytes:
        if parts:
            return parts.pop()[:size]
        raise error

    return Stream(pull)


@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError(5, "Input/output error"), "Input/output error"), (BadInput("It is cut off."), "It is cut off.")],
    ids=["disk", "input"],
)
def test_a_break_keeps_what_came_before_it(error, told):
    """What was read before the break is given; the stream then ends and says why, each time it is asked."""
    stream = breaking(error)

    assert stream.upto(100) == b"begun "
    assert told in (stream.failure or "")
    assert stream.read(10) == b""


def test_a_stream_made_of_a_broken_one_is_told():
    """Who reads through another layer learns the first cause, not that the layer is cut off."""
    outer = Stream(breaking(BadInput("The disk failed.")).pull)

    assert outer.upto(100) == b"begun "
    assert outer.failure == "The disk failed."


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_looking_takes_nothing(at_once):
    """`peek` gives the next bytes as often as asked, and `read` gives them once."""
    file = io.BytesIO(b"0123456789")
    stream = Stream(lambda size: file.read(min(size, at_once)), b"<>")

    assert stream.peek(5) == stream.peek(5) == b"<>012"
    assert stream.peek(50) == stream.upto(50) == b"<>0123456789"
    assert (stream.upto(1), stream.failure) == (b"", None)
