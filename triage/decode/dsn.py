"""The machine part of a report (RFC 3464, RFC 6533), whole or as gateways leave it.

Groups are told apart by their fields, not by blank lines alone: gateways put blank lines between fields, double them,
or drop the one between two recipients.
"""

import re
from collections.abc import Iterator

from triage.decode import limits
from triage.decode.failure import Failure, Report, read_address, read_host, utc
from triage.decode.mapi import read_supplement
from triage.model.words import Action

_FIELD = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9-]{1,60})[ \t]{0,4}:[ \t]{0,40}(?P<value>.*)")
_QUOTED = re.compile(r"(?m)^(?:[>|][ \t]?){1,5}")
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_COMMENT = re.compile(r"\d\s{0,4}\((?P<text>[^()]{4,300})\)")
_TYPE = re.compile(r"\s*(?P<type>[A-Za-z][\w-]{0,40})\s*;\s*")
_PER_MESSAGE = frozenset(
    {
        "reporting-mta",
        "dsn-gateway",
        "received-from-mta",
        "arrival-date",
        "original-envelope-id",
        "x-postfix-queue-id",
        "x-original-message-id",
    }
)
_PER_RECIPIENT = frozenset(
    {
        "original-recipient", "final-recipient", "x-actual-recipient", "action", "status", "remote-mta",
        "diagnostic-code", "last-attempt-date", "final-log-id", "will-retry-until", "x-display-name",
        "x-supplementary-info",
    }
)  # fmt: skip
_SPELLED = {
    "-".join(word.upper() if word in ("mta", "id", "dsn") else word.capitalize() for word in name.split("-")): name
    for name in _PER_MESSAGE | _PER_RECIPIENT
}
"""The names as nearly all servers write them."""
_STARTS_ANOTHER = frozenset({"original-recipient", "final-recipient", "action", "status"})
_ACTIONS: dict[str, Action] = {
    "failed": "failed",
    "failure": "failed",
    "error": "failed",  # OpenSMTPD
    "delayed": "delayed",
    "delay": "delayed",
    "delivered": "delivered",
    "relayed": "relayed",
    "expanded": "expanded",
}

Fields = dict[str, str]


def read_status(text: str) -> Report | None:
    """Read the text of a delivery-status part; None where it names no recipient and no action. Never raises."""
    text = text.lstrip("\ufeff")
    if text.lstrip()[:1] in (">", "|"):
        text = _QUOTED.sub("", text)
    message, groups, more = _groups(text)
    failures = tuple(failure for group in groups if (failure := _failure(group)))
    if not failures:
        return None
    reporting = read_host(message.get("reporting-mta", ""))
    return Report(
        reported_by=reporting[0] or reporting[1],
        message_id=message.get("x-original-message-id", "").strip(" <>")[: limits.MAX_ADDRESS] or None,  # Gmail
        arrival_date=message.get("arrival-date"),
        failures=_without_repeats(failures),
        more=more,
    )


def find_status(text: str) -> str | None:
    """Give the stretch of a plain text that is a machine part which lost its own part; None without one."""
    lowered = text[: limits.TEXT_BYTES].lower()
    if "final-recipient:" not in lowered or "action:" not in lowered:
        return None
    names = ("reporting-mta:", "original-recipient:", "final-recipient:", "action:")
    found = re.search(rf"(?m)^[> \t|]{{0,12}}(?:{'|'.join(names)})", lowered)
    if not found:
        return None
    if not re.search(r"(?m)^[> \t|]{0,12}final-recipient:", lowered):
        return None
    stretch = text[found.start() : limits.TEXT_BYTES]
    indent = re.match(r"[ \t]*", stretch)
    return re.sub(rf"(?m)^{indent.group()}", "", stretch) if indent and indent.group() else stretch


def _groups(text: str) -> tuple[Fields, list[Fields], int]:
    """Give the per-message fields, the fields of each recipient, and how many recipients were left out."""
    message: Fields = {}
    groups: list[Fields] = []
    current: Fields = {}
    more = 0
    for name, value, after_blank in _fields(text):
        if name in _PER_MESSAGE:
            message.setdefault(name, value)
            continue
        if name not in _PER_RECIPIENT:
            continue
        if current and _starts_another(current, name, after_blank):
            if len(groups) < limits.MAX_RECIPIENTS:
                groups.append(current)
            else:
                more += 1
            current = {}
        if len(current) < limits.MAX_FIELDS:
            current.setdefault(name, value)
    if current:
        groups.append(current)
    return message, groups, more


