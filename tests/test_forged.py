"""Reports that somebody forged, read on the whole way: none is certain, and none blames an innocent host for certain.

Each stands in a table with what gives it away. The text of all states its cause, so that one that is believed would be
certain: the genuine report at the end is.
"""

import hashlib
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest

from triage.collect.item import Item
from triage.group import SqliteDocuments, incidents
from triage.model import Incident, Place
from triage.pipeline import Parts, read, take_in
from triage.settings import Settings
from triage.wiring import parts_of

NOW = "2026-10-20T12:00:00Z"
OURS = "mx.contoso.example"
INNOCENT = "hq-ex13a.contoso.example"
CLOUD = "am6pr01mb1234.eurprd01.prod.outlook.com"
STATED = "550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization"
PASS = f"{OURS}; spf=pass smtp.helo=mail.fabrikam.example; dmarc=pass header.from=fabrikam.example"
FAIL = f"{OURS}; spf=fail smtp.mailfrom=contoso.example; dkim=none; dmarc=fail header.from=contoso.example"
WAY_IN = f"Received: from mail.attacker.example (mail.attacker.example [203.0.113.66]) by {OURS} with ESMTPS id 1; Tue, 20 Oct 2026 09:14:20 +0000\r\n"  # noqa: E501
Make = Callable[..., Any]


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Give the real rules, with our domain and the server whose results count."""
    return parts_of(Settings(ours={"domains": ["contoso.example"]}, authserv_id=OURS))


def _stated(ndr: Make, **changes: Any) -> Any:
    return ndr(**{"status": "5.7.67", "diagnostic": f"smtp;{STATED}", "final_line": STATED, "cause": STATED} | changes)


def _not_by_us(report: Any) -> bytes:
    text = report.text().replace("client7.contoso.example (192.0.2.77)", "mail.attacker.example (203.0.113.66)")
    return str(text).encode()


def never_sent(ndr: Make) -> bytes:
    """Backscatter: a stranger's server returns a message that never passed a server of ours, in a stranger's name."""
    report = _stated(
        ndr,
        generating="mx.tailspin.example",
        from_header="<MAILER-DAEMON@mx.tailspin.example>",
        sender="news@attacker.example",
        recipient="otto@tailspin.example",
        message_id="spam-1@attacker.example",
    )
    return _not_by_us(report)


def spoofed_sender(ndr: Make) -> bytes:
    """Backscatter: the returned message bears our address, and its stamps show no server of ours."""
    report = _stated(ndr, generating="mx.tailspin.example", from_header="<MAILER-DAEMON@mx.tailspin.example>")
    return _not_by_us(report)


def phishing(_: Make) -> bytes:
    """A page that looks like a report and wants a click: no machine part, a link, from a stranger."""
    mail = EmailMessage()
    mail["Return-Path"] = "<bounce@attacker.example>"
    mail["From"] = "Mail Delivery Subsystem <postmaster@contoso-support.example>"
    mail["To"] = "karl.holm@contoso.example"
    mail["Subject"] = "Undeliverable: 7 messages are held, mailbox full"
    mail.set_content(
        f"Delivery has failed. Remote Server returned '{STATED}'\n\nGenerating server: {INNOCENT}\n\n"
        "Log in to release your messages: https://attacker.example/login\n"
    )
    return mail.as_bytes()


def other_host_in_text(ndr: Make) -> bytes:
    """A genuine report in which the other server's name was changed, in the part that people read."""
    return bytes(_stated(ndr, remote_mta="mx1.fabrikam.example", receiving="mx.tailspin.example"))


def other_reporter(ndr: Make) -> bytes:
    """A genuine report in which the name of the reporting server was changed, in the machine part."""
    return bytes(_stated(ndr)).replace(b"Reporting-MTA: dns;hq-ex13a.contoso", b"Reporting-MTA: dns;mx.tailspin", 1)


def failed_results(ndr: Make) -> bytes:
    """A report in our server's name that our own server found to be false."""
    return bytes(_stated(ndr, authentication_results=FAIL))


def foreign_results(ndr: Make) -> bytes:
    """A report in our server's name, with a pass that a foreign server wrote, come by a stranger's server."""
    foreign = PASS.replace(OURS, "mx.attacker.example").replace("fabrikam", "contoso")
    return WAY_IN.encode() + bytes(_stated(ndr, authentication_results=foreign))


def own_results_below(ndr: Make) -> bytes:
    """A report with a pass that its writer put under our name, below what our server found."""
    made = bytes(_stated(ndr, authentication_results=PASS.replace("fabrikam", "contoso")))
    return f"Authentication-Results: {FAIL}\r\n".encode() + made


def own_pass_of_the_forger(ndr: Make) -> bytes:
    """A report in Exchange Online's name; what our server verified is the forger's own domain."""
    verified = f"{OURS}; spf=pass smtp.mailfrom=attacker.example; dmarc=pass header.from=attacker.example"
    made = _stated(ndr, generating=CLOUD, receiving=INNOCENT, from_header="<postmaster@attacker.example>")
    made.authentication_results = verified
    return WAY_IN.encode() + bytes(made)


