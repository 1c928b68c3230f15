"""Message tracking → observations: what RecipientStatus says of each recipient of a FAIL or DEFER event.

Reads the rows of Get-MessageTrackingLog and its log file, and Exchange Online's message trace, whose details say
`Reason: [{LED=…`. Other events are about messages that went on their way.
"""

import re

from triage.decode.export_row import Row, moment, plain
from triage.decode.failure import read_address
from triage.decode.limits import MAX_RECIPIENTS
from triage.decode.outcome import domain_of, spoken
from triage.decode.queue_export import tls_of
from triage.decode.reply import Unwrapped, unwrap
from triage.decode.reply import address as ip_of
from triage.decode.returned import bare_id
from triage.hosts import normal
from triage.model import Observation, Original
from triage.model.words import Action, Impact

_EVENTS: dict[str, Action] = {
    "fail": "failed",
    "failed": "failed",
    "defer": "delayed",
    "deferred": "delayed",
    "pending": "delayed",
}
_IMPACTS: dict[Action, Impact] = {"failed": "returned", "delayed": "waiting"}

_ONES = re.compile(r"\}\] ?\}? ?[,;] ?(?=\{? ?\[ ?\{)")
_MARK = re.compile(r"(?:LED|LRT) ?=")
_EMPTY = re.compile(r"\{LED ?= ?\}")
_REASON = re.compile(r"^(?:Reason|RecipientStatus|Status|Detail|LastError) ?: ?", re.IGNORECASE)
_OF_THE_SESSION = re.compile(r"[45]\.4\.\d{1,3}")
_ADDRESS = re.compile(r"[^\s;,{}\[\]<>\"]{1,64}@[^\s;,{}\[\]<>\"]{1,255}")


def is_tracking(row: Row) -> bool:
    """Tell a tracking event from a queue or a queued message."""
    if "recipientstatus" in row or "messagetraceid" in row or ("eventid" in row and "messageid" in row):
        return True
    return _MARK.search((row.get("status") or row.get("detail") or "")[:40]) is not None


def read_event(row: Row) -> list[Observation] | str:
    """Give one observation for each recipient who failed or waits, or the word under which the row is set aside."""
    texts = _statuses(row)
    event = _event(row)
    if event is not None and event not in _EVENTS:
        return "other-event"
    if not texts:
        return "no-error"
    said = [unwrap(text) for text in texts]
    seen: list[Observation] = []
    for recipient, one in _paired(_recipients(row), said):
        action = _EVENTS[event] if event else _by_code(one)
        if action is not None:
            seen.append(_observation(row, one, recipient, action))
    return seen or "no-event"


def _event(row: Row) -> str | None:
    for name in ("eventid", "event"):
        if value := row.get(name):
            return plain(value)
    status = plain(row.get("status") or "")
    return status if status in _EVENTS else None


def _by_code(said: Unwrapped) -> Action | None:
    """Give what the outermost reply code means where no event says it: RFC 5321 §4.2.1, 4yz is tried again."""
    first = (*said.wrappers, said.cause)[0]
    digit = (str(first.reply_code or "") or first.status or "")[:1]
    return "delayed" if digit == "4" else "failed" if digit == "5" else None


def _statuses(row: Row) -> list[str]:
    """Give the error texts of the row's recipients, in their order."""
    for name in ("recipientstatus", "detail", "status", "reason", "lasterror"):
        text = _REASON.sub("", (row.get(name) or "").strip())
        if text.startswith("{[") and text.endswith("]}"):
            text = text[1:-1]
        if _MARK.search(text[:200]):
            ones = _ONES.sub("}]\n", text).split("\n")[:MAX_RECIPIENTS] if "\n" not in text else _split_lines(text)
            return [one for one in ones if not _EMPTY.search(one)]
        if re.match(r"\{?[45]\d\d[ -]", text):
            return [text.strip("{}")]
    return []


def _split_lines(text: str) -> list[str]:
    return _ONES.sub("}]\n", " ".join(text.split())).split("\n")[:MAX_RECIPIENTS]


def _recipients(row: Row) -> list[str]:
    for name in ("recipients", "recipientaddress", "to"):
        if value := row.get(name):
            found = zip(range(MAX_RECIPIENTS), _ADDRESS.finditer(value), strict=False)
            return [address for _, one in found if (address := read_address(one.group()))]
    return []


def _paired(recipients: list[str], said: list[Unwrapped]) -> list[tuple[str | None, Unwrapped]]:
    """Give each recipient his status: by place where there are as many, the only one for all, else nobody's."""
    if len(recipients) == len(said):
        return list(zip(recipients, said, strict=True))
    if recipients and len({one.cause for one in said}) == 1:
        return [(recipient, said[0]) for recipient in recipients]
    return [(None, one) for one in said]


def _observation(row: Row, said: Unwrapped, recipient: str | None, action: Action) -> Observation:
    host, ip = normal(said.receiving_host), said.receiving_ip
    if host is not None and (as_ip := ip_of(host)):
        host, ip = None, ip or as_ip
    server = normal(row.get("serverhostname"))
    frontend = normal(said.frontend_host)
    handed_over = bool(host or ip or said.error or said.phase or frontend) or any(
        reply.status and _OF_THE_SESSION.fullmatch(reply.status) for reply in (*said.wrappers, said.cause)
    )
    sender = row.get("sender") or row.get("senderaddress") or ""
    return Observation(
        source="tracking-log",
        action=action,
        impact=_IMPACTS[action],
        recipient=recipient,
        recipient_domain=domain_of(recipient),
        reply_code=said.cause.reply_code,
        status=said.cause.status,
        diagnostic=spoken(said.cause),
        wrappers=said.wrappers,
        reported_by=server,
        sending_host=(frontend or server) if handed_over else None,
        sending_ip=said.frontend_ip,
        receiving_host=host,
        receiving_ip=ip,
        tls=tls_of(said),
        time=moment(row.get("datetime") or row.get("timestamp") or row.get("date")) or said.time,
        original=Original(
            message_id=bare_id(row.get("messageid")),
            from_=read_address(sender) if "@" in sender else None,
            subject=row.get("messagesubject") or row.get("subject") or None,
        ),
    )
