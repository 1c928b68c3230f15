"""Mail by SMTP: what is sent, how the server's replies are read, and that our own bounces open nothing."""

import email
import email.policy
import socket
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

import triage.notify.smtp
from tests.notify.test_sinks import notice
from tests.servers.smarthost import USER, WORD, SmartHost
from triage.decode import decode
from triage.errors import Misconfigured
from triage.hosts import Hosts
from triage.model import Affected, Change, FilledRunbook, Incident, Notice
from triage.model.mark import Mark
from triage.notify import Accepted, Digest, Later, Letter, Refused, Texts, open_sinks
from triage.notify.post import Line
from triage.notify.sinks.mail import Mail
from triage.settings import Settings, Sinks
from triage.sink_settings import MailSettings

NOW = "2026-10-20T12:00:00Z"
SENDER = "triage@contoso.example"
MARK = Mark(SENDER, b"a key of thirty-two random bytes")
HERE = Line(allow_loopback=True)


@pytest.fixture
def letter(
    make_incident: Callable[..., Incident],
    runbook: FilledRunbook,
    texts: Texts,
    affected: tuple[Affected, ...],
) -> Callable[..., Letter]:
    """Give a function that makes the letter of some notices."""

    def make(*notices: Notice, **changes: Any) -> Letter:
        told = notices or (notice(sink="mail"),)
        incident = make_incident(**changes)
        name = f"{incident.id}/{told[0].name}/mail"
        return Letter(name, incident, runbook, told, texts, True, NOW, affected=lambda: affected, mark=MARK)

    return make


def sink(host: SmartHost, line: Line = HERE, **changes: Any) -> Mail:
    """Give the sink that hands over to this server; without TLS unless a test says so."""
    values = {"host": "127.0.0.1", "port": host.port, "security": "none", "to": ("ops@contoso.example",), **changes}
    return Mail(MailSettings(**values), line)


def parsed(host: SmartHost) -> EmailMessage:
    """Give the last mail that arrived."""
    return email.message_from_bytes(host.taken[-1][2], policy=email.policy.default)


def test_a_mail_arrives_with_text_html_and_the_list(letter: Callable[..., Letter]) -> None:
    """One mail: the fault and its host as subject, the ticket as text and as HTML, the list of affected mail as CSV."""
    with SmartHost() as host:
        result = sink(host).send(letter())
        ((sender, recipients, _),) = host.taken
        made = parsed(host)
    assert isinstance(result, Accepted)
    assert (sender, recipients) == ("<>", ["ops@contoso.example"])
    assert "HQ-EX10A" in made["Subject"]
    assert made["From"] == SENDER
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["Message-ID"].strip("<>") == result.remote
    text, html = made.get_body(("plain",)), made.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "What happens" in text.get_content()
    assert "<h1" in html.get_content()
    (attached,) = made.iter_attachments()
    assert attached.get_filename() == "affected.csv"
    assert "returned" in attached.get_content()


def test_later_mail_joins_the_thread(letter: Callable[..., Letter]) -> None:
    """News refer to the first mail (RFC 5322, 3.6.4), say what is new, and bear a Message-ID of their own."""
    grew = Change(kind="grew", at=NOW, text="120 messages, ten times as many as before")
    with SmartHost() as host:
        sink(host).send(letter())
        first = parsed(host)
        sink(host).send(letter(notice("grew:100", sink="mail", whys=(grew,))))
        second = parsed(host)
    assert second["In-Reply-To"] == second["References"] == first["Message-ID"]
    assert second["Message-ID"] != first["Message-ID"]
    assert second["Subject"] == f"Re: {first['Subject']}"
    text = second.get_body(("plain",))
    assert text is not None
    assert "120 messages" in text.get_content()


def test_the_same_message_has_the_same_id_at_each_try(letter: Callable[..., Letter]) -> None:
    """What arrives twice can be told to be one."""
    with SmartHost() as host:
        sink(host).send(letter())
        sink(host).send(letter())
        ids = {email.message_from_bytes(content)["Message-ID"] for _, _, content in host.taken}
    assert len(ids) == 1


def test_hostile_words_add_no_header(letter: Callable[..., Letter], make_incident: Callable[..., Incident]) -> None:
    """Line ends in a host's name, and addresses in it, stay words of the subject."""
    told = letter()
    name = "mx\r\nBcc: eve@attacker.example\r\n\r\n<script>"
    verdict = told.incident.verdict
    blamed = msgspec.structs.replace(verdict.responsible, host=name)
    incident = make_incident(verdict=msgspec.structs.replace(verdict, responsible=blamed))
    changed = Letter(told.id, incident, told.runbook, told.notices, told.texts, True, NOW, mark=MARK)
    with SmartHost() as host:
        assert isinstance(sink(host).send(changed), Accepted)
        made = parsed(host)
        assert host.taken[0][1] == ["ops@contoso.example"]
    assert made["Bcc"] is None
    html = made.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()