def _starts_another(current: Fields, name: str, after_blank: bool) -> bool:
    if name in current:
        return name in _STARTS_ANOTHER or after_blank
    complete = "final-recipient" in current and ("action" in current or "status" in current)
    return complete and after_blank and name in ("original-recipient", "x-display-name")


def _fields(text: str) -> Iterator[tuple[str, str, bool]]:
    """Give name, unfolded value and whether a blank line stands before it, of each field."""
    name, values, blank, after_blank = "", [""], True, True
    for line in text.splitlines():
        if not line or line.isspace():
            blank = True
            continue
        field = None if line[0] in " \t" and name and not blank else _field(line)
        if field:
            if name:
                yield name, " ".join(values), after_blank
            name, values, after_blank = field[0], [field[1]], blank
        elif name and (not blank or (line[0] in " \t" and not values[0])) and len(values) < 200:
            values.append(line.strip())
        elif blank and name and line.startswith("--"):
            break
        blank = False
    if name:
        yield name, " ".join(values), after_blank


def _field(line: str) -> tuple[str, str] | None:
    """Give name and value of the field that begins in a line, None where none does."""
    head, _, value = line.partition(":")
    if name := _SPELLED.get(head):
        return name, value.strip()
    found = _FIELD.match(line.lstrip())
    return (found.group("name").lower(), found.group("value").strip()) if found else None


def _failure(fields: Fields) -> Failure | None:
    final, original = (
        read_address(fields.get("final-recipient", "")),
        read_address(fields.get("original-recipient", "")),
    )
    recipient = _better(final, original) or read_address(fields.get("x-actual-recipient", ""))
    status = _STATUS.search(fields.get("status", ""))
    word = fields.get("action", "").split("(")[0].strip(" .;").lower()
    action = _ACTIONS.get(word.split()[0] if word else "")
    if action is None:
        action = _action_of(status.group(1) if status else None)
    if action is None or ("action" not in fields and "status" not in fields):
        return None
    if "final-recipient" not in fields and "original-recipient" not in fields and recipient is None:
        return None
    supplement = read_supplement(fields.get("x-supplementary-info", "")) or ("", "", "")  # Exchange, out of MAPI
    diagnostic, is_smtp = _diagnostic(fields.get("diagnostic-code") or supplement[2])
    host, ip = read_host(fields.get("remote-mta") or supplement[0])
    return Failure(
        recipient=recipient,
        original_recipient=_unlike(original, recipient),
        action=action,
        status=status.group(1) if status else None,
        diagnostic=diagnostic,
        smtp=is_smtp,
        remark=_remark(fields.get("status", "")),
        receiving_host=host,
        receiving_ip=ip,
        time=utc(fields.get("last-attempt-date")),
        retry_until=utc(fields.get("will-retry-until")),
    )


def _better(final: str | None, original: str | None) -> str | None:
    """Give the final recipient; the original one where the final is no address that mail can be sent to."""
    if final and "@" in final and "." in final.rpartition("@")[2]:
        return final
    return original if original and "@" in original else final or original


def _unlike(original: str | None, recipient: str | None) -> str | None:
    """Give the address that the sender wrote where an alias, a list or a forwarding made another one of it."""
    if not original or not recipient or "@" not in original:
        return None
    return None if original.lower() == recipient.lower() else original


def _action_of(status: str | None) -> Action | None:
    """Give the action that a status implies where the field is missing or says something else (RFC 3463 §3.1)."""
    return {"2": "delivered", "4": "delayed", "5": "failed"}.get(status[0]) if status else None  # type: ignore[return-value]


def _diagnostic(value: str) -> tuple[str | None, bool]:
    """Split the type off a Diagnostic-Code; True where it is a reply of a mail server, quoted or in a server's words."""
    found = _TYPE.match(value)
    if not found:
        return value.strip() or None, True
    kind = found.group("type").lower()
    return value[found.end() :].strip() or None, kind not in ("x-unix", "x-local")


def _remark(status: str) -> str | None:
    """Give the comment beside a Status (`4.0.0 (mx.fabrikam.example: host name lookup failure)`), None without one."""
    found = _COMMENT.search(status)
    return found.group("text").strip() or None if found else None


def _without_repeats(failures: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """Drop what repeats: some servers write one group for each attempt."""
    seen: dict[tuple[object, ...], Failure] = {}
    for one in failures:
        seen.setdefault((one.recipient, one.action, one.status, one.diagnostic, one.receiving_host), one)
    return tuple(seen.values())
