"""Message tracking → observations: what RecipientStatus says of each recipient of a FAIL or DEFER event.

Reads the rows of Get-MessageTrackingLog and its log file, and Exchange Online's message trace, whose details say
`Reason: [{LED=…`. Other events are about messages that went on their way.

ClientHostname is the server that wrote the event; ServerHostname is the other end of a session, and empty where none
was opened. An event whose connector is a Receive connector (`EX01\\Default EX01`) is about a message that this server
did not let in: there ClientIp is the stranger's.
"""

import re

import msgspec

from triage.decode.export_row import Row, moment, plain
from triage.decode.failure import read_address
from triage.decode.limits import MAX_RECIPIENTS
from triage.decode.outcome import domain_of, spoken
from triage.decode.queue_export import front_end, tls_of
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

_TIMES = ("datetime", "datetimeutc", "origintimestamputc", "timestamp", "date")

_BETWEEN = re.compile(
    r"(?:(?<=\}\])[ }]?\}?[,;] ?(?=\{? ?\[ ?\{|[245]\d\d[ -]))|[,;] ?(?=\{? ?\[ ?\{(?:LED|LRT|MSG) ?=)"
)
_BETWEEN_REPLIES = re.compile(r"[,;] ?(?=[245]\d\d[ -][245]\.\d{1,3}\.\d)")
_MARK = re.compile(r"(?:LED|LRT) ?=")
_GROUPS = re.compile(r"[,;] ?\{? ?\[ ?\{(?:LED|LRT|MSG) ?=")
_EMPTY = re.compile(r"\{LED ?= ?\}")
_LABEL = re.compile(r"^(?:Reason|RecipientStatus|Status|Detail|LastError) ?: ?", re.IGNORECASE)
_REPLY = re.compile(r"\{?[245]\d\d[ -]")
_OF_THE_SESSION = re.compile(r"[45]\.4\.\d{1,3}")
_ADDRESS = re.compile(r"[^\s;,{}\[\]<>\"#]{1,64}@[^\s;,{}\[\]<>\"#]{1,255}")
_SUMMARY = re.compile(r"(?P<address>[^\s;,#@]{1,64}+@[^\s;,#@]{1,255}+)##(?P<events>[A-Za-z, ]{0,80})")


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote an event, and both ends of the session that it is about, as far as they are told."""

    server: str | None = None
    sending_host: str | None = None
    sending_ip: str | None = None
    receiving_host: str | None = None
    receiving_ip: str | None = None


def is_tracking(row: Row) -> bool:
    """Tell a tracking event from a queue or a queued message."""
    if "recipientstatus" in row or "messagetraceid" in row:
        return True
    if "eventid" in row and not row.keys().isdisjoint(("messageid", "recipients", "messagesubject")):
        return True
    return _MARK.search((row.get("status") or row.get("detail") or "")[:40]) is not None


def read_event(row: Row) -> list[Observation] | str:
    """Give one observation for each recipient who failed or waits, or the word under which the row is set aside.

    A failure of which the export shows no reply is still one; its cause is not known.
    """
    if summary := _SUMMARY.findall(row.get("recipientstatus") or ""):
        failed = [address for address, events in summary[:MAX_RECIPIENTS] if "fail" in events.lower()]
        return [_observation(row, None, one, "failed") for one in failed] or "other-event"
    event = _event(row)
    if event is not None and event not in _EVENTS:
        return "other-event"
    recipients = _recipients(row)
    said = [unwrap(text) if text else None for text in _statuses(row, len(recipients))]
    if not said and event is None:
        return "no-error"
    seen: list[Observation] = []
    for recipient, one in _paired(recipients, said):
        action = _EVENTS[event] if event else _by_code(one) if one else None
        if action is not None and not (one and _is_success(one)):
            seen.append(_observation(row, one, recipient, action))
    return seen or "no-error"


def _event(row: Row) -> str | None:
    for name in ("eventid", "event"):
        if value := row.get(name):
            return plain(value)
    status = row.get("status") or ""
    return None if _MARK.search(status[:40]) else plain(status) or None


def _by_code(said: Unwrapped) -> Action | None:
    """Give what the outermost reply code means where no event says it: RFC 5321 §4.2.1, 4yz is tried again."""
    first = (*said.wrappers, said.cause)[0]
    digit = (str(first.reply_code or "") or first.status or "")[:1]
    return "delayed" if digit == "4" else "failed" if digit == "5" else None


def _is_success(said: Unwrapped) -> bool:
    return said.cause.reply_code is not None and said.cause.reply_code < 300


def _statuses(row: Row, recipients: int) -> list[str | None]:
    """Give the error texts of the row's recipients, in their order; None for one whose groups are empty."""
    for name in ("recipientstatus", "detail", "status", "reason", "lasterror"):
        text = _LABEL.sub("", " ".join((row.get(name) or "").split()))
        if text.startswith("{") and text.endswith("}") and not _MARK.match(text[1:].lstrip()):
            text = text[1:-1].strip()
        if _MARK.search(text[:200]) or _GROUPS.search(text):
            pieces = _BETWEEN.sub("\n", text).split("\n")[:MAX_RECIPIENTS]
            # Who has the message stands among the others with a reply alone.
            ones = [one for piece in pieces for one in ([piece] if "{" in piece else _replies(piece))]
            every = [None if _EMPTY.search(one) else one for one in ones]
            return every if len(every) == recipients and any(every) else [one for one in every if one]
        if _REPLY.match(text):
            ones = _replies(text)
            return [*ones] if len(ones) == recipients else [text]
    return []


