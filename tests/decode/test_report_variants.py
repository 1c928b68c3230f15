"""TLS reports in the shapes of several reporters and of the programs that keep them, each with its answer."""

import base64
import codecs
import gzip
import json
from typing import Any

import pytest

from tests.decode.variants import Expected, Variants, check
from triage.hosts import Hosts

HOSTS = Hosts(domains=["contoso.example"])
PERIOD = {"start-datetime": "2026-10-17T00:00:00Z", "end-datetime": "2026-10-17T23:59:59Z"}
STS = {
    "policy-type": "sts",
    "policy-string": ["version: STSv1", "mode: enforce", "mx: *.mail.contoso.example", "max_age: 604800"],
    "policy-domain": "contoso.example",
    "mx-host": ["*.mail.contoso.example"],
}


def detail(result: str, count: Any = 3, **more: Any) -> dict[str, Any]:
    """Give a failure detail with what RFC 8460 asks for."""
    return {
        "result-type": result, "sending-mta-ip": "203.0.113.60", "receiving-mx-hostname": "mx1.mail.contoso.example",
        "receiving-ip": "192.0.2.25", "failed-session-count": count, **more,
    }  # fmt: skip


def report(*policies: Any, **more: Any) -> dict[str, Any]:
    """Give a whole report."""
    return {
        "organization-name": "Fabrikam Mail", "date-range": PERIOD, "contact-info": "smtp-tls-reporting@fabrikam.example",
        "report-id": "2026-10-17T00:00:00Z_contoso.example", "policies": list(policies), **more,
    }  # fmt: skip


def policy(*details: Any, good: Any = 0, bad: Any = 3, kind: dict[str, Any] = STS, **more: Any) -> dict[str, Any]:
    """Give one policy with its tallies."""
    return {
        "policy": kind,
        "summary": {"total-successful-session-count": good, "total-failure-session-count": bad},
        "failure-details": list(details),
        **more,
    }


OF_DETAIL: Expected = {
    "source": "tls-report", "action": "failed", "impact": "none", "count": 3, "reported_by": "fabrikam.example",
    "recipient_domain": "contoso.example", "receiving_host": "mx1.mail.contoso.example", "receiving_ip": "192.0.2.25",
    "sending_ip": "203.0.113.60", "sending_host": None, "required": True, "time": "2026-10-17T23:59:59Z",
    "confidence": "possible",
}  # fmt: skip
OF_EXPIRED: Expected = {
    **OF_DETAIL, "error": "certificate-expired", "diagnostic": "certificate-expired", "category": "tls-certificate",
    "phase": "handshake", "side": "receiving",
}  # fmt: skip
EXPIRED = report(policy(detail("certificate-expired")))

VARIANTS = Variants()


def add(name: str, content: str | bytes, *answers: Expected, **whole: Any) -> None:
    """Add a variant of a report."""
    VARIANTS.add(name, content, *answers, kind="tls-report", **whole)


# Result types of RFC 8460 §4.3

for result, category, phase in (
    ("starttls-not-supported", "tls-required", "starttls"),
    ("certificate-host-mismatch", "tls-certificate", "handshake"),
    ("certificate-not-trusted", "tls-certificate", "handshake"),
    ("validation-failure", "tls-negotiation", None),
    ("tlsa-invalid", "tls-certificate", "handshake"),
    ("dnssec-invalid", "dns", None),
    ("dane-required", "dns", None),
    ("sts-policy-fetch-error", "policy", None),
    ("sts-policy-invalid", "policy", None),
    ("sts-webpki-invalid", "tls-certificate", None),
):
    add(
        f"all tallies of a day, {result}",
        json.dumps(report(policy(detail(result), good=5326))),
        {**OF_DETAIL, "error": result, "diagnostic": result, "category": category, "phase": phase},
        {"action": "relayed", "count": 5326, "recipient_domain": "contoso.example", "confidence": None},
    )

# Shapes of reporters

