"""One document → its reading."""

from collections.abc import Iterator, Sequence
from itertools import repeat

import msgspec
import structlog

from triage.collect.files import Item, unpacked, walk
from triage.decode import decode, is_protocol_log, read_protocol_log
from triage.diagnose import Rulebook, diagnose
from triage.errors import BadInput
from triage.hosts import Hosts
from triage.model import Document, Finding, Reading
from triage.model.mark import Mark
from triage.model.wire import sound


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """What reading takes: what is known of hosts, the rules, whose Authentication-Results count, the mark of our notices."""

    hosts: Hosts
    rulebook: Rulebook
    authserv_id: str | None = None
    mark: Mark | None = None


def inputs(paths: Sequence[str]) -> Iterator[Item]:
    """Give every document in `paths` ("-" is standard input); a protocol log may have any size.

    Raises `NotFound` for a path that does not exist.
    """
    return walk(paths, is_log=is_protocol_log)


def inputs_in(content: bytes, path: str) -> Iterator[Item]:
    """Give the documents in bytes that are in memory already; `path` says where they came from."""
    return unpacked(content, path, is_log=is_protocol_log)


def read(item: Item, knowledge: Knowledge) -> Reading:
    """Decode one document and diagnose each of its observations. Whatever is wrong with it becomes its `error`."""
    if item.error is not None:
        return unreadable(item, item.error)
    try:
        return reading_of(item, _decoded(item, knowledge), knowledge)
    except BadInput as error:
        return unreadable(item, str(error))
    # The outer edge: one document must not stop the rest, and must not be lost.
    except Exception as error:  # noqa: BLE001
        return failed(item, error)


def reading_of(item: Item, document: Document, knowledge: Knowledge) -> Reading:
    """Diagnose each observation of a decoded document."""
    document = sound(document)
    members = document.members or repeat(b"")
    findings = tuple(
        Finding(one, diagnose(one, knowledge.rulebook, knowledge.hosts), own)
        for one, own in zip(document.observations, members, strict=False)
    )
    return Reading(
        source=item.place,
        sha256=item.sha256,
        kind=document.kind,
        what=document.what,
        error=document.error,
        suppressed=document.suppressed,
        findings=findings,
    )


def unreadable(item: Item, sentence: str) -> Reading:
    """Give the reading of a document that cannot be read."""
    return Reading(source=item.place, sha256=item.sha256, kind="unreadable", error=sentence)


def failed(item: Item, error: Exception) -> Reading:
    """Give the reading of a document on which this program failed, and log why. Called where the error is handled."""
    structlog.get_logger().exception("document_failed", sha256=item.sha256)
    sentence = f"This program failed on it ({type(error).__name__}); the rest went on. This is a fault of ours."
    return unreadable(item, sentence)


def _decoded(item: Item, knowledge: Knowledge) -> Document:
    if is_protocol_log(item.head):
        return read_protocol_log(item.chunks(), knowledge.hosts)
    return decode(item.content, knowledge.hosts, knowledge.authserv_id, knowledge.mark)
