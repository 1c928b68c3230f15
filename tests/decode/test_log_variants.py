"""Protocol logs as admins save and send them, and sessions of builds and roles not seen before, each with its answer."""

import base64
import codecs
import csv
import gzip
import io
from itertools import zip_longest

import pytest

from tests.decode.protocol_log.conftest import FIELDS, header, log_of, session_rows, succeeded
from tests.decode.variants import Expected, Variants, check
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"], hosts=["ex01.contoso.example"])
OUTBOUND = "Outbound"
PEER = "203.0.113.7:25"
PEER6 = "[2001:db8:7::25]:25"
EHLO = ">,EHLO ex01.contoso.example,"
GREETED = ("*,,attempting to connect", "+,,", "<,220 mx.fabrikam.example ESMTP,", EHLO)
OFFERED = (*GREETED, "<,250  mx.fabrikam.example Hello [192.0.2.10] SIZE 37748736 STARTTLS,", ">,STARTTLS,")
BEGUN = (*OFFERED, "<,220 2.0.0 Ready to start TLS,")
SENT = (
    ">,MAIL FROM:<karl.holm@contoso.example> SIZE=2690,", ">,RCPT TO:<anna@fabrikam.example>,", "<,250 2.1.0 Ok,",
    "<,250 2.1.5 Ok,", ">,BDAT 2690 LAST,", "<,250 2.6.0 Queued,", ">,QUIT,", "<,221 2.0.0 Bye,", "-,,Local",
)  # fmt: skip
OF_BEGUN: Expected = {
    "source": "send-log", "action": "failed", "count": 1, "sending_host": "ex01.contoso.example", "sending_ip": "192.0.2.10",
    "receiving_host": "mx.fabrikam.example", "receiving_ip": "203.0.113.7", "reported_by": "ex01.contoso.example",
    "ehlo": "ex01.contoso.example", "phase": "handshake", "version": None, "time": "2026-10-18T09:14:00Z",
    "sessions": ("08DD3FA500000001",),
}  # fmt: skip


def sent(*steps: str, key: str = "08DD3FA500000001", remote: str = PEER, at: float = 0) -> list[str]:
    """Give the rows of a session of the Send connector."""
    return session_rows(steps, key=key, connector=OUTBOUND, remote=remote, at=at)


def taken(
    *steps: str,
    connector: str = "EX01\\Default Frontend EX01",
    local: str = "192.0.2.10:25",
    remote: str = "203.0.113.7:41044",
    key: str = "08DD3FA600000001",
) -> list[str]:
    """Give the rows of a session of a Receive connector."""
    return session_rows(steps, key=key, connector=connector, local=local, remote=remote)


RESET = [*sent(*BEGUN, "*,,TLS negotiation failed with error ConnectionReset", "-,,Local")]
OF_RESET: Expected = {
    **OF_BEGUN, "error": "ConnectionReset", "diagnostic": "TLS negotiation failed with error ConnectionReset",
    "category": "tls-negotiation", "confidence": "probable",
}  # fmt: skip
WENT_WELL = sent(*BEGUN, succeeded(), *SENT, key="08DD3FA500000002", at=120)
OF_WELL: Expected = {
    "action": "relayed", "version": "1.2", "receiving_host": "mx.fabrikam.example", "count": 1, "category": None,
}  # fmt: skip

VARIANTS = Variants()
add = VARIANTS.add


def text(*rows: str) -> str:
    """Give lines of a file."""
    return "".join(f"{row}\r\n" for row in rows)


# Ways of saving and sending

