"""TLS reports are read as their reporters really write them: packed, mailed, with keys missing and totals that differ."""

import base64
import copy
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.decode.exports import read_export
from triage.decode.tls_report import MAX_OBSERVATIONS, is_report, read_report
from triage.hosts import Hosts
from triage.model import Document

REPORT: dict[str, Any] = {
    "organization-name": "Fabrikam Mail",
    "date-range": {"start-datetime": "2026-10-17T00:00:00Z", "end-datetime": "2026-10-17T23:59:59Z"},
    "contact-info": "tls-reports@fabrikam.example",
    "report-id": "2026-10-17T00:00:00Z_contoso.example",
    "policies": [
        {
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1", "mode: enforce", "mx: *.contoso.example", "max_age: 86400"],
                "policy-domain": "contoso.example",
                "mx-host": ["*.contoso.example"],
            },
            "summary": {"total-successful-session-count": 1200, "total-failure-session-count": 40},
            "failure-details": [
                {
                    "result-type": "validation-failure",
                    "sending-mta-ip": "198.51.100.62",
                    "receiving-mx-hostname": "MX1.contoso.example.",
                    "receiving-ip": "192.0.2.25",
                    "failed-session-count": 30,
                    "failure-reason-code": "unsupported protocol",
                },
                {
                    "result-type": "starttls-not-supported",
                    "receiving-mx-hostname": "mx2.contoso.example",
                    "failed-session-count": 10,
                },
            ],
        }
    ],
}


def changed(change: Callable[[dict[str, Any]], object]) -> Document:
    """Read the report above after a change."""
    report = copy.deepcopy(REPORT)
    change(report)
    return read_report([report])


def found(content: bytes) -> Document:
    """Read what must be a report."""
    document = read_export(content, Hosts())
    assert document is not None
    return document


def test_each_failure_detail_is_told_with_its_count() -> None:
    """Who failed to reach which server, how often, and with which result, at the end of the period."""
    first, second, _ = read_report([REPORT]).observations
    assert (first.source, first.action, first.impact, first.count) == ("tls-report", "failed", "none", 30)
    assert (first.sending_ip, first.receiving_host, first.receiving_ip) == (
        "198.51.100.62", "mx1.contoso.example", "192.0.2.25",
    )  # fmt: skip
    assert first.diagnostic == "validation-failure: unsupported protocol"
    assert (first.tls.error, first.tls.phase, first.tls.required) == ("validation-failure", None, True)
    assert (first.recipient_domain, first.time, first.reported_by) == (
        "contoso.example", "2026-10-17T23:59:59Z", "fabrikam.example",
    )  # fmt: skip
    assert (second.diagnostic, second.tls.phase, second.count) == ("starttls-not-supported", "starttls", 10)


def test_successes_are_relayed_sessions() -> None:
    """The sessions that succeeded are one observation; their TLS version is not told."""
    last = read_report([REPORT]).observations[-1]
    assert (last.action, last.count, last.tls.version, last.recipient_domain) == (
        "relayed",
        1200,
        None,
        "contoso.example",
    )


TOTALS = {
    "below the sum": (5, [30, 10]),
    "above the sum": (100, [30, 10, 60]),
    "missing": (None, [30, 10]),
    "as text": ("40", [30, 10]),
    "negative": (-3, [30, 10]),
}


@pytest.mark.parametrize(("total", "counts"), TOTALS.values(), ids=TOTALS.keys())
def test_totals_that_differ_from_their_details_invent_nothing(total: object, counts: list[int]) -> None:
    """The details count; what the total has more of are failures of which nothing else is known."""
    document = changed(lambda one: one["policies"][0]["summary"].update({"total-failure-session-count": total}))
    assert [one.count for one in document.observations if one.action == "failed"] == counts


def test_failures_without_details_are_still_failures() -> None:
    """A summary alone gives its count, and no cause."""
    document = changed(lambda one: one["policies"][0].pop("failure-details"))
    assert [(one.action, one.count, one.diagnostic) for one in document.observations] == [
        ("failed", 40, None), ("relayed", 1200, None),
    ]  # fmt: skip


