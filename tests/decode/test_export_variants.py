"""Exports as admins really send them: other cultures, shells, versions, copies and damage, each with its answer."""

import codecs
import gzip
import json
from typing import Any

import pytest

from tests.decode.variants import Expected, seen
from triage.decode import decode
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"])
TENANT = "contoso-example.mail.protection.outlook.com"
FAILOVER = (
    " Attempted failover to alternate host, but that did not succeed. Either there are no alternate hosts, or delivery"
    " failed to all alternate hosts."
)
DROPPED = "421 4.4.2 Connection dropped due to SocketError"
WRAPPED = f"451 4.4.397 Error communicating with target host. -> {DROPPED}"
GROUPS = f"[{{LED={WRAPPED}}};{{MSG=}};{{FQDN={TENANT}}};{{IP=203.0.113.25}};{{LRT=10/18/2026 9:14:03 AM}}]"

VARIANTS: dict[str, tuple[bytes, list[Expected]]] = {}


def variant(name: str, content: str | bytes, *answers: Expected) -> None:
    """Add a variant with the observations that it must give."""
    VARIANTS[name] = (content.encode() if isinstance(content, str) else content, list(answers))


# Format-List

variant(
    "a German server: dates with dots, LRT first",
    f"""
RunspaceId            : 5d2f0f1e-1111-4222-8333-444455556666
DeliveryType          : SmartHostConnectorDelivery
NextHopDomain         : relay.fabrikam.example
TlsDomain             :
NextHopConnector      : 5f3c2b1a-0000-4000-8000-000000000000
Status                : Retry
MessageCount          : 37
LastError             : [{{LRT=18.10.2026 09:14:03}};{{LED=451 4.4.0 Primary target IP address responded with: "421 4.4.1 Con
                        nection timed out."{FAILOVER}}};{{FQDN=relay.fabrikam.example}};{{IP=203.0.113.9}}]
LastRetryTime         : 18.10.2026 09:14:03
NextRetryTime         : 18.10.2026 09:24:03
Identity              : EX-MUC01\\1811

""".replace("4.4.1 Con\n                        nection", "4.4.1\n                        Connection"),
    {
        "count": 37, "reported_by": "ex-muc01", "sending_host": "ex-muc01", "receiving_host": "relay.fabrikam.example",
        "receiving_ip": "203.0.113.9", "reply_code": 421, "status": "4.4.1", "wrapped_by": ["4.4.0"],
        "diagnostic": "421 4.4.1 Connection timed out.", "time": None,
    },
)  # fmt: skip
variant(
    "a French server: a.m. left out, day before month, no-break spaces in the time",
    f"""
DeliveryType     : DnsConnectorDelivery
NextHopDomain    : fabrikam.example
Status           : Retry
MessageCount     : 4
LastError        : [{{LED={WRAPPED}}};{{MSG=}};{{FQDN=mx1.fabrikam.example}};{{IP=203.0.113.7}};{{LRT=18/10/2026\u00a009:14:03}}]
LastRetryTime    : 18/10/2026\u00a009:14:03
Identity         : PAR-EX01\\77
""",
    {
        "count": 4, "reported_by": "par-ex01", "recipient_domain": "fabrikam.example", "error": "SocketError",
        "receiving_host": "mx1.fabrikam.example", "receiving_ip": "203.0.113.7", "diagnostic": DROPPED, "time": None,
    },
)  # fmt: skip
variant(
    "a Slovak server: blanks within the date",
    f"""
Identity      : BA-EX01\\12
Status        : Retry
MessageCount  : 9
NextHopDomain : fabrikam.example
DeliveryType  : DnsConnectorDelivery
LastError     : [{{LRT=18. 10. 2026 9:14:03}};{{LED=450 4.7.0 Proxy session setup failed on Frontend with '451 4.4.0 Primary
                target IP address responded with: "{DROPPED}."{FAILOVER} The last endpoint attempted was
                203.0.113.25:25'}};{{FQDN=BA-EX01.contoso.example}};{{IP=192.0.2.11}}]
LastRetryTime : 18. 10. 2026 9:14:03
""",
    {
        "count": 9, "reported_by": "ba-ex01", "sending_host": "ba-ex01", "sending_ip": "192.0.2.11",
        "receiving_host": None, "receiving_ip": "203.0.113.25", "wrapped_by": ["4.7.0", "4.4.0"],
        "diagnostic": f"{DROPPED}.", "recipient_domain": "fabrikam.example",
    },
)  # fmt: skip
variant(
    "a Greek server: its own words for a.m. in the groups",
    f"Identity : ATH-EX\\3\nMessageCount : 2\nLastError : [{{LED={WRAPPED}}};{{MSG=}};{{FQDN=}};{{IP=203.0.113.4}};"
    "{LRT=18/10/2026 9:14:03 πμ}]\nStatus : Retry\n",
    {"count": 2, "reported_by": "ath-ex", "receiving_host": None, "receiving_ip": "203.0.113.4", "diagnostic": DROPPED},
)
variant(
    "a remote shell: PSComputerName before the properties",
    """
PSComputerName           : mgmt01.contoso.example
RunspaceId               : 5d2f0f1e-1111-4222-8333-444455556666
PSShowComputerName       : False
DeliveryType             : SmtpRelayToMailboxDeliveryGroup
NextHopDomain            : dag1
Status                   : Retry
MessageCount             : 812
LastError                : [{LED=451 4.4.395 Target host responded with error. -> 454 4.7.0 Temporary authentication failure};
                           {MSG=};{FQDN=ex02.contoso.example};{IP=192.0.2.12};{LRT=10/18/2026 9:14:03 AM}]
NextHopCategory          : Internal
Identity                 : EX01\\4100
""",
    {
        "count": 812, "reported_by": "ex01", "receiving_host": "ex02.contoso.example", "receiving_ip": "192.0.2.12",
        "status": "4.7.0", "reply_code": 454, "recipient_domain": None, "wrapped_by": ["4.4.395"],
    },
)  # fmt: skip
variant(
    "a transcript: the table, then the list of the same queues",
    f"""**********************
Windows PowerShell transcript start
Start time: 20261018091500
Username: CONTOSO\\karl.holm
Machine: EX01 (Microsoft Windows NT 10.0.17763.0)
**********************
Transcript started, output file is C:\\temp\\queue.txt
[PS] C:\\Windows\\system32>Get-Queue

Identity        DeliveryType         Status MessageCount Velocity RiskLevel OutboundIPPool NextHopDomain
--------        ------------         ------ ------------ -------- --------- -------------- -------------
EX01\\3          DnsConnectorDelivery Retry  41           -2       Normal    0              fabrikam.example
EX01\\Submission Undefined            Ready  0            0        Normal    0              Submission


[PS] C:\\Windows\\system32>Get-Queue EX01\\3 | fl Identity,Status,MessageCount,NextHopDomain,DeliveryType,LastError


Identity      : EX01\\3
Status        : Retry
MessageCount  : 41
NextHopDomain : fabrikam.example
DeliveryType  : DnsConnectorDelivery
LastError     : [{{LED={WRAPPED}}};{{MSG=}};{{FQDN=mx.fabrikam.example}};{{IP=203.0.113.7}};{{LRT=10/18/2026 9:14:03 AM}}]



[PS] C:\\Windows\\system32>Stop-Transcript
**********************
Windows PowerShell transcript end
End time: 20261018091600
**********************
""",
    {"count": 41, "reported_by": "ex01", "receiving_host": "mx.fabrikam.example", "diagnostic": DROPPED},
)
variant(
    "two servers' lists in one file, other properties each",
    f"""
Identity      : EX01\\3
DeliveryType  : DnsConnectorDelivery
Status        : Retry
MessageCount  : 5
NextHopDomain : fabrikam.example
LastError     : {GROUPS}

[PS] C:\\>Get-Queue -Server EX02 | fl Identity,MessageCount,LastError

Identity     : EX02\\8
MessageCount : 11
LastError    : 451 4.4.0 DNS query failed

Identity     : EX02\\Unreachable
MessageCount : 2
LastError    : A matching connector cannot be found to route the external recipient
""",
    {"reported_by": "ex01", "count": 5, "diagnostic": DROPPED},
    {"reported_by": "ex02", "count": 11, "diagnostic": "451 4.4.0 DNS query failed", "receiving_host": None},
    {
        "reported_by": "ex02", "count": 2, "reply_code": None, "sending_host": None,
        "diagnostic": "A matching connector cannot be found to route the external recipient",
    },
)  # fmt: skip
variant(
    "only domain and error, nothing else",
    f"NextHopDomain : fabrikam.example\nLastError     : {DROPPED}\n\nNextHopDomain : tailspin.example\nLastError     :\n\n"
    "NextHopDomain : wingtip.example\nLastError     : 421 4.2.1 Unable to connect\n",
    {"count": 1, "diagnostic": DROPPED, "reported_by": None, "recipient_domain": None},
    {"count": 1, "diagnostic": "421 4.2.1 Unable to connect"},
)
for status in ("Suspended", "Active", "Connecting", "Ready"):
    variant(
        f"a queue that is {status} and has an error",
        f"Identity : EX01\\3\nStatus : {status}\nMessageCount : 6\nLastError : {GROUPS}\n",
        {"count": 6, "action": "delayed", "impact": "waiting", "diagnostic": DROPPED, "source": "queue"},
    )
