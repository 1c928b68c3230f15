"""Queues as admins save and send them: other programs' files, copies, tickets and damage, each with its answer."""

import base64
import codecs
import csv
import io
import json
from typing import Any

import pytest

from tests.decode.variants import Expected, Variants, check
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"])
TENANT = "contoso-example.mail.protection.outlook.com"
DROPPED = "421 4.4.2 Connection dropped due to SocketError"
WRAPPED = f"451 4.4.397 Error communicating with target host. -> {DROPPED}"
GROUPS = f"[{{LED={WRAPPED}}};{{MSG=}};{{FQDN={TENANT}}};{{IP=203.0.113.25}};{{LRT=10/18/2026 9:14:03 AM}}]"
FAILOVER = (
    " Attempted failover to alternate host, but that did not succeed. Either there are no alternate hosts, or delivery"
    " failed to all alternate hosts."
)
REFUSED = f'451 4.4.0 Primary target IP address responded with: "421 4.2.1 Unable to connect."{FAILOVER}'
OF_GROUPS: Expected = {
    "reply_code": 421, "status": "4.4.2", "diagnostic": DROPPED, "error": "SocketError", "receiving_host": TENANT,
    "receiving_ip": "203.0.113.25", "wrapped_by": ["4.4.397"], "action": "delayed", "impact": "waiting",
}  # fmt: skip
OF_REFUSED: Expected = {
    "reply_code": 421, "status": "4.2.1", "diagnostic": "421 4.2.1 Unable to connect.", "wrapped_by": ["4.4.0"],
    "phase": "connect",
}  # fmt: skip
LIST = (
    "Identity       : EX01\\3\nDeliveryType   : SmartHostConnectorDelivery\nNextHopDomain  : " + TENANT + "\n"
    "Status         : Retry\nMessageCount   : 41\nLastError      : " + GROUPS + "\n"
)
OF_LIST: Expected = {**OF_GROUPS, "count": 41, "reported_by": "ex01", "sending_host": "ex01", "next_hop": TENANT}

VARIANTS = Variants()


def quoted(text: str, sign: str = "> ") -> str:
    """Give a text as a reply quotes it."""
    return "".join(f"{sign}{line}\n" for line in text.splitlines())


# Shells and their files

