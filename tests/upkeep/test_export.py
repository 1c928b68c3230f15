"""The export says all that the store holds, readable without this program."""

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from triage.collect.item import Item
from triage.group import BlobDocuments, BlobLease, Documents, keep
from triage.model import Place
from triage.model.wire import json_line
from triage.pipeline import Parts, read
from triage.upkeep import export


def lines(documents: Documents) -> dict[str, list[dict[str, Any]]]:
    """Give the exported lines of each kind, as JSON gives them back."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind, line in export(documents):
        found.setdefault(kind, []).append(json.loads(json_line(line)))
    return found


def test_every_document_is_a_line(filled: Documents) -> None:
    """Each document but notes is there once, under its key, incidents with their counts and every report and message."""
    found = lines(filled)
    keys = sorted(line["key"] for kind in found.values() for line in kind)
    assert keys == [one.key for one in filled.list("")]
    assert {kind: len(some) for kind, some in found.items()} == {
        "incidents": 2,
        "readings": 6,
        "inputs": 6,
        "others": 2,
    }
    large = next(line for line in found["incidents"] if line["incident"]["counts"]["returned"] == 4)
    assert [len(large["ledger"][name]) for name in ("reports", "messages", "recipients", "senders")] == [4, 4, 4, 1]
    assert {one["reported"][0] for one in large["ledger"]["messages"]} == {"returned"}
    digests = {line["reading"]["sha256"][:32] for line in found["readings"]}
    assert {one["sha256_begins"] for one in large["ledger"]["reports"]} < digests
    assert {one["index"] for one in large["ledger"]["reports"]} == {0}


def test_a_reading_says_what_was_read_and_whether_it_is_counted(
    documents: Documents, parts: Parts, items: list[Item], feed: Callable[..., None]
) -> None:
    """The line of a reading holds the contract's object, recipient and all, and tells a waiting one apart."""
    feed(items[:1])
    keep(documents, read(items[1], parts))
    told = {line["reading"]["observations"][0]["recipient"]: line["counted"] for line in lines(documents)["readings"]}
    assert told == {"u0@fabrikam.example": True, "u1@fabrikam.example": False}


def test_kept_bytes_are_given_whole(documents: Documents, items: list[Item], feed: Callable[..., None]) -> None:
    """What came through a pipe is in the export as it came, in base64; what has a path is not."""
    piped = msgspec.structs.replace(items[0], place=Place("-"), streamed=True)
    feed([piped, items[1]])
    told = {line["input"]["path"]: line["bytes"] for line in lines(documents)["inputs"]}
    assert told == {"-": base64.b64encode(piped.content).decode(), "1.eml": None}


def test_what_cannot_be_read_is_shown_with_its_bytes(documents: Documents) -> None:
    """A damaged document is a line with an error and its bytes, and stops nothing; unknown documents are shown too."""
    documents.put("incident/ZZZZZZZZ", b"\xc1", None)
    documents.put("mailbox/inbox", b'{"place": "x"}', None)
    documents.put("note/text", "gr\u00fcn".encode(), None)
    documents.put("note/bytes", b"\xff", None)
    found = lines(documents)
    assert [(line["key"], line["bytes"]) for line in found["incidents"]] == [("incident/ZZZZZZZZ", "wQ==")]
    others = {
        line["key"]: line.get("document", line.get("bytes")) for line in found["others"] if "names/" not in line["key"]
    }
    assert others == {"mailbox/inbox": {"place": "x"}, "note/text": "gr\u00fcn", "note/bytes": "/w=="}


@pytest.mark.needs_node
def test_leases_are_no_documents(container: Any) -> None:
    """What is leased beside the documents is not exported."""
    assert BlobLease(container).hold()
    assert list(export(BlobDocuments(container))) == []