variant(
    "Exchange 2010: the text alone, with the name of the error",
    "Identity       : EX10\\22\r\nDeliveryType   : SmartHostConnectorDelivery\r\nNextHopDomain  : [203.0.113.8]\r\n"
    "Status         : Retry\r\nMessageCount   : 63\r\n"
    f'LastError      : 451 4.4.0 Primary target IP address responded with: "{DROPPED}."{FAILOVER}\r\n'
    "LastRetryTime  : 10/18/2026 9:14:03 AM\r\n",
    {
        "count": 63, "reported_by": "ex10", "receiving_host": None, "receiving_ip": "203.0.113.8",
        "diagnostic": f"{DROPPED}.", "error": "SocketError",
    },
)  # fmt: skip
variant(
    "Exchange 2016: a chain with a Winsock number and the words of a German Windows in MSG",
    "Identity     : EX16\\22\nStatus       : Retry\nMessageCount : 3\nLastError    : [{LED=451 4.4.397 Error communicating with"
    " target host. -> 421 4.2.1 Unable to connect -> SocketTimedout: Socket error code 10060};{MSG=Ein Verbindungsversuch"
    " ist fehlgeschlagen, da die Gegenstelle nicht antwortete: 203.0.113.9:25};{FQDN=mx.fabrikam.example};"
    "{IP=203.0.113.9};{LRT=18.10.2026 09:14:03}]\n",
    {
        "count": 3, "reply_code": 421, "status": "4.2.1", "wrapped_by": ["4.4.397"], "error": "Winsock 10060",
        "receiving_host": "mx.fabrikam.example", "receiving_ip": "203.0.113.9",
    },
)  # fmt: skip
variant(
    "a proxied session with quotes within quotes",
    "Identity : EX13\\4\nStatus : Retry\nMessageCount : 8\nLastError : [{LRT=18.10.2026 09:14:03};{LED=450 4.7.0 Proxy session"
    " setup failed on Frontend with '451 4.4.0 Primary target IP address responded with: \"451 4.7.1 It isn't our"
    f' customer\'s day, come back later."{FAILOVER} The last endpoint attempted was [2001:db8:7::25]:25\'}};'
    "{FQDN=EDGE1.contoso.example};{IP=192.0.2.25}]\n",
    {
        "count": 8, "reply_code": 451, "status": "4.7.1", "wrapped_by": ["4.7.0", "4.4.0"],
        "diagnostic": "451 4.7.1 It isn't our customer's day, come back later.", "receiving_ip": "2001:db8:7::25",
        "sending_host": "edge1.contoso.example", "sending_ip": "192.0.2.25", "reported_by": "ex13",
    },
)  # fmt: skip
variant(
    "a proxied session in the order of 2016",
    "Identity : EX16\\4\nStatus : Retry\nMessageCount : 8\nLastError : [{LED=450 4.4.101 Proxy session setup failed on Frontend"
    f" with '{WRAPPED}'}};{{MSG=}};{{FQDN=EX16.contoso.example}};{{IP=192.0.2.25}};{{LRT=10/18/2026 9:14:03 AM}}]\n",
    {
        "diagnostic": DROPPED, "wrapped_by": ["4.4.101", "4.4.397"], "sending_host": "ex16", "receiving_host": None,
        "receiving_ip": None,
    },
)  # fmt: skip
variant(
    "IPv6 with a port and without brackets",
    'Identity : EX13\\4\nStatus : Retry\nMessageCount : 1\nLastError : 451 4.4.0 Primary target IP address responded with: "421'
    f' 4.4.1 Connection timed out."{FAILOVER} The last endpoint attempted was 2001:db8:7::25:25\n',
    {"receiving_ip": "2001:db8:7::25", "diagnostic": "421 4.4.1 Connection timed out."},
)
variant(
    "addresses that somebody masked",
    f"Identity : EX13\\4\nStatus : Retry\nMessageCount : 1\nLastError : [{{LED={WRAPPED}}};{{MSG=}};{{FQDN=mx.***.example}};"
    "{IP=203.0.113.xxx};{LRT=10/18/2026 9:14:03 AM}]\n",
    {"receiving_ip": None, "receiving_host": None, "diagnostic": DROPPED},
)
variant(
    "read off a picture: parentheses for braces, curly quotes, a thousands separator",
    "Identity        : EX13\\4\nStatus:         : Retry\nMessageCount    : 12,481\nLastError       : [(LRT=2026/10/18 13:31:03);"
    "(LED=451 4.4.0 Primary target IP address responded with: \u201c454 4.7.0 Temporary authentication failure.\u201d"
    f"{FAILOVER});(FQDN=ex10.contoso.example);(IP=192.0.2.40)]\n",
    {
        "count": 12481, "diagnostic": "454 4.7.0 Temporary authentication failure.", "status": "4.7.0",
        "receiving_host": "ex10.contoso.example", "receiving_ip": "192.0.2.40",
    },
)  # fmt: skip
variant(
    "line ends of an old Mac",
    (
        f"Identity : EX01\\3\rStatus : Retry\rMessageCount : 5\rLastError : {GROUPS}\r\rIdentity : EX01\\4\rStatus : "
        "Retry\rMessageCount : 6\rLastError : 421 4.2.1 Unable to connect\r".encode()
    ),
    {"count": 5, "diagnostic": DROPPED},
    {"count": 6, "diagnostic": "421 4.2.1 Unable to connect"},
)
variant(
    "a letter's end behind the list",
    f"Identity     : EX01\\3\nStatus       : Retry\nMessageCount : 5\nLastError    : {GROUPS}\n\n-- \nWith best regards\n"
    "Karl Holm : IT\nPhone: +49 89 0000\n",
    {"count": 5, "diagnostic": DROPPED, "reported_by": "ex01"},
)
variant(
    "a remark before the list",
    f"Moin, hier die Queue von heute: sieht nicht gut aus!\n\nIdentity     : EX01\\3\nStatus       : Retry\nMessageCount : 5\n"
    f"LastError    : {GROUPS}\n",
    {"count": 5, "diagnostic": DROPPED, "reported_by": "ex01"},
)
variant(
    "a multi-line reply of a large provider",
    """
Identity     : EX01\\3
DeliveryType : DnsConnectorDelivery
Status       : Retry
MessageCount : 2
LastError    : [{LED=421-4.7.26 This mail has been rate limited because it is unauthenticated.
               421-4.7.26 Authentication results:
               421-4.7.26 SPF [] with ip: [192.0.2.25] = did not pass
               421 4.7.26 https://support.example/mail - gsmtp};{MSG=};{FQDN=gmail-smtp-in.l.google.com};
               {IP=203.0.113.26};{LRT=12/03/2026 19:50:43}]
NextHopDomain : gmail.com
""",
    {
        "reply_code": 421, "status": "4.7.26", "receiving_host": "gmail-smtp-in.l.google.com",
        "receiving_ip": "203.0.113.26", "count": 2, "recipient_domain": "gmail.com",
    },
)  # fmt: skip
variant(
    "each line with blanks behind it and an empty line between",
    "\n\n".join(
        f"{line}    "
        for line in [
            "RunspaceId   : 5d2f0f1e-1111-4222-8333-444455556666",
            "Identity     : EX01\\3",
            "Status       : Retry",
            "MessageCount : 5",
            "LastError    : [{LED=501 5.1.4 Recipient address reserved by RFC",
            "               2606};{MSG=};{FQDN=mx.fabrikam.example};{IP=203.0.113.7};{LRT=12/22/2026 2:28:06 AM}]",
        ]
    ),
    {"count": 5, "reply_code": 501, "diagnostic": "501 5.1.4 Recipient address reserved by RFC 2606",
     "receiving_host": "mx.fabrikam.example"},
)  # fmt: skip


