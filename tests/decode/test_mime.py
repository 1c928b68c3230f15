"""The quick way of parsing a message gives, part for part, what the standard library's parser gives."""

import random
from email.feedparser import BytesFeedParser
from email.message import Message
from pathlib import Path
from typing import Any, cast

import pytest

from fuzz.targets import seeds
from triage.decode import mime
from triage.decode.mime import parse
from triage.decode.node import POLICY, Node

FINDINGS = Path(__file__).parent.parent / "fuzz" / "findings"
PARAMETERS = ("boundary", "charset", "report-type", "name", "filename", "type")
PIECES = (
    b"\n", b"\r\n", b"\r", b"--", b" ", b"\t", b":", b";", b'"', b"=", b"<", b">", b"\\", b"*0*=", b"\xe4", b"\n\n",
    b"From ", b"message/rfc822", b"multipart/digest", b"boundary=x", b"\n--x\n", b"\n--x--\n", b"--x--",
    b"Content-Type: multipart/mixed; boundary=x\n\n--x\n",
)  # fmt: skip
"""What decides where a header, a part or a parameter ends."""
MUTANTS = 3000


def _plainly(content: bytes) -> Node:
    parser = BytesFeedParser(Node, policy=POLICY)
    parser.feed(content)
    return parser.close()


def _told(part: Node, as_message: bool) -> list[Any]:
    """Give all that is asked of a part: by its own methods, or by those of the standard library's message."""
    kind = Message if as_message else Node
    said: list[Any] = [kind.get(part, name) for name in ("Subject", "content-type", "content-transfer-encoding")]
    for header in ("content-type", "content-disposition"):
        for name in PARAMETERS:
            try:
                said.append(kind.get_param(part, name, None, header))
            except (ValueError, LookupError, TypeError) as error:
                said.append(type(error))
    said = [str(one) if one is not None else None for one in said]
    inside = part.get_payload() if part.is_multipart() else []
    return [
        list(part.raw_items()), part.get_content_type(), part.get_default_type(), part.preamble, part.epilogue,
        part.get_unixfrom(), [type(one) for one in part.defects], said, part.get_payload(decode=True),
        [_told(cast("Node", one), as_message) for one in inside],
    ]  # fmt: skip


def _mutant(content: bytes, chance: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(chance.choice((min(len(made), 1500), len(made))) + 1)
        other = chance.randrange(len(made) + 1)
        act = chance.random()
        if act < 0.4:
            made[at:at] = chance.choice(PIECES)
        elif act < 0.6:
            del made[at : at + chance.choice((1, 5, 300))]
        else:
            made[at:at] = made[other : other + chance.choice((1, 40, 300))]
    return bytes(made)


def _messages() -> list[bytes]:
    found = [path.read_bytes() for path in sorted(FINDINGS.iterdir()) if path.suffix != ".md"]
    return [one for one in (*seeds(), *found) if len(one) < 20_000]


def test_every_example_is_parsed_as_the_standard_library_parses_it() -> None:
    """Headers, types, parameters, preambles, payloads and defects are the same in every part of every example."""
    for content in _messages():
        assert _told(parse(content), False) == _told(_plainly(content), True)


def test_damaged_messages_are_parsed_as_the_standard_library_parses_them() -> None:
    """The same holds where bytes that decide the structure were put in, taken out or doubled."""
    chance = random.Random(20261125)
    messages = _messages()
    for _ in range(MUTANTS):
        content = _mutant(chance.choice(messages), chance)
        assert _told(parse(content), False) == _told(_plainly(content), True), content


USUAL = (
    b'Content-Type: multipart/report; report-type=delivery-status;\n boundary="b 1"\n\nbefore\n--b 1\n\ntext\n--b 1\r\n'
    b"Content-Type: message/rfc822\n\nSubject: x\n\ninside\n\n--b 1--\nafter\n"
)


def test_the_usual_report_is_parsed_at_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Preamble, a part without a type, a message that came back and what follows the end need no second parser."""
    monkeypatch.setattr(mime, "_fed", None)
    report = parse(USUAL)
    text, returned = (cast("Node", one) for one in report.get_payload())
    inside = cast("Node", returned.get_payload(0))
    assert (report.preamble, report.epilogue) == ("before", "after\n")
    assert (text.get_payload(), inside["subject"], inside.get_payload()) == ("text", "x", "inside\n")


def test_a_part_whose_header_is_changed_says_what_it_says_now() -> None:
    """Nothing that was asked before a change is answered from before it."""
    part = parse(b"Content-Type: text/plain; charset=utf-8\nSubject: one\n\n")
    assert (part.get_content_type(), part.get_param("charset"), part["subject"]) == ("text/plain", "utf-8", "one")
    part.replace_header("Content-Type", "text/html; charset=us-ascii")
    del part["Subject"]
    part["Subject"] = "two"
    assert (part.get_content_type(), part.get_param("charset"), part["subject"]) == ("text/html", "us-ascii", "two")


def test_a_header_that_holds_other_octets_can_be_passed_on() -> None:
    """The standard library gives such a value as an object of its own, which a repaired message then has as its type."""
    part = parse(b'Content-Type: multipart/mixed; boundary="\xe4"; charset=utf-8\n\n')
    part.replace_header("Content-Type", part.get("content-type"))
    assert part.get_param("charset") == "utf-8"
