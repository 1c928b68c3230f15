"""The app's HTTP functions on loopback. No key is asked for: this is a developer's machine."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import structlog

from triage.errors import Misconfigured
from triage.local.worker import Failed, Worker
from triage.safe_text import log

PREFIX = "/api/"
REQUEST_BYTES = 100 * 2**20
"""The host's own bound for a request's body."""

SILENT_SECONDS = 60


class HttpFunctions(ThreadingHTTPServer):
    """A server for the HTTP triggers of an app."""

    daemon_threads = True

    def __init__(self, worker: Worker, address: str) -> None:
        """`address` is host:port. Raises `Misconfigured` where it cannot be had."""
        host, _, port = address.rpartition(":")
        self.worker = worker
        self.routes = {
            (method.upper(), PREFIX + (one.get("route") or name)): name
            for name, bindings in worker.bindings.items()
            for one in bindings
            if one["type"] == "httpTrigger"
            for method in one.get("methods", ["GET", "POST"])
        }
        try:
            super().__init__((host.strip("[]"), int(port)), _Handler)
        except OSError as error:
            raise Misconfigured(
                f"HTTP cannot listen on {address} ({error.strerror or error}); set serve.http."
            ) from error

    @property
    def address(self) -> str:
        """Give where it listens."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def run(self) -> None:
        """Serve until `stop` is called from another thread."""
        self.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """End `run` and give the address back."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: HttpFunctions
    timeout = SILENT_SECONDS

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if "Origin" in self.headers:  # a page in a browser has no business here
            self._say(403)
        elif not (length.isascii() and length.isdecimal()):
            self._say(411)
        elif int(length) > REQUEST_BYTES:
            self._say(413)
        else:
            self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        split = urlsplit(self.path)
        function = self.server.routes.get((self.command, split.path.rstrip("/")))
        if function is None:
            self._say(404)
            return
        try:
            answer = self.server.worker.invoke(function, _request(self.server.worker, self, split.query, body)).http
        except Failed as error:
            structlog.get_logger().warning("function_failed", function=function, why=str(error)[:500])
            self._say(500)
            return
        content = _content(answer.body)
        self.send_response(int(answer.status_code))
        for name, value in (answer.headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _say(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002 - the library's
        structlog.get_logger().info("http", method=self.command, path=log(self.path), status=int(code))

    def log_error(self, format: str, *arguments: object) -> None:  # noqa: A002 - the library's name
        structlog.get_logger().info("http_refused", why=log(format % arguments))


def _request(worker: Worker, handler: BaseHTTPRequestHandler, query: str, body: bytes) -> Any:
    request = worker.message(
        "RpcHttp",
        method=handler.command,
        url=f"http://{handler.headers.get('Host', 'localhost')}{handler.path}",
        headers={name.lower(): value for name, value in handler.headers.items()},
        params={},
        query=dict(parse_qsl(query, keep_blank_values=True)),
        body=worker.typed(bytes=body),
    )
    return worker.typed(http=request)


def _content(body: Any) -> bytes:
    given: bytes | str = getattr(body, "bytes", None) or getattr(body, "string", None) or b""
    return given.encode() if isinstance(given, str) else given
