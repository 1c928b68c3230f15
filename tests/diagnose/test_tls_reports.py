"""What a TLS report tells is hearsay: each result type has a cause, and none is ever more than possible."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.diagnose import Rulebook, diagnose
from triage.hosts import Hosts
from triage.model import Diagnosis, Observation, Product, Software, Tls
from triage.model.words import Category

HOSTS = Hosts(domains=["contoso.example"])

RESULTS: dict[str, tuple[Category, str]] = {
    "starttls-not-supported": ("tls-required", "host"),
    "certificate-host-mismatch": ("tls-certificate", "host"),
    "certificate-expired": ("tls-certificate", "host"),
    "certificate-not-trusted": ("tls-certificate", "host"),
    "validation-failure": ("tls-negotiation", "host"),
    "tlsa-invalid": ("tls-certificate", "host"),
    "dnssec-invalid": ("dns", "domain"),
    "dane-required": ("dns", "domain"),
    "sts-policy-fetch-error": ("policy", "domain"),
    "sts-policy-invalid": ("policy", "domain"),
    "sts-webpki-invalid": ("tls-certificate", "domain"),
}
"""The eleven registered result types (RFC 8460 section 4.3)."""


@cache
def book() -> Rulebook:
    """Load the shipped rules once."""
    return Rulebook.load()


def told(result: str | None, reason: str = "", **changes: object) -> Observation:
    """Give a failure as a TLS report of fabrikam.example tells it."""
    said: dict[str, object] = {
        "source": "tls-report",
        "action": "failed",
        "diagnostic": ": ".join(text for text in (result, reason) if text) or None,
        "recipient_domain": "contoso.example",
        "reported_by": "fabrikam.example",
        "receiving_host": "mx1.contoso.example",
        "tls": Tls(error=result),
        "count": 200,
    }
    return Observation(**said | changes)  # type: ignore[arg-type]  # the names above are fields


def verdict(seen: Observation) -> Diagnosis:
    """Diagnose what must be a failure."""
    found = diagnose(seen, book(), HOSTS)
    assert found is not None
    return found


@pytest.mark.parametrize(("result", "answer"), RESULTS.items(), ids=RESULTS)
def test_each_result_type_has_a_cause(result: str, answer: tuple[Category, str]) -> None:
    """A result type names what has to be mended at the domain that the report is about, and is possible at most."""
    found = verdict(told(result))
    assert (found.category, found.responsible.kind) == answer
    assert (found.confidence, found.family, found.responsible.side) == ("possible", "session", "receiving")
    assert found.actor == "mail-team"


REASONS: dict[str, tuple[Category, str]] = {
    "unsupported protocol": ("tls-version", "receiving"),
    "error:0A000102:SSL routines::unsupported protocol": ("tls-version", "receiving"),
    "tlsv1 alert protocol version": ("tls-version", "sending"),
    "no shared cipher": ("tls-cipher", "receiving"),
    "X509_V_ERR_CERT_HAS_EXPIRED": ("tls-certificate", "receiving"),
    "wrong version number": ("tls-negotiation", "receiving"),
    "550 5.1.1 User unknown": ("tls-negotiation", "receiving"),
    "421 4.7.66 TLS 1.0 and 1.1 are not supported": ("tls-version", "receiving"),
}


@pytest.mark.parametrize(("reason", "answer"), REASONS.items(), ids=REASONS)
def test_the_reason_of_a_validation_failure_decides(reason: str, answer: tuple[Category, str]) -> None:
    """A reason that names versions, ciphers or a certificate says which; a reply in its place is not taken for one."""
    found = verdict(told("validation-failure", reason))
    assert (found.category, found.responsible.side, found.confidence) == (answer[0], answer[1], "possible")


@pytest.mark.parametrize("result", [None, "something-new"], ids=["no detail", "a type that came later"])
def test_what_no_rule_knows_is_still_a_failed_session(result: str | None) -> None:
    """Totals without details, and result types that came later, are TLS sessions that failed for a reason left open."""
    assert verdict(told(result)).category == "tls-negotiation"


@given(
    st.sampled_from([*RESULTS, None, "x"]), st.text(max_size=80), st.sampled_from(["14.3.123.4", "15.2.1748.10", None])
)
def test_nothing_in_a_report_makes_it_surer(result: str | None, reason: str, build: str | None) -> None:
    """Whatever a stranger writes into a report, and whatever build the server has, it stays possible and has a cause."""
    software = Software(receiving=Product("Exchange", build))
    found = verdict(told(result, reason, software=software, tls=Tls(error=result, phase="handshake", required=True)))
    assert found.confidence == "possible"
    assert found.category != "unclassified"