# Delimited

COLUMNS = ["RunspaceId", "DeliveryType", "NextHopDomain", "Status", "MessageCount", "LastError", "Identity"]


def delimited(delimiter: str, *rows: list[str], quote: bool = True, head: list[str] | None = None) -> str:
    """Give what Export-Csv writes: PowerShell quotes every value, from version 7 on only if asked for."""

    def written(value: str) -> str:
        needed = quote or any(sign in value for sign in (delimiter, '"', "\n"))
        return '"' + value.replace('"', '""') + '"' if needed else value

    return "".join(delimiter.join(map(written, row)) + "\r\n" for row in [head or COLUMNS, *rows])


QUOTED = f'451 4.4.0 Primary target IP address responded with: "451 5.7.3 Must issue a STARTTLS; try again."{FAILOVER}'
ROW = ["5d2f", "DnsConnectorDelivery", "fabrikam.example", "Retry", "7", QUOTED, "EX01\\9"]
OTHER = ["5d2f", "SmartHostConnectorDelivery", "relay.fabrikam.example", "Retry", "8", GROUPS, "EX01\\10"]
OF_ROW: Expected = {
    "count": 7, "reported_by": "ex01", "diagnostic": "451 5.7.3 Must issue a STARTTLS; try again.", "status": "5.7.3",
    "recipient_domain": "fabrikam.example",
}  # fmt: skip
OF_OTHER: Expected = {"count": 8, "receiving_host": TENANT, "diagnostic": DROPPED, "receiving_ip": "203.0.113.25"}

