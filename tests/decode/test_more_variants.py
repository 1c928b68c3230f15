"""Stores of logs, chats, consoles and spreadsheets: what a person reads in their files is what is told of them."""

import base64
import codecs
import gzip
import json

import pytest

from tests.decode.protocol_log.conftest import header, log_of
from tests.decode.test_log_variants import (
    GREETED,
    IN,
    OF_BEGUN,
    OF_IN,
    OF_RESET,
    OF_WELL,
    RESET,
    SEND,
    WENT_WELL,
    mail,
    sent,
    taken,
    text,
)  # fmt: skip
from tests.decode.test_queue_variants import FAILOVER, GROUPS, LIST, OF_GROUPS, OF_LIST, OF_REFUSED, PAIRS, TENANT
from tests.decode.test_queue_variants import mail as letter
from tests.decode.test_report_variants import EXPIRED, OF_EXPIRED, report
from tests.decode.test_tracking_variants import DEFER, FAIL, FIELDS_2019, OF_DEFER, OF_FAIL, head, line
from tests.decode.variants import Expected, Variants, check
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"], hosts=["ex01.contoso.example"])
OF_OURS: Expected = {**OF_LIST, "reported_by": "ex01.contoso.example", "sending_host": "ex01.contoso.example"}
del OF_OURS["reported_by"], OF_OURS["sending_host"]
VARIANTS = Variants()
add = VARIANTS.add

# Queues

add(
    "a store of logs: a letter for the type behind each name, one object a line",
    "\n".join(
        json.dumps({"TimeGenerated": "2026-10-18T09:14:03Z", "Computer": "EX01", "Identity_s": identity,
                    "DeliveryType_s": "SmartHostConnectorDelivery", "NextHopDomain_s": TENANT, "Status_s": "Retry",
                    "MessageCount_d": 41.0, "LastError_s": GROUPS})
        for identity in ("EX01\\3",)
    ),
    OF_OURS,
)  # fmt: skip
add(
    "ConvertTo-Xml",
    '<?xml version="1.0" encoding="utf-8"?>\r\n<Objects>\r\n'
    '  <Object Type="Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo">\r\n'
    + "".join(
        f'    <Property Name="{name}" Type="System.String">{value.replace("&", "&amp;").replace(">", "&gt;")}</Property>\r\n'
        for name, value in PAIRS
    )
    + '    <Property Name="TlsDomain" Type="System.String" />\r\n  </Object>\r\n</Objects>\r\n',
    OF_OURS,
)
add(
    "Queue Viewer's list as text with commas: the error holds commas, and nothing is in quotes",
    "Next Hop Domain,Delivery Type,Status,Message Count,Next Retry Time,Last Error\r\n"
    "fabrikam.example,DnsConnectorDelivery,Retry,6,10/18/2026 9:24:03 AM,451 4.4.0 Primary target IP address responded with:"
    f' "421 4.2.1 Unable to connect."{FAILOVER}\r\n'
    "Submission,Undefined,Ready,0,,\r\n",
    {**OF_REFUSED, "count": 6, "recipient_domain": "fabrikam.example"},
    suppressed={"empty": 1},
)
add(
    "a chat: the writer's name and the time above, runs of blanks lost",
    "[18.10.2026 09:20] Karl Holm\n"
    + "\n".join(" ".join(row.split()) for row in LIST.splitlines())
    + "\n[09:21] Eva: ok\n",
    OF_OURS,
)
add(
    "a web mail that made one line of the list",
    letter("Hello, here it is: " + " ".join(LIST.split()) + " Best regards, Karl"),
    OF_OURS,
)
add(
    "a table of Markdown with its backslashes escaped",
    f"| Identity | Status | MessageCount | LastError |\n|---|---|---|---|\n| EX01\\\\3 | Retry | 41 | {GROUPS} |\n",
    {**OF_GROUPS, "count": 41, "reported_by": "ex01"},
)


def broken(row: str, width: int) -> str:
    """Break a line as a console does, wherever it ends."""
    return "\r\n".join(row[at : at + width] for at in range(0, len(row), width))


