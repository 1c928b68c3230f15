"""Rows of a queue export → observations: one for each queue with an error, or for each queued message and recipient.

A queue says what its own server met at the next hop: the server is the SMTP client, and its depth is how many
messages wait.
"""

import re

import msgspec

from triage.decode.export_errors import begins, is_bare
from triage.decode.export_row import Row, is_delivery_type, moment, number, word, words
from triage.decode.failure import read_address
from triage.decode.outcome import domain_of, spoken
from triage.decode.queue_recipients import Queued, read_recipients
from triage.decode.reply import Unwrapped, unwrap
from triage.decode.reply import address as ip_of
from triage.decode.returned import bare_id
from triage.hosts import Hosts, normal
from triage.model import Observation, Original, Tls

SHADOWS = ("shadowredundancy", "heartbeat")
"""Copies kept until the next server has delivered: nobody waits for them."""
_NO_HOP = ("submission", "unreachable", "poison")
"""Queues whose messages have no next hop yet."""
_OF_MICROSOFT = "exchange-online"

_NO_ERROR = re.compile(r"\{LED ?= ?\}", re.IGNORECASE)
_READ_OFF = re.compile(r"[<(]\s?(?P<key>LR[TI]|LED|MSG|FQDN|IP)\s?[-=]", re.IGNORECASE)
_READ_OFF_END = re.compile(r"[>)](?=; ?\{|\]?$)")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*\.)+[a-z0-9-]{2,}")
_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*")
"""What a group FQDN may hold: also a short name, and names in any script; nothing that somebody masked."""
_IDENTITY = ("queueidentity", "identity", "queue", "queueid", "messageidentity")


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """Both ends of the hop that a queue feeds, and the domain that it is for."""

    reported_by: str | None = None
    sending_host: str | None = None
    sending_ip: str | None = None
    receiving_host: str | None = None
    receiving_ip: str | None = None
    domain: str | None = None


def read_queue(row: Row, hosts: Hosts) -> Observation | str:
    """Give what one row of Get-Queue or Queue Viewer says, or the word under which it is set aside.

    `shadow` and `poison` queues hold nothing that waits; an `empty` queue may keep the error of a fault long past;
    `no-error` is a queue that works, or of which the export does not say that it does not.
    """
    kind, own = _delivery_type(row), _own_name(row)
    depth = number(row.get("messagecount"))
    if kind in SHADOWS or own == "shadow":
        return "shadow"
    if own == "poison":
        return "poison"
    if depth == 0:
        return "empty"
    if not _has_error(row, words().queue_statuses):
        return "no-error"
    said = _said(row["lasterror"] if "lasterror" in row else _grouped_by(row))
    # An export without a count still shows a queue that is there: Exchange deletes one that is empty.
    return _observation(row, said, hop_of(row, said, hosts), count=1 if depth is None else depth)


def read_message(row: Row, hosts: Hosts) -> list[Observation] | str:
    """Give what one row of Get-Message says: one observation for each recipient who has not got the message."""
    own = _own_name(row)
    if own in ("shadow", "poison"):
        return own
    everyone = list(read_recipients(row.get("recipients")))
    waiting = [one for one in everyone if one.status != "complete"]
    if not everyone:
        waiting = [Queued()]
    failing = [one for one in waiting if one.error or _has_error(row, words().message_statuses)]
    if not failing:
        return "no-error"
    seen = []
    for one in failing:
        said = _said(one.error or row.get("lasterror"))
        hop = hop_of(row, said, hosts)
        seen.append(_observation(row, said, hop, recipient=one.address, original=_original(row)))
    return seen


def hop_of(row: Row, said: Unwrapped | None, hosts: Hosts) -> Hop:
    """Give the hop's ends: the queue's server, the server that the error names, else the next hop where it is one."""
    server = server_of(row)
    host, domain = _next_hop(row, hosts)
    receiving, ip = _named(said, host)
    sending, sending_ip = (None, None) if _own_name(row) in _NO_HOP else (server, None)
    if said is not None and said.frontend_host:
        sending, sending_ip = front_end(said, server)
    return Hop(
        reported_by=server,
        sending_host=sending,
        sending_ip=sending_ip,
        receiving_host=receiving,
        receiving_ip=ip,
        domain=domain,
    )


def front_end(said: Unwrapped, server: str | None) -> tuple[str | None, str | None]:
    """Give name and address of the SMTP client where Front End Transport opened the session: it may be on another
    machine than the server that tells of it, whose own name stands for it otherwise.
    """
    frontend = normal(said.frontend_host)
    if frontend is None or ip_of(frontend):
        return server, said.frontend_ip
    is_own = frontend.partition(".")[0] == (server or "").partition(".")[0]
    return server if is_own else frontend, said.frontend_ip


def server_of(row: Row) -> str | None:
    r"""Give the server in an identity such as `HQ-EX13\3` or `HQ-EX13\3\4711`, in lower case; None without one."""
    server, backslash, _ = _identity(row).partition("\\")
    return normal(server) if backslash and not re.search(r"\s", server) else None


def _identity(row: Row) -> str:
    return next((value for name in _IDENTITY if "\\" in (value := row.get(name) or "")), "")