VARIANTS.add(
    "Windows PowerShell: a heading by Set-Content, the list put behind it with >>, which writes UTF-16",
    b"Queues of EX01, 18.10.2026\r\n" + f"\r\n{LIST}\r\n".replace("\n", "\r\n").encode("utf-16-le"),
    OF_LIST,
)
VARIANTS.add(
    "Windows PowerShell: the list redirected, a remark put behind it by cmd in single bytes",
    codecs.BOM_UTF16_LE + LIST.replace("\n", "\r\n").encode("utf-16-le") + b"\r\ncollected by Karl Holm, 09:20\r\n",
    OF_LIST,
)
VARIANTS.add(
    "Format-Table in a window so narrow that the head takes two lines",
    "\n"
    "Identity  DeliveryT Status MessageCo NextHopDo\n"
    "          ype                   unt main     \n"
    "--------  --------- ------ --------- ---------\n"
    "EX01\\3    SmartH... Retry         41 contos...\n"
    "EX01\\7    DnsCon... Retry          6 fabrik...\n"
    "EX01\\S... Undefined Ready          0 Submis...\n",
    {"count": 41, "reported_by": "ex01", "diagnostic": None, "receiving_host": None, "recipient_domain": None},
    {"count": 6, "reported_by": "ex01", "diagnostic": None, "recipient_domain": None},
    suppressed={"empty": 1},
)
VARIANTS.add(
    "PowerShell 7: a table that is cut with one character",
    "\nIdentity DeliveryType               Status MessageCount NextHopDomain\n"
    "-------- ------------               ------ ------------ -------------\n"
    "EX01\\3   SmartHostConnectorDelivery Retry            41 contoso-example.mail.protection.outl\u2026\n"
    "EX01\\9   SmtpRelayToMailboxDeliver\u2026 Retry             2 dag1\n",
    {"count": 41, "reported_by": "ex01", "receiving_host": None, "diagnostic": None},
    {"count": 2, "reported_by": "ex01", "receiving_host": None, "next_hop": "dag1"},
)
VARIANTS.add(
    "Format-Table of PowerShell 7.2 in colours",
    "\x1b[32;1mIdentity Status MessageCount LastError\x1b[0m\n"
    "\x1b[32;1m-------- ------ ------------ ---------\x1b[0m\n"
    f"EX01\\3   Retry            41 {GROUPS}\n",
    {**OF_GROUPS, "count": 41, "reported_by": "ex01"},
)
VARIANTS.add(
    "a list whose last value is an error without groups, and the shell's red text behind it",
    "Identity     : EX01\\3\nStatus       : Retry\nMessageCount : 5\nLastError    : 451 4.4.0 DNS query failed\n\n"
    "Get-Queue : The Queue Viewer encountered an error connecting to EX02.\nAt line:1 char:34\n"
    "+ Get-TransportService | % { Get-Queue -Server $_.Name }\n+                            ~~~~~~~~~~~~~~~~~~~~\n"
    "    + CategoryInfo          : ConnectionError: (:) [Get-Queue], LocalizedException\n"
    "    + FullyQualifiedErrorId : [Server=EX01,RequestId=0f0e,TimeStamp=18.10.2026 07:14:03] 5A1B,Microsoft.Exchange\n",
    {
        "count": 5,
        "reported_by": "ex01",
        "status": "4.4.0",
        "diagnostic": "451 4.4.0 DNS query failed",
        "category": "dns",
    },
)
VARIANTS.add(
    "a list whose last value is an error without groups, and a letter's end behind it",
    "Hello,\n\nIdentity     : EX01\\3\nStatus       : Retry\nMessageCount : 5\nLastError    : 421 4.2.1 Unable to connect\n\n"
    "Best regards\nKarl Holm\nIT operations, phone 4711\n",
    {"count": 5, "reported_by": "ex01", "diagnostic": "421 4.2.1 Unable to connect", "phase": "connect"},
)
VARIANTS.add(
    "Get-QueueDigest by error: how many wait in all queues that have it",
    "GroupByValue         : " + GROUPS + "\nMessageCount         : 1204\nDeferredMessageCount : 0\n"
    "LockedMessageCount   : 0\nStaleMessageCount    : 0\nDetails              : {EX01\\3, EX02\\9}\n\n"
    "GroupByValue         :\nMessageCount         : 12\nDeferredMessageCount : 0\nLockedMessageCount   : 0\n"
    "StaleMessageCount    : 0\nDetails              : {EX01\\Submission}\n",
    {**OF_GROUPS, "count": 1204, "reported_by": None, "sending_host": None},
    suppressed={"no-error": 1},
)  # fmt: skip
VARIANTS.add(
    "findstr /n: each line with its number",
    "".join(f"{at}:{line}\n" for at, line in enumerate(LIST.splitlines(), start=14)),
    OF_LIST,
)
VARIANTS.add(
    "Select-String: each line with file and number",
    "".join(f"C:\\Temp\\EX01\\queues.txt:{at}:{line}\n" for at, line in enumerate(LIST.splitlines(), start=14)),
    OF_LIST,
)
VARIANTS.add(
    "Format-Custom",
    "\nclass ExtensibleQueueInfo\n{\n  DeliveryType = SmartHostConnectorDelivery\n  NextHopDomain = " + TENANT + "\n"
    "  Status = Retry\n  MessageCount = 41\n  LastError = " + GROUPS + "\n  Identity = \n"
    "    class QueueIdentity\n    {\n      Server = EX01\n      Type = Delivery\n      RowId = 3\n    }\n}\n\n",
    {**OF_GROUPS, "count": 41},
)  # fmt: skip

# Other formats of a shell

PAIRS = [
    ("DeliveryType", "SmartHostConnectorDelivery"), ("NextHopDomain", TENANT), ("Status", "Retry"), ("MessageCount", "41"),
    ("LastError", GROUPS), ("Identity", "EX01\\3"),
]  # fmt: skip


