"""What the ticket systems on loopback share: real HTTP, a table of tickets in memory, and faults by a list.

A fault is used once, by the first request that it fits: before the request is acted on, or after, so that the sender
does not learn what became of it.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.loopback import Loopback
from tests.servers.webhooks import Closes, Hangs, Kills, Says

US = "triage-bot"
"""The account that our sink uses there."""

PERSON = "karin"
CREDENTIAL = "t0p-s3cr3t-of-the-tickets"


@dataclass
class Ticket:
    """One ticket as its system keeps it."""

    number: int
    title: str
    body: str
    key: str
    status: str
    fields: dict[str, Any] = field(default_factory=dict)
    comments: list[tuple[str, str]] = field(default_factory=list)
    assignee: str = ""
    creator: str = US
    made_at: float = field(default_factory=time.monotonic)
    version: int = 1

    def texts(self) -> list[str]:
        """Give what was written as comments."""
        return [text for _, text in self.comments]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Give the body's JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Fault:
    """What happens to the first request of this method whose path holds this text."""

    method: str
    path: str
    behaviour: Says | Hangs | Closes | Kills
    is_done: bool = False


def says(status: int, body: Any = None, **headers: str) -> Says:
    """Give an answer in JSON."""
    fields = {"content-type": "application/json", **{name.replace("_", "-"): one for name, one in headers.items()}}
    return Says(status, fields, b"" if body is None else json.dumps(body).encode())


class TicketServer(Loopback):
    """A server that keeps tickets; a vendor's own class says how its API looks."""

    sink = ""
    done_status = "done"
    moved_on = "in progress"
    create_path = ""
    comment_method, comment_path = "POST", "comment"
    search_is_get = True
    invalid = Says(400)
    invalid_words = ""

    def settings(self) -> dict[str, Any]:
        """Give the settings of a sink that writes here."""
        raise NotImplementedError

    def __init__(self) -> None:
        self.tickets: dict[str, Ticket] = {}
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self._lock = threading.Lock()
        super().__init__(_handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def routes(self) -> Iterator[tuple[str, str, Callable[..., Says]]]:
        """Give method, pattern of the path (`*` stands for one part) and what answers."""
        raise NotImplementedError

    def is_known(self, asked: Asked) -> bool:
        """Tell whether the request shows who sent it."""
        raise NotImplementedError

    def is_done(self, ticket: Ticket) -> bool:
        """Tell whether a ticket is finished."""
        return ticket.status == self.done_status

    def only(self) -> Ticket:
        """Give the one ticket that there is."""
        (ticket,) = self.tickets.values()
        return ticket

    def open_ones(self) -> list[Ticket]:
        """Give the tickets that are not finished."""
        return [one for one in self.tickets.values() if not self.is_done(one)]

    def count(self, method: str, part: str = "") -> int:
        """Count requests."""
        return sum(one.method == method and part in one.path for one in self.asked)

    def answer(self, asked: Asked) -> tuple[Says, Fault | None]:
        """Act on a request, unless a fault comes before it."""
        with self._lock:
            self.asked.append(asked)
            fault = next((one for one in self.faults if one.method == asked.method and one.path in asked.path), None)
            if fault is not None:
                self.faults.remove(fault)
                if not fault.is_done:
                    return Says(500), fault
            return self._routed(asked), fault

    def _routed(self, asked: Asked) -> Says:
        if not self.is_known(asked):
            return says(401, {"message": "Bad credentials"})
        parts = asked.path.strip("/").split("/")
        for method, pattern, act in self.routes():
            wanted = pattern.strip("/").split("/")
            fits = len(parts) == len(wanted) and all(two in ("*", one) for one, two in zip(parts, wanted, strict=True))
            if method == asked.method and fits:
                return act(asked, *(one for one, two in zip(parts, wanted, strict=True) if two == "*"))
        return says(404, {"message": "Not Found"})


def _handler(server: TicketServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer, fault = server.answer(Asked(self.command, parts.path, query, headers, body))
            behaviour = answer if fault is None else fault.behaviour
            if isinstance(behaviour, Says):
                self._say(behaviour)
                return
            if isinstance(behaviour, Hangs):
                server.stopping.wait(behaviour.seconds)
            elif isinstance(behaviour, Kills):
                os.kill(behaviour.pid(), signal.SIGKILL)
            self.close_connection = True

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815

        def _say(self, answer: Says) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