REQUIRED = {
    "MTA-STS, enforced": ({"policy-type": "sts", "policy-string": ["mode: enforce"]}, True),
    "MTA-STS, on trial": ({"policy-type": "sts", "policy-string": ["mode: testing"]}, False),
    "MTA-STS, policy not told": ({"policy-type": "sts"}, None),
    "DANE": ({"policy-type": "tlsa", "policy-string": ["3 1 1 0123"]}, True),
    "no policy": ({"policy-type": "no-policy-found"}, None),
}


@pytest.mark.parametrize(("policy", "required"), REQUIRED.values(), ids=REQUIRED.keys())
def test_the_policy_says_whether_tls_was_demanded(policy: dict[str, Any], required: bool | None) -> None:
    """A policy on trial demands nothing; one that is not told leaves it open."""
    document = changed(lambda one: one["policies"][0].update(policy=policy))
    assert {one.tls.required for one in document.observations} == {required}


@pytest.mark.parametrize("key", ["organization-name", "date-range", "contact-info", "report-id"])
def test_a_missing_key_costs_only_what_it_holds(key: str) -> None:
    """Real reports leave keys out."""
    assert [one.count for one in changed(lambda one: one.pop(key)).observations] == [30, 10, 1200]


@pytest.mark.parametrize("key", ["policy", "summary"])
def test_a_policy_without_a_part_is_read(key: str) -> None:
    """The failures are told even where the policy or its summary is missing."""
    document = changed(lambda one: one["policies"][0].pop(key))
    assert [one.count for one in document.observations][:2] == [30, 10]


MX_HOSTS = {
    "a name": ("MX.contoso.example", "mx.contoso.example"),
    "a list of one": (["mx.contoso.example"], "mx.contoso.example"),
    "a pattern": ("*.contoso.example", None),
    "several": (["mx1.contoso.example", "mx2.contoso.example"], None),
    "no text": (17, None),
}


@pytest.mark.parametrize(("value", "host"), MX_HOSTS.values(), ids=MX_HOSTS.keys())
def test_the_policys_only_server_stands_in_for_a_missing_one(value: object, host: str | None) -> None:
    """Which of several servers failed is not guessed."""

    def change(report: dict[str, Any]) -> None:
        report["policies"][0]["policy"]["mx-host"] = value
        report["policies"][0]["failure-details"][1].pop("receiving-mx-hostname")

    assert changed(change).observations[1].receiving_host == host


@pytest.mark.parametrize(
    ("end", "time"),
    [
        ("2026-10-18T01:59:59+02:00", "2026-10-17T23:59:59Z"),
        ("2026-10-17T23:59:59", None),
        ("yesterday", None),
        (7, None),
    ],
)
def test_the_end_of_the_period_is_the_time(end: object, time: str | None) -> None:
    """In UTC, and only where its zone is told."""
    document = changed(lambda one: one["date-range"].update({"end-datetime": end}))
    assert {one.time for one in document.observations} == {time}


def test_who_reported_is_the_contacts_domain_else_the_name() -> None:
    """A domain can be compared with hosts, an organisation's name only be shown."""
    document = changed(lambda one: one.update({"contact-info": "see our site"}))
    assert {one.reported_by for one in document.observations} == {"fabrikam mail"}


def mailed(content: bytes, kind: str, *, name: str | None = None, outer: str = "multipart/report; report-type=tlsrpt",
           submitter: str = "TLS-Report-Submitter: mail.fabrikam.example\n") -> bytes:  # fmt: skip
    """Give the mail that carries a report (RFC 8460 section 5.3)."""
    name = name or "mail.fabrikam.example!contoso.example!1792195200!1792281599.json.gz"
    return (
        "From: tls-reports@fabrikam.example\nTo: tls-reports@contoso.example\nDate: Sun, 18 Oct 2026 02:00:00 +0000\n"
        "Subject: Report Domain: contoso.example Submitter: mail.fabrikam.example Report-ID: <17@fabrikam.example>\n"
        f"TLS-Report-Domain: contoso.example\n{submitter}MIME-Version: 1.0\nContent-Type: {outer};\n boundary=frontier\n\n"
        "--frontier\nContent-Type: text/plain\n\nThis is an aggregate TLS report.\n\n"
        f'--frontier\nContent-Type: {kind}\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="{name}"\n\n'
    ).encode() + base64.encodebytes(content) + b"--frontier--\n"  # fmt: skip