def escaped(text: str) -> str:
    """Give a text as .NET's HtmlEncode writes it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


PAGE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN"  "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\r\n'
    '<html xmlns="http://www.w3.org/1999/xhtml">\r\n<head>\r\n<title>HTML TABLE</title>\r\n</head><body>\r\n'
    "{body}\r\n</body></html>\r\n"
)
AS_TABLE = (
    "<table>\r\n<colgroup>" + "<col/>" * len(PAIRS) + "</colgroup>\r\n<tr>"
    + "".join(f"<th>{name}</th>" for name, _ in PAIRS) + "</tr>\r\n<tr>"
    + "".join(f"<td>{escaped(value)}</td>" for _, value in PAIRS) + "</tr>\r\n"
    + "<tr><td>Undefined</td><td>Submission</td><td>Ready</td><td>0</td><td></td><td>EX01\\Submission</td></tr>\r\n</table>"
)  # fmt: skip
VARIANTS.add("ConvertTo-Html", PAGE.format(body=AS_TABLE), OF_LIST, suppressed={"empty": 1})
VARIANTS.add(
    "ConvertTo-Html redirected, which writes UTF-16",
    codecs.BOM_UTF16_LE + PAGE.format(body=AS_TABLE).encode("utf-16-le"),
    OF_LIST,
)
VARIANTS.add(
    "ConvertTo-Html -As List",
    PAGE.format(
        body="<table>\r\n" + "".join(f"<tr><td>{n}:</td><td>{escaped(v)}</td></tr>\r\n" for n, v in PAIRS) + "</table>"
    ),
    OF_LIST,
)
VARIANTS.add(
    "ConvertTo-Html -Fragment with a heading, as a script mails it",
    f"<h2>Queues of contoso.example</h2>\n{AS_TABLE}\n<p>made 18.10.2026 09:20</p>\n",
    OF_LIST,
)
CLIXML = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">\r\n{objects}</Objs>'
OBJECT = (
    '  <Obj RefId="{ref}">\r\n    <TN RefId="0">\r\n      <T>Deserialized.Microsoft.Exchange.Data.QueueViewer.Extensible'
    "QueueInfo</T>\r\n      <T>Deserialized.System.Object</T>\r\n    </TN>\r\n    <ToString>{identity}</ToString>\r\n"
    "    <Props>\r\n"
    '      <Obj N="DeliveryType" RefId="{ref}1">\r\n        <TN RefId="1"><T>System.Enum</T></TN>\r\n'
    "        <ToString>SmartHostConnectorDelivery</ToString>\r\n        <I32>4</I32>\r\n      </Obj>\r\n"
    '      <S N="NextHopDomain">' + TENANT + '</S>\r\n      <Nil N="TlsDomain" />\r\n'
    '      <Obj N="Status" RefId="{ref}2"><TNRef RefId="1" /><ToString>Retry</ToString><I32>3</I32></Obj>\r\n'
    '      <I32 N="MessageCount">{count}</I32>\r\n      <S N="LastError">{error}</S>\r\n'
    '      <DT N="LastRetryTime">2026-10-18T09:14:03.1234567+02:00</DT>\r\n'
    '      <Obj N="MessageCountsPerPriority" RefId="{ref}3"><LST><I32>0</I32><I32>41</I32></LST></Obj>\r\n'
    '      <Obj N="Identity" RefId="{ref}4"><TN RefId="2"><T>Microsoft.Exchange.Data.QueueViewer.QueueIdentity</T></TN>'
    '<ToString>{identity}</ToString><Props><S N="Server">EX01</S><I64 N="RowId">3</I64></Props></Obj>\r\n'
    '    </Props>\r\n    <MS><S N="PSComputerName">mgmt01.contoso.example</S></MS>\r\n  </Obj>\r\n'
)
VARIANTS.add(
    "Export-Clixml: times with their zone",
    codecs.BOM_UTF16_LE
    + CLIXML.format(
        objects=OBJECT.format(ref=1, identity="EX01\\3", count=41, error=escaped(GROUPS))
        + OBJECT.format(ref=2, identity="EX01\\4", count=6, error=escaped(REFUSED).replace(". Either", "._x000D__x000A_Either"))
    ).encode("utf-16-le"),
    {**OF_LIST, "time": "2026-10-18T07:14:03Z"},
    {**OF_REFUSED, "count": 6, "receiving_host": TENANT, "time": "2026-10-18T07:14:03Z"},
)  # fmt: skip
VARIANTS.add(
    "ConvertTo-Json of Windows PowerShell: signs as numbers, one row on one line",
    json.dumps(dict(PAIRS) | {"MessageCount": 41}).replace(">", "\\u003e").replace("'", "\\u0027") + "\r\n",
    OF_LIST,
)
VARIANTS.add(
    "JSON between the marks of a ticket's code block",
    f"Output of today:\n```json\n{json.dumps([dict(PAIRS)], indent=2)}\n```\nregards\n",
    OF_LIST,
)

# Spreadsheets


def sheet(rows: list[list[str]], delimiter: str) -> str:
    """Give rows as a spreadsheet saves them: quotes only where they are needed."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


