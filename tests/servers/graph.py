"""Microsoft Graph on loopback, as far as a mailbox needs it: real HTTP, and the service's documented behaviour.

From its pages "message: delta", "Use delta query", "Obtain immutable identifiers", "message: move", "Get MIME content",
"Throttling limits", and threads of its users: ids change with a move unless the immutable form is asked for on every
request, a fifth request at once is answered 429, items are repeated, places are forgotten (410, or 400
syncStateNotFound), tokens expire, and `$value` is written anew each time. It also answers as the identity endpoint of
a Functions app, so that the real azure-identity can get its token here.
"""

import json
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

AT_ONCE = 4
SHARED = "bounces@contoso.example"
IMMUTABLE = 'idtype="immutableid"'
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Mail:
    """A message in a mailbox. `moves` counts its moves: without the immutable form the id has it in it."""

    id: str
    mime: bytes
    folder: str
    received: str
    is_read: bool = False
    moves: int = 0
    readings: int = 0


@dataclass
class Fault:
    """What the service does instead of answering, `times` times, to requests whose "METHOD path" matches."""

    pattern: str
    status: int = 503
    code: str = "serviceNotAvailable"
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    seconds: float = 0.0
    body: bytes | None = None
    after: Callable[[], object] | None = None


@dataclass
class Asked:
    """One request; `path` is unquoted, header names are in lower case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def immutable(self) -> bool:
        """Whether the immutable form of ids is asked for."""
        return IMMUTABLE in self.headers.get("prefer", "").lower()


@dataclass
class Told:
    """What a place in a list of changes stands for: what is still to be told, the page before, and up to where."""

    rest: list[str]
    page: list[str]
    until: int


@dataclass
class Mailbox:
    """One mailbox: its folders (id → name), its mail, and the order of what changed (number → folder, message)."""

    folders: dict[str, str] = field(default_factory=lambda: {"f-inbox": "Inbox", "f-drafts": "Drafts"})
    mail: dict[str, Mail] = field(default_factory=dict)
    changes: list[tuple[str, str]] = field(default_factory=list)

    def in_folder(self, name: str) -> list[Mail]:
        """Give the mail in the folder of this name."""
        ids = [one for one, called in self.folders.items() if called.lower() == name.lower()]
        return [mail for mail in self.mail.values() if mail.folder in ids]


class GraphServer:
    """The service. What it saw stands in `requests`, `at_once` and `without_id_type`."""

    def __init__(self) -> None:
        self.mailboxes: dict[str, Mailbox] = {SHARED: Mailbox()}
        self.forbidden: set[str] = set()
        self.read_only = False
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.at_once = 0
        self.without_id_type = 0
        self.largest_page = 1000
        self.repeats = False
        """Each page repeats the messages of the one before, as the service may."""
        self.stale = False
        """Messages that left the folder while a list is being read still stand in it as if they were there."""
        self.rewrite: Callable[[bytes, int], bytes] | None = None
        """What `$value` makes of a message at its n-th reading."""
        self.value_seconds = 0.0
        self.link_base: str | None = None
        """Where the links of a list lead, if not to this server."""
        self.forgets_with = 410
        self.tokens: set[str] = set()
        self.identity_header = secrets.token_hex(8)
        self._lists: dict[str, Told] = {}
        self._now_at_once = 0
        self.lock = threading.RLock()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def origin(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def url(self) -> str:
        """The address below which Graph lies."""
        return f"{self.origin}/v1.0"

    @property
    def mailbox(self) -> Mailbox:
        """The shared mailbox."""
        return self.mailboxes[SHARED]

    def token(self) -> str:
        """Give a token that counts from now on."""
        made = secrets.token_hex(8)
        with self.lock:
            self.tokens.add(made)
        return made

    def expire_tokens(self) -> None:
        """Let every token that was given be expired."""
        with self.lock:
            self.tokens.clear()

    def deliver(self, mime: bytes, received: str = "2026-10-20T09:14:11Z", *, to: str = SHARED) -> Mail:
        """Deliver a message into the Inbox."""
        with self.lock:
            box = self.mailboxes[to]
            mail = Mail(f"AAkALg{len(box.mail):04d}{secrets.token_urlsafe(6)}==", mime, "f-inbox", received)
            box.mail[mail.id] = mail
            box.changes.append(("f-inbox", mail.id))
            return mail

    def touch(self, mail: Mail) -> None:
        """Let a person change a message: it was read, flagged, put into a category."""
        with self.lock:
            mail.is_read = True
            self.mailbox.changes.append((mail.folder, mail.id))

    def shift(self, mail: Mail, folder: str) -> None:
        """Move a message to the folder with this id."""
        with self.lock:
            for one in (mail.folder, folder):
                self.mailbox.changes.append((one, mail.id))
            mail.folder = folder
            mail.moves += 1

    def forget_places(self, status: int = 410) -> None:
        """Forget every place that was given out; answer those who come with one by this status."""
        with self.lock:
            self._lists.clear()
            self.forgets_with = status

    def asked(self, pattern: str) -> int:
        """Give how many requests match ("METHOD path")."""
        return sum(1 for one in self.requests if re.search(pattern, one))

    def start(self) -> "GraphServer":
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer no more."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    # ---- answering

    def answer(self, asked: "Asked") -> Answer:
        """Answer one request."""
        line = f"{asked.method} {asked.path}"
        with self.lock:
            self.requests.append(line)
            self._now_at_once += 1
            self.at_once = max(self.at_once, self._now_at_once)
            too_many = self._now_at_once > AT_ONCE
        try:
            if asked.path == "/msi/token":
                return self._identity(asked)
            fault = self._fault(line)
            if fault is not None:
                time.sleep(fault.seconds)
                if fault.after is not None:
                    fault.after()
                if fault.status:
                    return fault.status, fault.headers, fault.body or _error(fault.code)
            if too_many:
                return 429, {"Retry-After": "1"}, _error("ApplicationThrottled")
            if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                return 401, {}, _error("InvalidAuthenticationToken")
            return self._route(asked)
        finally:
            with self.lock:
                self._now_at_once -= 1

    def _fault(self, line: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, line):
                    fault.times -= 1
                    return fault
        return None

    def _identity(self, asked: "Asked") -> Answer:
        if asked.headers.get("x-identity-header") != self.identity_header:
            return 401, {}, b"{}"
        given = {"access_token": self.token(), "expires_on": str(int(time.time()) + 3600), "resource": self.origin}
        return 200, {}, _json({**given, "token_type": "Bearer"})

    def _route(self, asked: "Asked") -> Answer:
        path = re.sub(r"\('([^']*)'\)", r"/\1", asked.path)  # the form in which the service's own links name things
        found = re.fullmatch(r"/v1\.0/users/([^/]+)(/.*)", path)
        if not found:
            return 404, {}, _error("ResourceNotFound")
        address, rest = found.group(1).lower(), found.group(2)
        if address in self.forbidden or (self.read_only and asked.method != "GET"):
            return 403, {}, _error("ErrorAccessDenied")
        box = self.mailboxes.get(address)
        if box is None:
            return 404, {}, _error("ErrorInvalidUser")
        self.without_id_type += not asked.immutable
        if rest == "/mailFolders":
            return self._top_folders(box, asked)
        if rest.startswith("/mailFolders/"):
            return self._folder(box, address, rest, asked)
        return self._message(box, rest, asked)

    def _top_folders(self, box: Mailbox, asked: "Asked") -> Answer:
        if asked.method == "POST":
            name = str(json.loads(asked.body)["displayName"])
            with self.lock:
                if name in box.folders.values():
                    return 409, {}, _error("ErrorFolderExists")
                box.folders[f"f-{name.lower()}"] = name
            return 201, {}, _json({"id": f"f-{name.lower()}", "displayName": name})
        wanted = re.fullmatch(r"displayName eq '(.*)'", asked.query.get("$filter", [""])[0])
        rows = [{"id": one, "displayName": called} for one, called in box.folders.items()]
        if wanted is not None:
            name = wanted.group(1).replace("''", "'").lower()
            rows = [row for row in rows if row["displayName"].lower() == name]
        return 200, {}, _json({"value": rows})

    def _folder(self, box: Mailbox, address: str, rest: str, asked: "Asked") -> Answer:
        found = re.fullmatch(r"/mailFolders/([^/]+)(/messages/delta)?", rest)
        folder = _folder(box, found.group(1)) if found else None
        if found is None or folder is None:
            return 404, {}, _error("ErrorItemNotFound")
        if not found.group(2):
            return 200, {}, _json({"id": folder})
        with self.lock:
            return self._delta(box, address, folder, asked)

    def _delta(self, box: Mailbox, address: str, folder: str, asked: "Asked") -> Answer:
        size = re.search(r"odata\.maxpagesize=(\d+)", asked.headers.get("prefer", ""))
        most = min(int(size.group(1)) if size else 10, self.largest_page)
        path = f"users('{quote(address)}')/mailFolders('{folder}')/messages/delta"
        before: list[str] = []
        until = len(box.changes)
        token = next((asked.query[one][0] for one in ("$skiptoken", "$deltatoken") if one in asked.query), None)
        if token is None:
            ids = [mail.id for mail in box.mail.values() if mail.folder == folder]
        elif token not in self._lists and self.forgets_with == 410:
            return 410, {"Location": f"{self.url}/{path}?$deltatoken="}, _error("SyncStateNotFound")
        elif token not in self._lists:
            return self.forgets_with, {}, _error("syncStateNotFound")
        elif "$deltatoken" in asked.query:
            since = self._lists[token].until
            ids = list(dict.fromkeys(one for place, one in box.changes[since:] if place == folder))
        else:
            ids, before, until = self._lists[token].rest, self._lists[token].page, self._lists[token].until
        page, rest = ids[:most], ids[most:]
        shown = [*before, *page] if self.repeats else page
        made = secrets.token_urlsafe(12)
        self._lists[made] = Told(rest, page, until)
        further = f"{self.link_base or self.url}/{path}?{'$skiptoken' if rest else '$deltatoken'}={made}"
        rows = [self._row(box, one, folder, asked.immutable) for one in shown]
        return 200, {}, _json({"value": rows, "@odata.nextLink" if rest else "@odata.deltaLink": further})

    def _row(self, box: Mailbox, message: str, folder: str, immutable: bool) -> dict[str, Any]:
        mail = box.mail.get(message)
        if mail is None:
            return {"id": message, "@removed": {"reason": "deleted"}}
        if mail.folder != folder and not self.stale:
            return {"id": _id(mail, immutable), "@removed": {"reason": "changed"}}
        return {"id": _id(mail, immutable), "receivedDateTime": mail.received, "parentFolderId": mail.folder}

    def _message(self, box: Mailbox, rest: str, asked: "Asked") -> Answer:
        found = re.fullmatch(r"/messages/([^/]+)(/\$value|/move)?", rest)
        message = found.group(1) if found else ""
        mail = next((one for one in box.mail.values() if _id(one, asked.immutable) == message), None)
        if found is None or mail is None:
            return 404, {}, _error("ErrorItemNotFound")
        if found.group(2) == "/$value":
            time.sleep(self.value_seconds)
            with self.lock:
                mail.readings += 1
                mime = self.rewrite(mail.mime, mail.readings) if self.rewrite is not None else mail.mime
            return 200, {"Content-Type": "text/plain"}, mime
        if found.group(2) == "/move" and asked.method == "POST":
            target = _folder(box, str(json.loads(asked.body)["destinationId"]))
            if target is None:
                return 404, {}, _error("ErrorItemNotFound")
            self.shift(mail, target)
            return 201, {}, _json({"id": _id(mail, asked.immutable), "parentFolderId": target})
        if asked.method == "PATCH":
            mail.is_read = bool(json.loads(asked.body).get("isRead", mail.is_read))
        return 200, {}, _json({"id": _id(mail, asked.immutable), "parentFolderId": mail.folder, "isRead": mail.is_read})


def _id(mail: Mail, immutable: bool) -> str:
    return mail.id if immutable else f"AAMkAD{mail.moves}{mail.id}"


def _folder(box: Mailbox, name: str) -> str | None:
    """Give the id of a folder by its id or by its well-known name."""
    known = {"inbox": "f-inbox", "drafts": "f-drafts"}
    found = known.get(name.lower(), name)
    return found if found in box.folders else None


def _error(code: str) -> bytes:
    return _json({"error": {"code": code, "message": "secret@contoso.example is in this text", "innerError": {}}})


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: some tests kill theirs."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _handler(server: GraphServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60
        wbufsize = 65_536  # headers and body in one piece: two small ones wait for each other

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, unquote(parts.path), parse_qs(parts.query), headers, body)
            status, more, body = server.answer(asked)
            try:
                self.send_response_only(status)
                usual = {"Date": self.date_time_string(), "Content-Type": "application/json"}
                for name, value in {**usual, **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # the client did not wait
                self.close_connection = True

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's signature
            """Say nothing."""

    return Handler


@contextmanager
def running() -> Iterator[GraphServer]:
    """Give a server that answers until the block ends."""
    server = GraphServer().start()
    try:
        yield server
    finally:
        server.stop()