def not_null_sender(ndr: Make) -> bytes:
    """A report in our server's name that was sent with an envelope sender, as no report is."""
    return bytes(_stated(ndr)).replace(b"Return-Path: <>", b"Return-Path: <news@attacker.example>", 1)


def spoofed_way(ndr: Make) -> bytes:
    """A report in Exchange Online's name with stamps of its servers below the stranger that handed it over."""
    forged = f"Received: from {CLOUD} by {CLOUD} with Microsoft SMTP Server id 15.20.1.1; Tue, 20 Oct 2026 09:14:12 +0000\r\n"
    made = _stated(ndr, generating=CLOUD, receiving=INNOCENT, from_header="<postmaster@fabrikam.example>")
    return (WAY_IN + forged).encode() + bytes(made)


def from_is_not_ours(ndr: Make) -> bytes:
    """A report in our server's name from an address of somebody else."""
    return bytes(_stated(ndr, from_header="<postmaster@contoso-mail.example>"))


def host_of_ours_unknown(ndr: Make) -> bytes:
    """A report of a partner's server that blames an innocent server of ours which never touched the message."""
    return bytes(_stated(ndr, generating=INNOCENT)).replace(
        b"Return-Path: <>\r\n", b"Return-Path: <>\r\n" + WAY_IN.encode(), 1
    )


FORGED = (
    never_sent, spoofed_sender, phishing, other_host_in_text, other_reporter, failed_results, foreign_results,
    own_results_below, own_pass_of_the_forger, not_null_sender, spoofed_way, from_is_not_ours, host_of_ours_unknown,
)  # fmt: skip


def counted(content: bytes, parts: Parts) -> list[Incident]:
    """Give the incidents that one report makes."""
    item = Item(Place("forged.eml"), content, hashlib.sha256(content).hexdigest())
    with SqliteDocuments(":memory:") as documents:
        for _ in take_in([item], documents, parts, NOW):
            pass
        return list(incidents(documents))


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_report_is_never_certain(ndr: Make, parts: Parts, forged: Callable[[Make], bytes]) -> None:
    """It opens nothing, or something that is `possible` and blames nobody more than that."""
    for incident in counted(forged(ndr), parts):
        verdict = incident.verdict
        assert verdict.confidence == "possible"
        assert verdict.responsible.confidence in (None, "possible")


def _reports(ndr: Make) -> dict[str, bytes]:
    way = "Received: from hq-ex13a.contoso.example (192.0.2.10) by mx.contoso.example with ESMTPS id 1; x\r\n"
    partner = _stated(ndr, generating="mx.tailspin.example", from_header="<MAILER-DAEMON@mx.tailspin.example>")
    return {
        "of our server": bytes(_stated(ndr)),
        "of our server, with its way": way.encode() + bytes(_stated(ndr)),
        "of a partner's server": bytes(partner),
        "passed on by a colleague": bytes(_stated(ndr)).replace(b"<>", b"<karl.holm@contoso.example>", 1),
    }


@pytest.mark.parametrize(
    "name", ["of our server", "of our server, with its way", "of a partner's server", "passed on by a colleague"]
)
def test_a_genuine_report_of_the_same_words_is_believed(ndr: Make, parts: Parts, name: str) -> None:
    """What the forgeries are measured by: its cause is certain; whom it blames is not, for nobody verified it."""
    (incident,) = counted(_reports(ndr)[name], parts)
    assert incident.verdict.confidence == "certain"
    assert incident.verdict.responsible.confidence == "probable"


def test_a_report_passed_on_by_a_partner_is_not_held_for_forged(ndr: Make, parts: Parts) -> None:
    """A person who forwards a report has an address as sender: only what a mail system wrote must have none."""
    partner = ndr(generating="mx.tailspin.example").pasted()
    forwarded = partner.replace(b"karl.holm@contoso.example>\r\nTo: help", b"otto@tailspin.example>\r\nTo: help", 1)
    item = Item(Place("x"), b"Return-Path: <otto@tailspin.example>\r\n" + forwarded, "0" * 64)
    (finding, *_) = read(item, parts).findings
    assert finding.observation.trust.level == "unknown"


def test_many_forged_reports_are_no_better_than_one(ndr: Make, parts: Parts) -> None:
    """All forgeries together, each twenty times, make nothing certain and nobody guilty."""
    items = []
    for number in range(20):
        for forged in FORGED:
            content = forged(ndr).replace(b"offer-4711@", f"offer-{number}@".encode())
            items.append(Item(Place("x"), content, hashlib.sha256(content).hexdigest()))
    with SqliteDocuments(":memory:") as documents:
        for _ in take_in(items, documents, parts, NOW):
            pass
        verdicts = [one.verdict for one in incidents(documents)]
    assert verdicts
    assert all(one.confidence == "possible" and one.responsible.confidence in (None, "possible") for one in verdicts)
