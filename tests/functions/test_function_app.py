"""The app runs in the real Functions worker: each trigger is indexed and invoked with what the host would send."""

import ast
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.functions.posting import posted
from triage.cloud import COMMIT_SECONDS
from triage.cloud.intake import Bounds
from triage.cloud.storage import POISON, Storage, encoded
from triage.errors import Misconfigured
from triage.local.bindings import Needs, needs_of
from triage.local.host import SCHEDULES, Timers
from triage.local.queues import queue_rules
from triage.local.worker import Failed, Worker
from triage.notify.post import DEADLINE_SECONDS
from triage.pipeline import RELAY_SECONDS
from triage.wiring import POLL_SECONDS

pytestmark = [pytest.mark.needs_functions, pytest.mark.needs_node]

ROOT = Path(__file__).parents[2]
MAX_POST = 50 * 2**20


def test_the_worker_indexes_every_function(worker: Worker) -> None:
    """The functions and the kinds of their bindings are those that the deployment provides."""
    kinds = {name: [(one["type"], one["direction"]) for one in found] for name, found in worker.bindings.items()}
    http = [("httpTrigger", "IN"), ("http", "OUT")]
    assert kinds == {
        "poll": [("timerTrigger", "IN")],
        "read_input": [("queueTrigger", "IN")],
        "commit": [("timerTrigger", "IN")],
        "relay": [("queueTrigger", "IN")],
        "relay_sweep": [("timerTrigger", "IN")],
        "lifecycle": [("timerTrigger", "IN")],
        "retain": [("timerTrigger", "IN")],
        "upload": http,
        "diagnose": http,
    }


def test_names_that_the_deployment_must_provide(worker: Worker) -> None:
    """Queues, connections, settings and routes of all bindings: the agreed ones."""
    assert needs_of(worker.bindings) == Needs(
        queues=frozenset({"inputs", "notices"}),
        containers=frozenset(),
        connections=frozenset({"TriageStorage"}),
        settings=frozenset({"PollCron", "CommitCron", "RelayCron", "LifecycleCron", "RetentionCron"}),
        routes=frozenset({"inputs", "diagnose"}),
    )


def test_local_host_has_a_schedule_for_each_setting(worker: Worker) -> None:
    """A developer's machine needs no settings file: each `%name%` of a timer has a local default."""
    assert needs_of(worker.bindings).settings == set(SCHEDULES)


def test_http_functions_ask_for_a_key(worker: Worker) -> None:
    """No HTTP function can be called by somebody without a key."""
    levels = {one["authLevel"] for found in worker.bindings.values() for one in found if one["type"] == "httpTrigger"}
    assert levels == {"FUNCTION"}


def test_no_queue_trigger_asks_for_retries_by_decorator(worker: Worker) -> None:
    """The host ignores a retry policy on a queue trigger without a word: tries are set in host.json."""
    queues = {name for name, found in worker.bindings.items() if any(one["type"] == "queueTrigger" for one in found)}
    assert queues & worker.retries == set()


def test_host_file_says_how_queues_are_read() -> None:
    """Five tries, half a minute apart, eight at once, bodies in base64."""
    rules = queue_rules(ROOT)
    assert (rules.batch_size, rules.max_dequeue_count, rules.retry_seconds) == (8, 5, 30)
    assert rules.message_encoding == "base64"


def test_every_function_ends_by_itself_before_the_host_ends_it() -> None:
    """Work that goes on until its time is up stops a minute before `functionTimeout`, the last try of a relay included."""
    hours, minutes, seconds = map(
        int, json.loads((ROOT / "host.json").read_text("utf-8"))["functionTimeout"].split(":")
    )
    last = (hours * 60 + minutes) * 60 + seconds - 60
    own = (POLL_SECONDS, COMMIT_SECONDS, Bounds().seconds, RELAY_SECONDS + DEADLINE_SECONDS)
    assert [one for one in own if one > last] == []


def test_functions_translate_and_no_more() -> None:
    """A trigger has a few statements, and what it needs is imported inside: the host waits for no import that is not used."""
    tree = ast.parse((ROOT / "function_app.py").read_text("utf-8"))
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef)]
    assert {one.name: len(one.body) for one in functions if len(one.body) > 3} == {}
    top = [one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(one) for one in top] == ["from typing import TYPE_CHECKING", "import azure.functions as func"]


