"""A vendor's JSON API as the ticket sinks use it: one budget of time for a message, and errors in words of our own.

A caller says what it asks; whatever else comes back ends the message by `Stopped`, with the outcome that follows from
the vendor's documented answers, or by `Gone` where the thing that it asked about is there no more.
"""

import base64
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from pydantic import SecretStr

from triage.notify.outcome import Later, Refused
from triage.notify.post import MAYBE_DONE, PASSING, Answer, Line, Request, exchange, retry_after
from triage.safe_text import one_line, redact_addresses

MESSAGE_SECONDS = 90
"""How long all requests of one message may take together: less than the two minutes that its claim holds."""

CALL_SECONDS = 40
"""How long one request may take."""

ANSWER_BYTES = 4 * 2**20
"""How much of an answer is read: a hundred long comments, not a database."""

PAGES_AT_MOST = 10
"""Pages of a listing that are read: a ticket with a thousand comments is nobody's but people's."""

_WORDS = 300
"""Characters of what a vendor says about a field."""

Credentials = Callable[[], Mapping[str, str] | Later | Refused]
"""Gives the header that says who we are, or why there is none for now."""


class Stopped(Exception):
    """The message ends here, for now or for good."""

    def __init__(self, outcome: Later | Refused) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class Gone(Exception):
    """The ticket is there no more: it was deleted, or moved to where we cannot see it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer: its status, its fields in lower case, and the JSON in it."""

    status: int
    headers: Mapping[str, str]
    json: Any


@dataclass(frozen=True, slots=True)
class Api:
    """Where a vendor's API is, and how it differs from others.

    `hints` says what to do about a status, `patience` reads the vendor's own way of asking for it, and `complaints`
    finds in an error what is said about a field.
    """

    base: str
    line: Line
    credentials: Credentials
    headers: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[int, str] = field(default_factory=dict)
    patience: Callable[[Answer, str], Later | None] = lambda _answer, _now: None
    complaints: Callable[[Any], Iterable[str]] = lambda _body: ()


class Session:
    """The requests of one message. `wrote` tells whether anything may have been changed by it."""

    def __init__(self, api: Api, now: str) -> None:
        self._api, self.now = api, now
        self._until = time.monotonic() + MESSAGE_SECONDS
        self.wrote = False

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        reads: bool = False,
        takes: frozenset[int] = frozenset(),
        of_ticket: bool = False,
    ) -> Reply:
        """Send one request and give its good answer, or one of the statuses that the caller `takes`.

        `reads` marks a POST that only asks; `of_ticket` a path whose absence means that the ticket is gone. Raises
        `Stopped` and `Gone`.
        """
        changes = method != "GET" and not reads
        answer = self._answer(method, path, body, content_type, changes)
        if 200 <= answer.status < 300 or answer.status in takes:
            self.wrote = self.wrote or (changes and answer.status < 300)
            return Reply(answer.status, answer.headers, self._json(answer))
        if of_ticket and answer.status in (301, 404, 410):
            raise Gone
        raise Stopped(self._meaning(answer, changes))

    def _answer(self, method: str, path: str, body: Any, content_type: str, changes: bool) -> Answer:
        api = self._api
        credentials = api.credentials()
        if isinstance(credentials, Later | Refused):
            raise Stopped(credentials)
        left = self._until - time.monotonic()
        if left < 1:
            raise Stopped(Later("It answers too slowly: the rest is for the next try."))
        headers = {"accept": "application/json", **api.headers, **credentials}
        if body is not None:
            headers["content-type"] = content_type
        request = Request(
            method,
            SecretStr(api.base + path),
            None if body is None else msgspec.json.encode(body),
            headers,
            ANSWER_BYTES,
        )
        result = exchange(request, api.line, min(left, CALL_SECONDS))
        if isinstance(result, Answer):
            return result
        if changes and isinstance(result, Later) and result.unsure:
            self.wrote = True
        raise Stopped(result)

    def _json(self, answer: Answer) -> Any:
        if not answer.body or answer.status >= 400:
            return None
        try:
            return msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            raise Stopped(
                Refused(f"It answered {answer.status} with something that is no JSON, or too long.")
            ) from None

    def _meaning(self, answer: Answer, changes: bool) -> Later | Refused:
        """Say what an answer that is not good means: patience, or a person's work."""
        api = self._api
        asked = api.patience(answer, self.now)
        if asked is not None:
            return asked
        hint = api.hints.get(answer.status)
        reason = f"It answered {answer.status}." + (f" {hint}" if hint else "")
        if answer.status in PASSING:
            unsure = answer.status in MAYBE_DONE or (changes and answer.status >= 500)
            self.wrote = self.wrote or (unsure and changes)
            return Later(reason, retry_after(answer.headers, self.now), unsure=unsure)
        return Refused(reason, self._words(answer))

    def _words(self, answer: Answer) -> str:
        """Give what an error says about our fields: one line, without addresses of people and without our secrets."""
        try:
            said = [str(one) for one in self._api.complaints(msgspec.json.decode(answer.body))]
        except (msgspec.DecodeError, AttributeError, KeyError, IndexError, TypeError):
            return ""
        text = "; ".join(said)
        credentials = self._api.credentials()
        for secret in _secrets(credentials if isinstance(credentials, Mapping) else {}):
            text = text.replace(secret, "…")
        return redact_addresses(one_line(text, _WORDS))


def basic(user: str, password: SecretStr) -> dict[str, str]:
    """Give the header that shows a user and a password (RFC 7617)."""
    pair = f"{user}:{password.get_secret_value()}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}


def _secrets(headers: Mapping[str, str]) -> Iterator[str]:
    """Give what of these fields must not be repeated: a key, a token, and the password inside of Basic."""
    for value in headers.values():
        kind, _, secret = value.rpartition(" ")
        yield secret
        if kind == "Basic":
            yield base64.b64decode(secret).decode("utf-8", "replace").partition(":")[2]
