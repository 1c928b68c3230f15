"""A private bounce → a test case: nobody's names, the same structure, the same answer, and a proof of all three."""

import base64
import quopri
import re
from collections.abc import Iterator
from email.header import Header
from email.utils import getaddresses

import msgspec

from triage.collect.item import Item
from triage.curate.pseudonyms import ADDRESS, HOST, IP, KEPT_LOCALS, Pseudonyms
from triage.decode.encoded import decode_text, decode_words
from triage.decode.limits import HEAD_BYTES, MAX_COMMENTS
from triage.decode.message import Leaf, parsed
from triage.decode.node import Node
from triage.decode.prose_words import phrases
from triage.diagnose import Rulebook
from triage.errors import BadInput
from triage.intake import Knowledge, read
from triage.model import Place, Reading

LARGEST = HEAD_BYTES
"""A larger message is no test case: cut its attachment off first."""

_ADDRESSES = (
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "reply-to",
    "return-path",
    "delivered-to",
    "x-original-to",
    "resent-from",
)
_IDS = ("message-id", "in-reply-to", "references", "x-ms-exchange-parent-message-id", "original-message-id")
_ID = re.compile(r"<([^<>\s]{3,500})>")
_OPAQUE = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
_ENCODED_WORD = re.compile(r"=\?[^?\s]{1,60}\?[BbQq]\?")
_NAMED = re.compile(r"(?mi)^(?:from|to|cc|sender|reply-to):[ \t]{0,4}\"?([^<>@\"\r\n]{4,80}?)\"?[ \t]{0,4}<")
_TEXT = ("text/", "message/")
_LEAST = 4
"""Letters of a name or local part that is looked for by itself: shorter ones are parts of ordinary words."""


class Fixture(msgspec.Struct, frozen=True):
    """The test case. `left` names what is still in it of the original; `differs` says where its answer is another."""

    content: bytes
    left: tuple[str, ...]
    differs: tuple[str, ...]


def anonymized(content: bytes, knowledge: Knowledge, key: bytes) -> Fixture:
    """Make a test case of one message. Raises `BadInput` for what is no message or too large."""
    if len(content) > LARGEST:
        raise BadInput(f"It is larger than {LARGEST // 2**20} MiB: cut off what it carries first.")
    before = _read(content, knowledge)
    if before.kind == "unreadable":
        raise BadInput(before.error or "It cannot be read.")
    node = parsed(content)
    secrets = _secrets(node, before, knowledge.rulebook)
    names = Pseudonyms(key, knowledge.hosts)
    names.learn(secrets)
    eol = "\r\n" if content.count(b"\r\n") * 2 > content.count(b"\n") else "\n"
    made = "".join(_written(node, names, eol, original=False)).encode("utf-8", "surrogateescape")
    after = _read(made, knowledge)
    left = _left(_places(node, content), _places(parsed(made), made), secrets, names)
    return Fixture(made, tuple(dict.fromkeys(left)), tuple(_differences(before, after)))


def _read(content: bytes, knowledge: Knowledge) -> Reading:
    return read(Item(Place("fixture"), content, ""), knowledge)


def _nodes(node: Node) -> Iterator[tuple[Node, bool]]:
    """Give every part, and whether it belongs to the message that came back."""
    waiting: list[tuple[Node, bool]] = [(node, False)]
    while waiting:
        part, original = waiting.pop()
        yield part, original
        payload = part.get_payload()
        if isinstance(payload, list):
            inside = original or part.get_content_maintype() == "message"
            waiting.extend((one, inside) for one in payload if isinstance(one, Node))


