"""Hostile values in every text field of an observation, on the whole way to every place where text goes out."""

import csv
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from markdown_it import MarkdownIt

from tests.group.sources import ndr, reading
from triage.diagnose import explain
from triage.group import SqliteDocuments, incidents, keep
from triage.model import Observation, Product, Reply
from triage.model.wire import reading_pieces
from triage.pipeline import Parts, count, settle, tell
from triage.settings import Settings
from triage.wiring import parts_of

NOW = "2026-10-20T12:00:00Z"
HOSTILE = {
    "script": "<script>alert('evil')</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "attribute": "' onmouseover='alert(1)",
    "markdown link": "[pay here](https://evil.example/a)",
    "markdown picture": "![x](https://evil.example/p.png)",
    "autolink": "<https://evil.example/b> and www.evil.example",
    "reference": "[x]: https://evil.example/c",
    "script link": "[x](javascript:alert(1))",
    "mention": "<at>Everyone</at> @channel @here [~admin]",
    "card binding": "{{DATE(2026-01-01T00:00:00Z,SHORT)}} ${system}",
    "formula": '=HYPERLINK("https://evil.example/d","x")',
    "formula behind a comma": "x;=cmd|' /C calc'!A0",
    "tab formula": "\t@SUM(1+1)*cmd|'/C calc'!A0",
    "powershell": "'; Remove-Item C:\\ -Recurse; '",
    "curly quote": "\u2019; Remove-Item C:\\ -Recurse; \u2018",
    "subexpression": "$(Remove-Item C:\\) `whoami`",
    "registry": "x\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\evil]\r\n\"a\"=\"b\"",
    "escape sequence": "\x1b]0;evil\x07\x1b[2J\x1b[31mred\x9b1m",
    "line ends": "a\r\nBcc: evil@evil.example\r\n\r\nbody\u2028next",
    "fence": "```\n# evil heading\n| a | b |\n---\n",
    "path": "../../../etc/evil",
    "direction": "\u202egpj.evil\u2066",
    "zero": "a\x00b",
    "template": "{{ 7*7 }}{% include 'evil' %}",
    "comment": "--> <!-- evil -->",
}  # fmt: skip
OPTIONS = {"source", "action", "impact"}
"""Fields of a fixed list of words: the decoder's own, never a message's."""


def hostile(value: str, *, ends: bool) -> Observation:
    """Give an observation of a known fault with the value in every text field; `ends`: in the hosts' names too."""
    seen = ndr()
    kept = OPTIONS | (
        set() if ends else {"sending_host", "sending_ip", "receiving_host", "receiving_ip", "reported_by"}
    )
    made: dict[str, Any] = {}
    for name in Observation.__struct_fields__:
        old = getattr(seen, name)
        if name not in kept and (old is None or isinstance(old, str)):
            made[name] = value
    for name in ("time", "until", "retry_until", "status"):
        made[name] = value if ends else getattr(seen, name)
    made["diagnostic"] = f"421 4.4.2 Connection dropped due to SocketError {value}"
    made["sessions"] = (value,)
    made["wrappers"] = (Reply(text=value, status=value),)
    made["tls"] = msgspec.structs.replace(seen.tls, cipher=value, error=value if ends else seen.tls.error)
    made["software"] = msgspec.structs.replace(
        seen.software, sending=Product(value, value), receiving=Product(value, value)
    )
    made["original"] = msgspec.structs.replace(seen.original, message_id=value, from_=value, to=value, subject=value)
    made["trust"] = msgspec.structs.replace(seen.trust, reasons=(value,))
    return msgspec.structs.replace(seen, **made)


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Give the real parts; nothing is redacted, so that everything reaches the outputs."""
    return parts_of(Settings(ours={"domains": ["contoso.example"]}, redact="nothing"))


def outputs(value: str, parts: Parts, *, ends: bool) -> dict[str, str]:
    """Give all files for people that the observation leads to, as text."""
    with SqliteDocuments(":memory:") as documents:
        count(documents, [keep(documents, reading(hostile(value, ends=ends)))], parts, NOW)
        settle(documents, parts, NOW)
        (incident,) = incidents(documents)
        return {name: body.decode("utf-8") for name, body in tell(incident, documents, parts, NOW).items()}


class _Page(HTMLParser):
    """Notes what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.acting: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note elements that load or run, handlers, and links to elsewhere."""
        values = {name: value or "" for name, value in attrs}
        if tag in ("script", "img", "iframe", "object", "embed", "form", "link", "base", "svg", "at"):
            self.acting.append(tag)
        self.acting += [name for name in values if name.startswith("on")]
        self.acting += [url for name in ("href", "src") if "evil" in (url := values.get(name, "")) or "script:" in url]


def acting(html: str) -> list[str]:
    """Give what acts in a page."""
    page = _Page()
    page.feed(html)
    return page.acting


def strings(value: Any) -> Iterator[str]:
    """Give every string in a JSON value."""
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(one)


@pytest.mark.parametrize("ends", [False, True], ids=["texts", "texts and ends"])
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_no_value_acts_where_it_is_shown(parts: Parts, value: str, ends: bool) -> None:
    """No page, card, Markdown, table, script or registry file does what a message wrote into any field."""
    files = outputs(value, parts, ends=ends)
    assert acting(files["ticket.html"]) == []
    assert acting(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(files["ticket.md"])) == []
    for one in strings(json.loads(files["teams.json"])):
        assert not re.search(r"<at>|\{\{|\$\{|\]\(\s*(?:https?://evil|javascript)|://evil", one)
    for row in csv.reader(io.StringIO(files["affected.csv"])):
        for cell in row:
            for part in re.split("[;,]", cell):
                assert not re.match('[\\s"]*[=+\\-@\uff1d\t\r]', part)
    for name, text in files.items():
        assert re.fullmatch(r"[a-z0-9.-]+", name)
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), name
        if name.endswith((".reg", ".ps1")):
            assert "evil" not in text
            assert "Remove-Item C:" not in text


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_no_value_acts_on_a_terminal_or_in_json(parts: Parts, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What `triage why` and `diagnose` print holds no sequence that steers a terminal; the JSON line is one line of JSON."""
    from triage.cli import diagnose as diagnose_command
    from triage.cli import why

    read = reading(hostile(value, ends=True))
    diagnose_command._print(read)
    why._print(explain(read.findings[0].observation, parts.rulebook, parts.hosts))
    shown = capsys.readouterr().out
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    line = b"".join(reading_pieces(read)).decode("utf-8")
    assert line.count("\n") <= 1
    assert json.loads(line)["observations"]