variant(
    "PowerShell 7: UTF-8 with a mark, quotes as needed",
    codecs.BOM_UTF8 + delimited(",", ROW, OTHER, quote=False).encode(),
    OF_ROW,
    OF_OTHER,
)
variant("-UseCulture in German: semicolons within quotes", delimited(";", ROW, OTHER), OF_ROW, OF_OTHER)
variant(
    "UTF-16, big-endian, semicolons, #TYPE",
    (
        codecs.BOM_UTF16_BE
        + f"#TYPE Deserialized.Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo\r\n{delimited(';', ROW)}".encode(
            "utf-16-be"
        )
    ),
    OF_ROW,
)
variant("tabulators as delimiter", delimited("\t", ROW, OTHER), OF_ROW, OF_OTHER)
variant("a bar as delimiter", delimited("|", ROW, OTHER), OF_ROW, OF_OTHER)
variant("saved by Excel: sep= before the head", f"sep=;\r\n{delimited(';', ROW)}", OF_ROW)
variant(
    "a line break within a quoted value",
    delimited(
        ",", [*ROW[:5], f'451 4.4.0 Primary target IP address responded with: "{DROPPED}."\r\n{FAILOVER}', "EX01\\9"]
    ),
    {"count": 7, "diagnostic": f"{DROPPED}."},
)
variant(
    "two exports one behind the other, with other columns",
    f"#TYPE Selected.X\r\n{delimited(',', ROW)}#TYPE Selected.X\r\n"
    + delimited(",", ["EX02\\4", "5", "421 4.2.1 Unable to connect"], head=["Identity", "MessageCount", "LastError"]),
    OF_ROW,
    {"count": 5, "reported_by": "ex02", "diagnostic": "421 4.2.1 Unable to connect"},
)
variant(
    "umlauts in Windows-1252",
    delimited(";", [*ROW[:5], "451 4.4.0 DNS-Abfrage für fabrikam.example schlug fehl", "EX01\\9"]).encode("cp1252"),
    {"count": 7, "diagnostic": "451 4.4.0 DNS-Abfrage für fabrikam.example schlug fehl"},
)
MESSAGES = [
    "Identity",
    "InternetMessageId",
    "FromAddress",
    "Status",
    "LastError",
    "Recipients",
    "Queue",
    "ExpirationTime",
]
variant(
    "Get-Message: three messages of one queue, the recipients only as a type",
    delimited(
        ",",
        *(
            [f"EX01\\3\\{at}", f"<{at}@contoso.example>", "karl.holm@contoso.example", "Retry", GROUPS,
             "Microsoft.Exchange.Data.QueueViewer.RecipientInfo[]", "EX01\\3", "20.10.2026 09:00:00"]
            for at in (101, 102, 103)
        ),
        head=MESSAGES,
    ),
    *(
        {"count": 1, "message_id": f"{at}@contoso.example", "recipient": None, "reported_by": "ex01",
         "receiving_host": TENANT, "retry_until": None}
        for at in (101, 102, 103)
    ),
)  # fmt: skip


# Format-Table

variant(
    "-AutoSize -Wrap: identity and error broken over lines",
    "Identity                     Status MessageCount LastError\n"
    "--------                     ------ ------------ ---------\n"
    "ex-frankfurt-01.contoso.exam Retry           412 [{LED=451 4.4.397 Error communicating with target\n"
    "ple\\30211                                        host. -> 421 4.4.2 Connection dropped due to\n"
    "                                                 SocketError};{MSG=};{FQDN=mx.fabrikam.example};{I\n"
    "                                                 P=203.0.113.7};{LRT=10/18/2026 9:14:03 AM}]\n"
    "ex-frankfurt-01.contoso.exam Ready             0\n"
    "ple\\Submission\n",
    {
        "count": 412, "reported_by": "ex-frankfurt-01.contoso.example", "diagnostic": DROPPED,
        "receiving_host": "mx.fabrikam.example", "receiving_ip": "203.0.113.7",
    },
)  # fmt: skip
variant(
    "tables of several servers, one below the other",
    "[PS] C:\\>Get-TransportService | Get-Queue\n"
    + "".join(
        "\nIdentity  DeliveryType         Status MessageCount NextHopDomain\n"
        "--------  ------------         ------ ------------ -------------\n"
        f"EX0{at}\\3    DnsConnectorDelivery Retry  1{at}           fabrikam.example\n"
        for at in (1, 2)
    ),
    {"count": 11, "reported_by": "ex01", "diagnostic": None, "recipient_domain": "fabrikam.example"},
    {"count": 12, "reported_by": "ex02", "diagnostic": None, "recipient_domain": "fabrikam.example"},
)
variant(
    "the table of Get-Message",
    "Identity     FromAddress                     Status Queue   Subject\n"
    "--------     -----------                     ------ -----   -------\n"
    "EX01\\3\\4711  karl.holm@contoso.example       Retry  EX01\\3  Offer 4711\n"
    "EX01\\3\\4712  eva.roth@contoso.example        Retry  EX01\\3  Re: Offer\n"
    "EX01\\3\\4713  eva.roth@contoso.example        Ready  EX01\\3  Menu\n",
    {"count": 1, "from": "karl.holm@contoso.example", "reported_by": "ex01", "message_id": None, "diagnostic": None},
    {"count": 1, "from": "eva.roth@contoso.example", "reported_by": "ex01", "action": "delayed"},
)
variant(
    "a wide table redirected to a file of UTF-16",
    (
        codecs.BOM_UTF16_LE
        + (
            "\r\nIdentity MessageCount LastError"
            + " " * 200
            + "\r\n-------- ------------ ---------"
            + " " * 200
            + "\r\n"
            f"EX01\\3              5 {GROUPS}\r\n\r\n"
        ).encode("utf-16-le")
    ),
    {"count": 5, "diagnostic": DROPPED, "receiving_host": TENANT},
)

# JSON

OBJECT: dict[str, Any] = {
    "DeliveryType": "DnsConnectorDelivery", "NextHopDomain": "fabrikam.example", "Status": "Retry", "MessageCount": 7,
    "LastError": QUOTED, "Identity": "EX01\\9", "PSComputerName": "mgmt01", "MessageCountsPerPriority": [0, 7, 0, 0],
    "LastRetryTime": "2026-10-18T09:14:03.1234567Z",
}  # fmt: skip
OF_OBJECT = {**OF_ROW, "time": "2026-10-18T09:14:03Z"}
variant(
    "one JSON object a line",
    "\n".join(json.dumps(OBJECT | {"Identity": f"EX01\\{at}"}) for at in (8, 9)),
    OF_OBJECT,
    OF_OBJECT,
)
variant(
    "objects printed one behind the other",
    "\r\n".join(json.dumps(OBJECT | {"Identity": f"EX01\\{at}"}, indent=2) for at in (8, 9)),
    OF_OBJECT,
    OF_OBJECT,
)
variant(
    "the prompt before JSON",
    f"PS C:\\> Get-Queue | ConvertTo-Json\n{json.dumps([OBJECT], indent=4)}\nPS C:\\> \n",
    OF_OBJECT,
)
variant(
    "enumerations as objects, UTF-8 with a mark",
    (
        codecs.BOM_UTF8
        + json.dumps(
            OBJECT
            | {"Status": {"value": 3, "Value": "Retry"}, "DeliveryType": {"value": 1, "Value": "DnsConnectorDelivery"}}
        ).encode()
    ),
    OF_OBJECT,
)

