"""Bytes → observations: what a report says of each hop, and nothing more than it says."""

from triage.decode.assemble import assemble, read_item
from triage.decode.exports import read_announced, read_export
from triage.decode.label import is_dmarc_report
from triage.decode.message import Mail, read_mail
from triage.decode.outlook import NO_ITEM, is_item, read_item_file
from triage.decode.plain_mail import is_plainly_mail
from triage.decode.protocol_log import (
    LOG_HEAD,
    PART_BYTES,
    LogReader,
    Side,
    copied_log,
    declared_side,
    is_protocol_log,
    pieces,
    read_part,
    read_protocol_log,
    read_suspects,
    side_of_log,
)
from triage.decode.reader import Reader
from triage.hosts import Hosts
from triage.model import Document
from triage.model.mark import Mark

__all__ = [
    "LOG_HEAD",
    "PART_BYTES",
    "LogReader",
    "Side",
    "declared_side",
    "decode",
    "is_protocol_log",
    "pieces",
    "read_part",
    "read_protocol_log",
    "read_suspects",
    "side_of_log",
]

SNIFFED = 4096
"""Bytes by which text is told from anything else."""


def decode(content: bytes, hosts: Hosts, authserv_id: str | None = None, mark: Mark | None = None) -> Document:
    """Read one document and give what it says; never raises on any bytes.

    A document is a mail message, an SMTP protocol log, an export of queues or of message tracking, or a TLS report: its
    content tells which. A mail that carries one of them, or a bounce, is read for what it carries. A log that is too
    large to be held is for `read_protocol_log`, logs that go on in each other for `LogReader`.

    `hosts` says which servers are ours; Authentication-Results count only from the server named `authserv_id`; what
    bears our own `mark` gives no observation.
    What cannot be read at all has the kind `unreadable` and a sentence that says why.
    """
    reader = Reader(hosts, authserv_id, mark)
    if is_plainly_mail(content):
        mail = read_mail(content)
        return read_announced(mail, content) or _read_parsed(mail, content, reader)
    return _tried(content, reader)


def _tried(content: bytes, reader: Reader) -> Document:
    """Read a document of whatever kind."""
    hosts = reader.hosts
    if not content.strip(b" \t\r\n\x00"):
        return Document(kind="unreadable", error="It is empty.")
    if is_protocol_log(content[:SNIFFED]):
        return read_protocol_log([content], hosts)
    if (rows := copied_log(content)) is not None:
        return read_protocol_log([rows], hosts)
    if (export := read_export(content, hosts)) is not None:
        return export
    if is_dmarc_report(content):
        return Document(kind="other", what="dmarc-report")
    return _read_message(content, reader)


def _read_message(content: bytes, reader: Reader) -> Document:
    """Read a message, or the Outlook item that stands for one."""
    if is_item(content):
        item = read_item_file(content)
        return read_item(item, reader) if item else Document(kind="unreadable", error=NO_ITEM)
    return _read_parsed(read_mail(content), content, reader)


def _read_parsed(mail: Mail, content: bytes, reader: Reader) -> Document:
    if _is_no_text(mail, content):
        return Document(kind="unreadable", error="It is neither a mail message nor text.")
    return assemble(mail, reader)


def _is_no_text(mail: Mail, content: bytes) -> bool:
    if mail.has_headers:
        return False
    start = content[:SNIFFED]
    odd = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in start)
    return odd * 20 > len(start)
