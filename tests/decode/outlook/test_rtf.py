"""Compressed RTF is undone as [MS-OXRTFCP] says, and its text read, whatever stands in it."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.decode import decode
from triage.decode.mapi import as_message
from triage.decode.message import read_mail
from triage.decode.msg_file import read_msg
from triage.decode.rtf import MAX_RTF, decompressed, text_of_rtf
from triage.hosts import Hosts

Writer = Callable[[dict[str, Any]], bytes]
INTEGER, UNICODE, BINARY = 0x0003, 0x001F, 0x0102

EXAMPLE = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232 0af32068656c090020627705b06c647d0a800fa0".replace(
        " ", ""
    )
)
"""[MS-OXRTFCP] section 4.1.1: a simple compressed text."""
CROSSING = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
"""[MS-OXRTFCP] section 4.1.2: a reference that reaches into what it writes itself."""


def stored(rtf: bytes) -> bytes:
    """Give RTF as it is stored without compression ([MS-OXRTFCP] section 2.1.3.1)."""
    return (len(rtf) + 12).to_bytes(4, "little") + len(rtf).to_bytes(4, "little") + b"MELA" + bytes(4) + rtf


def literal(rtf: bytes) -> bytes:
    """Give RTF compressed by the simplest writer: eight letters as they are behind each control byte."""
    packed = b"".join(b"\0" + rtf[at : at + 8] for at in range(0, len(rtf), 8))
    return (len(packed) + 12).to_bytes(4, "little") + len(rtf).to_bytes(4, "little") + b"LZFu" + bytes(4) + packed


def test_the_examples_of_the_document() -> None:
    """Both examples give the bytes that the document says."""
    assert decompressed(EXAMPLE) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert decompressed(CROSSING) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert text_of_rtf(EXAMPLE) == "hello world"


def test_both_ways_of_storing_give_the_same() -> None:
    """What is stored raw and what is compressed letter by letter is one text."""
    rtf = b"{\\rtf1\\ansi 550 5.1.1 User unknown\\par}"
    assert text_of_rtf(stored(rtf)) == text_of_rtf(literal(rtf)) == "550 5.1.1 User unknown\n"


TEXTS = [
    (rb"{\rtf1 a\par b\line c\tab d}", "a\nb\nc\td"),
    (rb"{\rtf1 \{x\}\\ a\~b}", "{x}\\ a b"),
    (rb"{\rtf1\ansi\ansicpg1250 \'9elu\'9dou\'e8k\'fd}", "žluťoučký"),
    (
        rb"{\rtf1{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}\f1 \'cf\'f0\'e8\'e2\'e5\'f2\f0  ok}",
        "Привет ok",
    ),
    (rb"{\rtf1\uc1 \u8364?5 \u-10179?}", "€5 \ufffd"),
    (rb"{\rtf1\uc2\u26085 ##x}", "日x"),
    (rb"{\rtf1{\*\generator X;}{\info{\title T}}{\field{\*\fldinst HYPERLINK y}{\fldrslt z}}}", "z"),
    (rb"{\rtf1 a{\*\htmltag64 <p>}\htmlrtf \par\htmlrtf0 b}", "a\nb"),
    (rb"{\rtf1 a{\pict\bin5 }}}}}b}c}", "ac"),
    (b"{\\rtf1 a\r\nb}", "ab"),
    (b"no rtf at all", ""),
]


@pytest.mark.parametrize(("rtf", "text"), TEXTS, ids=range(len(TEXTS)))
def test_the_text_of_rtf(rtf: bytes, text: str) -> None:
    """Paragraphs, escapes, code pages of the document and of fonts, Unicode with its stand-in, hidden groups."""
    assert text_of_rtf(stored(rtf)) == text


def test_a_report_whose_text_is_rtf_alone_is_read(msg: Writer, winmail: Writer) -> None:
    """A `.msg` and a `winmail.dat` with nothing but PR_RTF_COMPRESSED (0x1009) say what their text says."""
    rtf = (
        rb"{\rtf1\ansi\ansicpg1252\fromtext Delivery has failed to these recipients or groups:\par\par "
        rb"anna@fabrikam.example\par\par Diagnostic information for administrators:\par\par "
        rb"Generating server: hq-ex16.contoso.example\par\par anna@fabrikam.example\par "
        rb"mx.fabrikam.example\par Remote Server returned '550 5.1.1 User unknown'\par}"
    )
    properties = {
        (0x001A, UNICODE): "IPM.Note",
        (0x0037, UNICODE): "Undeliverable: Offer",
        (0x0C1F, UNICODE): "postmaster@contoso.example",
        (0x1009, BINARY): literal(rtf),
    }
    for content in (msg({"properties": properties}), winmail({"properties": properties})):
        (one,) = decode(content, Hosts()).observations
        assert (one.recipient, one.reply_code, one.status, one.receiving_host) == (
            "anna@fabrikam.example",
            550,
            "5.1.1",
            "mx.fabrikam.example",
        )


HOSTILE = [
    b"{\\rtf1" + b"{" * 1_000_000, b"{\\rtf1 " + b"\\" * 1_000_000, b"{\\rtf1 " + b"\\'e4" * 250_000,
    b"{\\rtf1 " + b"\\bin9999999999 " * 60_000, b"{\\rtf1 " + b"\\u8364?" * 140_000,
    b"{\\rtf1{\\fonttbl" + b"{\\f1\\fcharset204 A;}" * 50_000,
]  # fmt: skip


@pytest.mark.parametrize("rtf", HOSTILE, ids=["groups", "escapes", "bytes", "binary", "unicode", "fonts"])
def test_hostile_rtf_ends_soon(rtf: bytes) -> None:
    """A megabyte of the worst is read in seconds on a slow machine (a fraction of one here)."""
    began = time.process_time()
    text_of_rtf(stored(rtf))
    assert time.process_time() - began < 5


def repeated(size: int) -> bytes:
    """Give RTF whose text is a run of `x` of about this size, compressed by references to the letter before."""
    packed, write = bytearray(b"\0{\\rtf1 x"), 207 + 8
    for _ in range(size // 17 // 8 + 1):
        packed.append(0xFF)
        for _ in range(8):
            packed += ((write - 1) % 4096 << 4 | 15).to_bytes(2)
            write = (write + 17) % 4096
    return bytes(8) + b"LZFu" + bytes(4) + bytes(packed)


def test_what_is_put_out_is_bounded() -> None:
    """A text that references make eight times as long as what is stored ends at the bound."""
    assert len(decompressed(repeated(MAX_RTF * 2))) == MAX_RTF
    assert text_of_rtf(repeated(1000)).count("x") >= 1000


@pytest.mark.parametrize(("size", "told"), [(1000, True), (MAX_RTF * 2, False)])
def test_items_within_an_item_share_the_bound(msg: Writer, size: int, told: bool) -> None:
    """What the outer item's RTF uses up is not there for the items within it."""
    inner = {"properties": {(0x001A, UNICODE): "IPM.Note", (0x1009, BINARY): stored(b"{\\rtf1 inner text}")}}
    outer = {(0x001A, UNICODE): "IPM.Note", (0x1009, BINARY): repeated(size)}
    item = read_msg(msg({"properties": outer, "attached": [({(0x3705, INTEGER): 5}, inner)]}))
    assert item is not None
    (within,) = read_mail(as_message(item)).attached
    assert any("inner text" in leaf.text for leaf in within.leaves) is told


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_error(tail: bytes) -> None:
    """Whatever stands behind a head, raw or compressed, gives a text."""
    for kind in (b"LZFu", b"MELA"):
        assert isinstance(text_of_rtf(bytes(4) + b"\xff\xff\0\0" + kind + bytes(4) + tail), str)
        assert isinstance(text_of_rtf(bytes(4) + b"\xff\xff\0\0" + kind + bytes(4) + b"{\\rtf1 " + tail), str)
