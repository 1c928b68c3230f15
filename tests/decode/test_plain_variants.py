"""Files of everyday work on Exchange 2010 to SE, as nobody changed them: what each says of the hop and of the cause."""

import codecs
import json
import textwrap

import pytest

from tests.decode.protocol_log.conftest import header, log_of, session_rows, succeeded
from tests.decode.test_report_variants import OF_DETAIL, STS, detail, policy, report
from tests.decode.variants import Expected, Variants, check
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"], hosts=["hq-ex01.contoso.example"])
TENANT = "contoso-example.mail.protection.outlook.com"
POD = "mail-am6eur05on2110.outbound.protection.outlook.com"
OWN = "hq-ex01.contoso.example"
VARIANTS = Variants()
add = VARIANTS.add


def wrapped_list(pairs: list[tuple[str, str]], width: int) -> str:
    """Give a list as Format-List prints it in a console of this width: it breaks at blanks, long words anywhere."""
    room = max(len(name) for name, _ in pairs) + 3
    out = []
    for name, value in pairs:
        pieces = textwrap.wrap(value, width - room, break_on_hyphens=False) or [""]
        out.append(f"{name:<{room - 3}} : {pieces[0]}".rstrip())
        out += [" " * room + piece for piece in pieces[1:]]
    return "\r\n" + "\r\n".join(out) + "\r\n"


def queue_of(
    identity: str, hop: str, count: int, error: str, kind: str = "DnsConnectorDelivery", status: str = "Retry"
) -> str:
    """Give a queue with all that Exchange 2019 prints of it."""
    return wrapped_list([
        ("RunspaceId", "5d2f0f1e-1111-4222-8333-444455556666"), ("DeliveryType", kind), ("NextHopDomain", hop),
        ("TlsDomain", ""), ("NextHopConnector", "5f3c2b1a-0000-4000-8000-000000000000"), ("Status", status),
        ("MessageCount", str(count)), ("LastError", error), ("RetryCount", "17"), ("LastRetryTime", "18.10.2026 09:14:03"),
        ("NextRetryTime", "18.10.2026 09:24:03"), ("FirstRetryTime", "18.10.2026 06:01:44"), ("DeferredMessageCount", "0"),
        ("LockedMessageCount", "0"), ("MessageCountsPerPriority", f"{{0, {count}, 0, 0}}"),
        ("DeferredMessageCountsPerPriority", "{0, 0, 0, 0}"), ("RiskLevel", "Normal"), ("OutboundIPPool", "0"),
        ("NextHopCategory", "External"), ("IncomingRate", "0"), ("OutgoingRate", "0"), ("Velocity", "0"),
        ("OverrideSource", ""), ("QueueIdentity", identity), ("PriorityDescriptions", "{High, Normal, Low, None}"),
        ("Identity", identity), ("IsValid", "True"), ("ObjectState", "New"),
    ], 80)  # fmt: skip


