"""Odd ways in which a person passes on what he sees: turned tables, wikis, escaped signs, cells of a mail."""

import base64
import json

import pytest

from tests.decode.protocol_log.conftest import FIELDS, header, log_of
from tests.decode.test_log_variants import (
    IN_TLS,
    OF_IN,
    OF_RESET,
    OF_WELL,
    RESET,
    SEND,
    WENT_WELL,
    mail,
    reordered,
    taken,
    text,
)
from tests.decode.test_queue_variants import GROUPS, LIST, OF_GROUPS, OF_LIST, OF_REFUSED, PAIRS, REFUSED
from tests.decode.test_queue_variants import mail as letter
from tests.decode.test_report_variants import EXPIRED, OF_EXPIRED, WORDS, attached, detail, policy, report
from tests.decode.test_report_variants import mail as report_mail
from tests.decode.test_tracking_variants import DEFER, FIELDS_2019, OF_DEFER, line
from tests.decode.variants import Expected, Variants, check
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"], hosts=["ex01.contoso.example"])
OF_OURS: Expected = {name: value for name, value in OF_LIST.items() if name not in ("reported_by", "sending_host")}
VARIANTS = Variants()
add = VARIANTS.add

# Queues

add(
    "a property and a tab and its value on each line, out of a spreadsheet",
    "".join(f"{n}\t{v}\r\n" for n, v in PAIRS),
    OF_OURS,
)
add(
    "YAML of a script",
    "".join(f"{'- ' if at == 0 else '  '}{n}: {json.dumps(v) if '[' in v else v}\n" for at, (n, v) in enumerate(PAIRS)),
    OF_OURS,
)  # fmt: skip
add("JSON with names in small letters at their start",
    json.dumps({"queues": [{n[0].lower() + n[1:]: v for n, v in PAIRS}]}), OF_OURS)  # fmt: skip
add("one row of a script, no head, semicolons", ";".join(v for _, v in PAIRS) + "\n", OF_OURS)
add("two rows of a script, no head, no type of delivery",
    f"EX02\\3;fabrikam.example;41;{GROUPS}\nEX02\\4;tailspin.example;6;{REFUSED}\n",
    {**OF_GROUPS, "count": 41, "reported_by": "ex02"}, {**OF_REFUSED, "count": 6, "reported_by": "ex02"})  # fmt: skip
add("characters of no width, as a web page puts them into long words",
    LIST.replace("communicating", "communi\u00adcating").replace("SocketError", "Socket\u200bError").replace("\\3", "\\\u200b3"),
    OF_OURS)  # fmt: skip
add("a list of points", f"What we see:\n\n\u2022 {GROUPS}\n\u2022 {REFUSED}\n", OF_GROUPS, OF_REFUSED)
add("Get-Queue | Group-Object LastError: how many queues, not how many messages",
    f"\nCount : 12\nName  : {GROUPS}\nGroup : {{EX01\\3, EX01\\4...}}\n\n", OF_GROUPS)  # fmt: skip
add("CSV as lines of a mail in HTML",
    letter("<html><body><p>queues:</p>" + "".join(
        f"<div>{','.join(chr(34) + value.replace('>', '&gt;') + chr(34) for value in row)}</div>"
        for row in ([n for n, _ in PAIRS], [v for _, v in PAIRS])) + "</body></html>", "text/html"),
    OF_OURS)  # fmt: skip
add("a list whose signs a wiki escaped", LIST.replace(">", "&gt;"), OF_OURS)

# Tracking

add("the log file out of a German spreadsheet: semicolons from its head on",
    "#Software: Microsoft Exchange Server;;;\r\n#Version: 15.02.1748.010;;;\r\n#Log-type: Message Tracking Log;;;\r\n"
    f"#Fields: {FIELDS_2019.replace(',', ';')}\r\n"
    + ";".join(f'"{value}"' if ";" in value else value for value in (DEFER.get(name, "") for name in FIELDS_2019.split(",")))
    + "\r\n", OF_DEFER)  # fmt: skip
add("a row of the log file, its brackets escaped by a wiki",
    line(DEFER).replace("<", "&lt;").replace(">", "&gt;"), OF_DEFER)  # fmt: skip

# Logs

add("a log out of a German spreadsheet: semicolons from its head on",
    text(*(f"{row};;;;" for row in header("send")[:4]), "#Fields: " + FIELDS.replace(",", ";"),
         *reordered([*RESET, *WENT_WELL], ";", tuple(FIELDS.split(",")))),
    OF_RESET, OF_WELL, kind="protocol-log")  # fmt: skip
add("a log whose signs a wiki escaped", text(*SEND).replace("<", "&lt;").replace(">", "&gt;"), OF_RESET, OF_WELL,
    kind="protocol-log")  # fmt: skip
add("a log between the marks of a code block, with a remark before it",
    "The session, see below:\n\n```\n" + text(*RESET) + "```\n", OF_RESET, kind="protocol-log")  # fmt: skip
add("a log in the cells of a table in a mail",
    mail("<html><body><table>" + "".join(
        "<tr>" + "".join(f"<td>{value.replace('<', '&lt;').replace('>', '&gt;')}</td>" for value in row.split("\t")) + "</tr>"
        for row in reordered(RESET, "\t", tuple(FIELDS.split(",")))) + "</table></body></html>", "text/html"),
    OF_RESET, kind="protocol-log")  # fmt: skip
add("Import-Csv and Format-List: a list for each row",
    "\n\n".join("\n".join(f"{name:<15} : {value}".rstrip() for name, value in zip(FIELDS.split(","), row.split(","), strict=True))
                for row in RESET) + "\n", OF_RESET, kind="protocol-log")  # fmt: skip
add("blanks behind each row", text(*(f"{row}   \t" for row in SEND)), OF_RESET, OF_WELL, kind="protocol-log")
add("a client's address of IPv4 written as one of IPv6",
    log_of(*taken(*IN_TLS, "*,,TLS negotiation failed with error SocketError", "-,,Local",
                  remote="[::ffff:203.0.113.7]:41044"), side="receive"),
    {**OF_IN, "phase": "handshake", "error": "SocketError"}, kind="protocol-log")  # fmt: skip

# Reports

add("a report that a gateway unpacked without changing its type",
    report_mail(WORDS, attached(json.dumps(EXPIRED).encode(), "application/tlsrpt+gzip", "report.json.gz"),
                kind="multipart/report; report-type=tlsrpt"), OF_EXPIRED, kind="tls-report")  # fmt: skip
add("addresses of IPv4 written as those of IPv6",
    json.dumps(report(policy(detail("certificate-expired", **{"sending-mta-ip": "::ffff:203.0.113.60"})))), OF_EXPIRED,
    kind="tls-report")  # fmt: skip
add("a report in base64 alone, as a program stores it",
    json.dumps({"id": 1, "report": EXPIRED, "raw": base64.b64encode(b"x").decode()}), OF_EXPIRED, kind="tls-report")  # fmt: skip
add("details within a list of lists", json.dumps(report(policy([detail("certificate-expired")]))), OF_EXPIRED,
    kind="tls-report")  # fmt: skip


@pytest.mark.parametrize(("content", "answers", "whole"), VARIANTS.values(), ids=VARIANTS.keys())
def test_each_odd_variant_has_its_answer(content: bytes, answers: list[Expected], whole: Expected) -> None:
    """What a person reads in it is what is told of it."""
    check(content, answers, whole, HOSTS)
