"""Receivers on loopback: a workflow of Teams, and a program that checks signatures; each answers as it is told to.

They speak real HTTP. What they answer is what the vendors' pages describe; a list of answers is used up in order, and
the last one stays.
"""

import json
import os
import signal
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from tests.servers.loopback import Loopback

SECRET = "whsec_" + "c2lnbmluZy1rZXktZm9yLXRlc3RzLW9ubHktMzJieXQ="
OLD_SECRET = "whsec_" + "dGhlLWtleS1iZWZvcmUtaXQtZm9yLXRlc3RzLTMyYg=="
TEAMS_BYTES = 28 * 1024
"""What Teams takes of a message, with everything in it."""


@dataclass(frozen=True)
class Taken:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    def json(self) -> Any:
        """Give the body's JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Says:
    """Answer with a status, fields and a body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Hangs:
    """Read the request and say nothing for so long."""

    seconds: float = 3


@dataclass(frozen=True)
class Drips:
    """Begin an answer and go on a byte at a time, for so long."""

    seconds: float = 3


@dataclass(frozen=True)
class Closes:
    """Read the request and close the connection without an answer."""


@dataclass(frozen=True)
class Kills:
    """Kill the process that sent the request, once it has arrived; then close."""

    pid: Callable[[], int]


Behaviour = Says | Hangs | Drips | Closes | Kills


class Receiver(Loopback):
    """A server that keeps what it got, in order, and answers by its list."""

    def __init__(self, *answers: Behaviour, certificate: Path | None = None) -> None:
        self.taken: list[Taken] = []
        self.answers = list(answers)
        super().__init__(self._handler())
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/in?sig=the-signature-is-a-secret"

    def judge(self, request: Taken) -> Behaviour:
        """Say how to answer where the list is used up."""
        del request
        return Says(200)

    def answer(self, request: Taken) -> Behaviour:
        """Take the next answer of the list."""
        if not self.answers:
            return self.judge(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def ids(self) -> list[str]:
        """Give the ids of what was accepted or may have been, in order."""
        return [one.headers.get("webhook-id", "") for one in self.taken]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Take a request and answer it."""
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Taken(self.path, headers, body, time.monotonic())
                receiver.taken.append(request)
                self._behave(receiver.answer(request))

            def _behave(self, behaviour: Behaviour) -> None:
                if isinstance(behaviour, Says):
                    self.send_response_only(behaviour.status)
                    for name, value in behaviour.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(behaviour.body)))
                    self.end_headers()
                    self.wfile.write(behaviour.body)
                    return
                if isinstance(behaviour, Hangs):
                    receiver.stopping.wait(behaviour.seconds)
                elif isinstance(behaviour, Drips):
                    self._drip(behaviour.seconds)
                elif isinstance(behaviour, Kills):
                    os.kill(behaviour.pid(), signal.SIGKILL)
                self.close_connection = True

            def _drip(self, seconds: float) -> None:
                self.wfile.write(b"HTTP/1.1 202 Accepted\r\nx-slow: ")
                until = time.monotonic() + seconds
                while time.monotonic() < until and not receiver.stopping.wait(0.05):
                    self.wfile.write(b"y")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


class TeamsReceiver(Receiver):
    """A workflow that posts a card to a channel: 202 and the name of its run, whatever the card; no ids known."""

    def judge(self, request: Taken) -> Behaviour:
        """Answer as a workflow does to what it can and cannot take."""
        if len(request.body) > TEAMS_BYTES:
            return Says(413, body=b'{"error":{"code":"RequestEntityTooLarge","message":"too large"}}')
        try:
            attachments = request.json()["attachments"]
        except (ValueError, KeyError):
            return Says(400, body=b'{"error":{"code":"TriggerInputSchemaMismatch","message":"no attachments"}}')
        if attachments[0]["contentType"] != "application/vnd.microsoft.card.adaptive":
            return Says(400, body=b'{"error":{"code":"TriggerInputSchemaMismatch","message":"no card"}}')
        return Says(202, {"x-ms-workflow-run-id": f"run-{len(self.taken)}"})

    def shown(self) -> Counter[str]:
        """Count how often each message was shown in the channel."""
        return Counter(one.headers["x-ms-client-tracking-id"] for one in self.taken)


class SignedReceiver(Receiver):
    """A program that verifies with the specification's own library, and acts once on each id."""

    def __init__(
        self, *answers: Behaviour, secrets: Sequence[str] = (SECRET,), certificate: Path | None = None
    ) -> None:
        super().__init__(*answers, certificate=certificate)
        self._secrets = secrets
        self.acted: dict[str, Any] = {}

    def answer(self, request: Taken) -> Behaviour:
        """Refuse what is not signed, act on what is new, and answer by the list."""
        content = None
        for secret in self._secrets:
            try:
                content = Webhook(secret).verify(request.body, request.headers)
            except WebhookVerificationError:
                continue
        if content is None:
            return Says(401)
        answer = super().answer(request)
        if not isinstance(answer, Says) or answer.status < 300:
            self.acted.setdefault(request.headers["webhook-id"], content)
        return answer