SEND = [*header("send"), *RESET, *WENT_WELL]
add(
    "findstr over a folder: the file's name before each row, and its head",
    text(*(f"SEND2026101809-1.LOG:{row}" for row in SEND)), OF_RESET, OF_WELL, kind="protocol-log",
)  # fmt: skip
add(
    "grep -n: a path and a number before each row, no head",
    text(*(f"./EX01/SmtpSend/SEND2026101809-1.LOG:{at}:{row}" for at, row in enumerate(RESET, start=6))),
    OF_RESET, kind="protocol-log",
)  # fmt: skip
add(
    "Select-String over Send and Receive logs, redirected as UTF-16: the file's name tells the side",
    codecs.BOM_UTF16_LE
    + text(
        "",
        *(f"C:\\Logs\\SEND2026101809-1.LOG:{at}:{row}" for at, row in enumerate(RESET, start=6)),
        *(f"C:\\Logs\\RECV2026101809-1.LOG:{at}:{row}" for at, row in enumerate(taken(
            "+,,", ">,220 ex01.contoso.example ESMTP,", "<,EHLO mx.fabrikam.example,",
            ">,250  ex01.contoso.example Hello [203.0.113.7] SIZE 37748736 STARTTLS,", "<,STARTTLS,",
            ">,220 2.0.0 SMTP server ready,", "*,,TLS negotiation failed with error IllegalMessage", "-,,Local",
            local="192.0.2.10:2500", remote="203.0.113.7:25000"), start=6)),
        "",
    ).encode("utf-16-le"),
    OF_RESET,
    {"source": "receive-log", "action": "failed", "phase": "handshake", "error": "IllegalMessage", "count": 1,
     "receiving_host": "ex01.contoso.example", "receiving_ip": "192.0.2.10", "sending_ip": "203.0.113.7",
     "sending_host": "mx.fabrikam.example", "category": "tls-negotiation"},
    kind="protocol-log",
)  # fmt: skip
add(
    "Select-String -Context: the marked row and those around it",
    text(*(f"{'>' if at == 13 else ' '} SEND2026101809-1.LOG:{at}:{row}" for at, row in enumerate(RESET, start=6))),
    OF_RESET, kind="protocol-log",
)  # fmt: skip
add(
    "Import-Csv and Export-Csv: every field in quotes, a head without its sign",
    text(
        ",".join(f'"{name}"' for name in FIELDS.split(",")),
        *(",".join('"' + value.replace('"', '""') + '"' for value in fields) for fields in csv.reader(SEND[5:])),
    ),
    OF_RESET, OF_WELL, kind="protocol-log",
)  # fmt: skip
ORDER = ("session-id", "date-time", "remote-endpoint", "local-endpoint", "event", "data", "context", "connector-id",
         "sequence-number")  # fmt: skip


def reordered(rows: list[str], delimiter: str = ",", names: tuple[str, ...] = ORDER) -> list[str]:
    """Give rows with their fields in another order."""
    given = FIELDS.split(",")
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    for fields in csv.reader(rows):
        writer.writerow([dict(zip(given, fields, strict=False)).get(name, "") for name in names])
    return out.getvalue().splitlines()


add(
    "#Fields in another order",
    text(*header("send")[:4], "#Fields: " + ",".join(ORDER), *reordered([*RESET, *WENT_WELL])),
    OF_RESET, OF_WELL, kind="protocol-log",
)  # fmt: skip
add(
    "Select-Object of six columns, semicolons of a German shell",
    text(
        "date-time;session-id;local-endpoint;remote-endpoint;event;data;context",
        *reordered(RESET, ";", ("date-time", "session-id", "local-endpoint", "remote-endpoint", "event", "data", "context")),
    ),
    OF_RESET, kind="protocol-log",
)  # fmt: skip
add(
    "copied out of Excel: tabs between the fields, no head",
    text(*reordered(RESET, "\t", tuple(FIELDS.split(",")))), OF_RESET, kind="protocol-log",
)  # fmt: skip
add("one row alone", RESET[-2] + "\r\n", {**OF_RESET, "receiving_host": None, "ehlo": None, "reported_by": None,
    "sending_host": None, "time": "2026-10-18T09:14:00Z", "receiving_ip": "203.0.113.7"}, kind="protocol-log")  # fmt: skip
add(
    "a reply's quote of a log, saved as text",
    text(*(f"> {row}" for row in SEND)),
    OF_RESET,
    OF_WELL,
    kind="protocol-log",
)


def mail(body: str, kind: str = "text/plain", more: str = "") -> str:
    """Give a mail of an admin of ours."""
    return (
        "From: Karl Holm <karl.holm@contoso.example>\nTo: help@contoso.example\nSubject: log of today\nDate: Sun, 18 Oct 2026"
        f" 09:30:00 +0000\nMIME-Version: 1.0\nContent-Type: {kind}; charset=utf-8\n{more}\n{body}\n"
    )