@pytest.mark.parametrize(
    ("command", "reply", "kind", "words"),
    [
        ("GREETING", "421 4.3.2 shutting down", Later, "421 4.3.2"),
        ("GREETING", "554 5.7.1 no", Refused, "554 5.7.1"),
        ("MAIL", "421 4.3.0 closing", Later, "421 4.3.0"),
        ("MAIL", "550 5.7.60 not you", Refused, "550 5.7.60"),
        ("RCPT", "450 4.2.1 greylisted", Later, "450 4.2.1"),
        ("RCPT", "550 5.1.1 ops@contoso.example unknown", Refused, "550 5.1.1"),
        ("DATA", "452 4.3.1 full", Later, "452 4.3.1"),
        ("DATA", "554 5.6.0 content", Refused, "554 5.6.0"),
    ],
)
def test_replies_pass_or_are_for_a_person(
    letter: Callable[..., Letter], command: str, reply: str, kind: type, words: str
) -> None:
    """4xx is tried again, 5xx is not (RFC 5321, 4.2.1); the codes are told, what the server wrote is not."""
    with SmartHost() as host:
        host.replies.append((command, reply))
        result = sink(host).send(letter())
        assert host.taken == []
    assert isinstance(result, kind)
    assert isinstance(result, Later | Refused)
    assert words in result.reason
    assert "ops@" not in result.reason
    assert not (isinstance(result, Later) and result.unsure)


def test_one_recipient_that_is_refused_stops_not_the_others(letter: Callable[..., Letter]) -> None:
    """The others get it, and what is kept says that not all did."""
    with SmartHost() as host:
        host.replies.append(("RCPT", "550 5.1.1 unknown"))
        result = sink(host, to=("gone@contoso.example", "ops@contoso.example")).send(letter())
        assert host.taken[0][1] == ["ops@contoso.example"]
    assert isinstance(result, Accepted)
    assert "1 of 2 recipients were not taken" in (result.remote or "")


