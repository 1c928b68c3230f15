"""The local host does what Azure's host does: leases, timers, HTTP, a whole run on Azurite."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest

from triage.cloud.storage import Storage, encoded
from triage.errors import Misconfigured
from triage.group import incidents
from triage.local.emulated import serve_emulated
from triage.local.host import SCHEDULES, Timers
from triage.local.http import HttpFunctions
from triage.local.queues import QueuePump, QueueRules, queue_rules
from triage.local.worker import Worker
from triage.settings import Settings

pytestmark = [pytest.mark.needs_functions, pytest.mark.needs_node]

ROOT = Path(__file__).parents[2]
SLOW = """
import time
from pathlib import Path
import azure.functions as func
app = func.FunctionApp()

@app.queue_trigger(arg_name="message", queue_name="slow", connection="TriageStorage")
def slow(message: func.QueueMessage) -> None:
    Path(r"FOLDER", f"{time.time_ns()}.run").write_text(str(message.dequeue_count))
    time.sleep(2.5)
"""


# ---- queues


def test_message_that_takes_long_stays_hidden(
    fresh: Callable[[Path], Worker], storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a function works longer than a lease lasts its message is given to nobody else."""
    monkeypatch.setattr("triage.local.queues.LEASE_SECONDS", 1)
    monkeypatch.setattr("triage.local.queues.RENEW_SECONDS", 0.3)
    (tmp_path / "function_app.py").write_text(SLOW.replace("FOLDER", str(tmp_path)), encoding="utf-8")
    pump = QueuePump(fresh(tmp_path), storage, QueueRules())
    pump.make_queues()
    storage.queue("slow").send_message(encoded("x"))

    def look_for_messages() -> None:
        while time.monotonic() < deadline:
            pump.turn()
            time.sleep(0.1)

    deadline = time.monotonic() + 2.5
    lookers = [threading.Thread(target=look_for_messages) for _ in range(2)]
    for one in lookers:
        one.start()
    for one in lookers:
        one.join()
    pump.close()
    assert [path.read_text() for path in tmp_path.glob("*.run")] == ["1"]
    assert storage.queue("slow").get_queue_properties().approximate_message_count == 0


def test_host_file_that_is_none_is_said(tmp_path: Path) -> None:
    """A missing or broken host.json stops the local host with a sentence."""
    with pytest.raises(Misconfigured, match=r"host\.json"):
        queue_rules(tmp_path)
    (tmp_path / "host.json").write_text("[]", encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"host\.json"):
        queue_rules(tmp_path)


# ---- timers


def test_timer_runs_when_it_is_due_and_once(worker: Worker, storage: Storage) -> None:
    """A timer runs at its time, not before it, and not again for the same time."""
    timers = Timers(worker, {**SCHEDULES, "CommitCron": "0 0 3 * * *", "PollCron": "0 0 0 1 1 *"})
    now = datetime.now(UTC)
    three = now.replace(hour=3, minute=0, second=0, microsecond=0)
    three += timedelta(days=three <= now)
    assert "commit" not in timers.turn(three - timedelta(seconds=1))
    assert "commit" in timers.turn(three)
    assert "commit" not in timers.turn(three + timedelta(hours=1))


def test_schedule_without_its_setting_is_said(worker: Worker) -> None:
    """A schedule that names a setting nobody set stops the host, and the setting is named."""
    worker.bindings["commit"][0]["schedule"] = "%NoSuchCron%"
    with pytest.raises(Misconfigured, match="NoSuchCron"):
        Timers(worker, {})


# ---- HTTP


@pytest.fixture
def served(worker: Worker, storage: Storage) -> Iterator[httpx.Client]:
    """Give a client of the app's HTTP functions on loopback."""
    server = HttpFunctions(worker, "127.0.0.1:0")
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    with httpx.Client(base_url=server.address, trust_env=False) as client:
        yield client
    server.stop()
    thread.join()