# Queue Viewer

variant(
    "Queue Viewer with more columns in another order",
    "Identity\tNext Hop Domain\tStatus\tDelivery Type\tMessage Count\tLast Retry Time\tLast Error\tQueue ID\r\n"
    f"EX01\\9\tfabrikam.example\tRetry\tDns Connector Delivery\t7\t10/18/2026 9:14:03 AM\t{QUOTED}\tEX01\\9\r\n",
    OF_ROW,
)
variant(
    "the messages tab of Queue Viewer",
    "From Address\tStatus\tSize (KB)\tSCL\tQueue ID\tMessage Source Name\tSubject\tLast Error\r\n"
    f"karl.holm@contoso.example\tRetry\t12\t-1\tEX01\\3\tSMTP:Default EX01\tOffer 4711\t{GROUPS}\r\n",
    {"count": 1, "from": "karl.holm@contoso.example", "reported_by": "ex01", "diagnostic": DROPPED},
)

# Errors by themselves

variant(
    "LastErrors below each other, with groups and without",
    f'{GROUPS}\n451 4.4.0 Primary target IP address responded with: "421 4.2.1 Unable to connect."{FAILOVER}\n'
    f'451 4.4.0 Primary target IP address responded with: "421 4.4.1 Connection timed out."{FAILOVER}\n'
    "451 4.4.395 Target host responded with error. -> 451 5.7.3 STARTTLS is required to send mail\n"
    f"451 4.4.397 Error communicating with target host. ->\n{DROPPED}\n",
    {"diagnostic": DROPPED},
    {"diagnostic": "421 4.2.1 Unable to connect."},
    {"diagnostic": "421 4.4.1 Connection timed out."},
    {"diagnostic": "451 5.7.3 STARTTLS is required to send mail"},
    {"diagnostic": DROPPED, "wrapped_by": ["4.4.397"]},
)
variant(
    "(Get-Queue).LastError, all of them without groups",
    f'451 4.4.0 Primary target IP address responded with: "421 4.2.1 Unable to connect."{FAILOVER}\n'
    "451 4.4.395 Target host responded with error. -> 451 5.7.3 STARTTLS is required to send mail\n",
    {"diagnostic": "421 4.2.1 Unable to connect.", "count": 1, "source": "queue"},
    {"diagnostic": "451 5.7.3 STARTTLS is required to send mail", "count": 1, "wrapped_by": ["4.4.395"]},
)
variant(
    "a remark before a LastError",
    f"This is what Queue Viewer shows:\n\n{GROUPS}\n\nAny idea?\n",
    {"diagnostic": DROPPED, "receiving_host": TENANT, "source": "queue"},
)

# Message tracking