add(
    "several policies, of which one was not found; numbers as text; no detail for one",
    json.dumps(report(
        policy(detail("certificate-expired", "3"), good="17", bad="3"),
        policy(good="0", bad="2", kind={"policy-type": "no-policy-found", "policy-domain": "contoso.example"}),
        policy(detail("dnssec-invalid", "1"), bad="1", kind={"policy-type": "tlsa", "policy-string": ["3 0 1 1F85"],
               "policy-domain": "shop.contoso.example", "mx-host": ["mx1.mail.contoso.example"]}),
    )),
    OF_EXPIRED,
    {"action": "relayed", "count": 17},
    {"action": "failed", "count": 2, "required": None, "diagnostic": None, "recipient_domain": "contoso.example",
     "confidence": "possible"},
    {**OF_DETAIL, "count": 1, "error": "dnssec-invalid", "recipient_domain": "shop.contoso.example"},
)  # fmt: skip
add(
    "counts as numbers with a point, as some stores give them back",
    json.dumps(report(policy(detail("certificate-expired", 3.0), good=17.0, bad=3.0))),
    OF_EXPIRED,
    {"action": "relayed", "count": 17},
)
add(
    "the policy as one text with line ends",
    json.dumps(report(policy(detail("certificate-expired"),
        kind=STS | {"policy-string": "version: STSv1\r\nmode: enforce\r\nmx: *.mail.contoso.example\r\nmax_age: 604800\r\n"}))),
    OF_EXPIRED,
)  # fmt: skip
add(
    "the policy as one text in a list",
    json.dumps(report(policy(detail("certificate-expired"),
        kind=STS | {"policy-string": ["version: STSv1\nmode: testing\nmx: *.mail.contoso.example\nmax_age: 604800"]}))),
    {**OF_EXPIRED, "required": False},
)  # fmt: skip
add(
    "null for all that the reporter does not know",
    json.dumps(report(
        policy({"result-type": "certificate-expired", "sending-mta-ip": None, "receiving-mx-hostname": None,
                "receiving-ip": None, "failed-session-count": 3, "additional-information": None, "failure-reason-code": ""},
               good=None, kind=STS | {"policy-string": None, "mx-host": None}),
        **{"contact-info": None, "organization-name": "Fabrikam Mail"},
    )),
    {**OF_EXPIRED, "sending_ip": None, "receiving_ip": None, "receiving_host": None, "required": None,
     "reported_by": "fabrikam mail"},
)  # fmt: skip
add(
    "no failures: the details left out, or null",
    json.dumps(report({"policy": STS, "summary": {"total-successful-session-count": 12, "total-failure-session-count": 0}},
                      policy(good=5, bad=0) | {"failure-details": None})),
    {"action": "relayed", "count": 12, "reported_by": "fabrikam.example"},
    {"action": "relayed", "count": 5},
)  # fmt: skip
add(
    "names of keys with capitals and underscores",
    json.dumps({
        "Organization_Name": "Fabrikam Mail", "Contact_Info": "tls@fabrikam.example", "Report_Id": "17",
        "Date_Range": {"Start_Datetime": PERIOD["start-datetime"], "End_Datetime": PERIOD["end-datetime"]},
        "Policies": [{
            "Policy": {"Policy_Type": "sts", "Policy_Domain": "contoso.example"},
            "Summary": {"Total_Successful_Session_Count": 0, "Total_Failure_Session_Count": 3},
            "Failure_Details": [{"Result_Type": "certificate-expired", "Failed_Session_Count": 3,
                                 "Receiving_Mx_Hostname": "mx1.mail.contoso.example", "Receiving_Ip": "192.0.2.25",
                                 "Sending_Mta_Ip": "203.0.113.60"}],
        }],
    }),
    {**OF_EXPIRED, "required": None},
)  # fmt: skip
add(
    "as a collector of reports keeps them: flat policies, its own names",
    json.dumps([{
        "organization_name": "Fabrikam Mail", "begin_date": "2026-10-17T00:00:00Z", "end_date": "2026-10-17T23:59:59Z",
        "contact_info": "tls@fabrikam.example", "report_id": "17",
        "policies": [{
            "policy_domain": "contoso.example", "policy_type": "sts", "policy_strings": STS["policy-string"],
            "mx_host_patterns": ["*.mail.contoso.example"], "successful_session_count": 4, "failed_session_count": 3,
            "failure_details": [{"result_type": "certificate-expired", "failed_session_count": 3,
                                 "sending_mta_ip": "203.0.113.60", "receiving_ip": "192.0.2.25",
                                 "receiving_mx_hostname": "mx1.mail.contoso.example"}],
        }],
    }], indent=2),
    OF_EXPIRED,
    {"action": "relayed", "count": 4, "recipient_domain": "contoso.example"},
)  # fmt: skip
add(
    "a report within an object of the program that took it over HTTPS",
    json.dumps({"received": "2026-10-18T06:00:00Z", "remote": "203.0.113.61", "report": EXPIRED}),
    OF_EXPIRED,
)
add(
    "a reason of the reporter beside the result: what says the version stays possible",
    json.dumps(report(policy(detail("validation-failure", **{"failure-reason-code": "tlsv1 alert protocol version"})))),
    {**OF_DETAIL, "error": "validation-failure", "category": "tls-version",
     "diagnostic": "validation-failure: tlsv1 alert protocol version"},
)  # fmt: skip
add(
    "addresses with ports, in brackets, mapped; a host with its final dot",
    json.dumps(report(policy(
        detail("certificate-expired", 1, **{"sending-mta-ip": "203.0.113.60:41022",
               "receiving-mx-hostname": "MX1.mail.contoso.example."}),
        detail("certificate-expired", 2, **{"receiving-ip": "[2001:db8:10::25]:25", "sending-mta-ip": "2001:DB8:60::1"}),
    ))),
    {**OF_EXPIRED, "count": 1},
    {**OF_EXPIRED, "count": 2, "receiving_ip": "2001:db8:10::25", "sending_ip": "2001:db8:60::1"},
)  # fmt: skip
add(
    "the end of the day as a date alone, or without its zone, is no time",
    json.dumps(
        report(policy(detail("certificate-expired")), **{"date-range": {"end-datetime": "2026-10-17T23:59:59"}})
    ),
    {**OF_EXPIRED, "time": None},
)