def test_indexing_imports_nothing_of_ours() -> None:
    """A cold start indexes the app without the pipeline and without a client library."""
    code = (
        "import sys; import function_app;"
        "print(sorted(n for n in sys.modules if n.split('.')[0] in ('triage', 'httpx', 'pydantic', 'jinja2')"
        " or n.startswith(('azure.storage', 'azure.identity', 'azure.core'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


# ---- queues


def queue_data(worker: Worker, text: str) -> tuple[Any, dict[str, Any]]:
    """Give the data of a queue message and the metadata that come with it."""
    typed = worker.typed
    metadata = {
        "Id": typed(string="a8b1c5a0-0000-4000-8000-000000000001"),
        "DequeueCount": typed(json="1"),
        "InsertionTime": typed(json='"2026-10-18T09:14:00+00:00"'),
        "ExpirationTime": typed(json='"2026-10-25T09:14:00+00:00"'),
        "NextVisibleTime": typed(json='"2026-10-18T09:24:00+00:00"'),
        "PopReceipt": typed(string="AgAAAAMAAAAAAAAA"),
    }
    return typed(string=text), metadata


def event_for(name: str) -> str:
    """Give the event of a blob in the inbox."""
    return json.dumps(
        {
            "subject": f"/blobServices/default/containers/inbox/blobs/{name}",
            "eventType": "Microsoft.Storage.BlobCreated",
            "data": {"api": "PutBlob", "url": f"https://contoso.blob.core.windows.net/inbox/{name}"},
        }
    )


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Give a function that gives what was logged."""
    with structlog.testing.capture_logs() as captured:
        yield lambda: list(captured)  # type: ignore[arg-type]


def test_read_input_keeps_what_a_blob_says(
    worker: Worker, storage: Storage, ndr: Callable[..., Any], documents: Any
) -> None:
    """An event has its blob read: the journal, the reading and the note for the committer are there afterwards."""
    storage.blobs.get_container_client("inbox").upload_blob("drop/1.eml", bytes(ndr()))
    worker.invoke("read_input", *queue_data(worker, event_for("drop/1.eml")))
    names = sorted(one.key.partition("/")[0] for one in documents.list(""))
    assert names == ["input", "reading", "uncounted"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (event_for("gone.eml"), "input_gone"),
        (event_for("x").replace("BlobCreated", "BlobDeleted"), "event_ignored"),
        (event_for("x").replace("containers/inbox", "containers/store"), "event_ignored"),
    ],
    ids=["a blob that retention removed", "another kind", "another container"],
)
def test_event_without_an_input_is_logged_and_done_with(
    message: str, said: str, worker: Worker, storage: Storage, documents: Any, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """What there is nothing to read for is no failure, and is visible."""
    worker.invoke("read_input", *queue_data(worker, message))
    assert [one["event"] for one in lines()] == [said]
    assert list(documents.list("")) == []


def test_message_that_is_no_event_fails(worker: Worker, storage: Storage) -> None:
    """Garbage in the queue fails, so that the host counts its tries and keeps it in the poison queue."""
    with pytest.raises(Failed, match="no event"):
        worker.invoke("read_input", *queue_data(worker, "hello"))


def test_input_without_a_container_is_a_failure(worker: Worker, storage: Storage) -> None:
    """An account that is not set up must not look like an input that is gone."""
    storage.blobs.delete_container("inbox")
    with pytest.raises(Failed, match="not set up"):
        worker.invoke("read_input", *queue_data(worker, event_for("1.eml")))


def test_relay_takes_a_kick(worker: Worker, storage: Storage) -> None:
    """A kick for an incident that is gone, or has nothing to tell, is no failure."""
    worker.invoke("relay", *queue_data(worker, '{"incident": "ABCDEFGH"}'))


# ---- timers


@pytest.mark.parametrize("name", ["poll", "commit", "relay_sweep", "retain"])
def test_timer_runs_on_an_empty_account(name: str, worker: Worker, storage: Storage) -> None:
    """A fresh deployment has nothing to do, and each timer does nothing without failing."""
    status = {"Last": "2026-10-18T09:14:00+00:00", "Next": "2026-10-18T09:16:00+00:00"}
    data = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": True}
    worker.invoke(name, worker.typed(json=json.dumps(data)))


def test_sweep_tells_how_many_messages_were_given_up(
    worker: Worker, storage: Storage, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """The alert has its line for each poison queue, with a count of nought where there is nothing."""
    storage.queue("inputs" + POISON).create_queue()
    storage.queue("inputs" + POISON).send_message(encoded(event_for("x")))
    assert Timers(worker).fire("relay_sweep")
    told = {one["queue"]: one["count"] for one in lines() if one["event"] == "poison_waiting"}
    assert told == {"inputs-poison": 1, "notices-poison": 0}


# ---- HTTP


def test_upload_is_kept_and_named(worker: Worker, storage: Storage, ndr: Callable[..., Any]) -> None:
    """A post gives 202 with digest and name, the bytes lie there as they were; a second one keeps nothing anew."""
    status, _, body = posted(worker, "upload", bytes(ndr()), name="report 1.eml")
    first = json.loads(body)
    assert (status, first["new"]) == (202, True)
    assert first["name"].endswith(f"/{first['sha256']}-report-1.eml")
    assert storage.blobs.get_blob_client("inbox", first["name"]).download_blob().readall() == bytes(ndr())
    status, _, body = posted(worker, "upload", bytes(ndr()), name="report 1.eml")
    assert (status, json.loads(body)) == (202, {**first, "new": False})


def test_posted_message_is_answered_with_the_contract(worker: Worker, ndr: Callable[..., Any]) -> None:
    """`diagnose` answers with one JSON line for each document."""
    status, _, body = posted(worker, "diagnose", bytes(ndr()))
    line = json.loads(body)
    assert (status, line["kind"]) == (200, "bounce")
    assert line["observations"][0]["receiving_host"] == "fabrikam-example.mail.protection.outlook.com"


@pytest.mark.parametrize("function", ["upload", "diagnose"])
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [(b"", 400, "no body"), (b"x" * (MAX_POST + 1), 413, "at most 50 MB")],
    ids=["empty", "too large"],
)
def test_bad_post_is_answered_with_a_sentence(
    function: str, body: bytes, status: int, says: str, worker: Worker, storage: Storage
) -> None:
    """What is wrong with a request is said in JSON, with the status that says whose fault it is."""
    got, _, answer = posted(worker, function, body)
    assert got == status
    assert says in json.loads(answer)["error"]


def test_store_that_cannot_be_reached_is_no_fault_of_the_caller(
    worker: Worker, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the storage is away an upload gets 503 and is asked to come again, without a traceback."""
    key = "AccountName=local;AccountKey=a2V5;"
    gone = "BlobEndpoint=http://127.0.0.1:9/local;QueueEndpoint=http://127.0.0.1:9/local;"
    monkeypatch.setenv("TriageStorage", f"DefaultEndpointsProtocol=http;{key}{gone}")
    monkeypatch.setattr("triage.azure_storage.RETRIES", 0)
    status, headers, answer = posted(worker, "upload", b"x")
    assert (status, headers["Retry-After"]) == (503, "30")
    assert "for now" in json.loads(answer)["error"]
    assert b"Traceback" not in answer


def test_account_that_is_not_named_is_said(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the connection's settings the answer names them."""
    for name in [one for one in os.environ if one.startswith("TriageStorage")]:
        monkeypatch.delenv(name)
    status, _, answer = posted(worker, "upload", b"x")
    assert status == 500
    assert "TriageStorage__blobServiceUri" in json.loads(answer)["error"]


# ---- the log


def test_log_lines_reach_the_host_with_their_level(
    worker: Worker, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    """What the app logs goes through `logging`, which the worker sends on: one JSON line with its level."""
    structlog.reset_defaults()
    try:
        with caplog.at_level(logging.INFO):
            worker.invoke("read_input", *queue_data(worker, event_for("gone.eml")))
        found = [one for one in caplog.records if "input_gone" in one.getMessage()]
        assert [one.levelname for one in found] == ["INFO"]
        assert json.loads(found[0].getMessage())["input"] == "gone.eml"
    finally:
        structlog.reset_defaults()


# ---- what indexing catches


def test_app_with_a_fault_is_refused_with_the_workers_words(tmp_path: Path, fresh: Callable[[Path], Worker]) -> None:
    """A function whose argument is not bound does not get as far as a deployment."""
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.timer_trigger(arg_name='timer', schedule='0 0 0 * * *')\ndef late(clock: func.TimerRequest) -> None: ...\n",
        encoding="utf-8",
    )
    with pytest.raises(Misconfigured, match="late"):
        fresh(tmp_path)
