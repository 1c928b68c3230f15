"""Exchange's reports as a mailbox gives them back, without their delivery-status part: nothing that matters is lost.

Six shapes, of Exchange 2010, 2013, 2016 and Exchange Online (classic and the table of today), each as text, as HTML and as
both. The texts follow the shapes in Microsoft's pages on non-delivery reports; names and addresses are ours.
"""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from tests.servers.regenerated import compose
from triage.decode import decode
from triage.hosts import Hosts

SENDER = "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@contoso.example"
HEADERS = """
Received: from {host} (192.0.2.10) by {host}
 (192.0.2.10) with Microsoft SMTP Server (TLS) id {build}; Sun, 18 Oct 2026
 09:14:03 +0000
From: Karl Holm <karl.holm@contoso.example>
To: <{recipient}>
Subject: Offer 4711
Message-ID: <offer-4711@contoso.example>
Date: Sun, 18 Oct 2026 09:14:00 +0000
"""


@dataclass(frozen=True)
class Shape:
    """A report's human part, and what a person reads in it."""

    text: str
    recipient: str
    code: int
    status: str
    diagnostic: str
    sending: str | None
    receiving: str | None
    ip: str | None = None
    wrappers: tuple[tuple[int | None, str | None], ...] = ()
    html: str | None = None


EXCHANGE_2010 = Shape(
    text="""Delivery has failed to these recipients or groups:

frank.ott@contoso.example<mailto:frank.ott@contoso.example>
The e-mail address you entered couldn't be found. Please check the recipient's e-mail address and try to resend the
message. If the problem continues, please contact your helpdesk.

Diagnostic information for administrators:

Generating server: hq-ex10a.contoso.example

frank.ott@contoso.example
#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##

Original message headers:
"""
    + HEADERS.format(host="hq-ex10a.contoso.example", build="14.3.123.4", recipient="frank.ott@contoso.example"),
    recipient="frank.ott@contoso.example",
    code=550,
    status="5.1.1",
    diagnostic="550 5.1.1 RESOLVER.ADR.RecipNotFound; not found",
    sending=None,
    receiving=None,
)

EXCHANGE_2010_REMOTE = Shape(
    text="""Delivery has failed to these recipients or groups:

erin.falk@fabrikam.example<mailto:erin.falk@fabrikam.example>
Your message wasn't delivered because of security policies. Microsoft Exchange will not try to redeliver this message
for you. Please provide the following diagnostic text to your system administrator.

The following organization rejected your message: mx.fabrikam.example.

Diagnostic information for administrators:

Generating server: hq-ex10a.contoso.example

erin.falk@fabrikam.example
mx.fabrikam.example #<mx.fabrikam.example #5.7.1 smtp;550 5.7.1 Client host rejected: cannot find your hostname> #SMTP#

Original message headers:
"""
    + HEADERS.format(host="hq-ex10a.contoso.example", build="14.3.123.4", recipient="erin.falk@fabrikam.example"),
    recipient="erin.falk@fabrikam.example",
    code=550,
    status="5.7.1",
    diagnostic="550 5.7.1 Client host rejected: cannot find your hostname",
    sending="hq-ex10a.contoso.example",
    receiving="mx.fabrikam.example",
    wrappers=((None, "5.7.1"),),
)

EXCHANGE_2013 = Shape(
    text="""Delivery has failed to these recipients or groups:

erin.falk@fabrikam.example
The server has tried to deliver this message, without success, and has stopped trying. Please try sending this message
again. If the problem continues, contact your helpdesk.

Diagnostic information for administrators:

Generating server: hq-ex13a.contoso.example
Receiving server: fabrikam-example.mail.protection.outlook.com (203.0.113.25)

erin.falk@fabrikam.example
Remote Server at fabrikam-example.mail.protection.outlook.com (203.0.113.25) returned '550 4.4.7 QUEUE.Expired; message expired'
10/20/2026 9:04:11 AM - Remote Server at fabrikam-example.mail.protection.outlook.com (203.0.113.25) returned '451 4.4.0 Primary target IP address responded with: "421 4.4.2 Connection dropped due to SocketError." Attempted failover to alternate host, but that did not succeed. Either there are no alternate hosts, or delivery failed to all alternate hosts. The last endpoint attempted was 203.0.113.25:25'

Original message headers:
"""  # noqa: E501  (Exchange writes each answer on one line)
    + HEADERS.format(host="hq-ex13a.contoso.example", build="15.0.847.32", recipient="erin.falk@fabrikam.example"),
    recipient="erin.falk@fabrikam.example",
    code=421,
    status="4.4.2",
    diagnostic="421 4.4.2 Connection dropped due to SocketError.",
    sending="hq-ex13a.contoso.example",
    receiving="fabrikam-example.mail.protection.outlook.com",
    ip="203.0.113.25",
    wrappers=((550, "4.4.7"), (451, "4.4.0")),
)

