"""The words of `phrases/exchange.toml`, ready to search with, and what every generation of human part has in common."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path

import msgspec

from triage.decode.failure import FULL_WIDTH
from triage.decode.reply import address
from triage.decode.straight import Straight

ADDRESS = re.compile(
    rf"(?<![\w.@+=/-])(?P<address>[^\s@<>()\[\],;:\"|'{FULL_WIDTH}]{{1,256}}@"
    r"(?:[\w-]{1,63}\.){1,12}(?:xn--[A-Za-z0-9-]{2,59}|[^\W\d_]{2,24}))"
)
HOST = re.compile(r"(?<![\w.@-])(?P<host>(?:[A-Za-z0-9_-]{1,63}\.){1,12}[A-Za-z][A-Za-z0-9-]{1,62})\.?(?![\w@])")
HEADER_BLOCK = re.compile(
    r"(?:^|\n|[:：]\s{0,8})(?P<start>(?:Received|ARC-Seal|Authentication-Results|DKIM-Signature|Return-Path"
    r"|X-MS-[\w-]{1,60}|From|MIME-Version|Message-ID): )|(?P<run_on>Received: (?:from|by) )"
)
_STRAIGHT = Straight(
    {"\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00a0": " "}
    | dict.fromkeys("\u200b\u200e\u200f\ufeff\u00ad", "")
    | {"\u202f": " ", "\u3000": " "}
)
_COLON = re.compile("[:：]")
_ENDING = 4
"""Letters by which most words are told from the end of a label; the shortest label has seven."""
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_LINKED = re.compile(r"(?<=[^\s<>])<https?://[^<>\s]{1,2000}>(?!\w)")
"""Behind a name that a program made a link of: `mx.fabrikam.example<http://mx.fabrikam.example>`."""
_MARKED_ADDRESS = re.compile(r"\[([^\s\[\]()]{3,320})\]\(mailto:[^\s()]{3,400}\)")
_EMPHASIS = re.compile(r"(?m)(?<![\w*])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w*])|(?:^|(?<=\s))/(?=[^\s/])|(?<=[^\s/])/$")
"""Of bold labels and italic values, as mail clients write them in text."""
_CODE_MARKS = re.compile(r"(?m)(?:^[ \t]{0,8}|(?<=: ))`{1,3}|`{1,3}[ \t]{0,8}$")
"""Of Markdown: around a line, or a value behind its label."""
_QUOTED_LINE = re.compile(r"\n[ \t]{0,8}>")
_QUOTE_MARKS = re.compile(r"(?m)^[ \t]{0,8}(?:> ?){1,12}")


class Words(msgspec.Struct, frozen=True):
    """Known labels: `label` matches a text that ends with one, `kinds` tells which one it is.

    `endings` are their last letters and `longest` the characters of the longest with its colon: so a colon is looked
    at closely only where it may stand behind a label.
    """

    label: re.Pattern[str]
    endings: frozenset[str]
    longest: int
    kinds: dict[str, str]
    sections: tuple[str, ...]
    undeliverable: tuple[str, ...]
    delayed: tuple[str, ...]
    forwarded: tuple[str, ...]
    languages: dict[str, str]
    """The language that a word tells, for the words that one language alone has."""


@cache
def words() -> Words:
    """Read the data file once."""
    data = tomllib.loads((Path(__file__).parent / "phrases" / "exchange.toml").read_text("utf-8"))
    kinds = {label: kind for kind, labels in data["labels"].items() for label in labels}
    kinds |= dict.fromkeys(data["headings"]["diagnostic_information"], "heading")
    longest_first = sorted(kinds, key=len, reverse=True)
    any_label = "|".join(re.escape(label).replace(r"\ ", r"\s{1,4}") for label in longest_first)
    return Words(
        label=re.compile(rf"(?P<label>{any_label})\s{{0,3}}\Z", re.IGNORECASE),
        endings=frozenset(label[-_ENDING:] for label in kinds),
        longest=max(len(label) + 3 * label.count(" ") for label in kinds) + 3,
        kinds=kinds,
        sections=tuple(data["headings"]["sections"]),
        undeliverable=tuple(data["subjects"]["undeliverable"]),
        delayed=tuple(data["subjects"]["delayed"]),
        forwarded=tuple(data["subjects"]["forwarded"]),
        languages={word: language for language, words in data["languages"].items() for word in words},
    )


def plain(text: str) -> str:
    """Take a forwarder's changes back: curly quotes, `> ` marks, no-break spaces, carriage returns, HTML or Markdown in text."""
    text = _STRAIGHT.of(text.replace("\r\n", "\n").replace("\r", "\n"))
    if "&lt;" in text or "&#39;" in text:
        text = unescape(_BREAK.sub("", text))
    if "<http" in text or "](mailto:" in text:
        text = _LINKED.sub("", _MARKED_ADDRESS.sub(r"\1", text))
    if ":*" in text:
        text = _EMPHASIS.sub("", text)
    if "`" in text:
        text = _CODE_MARKS.sub("", text)
    is_quoted = ">" in text and (text.lstrip(" \t").startswith(">") or _QUOTED_LINE.search(text))
    return _QUOTE_MARKS.sub("", text) if is_quoted else text


def labelled(text: str) -> dict[str, str]:
    """Give the value behind each known label, the first of each kind: up to the line's end or the next label."""
    found = list(_labels(text))
    values: dict[str, str] = {}
    for (_, end, label), following in zip(found, [*found[1:], None], strict=False):
        kind = words().kinds[" ".join(label.lower().split())]
        stop = following[0] if following else len(text)
        value = text[end:stop].strip()
        if kind != "reported_error":
            line, broken, _ = value.partition("\n")
            value = line.strip() if broken else _without_section(value, anywhere=kind != "subject")
        values.setdefault(kind, value)
    return values


def _labels(text: str) -> Iterator[tuple[int, int, str]]:
    """Give where each label begins, where its colon ends, and the label as it stands."""
    known = words()
    for colon in _COLON.finditer(text):
        at = colon.start()
        if text[max(0, at - _ENDING - 3) : at].rstrip()[-_ENDING:].lower() not in known.endings:
            continue
        start = max(0, at - known.longest)
        if label := known.label.search(text, start, at):
            yield label.start(), colon.end(), label.group("label")


def _without_section(value: str, *, anywhere: bool) -> str:
    """Cut off the heading of the next section where the text has lost its line breaks; a subject may hold its words."""
    for section in words().sections:
        at = value.rfind(section)
        if at >= 0 and (anywhere or value.endswith(section)):
            value = value[:at].strip()
    return value


def name_and_address(text: str) -> tuple[str | None, str | None]:
    """Read `host (address)`: a name only where it is a host's (it has a dot and no space), an address if there is one.

    A mailbox database (`mdb27`) and a connector (`edgesync - site to internet`) stand in the same place: they are no
    hosts, but the address in brackets is that of the server that was tried.
    """
    name, _, behind = text.strip().partition("(")
    ip = address(behind.partition(")")[0])
    name = name.strip().rstrip(".")
    if as_ip := address(name):
        return None, ip or as_ip
    found = HOST.fullmatch(name)
    return (found.group("host") if found else None), ip


def same_host(one: str | None, other: str | None) -> bool:
    """True where both names are known and equal but for case and the final dot."""
    return one is not None and other is not None and one.lower().rstrip(".") == other.lower().rstrip(".")


def last_of(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Give the last match of a pattern."""
    *_, last = (None, *pattern.finditer(text))
    return last
