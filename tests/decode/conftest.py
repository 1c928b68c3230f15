"""Builders of reports in the shapes that RFC 3464 and mail servers give them, with names of our own."""

from collections.abc import Callable

import pytest

from triage.decode import decode
from triage.hosts import Hosts
from triage.model import Document, Observation

GROUP = (
    "Final-Recipient: rfc822; anna@fabrikam.example\n"
    "Action: failed\n"
    "Status: 5.1.1\n"
    "Remote-MTA: dns; mx.fabrikam.example\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <anna@fabrikam.example>: unknown here\n"
)
ORIGINAL = (
    "Received: from client7.contoso.example (client7.contoso.example [192.0.2.77])\n"
    " by mx.contoso.example (Postfix) with ESMTPS id 4ABC; Sun, 18 Oct 2026 09:14:03 +0000\n"
    "From: Karl Holm <karl@contoso.example>\nTo: anna@fabrikam.example\n"
    "Subject: Offer 4711\nMessage-ID: <offer-4711@contoso.example>\n"
)
TEXT = "The mail system\n\n<anna@fabrikam.example>: it did not work\n"


def build_report(
    machine: str = f"Reporting-MTA: dns; mx.contoso.example\n\n{GROUP}",
    *,
    kind: str = "message/delivery-status",
    encoding: str = "7bit",
    outer: str = "multipart/report; report-type=delivery-status",
    human: str = TEXT,
    original: str = ORIGINAL,
    original_kind: str = "text/rfc822-headers",
    sender: str = "Mail Delivery System <MAILER-DAEMON@mx.contoso.example>",
    extra: str = "",
) -> bytes:
    """Give a whole report; every part of its form can be changed."""
    head = (
        f"Return-Path: <>\nFrom: {sender}\nTo: karl@contoso.example\nSubject: Undelivered Mail Returned to Sender\n"
        f"Date: Tue, 20 Oct 2026 09:14:11 +0000\n{extra}MIME-Version: 1.0\nContent-Type: {outer}; boundary=frontier\n\n"
    )
    parts = [
        f"Content-Type: text/plain; charset=utf-8\n\n{human}",
        f"Content-Type: {kind}\nContent-Transfer-Encoding: {encoding}\n\n{machine}",
        f"Content-Type: {original_kind}\n\n{original}",
    ]
    body = "".join(f"--frontier\n{part}\n" for part in parts) + "--frontier--\n"
    return (head + body).encode()


def build_mail(body: str, *, sender: str, subject: str = "Mail", extra: str = "") -> bytes:
    """Give a message of plain text."""
    return (
        f"From: {sender}\nTo: karl@contoso.example\nSubject: {subject}\nDate: Tue, 20 Oct 2026 09:14:11 +0000\n{extra}"
        f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{body}"
    ).encode()


@pytest.fixture
def report() -> Callable[..., bytes]:
    """Give the builder of whole reports."""
    return build_report


@pytest.fixture
def plain_mail() -> Callable[..., bytes]:
    """Give the builder of plain messages."""
    return build_mail


@pytest.fixture
def read() -> Callable[[bytes], Document]:
    """Give the decoder with settings that name our domain."""
    return lambda content: decode(content, Hosts(domains=["contoso.example"]))


@pytest.fixture
def said(read: Callable[[bytes], Document]) -> Callable[[bytes], list[Observation]]:
    """Give what a report itself says, without the hops of the returned message."""
    return lambda content: [one for one in read(content).observations if one.source == "ndr"]
