"""Generation D of Exchange Online's human part: a table of labels and values, often run together without a space."""

import re

import msgspec

from triage.decode.exchange_words import ADDRESS, HOST, labelled, name_and_address, same_host

_CODE = r"[245]\d\d[ -][245]\.\d{1,3}\.\d{1,3}"
_REPORTED = "reported"
"""The first word of the one label of a reported error, in lower case."""
_VALUE_CODE = re.compile(rf"[:：\t]\s{{0,8}}(?P<code>{_CODE})(?!\.?\d)(?P<rest>[^\n]{{0,4000}})")
_MICROSOFT = (
    r"\s{0,8}(?P<host>(?:[A-Za-z0-9-]{1,63}\.){2,6}(?:outlook\.com|outlook\.cn|office365\.us|exchangelabs\.com))"
)
_OF_MICROSOFT = ("outlook.c", "office365.us", "exchangelabs.com")
_MORE_THAN_A_CODE = re.compile(r"(?!_[A-Z]{2,8}\s{0,8}$)\s*\S")
"""Behind the status code alone stands nothing, or of a mail flow rule its mark: `550 5.7.1_ETR`."""
_LABEL = r"\s{0,8}[^:：\t\n]{3,60}[:：\t]"
_GENERATED_BY = re.compile(rf"[:：\t]{_MICROSOFT}", re.IGNORECASE)
_FOLLOWING = re.compile(rf"{_LABEL}[ \t]{{0,8}}(?P<value>[^\n]{{4,300}})")
"""The line below the generating server: where another server refused, its name (`mx.example (192.0.2.1)`)."""
_IN_SENTENCE = re.compile(r"(?:^|\n)[^\n:：<>]{0,200}\Z")
MAX_ABOVE = 2000
"""Characters above the table in which a sentence names the recipient."""
_NEWER = re.compile(
    rf"{_LABEL}\s{{0,8}}(?P<value>[^\n]{{4,300}})\n(?:[ \t]{{0,8}}\n){{0,3}}[^:：\t\n]{{3,60}}\n{_LABEL}{_MICROSOFT}",
    re.IGNORECASE,
)
"""Below the error since 2024: who rejected the message, a heading, and below it who sent the report."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What the table says; `end` is where its known part ends in the text."""

    reply: str
    recipient: str
    end: int
    generating_server: str | None = None
    receiving_server: str | None = None
    receiving_ip: str | None = None
    sender: str | None = None
    subject: str | None = None


def may_be_table(text: str) -> bool:
    """True where a text, quoted or not, may hold the table: it labels the reported error or names a server that it is by."""
    lower = text.lower()
    return _REPORTED in lower or any(map(lower.__contains__, _OF_MICROSOFT)) or not text.isascii()


def read_table(text: str) -> Table | None:
    """Read the table in a text whose quotes and quote marks are plain; None where there is none.

    In a language without known labels the code stands twice: as the status code alone and before the reported error.
    """
    codes = list(_VALUE_CODE.finditer(text))
    if not codes:
        return None
    values = labelled(text[max(0, codes[0].start() - 200) :]) if _REPORTED in text.lower() else {}
    known = "reported_error" in values and ("generated_by" in values or "status_code" in values)
    if known and ((table := _known(text, values)) or "recipient_address" in values):
        return table
    repeated = [
        code for code in codes[1:] if code.group("code") == codes[0].group("code") and code.group("rest").strip()
    ]
    if not repeated or _MORE_THAN_A_CODE.match(codes[0].group("rest")):
        return None
    between = [found.group("address") for found in ADDRESS.finditer(text, codes[0].end(), repeated[0].start())]
    between = between or _above(text[max(0, codes[0].start() - MAX_ABOVE) : codes[0].start()])
    newer = _NEWER.match(text, repeated[0].end())
    server = newer or _GENERATED_BY.search(text, repeated[0].end())
    if not between or not server:
        return None
    other = newer or _FOLLOWING.match(text, server.end())
    receiving, ip = name_and_address(other.group("value")) if other else (None, None)
    if same_host(receiving, server.group("host")):
        receiving = None
    return Table(
        reply=" ".join((repeated[0].group("code") + repeated[0].group("rest")).split()),
        recipient=between[1] if len(between) > 1 else between[0],
        end=server.end(),
        generating_server=server.group("host"),
        receiving_server=receiving,
        receiving_ip=ip if receiving else None,  # a Received field may stand there
        sender=between[0] if len(between) > 1 else None,
    )


def _above(text: str) -> list[str]:
    """Give the last address that stands in a sentence above the table, for one who passes on no more than its ends."""
    return [found.group("address") for found in ADDRESS.finditer(text) if _IN_SENTENCE.search(text, 0, found.start())][
        -1:
    ]


def _known(text: str, values: dict[str, str]) -> Table | None:
    """Read the table by its labels."""
    recipient = ADDRESS.search(values.get("recipient_address", ""))
    if not recipient:
        return None
    sender = ADDRESS.search(values.get("sender_address", ""))
    generating = HOST.match(values.get("generated_by", ""))
    receiving, ip = name_and_address(values.get("remote_server", ""))
    if generating and same_host(receiving, generating.group("host")):
        receiving = ip = None
    return Table(
        reply=" ".join(values["reported_error"].split()),
        recipient=recipient.group("address"),
        end=text.find(values["reported_error"]) + len(values["reported_error"]),
        generating_server=generating.group("host") if generating else None,
        receiving_server=receiving,
        receiving_ip=ip,
        sender=sender.group("address") if sender else None,
        subject=values.get("subject") or None,
    )
