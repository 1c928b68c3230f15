"""Compressed RTF ([MS-OXRTFCP]) → text: the only body that some of Outlook's items have. Read within bounds.

No library: the one that undoes the compression bounds neither what it makes nor what it reads, and none gives the text
of RTF whose letters stand in several code pages. What is damaged is read as far as it goes.
"""

import re
from codecs import lookup
from collections.abc import Callable

import msgspec

MAX_RTF = 2**20
"""Bytes of RTF, of an item with all within it: a report has some ten thousand, and a megabyte takes half a second."""
MAX_DEPTH = 256
"""Groups within groups; RTF readers refuse more than some hundred."""
MAX_FONTS = 500

_HEAD, _COMPRESSED, _RAW = 16, b"LZFu", b"MELA"
_WINDOW = 4096
_PRELOAD = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans Serif"
    rb"SymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""[MS-OXRTFCP] section 2.1.2.1: what the window holds at first."""
_TOKEN = re.compile(
    r"\\(?P<word>[A-Za-z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<hex>[0-9A-Fa-f]{2})|\\(?P<sign>[^A-Za-z'])"
    r"|(?P<brace>[{}])|(?P<text>[^\\{}\r\n]+)"
)
_BREAKS = {
    "par": "\n",
    "line": "\n",
    "row": "\n",
    "sect": "\n",
    "page": "\n",
    "tab": "\t",
    "cell": "\t",
    "nestcell": "\t",
}
_SIGNS = {"emdash": "\u2014", "endash": "\u2013", "lquote": "'", "rquote": "'", "ldblquote": '"', "rdblquote": '"',
          "bullet": "\u2022", "emspace": " ", "enspace": " "}  # fmt: skip
_ESCAPED = {"\\": "\\", "{": "{", "}": "}", "~": " ", "_": "-", "\n": "\n", "\r": "\n"}
_HIDDEN = frozenset(
    {
        "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "headerl", "headerr", "footerl", "footerr",
        "listtable", "listoverridetable", "rsidtbl", "generator", "themedata", "datastore", "latentstyles", "fldinst",
        "filetbl", "revtbl", "xmlnstbl", "footnote", "annotation", "pntext",
    }
)  # fmt: skip
"""Groups that hold no text of the message."""
_CHARSETS = {77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "big5", 161: "cp1253", 162: "cp1254",
             163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
             255: "cp437"}  # fmt: skip
"""The code pages of `\\fcharset` numbers; all others are the document's own."""


class _Group(msgspec.Struct):
    """What holds until a group ends: whether its text is hidden, the font, and the characters behind each `\\u`."""

    hidden: bool = False
    in_fonts: bool = False
    font: int = 0
    fallback: int = 1


class RtfRoom(msgspec.Struct):
    """How many bytes of RTF may still be read for one item and what is within it."""

    left: int = MAX_RTF


def text_of_rtf(content: bytes, room: RtfRoom | None = None) -> str:
    """Give the text of a PidTagRtfCompressed value; empty where it is none. Never raises."""
    room = room or RtfRoom()
    rtf = decompressed(content, room.left)
    room.left -= len(rtf)
    return _Text(rtf).read()


def decompressed(content: bytes, at_most: int = MAX_RTF) -> bytes:
    """Undo the compression ([MS-OXRTFCP] section 2.2.2), up to a bound; the checksum is not asked for."""
    kind, packed = content[8:12], content[_HEAD:]
    if kind == _RAW:
        return packed[: max(0, min(int.from_bytes(content[4:8], "little"), at_most))]
    return _unpacked(packed, at_most)[: max(0, at_most)] if kind == _COMPRESSED else b""


def _unpacked(packed: bytes, at_most: int) -> bytes:
    window = bytearray(_PRELOAD.ljust(_WINDOW, b" "))
    write, at, out = len(_PRELOAD), 0, bytearray()
    while at < len(packed) and len(out) < at_most:
        control = packed[at]
        at += 1
        for bit in range(8):
            if not control >> bit & 1:
                piece = packed[at : at + 1]
                at += 1
            else:
                reference = int.from_bytes(packed[at : at + 2])
                at += 2
                start = reference >> 4
                if start == write or at > len(packed):
                    return bytes(out)
                piece = _copied(window, start, (reference & 15) + 2, write)
            for one in piece:
                window[write] = one
                write = (write + 1) % _WINDOW
            out += piece
    return bytes(out)


