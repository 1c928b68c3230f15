"""What is fuzzed: each way in which bytes from outside reach this program, as a function that must never raise.

`TARGETS` maps a name to a function of bytes. Those for text read the bytes as the decoders do, so that odd octets become
lone surrogates or replacement characters, as they would in a message.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import msgspec

from triage import safe_text
from triage.collect.files import unpacked
from triage.decode import decode, is_protocol_log, read_protocol_log, read_suspects
from triage.decode.dsn import find_status, read_status
from triage.decode.encoded import decode_text, decode_words, unfolded
from triage.decode.exchange import cause_of, read_human
from triage.decode.exports import read_export, read_pasted
from triage.decode.html_text import text_of_html
from triage.decode.prose import HumanText, read_prose, reason_for
from triage.decode.received import read_received
from triage.decode.reply import unwrap
from triage.decode.rtf import text_of_rtf
from triage.decode.tls_report import read_packed
from triage.decode.trust import read_results
from triage.diagnose import Rulebook, diagnose, explain
from triage.hosts import Hosts
from triage.intake import Knowledge, read
from triage.model.wire import reading_pieces

ROOT = Path(__file__).resolve().parent.parent
HOSTS = Hosts(domains=["contoso.example"], hosts=["hq-ex10a.contoso.example"])
OURS = "mx.contoso.example"
MOST_ITEMS = 200
"""Documents of one input that are read: a bomb that unpacks to more has its own test."""

Target = Callable[[bytes], object]


@cache
def _rulebook() -> Rulebook:
    return Rulebook.load(None)


def _message(content: bytes) -> None:
    for seen in decode(content, HOSTS, OURS).observations[:MOST_ITEMS]:
        diagnose(seen, _rulebook(), HOSTS)


def _why(content: bytes) -> None:
    for seen in decode(content, HOSTS, OURS).observations[:3]:
        explain(seen, _rulebook(), HOSTS)


def _whole(content: bytes) -> None:
    """Unpack, read and write the answer: what `triage diagnose --json` does, but for the outer edge that catches all."""
    knowledge = Knowledge(hosts=HOSTS, rulebook=_rulebook(), authserv_id=OURS)
    for number, item in enumerate(unpacked(content, "fuzz", is_log=is_protocol_log)):
        reading = read(item, knowledge)
        if reading.error is not None and "fault of ours" in reading.error:
            raise AssertionError(reading.error)
        b"".join(reading_pieces(reading)).decode("utf-8")
        msgspec.json.encode(reading)  # as the store keeps it
        if number >= MOST_ITEMS:
            break


def _prose(content: bytes) -> None:
    text = _text(content)
    for system in (True, False):
        read_prose(HumanText(text), from_mail_system=system, subject="Undelivered Mail", domain="contoso.example")
    if (said := reason_for(HumanText(text), "anna@fabrikam.example")) is not None:
        said.failure()


def _human(content: bytes) -> None:
    human = read_human(_text(content))
    for one in human.recipients if human else ():
        cause_of(one)


def _status(content: bytes) -> None:
    text = _text(content)
    read_status(text)
    find_status(text)


def _received(content: bytes) -> None:
    for hop in read_received(_text(content).split("\n\n")):
        told = (hop.tls_version, hop.encrypted, hop.build) != (None, None, None)
        if told != hop.tells_tls:
            raise AssertionError(f"two ways to read a stamp differ: {hop.raw!r}")
        _ = (
            hop.from_host,
            hop.helo,
            hop.from_ip,
            hop.by_host,
            hop.by_ip,
            hop.cipher,
            hop.product,
            hop.protocol,
            hop.time,
        )


def _headers(content: bytes) -> None:
    text = content.decode("ascii", "surrogateescape")
    decode_words(text)
    unfolded(text)
    read_results(text.split("\n"), OURS)


def _export(content: bytes) -> None:
    read_export(content, HOSTS)
    read_pasted(_text(content), HOSTS)


def _log(content: bytes) -> None:
    read_protocol_log([content[at : at + 1000] for at in range(0, len(content), 1000)], HOSTS)
    read_suspects(lambda: [content], HOSTS)


def _outlets(content: bytes) -> None:
    text = content.decode("utf-8", "surrogatepass" if b"\xed" not in content else "replace")
    for place in (
        "html",
        "card_text",
        "markdown",
        "markdown_code",
        "fence",
        "csv_cell",
        "powershell",
        "log",
        "terminal",
    ):
        getattr(safe_text, place)(text).encode("utf-8")
    safe_text.file_name(text).encode("utf-8")
    safe_text.redact_addresses(text)


def _rtf(content: bytes) -> None:
    for kind in (b"LZFu", b"MELA"):  # sixteen bytes of head, then the text, packed or as it is
        text_of_rtf(b"\xff\xff\xff\0\xff\xff\xff\0" + kind + bytes(4) + content)
        text_of_rtf(b"\xff\xff\xff\0\xff\xff\xff\0" + kind + bytes(4) + b"{\\rtf1 " + content)


def _text(content: bytes) -> str:
    return decode_text(content, None)


TARGETS: dict[str, Target] = {
    "dsn": _status,
    "exchange": _human,
    "export": _export,
    "headers": _headers,
    "html": lambda content: text_of_html(_text(content)),
    "message": _message,
    "outlets": lambda content: _outlets(content.decode("utf-8", "replace").encode("utf-8")),
    "packed": lambda content: read_packed(b"\x1f\x8b" + content),
    "prose": _prose,
    "protocol-log": _log,
    "received": _received,
    "reply": lambda content: unwrap(_text(content)),
    "rtf": _rtf,
    "whole": _whole,
    "why": _why,
}


def seeds() -> Iterator[bytes]:
    """Give what mutation begins with: the examples, whole and part by part, and texts that the rules know."""
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.is_file() and path.stat().st_size < 200_000:
            content = path.read_bytes()
            yield content
            yield from (part for part in content.replace(b"\r\n", b"\n").split(b"\n\n")[:12] if part)
    for rule in _rulebook().rules:
        for sample in rule.samples[:1]:
            yield (sample if isinstance(sample, str) else sample.text).encode()