EXCHANGE_2016 = Shape(
    text="""Delivery has failed to these recipients or groups:

erin.falk@fabrikam.example
The server has tried to deliver this message, without success, and has stopped trying. Please try sending this message
again. If the problem continues, contact your helpdesk.

Diagnostic information for administrators:

Generating server: hq-ex16a.contoso.example
Receiving server: mx.fabrikam.example (203.0.113.7)

erin.falk@fabrikam.example
Server at mx.fabrikam.example (203.0.113.7) returned '550 4.4.7 QUEUE.Expired; message expired'
10/20/2026 9:04:11 AM - Server at mx.fabrikam.example (203.0.113.7) returned '451 4.4.397 Error communicating with target host. -> 421 4.2.1 Unable to connect -> SocketTimedout: Socket error code 10060'

Original message headers:
"""  # noqa: E501
    + HEADERS.format(host="hq-ex16a.contoso.example", build="15.1.2507.6", recipient="erin.falk@fabrikam.example"),
    recipient="erin.falk@fabrikam.example",
    code=421,
    status="4.2.1",
    diagnostic="421 4.2.1 Unable to connect -> SocketTimedout: Socket error code 10060",
    sending="hq-ex16a.contoso.example",
    receiving="mx.fabrikam.example",
    ip="203.0.113.7",
    wrappers=((550, "4.4.7"), (451, "4.4.397")),
)

ONLINE_CLASSIC = Shape(
    text="""Delivery has failed to these recipients or groups:

erin.falk@fabrikam.example (erin.falk@fabrikam.example)
Your message couldn't be delivered. Despite repeated attempts to contact the recipient's email system it didn't respond.

Contact the recipient by some other means (by phone, for example) and ask them to tell their email admin that it
appears that their email system isn't accepting connection requests from your email system.

For more information and tips to fix this issue see this article: https://go.microsoft.com/fwlink/?LinkId=389361.

Diagnostic information for administrators:

Generating server: AM6PR05MB5014.eurprd05.prod.outlook.com
Receiving server: AM6PR05MB5014.eurprd05.prod.outlook.com
Total retry attempts: 45

erin.falk@fabrikam.example
10/20/2026 9:04:11 AM - Server at AM6PR05MB5014.eurprd05.prod.outlook.com returned '550 5.4.300 Message expired -> 451 5.7.3 STARTTLS is required to send mail'
10/20/2026 8:54:02 AM - Server at mx.fabrikam.example (203.0.113.7) returned '451 5.7.3 STARTTLS is required to send mail'

Original message headers:
"""  # noqa: E501
    + HEADERS.format(
        host="AM6PR05MB5014.eurprd05.prod.outlook.com", build="15.20.8699.20", recipient="erin.falk@fabrikam.example"
    ),
    recipient="erin.falk@fabrikam.example",
    code=451,
    status="5.7.3",
    diagnostic="451 5.7.3 STARTTLS is required to send mail",
    sending="am6pr05mb5014.eurprd05.prod.outlook.com",
    receiving="mx.fabrikam.example",
    ip="203.0.113.7",
    wrappers=((550, "5.4.300"),),
)

_TABLE_ROWS = (
    ("Created Date:", "10/20/2026 8:03:44 AM"),
    ("Sender Address:", "karl.holm@contoso.example"),
    ("Recipient Address:", "erin.falk@fabrikam.example"),
    ("Subject:", "Offer 4711"),
)
_ERROR_ROWS = (
    ("Reported error:", "550 5.4.317 Message expired, cannot connect to remote server(451 5.7.3 STARTTLS is required)"),
    ("DSN generated by:", "AM6PR05MB5014.eurprd05.prod.outlook.com"),
    ("Remote server:", "mx.fabrikam.example"),
)


def _cells(rows: tuple[tuple[str, str], ...]) -> str:
    line = '<tr><td width="140"><b>{}</b></td><td><font face="Segoe UI">{}</font></td></tr>'
    return '<table border="0" cellspacing="0">' + "".join(line.format(*row) for row in rows) + "</table>"


