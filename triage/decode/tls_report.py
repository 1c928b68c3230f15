"""TLS-RPT (RFC 8460) → observations: other people's tallies of the sessions that reached us, a day at a time.

A report corroborates what our own records show; it never alerts by itself: its tallies come late, stand for sessions
instead of messages, and belong to somebody else. There is no result type for a TLS version that is too old: senders
report it as `validation-failure` or `starttls-not-supported`, so that the words here decide no cause alone.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.message import Message
from typing import Any

import msgspec

from triage.decode.export_row import cell
from triage.decode.export_text import GZIP, json_values, text_of, unpacked
from triage.decode.failure import read_address
from triage.decode.message import Mail
from triage.decode.outcome import domain_of
from triage.decode.reply import address as ip_of
from triage.decode.reply import endpoint_address
from triage.hosts import normal
from triage.model import Document, Observation, Tls
from triage.model.words import Phase

MAX_BYTES = 16 * 2**20
"""Of one report, unpacked: the largest reporters' daily ones have some hundred kilobytes."""
MAX_OBSERVATIONS = 20_000
"""Of one document; what more there is, is counted as set aside."""
MAX_POLICY = 64 * 2**10
"""Characters of a policy: RFC 8461 §3.3 suggests that a sender reads no more than 64 kilobytes."""
MAX_AROUND = 50
"""Values of an object around a report that are looked at."""
MAX_DETAIL = 400
"""Characters of a text that the reporter chose."""

PHASES: dict[str, Phase] = {
    "starttls-not-supported": "starttls",
    "certificate-host-mismatch": "handshake",
    "certificate-expired": "handshake",
    "certificate-not-trusted": "handshake",
    "tlsa-invalid": "handshake",
}
"""The step that a result type (RFC 8460 §4.3) says failed; the others leave it open, or are about the policy."""

_DAMAGED = "The TLS report that it carries is damaged, or larger than any reporter writes."

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+")
_RESULT = re.compile(r"[a-z0-9-]{1,60}")
_FILE = re.compile(r"[^!]{1,255}![^!]{1,255}!\d{1,12}!\d{1,12}.{0,80}\.json(?:\.gz)?", re.IGNORECASE)


def is_report(value: Any) -> bool:
    """Tell whether decoded JSON is a report: policies, and one more of its keys."""
    keys = ("report-id", "date-range", "organization-name", "contact-info")
    report = _dict(value)
    return isinstance(report.get("policies"), list | dict) and any(key in report for key in keys)


def reports_in(value: Any) -> list[Any]:
    """Give the reports in decoded JSON: itself, its members, or what a program that took them put around each."""
    members = value if isinstance(value, list) else [value]
    return [report for one in members for report in ([one] if is_report(one) else _within(one))]


def _within(value: Any) -> list[Any]:
    return [one for one in list(value.values())[:MAX_AROUND] if is_report(one)] if isinstance(value, dict) else []


def read_report(values: Iterable[Any]) -> Document:
    """Read the reports among values decoded from JSON."""
    return _document(values, None)


def read_packed(content: bytes) -> Document | None:
    """Read a report that is packed with gzip; None where what is packed is no report."""
    reports = _reports(content)
    return read_report(reports) if reports else None


def report_in(mail: Mail) -> Document | None:
    """Read the reports that a message carries; None where no part of it is one.

    A report that cannot be read makes the message `unreadable`.
    """
    submitter = normal(mail.header("tls-report-submitter"))
    parts = [part for part in _leaves(mail.node) if _may_carry(part)]
    if not parts:
        return None
    reports = [report for part in parts for report in _reports(_bytes(part))]
    if not reports:
        return Document(kind="unreadable", error=_DAMAGED)
    return _document(reports, submitter if submitter and _NAME.fullmatch(submitter) else None)


def _leaves(node: Message) -> Iterator[Message]:
    waiting = [node]
    while waiting:
        part = waiting.pop()
        payload = part.get_payload()
        if not isinstance(payload, list):
            yield part
        elif not part.get_content_type().startswith("message/"):
            waiting.extend(one for one in reversed(payload) if isinstance(one, Message))


def _may_carry(part: Message) -> bool:
    """Tell a report by its media type, or by its file name where a gateway lost the type."""
    if part.get_content_type().startswith("application/tlsrpt"):
        return True
    try:
        return _FILE.fullmatch(str(part.get_filename() or "")[:1000]) is not None
    except (TypeError, ValueError, LookupError):
        return False