def _secrets(node: Node, reading: Reading, rulebook: Rulebook) -> dict[str, str]:
    """Give every word that names somebody, and its kind, out of all headers and of what was read."""
    found: dict[str, str] = {}
    for part, original in _nodes(node):
        for name, raw in part.raw_items():
            value = decode_words(" ".join(str(raw).split()))
            lower = str(name).lower()
            if lower in _ADDRESSES and value.count("(") <= MAX_COMMENTS:
                for phrase, address in getaddresses([value]):
                    found |= {phrase: "name"} if "@" not in phrase else {}
                    found |= {address.rpartition("@")[0]: "local"} if "@" in address else {}
            elif lower in _IDS:
                found |= dict.fromkeys(_ID.findall(value), "id")
            elif lower == "subject" and original:
                found[value] = "subject"
        text = "" if part.is_multipart() else Leaf(part, part.get_content_type()).text
        found |= {one.rpartition("@")[0]: "local" for one in re.findall(ADDRESS, text)}
        found |= dict.fromkeys(_NAMED.findall(text), "name")
        found |= dict.fromkeys(re.findall(r"(?m)^Subject: (.{4,200}?)\s*$", text), "subject")
        found |= dict.fromkeys(re.findall(r"(?mi)^Message-ID:\s{0,4}<([^<>\s]{3,500})>", text), "id")
    for finding in reading.findings:
        seen = finding.observation
        found |= {seen.original.subject: "subject"} if seen.original.subject else {}
        found |= {seen.original.message_id: "id"} if seen.original.message_id else {}
        for host in (seen.sending_host, seen.receiving_host, seen.reported_by):
            found |= {host: "host"} if host and "." not in host and ":" not in host else {}
    ordinary = _ordinary(rulebook)
    return {
        word.strip(): kind for word, kind in found.items()
        if len(word.strip()) >= _LEAST and word.lower() not in KEPT_LOCALS and word.lower().strip() not in ordinary
    }  # fmt: skip


def _ordinary(rulebook: Rulebook) -> frozenset[str]:
    """Give the words of failure texts: a mailbox that is called `user` must not turn "user unknown" into something else."""
    samples = (one if isinstance(one, str) else one.text for rule in rulebook.rules for one in rule.samples)
    return frozenset(word.lower() for sample in samples for word in re.findall(r"[A-Za-z][A-Za-z-]+", sample)) | {
        "mail delivery system", "mail delivery subsystem", "mailer-daemon", "microsoft outlook", "postmaster",
    }  # fmt: skip


def _written(node: Node, names: Pseudonyms, eol: str, *, original: bool) -> Iterator[str]:
    """Write a part as it stood, with its names replaced."""
    for name, raw in node.raw_items():
        value = _header(str(name), str(raw), names, original=original)
        if str(name).lower() == "content-type" and (boundary := node.get_boundary()):
            value = value.replace(str(boundary), _boundary(node, names))
        yield f"{name}: {value}{eol}"
    yield eol
    payload = node.get_payload()
    if not isinstance(payload, list):
        yield _body(node, names, eol, original=original)
        return
    parts = [one for one in payload if isinstance(one, Node)]
    if node.get_content_maintype() == "message":
        for one in parts:
            yield from _written(one, names, eol, original=True)
        return
    boundary = _boundary(node, names)
    if node.preamble is not None:
        yield names.text(node.preamble) + eol
    for number, one in enumerate(parts):
        yield f"{eol if number else ''}--{boundary}{eol}"
        yield from _written(one, names, eol, original=original)
    yield f"{eol}--{boundary}--{eol}"
    if node.epilogue is not None:
        yield names.text(node.epilogue)


def _boundary(node: Node, names: Pseudonyms) -> str:
    """Give a boundary; one that holds a host or an address, as some servers make them, becomes another as long."""
    boundary = str(node.get_boundary() or "")
    return (
        boundary
        if names.text(boundary) == boundary
        else f"{names.word(boundary, 'boundary')}{'-' * len(boundary)}"[: len(boundary)]
    )


def _header(name: str, raw: str, names: Pseudonyms, *, original: bool) -> str:
    lower = name.lower()
    if lower in ("content-type", "content-transfer-encoding", "mime-version", "date"):
        return raw if "name" not in raw.lower() else re.sub(r'(name\*?\d?\*?=)("?)[^";\r\n]*', r"\1\2part.bin", raw)
    if _ENCODED_WORD.search(raw):
        plain = decode_words(" ".join(raw.split()))
        changed = names.word(plain, "subject") if lower == "subject" and original else names.text(plain)
        return raw if changed == plain and not original else Header(changed, "utf-8", maxlinelen=70).encode()
    if lower == "subject" and original:
        return names.word(" ".join(raw.split()), "subject")
    changed = names.text(raw)
    return changed if lower in _ADDRESSES + _IDS else _OPAQUE.sub(lambda found: "A" * len(found.group()), changed)


