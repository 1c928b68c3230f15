"""What differs from message to message is masked, what says something stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.curate.mask import MAX_TEXT, example, masked

SHAPES = {
    "550 5.1.1 <anna.b@fabrikam.example>: no such user": "550 5.1.1 <{address}>: no such user",
    "451 4.7.1 mx1.fabrikam.example [192.0.2.1]:25 is busy": "451 4.7.1 {host} [{ip}]:25 is busy",
    "554 rejected by 2001:db8::1, see https://fabrikam.example/why?id=77": "554 rejected by {ip}, see {link}={n}",
    "queue 4Z2xQ91kPz at 09:14:03 on Tue, 20 Oct 2026": "queue {id} at {time} on {time}, {n} {time} {n}",
    "421 4.4.2 Connection dropped due to SocketError": "421 4.4.2 Connection dropped due to SocketError",
    "550 5.1.10 RESOLVER.ADR.RecipNotFound; not found": "550 5.1.10 RESOLVER.ADR.RecipNotFound; not found",
    "TLS 1.2 or AES256 wanted": "TLS 1.2 or {id} wanted",
}


@pytest.mark.parametrize(("text", "shape"), SHAPES.items())
def test_a_reply_keeps_its_words_and_loses_its_names(text: str, shape: str) -> None:
    """Codes, words and Exchange's own names stay; addresses, hosts, IPs, links, times, ids and numbers are marks."""
    assert masked(text) == shape


def test_two_replies_that_differ_in_names_alone_have_one_shape() -> None:
    """That is what they are counted together by."""
    one = "550 Quota of anna@fabrikam.example on store7.fabrikam.example (id 8F2A77C1) is 120 MB"
    other = "550 Quota of otto@tailspin.example on box.tailspin.example (id 00AA91FE) is 7 MB"
    assert masked(one) == masked(other)


def test_an_example_has_nothing_of_the_message() -> None:
    """The sample of a draft is made of the shape."""
    assert example(masked("<anna.b@secret.example> at 192.168.7.7")) == "<user@fabrikam.example> at 192.0.2.10"


@given(st.text(max_size=400))
def test_masking_takes_any_text_and_is_done_after_once(text: str) -> None:
    """Whatever the text, the shape is one line, within its bound but for the marks."""
    shape = masked(text)
    assert "\n" not in shape
    assert len(shape) < 20 * MAX_TEXT


@pytest.mark.parametrize("unit", ["a", "a.", "1.", "@", ":", "a1-", "<", "%", "2026-"])
def test_masking_is_quick_whatever_repeats(unit: str) -> None:
    """A megabyte of anything costs no more than the two thousand characters that are read."""
    began = time.process_time()
    masked(unit * 1_000_000)
    assert time.process_time() - began < 5
