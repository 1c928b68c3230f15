"""Message tracking and traces as admins save and send them, each with its answer."""

import codecs
import csv
import io
import json
from typing import Any

import pytest

from tests.decode.variants import Expected, Variants, check
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"])
DROPPED = "421 4.4.2 Connection dropped due to SocketError"
REQUIRED = "451 5.7.3 STARTTLS is required to send mail"
FIELDS_2010 = (
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,"
    "internal-message-id,message-id,recipient-address,recipient-status,total-bytes,recipient-count,"
    "related-recipient-address,reference,message-subject,sender-address,return-path,message-info,directionality,tenant-id,"
    "original-client-ip,original-server-ip,custom-data"
)
FIELDS_2019 = (
    FIELDS_2010.replace("message-id,recipient-address", "message-id,network-message-id,recipient-address")
    + ",transport-traffic-type,log-id,schema-version"
)
GUID = "0f0e0d0c-1111-4222-8333-08dd3fa5dbc8"


def groups(error: str, host: str = "mx.fabrikam.example", ip: str = "203.0.113.7") -> str:
    """Give the groups of one recipient's status."""
    return f"[{{LED={error}}};{{MSG=}};{{FQDN={host}}};{{IP={ip}}};{{LRT=10/18/2026 9:14:03 AM}}]"