_ONLINE_HEADERS = HEADERS.format(
    host="AM6PR05MB5014.eurprd05.prod.outlook.com", build="15.20.8699.20", recipient="erin.falk@fabrikam.example"
)
ONLINE_TABLE = Shape(
    text="""Your message to erin.falk@fabrikam.example couldn't be delivered.

A problem with the recipient's email system prevented delivery.

karl.holm Office 365 fabrikam.example
Action Required Recipient
Can't connect to the destination

How to Fix It
The email system at fabrikam.example didn't answer. Tell the recipient about it in another way.

More Info for Email Admins
Status code: 550 5.4.317

This error occurs when the message expires because the destination doesn't accept it.

Original Message Details

"""
    + "\n".join("\t".join(row) for row in _TABLE_ROWS)
    + "\n\nError Details\n\n"
    + "\n".join("\t".join(row) for row in _ERROR_ROWS)
    + "\n\nMessage Hops\n\nHOP\tTIME (UTC)\tFROM\tTO\tWITH\tRELAY TIME\n"
    + "1\t10/20/2026 8:03:44 AM\tlocalhost\tAM6PR05MB5014.eurprd05.prod.outlook.com\tmapi\t*\n\n"
    + "Original Message Headers\n"
    + _ONLINE_HEADERS,
    html="<html><head><style>td { font-size: 14px }</style></head><body><table><tr><td>"
    "<p>Your message to <b>erin.falk@fabrikam.example</b> couldn't be delivered.</p>"
    "<p>A problem with the recipient's email system prevented delivery.</p></td></tr></table>"
    "<table><tr><td>karl.holm</td><td>Office 365</td><td>fabrikam.example</td></tr></table>"
    "<p>More Info for Email Admins</p><p><i>Status code: 550 5.4.317</i></p>"
    "<p>This error occurs when the message expires because the destination doesn't accept it.</p>"
    f"<p>Original Message Details</p>{_cells(_TABLE_ROWS)}<p>Error Details</p>{_cells(_ERROR_ROWS)}"
    "<p>Message Hops</p><table><tr><th>HOP</th><th>TIME (UTC)</th><th>FROM</th><th>TO</th><th>WITH</th></tr>"
    "<tr><td>1</td><td>10/20/2026<br>8:03:44 AM</td><td>localhost</td>"
    "<td>AM6PR05MB5014.eurprd05.prod.outlook.com</td><td>mapi</td></tr></table>"
    f"<p>Original Message Headers</p><pre>{_ONLINE_HEADERS.replace('<', '&lt;').replace('>', '&gt;')}</pre></body></html>",
    recipient="erin.falk@fabrikam.example",
    code=451,
    status="5.7.3",
    diagnostic="451 5.7.3 STARTTLS is required",
    sending="am6pr05mb5014.eurprd05.prod.outlook.com",
    receiving="mx.fabrikam.example",
    wrappers=((550, "5.4.317"),),
)

SHAPES = {
    "2010, not found": EXCHANGE_2010,
    "2010, refused": EXCHANGE_2010_REMOTE,
    "2013, dropped": EXCHANGE_2013,
    "2016, timed out": EXCHANGE_2016,
    "Online, classic": ONLINE_CLASSIC,
    "Online, table": ONLINE_TABLE,
}
FULL = f"""Return-Path: <>
From: Microsoft Outlook <{SENDER}>
To: <karl.holm@contoso.example>
Subject: Undeliverable: Offer 4711
Date: Tue, 20 Oct 2026 09:14:11 +0000
Message-ID: <ndr-1@contoso.example>
In-Reply-To: <offer-4711@contoso.example>
References: <offer-4711@contoso.example>
Auto-Submitted: auto-replied

"""
BARE = "\n".join(line for line in FULL.split("\n") if line.startswith(("From", "Subject", "Date"))) + "\n\n"


def written_anew(shape: Shape, headers: str, *, plain: bool, html: bool) -> bytes:
    """Give the message as the mailbox gives it back."""
    source = message_from_bytes(headers.encode(), policy=policy.default)
    if not html or shape.html is None:
        return compose(source, shape.text, plain=plain, html=html)
    made: EmailMessage = message_from_bytes(compose(source, shape.text, plain=plain, html=True), policy=policy.SMTP)
    part = made.get_body(("html",))
    assert part is not None
    part.set_content(shape.html, subtype="html", charset="utf-8", cte="quoted-printable")
    return made.as_bytes()


@pytest.mark.parametrize(("plain", "html"), [(True, False), (False, True), (True, True)], ids=["text", "HTML", "both"])
@pytest.mark.parametrize("headers", [FULL, BARE], ids=["its headers", "few headers"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_without_the_machine_part_the_cause_is_still_there(shape: Shape, headers: str, plain: bool, html: bool) -> None:
    """Recipient, code, cause, both hosts and the message that came back are read from what people read."""
    content = written_anew(shape, headers, plain=plain, html=html)
    assert b"delivery-status" not in content
    document = decode(content, Hosts(domains=["contoso.example"]))
    assert document.kind == "bounce"
    (seen,) = [one for one in document.observations if one.source == "ndr"]
    assert (seen.action, seen.recipient) == ("failed", shape.recipient)
    assert (seen.reply_code, seen.status, seen.diagnostic) == (shape.code, shape.status, shape.diagnostic)
    assert (seen.sending_host, seen.receiving_host, seen.receiving_ip) == (shape.sending, shape.receiving, shape.ip)
    assert tuple((one.reply_code, one.status) for one in seen.wrappers) == shape.wrappers
    assert (seen.original.message_id, seen.original.from_) == (
        "offer-4711@contoso.example",
        "karl.holm@contoso.example",
    )


@pytest.mark.parametrize(("plain", "html"), [(True, False), (False, True)], ids=["text", "HTML"])
def test_a_delay_written_anew_stays_a_delay(plain: bool, html: bool) -> None:
    """A report that a server still tries is no bounce, though no machine part says so."""
    text = EXCHANGE_2016.text.replace("550 4.4.7 QUEUE.Expired; message expired", "400 4.4.7 Message delayed")
    source = message_from_bytes(FULL.replace("Undeliverable", "Delivery delayed").encode(), policy=policy.default)
    document = decode(compose(source, text, plain=plain, html=html), Hosts())
    assert document.kind == "delay"
    assert {one.action for one in document.observations if one.source == "ndr"} == {"delayed"}
