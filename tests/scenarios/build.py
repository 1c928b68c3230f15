"""Builds raw inputs out of the tables of a scenario: reports, queues, logs and TLS reports as servers write them."""

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.seed.conftest import Report, from_cloud

FIELDS = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
SUCCEEDED = (
    '"TLS protocol SP_PROT_TLS1_{minor}_{role} negotiation succeeded using bulk encryption algorithm CALG_AES_256 with '
    "strength 256 bits, MAC hash algorithm CALG_SHA_384 with strength 0 bits and key exchange algorithm "
    'CALG_ECDH_EPHEM with strength 384 bits"'
)
Facts = dict[str, Any]


def inputs(told: Mapping[str, Any]) -> Iterator[bytes]:
    """Give the raw inputs that one table describes: `copies` differ where a text holds `{n}`, `times` are the same again."""
    facts = dict(told)
    kind, copies, times = facts.pop("kind"), facts.pop("copies", 1), facts.pop("times", 1)
    build = BUILDERS[kind]
    for number in range(copies):
        content = build(_numbered(facts, number))
        for _ in range(times):
            yield content


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, list):
        return [_numbered(one, number) for one in value]
    return {key: _numbered(one, number) for key, one in value.items()} if isinstance(value, dict) else value


# Reports of Exchange, in the forms of the seed


def _exchange(facts: Facts) -> bytes:
    return _report(Report, facts)


def _exchange_online(facts: Facts) -> bytes:
    return _report(from_cloud, facts)


def _report(make: Callable[..., Report], facts: Facts) -> bytes:
    """`form` is how it reached us (`attached`, `inline`, `page`); `no_cause` leaves the line of the remote server out."""
    form = facts.pop("form", "as sent")
    if facts.pop("no_cause", False):
        facts["cause"] = None
    if results := facts.pop("authentication_results", None):
        facts["extra_headers"] = [f"Authentication-Results: {results}"]
    for name in ("recipients", "stamps", "extra_headers"):
        if name in facts:
            facts[name] = tuple(facts[name])
    report = make(**facts)
    if form == "attached":
        return report.attached()
    if form == "inline":
        return report.inline(quote="> ", width=72, smart=True)
    return report.inline(page=True) if form == "page" else bytes(report)


# Reports of other servers


def _dsn(facts: Facts) -> bytes:
    """Build a report after RFC 3464 with the words of its server in front."""
    reporting, recipient = facts["reporting"], facts["recipient"]
    sender = facts.get("sender", "karl.holm@contoso.example")
    fields = [f"Final-Recipient: rfc822; {recipient}", f"Action: {facts.get('action', 'failed')}"]
    fields.append(f"Status: {facts['status']}")
    for name, key in (
        ("Remote-MTA: dns; {}", "remote"),
        ("Diagnostic-Code: {}", "diagnostic"),
        ("Will-Retry-Until: {}", "retry_until"),
    ):
        if key in facts:
            fields.append(name.format(facts[key]))
    original = (
        f"{facts.get('received', '')}From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: {facts.get('subject', 'Offer')}\r\n"
        f"Message-ID: <{facts.get('message_id', 'offer-4711@contoso.example')}>\r\n"
        "Date: Sun, 18 Oct 2026 09:14:00 +0000\r\n"
    )
    parts = (
        ("text/plain; charset=utf-8", facts["human"]),
        ("message/delivery-status", f"Reporting-MTA: dns; {reporting}\r\n\r\n" + "\r\n".join(fields) + "\r\n"),
        ("text/rfc822-headers", original),
    )
    body = "".join(f"--report\r\nContent-Type: {kind}\r\n\r\n{content}\r\n" for kind, content in parts)
    extra = "".join(f"{line}\r\n" for line in facts.get("headers", ()))
    return (
        f"Return-Path: <>\r\n{extra}From: Mail Delivery System <mailer-daemon@{reporting}>\r\nTo: <{sender}>\r\n"
        f"Date: {facts.get('date', 'Tue, 20 Oct 2026 09:14:11 +0000')}\r\n"
        f"Message-ID: <dsn-{facts.get('message_id', 'offer-4711@contoso.example')}>\r\n"
        f"Subject: {facts.get('title', 'Undelivered Mail Returned to Sender')}\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="report"\r\n\r\n{body}--report--\r\n'
    ).encode()


