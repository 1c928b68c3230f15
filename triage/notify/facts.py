"""The raw facts of a ticket: codes, hosts, addresses, builds and the sample message, as the report gave them."""

from collections.abc import Iterator

from triage.model import Incident, Observation, Product
from triage.notify.moments import moment
from triage.notify.phrases import Texts
from triage.notify.redaction import Redaction

WRAPPERS = 8
"""Replies around the cause that are printed: Exchange nests three or four."""

Fact = tuple[str, str]


def raw_facts(incident: Incident, texts: Texts, redaction: Redaction, now: str) -> list[Fact]:
    """Give name and value of each fact that is known; what is unknown has no row."""
    verdict, ends = incident.verdict, incident.ends
    between = " → ".join(end or texts.phrase("ticket.unknown") for end in (ends.sending, ends.receiving))
    pairs = [("category", verdict.category), ("rule", verdict.rule), ("runbook", verdict.runbook), ("ends", between)]
    pairs += _standing(incident, texts, redaction, now)
    if incident.sample is not None:
        pairs += _observed(incident.sample, texts, redaction, now)
    return [(texts.phrase(f"ticket.fact.{name}"), value) for name, value in pairs if value]


def _standing(incident: Incident, texts: Texts, redaction: Redaction, now: str) -> Iterator[tuple[str, str | None]]:
    """Give what was seen before and after, and what people said of it."""
    proof = incident.proof
    if proof is not None:
        count = texts.count(
            f"ticket.fact.{'passed_at_least' if proof.at_least else 'passed'}",
            proof.successes,
        )
        yield "last_failure", moment(proof.last_failure, now, texts)
        since = moment(proof.first_success, now, texts)
        yield "successes", texts.phrase("ticket.fact.passed_over", text=count, name=proof.tls_version, time=since)
    yield "quiet_since", moment(incident.quiet_since, now, texts) if incident.quiet_since else None
    people = (
        ("acknowledged", incident.acknowledged_by, incident.acknowledged_until),
        ("silenced", incident.silenced_by, incident.silenced_until),
    )
    for name, who, until in people:
        if who is not None and until is not None:
            value = texts.phrase("ticket.fact.who_until", name=redaction.text(who), time=moment(until, now, texts))
            yield name, value


def _observed(seen: Observation, texts: Texts, redaction: Redaction, now: str) -> Iterator[tuple[str, str | None]]:
    yield "reply_code", str(seen.reply_code) if seen.reply_code is not None else None
    yield "status", seen.status
    for reply in seen.wrappers[:WRAPPERS]:
        parts = (str(reply.reply_code) if reply.reply_code is not None else None, reply.status, reply.text)
        yield "wrappers", redaction.text(" ".join(part for part in parts if part))
    yield "action", seen.action
    yield "source", seen.source
    yield "reported_by", seen.reported_by
    yield "ehlo", seen.ehlo if seen.ehlo != seen.sending_host else None
    yield "sending", _host(seen.sending_host, seen.sending_ip)
    yield "receiving", _host(seen.receiving_host, seen.receiving_ip)
    yield "sending_software", _product(seen.software.sending)
    yield "receiving_software", _product(seen.software.receiving)
    tls = seen.tls
    yield "tls", ", ".join(part for part in (tls.version, tls.cipher, tls.phase, tls.error) if part)
    if tls.required is not None:
        yield "tls_required", texts.phrase("ticket.fact.yes" if tls.required else "ticket.fact.no")
    yield "time", moment(seen.time, now, texts) if seen.time else None
    yield "until", moment(seen.until, now, texts) if seen.until else None
    yield "retry_until", moment(seen.retry_until, now, texts) if seen.retry_until else None
    yield "recipient", redaction.address(seen.recipient)
    yield "sender", redaction.address(seen.original.from_)
    yield "subject", redaction.subject(seen.original.subject)
    yield "message_id", redaction.text(seen.original.message_id or "")


def _host(name: str | None, address: str | None) -> str | None:
    return f"{name} [{address}]" if name and address else name or (f"[{address}]" if address else None)


def _product(product: Product | None) -> str | None:
    return " ".join(part for part in (product.product, product.build) if part) if product else None