def wrapped(row: str, width: int = 72) -> str:
    """Break a line at spaces as mail programs do: no line is longer than the width, unless a word is."""
    out, line = [], ""
    for word in row.split(" "):
        if line and len(line) + 1 + len(word) > width:
            out.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*out, line])


add(
    "a ticket's mail: the log quoted and wrapped",
    mail("Hi,\n\nhere is the session:\n\n" + "\n".join(f"> {line}" for row in [*RESET, *WENT_WELL]
         for line in wrapped(row).splitlines()) + "\n\nKarl\n"),
    OF_RESET, OF_WELL, kind="protocol-log",
)  # fmt: skip
add(
    "a ticket's mail in HTML alone: a paragraph for each row",
    mail(
        "<html><body><p>the session:</p>"
        + "".join(f"<p class=MsoNormal>{row.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</p>\n"
                  for row in RESET) + "<p>Karl</p></body></html>",
        "text/html",
    ),
    OF_RESET, kind="protocol-log",
)  # fmt: skip
add(
    "a ticket's mail with one row",
    mail(f"the log says this, what now?\n\n{RESET[-2]}\n\nKarl"),
    {"phase": "handshake", "error": "ConnectionReset", "receiving_ip": "203.0.113.7", "source": "send-log", "count": 1},
    kind="protocol-log",
)
add(
    "a packed log in UTF-16, attached with a name that says nothing",
    mail(
        "--b\nContent-Type: text/plain\n\nsee attachment\n--b\nContent-Type: application/octet-stream; name=\"1.bin\"\n"
        "Content-Disposition: attachment; filename=\"1.bin\"\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(gzip.compress(codecs.BOM_UTF16_LE + text(*SEND).encode("utf-16-le"))).decode() + "--b--\n",
        "multipart/mixed; boundary=b",
    ),
    OF_RESET, OF_WELL, kind="protocol-log",
)  # fmt: skip
add(
    "cut in the first and the last row",
    text(*RESET[2:], *WENT_WELL)[40:-60],
    {**OF_RESET, "time": "2026-10-18T09:14:00Z", "receiving_host": "mx.fabrikam.example"}, OF_WELL, kind="protocol-log",
)  # fmt: skip

# Names of errors

for error, category, confidence in (
    ("AlgorithmMismatch", "tls-cipher", "probable"),
    ("UnsupportedFunction", "tls-version", "certain"),
    ("IllegalMessage", "tls-negotiation", "probable"),
    ("InvalidToken", "tls-negotiation", "probable"),
    ("CertExpired", "tls-certificate", "certain"),
    ("UntrustedRoot", "tls-certificate", "certain"),
    ("CertUnknown", "tls-certificate", "certain"),
    ("RevocationOffline", "tls-certificate", "probable"),
    ("NoCredentials", "tls-certificate", "certain"),
    ("Timeout", "connection-timeout", "probable"),
    ("TimedOut", "connection-timeout", "probable"),
    ("DecryptFailure", "tls-negotiation", "probable"),
):
    add(
        f"a handshake that fails with {error}",
        log_of(*sent(*BEGUN, f"*,,TLS negotiation failed with error {error}", "-,,Local")),
        {**OF_BEGUN, "error": error, "category": category, "confidence": confidence}, kind="protocol-log",
    )  # fmt: skip