add(
    "three queues in full, 80 places wide, redirected",
    codecs.BOM_UTF16_LE + (
        queue_of("HQ-EX01\\211", "fabrikam.example", 12, "[{LED=451 4.4.397 Error communicating with target host. -> 421 4.2.1"
                 " Unable to connect -> SocketConnectionRefused: Socket error code 10061};{MSG=};{FQDN=mx.fabrikam.example};"
                 "{IP=203.0.113.7};{LRT=18.10.2026 09:14:03}]")
        + queue_of("HQ-EX01\\212", "tailspin.example", 3, "", status="Active")
        + queue_of("HQ-EX01\\213", TENANT, 640, "[{LED=451 4.4.395 Target host responded with error. -> 451 5.7.3 STARTTLS is"
                   " required to send mail};{MSG=};{FQDN=" + TENANT + "};{IP=198.51.100.20};{LRT=18.10.2026 09:14:03}]",
                   "SmartHostConnectorDelivery")
    ).encode("utf-16-le"),
    {"count": 12, "reply_code": 421, "status": "4.2.1", "error": "Winsock 10061", "receiving_ip": "203.0.113.7",
     "receiving_host": "mx.fabrikam.example", "category": "connection-refused", "reported_by": "hq-ex01"},
    {"count": 640, "reply_code": 451, "status": "5.7.3", "receiving_host": TENANT, "category": "tls-required",
     "required": True, "receiving_ip": "198.51.100.20"},
    suppressed={"no-error": 1},
)  # fmt: skip
add(
    "a server that Exchange Online throttles for its age",
    queue_of("HQ-EX01\\5", TENANT, 77, "[{LED=450 4.7.230 Connecting Exchange server version is out-of-date; connection to"
             " Exchange Online throttled for 5 mins/hr. For more information see https://aka.ms/BlockUnsafeExchange.};{MSG=};"
             "{FQDN=" + TENANT + "};{IP=198.51.100.20};{LRT=10/18/2026 9:14:03 AM}]", "SmartHostConnectorDelivery"),
    {"count": 77, "status": "4.7.230", "category": "server-out-of-date", "side": "sending", "receiving_host": TENANT},
)  # fmt: skip
add(
    "DNS that answers nothing, Exchange 2016",
    queue_of("HQ-EX01\\6", "wingtip.example", 2, "[{LED=451 4.4.0 DNS query failed. The error was: DNS query failed with error"
             " ErrorRetry};{MSG=};{FQDN=wingtip.example};{IP=};{LRT=10/18/2026 9:14:03 AM}]"),
    {"count": 2, "status": "4.4.0", "category": "dns", "error": "ErrorRetry", "receiving_ip": None},
)  # fmt: skip
add(
    "a queue to another site that cannot log in",
    queue_of("HQ-EX01\\7", "site:branch; version:15", 9, "[{LED=451 4.4.395 Target host responded with error. -> 454 4.7.0"
             " Temporary authentication failure};{MSG=};{FQDN=br-ex01.contoso.example};{IP=192.0.2.90};{LRT=}]",
             "SmtpRelayToRemoteActiveDirectorySite"),
    {"count": 9, "reply_code": 454, "status": "4.7.0", "receiving_host": "br-ex01.contoso.example", "phase": "auth",
     "recipient_domain": None},
)  # fmt: skip
add(
    "Get-Message of a queue, in full",
    wrapped_list([
        ("RunspaceId", "5d2f0f1e-1111-4222-8333-444455556666"), ("Subject", "Invoice 4711: please pay until 31.10."),
        ("InternetMessageId", "<4711@contoso.example>"), ("FromAddress", "billing@contoso.example"), ("Status", "Retry"),
        ("Size", "2.145 MB (2,249,000 bytes)"), ("MessageSourceName", "SMTP:Default HQ-EX01"), ("SourceIP", "192.0.2.44"),
        ("SCL", "-1"), ("DateReceived", "18.10.2026 08:00:01"), ("ExpirationTime", "20.10.2026 08:00:01"),
        ("LastErrorCode", "0"), ("LastError", "[{LED=452 4.3.1 Insufficient system resources};{MSG=};{FQDN=mx.fabrikam.example};"
         "{IP=203.0.113.7};{LRT=18.10.2026 09:14:03}]"), ("RetryCount", "3"), ("Recipients", "{anna@fabrikam.example;3;2;"
         "[{LED=452 4.3.1 Insufficient system resources};{MSG=};{FQDN=mx.fabrikam.example};{IP=203.0.113.7};{LRT=}];0;"
         "CN=Out,CN=Connections,DC=contoso,DC=example;0}"), ("Queue", "HQ-EX01\\211"), ("Identity", "HQ-EX01\\211\\9871"),
        ("IsValid", "True"), ("ObjectState", "New"),
    ], 120),
    {"count": 1, "recipient": "anna@fabrikam.example", "status": "4.3.1", "reply_code": 452, "from": "billing@contoso.example",
     "subject": "Invoice 4711: please pay until 31.10.", "message_id": "4711@contoso.example", "category": "system",
     "receiving_host": "mx.fabrikam.example", "time": None, "retry_until": None},
)  # fmt: skip

# Logs


def sent(*steps: str, remote: str = "203.0.113.7:25") -> bytes:
    """Give a Send log of one session."""
    return log_of(*session_rows(steps, key="08DD3FA500000001", connector="Outbound", remote=remote))


def taken(*steps: str, remote: str = "198.51.100.30:41044") -> bytes:
    """Give a Receive log of one session."""
    return log_of(*session_rows(steps, key="08DD3FA500000001", connector="HQ-EX01\\Default Frontend HQ-EX01",
                                local="192.0.2.10:25", remote=remote), side="receive")  # fmt: skip


OPENED = ("*,,attempting to connect", "+,,", '<,"220 AM6EUR05FT012.mail.protection.outlook.com Microsoft ESMTP MAIL Service'
          ' ready at Sun, 18 Oct 2026 09:14:00 +0000",', f">,EHLO {OWN},")  # fmt: skip
EOP = "am6eur05ft012.mail.protection.outlook.com"
TLS = (*OPENED, f"<,250  {EOP} Hello [192.0.2.10] SIZE 157286400 PIPELINING DSN STARTTLS 8BITMIME CHUNKING,", ">,STARTTLS,",
       "<,220 2.0.0 SMTP server ready,")  # fmt: skip
