"""Encoded text → text: charsets of parts (RFC 2045) and encoded words of header values (RFC 2047). Never raises."""

import codecs
import email.errors
import re
from email.header import decode_header
from functools import lru_cache
from typing import Any

from triage.decode.limits import MAX_HEADER

_ISO_2022_JP = re.compile(rb"\x1b\$[@B]")
"""What puts ISO-2022-JP (RFC 1468) into its second character set: nothing else in a mail holds it."""
_NOT_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_FOLD = re.compile(r"[\r\n]+[ \t]*")
MAX_NAME = 40
"""Characters of a charset's name."""
_CHARSET_NAME = re.compile(rf"[\w.:+-]{{1,{MAX_NAME}}}")


def known_charset(name: str | None) -> str | None:
    """Give the name of a charset of text in lower case, None for any other; what is called something of utf is UTF-8."""
    return _known_charset(name) if name and len(name) <= MAX_NAME else None


@lru_cache(maxsize=64)
def _known_charset(name: str) -> str | None:
    if not _CHARSET_NAME.fullmatch(name):
        return None
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        found = None
    is_text = found is not None and found.name not in _NOT_CHARSETS and getattr(found, "_is_text_encoding", True)
    return name.lower() if is_text else "utf-8" if "utf" in name.lower() else None


def decode_text(content: bytes, charset: str | None) -> str:
    """Decode bytes as their part says; where it says nothing usable, as UTF-8 or else as Windows-1252. Never raises."""
    if charset and _CHARSET_NAME.fullmatch(charset):
        try:
            name = codecs.lookup(charset).name
            if name not in _NOT_CHARSETS and name not in ("ascii", "utf-8"):
                return content.decode(name, "replace")
        except (LookupError, ValueError):
            pass
    if _ISO_2022_JP.search(content):
        return content.decode("iso2022_jp", "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        as_utf8 = content.decode("utf-8", "replace") if charset and "utf" in charset.lower() else None
    return as_utf8 if as_utf8 is not None and _is_utf8(as_utf8) else content.decode("cp1252", "replace")


def _is_utf8(text: str) -> bool:
    """True for a text that was declared as UTF-8 and is that for the greater part: one that was cut, or mixed."""
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    return text.count("\ufffd") * 2 <= foreign


def decode_words(value: str) -> str:
    """Decode the RFC 2047 words of a header value; what cannot be decoded stays as it is."""
    value = value[:MAX_HEADER]
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except (ValueError, email.errors.HeaderParseError):
        return value
    return "".join(
        piece if isinstance(piece, str) else decode_text(piece, charset or "ascii") for piece, charset in pieces
    )


def unfolded(value: Any) -> str:
    """Put a header value on one line; octets that are no ASCII are read as UTF-8, else as Windows-1252."""
    text = str(value)[:MAX_HEADER]
    if not text.isascii():
        text = decode_text(text.encode("utf-8", "surrogateescape"), None)
    return _FOLD.sub(" ", text).strip() if "\n" in text or "\r" in text else text.strip()