def _text(facts: Facts) -> bytes:
    """Give a document word for word, with the line ends of mail."""
    return textwrap.dedent(facts["body"]).lstrip("\n").replace("\n", "\r\n").encode()


# What is seen on the server


def _queue(facts: Facts) -> bytes:
    """Build one queue as `Get-Queue | Format-List` shows it."""
    shown = {
        "Identity": f"{facts['server']}\\{facts.get('number', 3)}",
        "DeliveryType": facts.get("delivery", "DnsConnectorDelivery"),
        "NextHopDomain": facts["next_hop"],
        "Status": facts.get("status", "Retry"),
        "MessageCount": facts["depth"],
        "LastError": facts.get("error", ""),
        "LastRetryTime": facts.get("last", "10/20/2026 9:14:11 AM"),
    }
    return "".join(f"{name:<17}: {value}\r\n" for name, value in shown.items()).encode()


def _send_log(facts: Facts) -> bytes:
    return _log("Send", facts)


def _receive_log(facts: Facts) -> bytes:
    return _log("Receive", facts)


def _log(side: str, facts: Facts) -> bytes:
    """Build a protocol log: `sessions` of the same `rows`, `every` so many minutes from `start` on.

    Where `parts` stand, each has rows, remote, start and sessions of its own. In a row `TLS1.2` stands for the sentence
    that Exchange writes after a handshake.
    """
    start = facts.get("start", "2026-10-20T09:04:00")
    lines = [
        "#Software: Microsoft Exchange Server",
        "#Version: 15.0.0.0",
        f"#Log-type: SMTP {side} Protocol Log",
        f"#Date: {start}.000Z",
        f"#Fields: {FIELDS}",
    ]
    sessions = [
        (datetime.fromisoformat(part.get("start", start)) + timedelta(minutes=at * facts.get("every", 1)), part)
        for part in facts.get("parts", [{}])
        for at in range(part.get("sessions", facts.get("sessions", 1)))
    ]
    for number, (begun, part) in enumerate(sorted(sessions, key=lambda pair: pair[0])):
        lines.extend(_session(side, {**facts, **part}, begun, number))
    return ("\r\n".join(lines) + "\r\n").encode()


def _session(side: str, facts: Facts, begun: datetime, number: int) -> Iterator[str]:
    key = f"08D92C6B{int(begun.timestamp()) & 0xFFFF:04X}{number:04X}"
    for sequence, row in enumerate(facts["rows"]):
        told = row
        for minor in range(4):
            told = told.replace(
                f"TLS1.{minor}", SUCCEEDED.format(minor=minor, role="CLIENT" if side == "Send" else "SERVER")
            )
        time = (begun + timedelta(milliseconds=100 * sequence)).isoformat(timespec="milliseconds")
        yield f"{time}Z,{facts['connector']},{key},{sequence},{facts['local']},{facts['remote']},{told}"


def _tls_report(facts: Facts) -> bytes:
    """Build a report after RFC 8460 about one host of ours."""
    return json.dumps(
        {
            "organization-name": facts["reporter"],
            "date-range": {"start-datetime": "2026-10-19T00:00:00Z", "end-datetime": "2026-10-19T23:59:59Z"},
            "contact-info": "tls-reports@fabrikam.example",
            "report-id": f"2026-10-19_{facts['host']}",
            "policies": [
                {
                    "policy": {"policy-type": "no-policy-found", "policy-domain": facts["domain"]},
                    "summary": {"total-successful-session-count": 0, "total-failure-session-count": facts["failed"]},
                    "failure-details": [
                        {
                            "result-type": facts["result"],
                            "receiving-mx-hostname": facts["host"],
                            "failed-session-count": facts["failed"],
                        }
                    ],
                }
            ],
        }
    ).encode()


BUILDERS: Mapping[str, Callable[[Facts], bytes]] = {
    "exchange": _exchange,
    "exchange-online": _exchange_online,
    "dsn": _dsn,
    "text": _text,
    "queue": _queue,
    "send-log": _send_log,
    "receive-log": _receive_log,
    "tls-report": _tls_report,
}
