"""One request to an address that may be a secret: bounded in time and size, followed nowhere, named in no log.

The name is resolved once and the connection goes to an address that was looked at: a name that changes its address in
between (DNS rebinding) leads nowhere else. Certificates are still verified against the name.

What stopped it is told in words of our own: neither the address nor what the far side wrote is repeated, except for
an error's code.
"""

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

import triage
from triage.errors import Misconfigured, Transient
from triage.notify.address import addresses_of
from triage.notify.deadline import within
from triage.notify.outcome import Accepted, Later, Outcome, Refused

if TYPE_CHECKING:
    import ssl

    import httpx

CONNECT_SECONDS = 10
ANSWER_SECONDS = 20
"""How long to wait for each part of an answer: receivers are asked for one within 15 to 30 seconds."""

DEADLINE_SECONDS = 40
"""How long a whole try may take, also where the far side sends a byte now and then; far less than a claim holds."""

ANSWER_BYTES = 8 * 2**10
"""How much of an answer is read: an error's code stands at its beginning."""

LONGEST_WAIT = 6 * 3600
"""Seconds that a Retry-After may ask for: a wrong clock there must not silence us for days."""

_CODE = re.compile(r'"code"\s*:\s*"([A-Za-z0-9_.-]{1,60})"')

ADDRESSES_AT_MOST = 3
"""Addresses of a name that are tried in turn where nobody answers the connection."""

PASSING = frozenset({408, 423, 425, 429, *range(500, 600)})
"""Answers after which the same request may succeed."""

MAYBE_DONE = frozenset({502, 504})
"""Answers of a gateway that does not know what became of the request behind it."""