variant(
    "a session of ours that failed: ClientHostname is ours, ServerHostname the other end",
    """
RunspaceId              : 5d2f0f1e-1111-4222-8333-444455556666
Timestamp               : 18.10.2026 09:14:03
ClientIp                : 192.0.2.11
ClientHostname          : EX01
ServerIp                : 203.0.113.7
ServerHostname          : mx.fabrikam.example
SourceContext           :
ConnectorId             : Outbound
Source                  : SMTP
EventId                 : FAIL
InternalMessageId       : 25769803777
MessageId               : <offer-4711@contoso.example>
Recipients              : {anna@fabrikam.example}
RecipientStatus         : {[{LED=550 5.7.1 Unable to relay};{MSG=};{FQDN=mx.fabrikam.example};{IP=203.0.113.7};{LRT=12/22/202
                          6 2:28:06 AM}]}
RecipientCount          : 1
MessageSubject          : Offer 4711
Sender                  : karl.holm@contoso.example
""",
    {
        "source": "tracking-log", "action": "failed", "impact": "returned", "count": 1, "recipient": "anna@fabrikam.example",
        "reported_by": "ex01", "sending_host": "ex01", "sending_ip": "192.0.2.11",
        "receiving_host": "mx.fabrikam.example", "receiving_ip": "203.0.113.7", "diagnostic": "550 5.7.1 Unable to relay",
        "message_id": "offer-4711@contoso.example",
    },
)  # fmt: skip
variant(
    "a message that our agent refused at the door: ClientIp is the stranger's",
    """
PSComputerName          : mgmt.contoso.example
Timestamp               : 29/09/2026 11:38:05
ClientIp                : 203.0.113.90
ClientHostname          : EX01
ServerIp                : 192.0.2.11
ServerHostname          :
SourceContext           : Sender Id Agent
ConnectorId             : EX01\\Default EX01
Source                  : SMTP
EventId                 : FAIL
MessageId               : <spam@fabrikam.example>
Recipients              : {karl.holm@contoso.example}
RecipientStatus         : {550 5.7.1 Sender ID (PRA) Domain Does Not Exist}
Sender                  : someone@fabrikam.example
""",
    {
        "reported_by": "ex01", "receiving_host": "ex01", "receiving_ip": None, "sending_host": None,
        "sending_ip": "203.0.113.90", "action": "failed", "recipient": "karl.holm@contoso.example",
        "diagnostic": "550 5.7.1 Sender ID (PRA) Domain Does Not Exist",
    },
)  # fmt: skip
variant(
    "a refusal of routing: no other server was there",
    "Timestamp : 18.10.2026 09:14:03\nClientHostname : EX01\nServerHostname :\nSource : ROUTING\nEventId : FAIL\nMessageId : "
    "<a@contoso.example>\nRecipients : {anna@contoso.example, ben@contoso.example}\nRecipientStatus : {550 5.1.1 RESOLVER.ADR."
    "RecipNotFound; not found, 550 5.7.1 RESOLVER.RST.AuthRequired; authentication required}\n",
    {"recipient": "anna@contoso.example", "status": "5.1.1", "reported_by": "ex01", "sending_host": None},
    {"recipient": "ben@contoso.example", "status": "5.7.1", "reported_by": "ex01", "receiving_host": None},
)
variant(
    "a failure of which the export shows nothing but its types",
    delimited(
        ",",
        ["10/18/2026 9:14:03 AM", "EX01", "FAIL", "SMTP", "<a@contoso.example>", "System.String[]", "System.String[]"],
        ["10/18/2026 9:14:04 AM", "EX01", "SEND", "SMTP", "<b@contoso.example>", "System.String[]", "System.String[]"],
        head=["Timestamp", "ClientHostname", "EventId", "Source", "MessageId", "Recipients", "RecipientStatus"],
    ),
    {"action": "failed", "impact": "returned", "message_id": "a@contoso.example", "diagnostic": None, "recipient": None,
     "reported_by": "ex01"},
)  # fmt: skip
variant(
    "the default table of Get-MessageTrackingLog",
    "EventId  Source   Sender                       Recipients                   MessageSubject\n"
    "-------  ------   ------                       ----------                   --------------\n"
    "RECEIVE  SMTP     karl.holm@contoso.example    {anna@fabrikam.example}      Offer 4711\n"
    "FAIL     SMTP     karl.holm@contoso.example    {anna@fabrikam.example}      Offer 4711\n"
    "DEFER    SMTP     eva.roth@contoso.example     {ben@fabrikam.example}       Menu\n",
    {"action": "failed", "recipient": "anna@fabrikam.example", "diagnostic": None, "count": 1},
    {"action": "delayed", "impact": "waiting", "recipient": "ben@fabrikam.example"},
)
variant(
    "the tracking log file, UTC with fractions",
    "#Software: Microsoft Exchange Server\r\n#Version: 15.01.2507.039\r\n#Log-type: Message Tracking Log\r\n#Date: 2026-10-18T"
    "00:00:12.000Z\r\n#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,"
    "event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,"
    "related-recipient-address,reference,message-subject,sender-address,return-path,message-info\r\n"
    "2026-10-18T09:14:03.123Z,192.0.2.11,EX01,203.0.113.7,mx.fabrikam.example,,Outbound,SMTP,DEFER,17,<a@contoso.example>,x,"
    'anna@fabrikam.example;ben@fabrikam.example,"[{LED=451 4.7.0 Busy, later};{MSG=};{FQDN=mx.fabrikam.example};{IP=203.0.113.7}'
    ';{LRT=10/18/2026 9:14:03 AM}];[{LED=452 4.3.1 Full};{MSG=};{FQDN=mx.fabrikam.example};{IP=203.0.113.7};{LRT=}]",2690,2,,,'
    '"Offer; with ""quotes""",karl.holm@contoso.example,karl.holm@contoso.example,\r\n',
    {
        "recipient": "anna@fabrikam.example", "diagnostic": "451 4.7.0 Busy, later", "action": "delayed",
        "time": "2026-10-18T09:14:03Z", "reported_by": "ex01", "receiving_host": "mx.fabrikam.example",
    },
    {"recipient": "ben@fabrikam.example", "diagnostic": "452 4.3.1 Full", "sending_host": "ex01"},
)  # fmt: skip
variant(
    "a trace of Exchange Online as a list, its status below",
    """
Organization     : contoso.onmicrosoft.com
MessageId        : <offer-4711@contoso.example>
MessageTraceId   : 0f0e0d0c-1111-4222-8333-444455556666
Date             : 18.10.2026 09:14:03
Event            : Defer
Action           :
Detail           : Reason: [{LED=450 4.4.317 Cannot connect to remote server [Message=UntrustedRoot]
                   [LastAttemptedServerName=mail.fabrikam.example] [LastAttemptedIP=203.0.113.7:25] [SmtpSecurity=11;-1]
                   [AB1PEPF00000016.eurprd21.prod.outlook.com 2026-10-18T09:14:03.476Z 08DD3FA5DBC8F401]};{MSG=};
                   {FQDN=mail.fabrikam.example};{IP=203.0.113.7};{LRT=18.10.2026 09:14:02}]. OutboundProxyTargetIP:
                   203.0.113.7. OutboundProxyTargetHostName: mail.fabrikam.example
Data             : <root />
FromIP           :
""",
    {
        "action": "delayed", "receiving_host": "mail.fabrikam.example", "receiving_ip": "203.0.113.7", "status": "4.4.317",
        "error": "UntrustedRoot", "time": "2026-10-18T09:14:03Z", "message_id": "offer-4711@contoso.example",
    },
)  # fmt: skip
variant(
    "the summary of a trace: who failed, and no word why",
    '"Received","SenderAddress","RecipientAddress","Subject","Status","MessageTraceId","MessageId"\r\n'
    '"18.10.2026 09:14:03","karl.holm@contoso.example","anna@fabrikam.example","Offer","Failed","0f0e","<a@contoso.example>"\r\n'
    '"18.10.2026","karl.holm@contoso.example","ben@fabrikam.example","Offer","Delivered","0f0e","<a@contoso.example>"\r\n'
    '"18.10.2026","karl.holm@contoso.example","cleo@fabrikam.example","Offer","Pending","0f0f","<b@contoso.example>"\r\n',
    {"recipient": "anna@fabrikam.example", "action": "failed", "message_id": "a@contoso.example"},
    {"recipient": "cleo@fabrikam.example", "action": "delayed", "impact": "waiting"},
)
variant(
    "a large provider's reply of many lines in RecipientStatus",
    """
Timestamp       : 12/03/2026 19:50:43
ClientHostname  : EX01
Source          : SMTP
EventId         : FAIL
MessageId       : <offer-4711@contoso.example>
Recipients      : {anna@gmail.com}
RecipientStatus : {[{LED=550-5.7.26 Your email has been blocked because the sender is unauthenticated.
                  550-5.7.26 The provider requires all senders to authenticate with either SPF or DKIM.
                  550-5.7.26 DKIM = did not pass
                  550 5.7.26 abc.403 - gsmtp};{MSG=};{FQDN=gmail-smtp-in.l.google.com};
                  {IP=203.0.113.27};{LRT=12/03/2026 19:50:43}]}
""",
    {
        "status": "5.7.26", "reply_code": 550, "receiving_host": "gmail-smtp-in.l.google.com", "recipient": "anna@gmail.com",
        "receiving_ip": "203.0.113.27", "reported_by": "ex01",
    },
)  # fmt: skip

# TLS reports