def place_of(row: Row) -> str | None:
    """Give the whole identity of a queue or a queued message, to know it again; None where it is not shown whole."""
    identity = (row.get("identity") or _identity(row)).lower()
    parts = identity.split("\\")
    return identity if len(parts) > 1 and all(parts) else None


def _own_name(row: Row) -> str | None:
    r"""Give the second part of an identity in lower case: `submission`, `shadow`, or a number."""
    kind = _delivery_type(row)
    parts = _identity(row).lower().split("\\")
    own = parts[1].strip() if len(parts) > 1 else ""
    if own in (*_NO_HOP, "shadow"):
        return own
    return "unreachable" if kind == "unreachable" else own or None


def _delivery_type(row: Row) -> str | None:
    name = word(row.get("deliverytype"), words().delivery_types)
    return name if name is not None and is_delivery_type(name) else None


def _has_error(row: Row, statuses: tuple[str, ...]) -> bool:
    """Tell whether the row shows an error: its text, also a cut one; or Retry, where the export has no such text."""
    if "lasterror" not in row:
        if _grouped_by(row) is not None:
            return True
        return word(row.get("status"), statuses) == "retry"
    error = row["lasterror"]
    return error is None or bool(error.strip(" {}[];") and not _NO_ERROR.search(error))


def _grouped_by(row: Row) -> str | None:
    """Give the error that Get-QueueDigest put queues together by; None where it did so by something else."""
    value = row.get("groupbyvalue") or ""
    return value if begins(value) or is_bare(value) else None


def _next_hop(row: Row, hosts: Hosts) -> tuple[str | None, str | None]:
    """Give host and domain of NextHopDomain, which is a domain, a smart host, a site or a database, by delivery type."""
    kind = _delivery_type(row)
    name = normal((row.get("nexthopdomain") or "").strip())
    if name is None or not (_HOST.fullmatch(name) or ip_of(name)):
        return None, None
    of_microsoft = hosts.kind(name) == _OF_MICROSOFT
    if kind == "dnsconnectordelivery":
        return (name if of_microsoft else None), name
    return (name if kind == "smarthostconnectordelivery" or of_microsoft else None), None


def _named(said: Unwrapped | None, next_hop: str | None) -> tuple[str | None, str | None]:
    """Give name and address of the receiving server; a name that is an address is one."""
    host = normal(said.receiving_host) if said else None
    ip = said.receiving_ip if said else None
    for name in (host, next_hop):
        if name is None:
            continue
        if as_ip := ip_of(name):
            ip = ip or as_ip
        elif _HOST.fullmatch(name) or (name == host and _NAME.fullmatch(name)):
            return name, ip
    return None, ip


def _said(error: str | None) -> Unwrapped | None:
    """Take an error text apart, also one whose markers were read off a picture: `<LRI-…>; <led-451 …>`."""
    if not error or not error.strip(" {}[];") or _NO_ERROR.search(error):
        return None
    if "{" not in error and _READ_OFF.search(error[:200]):
        error = _READ_OFF_END.sub("}", _READ_OFF.sub(lambda found: f"{{{found.group('key').upper()}=", error[:20_000]))
    return unwrap(error)


def _observation(
    row: Row,
    said: Unwrapped | None,
    hop: Hop,
    *,
    count: int = 1,
    recipient: str | None = None,
    original: Original | None = None,
) -> Observation:
    cause = said.cause if said else None
    return Observation(
        source="queue",
        action="delayed",
        impact="waiting",
        recipient=recipient,
        recipient_domain=domain_of(recipient) or hop.domain,
        reply_code=cause.reply_code if cause else None,
        status=cause.status if cause else None,
        diagnostic=spoken(cause) if cause else None,
        wrappers=said.wrappers if said else (),
        reported_by=hop.reported_by,
        sending_host=hop.sending_host,
        sending_ip=hop.sending_ip,
        next_hop=normal(row.get("nexthopdomain")),
        receiving_host=hop.receiving_host,
        receiving_ip=hop.receiving_ip,
        tls=tls_of(said),
        time=moment(row.get("lastretrytime")) or (said.time if said else None),
        retry_until=moment(row.get("expirationtime")),
        count=count,
        original=original or Original(),
    )


def tls_of(said: Unwrapped | None) -> Tls:
    """Give what an error says of TLS."""
    return Tls(phase=said.phase, error=said.error, required=said.required) if said else Tls()


def _original(row: Row) -> Original:
    sender = row.get("fromaddress") or row.get("originalfromaddress") or ""
    return Original(
        message_id=bare_id(row.get("internetmessageid") or None),
        from_=read_address(sender) if "@" in sender else None,
        subject=row.get("subject") or None,
    )


def is_message(row: Row) -> bool:
    r"""Tell a queued message, `HQ-EX13\3\4711`, from a queue, `HQ-EX13\3`."""
    if any(name in row for name in ("internetmessageid", "fromaddress", "messagesourcename", "datereceived")):
        return True
    if "messagecount" in row or "deliverytype" in row:
        return False
    return "queue" in row or _identity(row).lower().replace("\\shadow", "").count("\\") == 2
