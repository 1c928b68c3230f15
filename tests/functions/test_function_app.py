"""The app runs in the real Functions worker: each trigger is indexed and invoked as the host would."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from triage.group import SqliteDocuments, incidents

pytestmark = pytest.mark.needs_functions


def test_the_worker_indexes_every_function(worker) -> None:
    """Indexing succeeds, and the bindings are those that the deployment provides."""
    assert worker.start.result.status == worker.protos.StatusResult.Success
    bindings = {name: [(one["type"], one["direction"]) for one in found] for name, found in worker.functions().items()}
    assert bindings == {
        "take_in_blob": [("blobTrigger", "IN")],
        "diagnose": [("httpTrigger", "IN"), ("http", "OUT")],
        "poll": [("timerTrigger", "IN")],
        "read_input": [("queueTrigger", "IN")],
        "commit": [("timerTrigger", "IN")],
        "relay": [("queueTrigger", "IN")],
        "relay_sweep": [("timerTrigger", "IN")],
        "retain": [("timerTrigger", "IN")],
    }


def test_a_blob_becomes_an_incident_and_a_ticket(
    worker, ndr: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report put into the inbox is kept, counted and told of; delivered twice, it is counted once."""
    monkeypatch.setenv("TRIAGE_STORE", str(tmp_path / "store.sqlite"))
    monkeypatch.setenv("TRIAGE_OUT", str(tmp_path / "out"))
    for _ in range(2):
        data = worker.typed(bytes=bytes(ndr()))  # type: ignore[call-overload]
        metadata = {
            "BlobTrigger": worker.typed(string="inbox/ndr-1.eml"),
            "Uri": worker.typed(json='"http://x/inbox/ndr-1.eml"'),
        }
        metadata |= {"Properties": worker.typed(json="{}"), "Metadata": worker.typed(json="{}")}
        answer = worker.invoke("take_in_blob", "mail", data, metadata)
        assert answer.result.status == worker.protos.StatusResult.Success, answer.result.exception.message
    with SqliteDocuments(tmp_path / "store.sqlite") as documents:
        (incident,) = incidents(documents)
    assert incident.counts.returned == 1
    card = json.loads((tmp_path / "out" / incident.id / "teams.json").read_bytes())
    assert card["attachments"][0]["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert "hq-ex13a" in (tmp_path / "out" / incident.id / "ticket.md").read_text(encoding="utf-8")


def test_a_posted_message_is_answered_with_the_contract(worker, ndr: Callable[..., object]) -> None:
    """The HTTP trigger answers with one JSON line for each document."""
    answer = worker.invoke("diagnose", "request", worker.http(bytes(ndr())), {})  # type: ignore[call-overload]
    assert answer.result.status == worker.protos.StatusResult.Success, answer.result.exception.message
    body = answer.return_value.http.body
    line = json.loads(body.bytes if getattr(body, "bytes", None) else body.string)
    assert line["kind"] == "bounce"
    assert line["observations"][0]["receiving_host"] == "fabrikam-example.mail.protection.outlook.com"