HEAD = [name for name, _ in PAIRS]
ROW = [value for _, value in PAIRS]
VARIANTS.add(
    "Excel: a title above the head, empty columns behind it",
    sheet([["Queues EX01 18.10.2026", *[""] * 8], [""] * 9, [*HEAD, "", "", ""], [*ROW, "", "", ""]], ";"),
    OF_LIST,
)
VARIANTS.add(
    "Excel's Unicode text: UTF-16 with tabs, quotes doubled where there are any",
    codecs.BOM_UTF16_LE
    + sheet([HEAD, [*ROW[:4], REFUSED, "EX01\\3"]], "\t").encode("utf-16-le"),
    {**OF_REFUSED, "count": 41, "reported_by": "ex01", "receiving_host": TENANT},
)  # fmt: skip
VARIANTS.add(
    "columns that an admin gave Slovak names",
    sheet(
        [
            ["Server a front", "Typ dorucenia", "Cielova domena", "Stav", "Pocet sprav", "Posledna chyba"],
            ["EX01\\3", "SmartHostConnectorDelivery", TENANT, "Retry", "41", GROUPS],
            ["EX01\\4", "DnsConnectorDelivery", "fabrikam.example", "Retry", "6", REFUSED],
            ["EX01\\Submission", "Undefined", "Submission", "Ready", "0", ""],
        ],
        ";",
    ),
    OF_LIST,
    {**OF_REFUSED, "count": 6, "recipient_domain": "fabrikam.example", "reported_by": "ex01"},
    suppressed={"empty": 1},
)
VARIANTS.add(
    "Excel: a column for notes, and the count with a thousands separator",
    sheet([["Note", *HEAD], ["look at this", *ROW[:3], "1.204", *ROW[4:]]], ";"),
    {**OF_LIST, "count": 1204},
)
for culture, head, status in (
    ("German", ["Domäne des nächsten Hops", "Zustellungstyp", "Status", "Anzahl der Nachrichten", "Nächste Wiederholung",
                "Letzter Fehler"], "Wiederholen"),
    ("French", ["Domaine du saut suivant", "Type de remise", "État", "Nombre de messages", "Prochaine tentative",
                "Dernière erreur"], "Nouvelle tentative"),
    ("Spanish", ["Dominio del próximo salto", "Tipo de entrega", "Estado", "Número de mensajes", "Próximo reintento",
                 "Último error"], "Reintentar"),
    ("Russian", ["Домен следующего перехода", "Тип доставки", "Состояние", "Число сообщений", "Время следующей попытки",
                 "Последняя ошибка"], "Повтор"),
):  # fmt: skip
    rows = [
        head,
        [TENANT, "SmartHostConnectorDelivery", status, "41", "18.10.2026 09:24:03", GROUPS],
        ["fabrikam.example", "DnsConnectorDelivery", status, "6", "18.10.2026 09:25:00", REFUSED],
    ]
    VARIANTS.add(
        f"Queue Viewer in {culture}: head and status in words that are not ours",
        "".join("\t".join(row) + "\r\n" for row in rows),
        {**OF_GROUPS, "count": 41, "reported_by": None, "sending_host": None},
        {**OF_REFUSED, "count": 6, "recipient_domain": "fabrikam.example", "reported_by": None},
    )

