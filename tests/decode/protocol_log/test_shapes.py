"""Whole sessions in the shapes that servers of several years write, with what each of them says of the hop."""

from typing import Any, NamedTuple

import pytest

from tests.decode.protocol_log.conftest import received_rows, session_rows, succeeded
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"], hosts=["hq-ex10a.contoso.example"])
EOP = "db5eur01ft010.mail.protection.outlook.com"
POD = "mail-db5eur01lp2110.outbound.protection.outlook.com"
HQ = "hq-ex19a.contoso.example"
CERTIFICATE_2010 = (
    "*,,Sending certificate", "*,CN=mail.contoso.example,Certificate subject",
    '*,"CN=Contoso Issuing CA 1, O=Contoso, C=US",Certificate issuer name', "*,3F0000001A,Certificate serial number",
    "*,9A0B1C2D3E4F5061728394A5B6C7D8E9F0A1B2C3,Certificate thumbprint",
    "*,mail.contoso.example;autodiscover.contoso.example,Certificate alternate names",
)  # fmt: skip
CERTIFICATE_SE = (
    "*,CN=mail.contoso.example CN=Contoso Issuing CA 1 3F0000001A 9A0B1C2D3E4F5061728394A5B6C7D8E9F0A1B2C3 "
    "2026-01-01T00:00:00.000Z 2027-01-01T00:00:00.000Z mail.contoso.example,Sending certificate Subject Issuer name "
    "Serial number Thumbprint Not before Not after Subject alternate names",
)


def banner(name: str) -> str:
    """Give a banner with its date, which holds a comma."""
    return f'"220 {name} Microsoft ESMTP MAIL Service ready at Sun, 18 Oct 2026 09:14:00 +0000"'


def row_each(name: str, *verbs: str) -> list[str]:
    """Give an answer to EHLO as Exchange 2010 logs it: a row for each capability."""
    said = [
        f"{name} Hello [192.0.2.10]",
        "SIZE 37748736",
        "PIPELINING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        *verbs,
        "CHUNKING",
    ]
    return [f"250{'-' if at < len(said) - 1 else ' '}{one}," for at, one in enumerate(said)]


def one_row(name: str, *verbs: str) -> str:
    """Give an answer to EHLO as newer builds log it: all on one row, with two spaces after the code."""
    return f"250  {name} Hello [198.51.100.20] SIZE 37748736 PIPELINING DSN {' '.join(verbs)} 8BITMIME CHUNKING,"