add(
    "Exchange Online ends the handshake of an old server",
    sent(*TLS, "*,,Sending certificate", "*,,TLS negotiation failed with error SocketError", "-,,Remote",
         remote="198.51.100.20:25"),
    {"source": "send-log", "phase": "handshake", "error": "SocketError", "receiving_host": EOP, "version": None,
     "category": "tls-version", "confidence": "probable", "side": "sending", "sending_host": OWN},
    kind="protocol-log",
)  # fmt: skip
add(
    "Exchange Online says that it does not know our tenant",
    sent(*TLS, succeeded(), f">,EHLO {OWN},", f"<,250  {EOP} Hello [192.0.2.10],", ">,MAIL FROM:<karl@contoso.example>,",
         ">,RCPT TO:<anna@fabrikam.example>,", "<,250 2.1.0 Sender OK,", "<,550 5.7.64 TenantAttribution; Relay Access Denied,",
         ">,QUIT,", "<,221 2.0.0 Service closing transmission channel,", "-,,Local", remote="198.51.100.20:25"),
    {"reply_code": 550, "status": "5.7.64", "version": "1.2", "phase": "envelope", "category": "connector-attribution",
     "receiving_host": EOP},
    kind="protocol-log",
)  # fmt: skip
add(
    "a server of 2010 that speaks TLS 1.0 and is cut off while it sends the message",
    sent("*,,attempting to connect", "+,,", "<,220 mail.tailspin.example ESMTP,", f">,EHLO {OWN},", "<,250-tailspin,",
         "<,250-SIZE 10240000,", "<,250 STARTTLS,", ">,STARTTLS,", "<,220 ready,", succeeded(minor=0), f">,EHLO {OWN},",
         "<,250-tailspin,", "<,250 SIZE 10240000,", ">,MAIL FROM:<karl@contoso.example> SIZE=9000000,",
         "<,250 2.1.0 Ok,", ">,RCPT TO:<anna@tailspin.example>,", "<,250 2.1.5 Ok,", ">,DATA,", "<,354 go on,",
         "-,,Remote(ConnectionReset)"),
    {"phase": "data", "version": "1.0", "error": "ConnectionReset", "receiving_host": "mail.tailspin.example",
     "category": "connection-dropped"},
    kind="protocol-log",
)  # fmt: skip
add(
    "a large provider refuses mail that nobody signed, on two lines",
    sent("*,,attempting to connect", "+,,", "<,220 mx.google.com ESMTP x-20020a05,", f">,EHLO {OWN},",
         "<,250  mx.google.com at your service [192.0.2.10] SIZE 157286400 STARTTLS,", ">,STARTTLS,", "<,220 2.0.0 Ready to start"
         " TLS,", succeeded(minor=3), f">,EHLO {OWN},", "<,250  mx.google.com,", ">,MAIL FROM:<a@contoso.example>,",
         "<,250 2.1.0 OK,", ">,RCPT TO:<b@gmail.com>,", "<,250 2.1.5 OK,", ">,DATA,", "<,354 Go ahead,",
         "<,550-5.7.26 Your email has been blocked because the sender is unauthenticated.,",
         "<,550 5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.,", ">,QUIT,", "<,221 2.0.0 closing,",
         "-,,Local"),
    {"reply_code": 550, "status": "5.7.26", "version": "1.3", "phase": "data", "category": "authentication",
     "receiving_host": "mx.google.com"},
    kind="protocol-log",
)  # fmt: skip
IN = ("+,,", f'>,"220 {OWN} Microsoft ESMTP MAIL Service ready at Sun, 18 Oct 2026 09:14:00 +0000",', f"<,EHLO {POD},",
      f">,250  {OWN} Hello [198.51.100.30] SIZE 37748736 PIPELINING DSN STARTTLS X-ANONYMOUSTLS 8BITMIME CHUNKING,")  # fmt: skip