def _bytes(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except (ValueError, AssertionError, LookupError):
        return b""
    return content if isinstance(content, bytes) else b""


def _reports(content: bytes) -> list[Any]:
    """Decode the reports in bytes, packed or not; none where they are damaged or pass the bound."""
    if content.startswith(GZIP):
        content = unpacked(content, MAX_BYTES) or b""
    if len(content) > MAX_BYTES:
        return []
    values, _ = json_values(text_of(content) or "")
    return [report for value in values for report in reports_in(value)]


def _document(reports: Iterable[Any], submitter: str | None) -> Document:
    seen: list[Observation] = []
    more = 0
    for one in _observations(reports, submitter):
        if len(seen) < MAX_OBSERVATIONS:
            seen.append(one)
        else:
            more += 1
    return Document(kind="tls-report", observations=tuple(seen), suppressed={"left-out": more} if more else {})


def _observations(reports: Iterable[Any], submitter: str | None) -> Iterator[Observation]:
    for report in map(_dict, reports):
        if not is_report(report):
            continue
        period = _dict(report.get("date-range")) or {"end-datetime": report.get("end-date")}
        shared = Observation(
            source="tls-report",
            action="failed",
            reported_by=submitter or _reporter(report),
            time=_utc(period.get("end-datetime")),
        )
        for policy in _list(report["policies"]):
            yield from _policy(_dict(policy), shared)


def _policy(entry: dict[str, Any], shared: Observation) -> Iterator[Observation]:
    """Give the failures of a policy, each detail by itself, those without detail, and the successes."""
    # A collector of reports may keep both flat in the entry, with names of its own (parsedmarc does).
    policy, summary = _dict(entry.get("policy")) or entry, _dict(entry.get("summary")) or entry
    of_policy = msgspec.structs.replace(
        shared,
        recipient_domain=_host(policy.get("policy-domain")),
        receiving_host=_only_host(policy.get("mx-host", policy.get("mx-host-patterns"))),
        tls=Tls(required=_required(policy)),
    )
    told = 0
    for detail in _list(entry.get("failure-details")):
        failure = _failure(_dict(detail), of_policy)
        if failure is not None:
            told += failure.count
            yield failure
    failed = _count(summary.get("total-failure-session-count", summary.get("failed-session-count"))) - told
    if failed > 0:  # real totals also stand below the sum of the details: then the details count
        yield msgspec.structs.replace(of_policy, count=failed)
    if succeeded := _count(summary.get("total-successful-session-count", summary.get("successful-session-count"))):
        yield msgspec.structs.replace(of_policy, action="relayed", count=succeeded)


def _failure(detail: dict[str, Any], of_policy: Observation) -> Observation | None:
    count = _count(detail.get("failed-session-count"), missing=1)
    if not detail or not count:
        return None
    result = _text(detail.get("result-type")).lower()
    result = result if _RESULT.fullmatch(result) else ""
    reason = _text(detail.get("failure-reason-code"))
    return msgspec.structs.replace(
        of_policy,
        count=count,
        diagnostic=": ".join(text for text in (result, reason) if text) or None,
        sending_ip=endpoint_address(_text(detail.get("sending-mta-ip"))),
        receiving_host=_host(detail.get("receiving-mx-hostname")) or of_policy.receiving_host,
        receiving_ip=endpoint_address(_text(detail.get("receiving-ip"))),
        tls=Tls(phase=PHASES.get(result), error=result or None, required=of_policy.tls.required),
    )


def _required(policy: dict[str, Any]) -> bool | None:
    """Tell whether the policy demands TLS: DANE does, MTA-STS does in mode `enforce` (RFC 8461 §5)."""
    kind = _text(policy.get("policy-type")).lower()
    if kind == "tlsa":
        return True
    given = policy.get("policy-string", policy.get("policy-strings"))
    lines = [given] if isinstance(given, str) else given
    if kind != "sts" or not isinstance(lines, list):
        return None
    # Some put the whole file of the policy (RFC 8461 §3.2) into one text.
    pieces = (piece for line in lines[:100] if isinstance(line, str) for piece in line[:MAX_POLICY].splitlines())
    modes = {"".join(piece.split()).lower() for piece in pieces}
    return True if "mode:enforce" in modes else False if modes & {"mode:testing", "mode:none"} else None


def _reporter(report: dict[str, Any]) -> str | None:
    """Give who wrote the report: the domain of the contact's address, else the organisation's name."""
    contact = read_address(_text(report.get("contact-info")).removeprefix("mailto:"))
    domain = domain_of(contact)
    if domain and _NAME.fullmatch(domain):
        return domain
    return normal(_text(report.get("organization-name")))


def _only_host(value: Any) -> str | None:
    """Give the one MX host of a policy; None for a pattern (`*.mx.example`) and for several."""
    names = value if isinstance(value, list) else [value]
    return _host(names[0]) if len(names) == 1 else None


def _host(value: Any) -> str | None:
    name = normal(_text(value))
    return name if name and _NAME.fullmatch(name) and not ip_of(name) else None


def _list(value: Any) -> list[Any]:
    """Give a list, also where a reporter wrote its only member without the brackets."""
    members = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    return [inner for one in members for inner in (one if isinstance(one, list) else [one])]


def _dict(value: Any) -> dict[str, Any]:
    """Give an object with its keys as RFC 8460 spells them: stores and templates write capitals and underscores."""
    return {str(key).lower().replace("_", "-"): one for key, one in value.items()} if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return cell(" ".join(value[:MAX_DETAIL].split())) or "" if isinstance(value, str) else ""


def _count(value: Any, missing: int = 0) -> int:
    """Give a count of sessions, also one that the reporter wrote as text; `missing` where there is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return missing
    return value if 0 <= value < 10**12 else 0


def _utc(value: Any) -> str | None:
    """Give a date of RFC 3339 as UTC; None without a zone, or where it is none."""
    try:
        time = datetime.fromisoformat(_text(value))
        time = time.astimezone(UTC) if time.tzinfo else time
    except (ValueError, OverflowError):
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time.tzinfo and 1970 <= time.year < 2200 else None
