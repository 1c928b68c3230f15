"""The text of an export, whatever shell saved it: unpacked, decoded, line by line, or as JSON."""

import codecs
import csv
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from triage.decode.straight import Straight

GZIP = b"\x1f\x8b\x08"
HEAD = 64 * 2**10
"""What shows how an export is written: what a shell prints before the first row is far shorter."""

_COLOUR = re.compile(r"\x1b\[[0-9;?]{0,30}[A-Za-z]")
_SPACES = Straight({"\u00a0": " ", **dict.fromkeys("\ufeff\u200b\u200c\u2060\u00ad", "")})
"""Byte order marks, no-break spaces, and what web pages put into long words so that they can be broken."""
_OPENING = re.compile(r"[{\[]")


def unpacked(content: bytes, most: int) -> bytes | None:
    """Unpack gzip, also of several members; None where it is damaged, or holds more than `most` bytes."""
    out: list[bytes] = []
    while content.startswith(GZIP):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            out.append(unpacker.decompress(content, most + 1))
        except zlib.error:
            return None
        most -= len(out[-1])
        if most < 0 or not unpacker.eof:
            return None
        content = unpacker.unused_data
    return b"".join(out)


def unpacked_start(content: bytes) -> bytes:
    """Unpack the first `HEAD` bytes of gzip; nothing where it is damaged there."""
    try:
        return zlib.decompressobj(wbits=31).decompress(content, HEAD)
    except zlib.error:
        return b""


def text_of(content: bytes) -> str | None:
    """Decode an export: UTF-16 as PowerShell 5 writes it, UTF-8, else Windows-1252; None for what is no text."""
    start = content[:512].rstrip(b"\0\r\n ")
    if (goes_on := _goes_on_in_utf16(start)) is not None:
        return f"{content[:goes_on].decode('ascii')}{text_of(content[goes_on:]) or ''}"
    charset = "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        charset = "utf-16"
    elif b"\0" in start:
        even, odd = start[::2].count(0), start[1::2].count(0)
        if not (even == 0 and odd * 3 > len(start)) and not (odd == 0 and even * 3 > len(start)):
            return None
        charset = "utf-16-be" if even else "utf-16-le"
    try:
        return plain_text(content.decode(charset))
    except UnicodeDecodeError as error:
        if charset == "utf-8-sig" and len(content) - error.start > 3:
            charset = "cp1252"
        # Cut within a character, as the start of a larger file is: what stands before is as it was.
        return plain_text(content.decode(charset, "replace"))


def _goes_on_in_utf16(start: bytes) -> int | None:
    """Give where ASCII lines end and UTF-16 begins: `>>` of Windows PowerShell 5 does so to a file of another's making."""
    zero = start.find(b"\0")
    if zero < 2 or start[: zero - 1][-1:] != b"\n" or not start[: zero - 1].isascii():
        return None
    return zero - 1


def plain_text(text: str) -> str:
    """Take out what shells and web pages put between characters: colours, byte order marks, no-break spaces."""
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    return _SPACES.of(text)


def lines_of(text: str) -> Iterator[str]:
    """Give the lines of a text one by one, without their ends: a list of them takes several times the text's room."""
    if "\n" not in text[:HEAD]:
        text = text.replace("\r", "\n")
    at = 0
    while (end := text.find("\n", at)) >= 0:
        yield text[at : end - 1 if text[end - 1 : end] == "\r" else end]
        at = end + 1
    yield text[at:]


def joined(pieces: Sequence[str], width: int) -> str:
    """Put together what a console broke at the width of a column.

    It breaks at spaces; within a word it breaks only where the word is longer than the column, and such a word fills
    its line to the last place.
    """
    out = list(pieces[:1])
    word = _last_word(out[0]) if out else 0
    for above, piece in pairwise(pieces):
        first = piece.partition(" ")[0]
        # A bracket opens a word: the host that stamped a reply stands in brackets behind a space.
        broken = len(above) == width and word + len(first) > width and first[:1] != "["
        out.append(piece if broken else f" {piece}")
        word = (word if broken else 0) + len(first) if first == piece else _last_word(piece)
    return "".join(out)


def _last_word(text: str) -> int:
    return len(text) - text.rfind(" ") - 1


def json_values(text: str) -> tuple[list[Any], bool]:
    """Give the values of JSON that stand one behind the other, as a shell prints them, and whether one is damaged.

    What stands around them (a prompt, the end of a transcript) is passed over; what follows a damaged one is not read.
    """
    try:
        return [msgspec.json.decode(text)], False
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        pass
    values: list[Any] = []
    decoder = json.JSONDecoder()
    end = 0
    for found in _OPENING.finditer(text):
        if found.start() < end or not _begins_value(text, found.start(), end):
            continue
        try:
            value, end = decoder.raw_decode(text, found.start())
        except (ValueError, RecursionError):
            return values, True
        values.append(value)
    return values, False


def _begins_value(text: str, at: int, end: int) -> bool:
    """Tell the bracket that begins a line and a value from one in what a shell prints around it: `[PS] C:>`."""
    line = text.rfind("\n", end, at) + 1
    if text[max(line, end, at - 200) : at].strip():
        return False
    return text[at + 1 : at + 2000].lstrip()[:1] in ('"', "{", "[", "}", "]")


def record(line: str, delimiter: str = ",", *, skips_blanks: bool = False) -> list[str]:
    """Give the values of one line of delimited text; nothing where a value passes the bound or a quote breaks it.

    `skips_blanks`: blanks behind a delimiter belong to no value, also before a quote.
    """
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=skips_blanks), [])
    except csv.Error:
        return []