add(
    "ConvertTo-Csv, copied out of a console that breaks at 80 places",
    broken('"Identity","Status","MessageCount","LastError"', 80) + "\r\n"
    + broken(f'"EX01\\3","Retry","41","{GROUPS}"', 80) + "\r\n"
    + broken(f'"EX01\\4","Retry","6","451 4.4.0 Primary target IP address responded with: ""421 4.2.1 Unable to connect.""'
             f'{FAILOVER}"', 80) + "\r\n",
    {**OF_GROUPS, "count": 41, "reported_by": "ex01"},
    {**OF_REFUSED, "count": 6, "reported_by": "ex01"},
)  # fmt: skip
add(
    "a mail in HTML with the console's text in <pre>",
    letter(f"<html><body>Hi<pre>{LIST.replace('>', '&gt;')}</pre>Karl</body></html>", "text/html"),
    OF_OURS,
)
add(
    "an attachment of a general type in UTF-16, quoted-printable",
    "From: karl.holm@contoso.example\nTo: help@contoso.example\nSubject: queues\nMIME-Version: 1.0\n"
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsee attachment\n--b\n"
    'Content-Type: application/octet-stream; name="queues"\nContent-Disposition: attachment; filename="queues"\n'
    "Content-Transfer-Encoding: base64\n\n"
    + base64.encodebytes(codecs.BOM_UTF16_LE + LIST.replace("\n", "\r\n").encode("utf-16-le")).decode() + "--b--\n",
    OF_OURS,
)  # fmt: skip
add(
    "Get-Message as Clixml with its recipients",
    '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0"><Props>'
    '<Obj N="Identity" RefId="1"><ToString>EX01\\3\\4711</ToString></Obj><S N="Subject">Offer &amp; more</S>'
    '<S N="InternetMessageId">&lt;a@contoso.example&gt;</S><S N="FromAddress">karl.holm@contoso.example</S>'
    '<Obj N="Status" RefId="2"><ToString>Retry</ToString><I32>5</I32></Obj><S N="LastError">' + GROUPS.replace(">", "&gt;")
    + '</S><Obj N="Queue" RefId="3"><ToString>EX01\\3</ToString></Obj><DT N="ExpirationTime">2026-10-20T09:14:03Z</DT>'
    '<Obj N="Recipients" RefId="4"><LST><S>anna@fabrikam.example;3;2;451 4.7.1 Greylisted;0;CN=x;0</S>'
    "<S>ben@fabrikam.example;1;2;;0;CN=x;0</S><S>cleo@fabrikam.example;3;2;;0;CN=x;0</S></LST></Obj></Props></Obj></Objs>",
    {"recipient": "anna@fabrikam.example", "status": "4.7.1", "message_id": "a@contoso.example", "subject": "Offer & more",
     "retry_until": "2026-10-20T09:14:03Z"},
    {"recipient": "cleo@fabrikam.example", "status": "4.4.2", "receiving_host": TENANT},
)  # fmt: skip
add(
    "a head in Japanese, commas and quotes of a spreadsheet",
    '"次のホップ ドメイン","配信の種類","状態","メッセージ数","次の再試行時刻","前回のエラー"\r\n'
    f'"{TENANT}","SmartHostConnectorDelivery","再試行","41","2026/10/18 9:24:03","{GROUPS}"\r\n',
    {**OF_GROUPS, "count": 41},
)
add(
    "a heading by cmd of an odd number of letters, then the list in UTF-16",
    b"queues EX01\r\n" + LIST.replace("\n", "\r\n").encode("utf-16-le"),
    OF_OURS,
)

# Tracking

add(
    "a historical search: the log's columns with underscores, UTF-16",
    codecs.BOM_UTF16_LE + (FIELDS_2019.replace("-", "_") + "\r\n" + line(DEFER) + line(FAIL)).encode("utf-16-le"),
    OF_DEFER,
    OF_FAIL,
)
add(
    "the log file, packed and attached",
    "From: karl.holm@contoso.example\nTo: help@contoso.example\nSubject: tracking\nMIME-Version: 1.0\n"
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nsee attachment\n--b\n"
    'Content-Type: application/gzip; name="x.gz"\nContent-Transfer-Encoding: base64\n\n'
    + base64.encodebytes(gzip.compress((head() + line(DEFER)).encode())).decode() + "--b--\n",
    OF_DEFER,
)  # fmt: skip
add("a row of the log file in a ticket's mail", letter(f"what is this?\n\n{line(FAIL)}\nKarl"), OF_FAIL)
add(
    "two recipients, one of whom has groups without a word",
    "Timestamp : 18.10.2026 09:14:03\nClientHostname : EX02\nSource : SMTP\nEventId : FAIL\nMessageId : <a@contoso.example>\n"
    "Recipients : {anna@fabrikam.example, ben@fabrikam.example}\nRecipientStatus : {[{LRT=};{LED=};{FQDN=};{IP=}],"
    " [{LRT=};{LED=550 5.1.1 unknown user};{FQDN=};{IP=}]}\n",
    {"recipient": "anna@fabrikam.example", "diagnostic": None, "action": "failed"},
    {"recipient": "ben@fabrikam.example", "status": "5.1.1", "category": "recipient-unknown"},
)

# Logs