PLAIN = json.dumps(REPORT).encode()
PACKED = gzip.compress(PLAIN)
CARRIERS = {
    "JSON": PLAIN,
    "JSON with a mark": b"\xef\xbb\xbf" + PLAIN,
    "JSON behind empty lines": b"\r\n\r\n" + json.dumps(REPORT, indent=3).encode(),
    "gzip": PACKED,
    "a list of reports": json.dumps([REPORT]).encode(),
    "mail, packed": mailed(PACKED, "application/tlsrpt+gzip"),
    "mail, not packed": mailed(PLAIN, "application/tlsrpt+json"),
    "mail, type lost": mailed(PACKED, "application/octet-stream"),
    "mail, packed though it says JSON": mailed(PACKED, "application/tlsrpt+json"),
    "mail, another container": mailed(PACKED, "application/tlsrpt+gzip", outer="multipart/mixed"),
}


@pytest.mark.parametrize("content", CARRIERS.values(), ids=CARRIERS.keys())
def test_a_report_is_read_however_it_arrives(content: bytes) -> None:
    """Bare, packed, or in the mail that carries it, whatever a gateway made of its type."""
    document = found(content)
    assert (document.kind, [one.count for one in document.observations]) == ("tls-report", [30, 10, 1200])


def test_the_submitter_is_who_reports() -> None:
    """The mail names the submitter's domain; the report's contact stands in without it."""
    content = mailed(PACKED, "application/tlsrpt+gzip")
    assert {one.reported_by for one in found(content).observations} == {"mail.fabrikam.example"}
    content = mailed(PACKED, "application/tlsrpt+gzip", submitter="")
    assert {one.reported_by for one in found(content).observations} == {"fabrikam.example"}


@pytest.mark.parametrize(
    "content", [PACKED[:60], b"no report", gzip.compress(b"{}"), b""], ids=["cut", "text", "empty", "none"]
)
def test_a_damaged_report_says_so(content: bytes) -> None:
    """A mail whose report cannot be read is unreadable, and a sentence says why."""
    document = found(mailed(content, "application/tlsrpt+gzip"))
    assert document.kind == "unreadable"
    assert "TLS report" in (document.error or "")


def test_a_mail_that_announces_a_report_and_carries_none_is_read_as_mail() -> None:
    """The header alone is no report: what the mail says is for the reader of mail."""
    assert read_export(mailed(PACKED, "image/png", name="picture.png"), Hosts()) is None


def test_a_bounce_of_a_report_is_a_bounce(report: Callable[..., bytes]) -> None:
    """A report that did not arrive comes back within a bounce, which tells more."""
    original = mailed(PACKED, "application/tlsrpt+gzip").decode()
    assert read_export(report(original=original, original_kind="message/rfc822"), Hosts()) is None


def test_a_bomb_is_not_unpacked() -> None:
    """Gzip that unpacks to more than the bound is no report."""
    packer = zlib.compressobj(wbits=31)
    bomb = (
        packer.compress(b'{"policies": [') + b"".join(packer.compress(b" " * 2**20) for _ in range(64)) + packer.flush()
    )
    assert read_export(bomb, Hosts()) is None


def test_more_details_than_the_bound_are_counted() -> None:
    """Beyond the bound details are only counted."""
    detail = {"result-type": "certificate-expired", "failed-session-count": 1}
    document = changed(lambda one: one["policies"][0].update({"failure-details": [detail] * MAX_OBSERVATIONS}))
    assert (len(document.observations), document.suppressed) == (MAX_OBSERVATIONS, {"left-out": 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["policy", "summary", "policy-domain",
        "mx-host", "failure-details", "result-type", "failed-session-count", "policy-string", "end-datetime"]), inner),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=3), JSON, JSON)
def test_no_report_raises(policies: list[Any], period: Any, contact: Any) -> None:
    """Any values in any place give a document whose counts are counts."""
    report = {"policies": policies, "date-range": period, "contact-info": contact, "organization-name": contact}
    assert is_report(report)
    assert all(0 < one.count < 10**12 for one in read_report([report]).observations)
