"""Processes that are killed, and a storage service that fails: both by plan, so that each run can be repeated."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobLeaseClient, BlobServiceClient

from triage.azure_storage import Account, blob_service
from triage.group import BlobDocuments, Documents, SqliteDocuments, affected, incidents, silences
from triage.group.ledger import REPORT
from triage.group.packed import split
from triage.group.stored import load_ledger
from triage.model.wire import incident_json

ROOT = Path(__file__).parents[2]
Plan = Callable[[int, bool], str]
"""What happens to a request, from its number and whether it writes: one of the words in `Proxy.handle`."""

BUSY = b'<?xml version="1.0"?><Error><Code>ServerBusy</Code><Message>The server is busy.</Message></Error>'


class Proxy(ThreadingHTTPServer):
    """A loopback proxy in front of Azurite that fails by plan."""

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(url)
        self.plan: Plan = lambda _number, _writes: "pass"
        self.requests = self.writes = 0
        self.seen: list[str] = []
        self._lock = threading.Lock()
        self._victim: int | None = None
        self._named = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        """Give the address for clients."""
        return f"http://127.0.0.1:{self.server_port}"

    def begin(self, plan: Plan) -> None:
        """Follow this plan from now on, counting from one again."""
        with self._lock:
            self.plan, self.requests, self.writes, self.seen = plan, 0, 0, []
            self._victim = None
            self._named.clear()

    def name_victim(self, process: int) -> None:
        """Say whom the plan's word "kill" is for."""
        self._victim = process
        self._named.set()

    def kill_victim(self) -> None:
        """Kill the process that made the request."""
        assert self._named.wait(30)
        assert self._victim is not None
        os.kill(self._victim, signal.SIGKILL)

    def next_word(self, method: str) -> str:
        """Give the plan's word for the next request."""
        with self._lock:
            writes = method not in ("GET", "HEAD")
            self.requests += 1
            self.writes += writes
            word = self.plan(self.writes if writes else self.requests, writes)
            self.seen.append(word)
            return word

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that were killed while they were answered."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        word = self.server.next_word(self.command)
        if word == "cut":
            self._hang_up()
        elif word == "503":
            self._answer(503, [("x-ms-error-code", "ServerBusy"), ("Content-Type", "application/xml")], BUSY)
        elif word == "500":
            self._answer(500, [("x-ms-error-code", "InternalError")], b"")
        else:
            status, headers, content = self._forward(body)
            if word == "kill":
                self.server.kill_victim()
                self._hang_up()
            elif word == "500 though done":
                self._answer(500, [("x-ms-error-code", "OperationTimedOut")], b"")
            elif word == "cut though done":
                self._hang_up()
            elif word == "half an answer":
                self._answer(status, headers, content[: len(content) // 2], len(content))
                self._hang_up()
            else:
                self._answer(status, headers, content)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Give the one handler for every method: the server looks for do_GET, do_PUT and so on."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(self.server.upstream.hostname or "", self.server.upstream.port)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            upstream.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, said: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "keep-alive", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", "0")
        size = length if self.command == "HEAD" else str(len(content) if said is None else said)
        self.send_header("Content-Length", size)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def _hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def proxy(azurite: Any) -> Iterator[Proxy]:
    """Start a proxy in front of Azurite."""
    running = Proxy(azurite.url)
    yield running
    running.shutdown()
    running.server_close()


def failing(seed: int, share: float) -> Plan:
    """Give a plan in which this share of all requests fails, each in a way that the seed chooses."""
    words = ("500", "503", "cut", "500 though done", "cut though done")

    def plan(number: int, writes: bool) -> str:
        chance = random.Random(f"{seed} {number} {writes}")
        return chance.choice(words) if chance.random() < share else "pass"

    return plan


class Worker:
    """The process of `worker.py`, whose children do the jobs."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def run(self, *jobs: dict[str, Any], named: Callable[[int], None] = lambda _: None) -> list[str]:
        """Run jobs at once, each in a child; give how each ended. `named` gets the first child's process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(jobs) + "\n")
        self._process.stdin.flush()
        named(json.loads(self._process.stdout.readline())[0])
        ends: list[str] = json.loads(self._process.stdout.readline())
        assert not [end for end in ends if end.startswith("broke")], ends
        return ends

    def stop(self) -> None:
        """End the process."""
        self._process.communicate(timeout=30)


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """Start the worker once."""
    running = Worker()
    yield running
    running.stop()


@pytest.fixture
def mail(tmp_path: Path, ndr: Callable[..., Any]) -> Callable[[int], list[str]]:
    """Give a function that makes so many bounces, of two faults in turn, and gives their paths."""

    def make(count: int) -> list[str]:
        folder = tmp_path / "mail"
        folder.mkdir(exist_ok=True)
        paths = []
        for number in range(count):
            sending = "hq-ex13b.contoso.example" if number % 2 else "hq-ex13a.contoso.example"
            report = ndr(
                generating=sending,
                recipient=f"user{number % 7}@fabrikam.example",
                message_id=f"m{number}@contoso.example",
            )
            path = folder / f"{number:03d}.eml"
            path.write_bytes(bytes(report))
            paths.append(str(path))
        return paths

    return make


@contextmanager
def store_at(where: str) -> Iterator[Documents]:
    """Open the store at a path or behind a connection string, without any faults."""
    if where.startswith("Default"):
        with blob_service(Account(connection=where)) as service:
            yield BlobDocuments(service.get_container_client("store"))
    else:
        with SqliteDocuments(where) as documents:
            yield documents


def state(where: str) -> dict[str, object]:
    """Give all that must be exact: incidents with their counts and changes, what was counted, what is left over."""
    with store_at(where) as documents:
        return {
            "incidents": [
                (incident_json(one), sorted(map(repr, affected(documents, one.id))), _reports(documents, one.id))
                for one in incidents(documents)
            ],
            "readings": bodies(documents, "reading/"),
            "inputs": bodies(documents, "input/"),
            "left over": [one.key for one in documents.list("uncounted/")],
        }


def bodies(documents: Documents, prefix: str) -> list[bytes]:
    """Give the bodies of all documents below a prefix."""
    return [found[0] for found in documents.get_many([one.key for one in documents.list(prefix)]) if found]


def _reports(documents: Documents, incident_id: str) -> list[bytes]:
    ledger = load_ledger(documents, incident_id)
    assert ledger is not None
    return sorted(split(ledger.reports, REPORT))


@pytest.fixture(scope="session")
def seen() -> Callable[[str], dict[str, object]]:
    """Give the function that gives all that must be exact in a store."""
    return state


@pytest.fixture(scope="session")
def keys() -> Callable[[str], list[str]]:
    """Give the function that gives the keys of all documents in a store, but for the committer's lease."""

    def listed(where: str) -> list[str]:
        with store_at(where) as documents:
            return [one.key for one in documents.list("") if not one.key.startswith("lease/")]

    return listed


@pytest.fixture(scope="session")
def silent() -> Callable[[str], list[tuple[str, str]]]:
    """Give the function that gives what a store knows of silences: of what, and until when."""

    def known(where: str) -> list[tuple[str, str]]:
        with store_at(where) as documents:
            return [(one.scope.value, one.until) for one in silences(documents)]

    return known


@pytest.fixture(scope="session")
def failing_plan() -> Callable[[int, float], Plan]:
    """Give the maker of plans."""
    return failing


@pytest.fixture
def end_leases() -> Callable[[str], None]:
    """Give a function that lets the time pass after which a killed process's lease is over."""

    def end(where: str) -> None:
        with BlobServiceClient.from_connection_string(where) as service:
            lease = BlobLeaseClient(service.get_blob_client("store", "lease/committer"))
            with suppress(ResourceNotFoundError, ResourceExistsError):  # not made, or not taken
                lease.break_lease(lease_break_period=0)

    return end