add(
    "opened in a spreadsheet that took each row for one cell",
    "".join('"' + row.replace('"', '""') + '"\r\n' if '"' in row or "," in row else f"{row}\r\n" for row in SEND),
    OF_RESET, OF_WELL, kind="protocol-log",
)  # fmt: skip
add(
    "copied out of a console that breaks at 120 places",
    "\r\n".join(broken(row, 120) for row in SEND) + "\r\n",
    OF_RESET, OF_WELL, kind="protocol-log",
)  # fmt: skip
add(
    "a ticket's mail with an empty line behind each row",
    mail("the log:\n\n" + "\n\n".join([*RESET, *WENT_WELL]) + "\n\nKarl\n"),
    OF_RESET, OF_WELL, kind="protocol-log",
)  # fmt: skip
add(
    "a port that is closed, told in German",
    log_of(*sent("*,,attempting to connect",
                 '*,,"Failed to connect. Winsock error code: 10061, Win32 error code: 10061, Destination domain: '
                 "fabrikam.example, Error Message: Es konnte keine Verbindung hergestellt werden, da der Zielcomputer die "
                 'Verbindung verweigerte 203.0.113.7:25."', "-,,Remote")),
    {"source": "send-log", "phase": "connect", "category": "connection-refused", "receiving_ip": "203.0.113.7",
     "receiving_host": None, "count": 1},
    kind="protocol-log",
)  # fmt: skip
add(
    "we cannot start TLS that a client asks for",
    log_of(*taken(*IN, "<,STARTTLS,", ">,554 5.7.3 Unable to initialize security subsystem,", "<,QUIT,",
                  ">,221 2.0.0 Service closing transmission channel,", "-,,Local"), side="receive"),
    {**OF_IN, "reply_code": 554, "status": "5.7.3", "phase": "starttls", "category": "tls-certificate", "side": "receiving",
     "confidence": "possible"},
    kind="protocol-log",
)  # fmt: skip
add(
    "a greeting that refuses us",
    log_of(*sent("*,,attempting to connect", "+,,", '<,"554 5.7.1 You are listed in a block list, 192.0.2.10",',
                 ">,QUIT,", "<,221 2.0.0 Bye,", "-,,Local")),
    {"phase": "connect", "reply_code": 554, "status": "5.7.1", "receiving_ip": "203.0.113.7"},
    kind="protocol-log",
)  # fmt: skip
add(
    "a search that kept the rows of one session only, from both files that it spans",
    text(*(f"SEND2026101808-1.LOG:{row}" for row in RESET[:5]), *(f"SEND2026101809-1.LOG:{row}" for row in RESET[5:])),
    OF_RESET, kind="protocol-log",
)  # fmt: skip
add(
    "two logs put together by copy /b, the second with its own head",
    (text(*header("send"), *RESET) + text(*header("receive"), *taken(
        *IN, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", "*,,TLS negotiation failed with error SocketError", "-,,Local"))
     ).encode() + b"\x1a",
    OF_RESET, {**OF_IN, "phase": "handshake", "error": "SocketError"}, kind="protocol-log",
)  # fmt: skip
add(
    "STARTTLS that the other end offers and answers with nothing but a lost connection",
    log_of(*sent(*GREETED, "<,250  mx.fabrikam.example Hello [192.0.2.10] STARTTLS,", ">,STARTTLS,",
                 "-,,Remote(ConnectionReset)")),
    {**OF_BEGUN, "phase": "starttls", "error": "ConnectionReset", "diagnostic": "Remote(ConnectionReset)"},
    kind="protocol-log",
)  # fmt: skip

HIDDEN = [row for row in WENT_WELL if not any(word in row for word in ("TLS", "EHLO", "Ready", "attempting"))]
add(
    "a search that left out what was said of TLS: the mail was handed over, and how is not known",
    text(*HIDDEN),
    {"action": "relayed", "impact": "none", "version": None, "count": 1}, kind="protocol-log",
)  # fmt: skip
add(
    "the same behind a handshake that failed: nothing went out in clear text as far as is known",
    text(*RESET, *(row.replace("T09:16:", "T09:14:") for row in HIDDEN)),
    OF_RESET, {"action": "relayed", "impact": "none", "version": None, "count": 1}, kind="protocol-log",
)  # fmt: skip
add(
    "the same with the file's name before each row",
    text(*(f"SEND2026101809-1.LOG:{row}" for row in HIDDEN)),
    {"action": "relayed", "impact": "none", "version": None, "count": 1}, kind="protocol-log",
)  # fmt: skip

# Reports

add(
    "a report pasted into a mail of ours",
    letter("look:\n\n" + json.dumps(EXPIRED, indent=2) + "\n\nKarl"),
    OF_EXPIRED, kind="tls-report",
)  # fmt: skip
add(
    "several reports in one list, one of which has no policies",
    json.dumps([report(), EXPIRED, report() | {"policies": None}]),
    OF_EXPIRED, kind="tls-report",
)  # fmt: skip
add(
    "reports one a line, as a program logs them",
    "\n".join(json.dumps(EXPIRED | {"report-id": str(at)}) for at in range(3)) + "\n",
    OF_EXPIRED, OF_EXPIRED, OF_EXPIRED, kind="tls-report",
)  # fmt: skip


@pytest.mark.parametrize(("content", "answers", "whole"), VARIANTS.values(), ids=VARIANTS.keys())
def test_each_further_variant_has_its_answer(content: bytes, answers: list[Expected], whole: Expected) -> None:
    """What a person reads in it is what is told of it."""
    check(content, answers, whole, HOSTS)
