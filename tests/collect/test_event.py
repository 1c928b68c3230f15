"""What Event Grid's messages say, in the two schemas that its documentation shows."""

import base64
import json
from typing import Any

import pytest

from triage.collect.event import read_events
from triage.errors import BadInput

SUBJECT = "/blobServices/default/containers/inbox/blobs/upload/2026-10-18/report.eml"
DATA = {
    "api": "PutBlockList",
    "clientRequestId": "6d79dbfb-0e37-4fc4-981f-442c9ca65760",
    "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
    "eTag": "0x8D4BCC2E4835CD0",
    "contentType": "text/plain",
    "contentLength": 524288,
    "blobType": "BlockBlob",
    "url": "https://contoso.blob.core.windows.net/inbox/upload/2026-10-18/report.eml",
    "sequencer": "00000000000004420000000000028963",
    "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
}
GRID = {
    "topic": "/subscriptions/0/resourceGroups/mail/providers/Microsoft.Storage/storageAccounts/contoso",
    "subject": SUBJECT,
    "eventType": "Microsoft.Storage.BlobCreated",
    "eventTime": "2026-10-18T09:14:00.1234567Z",
    "id": "831e1650-001e-001b-66ab-eeb76e069631",
    "data": DATA,
    "dataVersion": "",
    "metadataVersion": "1",
}
CLOUD = {
    "specversion": "1.0",
    "source": GRID["topic"],
    "subject": SUBJECT,
    "type": "Microsoft.Storage.BlobCreated",
    "time": GRID["eventTime"],
    "id": GRID["id"],
    "data": DATA,
}


def changed(data: dict[str, Any] | None = None, **fields: object) -> str:
    """Give an event of Event Grid's own schema with some fields other than usual."""
    return json.dumps({**GRID, **fields, "data": {**DATA, **(data or {})}})


@pytest.mark.parametrize("event", [GRID, CLOUD], ids=["Event Grid", "CloudEvents"])
@pytest.mark.parametrize("form", ["plain", "base64", "list"])
def test_event_names_its_blob(event: dict[str, Any], form: str) -> None:
    """Both schemas, in each form in which a queue may hold them, name container and blob."""
    text = json.dumps([event] if form == "list" else event)
    (found,) = read_events(base64.b64encode(text.encode()).decode() if form == "base64" else text, "inbox")
    assert (found.container, found.names, found.ignored) == ("inbox", ("upload/2026-10-18/report.eml",), None)


def test_events_of_a_list_stand_apart() -> None:
    """Each event of a list can be put back on a queue by itself."""
    second = {**GRID, "subject": "/blobServices/default/containers/inbox/blobs/b.eml", "data": {}}
    found = read_events(json.dumps([GRID, second]), "inbox")
    assert [one.names for one in found] == [("upload/2026-10-18/report.eml",), ("b.eml",)]
    assert json.loads(found[1].message) == second


def test_name_is_given_as_the_subject_and_as_the_address_have_it() -> None:
    """A per cent sign may belong to the name or to the address's escaping: both readings are given."""
    message = changed(
        {"url": "https://contoso.blob.core.windows.net/inbox/50%25%20off.eml"},
        subject="/blobServices/default/containers/inbox/blobs/50%25%20off.eml",
    )
    assert read_events(message, "inbox")[0].names == ("50%25%20off.eml", "50% off.eml")


def test_name_that_holds_the_word_blobs_stays_whole() -> None:
    """Only the first part between container and name is a separator."""
    message = changed({"url": None}, subject="/blobServices/default/containers/inbox/blobs/x/blobs/y.eml")
    assert read_events(message, "inbox")[0].names == ("x/blobs/y.eml",)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (changed(eventType="Microsoft.Storage.BlobDeleted"), "BlobDeleted"),
        (changed(eventType="Microsoft.EventGrid.SubscriptionValidationEvent"), "SubscriptionValidation"),
        (changed(subject="/blobServices/default/containers/store/blobs/incident/1"), "store"),
        (changed({"api": "CreateFile", "contentLength": 0}), "no content yet"),
    ],
    ids=["deleted", "validation", "other container", "file begun"],
)
def test_other_events_are_ignored_with_a_reason(message: str, why: str) -> None:
    """What is none of ours is told apart from what is broken."""
    (found,) = read_events(message, "inbox")
    assert found.ignored is not None
    assert why in found.ignored


@pytest.mark.parametrize(
    "message",
    ["", "hello", "bm8ganNvbg==", "[1]", "{}", "[" * 60_000, changed({"url": None}, subject="x"), changed(eventType=7)],
    ids=["empty", "text", "base64 of text", "number", "no fields", "deep", "no blob", "kind is a number"],
)
def test_what_is_no_event_is_refused(message: str) -> None:
    """A broken message is an error, so that it ends where somebody sees it."""
    with pytest.raises(BadInput):
        read_events(message, "inbox")