POLICY: dict[str, Any] = {
    "policy": {"policy-type": "sts", "policy-domain": "contoso.example"},
    "summary": {"total-successful-session-count": 0, "total-failure-session-count": 3},
    "failure-details": [{"result-type": "certificate-expired", "failed-session-count": 3}],
}
REPORT = {"report-id": "1", "contact-info": "mailto:tls@fabrikam.example", "policies": [POLICY]}
OF_REPORT: Expected = {
    "source": "tls-report", "count": 3, "diagnostic": "certificate-expired", "recipient_domain": "contoso.example",
    "reported_by": "fabrikam.example",
}  # fmt: skip
variant("a TLS report whose policies are one object", json.dumps(REPORT | {"policies": POLICY}), OF_REPORT)
variant(
    "a TLS report whose details are one object",
    json.dumps(REPORT | {"policies": [POLICY | {"failure-details": POLICY["failure-details"][0]}]}),
    OF_REPORT,
)
variant("a TLS report with NULs behind it", json.dumps(REPORT).encode() + b"\0\0\n", OF_REPORT)
variant("a TLS report in UTF-16", codecs.BOM_UTF16_LE + json.dumps(REPORT).encode("utf-16-le"), OF_REPORT)
variant(
    "a TLS report, packed, with bytes behind it",
    gzip.compress(json.dumps(REPORT).encode()) + b"\0" * 20,
    OF_REPORT,
)
variant(
    "two TLS reports one behind the other",
    "\n".join(json.dumps(REPORT | {"report-id": str(at)}) for at in (1, 2)),
    OF_REPORT,
    OF_REPORT,
)

# Odder still

