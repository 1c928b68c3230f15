"""What Amazon SES tells through SNS: a notification in JSON, mailed or saved, of a bounce, a delay or a delivery."""

import json
from typing import Any

from triage.decode.failure import Failure, Report, read_address, read_host
from triage.decode.limits import MAX_HEADER, MAX_RECIPIENTS, TEXT_BYTES
from triage.decode.reply import address as ip_of
from triage.model.words import Action

_NAMES = ('"notificationType"', '"eventType"')
_STARTS_WITHIN = 4096
_KINDS: dict[str, tuple[str, str, Action]] = {
    "Bounce": ("bounce", "bouncedRecipients", "failed"),
    "DeliveryDelay": ("deliveryDelay", "delayedRecipients", "delayed"),
    "Delivery": ("delivery", "recipients", "delivered"),
}
"""The type of a notification: its object, its list of recipients, and what happened to them."""


def read_notice(text: str) -> tuple[Report, str] | None:
    """Read a notification, and give what it says and the header of the returned message; None for all else. Never raises."""
    notice = _notice(text)
    kind = _KINDS.get(_text(notice, "notificationType") or _text(notice, "eventType"))
    if kind is None:
        return None
    name, listed, action = kind
    told = _object(notice, name)
    mta = _text(told, "reportingMTA")
    recipients = told.get(listed)
    failures = [
        _failure(one, told, action) for one in (recipients[:MAX_RECIPIENTS] if isinstance(recipients, list) else [])
    ]
    if not failures:
        return None
    return Report(reported_by=read_host(mta)[0], failures=tuple(failures)), _header(_object(notice, "mail"))


def _notice(text: str) -> dict[str, Any]:
    """Find the object; within SNS's envelope it is a text in its field Message."""
    start = text[:_STARTS_WITHIN].find("{")
    if start < 0 or not any(name in text or name.replace('"', '\\"') in text for name in _NAMES):
        return {}
    try:
        found = json.JSONDecoder(strict=False).raw_decode(text[:TEXT_BYTES], start)[0]
        inner = found.get("Message") if isinstance(found, dict) else None
        found = json.loads(inner, strict=False) if isinstance(inner, str) else found
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _failure(one: Any, told: dict[str, Any], action: Action) -> Failure:
    own = one if isinstance(one, dict) else {"emailAddress": one}
    diagnostic = _text(own, "diagnosticCode") or (_text(told, "smtpResponse") if action == "delivered" else "")
    code = diagnostic.partition(";")[2] if diagnostic.lower().startswith(("smtp;", "smtp ;")) else diagnostic
    status = _text(own, "status")
    return Failure(
        recipient=read_address(_text(own, "emailAddress")),
        action=action,
        status=status if status[:1] in ("2", "4", "5") and status.count(".") == 2 else None,
        diagnostic=code.strip() or None,
        receiving_ip=ip_of(_text(told, "remoteMtaIp")),
        time=_moment(_text(told, "timestamp")),
        retry_until=_moment(_text(told, "expirationTime")),
    )


def _header(mail: dict[str, Any]) -> str:
    """Write the header of the message that came back, as far as the notification has it."""
    known = _object(mail, "commonHeaders")
    fields = {
        "From": _first(known, "from") or _text(mail, "source"),
        "To": _first(known, "to"),
        "Message-ID": _text(known, "messageId"),
        "Subject": _text(known, "subject"),
    }
    return "\n".join(f"{name}: {value}" for name, value in fields.items() if value)


def _object(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: dict[str, Any], name: str) -> str:
    """Give a text on one line; empty for anything else."""
    found = value.get(name)
    return " ".join(found.split())[:MAX_HEADER] if isinstance(found, str) else ""


def _first(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return _text({"0": found[0]}, "0") if isinstance(found, list) and found else ""


def _moment(text: str) -> str | None:
    """Give a time such as `2026-10-19T08:00:00.000Z` to the second; None for another form."""
    return f"{text[:19]}Z" if len(text) >= 20 and text[10] == "T" and text[-1] == "Z" and text[:4].isdigit() else None