def test_http_functions_are_served(served: httpx.Client, ndr: Callable[..., Any]) -> None:
    """A post to the route runs its function, with the query and the body as they came."""
    answer = served.post("/api/inputs", params={"name": "a b.eml"}, content=bytes(ndr()))
    assert (answer.status_code, answer.headers["content-type"]) == (202, "application/json")
    assert answer.json()["name"].endswith("-a-b.eml")
    answer = served.post("/api/diagnose", content=bytes(ndr()))
    assert (answer.status_code, answer.json()["kind"]) == (200, "bounce")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/api/none", {}, 404),
        ("GET", "/api/inputs", {}, 404),
        ("POST", "/api/inputs", {"Content-Length": "999999999999"}, 413),
        ("POST", "/api/inputs", {"Content-Length": "x"}, 411),
        ("POST", "/api/inputs", {"Origin": "https://fabrikam.example"}, 403),
        ("POST", "/api/inputs", {}, 400),
    ],
)
def test_wrong_requests_are_refused(
    method: str, path: str, headers: dict[str, str], status: int, served: httpx.Client
) -> None:
    """Other routes and methods, bodies without a size or past any bound, and pages in a browser get a plain no."""
    connection = HTTPConnection(served.base_url.host, served.base_url.port or 0, timeout=10)
    connection.putrequest(method, path)
    for name, value in {"Content-Length": "0", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


# ---- the whole


def test_serve_runs_the_app_on_azurite(
    storage: Storage, documents: Any, ndr: Callable[..., Any], tmp_path: Path
) -> None:
    """`triage serve --azurite` turns a dropped blob and a post into one incident, and stops when told to."""
    environment = {**os.environ, "CommitCron": "* * * * * *", "TRIAGE_SERVE__HTTP": "127.0.0.1:0"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "triage", "serve", "--azurite"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if "serving" in line:
                break
        address = next(word for word in line.split() if word.startswith("http=")).partition("=")[2]
        storage.blobs.get_blob_client("inbox", "1.eml").upload_blob(bytes(ndr()))
        second = bytes(ndr(message_id="second@contoso.example"))
        assert httpx.post(f"{address}/api/inputs", content=second, trust_env=False).status_code == 202
        deadline = time.monotonic() + 20
        while [one.counts.returned for one in incidents(documents)] != [2] and time.monotonic() < deadline:
            time.sleep(0.2)
        assert [one.counts.returned for one in incidents(documents)] == [2]
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=15)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    assert "stopped" in rest


def test_missing_parts_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a clone, or without the worker library or Azurite, a sentence says what is missing."""
    with pytest.raises(Misconfigured, match="clone"):
        serve_emulated(Settings(), tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "function_app.py").write_text("", encoding="utf-8")
    monkeypatch.delenv("TriageStorage", raising=False)
    with pytest.raises(Misconfigured, match="Azurite is not there"):
        serve_emulated(Settings(), tmp_path)
    monkeypatch.setitem(sys.modules, "azure_functions_runtime", None)
    with pytest.raises(Misconfigured, match="worker library is not installed"):
        Worker(tmp_path)


def test_event_is_shaped_as_event_grid_shapes_it(storage: Storage) -> None:
    """What the local host sends for a blob has the fields of Event Grid's schema."""
    from triage.local.host import event_of

    storage.blobs.get_blob_client("inbox", "a b.eml").upload_blob(b"x")
    (blob,) = storage.blobs.get_container_client("inbox").list_blobs()
    event = json.loads(json.dumps(event_of(storage, blob)))
    assert set(event) == {
        "topic", "subject", "eventType", "id", "data", "dataVersion", "metadataVersion", "eventTime",
    }  # fmt: skip
    assert event["subject"] == "/blobServices/default/containers/inbox/blobs/a b.eml"
    assert event["data"]["url"].endswith("/inbox/a%20b.eml")
    assert event["data"]["contentLength"] == 1