# Tickets and mails

VARIANTS.add("a reply's quote, saved as text", quoted(LIST), OF_LIST)
VARIANTS.add(
    "a quote of a quote, wrapped once more by the program that quoted it",
    "On 18.10.2026 Karl Holm wrote:\n"
    + quoted(
        "Identity     : EX01\\3\nStatus       : Retry\nMessageCount : 5\n"
        "LastError    : [{LED=451 4.4.397 Error communicating with target host.\n"
        "-> 421 4.4.2 Connection dropped due to SocketError};{MSG=};\n"
        "{FQDN=mx.fabrikam.example};{IP=203.0.113.7};{LRT=18.10.2026\n09:14:03}]\n",
        "> > ",
    )
    + ">\n> thanks\n",
    {"count": 5, "reported_by": "ex01", "diagnostic": DROPPED, "receiving_host": "mx.fabrikam.example",
     "receiving_ip": "203.0.113.7"},
)  # fmt: skip
VARIANTS.add(
    "a table of a wiki: two bars around each name",
    f"||Identity||Status||MessageCount||LastError||\n|EX01\\3|Retry|41|{GROUPS}|\n|EX01\\Submission|Ready|0| |\n",
    {**OF_GROUPS, "count": 41, "reported_by": "ex01"},
)
VARIANTS.add(
    "between the marks of a ticket's code block",
    f"Please look:\n\n{{noformat}}\n{LIST}{{noformat}}\n",
    OF_LIST,
)


def mail(body: str, kind: str = "text/plain", sender: str = "karl.holm@contoso.example") -> str:
    """Give a mail of one part, in base64 as mail programs send what has long lines."""
    encoded = base64.encodebytes(body.encode()).decode()
    return (
        f"From: Karl Holm <{sender}>\nTo: help@contoso.example\nSubject: queue on EX01 is full\n"
        f"Date: Sun, 18 Oct 2026 09:20:00 +0000\nMIME-Version: 1.0\nContent-Type: {kind}; charset=utf-8\n"
        f"Content-Transfer-Encoding: base64\n\n{encoded}\n"
    )


VARIANTS.add(
    "a mail in HTML alone, with a table out of Excel",
    mail(
        "<html><body><p>Hi,<br>this is what waits:</p><table border=1><tr>"
        + "".join(f"<td><b>{name}</b></td>" for name in HEAD) + "</tr><tr>"
        + "".join(f"<td><span lang=EN-US>{escaped(value)}</span></td>" for value in ROW)
        + "</tr></table><p>Karl</p></body></html>",
        "text/html",
    ),
    {**OF_LIST, "trust": "unknown"},
)  # fmt: skip
VARIANTS.add(
    "a mail in HTML alone, with the console's text in a proportional font",
    mail(
        "<html><body><div>Hello</div>"
        + "".join(f"<div>{escaped(line).replace('  ', '&nbsp; ')}</div>" for line in LIST.splitlines())
        + "<div><br></div><div>Best regards</div><div>Karl</div></body></html>",
        "text/html",
    ),
    OF_LIST,
)
VARIANTS.add(
    "a mail with the row alone that the admin found",
    mail(f"what does this mean?\n\nEX01\\3   SmartHostConnectorDelivery   Retry   41   {GROUPS}\n"),
    OF_GROUPS,
)

# Queues of every kind