add(
    "Exchange Online refuses the old versions of our server with an alert",
    taken(*IN, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", "*,,Sending certificate",
          "*,,TLS negotiation failed with error UnsupportedFunction", "-,,Remote"),
    {"source": "receive-log", "phase": "handshake", "error": "UnsupportedFunction", "receiving_host": OWN,
     "sending_host": POD, "category": "tls-version", "side": "receiving", "count": 1},
    kind="protocol-log",
)  # fmt: skip
add(
    "mail that came in over TLS 1.0, and some in clear text",
    log_of(*session_rows([*IN, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", succeeded("SERVER", 0), "<,EHLO mx.old.example,",
                          f">,250  {OWN} Hello,", "<,MAIL FROM:<a@old.example>,", ">,250 2.1.0 Sender OK,",
                          "<,RCPT TO:<b@contoso.example>,", ">,250 2.1.5 Recipient OK,", "<,BDAT 100 LAST,",
                          ">,250 2.6.0 Queued mail for delivery,", "<,QUIT,", ">,221 2.0.0 bye,", "-,,Local"],
                         key="08DD3FA500000001", connector="HQ-EX01\\Default", local="192.0.2.10:25", remote="203.0.113.50:4411"),
           *session_rows(["+,,", f">,220 {OWN} ESMTP,", "<,HELO scanner,", f">,250 {OWN} Hello [192.0.2.99],",
                          "<,MAIL FROM:<scan@contoso.example>,", ">,250 2.1.0 Sender OK,", "<,RCPT TO:<b@contoso.example>,",
                          ">,250 2.1.5 Recipient OK,", "<,DATA,", ">,354 Start mail input,", ">,250 2.6.0 Queued,", "<,QUIT,",
                          ">,221 2.0.0 bye,", "-,,Local"], key="08DD3FA500000002", connector="HQ-EX01\\Default",
                         local="192.0.2.10:25", remote="192.0.2.99:1030", at=60), side="receive"),
    {"action": "relayed", "version": "1.0", "sending_ip": "203.0.113.50", "impact": "none"},
    {"action": "relayed", "version": "none", "sending_ip": "192.0.2.99", "sending_host": None, "impact": "none"},
    kind="protocol-log",
)  # fmt: skip
add(
    "a spammer whom our filter turns away is no fault",
    taken(*IN[:2], "<,EHLO evil.example,", f">,250  {OWN} Hello [203.0.113.66] STARTTLS,", "<,MAIL FROM:<x@evil.example>,",
          ">,250 2.1.0 Sender OK,", "<,RCPT TO:<nobody@contoso.example>,", ">,550 5.1.10 RESOLVER.ADR.RecipientNotFound,",
          "<,QUIT,", ">,221 2.0.0 bye,", "-,,Local", remote="203.0.113.66:1"),
    kind="protocol-log", suppressed={"rejected": 1},
)  # fmt: skip
add(
    "a log that was begun and holds nothing yet",
    ("\r\n".join(header("send", "15.02.2562.017")) + "\r\n"),
    kind="protocol-log",
)

BEFORE = ("*,,attempting to connect", "+,,", "<,220 mail.tailspin.example ESMTP,", f">,EHLO {OWN},", "<,250 STARTTLS,")
ASKED = (*BEFORE, ">,STARTTLS,", "<,220 go on,")
for step, steps, end, category, confidence in (
    ("after the greeting", BEFORE[:3], "Remote", "connection-dropped", "possible"),
    ("after EHLO", BEFORE[:4], "Remote(ConnectionReset)", "connection-dropped", "probable"),
    ("after EHLO, in silence", BEFORE[:4], "Remote(TimedOut)", "connection-timeout", "probable"),
    ("within the handshake", ASKED, "Remote", "tls-negotiation", "probable"),
    ("within the handshake, with a reset", ASKED, "Remote(ConnectionReset)", "tls-negotiation", "probable"),
    ("within the handshake, in silence", ASKED, "Remote(TimedOut)", "connection-timeout", "probable"),
    ("after the handshake", (*ASKED, succeeded()), "Remote(ConnectionAborted)", "connection-dropped", "probable"),
    ("after the handshake, unnamed", (*ASKED, succeeded()), "Local", "connection-dropped", "possible"),
):
    add(
        f"a session that ends {step}",
        sent(*steps, f"-,,{end}"),
        {"action": "failed", "diagnostic": end, "category": category, "confidence": confidence, "count": 1},
        kind="protocol-log",
    )

# Reports

add(
    "a day of a large reporter: two policies, three kinds of failure at two servers",
    json.dumps(report(
        policy(detail("certificate-expired", 11), detail("validation-failure", 2, **{
                   "receiving-mx-hostname": "mx2.mail.contoso.example", "receiving-ip": "192.0.2.26",
                   "failure-reason-code": "no shared cipher"}), good=480, bad=13),
        policy(detail("sts-policy-fetch-error", 7, **{"receiving-mx-hostname": None, "receiving-ip": None}), bad=7,
               kind=STS | {"policy-domain": "news.contoso.example"}),
    )),
    {**OF_DETAIL, "count": 11, "category": "tls-certificate"},
    {**OF_DETAIL, "count": 2, "category": "tls-cipher", "receiving_host": "mx2.mail.contoso.example",
     "receiving_ip": "192.0.2.26"},
    {"action": "relayed", "count": 480},
    {**OF_DETAIL, "count": 7, "recipient_domain": "news.contoso.example", "category": "policy", "receiving_host": None,
     "receiving_ip": None},
    kind="tls-report",
)  # fmt: skip


@pytest.mark.parametrize(("content", "answers", "whole"), VARIANTS.values(), ids=VARIANTS.keys())
def test_each_plain_file_has_its_answer(content: bytes, answers: list[Expected], whole: Expected) -> None:
    """What a person reads in it is what is told of it."""
    check(content, answers, whole, HOSTS)