@dataclass(frozen=True, slots=True)
class Line:
    """How the outside is reached: the same for all sinks. `token` gives an Entra token for a scope."""

    proxy: SecretStr | None = None
    ca_file: Path | None = None
    allow_loopback: bool = False
    token: Callable[[str], str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the far side said: status, fields in lower case, and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    def code(self) -> str:
        """Give the code of an error in a JSON body, after a space; empty where there is none."""
        found = _CODE.search(self.body.decode("utf-8", "replace"))
        return f" {found[1]}" if found else ""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and how much of a good answer is read: nothing unless a size says so."""

    method: str
    url: SecretStr
    body: bytes | None
    headers: Mapping[str, str] = field(repr=False)
    answer_bytes: int = 0


def post(
    url: SecretStr, body: bytes, headers: Mapping[str, str], line: Line, audience: str | None = None
) -> Answer | Later | Refused:
    """Send one POST with a JSON body and give the answer, or why there is none. Raises nothing that says the address.

    `audience` names for whom a token of Entra is shown; a slash at its end is part of it, so that two may follow.
    """
    shown = {} if audience is None else bearer(line, f"{audience}/.default")
    if isinstance(shown, Later | Refused):
        return shown
    return exchange(Request("POST", url, body, {**headers, **shown}), line, DEADLINE_SECONDS)


def exchange(request: Request, line: Line, seconds: float) -> Answer | Later | Refused:
    """Send one request and give the answer, or why there is none within so many seconds.

    Raises nothing that says the address.
    """
    _keep_addresses_out_of_logs()
    # A far side that drips bytes would hold the relay for ever.
    return within(seconds, lambda: _exchange(request, line), f"No answer within {seconds:.0f} seconds.")


def bearer(line: Line, scope: str) -> dict[str, str] | Later | Refused:
    """Give the header that shows who we are to a service of Entra's, or why there is no token for it."""
    if line.token is None:
        return Refused("Nothing here gives tokens of Entra.")
    try:
        return {"authorization": f"Bearer {line.token(scope)}"}
    except Transient as error:
        return Later(str(error))
    except Misconfigured as error:
        return Refused(str(error))


def _exchange(request: Request, line: Line) -> Answer | Later | Refused:
    import httpx

    parts = urlsplit(request.url.get_secret_value())
    host = (parts.hostname or "").rstrip(".")
    addresses: list[str | None] = [None]  # through a proxy, which resolves the name itself
    if line.proxy is None:
        try:
            found, forbidden = addresses_of(host, parts.port or 443)
        except (OSError, UnicodeError):
            return Later("The name of the host cannot be resolved.")
        if forbidden is not None and not line.allow_loopback:
            return Refused(f"The host's name leads to {forbidden}, where no webhook can be.")
        addresses = [*found[:ADDRESSES_AT_MOST]]
    result: Answer | Later | Refused = Later("The host has no address.")
    for address in addresses:
        try:
            return _sent(request, parts, address, line)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            result = Later(_unreachable(error))
        except httpx.TransportError as error:
            return Later(f"The connection ended without an answer ({type(error).__name__}).", unsure=True)
        except (httpx.InvalidURL, ValueError) as error:
            return Refused(f"The request cannot be written ({type(error).__name__}).")
    return result


def _sent(request: Request, parts: SplitResult, address: str | None, line: Line) -> Answer:
    """Send it to this address, under the host's own name; to the name itself where there is none."""
    import httpx

    headers = {"user-agent": f"bounce-triage/{triage.__version__}", "accept-encoding": "identity", **request.headers}
    url, extensions = parts.geturl(), {}
    if address is not None:
        literal = f"[{address}]" if ":" in address else address
        url = parts._replace(netloc=literal if parts.port is None else f"{literal}:{parts.port}").geturl()
        headers["host"] = parts.netloc
        extensions = {"sni_hostname": (parts.hostname or "").rstrip(".")}
    timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    proxy = None if line.proxy is None else line.proxy.get_secret_value()
    with (
        httpx.Client(
            verify=_trusted(line), timeout=timeout, trust_env=False, proxy=proxy, follow_redirects=False
        ) as client,
        client.stream(request.method, url, content=request.body, headers=headers, extensions=extensions) as response,
    ):
        if response.status_code < 400 and request.answer_bytes:
            body = _at_most(response, request.answer_bytes)
        else:
            body = _beginning(response)
        return Answer(response.status_code, dict(response.headers), body)


def _at_most(response: "httpx.Response", size: int) -> bytes:
    """Read a good answer; what is longer than it may be is left unread, and is no whole JSON then."""
    read = b""
    for piece in response.iter_raw():
        read += piece
        if len(read) >= size:
            break
    return read[:size]


def _trusted(line: Line) -> "ssl.SSLContext | bool":
    """Give what vouches for the far side: the public certificates, or those of the settings."""
    import ssl

    return True if line.ca_file is None else ssl.create_default_context(cafile=str(line.ca_file))


def _beginning(response: "httpx.Response") -> bytes:
    """Read the beginning of an error's body. What comes after a status, or does not come, no longer changes it."""
    import httpx

    read = b""
    if response.status_code < 400:
        return read
    with suppress(httpx.TransportError):
        for piece in response.iter_raw():
            read += piece
            if len(read) >= ANSWER_BYTES:
                break
    return read[:ANSWER_BYTES]


def _unreachable(error: Exception) -> str:
    import ssl

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "The certificate of the host is not trusted."
        cause = cause.__cause__ or cause.__context__
    return f"The host cannot be reached ({type(error).__name__})."


def outcome(answer: Answer, now: str, *, name: str | None = None, hints: Mapping[int, str] | None = None) -> Outcome:
    """Say what an answer means: `name` is the field that names what was made, `hints` what to do about a status."""
    if 200 <= answer.status < 300:
        return Accepted(answer.headers.get(name or "", "")[:100] or None)
    hint = (hints or {}).get(answer.status)
    reason = f"It answered {answer.status}{answer.code()}." + (f" {hint}" if hint else "")
    if answer.status in PASSING:
        return Later(reason, retry_after(answer.headers, now), unsure=answer.status in MAYBE_DONE)
    return Refused(reason)


def retry_after(headers: Mapping[str, str], now: str) -> int | None:
    """Give the seconds that a Retry-After asks for (RFC 9110, 10.2.3: seconds or a date); None where it says none.

    A date is taken against the far side's own clock where it tells it.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), LONGEST_WAIT)
    at = _date(value)
    if at is None:
        return None
    today = _date(headers.get("date", "")) or datetime.fromisoformat(now)
    return max(0, min(int((at - today).total_seconds()), LONGEST_WAIT))


def _date(value: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(value[:100])
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _keep_addresses_out_of_logs() -> None:
    """Let the HTTP library log the host of a request and no more: paths and queries are credentials here.

    What it logs of a connection at the lowest level holds the fields of answers, a redirect to our own address too.
    """
    logging.getLogger("httpcore").setLevel(logging.INFO)
    logger = logging.getLogger("httpx")
    if _host_alone not in logger.filters:
        logger.addFilter(_host_alone)


def _host_alone(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_shortened(one) for one in record.args)
    return True


def _shortened(value: object) -> object:
    text = str(value)
    if "://" not in text:
        return value
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.hostname}/…"
