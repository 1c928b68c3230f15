"""A draft of a rule for a shape that no rule matches: for a person to finish, never active by itself."""

import re
import tomllib
from functools import cache
from pathlib import Path

from triage import safe_text
from triage.curate.mask import MARKS, example
from triage.curate.unmatched import Cluster
from triage.diagnose.pattern import find

STATUS_CODES = Path(__file__).parent.parent / "knowledge" / "status_codes.toml"
OPEN = "to-be-decided"
"""Stands where a person has to decide; `triage rules check` refuses it, so it cannot become active by oversight."""
MAX_PATTERN = 160
LEAST_WORDS = 2
"""Words of its own that a text must have: fewer would match anything."""

_PIECE = re.compile(r"(\{(?:address|host|ip|link|time|id|n)\})")
_HEAD = re.compile(r"^(?:[245]\d\d[ -]*)?(?:#?[245]\.\d{1,3}\.\d{1,3}[ :-]*)?")


def draft(cluster: Cluster, read_on: str) -> str:
    """Give the draft as TOML in the schema of docs/rules.md, each line a comment.

    The category is what the status code alone allows to say, else open. The sample has example names in place of what
    the messages held.
    """
    pattern, sample = pattern_of(cluster.mask), example(cluster.mask)
    category, why = _category(cluster)
    lines = [
        f"# Read {cluster.count} times; {why}.",
        "[[rule]]",
        f'id = "{category}.{_slug(cluster.mask)}"',
        f"title = {_quoted('To be written: ' + _words(cluster.mask))}",
        f'category = "{category}"',
    ]
    if cluster.reply_code is not None:
        lines.append(f"when.reply_code = [{cluster.reply_code}]")
    if cluster.status is not None:
        lines.append(f"when.status = '{re.escape(cluster.status)}'")
    if pattern is not None and find(pattern, sample):
        lines.append(f"when.text = '{pattern}'")
    elif cluster.reply_code is None and cluster.status is None:
        lines.append("when.text = ''  # the text has too few words of its own: nothing to go by")
    lines += [
        f"samples = [{_sample(sample, cluster)}]",
        "synthetic = true",
        'source = "our own mail"',
        f"read_on = {read_on}",
    ]
    return "".join(f"# {line}\n" for line in lines)


def pattern_of(mask: str) -> str | None:
    """Give a pattern for a shape, without code and status; None where it has too few words of its own."""
    text = _HEAD.sub("", mask, count=1)
    if len(re.findall(r"[^\W\d_]{3,}", _PIECE.sub(" ", text))) < LEAST_WORDS:
        return None
    out = ""
    for piece in _PIECE.split(text):
        one = r"\S{1,255}" if piece in MARKS else _escaped(piece)
        if len(out) + len(one) > MAX_PATTERN:
            words = one[: max(0, MAX_PATTERN - len(out))].rpartition(" ")[0].rstrip("\\")
            out += words if piece not in MARKS else ""
            break
        out += one
    return "(?i)" + out.strip()


def _escaped(text: str) -> str:
    # A quote would end the literal of TOML; any one character stands for it.
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text).replace("'", ".")


def _category(cluster: Cluster) -> tuple[str, str]:
    key = (cluster.status or "").partition(".")[2]
    known = _codes().get(key)
    if known is None:
        return OPEN, "category open: the status code does not say"
    return known, f"category from the status code {cluster.status} alone: confirm it or change it"


@cache
def _codes() -> dict[str, str]:
    content = tomllib.loads(STATUS_CODES.read_text(encoding="utf-8"))
    return {key: entry["category"] for key, entry in content["iana"].items() if "category" in entry}


def _slug(mask: str) -> str:
    words = re.findall(r"[a-z]{3,20}", _PIECE.sub(" ", _HEAD.sub("", mask, count=1)).lower())
    return "-".join(words[:4]) or "code"


def _words(mask: str) -> str:
    return _PIECE.sub("…", _HEAD.sub("", mask, count=1))[:80]


def _sample(text: str, cluster: Cluster) -> str:
    """Give a sample; where the report told code or status elsewhere than in the text, with them beside it."""
    head = _HEAD.match(text)
    said = head.group() if head else ""
    beside = []
    if cluster.reply_code is not None and str(cluster.reply_code) not in said:
        beside.append(f"reply_code = {cluster.reply_code}")
    if cluster.status is not None and cluster.status not in said:
        beside.append(f'status = "{cluster.status}"')
    return f"{{ {', '.join([f'text = {_quoted(text)}', *beside])} }}" if beside else _quoted(text)


def _quoted(text: str) -> str:
    """Give a basic string of TOML; what came from a message is one line of what can be seen."""
    return '"' + safe_text.one_line(text, 1_000).replace("\\", "\\\\").replace('"', '\\"') + '"'