# Ways of arriving

PACKED = gzip.compress(json.dumps(EXPIRED).encode())
FILE = "fabrikam.example!contoso.example!1792195200!1792281599!001.json.gz"
add("a packed report, saved from the mail", PACKED, OF_EXPIRED)
add("a report with a mark before it, written over many lines",
    codecs.BOM_UTF8 + json.dumps(EXPIRED, indent=4).replace("\n", "\r\n").encode(), OF_EXPIRED)  # fmt: skip


def mail(*parts: str, kind: str = "multipart/mixed", sender: str = "noreply@fabrikam.example") -> str:
    """Give a mail of several parts."""
    return (
        f"From: {sender}\nTo: tls-reports@contoso.example\nSubject: Report Domain: contoso.example Submitter: fabrikam.example"
        f" Report-ID: <17@fabrikam.example>\nDate: Sun, 18 Oct 2026 02:00:00 +0000\nMIME-Version: 1.0\nContent-Type: {kind};"
        " boundary=b\n\n" + "".join(f"--b\n{part}\n" for part in parts) + "--b--\n"
    )


def attached(content: bytes, kind: str, name: str) -> str:
    """Give an attachment."""
    return (
        f'Content-Type: {kind}; name="{name}"\nContent-Disposition: attachment; filename="{name}"\n'
        f"Content-Transfer-Encoding: base64\n\n{base64.encodebytes(content).decode()}"
    )


WORDS = "Content-Type: text/plain\n\nThis is an aggregate TLS report from fabrikam.example\n"
LOW: Expected = {"trust": "low"}
add(
    "a mail that announces nothing, the attachment of a general type",
    mail(WORDS, attached(PACKED, "application/gzip", FILE)),
    {**OF_EXPIRED, **LOW},
)
add(
    "a mail whose attachment has a name of a gateway",
    mail(WORDS, attached(PACKED, "application/octet-stream", "attachment-1.dat")),
    {**OF_EXPIRED, **LOW},
)
add(
    "a mail with the report as it is, of type application/json",
    mail(WORDS, attached(json.dumps(EXPIRED).encode(), "application/json", "report.json")),
    {**OF_EXPIRED, **LOW},
)
add(
    "a report's mail that an admin passed on as an attachment",
    mail(
        "Content-Type: text/plain\n\nlook at this\n",
        "Content-Type: message/rfc822\n\n"
        + mail(WORDS, attached(PACKED, "application/tlsrpt+gzip", FILE), kind="multipart/report; report-type=tlsrpt")
        .replace("=b\n", "=c\n").replace("--b", "--c"),
        sender="karl.holm@contoso.example",
    ),
    OF_EXPIRED,
)  # fmt: skip
add(
    "a mail of type multipart/report whose text stands before a part without a type of its own",
    mail(WORDS, attached(PACKED, "application/tlsrpt+gzip", "report"), kind='multipart/report; report-type="tlsrpt"'),
    OF_EXPIRED,
)


@pytest.mark.parametrize(("content", "answers", "whole"), VARIANTS.values(), ids=VARIANTS.keys())
def test_each_variant_of_a_report_has_its_answer(content: bytes, answers: list[Expected], whole: Expected) -> None:
    """Domain, server, result and tally are those that a person reads, and no report makes more than `possible`."""
    check(content, answers, whole, HOSTS)
