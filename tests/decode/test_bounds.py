"""Whatever the bytes are, reading them ends within seconds, in little memory, and with an answer."""

import random
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.decode import decode, limits
from triage.hosts import Hosts
from triage.model import Document

SECONDS = 15
"""Generous: each takes below two on an idle machine."""
HEAD = (
    b"Return-Path: <>\nFrom: MAILER-DAEMON@contoso.example\nSubject: Undelivered Mail\nMIME-Version: 1.0\n"
)  # fmt: skip
SAID = b"\nThis is the qmail-send program at mx.contoso.example.\n\n"
REPORT = (
    HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nThe mail system\n\n"
    b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.contoso.example\n\n"
)
GROUP = b"Final-Recipient: rfc822; u%d@fabrikam.example\nAction: failed\nStatus: 5.1.1\n\n"
MB = 2**20


def _mixed(middle: bytes) -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=q\n\n" + middle


def _nested(levels: int) -> bytes:
    shell = b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b%d\n\n--b%d\nContent-Type: message/rfc822\n\n"
    return b"".join(shell % (level, level) for level in range(levels)) + REPORT + GROUP % 1


HOSTILE: dict[str, Callable[[], bytes]] = {
    "50 MB attachment": lambda: _mixed(
        b"--q\nContent-Type: image/png\n\n" + (b"A" * 76 + b"\n") * 680_000 + b"--q--\n"
    ),
    "50 MB on one line": lambda: HEAD + b"\n" + b"x" * (50 * MB),
    "50 MB of line ends": lambda: HEAD + b"\n" + b"\n" * (50 * MB),
    "1000 messages in each other": lambda: b"Content-Type: message/rfc822\n\n" * 1000 + REPORT + GROUP % 1,
    "1000 multiparts in each other": lambda: _nested(1000),
    "100,000 recipients": lambda: REPORT + b"".join(GROUP % number for number in range(100_000)),
    "100,000 recipients in prose": lambda: (
        HEAD + SAID + b"".join(b"<u%d@x.example>:\nno\n\n" % n for n in range(100_000))
    ),
    "10 MB of headers": lambda: HEAD + b"".join(b"X-%d: " % n + b"y" * 60 + b"\n" for n in range(150_000)) + b"\ntext",
    "10 MB in one header": lambda: HEAD + b"To: " + b"a@x.example,\n " * 700_000 + b"\n\ntext",
    "a boundary without end": lambda: _mixed(b"--q\n" * 2_000_000),
    "100,000 parts": lambda: _mixed(b"--q\nContent-Type: text/plain\n\nmail system\n" * 100_000),
    "parameters without end": lambda: (
        b"Content-Type: multipart/report" + b"; a*0*=x; boundary*1=y" * 12_000 + b"\n\ntext"
    ),
    "a list of comments": lambda: b"From: " + b"(" * 100_000 + b"\nTo: " + b'"\\' * 100_000 + b"\n\ntext",
    "addresses that never end": lambda: HEAD + SAID + (b"a." * 490 + b"@\n") * 8000,
    "angle brackets": lambda: HEAD + SAID + (b"<" * 990 + b"\n") * 8000,
    "replies within replies": lambda: (
        REPORT + GROUP[:-1] % 1 + b"Diagnostic-Code: smtp; 550" + b" [Message=( -> 421" * 90_000
    ),
    "returned '": lambda: HEAD + b"\nGenerating server: a\n\nu@x.example\n" + b"Remote Server returned '" * 100_000,
    "stamps": lambda: (
        REPORT + GROUP % 1 + b"--b\nContent-Type: text/rfc822-headers\n\n" + b"Received: from a (b [" * 200_000
    ),
    "punycode": lambda: HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"a" * 250_000,
}


@pytest.mark.parametrize("build", HOSTILE.values(), ids=HOSTILE)
def test_hostile_message_ends_soon(build: Callable[[], bytes]) -> None:
    """Size, depth, counts and pathological text cost seconds at most, and give a kind."""
    content = build()
    start = time.perf_counter()
    document = decode(content, Hosts())
    assert time.perf_counter() - start < SECONDS
    assert document.kind in ("bounce", "other")


