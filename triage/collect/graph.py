"""Microsoft Graph over HTTP: one request at a time done right, whatever the service answers.

Documents: "Use delta query", "Microsoft Graph throttling guidance", "Obtain immutable identifiers for Outlook
resources" and "National cloud deployments" (learn.microsoft.com/graph), RFC 9110 §10.2.3 (Retry-After).
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from triage.collect.limits import MIB
from triage.errors import Misconfigured, TooLarge, Transient, TriageError

if TYPE_CHECKING:
    import httpx

HOSTS = frozenset(
    {"graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}
)
"""The clouds that there are. A token is sent to no other host, whatever a setting or an answer says."""

LOOPBACK = frozenset({"127.0.0.1", "::1"})

AT_ONCE = 4
"""Requests at the same time: Outlook answers a fifth with 429 (Graph's limits for each app and mailbox)."""

TRIES = 4
"""How often a request is made that the service fails or breaks off."""

THROTTLED_TRIES = 20
"""How often a request is made that the service asks to make later; the deadline ends most of them sooner."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds between tries where the service names none: doubled each time up to the second."""

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
"""Seconds without a byte."""

REQUEST_SECONDS = 90.0
"""Seconds of one request: the largest message at half a megabyte a second."""

ANSWER_BYTES = 8 * MIB
"""Of an answer in JSON: a page of fifty messages with the few fields that are asked for has some kilobytes."""

REFUSAL_BYTES = 64 * 2**10
"""Of an answer that says no."""

PREFER_ID = 'IdType="ImmutableId"'
"""On every request: without it a message that is moved gets another id."""

_LATER = frozenset({429, 500, 502, 503, 504})
_PLACE_LOST = re.compile(r"syncstate(?:notfound|invalid)|resync\w*", re.IGNORECASE)
_CODE = re.compile(r"[\w.-]{1,80}")


class Refused(TriageError):
    """Graph said no to one request. `status` and `code` are its words (404, "ErrorItemNotFound")."""

    def __init__(self, status: int, code: str) -> None:
        """Take what Graph answered."""
        super().__init__(f"Graph refuses it: {status} {code}.")
        self.status, self.code = status, code


class Forbidden(Misconfigured):
    """The application may not do this in this mailbox (403)."""


class PlaceLost(TriageError):
    """The service has forgotten the place in its list of changes: everything has to be listed anew (410)."""


class OutOfTime(Transient):
    """The time for this run is up, or would be before the service wants to be asked again."""


class Answer(msgspec.Struct, frozen=True):
    """What came back: status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """Give the object in the body. Raises `Transient` where it is none: a proxy in between answered."""
        try:
            value = msgspec.json.decode(self.content)
        except msgspec.DecodeError as error:
            raise Transient("Graph's answer is no JSON: is there a proxy in between?") from error
        if not isinstance(value, dict):
            raise Transient("Graph's answer is no JSON object: is there a proxy in between?")
        return value


def checked_base(url: str, *, loopback: bool = False) -> str:
    """Give the address below which all of Graph lies, without a final slash. Raises `Misconfigured` for any other.

    `loopback` lets tests name a server of theirs on this machine.
    """
    parts = _split(url)
    known = parts is not None and parts[0] == "https" and parts[1] in HOSTS and parts[2] in (None, 443)
    ours = loopback and parts is not None and parts[1] in LOOPBACK
    if parts is None or not (known or ours):
        names = ", ".join(sorted(HOSTS))
        raise Misconfigured(f"The setting mailbox.graph_url must be https:// and one of {names}.")
    return url.rstrip("/")


class Graph:
    """A client for one run. Safe to share between threads: it never lets more than `AT_ONCE` requests out."""

    def __init__(
        self,
        client: "httpx.Client",
        token: Callable[[], str],
        base: str,
        *,
        deadline: float,
        loopback: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`token` gives an access token for Graph; `deadline` is a moment of `time.monotonic`.

        Raises `Misconfigured` for a `base` that is none of Graph's addresses.
        """
        self.base = checked_base(base, loopback=loopback)
        self._client, self._fresh_token, self._sleep = client, token, sleep
        self._deadline = deadline
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._token: str | None = None
        self._not_before = 0.0

    def left(self) -> float:
        """Give the seconds left of this run; none or less than none once it is over."""
        return self._deadline - time.monotonic()

    def get(self, path: str, *, page: int | None = None) -> dict[str, Any]:
        """Give the JSON object at `path`; `page` is the number of items wanted. Raises as `send` does."""
        return self.send("GET", self._below(path), page=page).json()

    def follow(self, link: str, *, page: int | None = None) -> dict[str, Any]:
        """Give the JSON object at a link that an answer gave. Raises as `checked` and `send` do."""
        return self.send("GET", self.checked(link), page=page).json()

    def checked(self, link: str) -> str:
        """Give the link back. Raises `Transient` for one that does not lie below the base: the token goes with it."""
        parts = _split(link)
        if parts is None or parts != _split(self.base) or not link.startswith(f"{self.base}/"):
            raise Transient("Graph's answer leads to another host; it is not followed.")
        return link

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Post a JSON object and give the one that comes back. Raises as `send` does."""
        return self.send("POST", self._below(path), body=msgspec.json.encode(body)).json()

    def raw(self, path: str, at_most: int) -> bytes:
        """Give the bytes at `path`. Raises `TooLarge` past `at_most` of them, and as `send` does."""
        return self.send("GET", self._below(path), at_most=at_most).content

    def send(
        self, method: str, url: str, *, body: bytes | None = None, page: int | None = None, at_most: int = ANSWER_BYTES
    ) -> Answer:
        """Make a request until it is answered for good.

        Raises `Refused`, `PlaceLost`, `Forbidden` (403), `Misconfigured` (a fresh token is refused too),
        `TooLarge`, `OutOfTime`, and `Transient` where the service goes on failing.
        """
        prefer = PREFER_ID if page is None else f"odata.maxpagesize={page}, {PREFER_ID}"
        failed = throttled = 0
        renewed = False
        while True:
            token = self._current_token()
            outcome = self._once(method, url, {"Authorization": f"Bearer {token}", "Prefer": prefer}, body, at_most)
            if isinstance(outcome, Answer) and outcome.status < 300:
                return outcome
            if isinstance(outcome, Answer) and outcome.status == 401 and not renewed:
                renewed = True
                self._forget(token)
                continue
            if isinstance(outcome, Answer) and outcome.status not in _LATER:
                raise _refusal(outcome)
            wait = _retry_after(outcome) if isinstance(outcome, Answer) else None
            throttled += wait is not None
            failed += wait is None
            if failed >= TRIES or throttled >= THROTTLED_TRIES:
                raise Transient(f"Graph cannot do it for now: {_spoken(outcome)}.")
            self._pause(wait, failed, everybody=wait is not None)

    def _once(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, at_most: int
    ) -> "Answer | Exception":
        """Make one request; a connection that failed is given back, as what the service did."""
        import httpx

        if body is not None:
            headers["Content-Type"] = "application/json"
        with self._place():
            seconds = self._seconds()
            timeout = httpx.Timeout(min(READ_SECONDS, seconds), connect=min(CONNECT_SECONDS, seconds))
            try:
                request = self._client.build_request(method, url, headers=headers, content=body, timeout=timeout)
                response = self._client.send(request, stream=True, follow_redirects=False)
                try:
                    return self._read(response, at_most, time.monotonic() + REQUEST_SECONDS)
                finally:
                    response.close()
            except httpx.InvalidURL as error:
                raise Transient("Graph's answer has a link that is no address.") from error
            except httpx.RequestError as error:  # timeouts, broken connections, a body that does not unpack
                return error

    def _read(self, response: "httpx.Response", at_most: int, until: float) -> Answer:
        import httpx

        said_no = response.status_code >= 300
        bound = REFUSAL_BYTES if said_no else at_most
        parts: list[bytes] = []
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > bound and said_no:
                break
            if size > bound:
                raise TooLarge(f"It has more than {bound // MIB} MB.")
            parts.append(part)
            self._seconds()
            if time.monotonic() > until:
                raise httpx.ReadTimeout(f"It took more than {REQUEST_SECONDS:.0f} seconds.")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, b"".join(parts))

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Hold one of the places for requests, after the pause that the service asked everybody for."""
        while True:
            with self._lock:
                wait = self._not_before - time.monotonic()
            if wait <= 0:
                break
            self._rest(wait)
        if not self._places.acquire(timeout=self._seconds()):
            raise OutOfTime(_TIME_IS_UP)
        try:
            yield
        finally:
            self._places.release()

    def _pause(self, wait: float | None, failed: int, *, everybody: bool) -> None:
        wait = wait if wait is not None else min(FIRST_PAUSE * 2 ** (failed - 1), LONGEST_PAUSE)
        if everybody:
            with self._lock:
                self._not_before = max(self._not_before, time.monotonic() + wait)
        if wait > self.left():
            raise OutOfTime(_TIME_IS_UP)
        self._rest(wait)

    def _rest(self, seconds: float) -> None:
        if seconds > self.left():
            raise OutOfTime(_TIME_IS_UP)
        self._sleep(seconds)

    def _seconds(self) -> float:
        left = self.left()
        if left <= 0:
            raise OutOfTime(_TIME_IS_UP)
        return left

    def _current_token(self) -> str:
        with self._lock:
            if self._token is None:
                self._token = self._fresh_token()
            return self._token

    def _forget(self, token: str) -> None:
        """Forget a token that was refused, unless another thread has a newer one already."""
        with self._lock:
            if self._token == token:
                self._token = None

    def _below(self, path: str) -> str:
        return f"{self.base}/{path}"


_TIME_IS_UP = "The time for this run is up; the next one goes on from there."


def _split(url: str) -> tuple[str, str, int | None] | None:
    """Give scheme, host and port of an address; None for one that has a user, a backslash or a control in it."""
    if any(one <= " " or one == "\\" or one == "\x7f" for one in url):
        return None
    try:
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None or not parts.hostname:
            return None
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return None


def _refusal(answer: Answer) -> TriageError:
    code = _code(answer)
    if answer.status == 410 or (answer.status < 500 and _PLACE_LOST.fullmatch(code)):
        return PlaceLost("Graph has forgotten the place in its list of changes.")
    if answer.status == 401:
        return Misconfigured(f"Graph does not accept the token of this application (401 {code}).")
    if answer.status == 403:
        return Forbidden(
            f"Graph does not let this application into the mailbox (403 {code}). Grant it there with Exchange Online's "
            "RBAC for Applications: infra/exchange/grant-mailbox.ps1 does it. A new grant can take two hours to count."
        )
    return Refused(answer.status, code)


def _code(answer: Answer) -> str:
    """Give Graph's own name of the error; the message beside it may hold addresses and is not repeated."""
    try:
        value = msgspec.json.decode(answer.content)
        code = value["error"]["code"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return "without a code"
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "without a code"


def _spoken(outcome: "Answer | Exception") -> str:
    if isinstance(outcome, Answer):
        return f"it answers {outcome.status} {_code(outcome)}"
    return f"the connection fails ({type(outcome).__name__})"


def _retry_after(answer: Answer) -> float | None:
    """Give the seconds that Retry-After names, as a number or as a date; None without one that can be read."""
    value = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    when = _date(value)
    if when is None:
        return None
    now = _date(answer.headers.get("date", "")) or datetime.now(UTC)
    return max((when - now).total_seconds(), 0.0)


def _date(value: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