SENT_2010 = (
    "*,SendRoutingHeaders,Set Session Permissions", "*,,attempting to connect", "+,,", f"<,{banner(EOP)},",
    ">,EHLO hq-ex10a.contoso.example,", *(f"<,{row}" for row in row_each(EOP, "STARTTLS")), ">,STARTTLS,",
    "<,220 2.0.0 SMTP server ready,", *CERTIFICATE_2010,
)  # fmt: skip
SENT_SE = (
    "*,,attempting to connect", "+,,", f"<,{banner(EOP)},", ">,EHLO hq-ex19a.contoso.example,",
    f"<,{one_row(EOP, 'STARTTLS')}", ">,STARTTLS,", "<,220 2.0.0 SMTP server ready,", *CERTIFICATE_SE,
)  # fmt: skip
MESSAGE = (
    ">,MAIL FROM:<anna@contoso.example> SIZE=4711,", ">,RCPT TO:<jo@fabrikam.example>,", "<,250 2.1.0 Sender OK,",
    "<,250 2.1.5 Recipient OK,",
)  # fmt: skip
QUEUED = (
    '<,"250 2.6.0 <1@contoso.example> [InternalId=4711, Hostname=mx.fabrikam.example] 9000 bytes in 0.1, 88 KB/sec"'
)
ENDED = (">,QUIT,", "<,221 2.0.0 Service closing transmission channel,", "-,,Local")
SECURED_SE = (*SENT_SE, succeeded(), ">,EHLO hq-ex19a.contoso.example,", f"<,{one_row(EOP)}")
PLAIN = ("*,,attempting to connect", "+,,", "<,220 mx.fabrikam.example ESMTP,", ">,EHLO hq-ex19a.contoso.example,")
IN = ("+,,", f">,{banner(HQ)},", f"<,EHLO {POD},", f">,{one_row(HQ, 'STARTTLS', 'X-ANONYMOUSTLS')}")
IN_TLS = (*IN, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", *CERTIFICATE_SE)
IN_SECURED = (*IN_TLS, succeeded("SERVER"), f"<,EHLO {POD},", f">,{one_row(HQ, 'AUTH NTLM')}")
IN_MESSAGE = (
    "<,MAIL FROM:<jo@fabrikam.example> SIZE=4711,", ">,250 2.1.0 Sender OK,", "<,RCPT TO:<anna@contoso.example>,",
    ">,250 2.1.5 Recipient OK,",
)  # fmt: skip
IN_ENDED = ("<,QUIT,", ">,221 2.0.0 Service closing transmission channel,", "-,,Local")


class Shape(NamedTuple):
    """A session and what is expected of it: fields of its observation, or the reason for which it is set aside."""

    name: str
    side: str
    steps: tuple[str, ...]
    expected: dict[str, Any] | str
    first: int = 0
    """The sequence number of its first row: more than 0 where its beginning is not in the log."""


def failed(phase, text, **more) -> dict[str, Any]:
    """Give what is expected of a failure."""
    return {"action": "failed", "phase": phase, "diagnostic": text, **more}


def handed(version, **more) -> dict[str, Any]:
    """Give what is expected of mail that was handed over."""
    return {"action": "relayed", "phase": None, "version": version, **more}


SHAPES = [
    # Handshakes
    Shape(
        "2010, the peer hangs up in the handshake",
        "send",
        (*SENT_2010, "*,,TLS negotiation failed with error SocketError", "-,,Remote"),
        failed(
            "handshake",
            "TLS negotiation failed with error SocketError",
            error="SocketError",
            ehlo="hq-ex10a.contoso.example",
        ),
    ),
    Shape(
        "SE, certificate without private key",
        "send",
        (*SENT_SE, "*,,TLS negotiation failed with error NoCredentials", "-,,Local"),
        failed("handshake", "TLS negotiation failed with error NoCredentials", error="NoCredentials", ehlo=HQ),
    ),
    Shape(
        "a failure without a name",
        "receive",
        (*IN_TLS, '*,,"TLS negotiation failed, fatal exception"', "-,,Local"),
        failed("handshake", "TLS negotiation failed, fatal exception", error=None, ehlo=POD),
    ),
    Shape(
        "the client stalls after our certificate",
        "receive",
        (*IN_TLS, "-,,Remote(TimedOut)"),
        failed("handshake", "Remote(TimedOut)", error="TimedOut"),
    ),
    Shape(
        "our own time-out in the handshake",
        "receive",
        (*IN_TLS, ">,421 4.4.1 Connection timed out,", "-,,Local"),
        failed("handshake", "421 4.4.1 Connection timed out", code=421, status="4.4.1"),
    ),
    Shape(
        "Exchange's own words for the loss",
        "send",
        (*SENT_2010, "*,,421 4.4.2 Connection dropped due to ConnectionReset", "-,,Remote"),
        failed("handshake", "421 4.4.2 Connection dropped due to ConnectionReset", error="ConnectionReset", code=421),
    ),
    Shape(
        "STARTTLS sent and never answered",
        "send",
        (*SENT_SE[:6], "-,,Remote(SocketError)"),
        failed("starttls", "Remote(SocketError)", error="SocketError"),
    ),
    Shape(
        "STARTTLS refused for lack of a certificate",
        "send",
        (*SENT_SE[:6], "<,454 4.7.0 TLS not available due to temporary reason,", *ENDED),
        failed("starttls", "454 4.7.0 TLS not available due to temporary reason", code=454, status="4.7.0"),
    ),
    Shape(
        "the peer's certificate is not trusted",
        "send",
        (*SENT_SE, succeeded(), '*,,"454 4.7.5 Certificate validation failure, Reason:UntrustedRoot"', "-,,Local"),
        failed(
            "envelope",
            "454 4.7.5 Certificate validation failure, Reason:UntrustedRoot",
            code=454,
            error="UntrustedRoot",
            version="1.2",
        ),
    ),
    Shape(
        "our server does not trust the client's certificate",
        "receive",
        (*IN_SECURED, "<,MAIL FROM:<jo@fabrikam.example>,", ">,454 4.7.5 Certificate validation failure,", *IN_ENDED),
        failed("envelope", "454 4.7.5 Certificate validation failure", code=454, status="4.7.5", version="1.2"),
    ),
    Shape(
        "TLS among servers of one organization",
        "send",
        (
            "+,,",
            f"<,{banner('hq-ex16a.contoso.example')},",
            f">,EHLO {HQ},",
            f"<,{one_row('hq-ex16a.contoso.example', 'X-ANONYMOUSTLS')}",
            ">,X-ANONYMOUSTLS,",
            "<,220 2.0.0 SMTP server ready,",
            "*,,TLS negotiation failed with error UnknownCredentials",
            "-,,Local",
        ),
        failed(
            "handshake",
            "TLS negotiation failed with error UnknownCredentials",
            error="UnknownCredentials",
            receiving_host="hq-ex16a.contoso.example",
        ),
    ),
    # TLS that is not offered, or demanded
    Shape(
        "no STARTTLS in a one-row answer",
        "send",
        (*PLAIN, f"<,{one_row('mx.fabrikam.example')}", *ENDED),
        failed(
            "starttls",
            "EHLO answered without STARTTLS: "
            "250 mx.fabrikam.example Hello [198.51.100.20] SIZE 37748736 PIPELINING DSN 8BITMIME CHUNKING",
        ),
    ),
    Shape(
        "none in ours, though TLS among our own servers is",
        "receive",
        (*IN[:3], f">,{one_row(HQ, 'X-ANONYMOUSTLS', 'AUTH NTLM')}", *IN_ENDED),
        {"action": "failed", "phase": "starttls", "sending_host": POD},
    ),
    Shape(
        "the same with a stranger who only looked",
        "receive",
        (*IN[:2], "<,EHLO scanner.example,", f">,{one_row(HQ, 'X-ANONYMOUSTLS')}", *IN_ENDED),
        "no-mail",
    ),
    Shape(
        "demanded at MAIL",
        "send",
        (
            *PLAIN,
            f"<,{one_row('mx.fabrikam.example')}",
            MESSAGE[0],
            '<,"530 5.7.0 Must issue a STARTTLS command first, please"',
            *ENDED,
        ),
        failed(
            "starttls", "530 5.7.0 Must issue a STARTTLS command first, please", code=530, status="5.7.0", required=True
        ),
    ),
    Shape(
        "demanded through our front end",
        "send",
        (
            "+,,",
            f"<,{banner('hq-fe19a.contoso.example')},",
            f">,EHLO {HQ},",
            f"<,{one_row('hq-fe19a.contoso.example', 'STARTTLS')}",
            ">,STARTTLS,",
            "<,220 2.0.0 SMTP server ready,",
            succeeded(),
            ">,XPROXYTO SESSIONID=08D92C6B00000001 DOMAIN=fabrikam.example,",
            "<,\"450 4.7.0 Proxy session setup failed on Frontend with '451 5.7.3 STARTTLS is required to send mail'\"",
            *ENDED,
        ),
        failed(
            "envelope",
            "451 5.7.3 STARTTLS is required to send mail",
            code=451,
            status="5.7.3",
            required=True,
            version="1.2",
        ),
    ),
    Shape(
        "demanded before a login",
        "receive",
        (*IN, "<,AUTH LOGIN,", ">,451 5.7.3 Require STARTTLS to do basic authentication,", *IN_ENDED),
        failed("starttls", "451 5.7.3 Require STARTTLS to do basic authentication", code=451, required=True),
    ),
    # Inspection on the way
    Shape(
        "banner of asterisks, mail all the same",
        "send",
        (
            "+,,",
            "<,220 *****************************************************0*2******0***********************,",
            f">,EHLO {HQ},",
            "<,500 #5.5.1 command not recognized,",
            f">,HELO {HQ},",
            "<,250 mx.fabrikam.example,",
            MESSAGE[0],
            "<,250 Sender OK,",
            MESSAGE[1],
            "<,250 Recipient OK,",
            ">,DATA,",
            "<,354 go ahead,",
            "<,250 Message accepted,",
            *ENDED,
        ),
        handed(
            "none",
            diagnostic="220 *****************************************************0*2******0***********************",
        ),
    ),
    Shape(
        "STARTTLS overwritten, TLS demanded here",
        "send",
        (
            *PLAIN,
            "<,250-mx.fabrikam.example Hello,",
            "<,250-XXXXXXXA,",
            "<,250 XXXB,",
            "*,,451 5.7.3 STARTTLS is required to send mail",
            "-,,Local",
        ),
        {
            "action": "failed",
            "phase": "ehlo",
            "diagnostic": "250-XXXXXXXA",
            "required": True,
            "wrapped": [(451, "5.7.3")],
        },
    ),
    Shape(
        "our client's EHLO overwritten on its way to us",
        "receive",
        ("+,,", f">,{banner(HQ)},", f"<,XXXX {POD},", ">,500 5.3.3 Unrecognized command,", "-,,Remote"),
        {"action": "failed", "phase": "ehlo", "diagnostic": f"XXXX {POD}", "wrapped": [(500, "5.3.3")]},
    ),
    # Before a command
    Shape("a load balancer looks", "receive", ("+,,", f">,{banner(HQ)},", "-,,Remote(SocketError)"), "probe"),
    Shape(
        "a load balancer looks and our banner times out",
        "receive",
        ("+,,", f">,{banner(HQ)},", ">,421 4.4.1 Connection timed out,", "-,,Local"),
        "probe",
    ),
    Shape(
        "too many connections, told by the peer",
        "send",
        (
            "*,,attempting to connect",
            "+,,",
            '<,"421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel"',
            "-,,Local",
        ),
        failed(
            "connect",
            "421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel",
            code=421,
            status="4.3.2",
        ),
    ),
    Shape(
        "too many connections, told by us",
        "receive",
        (
            "+,,",
            '>,"421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel"',
            "-,,Local",
        ),
        "rejected",
    ),
    Shape(
        "the peer turns us away by its banner",
        "send",
        ("+,,", "<,554 5.7.1 mx.fabrikam.example Service unavailable; Client host [192.0.2.10] blocked,", "-,,Local"),
        failed(
            "connect", "554 5.7.1 mx.fabrikam.example Service unavailable; Client host [192.0.2.10] blocked", code=554
        ),
    ),
    Shape(
        "no connection, as 2013 and later tell it",
        "send",
        (
            "*,,attempting to connect",
            '*,,"Failed to connect. Winsock error code: 10060, Win32 error code: 10060, Destination domain: fabrikam.example, '
            'Error Message: A connection attempt failed 203.0.113.25:25."',
            "-,,Local",
        ),
        {"action": "failed", "phase": "connect", "error": "Winsock 10060"},
    ),
    Shape(
        "no connection, as a reply of our own",
        "send",
        ("*,,attempting to connect", '*,,"421 4.2.1 Unable to connect"', "-,,Local"),
        failed("connect", "421 4.2.1 Unable to connect", code=421, status="4.2.1"),
    ),
    # Logins
    Shape(
        "our login is refused",
        "send",
        (
            *SECURED_SE,
            ">,AUTH LOGIN,",
            "<,334 <authentication information>,",
            ">,<Binary Data>,",
            "<,535 5.7.3 Authentication unsuccessful,",
            "-,,Local",
        ),
        failed("auth", "535 5.7.3 Authentication unsuccessful", code=535, status="5.7.3", version="1.2"),
    ),
    Shape(
        "a client's login is refused by us",
        "receive",
        (
            *IN_SECURED,
            "<,AUTH NTLM,",
            "*,,Inbound authentication failed with error LogonDenied for NTLM",
            "*,\"Tarpit for '0.00:00:05' due to '535 5.7.3 Authentication unsuccessful'\",",
            ">,535 5.7.3 Authentication unsuccessful,",
            "-,,Remote",
        ),
        "rejected",
    ),
    Shape(
        "login among our servers fails and the log ends",
        "send",
        (*SECURED_SE, ">,X-EXPS EXCHANGEAUTH SHA256,", "*,,Outbound Authentication failed with LogonDenied"),
        failed("auth", "Outbound Authentication failed with LogonDenied", error=None, version="1.2"),
    ),
    Shape(
        "the client leaves after its login",
        "receive",
        (
            *IN_SECURED,
            "<,AUTH LOGIN,",
            ">,334 <authentication response>,",
            ">,235 2.7.0 Authentication successful,",
            "-,,Remote(SocketError)",
        ),
        failed("auth", "Remote(SocketError)", error="SocketError", version="1.2"),
    ),
    # Mail refused, lost, handed over
    Shape(
        "no relay for strangers",
        "receive",
        (
            *IN_SECURED,
            IN_MESSAGE[0],
            IN_MESSAGE[1],
            "<,RCPT TO:<x@litware.example>,",
            ">,550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain,",
            *IN_ENDED,
        ),
        "rejected",
    ),
    Shape(
        "no relay for us",
        "send",
        (
            *SECURED_SE,
            *MESSAGE[:2],
            "<,250 2.1.0 Sender OK,",
            "<,550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain,",
            *ENDED,
        ),
        failed(
            "envelope", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", code=550, status="5.7.54"
        ),
    ),
    Shape(
        "one recipient refused, the message taken for the other",
        "send",
        (
            *SECURED_SE,
            *MESSAGE[:2],
            ">,RCPT TO:<kim@fabrikam.example>,",
            "<,250 2.1.0 Sender OK,",
            "<,550 5.1.1 User unknown,",
            "<,250 2.1.5 Recipient OK,",
            ">,BDAT 4711 LAST,",
            QUEUED,
            *ENDED,
        ),
        handed("1.2"),
    ),
    Shape(
        "everything sent ahead and answered without enhanced codes",
        "send",
        (*SECURED_SE, *MESSAGE[:2], ">,BDAT 4711 LAST,", "<,250 ok,", "<,250 ok,", "<,250 ok queued,", *ENDED),
        handed("1.2"),
    ),
    Shape(
        "everything sent ahead, and the message refused",
        "send",
        (
            *SECURED_SE,
            *MESSAGE[:2],
            ">,BDAT 4711 LAST,",
            "<,250 ok,",
            "<,250 ok,",
            "<,552 5.3.4 Message size exceeds fixed limit,",
            *ENDED,
        ),
        failed("data", "552 5.3.4 Message size exceeds fixed limit", code=552, status="5.3.4", version="1.2"),
    ),
    Shape(
        "everything sent ahead, and lost before the last answer",
        "send",
        (*SECURED_SE, *MESSAGE[:2], ">,BDAT 4711 LAST,", "<,250 ok,", "<,250 ok,", "-,,Remote(ConnectionReset)"),
        failed("data", "Remote(ConnectionReset)", error="ConnectionReset", version="1.2"),
    ),
    Shape(
        "three chunks",
        "send",
        (
            *SECURED_SE,
            *MESSAGE,
            ">,BDAT 1000,",
            "<,250 2.6.0 CHUNK received OK,",
            ">,BDAT 1000,",
            "<,250 2.6.0 CHUNK received OK,",
            ">,BDAT 500 LAST,",
            QUEUED,
            *ENDED,
        ),
        handed("1.2"),
    ),
    Shape(
        "two messages, the second cut off",
        "send",
        (*SECURED_SE, *MESSAGE, ">,BDAT 9 LAST,", QUEUED, *MESSAGE, ">,BDAT 9 LAST,", "-,,Remote(SocketError)"),
        failed("data", "Remote(SocketError)", error="SocketError"),
    ),
    Shape(
        "our server waits for the rest of a message in vain",
        "receive",
        (*IN_SECURED, *IN_MESSAGE, "<,BDAT 900000,", ">,451 4.7.0 Timeout waiting for client input,", "-,,Local"),
        failed("data", "451 4.7.0 Timeout waiting for client input", code=451, status="4.7.0", version="1.2"),
    ),
    Shape(
        "a client says EHLO and then nothing",
        "receive",
        (*IN, ">,451 4.7.0 Timeout waiting for client input,", "-,,Local"),
        "no-mail",
    ),
    Shape(
        "a message with the tarpit in between",
        "receive",
        (
            *IN_SECURED,
            *IN_MESSAGE,
            "*,Tarpit for '0.00:00:30' due to 'DelayedAck',Delayed Ack",
            "<,BDAT 4711 LAST,",
            '>,"250 2.6.0 <1@fabrikam.example> [InternalId=4711, Hostname=hq-ex19a.contoso.example] Queued mail for delivery"',
            *IN_ENDED,
        ),
        handed("1.2", sending_host=POD),
    ),
    Shape(
        "a message that our front end hands on",
        "receive",
        (
            *IN_SECURED,
            IN_MESSAGE[0],
            "*,08D92C6B00000001;2026-10-18T09:14:02.000Z;1,receiving message",
            *IN_MESSAGE[1:],
            "<,DATA,",
            ">,354 Start mail input; end with <CRLF>.<CRLF>,",
            "*,,Proxy destination(s) obtained from OnProxyInboundMessage event",
            '>,"250 2.6.0 <1@fabrikam.example> [InternalId=4711, Hostname=hq-ex19a.contoso.example] Queued mail for delivery"',
            *IN_ENDED,
        ),
        handed("1.2"),
    ),
    Shape(
        "the answer inside TLS offers none, and the log begins there",
        "send",
        (">,EHLO hq-ex19a.contoso.example,", f"<,{one_row(EOP)}", *ENDED),
        "no-mail",
        9,
    ),
    Shape(
        "mail whose handshake is not in the log", "send", (*MESSAGE, ">,BDAT 9 LAST,", QUEUED, *ENDED), handed(None), 9
    ),
    Shape(
        "TLS 1.0 in a Receive log",
        "receive",
        (
            *IN_TLS,
            succeeded("SERVER", 0),
            f"<,EHLO {POD},",
            f">,{one_row(HQ)}",
            *IN_MESSAGE,
            "<,BDAT 9 LAST,",
            ">,250 2.6.0 Queued mail for delivery,",
            *IN_ENDED,
        ),
        handed("1.0"),
    ),
    Shape(
        "a server too old for Exchange Online",
        "send",
        (*SECURED_SE, MESSAGE[0], "<,550 5.7.230 Connecting Exchange server version is out-of-date,", *ENDED),
        failed("envelope", "550 5.7.230 Connecting Exchange server version is out-of-date", code=550, status="5.7.230"),
    ),
    Shape(
        "a reply of several rows",
        "send",
        (
            *SECURED_SE,
            *MESSAGE[:2],
            "<,250 2.1.0 OK,",
            "<,550-5.7.26 This mail is unauthenticated,",
            "<,550 5.7.26 and was refused,",
            *ENDED,
        ),
        {"action": "failed", "phase": "envelope", "code": 550, "status": "5.7.26"},
    ),
]
FIELDS = {
    "action": lambda seen: seen.action, "phase": lambda seen: seen.tls.phase, "error": lambda seen: seen.tls.error,
    "version": lambda seen: seen.tls.version, "required": lambda seen: seen.tls.required, "code": lambda seen: seen.reply_code,
    "status": lambda seen: seen.status, "diagnostic": lambda seen: seen.diagnostic, "ehlo": lambda seen: seen.ehlo,
    "sending_host": lambda seen: seen.sending_host, "receiving_host": lambda seen: seen.receiving_host,
    "wrapped": lambda seen: [(one.reply_code, one.status) for one in seen.wrappers],
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_a_session_of_this_shape_says(read, shape):
    """The step that failed, the row that decides, code, error name and TLS version; or why nothing is said."""
    rows = (received_rows if shape.side == "receive" else session_rows)(shape.steps)
    rows = [row.replace(f",{at},", f",{at + shape.first},", 1) for at, row in enumerate(rows)]
    document = read(*rows, side=shape.side, hosts=HOSTS)
    if isinstance(shape.expected, str):
        assert (document.suppressed, document.observations) == ({shape.expected: 1}, ())
        return
    assert document.suppressed == {}
    [seen] = document.observations
    assert {name: FIELDS[name](seen) for name in shape.expected} == shape.expected


def test_an_answer_told_on_one_row_or_several_says_the_same(read):
    """Builds differ in how they log EHLO and certificates, not in what became of the session."""
    rest = (succeeded(), *MESSAGE, ">,BDAT 9 LAST,", QUEUED, *ENDED)
    old, new = (
        read(*session_rows([one.replace("hq-ex10a", "hq-ex19a") for one in (*steps, *rest)]), hosts=HOSTS)
        for steps in (SENT_2010[1:], SENT_SE)
    )
    assert old.observations == new.observations