@pytest.mark.parametrize("name", ["50 MB attachment", "100,000 recipients", "50 MB of line ends"])
def test_hostile_message_needs_little_memory(name: str) -> None:
    """Beside the message itself, reading takes below 300 MB at its peak."""
    content = HOSTILE[name]()
    tracemalloc.start()
    decode(content, Hosts())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 * MB


def test_recipients_beyond_the_bound_are_counted() -> None:
    """A report with more recipients than are kept says how many were left out."""
    document = decode(REPORT + b"".join(GROUP % number for number in range(limits.MAX_RECIPIENTS + 5)), Hosts())
    assert len(document.observations) == limits.MAX_RECIPIENTS
    assert document.suppressed == {"recipients": 5}


def test_report_deep_inside_is_found_within_the_bound() -> None:
    """A report attached a few times over is read; one below the bound of depth is not, and nothing breaks."""
    assert decode(_nested(limits.MAX_DEPTH - 1), Hosts()).kind == "bounce"
    assert decode(_nested(limits.MAX_DEPTH + 3), Hosts()).kind == "other"


UNREADABLE = {
    "empty": b"",
    "blank": b"\r\n \t\r\n",
    "zeros": b"\x00" * 5000,
    "a picture": b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(5000),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_message_is_unreadable(read: Callable[[bytes], Document], content: bytes) -> None:
    """Bytes that hold no text are named so, in a sentence."""
    document = read(content)
    assert document.kind == "unreadable"
    assert (document.error or "").endswith(".")


ODD = {
    "zeros inside": REPORT.replace(b"mail system", b"mail\x00system") + GROUP % 1,
    "lone surrogates": REPORT + b"Final-Recipient: utf-8; \\x{D800}@x.example\nAction: failed\n\xed\xa0\x80\n",
    "mixed line ends": (REPORT + GROUP % 1).replace(b"\n", b"\r\n", 5).replace(b"\n--b", b"\r--b", 1),
    "8-bit headers": b"X-Odd: \xff\xfe\n" + REPORT + GROUP % 1,
    "cut in the middle": (REPORT + GROUP % 1)[:-40],
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_odd_bytes_cost_no_report(read: Callable[[bytes], Document], content: bytes) -> None:
    """Zeros, surrogates, mixed line ends and cuts leave the rest readable."""
    assert read(content).kind == "bounce"


PIECES = st.sampled_from(
    [
        HEAD, SAID, REPORT, GROUP % 1, b"\n", b"\r\n\r\n", b"--b\n", b"Content-Type: ", b"message/rfc822\n\n",
        b"multipart/mixed; boundary=b\n\n", b"message/delivery-status\n\n", b"text/html\n\n<p>", b"=?utf-8?b?", b"?=",
        b"Content-Transfer-Encoding: base64\n", b"<a@x.example>: ", b"550 5.1.1 ", b" -> ", b"Remote Server returned '",
        b"Received: from a by b; ", b"charset=utf-7\n", b"Diagnostic-Code: smtp; ", b"> ", b"\xff\x00", b"Date: 99 Foo 0000\n",
        b"Last-Attempt-Date: Mon, 1 Jan 0001 00:00:00 -9999\n", b"X-Failed-Recipients: @,;<\n", b"Generating server:\n",
    ]
)  # fmt: skip
decoded = partial(decode, hosts=Hosts(), authserv_id="mx.contoso.example")


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES | st.binary(max_size=40), max_size=40))
def test_decode_never_raises_on_pieces_of_reports(pieces: list[bytes]) -> None:
    """Any order of a report's pieces, with anything between them, gives a document."""
    assert isinstance(decoded(b"".join(pieces)), Document)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_decode_never_raises_on_damaged_reports(data: st.DataObject) -> None:
    """A report in which bytes were lost or replaced gives a document."""
    content = bytearray(
        REPORT + GROUP % 1 + b"--b\nContent-Type: message/rfc822\n\nReceived: from a by b\n\nx\n--b--\n"
    )
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=12))
    assert isinstance(decoded(bytes(content)), Document)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=2000))
def test_decode_never_raises_on_any_bytes(content: bytes) -> None:
    """Any bytes give a document."""
    assert isinstance(decoded(content), Document)
