"""The whole way from bytes to a document, for Exchange's reports and for what people make of them."""

from collections.abc import Callable
from typing import Any

import pytest

from triage.decode import decode
from triage.hosts import Hosts
from triage.model import Document, Observation, Reply

FORMS = ["direct", "attached", "pasted", "attached twice"]


def _in_form(built: Any, form: str) -> bytes:
    if form == "direct":
        return bytes(built)
    if form == "attached twice":
        inner = built.attached().decode()
        return (
            "From: Eve <eve@contoso.example>\nSubject: FW: FW: x\nMIME-Version: 1.0\n"
            'Content-Type: multipart/mixed; boundary="outermost"\n\n'
            f"--outermost\n\nSee below.\n--outermost\nContent-Type: message/rfc822\n\n{inner}\n--outermost--\n"
        ).encode()
    return bytes(getattr(built, form)())


@pytest.mark.parametrize("form", FORMS)
def test_one_report_in_every_form_says_the_same(ndr: Callable[..., Any], form: str) -> None:
    """A report that arrives directly, attached at any depth or pasted names the same fault between the same ends."""
    document = decode(_in_form(ndr(), form), Hosts())
    one = document.observations[0]
    assert document.kind == "bounce"
    assert (one.recipient, one.reply_code, one.status) == ("anna.berg@fabrikam.example", 421, "4.4.2")
    assert (one.diagnostic or "").startswith("421 4.4.2 Connection dropped due to SocketError")
    assert (one.sending_host, one.receiving_host) == (
        "hq-ex13a.contoso.example",
        "fabrikam-example.mail.protection.outlook.com",
    )
    assert one.receiving_ip == "203.0.113.25"
    assert (one.tls.error, one.time) == ("SocketError", "2026-10-20T09:04:11Z")
    assert one.original.message_id == "offer-4711@contoso.example"


def test_cause_of_the_human_part_is_wrapped_by_the_machine_part(ndr: Callable[..., Any]) -> None:
    """The expiry of the machine part stands outermost among the wrappers, the cause comes from the text."""
    one = decode(bytes(ndr()), Hosts()).observations[0]
    assert [(reply.reply_code, reply.status) for reply in one.wrappers] == [(550, "4.4.7"), (451, "4.4.0")]


def test_expiry_alone_stays_an_expiry(ndr: Callable[..., Any]) -> None:
    """Where no part says why, nothing is invented: no cause, no other end."""
    one = decode(bytes(ndr(cause=None, receiving=None)), Hosts()).observations[0]
    assert (one.reply_code, one.status, one.receiving_host, one.tls.error) == (550, "4.4.7", None, None)


def test_chain_of_exchange_online(ndr: Callable[..., Any]) -> None:
    """Exchange Online's report: the inner reply from the text, both ends, and that TLS was demanded."""
    wrapper = "550 5.4.317 Message expired, cannot connect to remote server"
    inner = "451 5.7.3 STARTTLS is required to send mail"
    online = "ab1pr01mb0001.eurprd01.prod.outlook.com"
    one = decode(
        bytes(
            ndr(
                generating=online.upper(),
                receiving="mx.fabrikam.example",
                diagnostic=f"smtp;{wrapper}",
                status="5.4.317",
                final_line=f"{wrapper}({inner})",
                cause=f"450 4.4.317 Cannot connect to remote server [Message={inner}]"
                f" [LastAttemptedServerName=mx.fabrikam.example] [LastAttemptedIP=203.0.113.25:25]({inner})",
                build="15.20.4150.23",
            )
        ),
        Hosts(),
    ).observations[0]
    assert (one.reply_code, one.status, one.tls.required, one.tls.phase) == (451, "5.7.3", True, "starttls")
    assert (one.sending_host, one.receiving_host, one.receiving_ip) == (online, "mx.fabrikam.example", "203.0.113.25")
    assert one.wrappers == (Reply(550, "5.4.317", "Message expired, cannot connect to remote server"),)


def test_build_of_the_sending_server(ndr: Callable[..., Any]) -> None:
    """The stamp that the reporting server put on the message names its own build."""
    first, hop = decode(bytes(ndr(build="14.3.123.4")), Hosts()).observations
    assert first.software.sending is not None
    assert (first.software.sending.product, first.software.sending.build) == ("Exchange 2010", "14.3.123.4")
    assert (hop.source, hop.action, hop.impact) == ("received", "relayed", "none")
    assert (hop.sending_host, hop.receiving_host) == ("client7.contoso.example", "hq-ex13a.contoso.example")


STAMPS = [
    ("Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)", "1.2"),
    ("Microsoft SMTP Server (version=TLS1_0, cipher=TLS_RSA_WITH_AES_256_CBC_SHA)", "1.0"),
    ("Microsoft SMTP Server (TLS)", None),
    ("Microsoft SMTP Server", "none"),
]


@pytest.mark.parametrize(("stamp", "version"), STAMPS, ids=[stamp for stamp, _ in STAMPS])
def test_hop_that_delivered_tells_its_tls_version(ndr: Callable[..., Any], stamp: str, version: str | None) -> None:
    """A Received stamp of the returned message is an observation too, with the version that it names."""
    hop = decode(bytes(ndr(stamp=stamp)), Hosts()).observations[-1]
    assert (hop.action, hop.tls.version) == ("relayed", version)


def test_remote_rejection_names_both_ends(
    report: Callable[..., bytes], said: Callable[[bytes], list[Observation]]
) -> None:
    """Where a remote server answered, the reporting server was its client."""
    (one,) = said(report())
    assert (one.reported_by, one.sending_host, one.receiving_host) == (
        "mx.contoso.example",
        "mx.contoso.example",
        "mx.fabrikam.example",
    )