def line(values: dict[str, str], fields: str = FIELDS_2019) -> str:
    """Give one row of the log file."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([values.get(name, "") for name in fields.split(",")])
    return out.getvalue()


def head(fields: str = FIELDS_2019, version: str = "15.02.1748.010") -> str:
    """Give the head of a log file."""
    return (
        f"#Software: Microsoft Exchange Server\r\n#Version: {version}\r\n#Log-type: Message Tracking Log\r\n"
        f"#Date: 2026-10-18T09:00:01.113Z\r\n#Fields: {fields}\r\n"
    )


DEFER = {
    "date-time": "2026-10-18T09:14:03.123Z", "client-ip": "192.0.2.11", "client-hostname": "EX01",
    "server-ip": "203.0.113.7", "server-hostname": "mx.fabrikam.example", "connector-id": "Outbound", "source": "SMTP",
    "event-id": "DEFER", "internal-message-id": "25769803777", "message-id": "<offer-4711@contoso.example>",
    "network-message-id": GUID, "recipient-address": "anna@fabrikam.example", "recipient-status": groups(REQUIRED),
    "total-bytes": "2690", "recipient-count": "1", "message-subject": "Offer, second try",
    "sender-address": "karl.holm@contoso.example", "return-path": "karl.holm@contoso.example",
    "message-info": "2026-10-18T09:14:01.000Z;SRV=EX01:TOTAL=2", "directionality": "Originating",
    "custom-data": "S:DeliveryPriority=Normal;S:AccountForest=contoso.example", "schema-version": "15.02.1748.010",
}  # fmt: skip
FAIL = DEFER | {
    "event-id": "FAIL",
    "recipient-status": "550 5.7.1 Unable to relay",
    "date-time": "2026-10-18T09:20:00.5Z",
}
SEND = DEFER | {"event-id": "SEND", "recipient-status": "250 2.1.5 Recipient OK", "source-context": "08DD3FA5DBC8F401"}
OF_DEFER: Expected = {
    "source": "tracking-log", "action": "delayed", "impact": "waiting", "count": 1, "recipient": "anna@fabrikam.example",
    "reply_code": 451, "status": "5.7.3", "diagnostic": REQUIRED, "reported_by": "ex01", "sending_host": "ex01",
    "sending_ip": "192.0.2.11", "receiving_host": "mx.fabrikam.example", "receiving_ip": "203.0.113.7",
    "message_id": "offer-4711@contoso.example", "from": "karl.holm@contoso.example", "subject": "Offer, second try",
    "time": "2026-10-18T09:14:03Z", "category": "tls-required",
}  # fmt: skip
OF_FAIL: Expected = {
    **OF_DEFER, "action": "failed", "impact": "returned", "reply_code": 550, "status": "5.7.1",
    "diagnostic": "550 5.7.1 Unable to relay", "time": "2026-10-18T09:20:00Z", "category": "relay-denied",
}  # fmt: skip

VARIANTS = Variants()

# The log file

VARIANTS.add("the log file of Exchange 2010", head(FIELDS_2010, "14.0.0.0") + line(DEFER, FIELDS_2010), OF_DEFER)
VARIANTS.add(
    "the log file of Exchange 2019 with messages that went well",
    head() + line(SEND) + line(DEFER) + line(SEND | {"event-id": "HAREDIRECT", "recipient-status": ""}) + line(FAIL),
    OF_DEFER,
    OF_FAIL,
    suppressed={"other-event": 2},
)
VARIANTS.add(
    "the log file with its columns in another order",
    head(",".join(reversed(FIELDS_2019.split(",")))) + line(DEFER, ",".join(reversed(FIELDS_2019.split(",")))),
    OF_DEFER,
)
VARIANTS.add("one row, copied out of the log file of Exchange 2019", line(DEFER), OF_DEFER)
VARIANTS.add("one row, copied out of the log file of Exchange 2010", line(FAIL, FIELDS_2010), OF_FAIL)
VARIANTS.add(
    "findstr over a folder: the file's name before each row, no head",
    f"MSGTRK2026101809-1.LOG:{line(DEFER)}MSGTRK2026101809-2.LOG:{line(FAIL)}",
    OF_DEFER,
    OF_FAIL,
)
VARIANTS.add(
    "Select-String: path and line number before each row, redirected as UTF-16",
    codecs.BOM_UTF16_LE
    + (
        "\r\nD:\\Exchange Server\\V15\\TransportRoles\\Logs\\MessageTracking\\MSGTRK2026101809-1.LOG:118:"
        f"{line(DEFER)}\r\n\r\n"
    ).encode("utf-16-le"),
    OF_DEFER,
)
VARIANTS.add(
    "the log file, filtered by Import-Csv and saved by Export-Csv",
    '#TYPE System.Management.Automation.PSCustomObject\r\n'
    + ",".join(f'"{name}"' for name in ("date-time", "event-id", "source", "client-hostname", "recipient-address",
                                        "recipient-status", "message-id"))
    + f'\r\n"2026-10-18T09:14:03.123Z","DEFER","SMTP","EX01","anna@fabrikam.example","{groups(REQUIRED)}",'
    '"<offer-4711@contoso.example>"\r\n',
    {name: value for name, value in OF_DEFER.items() if name not in ("from", "subject", "sending_ip")},
)  # fmt: skip

# The shell's objects

EVENT: dict[str, Any] = {
    "PSComputerName": "mgmt01.contoso.example", "Timestamp": "/Date(1792314843123)/", "ClientIp": "192.0.2.11",
    "ClientHostname": "EX01", "ServerIp": "203.0.113.7", "ServerHostname": "mx.fabrikam.example", "SourceContext": "",
    "ConnectorId": "Outbound", "Source": "SMTP", "EventId": "DEFER", "InternalMessageId": 25769803777,
    "MessageId": "<offer-4711@contoso.example>", "NetworkMessageId": GUID, "Recipients": ["anna@fabrikam.example"],
    "RecipientStatus": [groups(REQUIRED)], "TotalBytes": 2690, "RecipientCount": 1, "RelatedRecipientAddress": None,
    "Reference": None, "MessageSubject": "Offer, second try", "Sender": "karl.holm@contoso.example",
    "ReturnPath": "karl.holm@contoso.example", "Directionality": "Originating", "MessageInfo": "", "TenantId": "",
    "EventData": [{"Key": "DeliveryPriority", "Value": "Normal"}, {"Key": "PurportedSender", "Value": "x@contoso.example"}],
}  # fmt: skip
VARIANTS.add("ConvertTo-Json of one event: collections as lists, the time as milliseconds", json.dumps(EVENT), OF_DEFER)
VARIANTS.add(
    "ConvertTo-Json too shallow: collections as one text",
    json.dumps(EVENT | {"Recipients": "anna@fabrikam.example", "RecipientStatus": groups(REQUIRED),
                        "EventData": "System.Collections.Generic.KeyValuePair`2[System.String,System.Object]"}),
    OF_DEFER,
)  # fmt: skip
VARIANTS.add(
    "three recipients, one of whom has it: his status is a success",
    json.dumps(EVENT | {
        "EventId": "FAIL", "Recipients": ["anna@fabrikam.example", "ben@fabrikam.example", "cleo@fabrikam.example"],
        "RecipientStatus": [groups("550 5.1.1 <anna@fabrikam.example>: unknown user"), "250 2.1.5 Recipient OK",
                            groups("552 5.2.2 Mailbox full")],
    }),
    {"recipient": "anna@fabrikam.example", "status": "5.1.1", "category": "recipient-unknown", "count": 1},
    {"recipient": "cleo@fabrikam.example", "status": "5.2.2", "category": "mailbox-full", "count": 1},
)  # fmt: skip
CLIXML = (
    '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">\r\n  <Obj RefId="0">\r\n'
    '    <TN RefId="0"><T>Deserialized.Microsoft.Exchange.Management.TransportLogSearchTasks.MessageTrackingEvent</T></TN>\r\n'
    "    <ToString>Microsoft.Exchange.Management.TransportLogSearchTasks.MessageTrackingEvent</ToString>\r\n    <Props>\r\n"
    '      <DT N="Timestamp">2026-10-18T11:14:03.123+02:00</DT>\r\n      <S N="ClientIp">192.0.2.11</S>\r\n'
    '      <S N="ClientHostname">EX01</S>\r\n      <S N="ServerIp">203.0.113.7</S>\r\n'
    '      <S N="ServerHostname">mx.fabrikam.example</S>\r\n      <S N="ConnectorId">Outbound</S>\r\n'
    '      <S N="Source">SMTP</S>\r\n      <S N="EventId">DEFER</S>\r\n'
    '      <S N="MessageId">&lt;offer-4711@contoso.example&gt;</S>\r\n'
    '      <Obj N="Recipients" RefId="1"><TN RefId="1"><T>Deserialized.System.String[]</T></TN><LST>'
    "<S>anna@fabrikam.example</S></LST></Obj>\r\n"
    '      <Obj N="RecipientStatus" RefId="2"><TNRef RefId="1" /><LST><S>' + groups(REQUIRED) + "</S></LST></Obj>\r\n"
    '      <S N="MessageSubject">Offer, second try</S>\r\n      <S N="Sender">karl.holm@contoso.example</S>\r\n'
    "    </Props>\r\n  </Obj>\r\n</Objs>"
)
VARIANTS.add("Export-Clixml keeps the recipients and their status", CLIXML, OF_DEFER)
VARIANTS.add(
    "Select-Object with -join: recipients and status in one cell each",
    '"Timestamp","EventId","Source","ClientHostname","Recipients","RecipientStatus"\r\n'
    '"18.10.2026 09:14:03","FAIL","SMTP","EX01","anna@fabrikam.example; ben@fabrikam.example",'
    '"550 5.1.1 User unknown; 550 5.7.1 Message refused"\r\n',
    {"recipient": "anna@fabrikam.example", "status": "5.1.1", "diagnostic": "550 5.1.1 User unknown", "time": None},
    {"recipient": "ben@fabrikam.example", "status": "5.7.1", "diagnostic": "550 5.7.1 Message refused"},
)
VARIANTS.add(
    "a list in which the shell left recipients out",
    "Timestamp       : 18/10/2026 09:14:03\nClientHostname  : EX01\nSource          : SMTP\nEventId         : DEFER\n"
    "MessageId       : <a@contoso.example>\n"
    "Recipients      : {a@fabrikam.example, b@fabrikam.example, c@fabrikam.example, d@fabrikam.example...}\n"
    "RecipientStatus : {" + ", ".join(groups("451 4.7.1 Greylisted") for _ in range(4)) + "...}\nRecipientCount  : 6\n",
    *({"recipient": f"{one}@fabrikam.example", "status": "4.7.1", "action": "delayed"} for one in "abcd"),
)  # fmt: skip
VARIANTS.add(
    "a mailbox that is full, told by the store",
    "Timestamp       : 10/18/2026 9:14:03 AM\nClientIp        : 192.0.2.12\nClientHostname  : EX02\nServerIp        :\n"
    "ServerHostname  : EX01\nSourceContext   : 08DD3FA5DBC8F401;2026-10-18T07:14:02.000Z;ClientSubmitTime:\nConnectorId     :\n"
    "Source          : STOREDRIVER\nEventId         : FAIL\nMessageId       : <a@fabrikam.example>\n"
    "Recipients      : {anna@contoso.example}\n"
    "RecipientStatus : {[{LED=554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoff"
    "QuotaExceeded; Failed to process message due to a permanent exception};{MSG=};{FQDN=};{IP=};{LRT=}]}\n"
    "Sender          : jo@fabrikam.example\n",
    {"recipient": "anna@contoso.example", "reply_code": 554, "status": "5.2.2", "reported_by": "ex02", "sending_host": None,
     "receiving_host": None, "category": "mailbox-full", "from": "jo@fabrikam.example"},
)  # fmt: skip

# Exchange Online

VARIANTS.add(
    "Get-MessageTraceDetailV2: the on-premises server is not recognised",
    "MessageId      : <a@contoso.example>\nMessageTraceId : 0f0e0d0c-1111-4222-8333-444455556666\n"
    "Date           : 10/18/2026 9:14:03 AM\nEvent          : Fail\n"
    "Detail         : Reason: [{LED=550 5.7.64 TenantAttribution; Relay Access Denied [AM5EUR02FT010.eop-EUR02.prod.protection."
    "outlook.com 2026-10-18T09:14:03.121Z 08DD3FA5DBC8F401]};{MSG=};{FQDN=};{IP=};{LRT=}]\nAction         :\n",
    {"action": "failed", "reply_code": 550, "status": "5.7.64", "category": "connector-attribution",
     "time": "2026-10-18T09:14:03Z", "message_id": "a@contoso.example"},
)  # fmt: skip
VARIANTS.add(
    "Get-MessageTraceV2 as JSON of PowerShell 7",
    json.dumps([
        {"MessageId": "<a@contoso.example>", "Received": "2026-10-18T09:14:03.1234567", "SenderAddress": "karl@contoso.example",
         "RecipientAddress": "anna@fabrikam.example", "Subject": "Offer", "Status": status, "ToIP": None,
         "FromIP": "192.0.2.11", "Size": 2690, "MessageTraceId": GUID}
        for status in ("Delivered", "Failed", "Pending", "FilteredAsSpam", "Expanded")
    ]),
    {"action": "failed", "recipient": "anna@fabrikam.example", "from": "karl@contoso.example", "diagnostic": None},
    {"action": "delayed", "recipient": "anna@fabrikam.example", "diagnostic": None},
    suppressed={"other-event": 3},
)  # fmt: skip


@pytest.mark.parametrize(("content", "answers", "whole"), VARIANTS.values(), ids=VARIANTS.keys())
def test_each_variant_of_tracking_has_its_answer(content: bytes, answers: list[Expected], whole: Expected) -> None:
    """Recipient, both ends and cause are those that a person reads, whatever program saved the events."""
    check(content, answers, whole, HOSTS)