KINDS: list[dict[str, Any]] = [
    {"Identity": "EX01\\Submission", "DeliveryType": "Undefined", "NextHopDomain": "Submission", "Status": "Ready",
     "MessageCount": 3, "LastError": ""},
    {"Identity": "EX01\\Unreachable", "DeliveryType": "Unreachable", "NextHopDomain": "Unreachable Domain", "Status": "Ready",
     "MessageCount": 9, "LastError": "The mailbox recipient does not have a mailbox database."},
    {"Identity": "EX01\\Poison", "DeliveryType": "Undefined", "NextHopDomain": "Poison Message", "Status": "Ready",
     "MessageCount": 2, "LastError": ""},
    {"Identity": "EX01\\Shadow\\71", "DeliveryType": "ShadowRedundancy", "NextHopDomain": "ex02.contoso.example",
     "Status": "Ready", "MessageCount": 640, "LastError": "[{LED=421 4.4.2 Connection dropped};{MSG=};{FQDN=};{IP=};{LRT=}]"},
    {"Identity": "EX01\\72", "DeliveryType": "SmtpRelayToTiRg", "NextHopDomain": "5b1d2a6c-0000-4000-8000-00000000dead",
     "Status": "Retry", "MessageCount": 4,
     "LastError": "[{LED=451 4.4.0 SMTPSEND.SuspiciousRemoteServerError; remote server disconnected abruptly; retry will be"
                  " delayed};{MSG=};{FQDN=old2003.contoso.example};{IP=192.0.2.33};{LRT=}]"},
    {"Identity": "EX01\\73", "DeliveryType": "SmtpDeliveryToMailbox", "NextHopDomain": "db07", "Status": "Ready",
     "MessageCount": 1, "LastError": None},
    {"Identity": "EX01\\74", "DeliveryType": "SmartHostConnectorDelivery", "NextHopDomain": "[203.0.113.40],[203.0.113.41]",
     "Status": "Retry", "MessageCount": 17, "LastError": "451 5.7.3 STARTTLS is required to send mail"},
]  # fmt: skip
VARIANTS.add(
    "a queue of every kind",
    json.dumps(KINDS),
    {"count": 9, "sending_host": None, "receiving_host": None, "recipient_domain": None, "reply_code": None,
     "diagnostic": "The mailbox recipient does not have a mailbox database."},
    {"count": 4, "sending_host": "ex01", "receiving_host": "old2003.contoso.example", "receiving_ip": "192.0.2.33",
     "status": "4.4.0", "reply_code": 451, "error": "SuspiciousRemoteServerError", "recipient_domain": None},
    {"count": 17, "sending_host": "ex01", "receiving_host": None, "receiving_ip": None, "status": "5.7.3",
     "required": True, "phase": "starttls", "category": "tls-required"},
    suppressed={"no-error": 2, "poison": 1, "shadow": 1},
)  # fmt: skip
VARIANTS.add(
    "a certificate of the other end that is not trusted, in a queue of Exchange SE",
    "Identity     : EX25\\8\nDeliveryType : SmartHostConnectorDelivery\nNextHopDomain : mx.fabrikam.example\nStatus : Retry\n"
    "MessageCount : 3\nLastError    : [{LED=454 4.7.5 The remote certificate is invalid according to the validation procedure."
    " Certificate validation failure: UntrustedRoot};{MSG=};{FQDN=mx.fabrikam.example};{IP=2001:db8:7::25};"
    "{LRT=18/10/2026 9:14:03}]\n",
    {"reported_by": "ex25", "receiving_ip": "2001:db8:7::25", "receiving_host": "mx.fabrikam.example", "status": "4.7.5",
     "reply_code": 454, "error": "UntrustedRoot", "category": "tls-certificate", "side": "receiving"},
)  # fmt: skip
VARIANTS.add(
    "a bare code: nothing is known but its class",
    "Identity     : EX25\\8\nStatus       : Retry\nMessageCount : 3\nLastError    : 454 4.7.0\n",
    {"count": 3, "reply_code": 454, "status": "4.7.0", "error": None, "phase": None},
)


@pytest.mark.parametrize(("content", "answers", "whole"), VARIANTS.values(), ids=VARIANTS.keys())
def test_each_variant_of_a_queue_has_its_answer(content: bytes, answers: list[Expected], whole: Expected) -> None:
    """Server, next hop, depth and cause are those that a person reads, whatever program saved the queues."""
    check(content, answers, whole, HOSTS)