def _replies(text: str) -> list[str]:
    return _BETWEEN_REPLIES.sub("\n", text).split("\n")


def _recipients(row: Row) -> list[str]:
    for name in ("recipients", "recipientaddress", "to"):
        if value := row.get(name):
            found = zip(range(MAX_RECIPIENTS), _ADDRESS.finditer(value), strict=False)
            return [address for _, one in found if (address := read_address(one.group()))]
    return []


def _paired(recipients: list[str], said: list[Unwrapped | None]) -> list[tuple[str | None, Unwrapped | None]]:
    """Give each recipient his status: by place where there are as many, the only one for all, else nobody's."""
    if not said:
        return [(recipient, None) for recipient in recipients] or [(None, None)]
    if len(recipients) == len(said):
        return list(zip(recipients, said, strict=True))
    if recipients and len({one and one.cause for one in said}) == 1:
        return [(recipient, said[0]) for recipient in recipients]
    return [(None, one) for one in said]


def _ends(row: Row, said: Unwrapped | None) -> Ends:
    connector, is_receive_connector, _ = (row.get("connectorid") or "").partition("\\")
    if is_receive_connector:
        server = normal(connector)
        return Ends(server=server, sending_ip=ip_of(row.get("clientip")), receiving_host=server)
    server = normal(row.get("clienthostname"))
    host, ip = _tried(row, server, said)
    told = said is not None and bool(said.error or said.phase or said.frontend_host or _is_of_the_session(said))
    if host is None and ip is None and not told:
        return Ends(server=server)
    sending, sending_ip = server, ip_of(row.get("clientip"))
    if said is not None and said.frontend_host:
        sending, sending_ip = front_end(said, server)
    return Ends(server=server, sending_host=sending, sending_ip=sending_ip, receiving_host=host, receiving_ip=ip)


def _tried(row: Row, server: str | None, said: Unwrapped | None) -> tuple[str | None, str | None]:
    """Give name and address of the server tried: as the error names them, else as the columns of a session do."""
    host, ip = (normal(said.receiving_host), said.receiving_ip) if said else (None, None)
    if host is not None and (as_ip := ip_of(host)):
        host, ip = None, ip or as_ip
    other = normal(row.get("serverhostname"))
    if plain(row.get("source") or "") != "smtp" or other in (None, server):
        return host, ip
    other_ip = ip_of(row.get("serverip"))
    if host not in (None, other) or (ip is not None and ip != other_ip):
        return host, ip
    return other, other_ip


def _is_of_the_session(said: Unwrapped) -> bool:
    return any(one.status and _OF_THE_SESSION.fullmatch(one.status) for one in (*said.wrappers, said.cause))


def _observation(row: Row, said: Unwrapped | None, recipient: str | None, action: Action) -> Observation:
    ends = _ends(row, said)
    sender = row.get("sender") or row.get("senderaddress") or ""
    return Observation(
        source="tracking-log",
        action=action,
        impact=_IMPACTS[action],
        recipient=recipient,
        recipient_domain=domain_of(recipient),
        reply_code=said.cause.reply_code if said else None,
        status=said.cause.status if said else None,
        diagnostic=spoken(said.cause) if said else None,
        wrappers=said.wrappers if said else (),
        reported_by=ends.server,
        sending_host=ends.sending_host,
        sending_ip=ends.sending_ip,
        receiving_host=ends.receiving_host,
        receiving_ip=ends.receiving_ip,
        tls=tls_of(said),
        time=next((time for name in _TIMES if (time := moment(row.get(name)))), said.time if said else None),
        original=Original(
            message_id=bare_id(row.get("messageid")),
            from_=read_address(sender) if "@" in sender else None,
            subject=row.get("messagesubject") or row.get("subject") or None,
        ),
    )
