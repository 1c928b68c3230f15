"""What a person passes on in a mail of his own: exports and logs that are attached to it, or pasted into its text.

Their content tells what they are, as for files. A mail whose attachments and text are something else is left as it is.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec

from triage.decode.export_markup import lines_of_cells
from triage.decode.export_text import GZIP, unpacked, unpacked_start
from triage.decode.exports import read_export, read_markup, read_pasted
from triage.decode.failure import read_address
from triage.decode.limits import HEAD_BYTES, TAIL_BYTES
from triage.decode.message import Leaf, Mail
from triage.decode.outcome import domain_of
from triage.decode.protocol_log import copied_log, is_protocol_log, log_in, read_protocol_log
from triage.decode.reader import MAX_UNPACKED, Reader
from triage.decode.trust import Claims, assess
from triage.hosts import Hosts
from triage.model import Document, Trust

MAX_BODIES = 4
"""Texts of a mail in which something pasted is looked for."""

_KINDS = ("queue", "protocol-log", "tls-report")
_PICTURES = ("image/", "audio/", "video/")
_QUOTE = re.compile(r"^(?:> ?){1,6}", re.MULTILINE)
_LOG_ROW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z\"?[,;\t]")
_TOO_LARGE = (
    f"It is larger than the {(HEAD_BYTES + TAIL_BYTES) // 2**20} MiB of a mail that are read, and what is attached to it"
    " is an export or a log: save the attachment and give the file."
)
_NOT_UNPACKED = (
    f"A packed attachment of it is an export or a log, and damaged or larger than {MAX_UNPACKED // 2**20} MiB: save it and"
    " give the file."
)


def read_carried(mail: Mail, reader: Reader) -> list[Document]:
    """Give a document for each export or log that a mail carries, believed as far as the mail is."""
    found = [*_attached(mail, reader), *_pasted(mail, reader.hosts)]
    if not any(one.observations for one in found):
        return found
    trust = _trust(mail, reader)
    return [_believed(one, trust) for one in found]


def doubted(documents: Sequence[Document], mail: Mail, reader: Reader) -> list[Document]:
    """Lower the trust in exports and logs that came within a message which is hard to believe itself."""
    trust = _trust(mail, reader)
    if trust.level != "low":
        return list(documents)
    return [_believed(one, trust) if one.kind in _KINDS else one for one in documents]


def _attached(mail: Mail, reader: Reader) -> Iterator[Document]:
    for leaf in mail.leaves:
        if leaf.kind.startswith(_PICTURES) or _is_body(leaf):
            continue
        content = leaf.content
        document = _read_packed(content, reader) if content.startswith(GZIP) else _read(content, reader)
        if document is not None and (document.observations or document.error):
            yield Document(kind="unreadable", error=_TOO_LARGE) if mail.is_cut else document


def _read(content: bytes, reader: Reader) -> Document | None:
    if is_protocol_log(content):
        return read_protocol_log([content], reader.hosts)
    if (rows := copied_log(content)) is not None:
        return read_protocol_log([rows], reader.hosts)
    return read_export(content, reader.hosts)


def _read_packed(content: bytes, reader: Reader) -> Document | None:
    """Unpack no more than it takes to tell what is packed, and all of it where that is an export or a log."""
    if _read(unpacked_start(content), reader) is None:
        return None
    whole = unpacked(content, reader.room.left)
    if whole is None:
        return Document(kind="unreadable", error=_NOT_UNPACKED)
    reader.room.left -= len(whole)
    return _read(whole, reader)


def _pasted(mail: Mail, hosts: Hosts) -> Iterator[Document]:
    """Read what stands in the plain texts, which keep columns and lines; in the HTML ones where it is not there."""
    bodies = [leaf for leaf in mail.leaves if _is_body(leaf)]
    for kind in ("text/plain", "text/html"):
        found = [one for leaf in bodies[:MAX_BODIES] if leaf.kind == kind and (one := _pasted_in(leaf, hosts))]
        if found:
            yield from found
            return


def _pasted_in(leaf: Leaf, hosts: Hosts) -> Document | None:
    if leaf.kind == "text/html" and _has_cells(leaf.markup):
        markup = leaf.markup
        table = _pasted_log("\n".join(lines_of_cells(markup)), hosts) or read_markup(markup, hosts)
        if table is not None and table.observations:
            return table
    text = _QUOTE.sub("", leaf.text) if ">" in leaf.text else leaf.text
    document = _pasted_log(text, hosts) or read_pasted(text, hosts)
    return document if document is not None and document.observations else None


def _has_cells(markup: str) -> bool:
    return "<t" in markup.lower()


def _pasted_log(text: str, hosts: Hosts) -> Document | None:
    rows = log_in(text) if "Z" in text and _LOG_ROW.search(text) else None
    return None if rows is None else read_protocol_log([rows], hosts)


def _is_body(leaf: Leaf) -> bool:
    return leaf.kind in ("text/plain", "text/html") and not leaf.filename


def _trust(mail: Mail, reader: Reader) -> Trust:
    """Say how far the mail is to be believed: its author is one of us, and our own server does not say otherwise."""
    domain = domain_of(read_address(mail.words("from")))
    claims = Claims(authentication_results=mail.headers("authentication-results"), from_domain=domain)
    trust = assess(claims, reader.hosts, reader.authserv_id)
    if trust.level == "low" or reader.hosts.is_our_domain(domain) is not False:
        return trust
    return Trust(level="low", reasons=(f"It came with a mail from {domain}, which is not ours.",))


def _believed(document: Document, trust: Trust) -> Document:
    observations = tuple(msgspec.structs.replace(one, trust=trust) for one in document.observations)
    return msgspec.structs.replace(document, observations=observations)


def _tells(one: Document) -> int:
    return 0 if one.observations else 1 if one.suppressed else 2


def together(documents: Sequence[Document]) -> Document:
    """Put what one message carries into one document, which has the kind of the first that tells something."""
    suppressed: dict[str, int] = {}
    members: list[bytes] = []
    for one in documents:
        counts = one.suppressed | ({"unreadable-attachment": 1} if one.error else {})
        for word, count in counts.items():
            suppressed[word] = suppressed.get(word, 0) + count
        members += one.members or [b""] * len(one.observations)
    return Document(
        kind=next(one.kind for one in sorted(documents, key=_tells) if _tells(one) < 2),
        suppressed=suppressed,
        observations=tuple(found for one in documents for found in one.observations),
        members=tuple(members) if any(members) else (),
    )