LOCAL = [
    ("the reporter is named as the remote", "Remote-MTA: dns; mx.contoso.example\n"),
    ("no remote", ""),
]


@pytest.mark.parametrize("remote", [remote for _, remote in LOCAL], ids=[name for name, _ in LOCAL])
def test_local_rejection_has_no_hop(
    report: Callable[..., bytes], said: Callable[[bytes], list[Observation]], remote: str
) -> None:
    """Where the reporting server refused by itself there is no hop, and no end of one."""
    machine = (
        "Reporting-MTA: dns; mx.contoso.example\n\nFinal-Recipient: rfc822; anna@contoso.example\nAction: failed\n"
        f"Status: 5.1.1\n{remote}Diagnostic-Code: smtp; 550 5.1.1 RESOLVER.ADR.RecipNotFound; not found\n"
    )
    (one,) = said(report(machine))
    assert (one.sending_host, one.receiving_host, one.status) == (None, None, "5.1.1")


def test_status_field_that_differs_stands_among_the_wrappers(
    report: Callable[..., bytes], said: Callable[[bytes], list[Observation]]
) -> None:
    """The cause's own status wins; the Status field is kept."""
    machine = (
        "Reporting-MTA: dns; mx.contoso.example\n\nFinal-Recipient: rfc822; anna@fabrikam.example\nAction: failed\n"
        "Status: 5.0.0\nDiagnostic-Code: smtp; 550 5.7.1 not today\n"
    )
    (one,) = said(report(machine))
    assert (one.status, one.wrappers) == ("5.7.1", (Reply(None, "5.0.0", None),))


def test_several_reports_in_one_forward(
    report: Callable[..., bytes], said: Callable[[bytes], list[Observation]]
) -> None:
    """Someone who forwards a batch of reports has each of them read."""
    other = report().replace(b"anna@", b"ben@")
    parts = b"".join(b"--q\nContent-Type: message/rfc822\n\n" + one + b"\n" for one in (report(), other))
    head = b"From: eve@contoso.example\nSubject: FW: bounces\nMIME-Version: 1.0\nContent-Type: multipart/digest; boundary=q\n\n"
    assert [one.recipient for one in said(head + parts + b"--q--\n")] == [
        "anna@fabrikam.example",
        "ben@fabrikam.example",
    ]


def test_html_only_report(ndr: Callable[..., Any]) -> None:
    """A forward that left nothing but HTML is read like the plain text."""
    built = ndr()
    lines = built.human().replace("&", "&amp;").replace("<", "&lt;").replace("'", "\u2019").split("\r\n")
    page = "<html><body><p>" + "<br>\r\n".join(lines) + "</p></body></html>"
    head = "From: Eve <eve@contoso.example>\r\nSubject: FW: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    one = decode((head + page).encode(), Hosts()).observations[0]
    assert (one.recipient, one.reply_code, one.sending_host) == (built.recipient, 421, built.generating)


def test_report_inside_winmail_is_asked_for_again(read: Callable[[bytes], Document]) -> None:
    """What Outlook hid in a winmail.dat is unreadable, and the sentence says what to do."""
    content = (
        b"From: eve@contoso.example\nSubject: FW: Undeliverable: Offer\nMIME-Version: 1.0\n"
        b"Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\neJ8+Ig==\n"
    )
    document = read(content)
    assert document.kind == "unreadable"
    assert "winmail.dat" in (document.error or "")


def test_trust_counts_only_our_own_server(report: Callable[..., bytes]) -> None:
    """Authentication-Results count from the named server alone; without one the trust is unknown."""
    content = report(extra="Authentication-Results: mx.evil.example; dmarc=fail header.from=contoso.example\n")
    assert decode(content, Hosts(), "mx.ours.example").observations[0].trust.level == "unknown"
    assert decode(content, Hosts(), "mx.evil.example").observations[0].trust.level == "low"


BARE = "The mail system\n\n<anna@fabrikam.example>: host mx.fabrikam.example[203.0.113.7] said: 550 5.1.1 unknown\n"
ADDRESSED = {
    "to a person": ("To: Karl <karl@contoso.example>\n", "karl@contoso.example"),
    "to the postmaster, a copy": ("To: postmaster@contoso.example\n", None),
    "to several": ("To: karl@contoso.example, lena@contoso.example\n", None),
}


@pytest.mark.parametrize(("to", "sender"), ADDRESSED.values(), ids=ADDRESSED)
def test_who_gets_the_report_sent_what_came_back(
    said: Callable[[bytes], list[Observation]], to: str, sender: str | None
) -> None:
    """Where nothing came back, a report to one person tells the sender (RFC 3464 section 2); a copy of it does not."""
    head = f"From: Mail Delivery System <MAILER-DAEMON@mx.contoso.example>\n{to}Subject: Undelivered Mail\n\n"
    (one,) = said(f"{head}{BARE}".encode())
    assert one.original.from_ == sender


def test_who_passes_a_report_on_did_not_send_what_came_back(said: Callable[[bytes], list[Observation]]) -> None:
    """The addressee of a forward is the help desk."""
    head = "From: Karl <karl@contoso.example>\nTo: help@contoso.example\nSubject: Fwd: Undelivered Mail\n\n"
    quoted = "---------- Forwarded message ---------\nFrom: Mail Delivery System <MAILER-DAEMON@mx.contoso.example>\n\n"
    (one,) = said(f"{head}{quoted}{BARE}".encode())
    assert one.original.from_ is None