variant(
    "tabulators before the colons",
    f"Identity\t\t: EX01\\3\nStatus\t\t: Retry\nMessageCount\t: 5\nLastError\t: {GROUPS}\n",
    {"count": 5, "diagnostic": DROPPED, "reported_by": "ex01"},
)
variant(
    "no-break spaces, as a web page gives them",
    f"Identity      : EX01\\3\nStatus        : Retry\nMessageCount  : 5\nLastError     : {GROUPS}\n".replace(
        " ", "\u00a0"
    ),
    {"count": 5, "diagnostic": DROPPED, "reported_by": "ex01", "receiving_host": TENANT},
)
variant(
    "the colours of PowerShell 7",
    "".join(
        f"\x1b[32;1m{name:<12} : \x1b[0m{value}\n"
        for name, value in [("Identity", "EX01\\3"), ("Status", "Retry"), ("MessageCount", "5"), ("LastError", GROUPS)]
    ),
    {"count": 5, "diagnostic": DROPPED, "reported_by": "ex01", "receiving_host": TENANT},
)
variant(
    "two files put together, each with its mark",
    codecs.BOM_UTF8
    + f"Identity : EX01\\3\nMessageCount : 5\nLastError : {DROPPED}\n".encode()
    + codecs.BOM_UTF8
    + b"Identity : EX02\\4\nMessageCount : 6\nLastError : 421 4.2.1 Unable to connect\n",
    {"count": 5, "reported_by": "ex01"},
    {"count": 6, "reported_by": "ex02", "diagnostic": "421 4.2.1 Unable to connect"},
)
variant(
    "names in small letters, of a script",
    f"identity : EX01\\3\nmessagecount : 5\nstatus : Retry\nlasterror : {GROUPS}\n",
    {"count": 5, "diagnostic": DROPPED, "reported_by": "ex01"},
)
variant(
    "a copy that ends within the error",
    f"Identity : EX01\\3\nMessageCount : 5\nLastError : [{{LED={WRAPPED}}};{{MSG=}};{{FQDN=mx.fabri",
    {"count": 5, "diagnostic": DROPPED, "receiving_ip": None},
)
variant(
    "Exchange 2010: a refusal of the other end within the wrapper",
    "Identity : EX10\\7\nNextHopDomain : fabrikam.example\nDeliveryType : DnsConnectorDelivery\nStatus : Retry\n"
    "MessageCount : 3\n"
    'LastError : 451 4.4.0 Primary target IP address responded with: "554 5.7.1 <mx1.fabrikam.example[192.0.2.25]>: Client host'
    f' rejected: Access denied."{FAILOVER}\n',
    {
        "count": 3, "reply_code": 554, "status": "5.7.1", "wrapped_by": ["4.4.0"], "recipient_domain": "fabrikam.example",
        "diagnostic": "554 5.7.1 <mx1.fabrikam.example[192.0.2.25]>: Client host rejected: Access denied.",
    },
)  # fmt: skip
variant(
    "a value copied out of a CSV, its quotes doubled",
    f"Identity : EX10\\7\nMessageCount : 3\n"
    f'LastError : 451 4.4.0 Primary target IP address responded with: ""{DROPPED}.""{FAILOVER}\n',
    {"count": 3, "diagnostic": f"{DROPPED}.", "wrapped_by": ["4.4.0"]},
)
variant(
    "an address in brackets within the error, named like a group",
    "Identity : EX16\\7\nMessageCount : 3\nLastError : [{LED=550 5.7.1 Service unavailable, client host [IP=192.0.2.25] is"
    " listed; see {policy-7}; IP=192.0.2.25};{MSG=};{FQDN=MX.Fabrikam.example.};{IP=203.0.113.7};{LRT=10/18/2026 9:14:03 AM}]\n",
    {
        "count": 3, "receiving_ip": "203.0.113.7", "receiving_host": "mx.fabrikam.example",
        "diagnostic": "550 5.7.1 Service unavailable, client host [IP=192.0.2.25] is listed; see {policy-7}; IP=192.0.2.25",
    },
)  # fmt: skip
variant(
    "a queue to a mailbox database: no mail server at the other end",
    "Identity : EX16\\9\nDeliveryType : SmtpDeliveryToMailbox\nNextHopDomain : mailbox database 0012\nStatus : Retry\n"
    "MessageCount : 88\n"
    "LastError : [{LED=432 4.2.0 STOREDRV.Deliver; mailbox server is offline};{MSG=};{FQDN=};{IP=};{LRT=18.10.2026 09:14:03}]\n",
    {
        "count": 88,
        "receiving_host": None,
        "recipient_domain": None,
        "reply_code": 432,
        "status": "4.2.0",
        "reported_by": "ex16",
    },
)
variant(
    "Get-Message with the recipients' own errors, one of them left out",
    f"""
Identity          : EX16\\9\\4711
Subject           : Offer: the second one
InternetMessageId : <offer-4711@contoso.example>
FromAddress       : karl.holm@contoso.example
Status            : Retry
LastError         : {GROUPS}
Queue             : EX16\\9
Recipients        : {{anna@fabrikam.example;3;2;[{{LED=451 4.7.0 Busy; come back}};{{MSG=}};{{FQDN=mx2.fabrikam.example}};
                    {{IP=203.0.113.8}};{{LRT=18.10.2026 09:14:03}}];0;CN=Outbound,CN=Connections,DC=contoso,DC=example;0, b...}}
""",
    {
        "recipient": "anna@fabrikam.example", "diagnostic": "451 4.7.0 Busy; come back", "receiving_ip": "203.0.113.8",
        "receiving_host": "mx2.fabrikam.example", "message_id": "offer-4711@contoso.example", "count": 1,
    },
)  # fmt: skip
variant(
    "a queue and its messages in one file",
    f"""
Identity      : EX16\\9
DeliveryType  : DnsConnectorDelivery
NextHopDomain : fabrikam.example
Status        : Retry
MessageCount  : 2
LastError     : {GROUPS}

[PS] C:\\>Get-Message -Queue EX16\\9 | fl Identity,InternetMessageId,FromAddress,Status,LastError

Identity          : EX16\\9\\1
InternetMessageId : <1@contoso.example>
FromAddress       : karl.holm@contoso.example
Status            : Retry
LastError         : {GROUPS}

Identity          : EX16\\9\\2
InternetMessageId : <2@contoso.example>
FromAddress       : karl.holm@contoso.example
Status            : Ready
LastError         :
""",
    {"count": 2, "message_id": None, "reported_by": "ex16"},
    {"count": 1, "message_id": "1@contoso.example", "reported_by": "ex16"},
)
variant(
    "a table of Markdown",
    "| Identity | Status | MessageCount | LastError |\n| --- | --- | ---: | --- |\n"
    f"| EX01\\9 | Retry | 7 | {QUOTED} |\n| EX01\\Submission | Ready | 0 | |\n",
    {name: value for name, value in OF_ROW.items() if name != "recipient_domain"},
)
variant(
    "blanks behind the commas",
    f'"Identity", "Status", "MessageCount", "LastError"\n"EX01\\9", "Retry", "7", "{DROPPED}, later"\n',
    {"count": 7, "reported_by": "ex01", "diagnostic": f"{DROPPED}, later"},
)
variant(
    "a chat's arrow",
    f"Identity : EX01\\3\nMessageCount : 5\nLastError : 451 4.4.397 Error communicating with target host. \u2192 {DROPPED}\n",
    {"count": 5, "diagnostic": DROPPED, "wrapped_by": ["4.4.397"]},
)
variant(
    "the report of a trace for a long time: states behind two number signs",
    "origin_timestamp_utc,sender_address,recipient_status,message_subject,total_bytes,message_id,network_message_id,"
    "original_client_ip,directionality,connector_id,delivery_priority\r\n"
    '"2026-10-18T09:14:03.0000000Z",karl.holm@contoso.example,"anna@fabrikam.example##Receive, Send;ben@fabrikam.example##'
    'Receive, Fail",Offer,100,<a@contoso.example>,x,,Originating,,Normal\r\n',
    {
        "recipient": "ben@fabrikam.example", "action": "failed", "message_id": "a@contoso.example", "diagnostic": None,
        "time": "2026-10-18T09:14:03Z",
    },
)  # fmt: skip
variant(
    "Exchange 2010: a deferred message, the wrapper with its comma",
    "Timestamp : 10/18/2026 9:14:03 AM\nClientHostname : EX10\nServerHostname : mx.fabrikam.example\nSource : SMTP\n"
    "EventId : DEFER\n"
    "ConnectorId : Outbound\nMessageId : <a@contoso.example>\nRecipients : {anna@fabrikam.example, ben@fabrikam.example}\n"
    f'RecipientStatus : {{451 4.4.0 Primary target IP address responded with: "{DROPPED}."{FAILOVER}}}\n',
    {"recipient": "anna@fabrikam.example", "diagnostic": f"{DROPPED}.", "receiving_host": "mx.fabrikam.example"},
    {"recipient": "ben@fabrikam.example", "action": "delayed", "sending_host": "ex10"},
)
variant(
    "one tracking event for each state of a message",
    delimited(
        ";",
        *(
            ["18.10.2026 09:14:03", "EX01", event, "SMTP", "<a@contoso.example>", "anna@fabrikam.example", status]
            for event, status in [
                ("RECEIVE", ""), ("HAREDIRECT", ""), ("DEFER", "451 4.7.0 Busy"), ("FAIL", "550 5.4.7 Expired"), ("DSN", ""),
            ]
        ),
        head=["Timestamp", "ClientHostname", "EventId", "Source", "MessageId", "Recipients", "RecipientStatus"],
    ),
    {"action": "delayed", "impact": "waiting", "diagnostic": "451 4.7.0 Busy", "count": 1},
    {"action": "failed", "impact": "returned", "diagnostic": "550 5.4.7 Expired", "count": 1},
)  # fmt: skip
variant(
    "JSON of UTF-16 without a mark",
    json.dumps([OBJECT]).encode("utf-16-le"),
    OF_OBJECT,
)
variant(
    "a TLS report of a reporter who counts in text and names nobody",
    json.dumps(
        {
            "date-range": {"start-datetime": "2026-10-17", "end-datetime": "2026-10-18T00:00:00+00:00"},
            "report-id": 17,
            "policies": [
                {
                    "policy": {"policy-type": "no-policy-found", "policy-domain": "Contoso.Example.", "mx-host": []},
                    "summary": {"total-successful-session-count": "12", "total-failure-session-count": "2"},
                    "failure-details": [
                        {"result-type": "Certificate-Expired", "sending-mta-ip": "n/a", "failed-session-count": "2",
                         "receiving-ip": "[2001:db8::25]", "receiving-mx-hostname": ""}
                    ],
                }
            ],
        }
    ),
    {
        "diagnostic": "certificate-expired", "count": 2, "reported_by": None, "time": "2026-10-18T00:00:00Z",
        "receiving_ip": "2001:db8::25", "receiving_host": None, "sending_ip": None, "recipient_domain": "contoso.example",
    },
    {"action": "relayed", "count": 12, "recipient_domain": "contoso.example"},
)  # fmt: skip


@pytest.mark.parametrize(("content", "answers"), VARIANTS.values(), ids=VARIANTS.keys())
def test_each_variant_has_its_answer(content: bytes, answers: list[Expected]) -> None:
    """Hosts, addresses, codes, cause and depth are those that a person reads in the export."""
    document = decode(content, HOSTS)
    assert document.error is None
    found = document.observations
    told = [seen(one, answer) for one, answer in zip(found, answers, strict=False)]
    assert (told, len(found)) == (answers, len(answers))


def test_ten_thousand_queues_are_each_told_once() -> None:
    """Every queue of a very large export has its own depth."""
    rows = [
        ["5d2f", "DnsConnectorDelivery", f"d{at}.example", "Retry", str(at), DROPPED, f"EX01\\{at}"]
        for at in range(1, 10_001)
    ]
    found = decode(delimited(",", *rows).encode(), HOSTS).observations
    assert [one.count for one in found] == list(range(1, 10_001))