IN = (
    "+,,", ">,220 ex01.contoso.example Microsoft ESMTP MAIL Service ready,", "<,EHLO mx.fabrikam.example,",
    ">,250  ex01.contoso.example Hello [203.0.113.7] SIZE 37748736 PIPELINING STARTTLS X-ANONYMOUSTLS,",
)  # fmt: skip
IN_TLS = (*IN, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,")
OF_IN: Expected = {
    "source": "receive-log", "action": "failed", "count": 1, "receiving_host": "ex01.contoso.example",
    "receiving_ip": "192.0.2.10", "sending_host": "mx.fabrikam.example", "sending_ip": "203.0.113.7",
    "reported_by": "ex01.contoso.example", "ehlo": "mx.fabrikam.example",
}  # fmt: skip
for error, category, side in (
    ("NoCredentials", "tls-certificate", "receiving"), ("UnsupportedFunction", "tls-version", None),
    ("CertUnknown", "tls-certificate", "receiving"), ("SocketError", "tls-negotiation", None),
):  # fmt: skip
    add(
        f"a client whose handshake with us fails with {error}",
        log_of(*taken(*IN_TLS, f"*,,TLS negotiation failed with error {error}", "-,,Local"), side="receive"),
        {**OF_IN, "phase": "handshake", "error": error, "category": category} | ({"side": side} if side else {}),
        kind="protocol-log",
    )

# Replies

add(
    "the other end cannot start TLS: 454 in the answer to STARTTLS",
    log_of(*sent(*OFFERED, "<,454 4.7.0 TLS not available due to local problem,", ">,QUIT,", "<,221 2.0.0 Bye,", "-,,Local")),
    {**OF_BEGUN, "phase": "starttls", "reply_code": 454, "status": "4.7.0", "error": None,
     "diagnostic": "454 4.7.0 TLS not available due to local problem", "category": "tls-negotiation",
     "confidence": "probable", "side": "receiving"},
    kind="protocol-log",
)  # fmt: skip
add(
    "a device that forgets STARTTLS: 502 in the answer to the verb that it offered",
    log_of(*sent(*OFFERED, "<,502 5.5.1 Command not implemented,", ">,QUIT,", "<,221 2.0.0 Bye,", "-,,Local")),
    {**OF_BEGUN, "phase": "starttls", "reply_code": 502, "status": "5.5.1",
     "diagnostic": "502 5.5.1 Command not implemented"},
    kind="protocol-log",
)  # fmt: skip
add(
    "our own certificate check: 454 4.7.5 noted after a handshake that came through",
    log_of(*sent(*BEGUN, succeeded(), "*,454 4.7.5 Certificate validation failure,", ">,QUIT,", "<,221 2.0.0 Bye,", "-,,Local")),
    {**OF_BEGUN, "reply_code": 454, "status": "4.7.5", "diagnostic": "454 4.7.5 Certificate validation failure",
     "version": "1.2", "category": "tls-certificate", "phase": "envelope"},
    kind="protocol-log",
)  # fmt: skip
add(
    "the other end demands TLS of mail in clear text",
    log_of(*sent(*GREETED, "<,250  mx.fabrikam.example Hello [192.0.2.10] SIZE 37748736,", SENT[0],
                 "<,451 5.7.3 Must issue a STARTTLS command first,", ">,QUIT,", "<,221 2.0.0 Bye,", "-,,Local")),
    {**OF_BEGUN, "phase": "starttls", "reply_code": 451, "status": "5.7.3", "required": True, "version": None,
     "category": "tls-required"},
    kind="protocol-log",
)  # fmt: skip
add(
    "we demand TLS of a client in clear text",
    log_of(*taken(*IN, "<,MAIL FROM:<jo@fabrikam.example>,", ">,451 5.7.3 Must issue a STARTTLS command first,",
                  "<,QUIT,", ">,221 2.0.0 Service closing transmission channel,", "-,,Local"), side="receive"),
    {**OF_IN, "reply_code": 451, "status": "5.7.3", "required": True, "phase": "starttls", "category": "tls-required",
     "side": "sending"},
    kind="protocol-log",
)  # fmt: skip
add(
    "we say that the client's certificate is not trusted: 454 4.7.0 with its reason",
    log_of(*taken(*IN_TLS, succeeded("SERVER"), "<,EHLO mx.fabrikam.example,", ">,250  ex01.contoso.example Hello,",
                  "<,MAIL FROM:<jo@fabrikam.example>,",
                  ">,454 4.7.0 Failed to establish appropriate TLS channel: UntrustedRoot: Access Denied,",
                  "<,QUIT,", ">,221 2.0.0 Service closing transmission channel,", "-,,Local"), side="receive"),
    {**OF_IN, "reply_code": 454, "status": "4.7.0", "version": "1.2", "category": "tls-certificate", "side": "sending"},
    kind="protocol-log",
)  # fmt: skip

# Roles, builds and addresses

add(
    "Exchange SE: its build in the head",
    log_of(*RESET, version="15.02.2562.017"), {**OF_RESET, "build": "15.02.2562.017"}, kind="protocol-log",
)  # fmt: skip
add(
    "an Edge server: a partner by IPv6, a certificate in many rows",
    log_of(*session_rows([*BEGUN[:2], "<,220 mx.fabrikam.example ESMTP,", *BEGUN[3:], "*,,Sending certificate",
                          "*,CN=edge.contoso.example,Certificate subject", "*,,TLS negotiation failed with error SocketError",
                          "-,,Remote"], key="08DD3FA500000001", connector="EdgeSync - Muenchen to Internet",
                         local="[2001:db8:10::10]:30712", remote=PEER6)),
    {**OF_BEGUN, "receiving_ip": "2001:db8:7::25", "sending_ip": "2001:db8:10::10", "error": "SocketError",
     "category": "tls-negotiation"},
    kind="protocol-log",
)  # fmt: skip
add(
    "clear text by IPv4 seconds after a handshake by IPv6 with the same server that failed",
    log_of(*sent(*BEGUN, "*,,TLS negotiation failed with error SocketError", "-,,Local", remote=PEER6),
           *sent(*GREETED, "<,250  mx.fabrikam.example Hello [192.0.2.10] SIZE 37748736,", *SENT,
                 key="08DD3FA500000003", at=5)),
    {**OF_BEGUN, "receiving_ip": "2001:db8:7::25", "error": "SocketError"},
    {"action": "relayed", "impact": "sent-unencrypted", "version": "none", "receiving_ip": "203.0.113.7", "count": 1},
    kind="protocol-log",
)  # fmt: skip
add(
    "the Mailbox Transport service on its own port, by link-local address with its zone",
    log_of(*taken("+,,", ">,220 EX01.contoso.example Microsoft ESMTP MAIL Service ready,", "<,EHLO EX02.contoso.example,",
                  ">,250  EX01.contoso.example Hello [fe80::5] SIZE 37748736 X-ANONYMOUSTLS,", "<,X-ANONYMOUSTLS,",
                  ">,220 2.0.0 SMTP server ready,", "*,,TLS negotiation failed with error SocketError", "-,,Remote",
                  connector="EX01\\Default Mailbox Delivery EX01", local="[fe80::1%12]:475", remote="[fe80::5%12]:17031"),
           side="receive"),
    {"source": "receive-log", "receiving_host": "ex01.contoso.example", "receiving_ip": "fe80::1", "sending_ip": "fe80::5",
     "phase": "handshake", "error": "SocketError", "count": 1},
    kind="protocol-log",
)  # fmt: skip
add(
    "two sessions in each other's rows, one of which fails",
    log_of(*[row for pair in zip_longest(WENT_WELL, RESET) for row in pair if row]),
    OF_RESET, OF_WELL, kind="protocol-log",
)  # fmt: skip
add(
    "the probes of a load balancer, and one client that fails",
    log_of(*(row for at in range(20) for row in taken("+,,", ">,220 ex01.contoso.example ESMTP,", "-,,Remote(ConnectionReset)",
                                                      key=f"08DD3FA7000000{at:02}", remote="168.63.129.16:5000")),
           *taken(*IN_TLS, "*,,TLS negotiation failed with error TimedOut", "-,,Local"), side="receive"),
    {**OF_IN, "phase": "handshake", "error": "TimedOut"},
    kind="protocol-log",
    suppressed={"probe": 20},
)  # fmt: skip


@pytest.mark.parametrize(("content", "answers", "whole"), VARIANTS.values(), ids=VARIANTS.keys())
def test_each_variant_of_a_log_has_its_answer(content: bytes, answers: list[Expected], whole: Expected) -> None:
    """Both ends, step, error and TLS version are those that a person reads, whatever program saved the log."""
    check(content, answers, whole, HOSTS)