def _copied(window: bytearray, start: int, size: int, write: int) -> bytes:
    """Give what a reference stands for; it may reach into what it writes itself."""
    distance = (write - start) % _WINDOW
    piece = bytes(window[(start + at) % _WINDOW] for at in range(min(size, distance)))
    return (piece * (size // len(piece) + 1))[:size]


class _Text:
    """Reads RTF once from its start to its end."""

    def __init__(self, content: bytes) -> None:
        self._rtf = content.decode("latin-1")
        self._groups = [_Group()]
        self._page = "cp1252"
        self._fonts: dict[int, str] = {}
        self._out: list[str] = []
        self._bytes = bytearray()
        self._skip = 0
        self._meaning: dict[str, Callable[[int], None]] = {
            "ansicpg": self._take_page, "f": self._take_font, "fcharset": self._take_charset, "u": self._take_unicode,
            "uc": self._take_fallback, "plain": self._take_plain,
        }  # fmt: skip

    def read(self) -> str:
        """Give the text, a line for each paragraph."""
        if not self._rtf.startswith("{\\rtf"):
            return ""
        at = 0
        while found := _TOKEN.search(self._rtf, at):
            at = found.end()
            if found["word"] == "bin":
                at += max(0, min(int(found["number"] or 0), MAX_RTF))
            elif not self._take(found):
                break
        self._flush()
        return "".join(self._out)

    def _take(self, found: re.Match[str]) -> bool:
        """Take one token; False where groups nest too deep to go on."""
        if found["brace"]:
            return self._brace(found["brace"])
        if found["word"]:
            self._word(found["word"], int(found["number"] or 0))
        elif found["hex"]:
            self._add(bytes.fromhex(found["hex"]))
        elif found["sign"] == "*":
            self._groups[-1].hidden = True
        elif found["sign"]:
            self._say(_ESCAPED.get(found["sign"], ""))
        else:
            self._add(found["text"].encode("latin-1"))
        return True

    def _brace(self, brace: str) -> bool:
        self._flush()
        self._skip = 0
        if brace == "{":
            self._groups.append(msgspec.structs.replace(self._groups[-1]))
        elif len(self._groups) > 1:
            self._groups.pop()
        return len(self._groups) <= MAX_DEPTH

    def _word(self, word: str, number: int) -> None:
        group = self._groups[-1]
        if word in _HIDDEN:
            group.hidden = True
        elif word == "fonttbl":
            group.hidden = group.in_fonts = True
        elif take := self._meaning.get(word):
            take(number)
        else:
            self._say(_BREAKS.get(word) or _SIGNS.get(word, ""))

    def _take_page(self, number: int) -> None:
        self._page = _known(f"cp{number}") or self._page

    def _take_font(self, number: int) -> None:
        self._flush()
        self._groups[-1].font = number

    def _take_charset(self, number: int) -> None:
        if self._groups[-1].in_fonts and number in _CHARSETS and len(self._fonts) < MAX_FONTS:
            self._fonts[self._groups[-1].font] = _CHARSETS[number]

    def _take_fallback(self, number: int) -> None:
        self._groups[-1].fallback = min(max(number, 0), 16)

    def _take_plain(self, _: int) -> None:
        self._take_font(0)

    def _take_unicode(self, number: int) -> None:
        point = number % 0x10000
        self._say("\ufffd" if 0xD800 <= point < 0xE000 else chr(point))
        self._skip = self._groups[-1].fallback

    def _add(self, content: bytes) -> None:
        """Add bytes of the font's code page, but for those that only stand in for the letter before them."""
        dropped = min(self._skip, len(content))
        self._skip -= dropped
        if not self._groups[-1].hidden:
            self._bytes += content[dropped:]

    def _say(self, text: str) -> None:
        if text and not self._groups[-1].hidden:
            self._flush()
            self._out.append(text)

    def _flush(self) -> None:
        if self._bytes:
            self._out.append(self._bytes.decode(self._fonts.get(self._groups[-1].font, self._page), "replace"))
            self._bytes.clear()


def _known(name: str) -> str | None:
    try:
        return lookup(name).name
    except LookupError:
        return None