def _body(node: Node, names: Pseudonyms, eol: str, *, original: bool) -> str:
    raw = str(node.get_payload() or "")
    encoding = str(node.get("content-transfer-encoding", "")).strip().lower()
    kind = node.get_content_type()
    leaf = Leaf(node, kind)
    if not kind.startswith(_TEXT):
        return _encoded(b"x" * len(leaf.content), encoding, eol)
    charset = node.get_content_charset() or "utf-8"
    if encoding not in ("base64", "quoted-printable") and raw.isascii():
        return _changed(raw, names, original=original)
    text = _changed(decode_text(leaf.content, charset), names, original=original)
    try:
        return _encoded(text.encode(charset, "replace"), encoding, eol)
    except LookupError:
        return _encoded(text.encode("utf-8", "replace"), encoding, eol)


def _changed(text: str, names: Pseudonyms, *, original: bool) -> str:
    """Replace names in a report's own text; of what people wrote to each other keep the shape alone."""
    if original:
        return _blank(text)
    lines = text.splitlines(keepends=True)
    starts = phrases().original.possible([line.strip() for line in lines])
    at = next((n for n, line in enumerate(lines) if n and any(one.match(line.strip()) for one in starts)), len(lines))
    header = next((n for n in range(at, len(lines)) if re.match(r"[A-Za-z-]{2,40}:\s", lines[n])), at)
    end = next((n for n in range(header, len(lines)) if not lines[n].strip()), len(lines))
    return names.text("".join(lines[:end])) + _blank("".join(lines[end:]))


def _blank(text: str) -> str:
    return re.sub(r"\d", "0", re.sub(r"[^\W\d_]", lambda found: "X" if found.group().isupper() else "x", text))


def _encoded(content: bytes, encoding: str, eol: str) -> str:
    if encoding == "base64":
        return base64.encodebytes(content).decode("ascii").replace("\n", eol)
    if encoding == "quoted-printable":
        coded = quopri.encodestring(content.replace(b"\r\n", b"\n")).decode("ascii")
        return coded.replace("\n", eol)
    return content.decode("utf-8", "surrogateescape")


def _places(node: Node, content: bytes) -> str:
    """Give all that can be read in a message: its bytes, its headers decoded, and what each part encodes."""
    places = [content.decode("utf-8", "replace")]
    for part, _ in _nodes(node):
        places += [decode_words(" ".join(str(value).split())) for _, value in part.raw_items()]
        if not part.is_multipart():
            leaf = Leaf(part, part.get_content_type())
            places.append(decode_text(leaf.content, part.get_content_charset()))
    return "\n".join(places)


def _left(before: str, after: str, secrets: dict[str, str], names: Pseudonyms) -> Iterator[str]:
    """Name what of the original can still be found in the test case, in the bytes or in what any part of them encodes."""
    seen = after.lower()
    known = {value for pattern in (ADDRESS, IP, HOST) for value in re.findall(pattern, seen)}
    for kind, pattern, replaced in (
        ("address", ADDRESS, names.address),
        ("IP", IP, names.ip),
        ("host", HOST, names.host),
    ):
        for value in sorted(set(re.findall(pattern, before))):
            if replaced(value).lower() != value.lower() and value.lower() in known:
                yield f"{kind} {value}"
    for word, kind in secrets.items():
        if re.search(rf"(?<![a-z0-9]){re.escape(word.lower())}(?![a-z0-9])", seen):
            yield f"{kind} {word}"


def _differences(before: Reading, after: Reading) -> Iterator[str]:
    if before.kind != after.kind:
        yield f"kind: {before.kind} became {after.kind}"
    if len(before.findings) != len(after.findings):
        yield f"observations: {len(before.findings)} became {len(after.findings)}"
    for number, (one, other) in enumerate(zip(before.findings, after.findings, strict=False)):
        was = (one.observation.reply_code, one.observation.status, one.diagnosis and one.diagnosis.category)
        now_is = (other.observation.reply_code, other.observation.status, other.diagnosis and other.diagnosis.category)
        if was != now_is:
            yield f"observation {number}: {was} became {now_is}"
