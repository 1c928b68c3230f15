"""Any program, by a webhook that is signed as the Standard Webhooks specification says (standardwebhooks.com).

A receiver that keeps the ids it has seen hears of each change exactly once.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from triage.errors import Misconfigured
from triage.model import Notice
from triage.model.wire import incident_json, json_line
from triage.notify.address import checked_address
from triage.notify.digest import Digest, digest_json
from triage.notify.letter import Letter
from triage.notify.news import kind_of, main_kind
from triage.notify.outcome import Later, Outcome, Refused
from triage.notify.post import Line, outcome, post
from triage.notify.redaction import Redaction
from triage.settings import Sinks

SHORTEST_KEY, LONGEST_KEY = 24, 64
"""Bytes of a signing key, as the specification recommends."""

_PREFIX = "whsec_"
_HINTS = {
    401: "It does not accept the signature: compare the secrets of both sides.",
    410: "It wants no more messages: take the sink out of the settings.",
}


class Webhook:
    """A receiver. It knows an id that it has seen, so a message may be sent as often as it takes."""

    name = "webhook"
    at_most_twice = False

    def __init__(self, url: SecretStr, keys: Sequence[SecretStr], line: Line, *, audience: str | None = None) -> None:
        """`audience` names for whom a token of Entra is shown; None shows none."""
        self._url, self._keys, self._line, self._audience = url, keys, line, audience

    def send(self, letter: Letter) -> Outcome:
        """Post the change, signed at the time of this try."""
        return self._post(message(letter), letter.id, letter.now)

    def send_digest(self, digest: Digest) -> Outcome:
        """Post what several incidents have to tell, in one request."""
        return self._post(digest_message(digest), digest.id, digest.now)

    def _post(self, told: dict[str, Any], message_id: str, now: str) -> Outcome:
        body = json_line(told)
        headers = {
            "content-type": "application/json",
            **signed(message_id, int(datetime.fromisoformat(now).timestamp()), body, self._keys),
        }
        answer = post(self._url, body, headers, self._line, self._audience)
        if isinstance(answer, Later | Refused):
            return answer
        return outcome(answer, now, hints=_HINTS)


def make(settings: Sinks, line: Line) -> Webhook | None:
    """Give the receiver that the settings name; None where they name none. Raises `Misconfigured`."""
    own = settings.webhook
    if own.url is None:
        return None
    checked_address("sinks.webhook.url", own.url.get_secret_value(), own.hosts, allow_loopback=line.allow_loopback)
    if own.secret is None:
        raise Misconfigured("sinks.webhook.url is set and sinks.webhook.secret is not: nothing is sent unsigned.")
    keys = [("secret", own.secret), *([("previous_secret", own.previous_secret)] if own.previous_secret else [])]
    for name, key in keys:
        if not SHORTEST_KEY <= len(_bytes(key)) <= LONGEST_KEY:
            raise Misconfigured(
                f"sinks.webhook.{name} is not {_PREFIX} and base64 of {SHORTEST_KEY} to {LONGEST_KEY} random bytes."
            )
    if own.auth == "entra" and own.audience is None:
        raise Misconfigured("sinks.webhook.auth is entra and sinks.webhook.audience is not set.")
    return Webhook(own.url, tuple(key for _, key in keys), line, audience=own.audience if own.auth == "entra" else None)


def _bytes(key: SecretStr) -> bytes:
    text = key.get_secret_value()
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else b""
    except binascii.Error:
        return b""


def signed(message_id: str, seconds: int, body: bytes, keys: Sequence[SecretStr]) -> dict[str, str]:
    """Give the three fields of the specification; every key signs, so that a receiver may hold either of two."""
    content = f"{message_id}.{seconds}.".encode() + body
    macs = [hmac.new(_bytes(key), content, hashlib.sha256).digest() for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(mac).decode('ascii')}" for mac in macs),
    }


def message(letter: Letter) -> dict[str, Any]:
    """Give what is posted: the incident in the form of the contract, and the changes that it is told for."""
    kind = main_kind(letter.notices)
    changes = [_change(one, letter.incident.id) for one in letter.notices]
    change = next((one for one in reversed(changes) if one["kind"] == kind), None)
    told = {
        "change": change,
        "changes": changes,
        "incident": incident_json(letter.incident),
        "team": letter.team,
    }
    return {
        "type": f"incident.{kind.replace('-', '_')}",
        "timestamp": letter.notices[-1].at if letter.notices else letter.now,
        "data": _redacted(told, Redaction(letter.incident, letter.redact)),
    }


def digest_message(digest: Digest) -> dict[str, Any]:
    """Give what is posted of several incidents."""
    told = [[_change(one, incident.id) for one in notices] for incident, notices in digest.items]
    redacted: dict[str, Any] = _redacted(digest_json(digest, told), Redaction(None, digest.redact))
    return redacted


def _change(notice: Notice, incident_id: str) -> dict[str, Any]:
    """Give one change as it stood when it happened."""
    counts = notice.counts
    return {
        "id": f"{incident_id}/{notice.name}/{notice.sink}",
        "kind": kind_of(notice),
        "at": notice.at,
        "text": " ".join(why.text for why in notice.whys),
        "counts": {
            "returned": counts.returned,
            "waiting": counts.waiting,
            "sessions": counts.sessions,
            "sent_unencrypted": counts.sent_unencrypted,
        },
    }


def _redacted(value: Any, redaction: Redaction) -> Any:
    if isinstance(value, str):
        return redaction.text(value)
    if isinstance(value, dict):
        return {key: _redacted(one, redaction) for key, one in value.items()}
    return [_redacted(one, redaction) for one in value] if isinstance(value, list | tuple) else value
