"""One recipient's outcome: machine part and human part read together, the cause unwrapped, the hop's two ends named."""

import re

import msgspec

from triage.decode.exchange import Cause, HumanReport, cause_of
from triage.decode.failure import Failure
from triage.decode.prose import About
from triage.decode.reply import Unwrapped, is_expiry, unwrap
from triage.decode.reply import address as ip_of
from triage.decode.returned import Returned
from triage.hosts import normal
from triage.model import Observation, Original, Reply, Software, Tls, Trust
from triage.model.words import Impact

_OF_THE_SESSION = re.compile(r"[45]\.4\.\d{1,3}")
"""Enhanced status codes of network and routing: only a server that tried to hand over gives them (RFC 3463 §3.5)."""
_IMPACTS: dict[str, Impact] = {"failed": "returned", "delayed": "waiting"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one recipient once all parts are read: the failure's fields, the cause and who was tried."""

    failure: Failure
    cause: Reply = Reply()
    wrappers: tuple[Reply, ...] = ()
    unwrapped: Unwrapped | None = None
    host: str | None = None
    ip: str | None = None
    time: str | None = None


def human_causes(human: HumanReport | None) -> dict[str | None, Cause]:
    """Give each recipient's cause by address in lower case; a lone recipient's also under None."""
    if human is None:
        return {}
    causes: dict[str | None, Cause] = {}
    for recipient in human.recipients:
        if cause := cause_of(recipient):
            causes.setdefault(recipient.address.lower() if recipient.address else None, cause)
    if len(human.recipients) == 1 and causes:
        causes.setdefault(None, next(iter(causes.values())))
    return causes


def outcome(failure: Failure, human: Cause | None, prose: About | None) -> Outcome:
    """Put together what the parts say of one recipient. The machine part decides, where it states a cause."""
    if failure.action in ("delivered", "relayed", "expanded"):
        return Outcome(
            failure=failure,
            cause=unwrap(failure.diagnostic).cause if failure.diagnostic else Reply(),
            host=failure.receiving_host,
            ip=failure.receiving_ip,
            time=failure.time,
        )
    own = (
        unwrap(failure.diagnostic if failure.smtp else f"x-unix; {failure.diagnostic}") if failure.diagnostic else None
    )
    if human is not None and _says_more(human, own):
        return _from_human(failure, human, own)
    if prose is not None and (own is None or is_expiry(own.cause)) and prose.said and prose.said.diagnostic:
        said = unwrap(prose.said.diagnostic)
        if own is None or (not is_expiry(said.cause) and said.cause.reply_code):
            return _from_machine(failure, said, prose, (own.cause,) if own else ())
    if own is None and failure.remark:
        own = unwrap(failure.remark)
    if own is None:
        return Outcome(failure=failure, host=failure.receiving_host, ip=failure.receiving_ip, time=failure.time)
    found = _from_machine(failure, own, prose, ())
    if human is not None and found.host is None and not (found.ip and human.ip and found.ip != human.ip):
        return msgspec.structs.replace(
            found, host=normal(human.host), ip=found.ip or human.ip, time=found.time or human.time
        )
    return found if human is None or found.time else msgspec.structs.replace(found, time=human.time)


def observation(
    one: Outcome,
    *,
    reported_by: str | None,
    returned: Returned,
    original: Original,
    trust: Trust,
    report_time: str | None,
    language: str | None = None,
) -> Observation:
    """Give the observation of an outcome."""
    failure = one.failure
    receiving, ip = one.host, one.ip
    if receiving is not None and (as_ip := ip_of(receiving)):
        receiving, ip = None, ip or as_ip
    if receiving is not None and receiving == reported_by:
        receiving = ip = None
    sending = reported_by if _handed_over(one, receiving, ip) else None
    status, wrappers = _status(one)
    return Observation(
        source="ndr",
        action=failure.action,
        impact=_IMPACTS.get(failure.action, "none"),
        recipient=failure.recipient,
        recipient_domain=domain_of(failure.recipient),
        original_recipient=failure.original_recipient,
        reply_code=one.cause.reply_code,
        status=status,
        diagnostic=spoken(one.cause),
        wrappers=wrappers,
        reported_by=reported_by,
        sending_host=sending,
        sending_ip=returned.address_of(sending),
        receiving_host=receiving,
        receiving_ip=ip,
        tls=_tls(one.unwrapped),
        software=Software(sending=returned.product_of(sending), receiving=returned.product_of(receiving)),
        time=one.time or report_time,
        retry_until=failure.retry_until,
        language=language,
        original=original,
        trust=trust,
    )


def domain_of(address: str | None) -> str | None:
    """Give the domain of an address, as a normal host name; None without one."""
    return normal(address.rpartition("@")[2]) if address and "@" in address else None


def spoken(reply: Reply) -> str | None:
    """Give a reply as a server says it: code, enhanced status code, text."""
    code, status, text = reply.reply_code, reply.status, reply.text or ""
    first = status if code is None else str(code)
    if first is not None and (text.startswith(first) or (code and f"{code} " in text)):
        return text
    if status is not None and status not in text:
        text = f"{status} {text}"
    return (text if code is None else f"{code} {text}").strip() or None


def _says_more(human: Cause, own: Unwrapped | None) -> bool:
    """True where the human part's cause is deeper or fuller than the machine part's."""
    if own is None:
        return True
    inner = human.unwrapped.cause
    if is_expiry(own.cause):
        return not is_expiry(inner) or bool(human.wrappers) or _longer(inner, own.cause)
    around = {(one.reply_code, one.status) for one in human.wrappers}
    return (own.cause.reply_code, own.cause.status) in around or _longer(inner, own.cause)


def _longer(inner: Reply, own: Reply) -> bool:
    """True for the same reply with more of its text."""
    same = (inner.reply_code, inner.status) == (own.reply_code, own.status)
    return same and len(inner.text or "") > len(own.text or "") and (inner.text or "").startswith((own.text or "")[:40])


def _from_human(failure: Failure, human: Cause, own: Unwrapped | None) -> Outcome:
    cause = human.unwrapped.cause
    outer = _unlike((*own.wrappers, own.cause) if own else (), (*human.wrappers, cause))
    host, ip = normal(human.host), human.ip
    if host is None and ip is None:
        host, ip = failure.receiving_host, failure.receiving_ip
    return Outcome(
        failure=failure,
        cause=cause,
        wrappers=_once((*outer, *human.wrappers), cause),
        unwrapped=human.unwrapped,
        host=host or (failure.receiving_host if ip in (None, failure.receiving_ip) else None),
        ip=ip,
        time=failure.time or human.time or human.unwrapped.time,
    )


def _from_machine(failure: Failure, own: Unwrapped, prose: About | None, outer: tuple[Reply, ...]) -> Outcome:
    sources = [(failure.receiving_host, failure.receiving_ip), (normal(own.receiving_host), own.receiving_ip)]
    host, ip = _end(sources)
    if prose is not None and (host is None or ip is None):
        host, ip = _end([*sources, prose.server(host)])
    return Outcome(
        failure=failure,
        cause=own.cause,
        wrappers=_once((*outer, *own.wrappers), own.cause),
        unwrapped=own,
        host=host,
        ip=ip,
        time=failure.time or own.time,
    )


def _end(sources: list[tuple[str | None, str | None]]) -> tuple[str | None, str | None]:
    """Give name and address of one server from several sources, best first; never the name of one with another's IP."""
    host = any_ip = None
    for name, ip in sources:
        if host is None and name:
            host = name
        any_ip = any_ip or ip
    if host is None:
        return None, any_ip
    for name, ip in sources:
        if ip and name in (host, None):
            return host, ip
    return host, None


def _handed_over(one: Outcome, receiving: str | None, ip: str | None) -> bool:
    """True where the reporting server was the SMTP client of the hop: it reached another server or tried to."""
    if one.failure.action not in ("failed", "delayed"):
        return receiving is not None
    if receiving is not None or ip is not None:
        return True
    if one.unwrapped is not None and (one.unwrapped.error or one.unwrapped.phase):
        return True
    statuses = [one.failure.status, one.cause.status, *[reply.status for reply in one.wrappers]]
    return any(status and _OF_THE_SESSION.fullmatch(status) for status in statuses)


def _status(one: Outcome) -> tuple[str | None, tuple[Reply, ...]]:
    """Give the cause's enhanced status code and the wrappers; the Status field that differs stands among these."""
    declared, own = one.failure.status, one.cause.status
    if declared is None or declared == own or declared in [reply.status for reply in one.wrappers]:
        return own, one.wrappers
    if own is None:
        return declared, one.wrappers
    return own, (Reply(status=declared), *one.wrappers)


def _tls(unwrapped: Unwrapped | None) -> Tls:
    if unwrapped is None:
        return Tls()
    return Tls(phase=unwrapped.phase, error=unwrapped.error, required=unwrapped.required)


def _unlike(outer: tuple[Reply, ...], inner: tuple[Reply, ...]) -> tuple[Reply, ...]:
    """Give those of `outer` that `inner` does not repeat."""
    known = {(one.reply_code, one.status) for one in inner}
    return tuple(one for one in outer if (one.reply_code, one.status) not in known)


def _once(replies: tuple[Reply, ...], cause: Reply) -> tuple[Reply, ...]:
    return tuple(dict.fromkeys([one for one in replies if one != cause])) if replies else ()
