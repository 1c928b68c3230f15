"""A reading of the mailbox is killed at every single step: the next one leaves each message kept once and moved once."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import httpx

from tests.servers.graph import SHARED, GraphServer, Mailbox
from triage.collect.graph import Graph
from triage.collect.graph_mailbox import GraphMailbox
from triage.collect.inbox import FolderInbox
from triage.collect.mailbox import Polled, poll
from triage.group import SqliteDocuments

NOW = "2026-10-21T08:00:00Z"
REPORTS = 3
EVERY_STEP = 40
"""Steps that a whole reading has at least: fewer would mean that the test no longer counts what it should."""


class Steps:
    """Counts what the process does with the outside, and kills it at the step that was asked for."""

    def __init__(self, last: int) -> None:
        self._last, self._done, self._lock = last, 0, threading.Lock()

    def step(self) -> None:
        """Count one step; at the last one the process ends here, with no chance to clean up."""
        with self._lock:
            self._done += 1
            if self._done == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


class DyingInbox(FolderInbox):
    """A folder inbox that counts before and after it keeps something."""

    def __init__(self, root: Path, steps: Steps) -> None:
        super().__init__(root)
        self._steps = steps

    def put(self, name: str, content: bytes, metadata: Mapping[str, str] | None = None) -> bool:
        """Keep one input."""
        self._steps.step()
        is_new = super().put(name, content, metadata)
        self._steps.step()
        return is_new


class DyingDocuments(SqliteDocuments):
    """A store that counts before and after it writes something."""

    def __init__(self, path: Path, steps: Steps) -> None:
        super().__init__(path)
        self._steps = steps

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Write a document."""
        self._steps.step()
        tag = super().put(key, body, if_match, head)
        self._steps.step()
        return tag


class DyingTransport(httpx.HTTPTransport):
    """A connection that counts before a request is sent and after its answer began."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self._steps = steps

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request."""
        self._steps.step()
        response = super().handle_request(request)
        self._steps.step()
        return response


def read_mailbox(url: str, token: str, folder: Path, last: int) -> Polled:
    """Read the mailbox once, up to the step that is the last."""
    steps = Steps(last)
    with (
        httpx.Client(transport=DyingTransport(steps), trust_env=False) as client,
        DyingDocuments(folder / "store.sqlite", steps) as documents,
    ):
        graph = Graph(client, lambda: token, url, deadline=time.monotonic() + 60, loopback=True)
        inbox = DyingInbox(folder / "inbox", steps)
        return poll(GraphMailbox(graph, SHARED), inbox, documents, lambda mime: b"report" in mime, NOW)


def die(url: str, token: str, folder: Path, last: int) -> None:
    """Read the mailbox in a process of its own."""
    read_mailbox(url, token, folder, last)


def test_killed_at_any_step_each_message_is_kept_once(graph_server: GraphServer, tmp_path: Path) -> None:
    """Between keep and move, between page and place, or anywhere: the replay gives each message once.

    The service writes each message anew at each reading, so equal bytes cannot hide that one is kept twice; at every
    other step it also goes on telling of messages that were moved.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["triage.collect.mailbox", "triage.group", "httpx", __name__])
    graph_server.rewrite = lambda mime, reading: mime + b"--_%04d_--\r\n" % reading
    graph_server.largest_page = 2
    token = graph_server.token()
    for last in count(1):
        graph_server.stale = last % 2 == 0
        folder = tmp_path / str(last)
        folder.mkdir()
        graph_server.mailboxes[SHARED] = Mailbox()
        for number in range(REPORTS):
            graph_server.deliver(b"Subject: report %d\r\n\r\n" % number)
        letter = graph_server.deliver(b"Subject: lunch\r\n\r\n")
        process = context.Process(target=die, args=(graph_server.url, token, folder, last))
        process.start()
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL)
        again = read_mailbox(graph_server.url, token, folder, 0)
        assert (again.failed, again.stopped) == ([], None)
        names = list(FolderInbox(folder / "inbox").list())
        starts = sorted((folder / "inbox" / name).read_bytes().partition(b"\r\n")[0] for name in names)
        assert starts == [b"Subject: report %d" % number for number in range(REPORTS)], last
        lying = [len(graph_server.mailbox.in_folder(name)) for name in ("Done", "Inbox")]
        assert (lying, letter.is_read, letter.moves) == ([REPORTS, 1], False, 0), last
        assert all(mail.moves == 1 for mail in graph_server.mailbox.in_folder("Done")), last
        if process.exitcode == 0:
            break
    assert last > EVERY_STEP