def test_no_word_after_the_mail_is_unsure(letter: Callable[..., Letter], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that took the mail and says nothing may have it: that counts as one of two tries."""
    monkeypatch.setattr(triage.notify.smtp, "ANSWER_SECONDS", 0.3)
    with SmartHost(seconds=2) as host:
        began = time.monotonic()
        result = sink(host).send(letter())
        took = time.monotonic() - began
    assert isinstance(result, Later)
    assert result.unsure
    assert took < 2


def test_nobody_listening_is_surely_not_told(letter: Callable[..., Letter]) -> None:
    """A connection that never came about sent nothing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = MailSettings(host="127.0.0.1", port=port, to=("ops@contoso.example",))
    result = Mail(settings, HERE).send(letter())
    assert isinstance(result, Later)
    assert not result.unsure


def test_starttls_is_asked_for_and_verified(letter: Callable[..., Letter], certificate: Path) -> None:
    """The default goes over to TLS, takes only a certificate that is vouched for, and logs in after that."""
    with SmartHost(certificate, login=True) as host:
        wanted: dict[str, Any] = {"security": "starttls", "user": USER, "password": SecretStr(WORD)}
        assert sink(host, **wanted).send(letter()) == Later("The certificate of the host is not trusted.")
        assert host.taken == []
        trusting = Line(ca_file=certificate, allow_loopback=True)
        assert isinstance(sink(host, trusting, **wanted).send(letter()), Accepted)
        wrong = {**wanted, "password": SecretStr("not-the-word")}
        result = sink(host, trusting, **wrong).send(letter())
    assert isinstance(result, Refused)
    assert "535" in result.reason


def test_tls_from_the_first_byte(letter: Callable[..., Letter], certificate: Path) -> None:
    """Implicit TLS (RFC 8314) is verified in the same way."""
    with SmartHost(certificate, tls=True) as host:
        assert sink(host, security="tls").send(letter()) == Later("The certificate of the host is not trusted.")
        trusting = Line(ca_file=certificate, allow_loopback=True)
        assert isinstance(sink(host, trusting, security="tls").send(letter()), Accepted)


def test_a_server_without_tls_gets_nothing(letter: Callable[..., Letter], certificate: Path) -> None:
    """Where STARTTLS is not offered the mail is not sent in clear text; where it is refused for now, it is tried again."""
    with SmartHost() as host:
        result = sink(host, security="starttls").send(letter())
        assert host.taken == []
    assert isinstance(result, Refused)
    with SmartHost(certificate) as host:
        host.replies.append(("STARTTLS", "454 4.7.0 TLS not available"))
        result = sink(host, security="starttls").send(letter())
        assert host.taken == []
    assert isinstance(result, Later)


def test_this_machine_is_no_relay_unless_a_trial_says_so(letter: Callable[..., Letter]) -> None:
    """A name that leads to the machine itself is refused."""
    with SmartHost() as host:
        result = sink(host, Line()).send(letter())
        assert host.taken == []
    assert isinstance(result, Refused)


@pytest.mark.parametrize("shape", ["whole message", "headers alone"])
def test_a_bounce_of_our_mail_opens_nothing(letter: Callable[..., Letter], shape: str) -> None:
    """The mail as it arrived, returned in a report (RFC 3464): it is known as ours; the same from anybody else is not."""
    with SmartHost() as host:
        sink(host).send(letter())
        content = host.taken[0][2]
    bounce = returned(content, shape)
    found = decode(bounce, Hosts(domains=["contoso.example"]), mark=MARK)
    assert "own-notice" in str(found)
    assert found.observations == ()
    foreign = returned(content.replace(SENDER.encode(), b"karl@contoso.example"), shape)
    read = decode(foreign, Hosts(domains=["contoso.example"]), mark=MARK)
    assert len(read.observations) == 1


def returned(content: bytes, shape: str) -> bytes:
    """Give the report that a mail server writes when it cannot deliver this message."""
    head, _, _ = content.partition(b"\r\n\r\n")
    kind, part = ("message/rfc822", content) if shape == "whole message" else ("text/rfc822-headers", head + b"\r\n")
    return b"\r\n".join(
        [
            b"From: Mail Delivery System <MAILER-DAEMON@mail.contoso.example>",
            b"To: triage@contoso.example",
            b"Subject: Undelivered Mail Returned to Sender",
            b"Date: Tue, 20 Oct 2026 12:05:00 +0000",
            b"Message-ID: <20261020120500.1@mail.contoso.example>",
            b"MIME-Version: 1.0",
            b'Content-Type: multipart/report; report-type=delivery-status; boundary="b0"',
            b"",
            b"--b0",
            b"Content-Type: text/plain",
            b"",
            b"<ops@contoso.example>: host mx.contoso.example said: 550 5.1.1 User unknown",
            b"--b0",
            b"Content-Type: message/delivery-status",
            b"",
            b"Reporting-MTA: dns; mail.contoso.example",
            b"",
            b"Final-Recipient: rfc822; ops@contoso.example",
            b"Action: failed",
            b"Status: 5.1.1",
            b"Diagnostic-Code: smtp; 550 5.1.1 User unknown",
            b"--b0",
            b"Content-Type: " + kind.encode(),
            b"",
            part,
            b"--b0--",
            b"",
        ]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"to": ()},
        {"to": ("not an address",)},
        {"to": ("a@b.example\r\nRCPT TO:<eve@attacker.example>",)},
        {"envelope_sender": "<>"},
        {"user": "triage"},
        {"security": "none", "user": "triage", "password": SecretStr("s3cr3t")},
    ],
)
def test_mail_that_is_set_up_wrong_is_named_and_not_shown(changes: dict[str, Any]) -> None:
    """The error names the setting and shows no secret."""
    values = {"host": "mail.contoso.example", "to": ("ops@contoso.example",), **changes}
    with pytest.raises(Misconfigured, match=r"sinks\.mail\.") as raised:
        open_sinks(Sinks(mail=MailSettings(**values)))
    assert "s3cr3t" not in str(raised.value)


def test_mail_without_a_sender_is_refused_at_once() -> None:
    """Without notices.sender our own bounces would open incidents: the settings do not load."""
    with pytest.raises(ValueError, match=r"notices\.sender"):
        Settings(sinks={"mail": {"host": "mail.contoso.example", "to": ("ops@contoso.example",)}})


def test_a_digest_is_one_marked_mail(texts: Texts, make_incident: Callable[..., Incident]) -> None:
    """A mail about several incidents names them in its text, is marked as ours, and keeps its id at each try."""
    items = tuple((make_incident(id=f"INC{number}"), (notice(sink="mail"),)) for number in range(3))
    values: dict[str, Any] = {
        "by": "digest",
        "items": items,
        "standing": (),
        "texts": texts,
        "redact": True,
        "now": NOW,
    }
    digest = Digest(id="digest/2026-10-20/1/mail", mark=MARK, **values)
    ids = []
    with SmartHost() as host:
        for _ in range(2):
            assert isinstance(sink(host).send_digest(digest), Accepted)
            ids.append(parsed(host)["Message-ID"])
        made = parsed(host)
        assert isinstance(sink(host).send_digest(Digest(id="digest/1", **values)), Refused)
    assert ids[0] == ids[1]
    assert made["Subject"] == "Today: 3 new"
    assert MARK.is_on(header=made["X-Bounce-Triage"], sender=SENDER, ids=[ids[0]])
    assert all(f"INC{number}" in made.get_content() for number in range(3))
