"""Forwarded mail by SMTP, sent by the standard library's client: replies of RFC 5321, and nothing acknowledged but kept."""

import hashlib
import smtplib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from triage.collect.inbox import FolderInbox
from triage.errors import Misconfigured
from triage.local import smtp
from triage.local.smtp import Listener

DAY = "2026-10-18"
MESSAGE = b"From: karl.holm@contoso.example\r\nSubject: FW: Undeliverable\r\n\r\nThis came back.\r\n.leading dot\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the inbox's folder."""
    return tmp_path / "inbox"


@pytest.fixture
def listen(folder: Path) -> Iterator[Callable[..., Listener]]:
    """Give a function that starts a listener on a free port of loopback."""
    started: list[Listener] = []

    def begin(recipients: tuple[str, ...] = ("bounces@contoso.example", "@fabrikam.example")) -> Listener:
        listener = Listener("127.0.0.1:0", recipients, FolderInbox(folder), lambda: DAY)
        listener.start()
        started.append(listener)
        return listener

    yield begin
    for one in started:
        one.stop()


@pytest.fixture
def client(listen: Callable[..., Listener]) -> Iterator[smtplib.SMTP]:
    """Give a connection after EHLO."""
    with connected(listen()) as opened:
        opened.ehlo("client.contoso.example")
        yield opened


def connected(listener: Listener) -> smtplib.SMTP:
    """Connect to a listener."""
    host, _, port = listener.address.rpartition(":")
    return smtplib.SMTP(host, int(port), timeout=10)


def test_message_is_kept_as_it_was_sent(client: smtplib.SMTP, folder: Path) -> None:
    """After 250 the inbox has exactly the bytes of the message, dots and all, named by day and digest."""
    client.sendmail("karl.holm@contoso.example", ["bounces@contoso.example"], MESSAGE)
    digest = hashlib.sha256(MESSAGE).hexdigest()
    (kept,) = [path for path in folder.rglob("*") if path.is_file()]
    assert kept == folder / "smtp" / DAY / f"{digest}.eml"
    assert kept.read_bytes() == MESSAGE


def test_bounce_with_the_null_sender_is_taken(client: smtplib.SMTP, folder: Path) -> None:
    """A bounce that is redirected has no sender (RFC 5321 §4.5.5)."""
    assert client.docmd("MAIL", "FROM:<>")[0] == 250
    assert client.docmd("RCPT", "TO:<bounces@contoso.example>")[0] == 250
    assert client.data(MESSAGE)[0] == 250
    assert len(list(folder.rglob("*.eml"))) == 1


def test_same_message_twice_is_kept_once(client: smtplib.SMTP, folder: Path) -> None:
    """A sender that lost the answer sends again and gets 250 again; the inbox has one."""
    for _ in range(2):
        assert client.sendmail("a@contoso.example", ["bounces@contoso.example"], MESSAGE) == {}
    assert len(list(folder.rglob("*.eml"))) == 1


@pytest.mark.parametrize(
    ("recipient", "code"),
    [
        ("bounces@contoso.example", 250),
        ("Bounces@CONTOSO.example", 250),
        ("anybody@fabrikam.example", 250),
        ("other@contoso.example", 550),
        ("bounces@contoso.example.litware.example", 550),
        ("bounces%contoso.example@litware.example", 550),
        ("@fabrikam.example:x@litware.example", 550),
        ("anybody@sub.fabrikam.example", 550),
        ("postmaster", 550),
    ],
)
def test_mail_for_others_is_refused(recipient: str, code: int, client: smtplib.SMTP) -> None:
    """Only the recipients of the settings are taken: it passes nothing on, whatever form the address has."""
    client.docmd("MAIL", "FROM:<a@contoso.example>")
    assert client.docmd("RCPT", f"TO:<{recipient}>")[0] == code


def test_no_message_without_a_recipient_of_ours(client: smtplib.SMTP, folder: Path) -> None:
    """Where every recipient was refused there is no DATA."""
    client.docmd("MAIL", "FROM:<a@contoso.example>")
    client.docmd("RCPT", "TO:<x@litware.example>")
    assert client.docmd("DATA")[0] == 503
    assert not folder.exists()


def test_message_past_the_bound_is_refused(
    listen: Callable[..., Listener], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size is announced and refused with 552, by its announcement and by its bytes (RFC 1870)."""
    monkeypatch.setattr(smtp, "MESSAGE_BYTES", 1000)
    with connected(listen()) as client:
        client.ehlo()
        assert client.esmtp_features["size"] == "1000"
        assert client.docmd("MAIL", "FROM:<a@contoso.example> SIZE=1001")[0] == 552
        client.docmd("MAIL", "FROM:<a@contoso.example>")
        client.docmd("RCPT", "TO:<bounces@contoso.example>")
        assert client.data(b"Subject: x\r\n\r\n" + b"y" * 80 + b"\r\n" + b"z" * 950)[0] == 552
        client.rset()
        assert client.sendmail("a@contoso.example", ["bounces@contoso.example"], MESSAGE) == {}
    assert len(list(folder.rglob("*.eml"))) == 1


def test_line_of_a_whole_page_is_taken(client: smtplib.SMTP, folder: Path) -> None:
    """A forwarded HTML part in one line far past 1,000 octets is read all the same."""
    long = b"Subject: x\r\n\r\n<html>" + b"x" * 200_000 + b"</html>\r\n"
    client.sendmail("a@contoso.example", ["bounces@contoso.example"], long)
    assert next(folder.rglob("*.eml")).read_bytes() == long


def test_inbox_that_cannot_be_written_is_a_try_again(listen: Callable[..., Listener], folder: Path) -> None:
    """Where the message cannot be kept the sender hears 452 and keeps it."""
    folder.parent.joinpath("inbox").write_bytes(b"a file where the folder should be")
    with connected(listen()) as client, structlog.testing.capture_logs() as said:
        client.ehlo()
        client.docmd("MAIL", "FROM:<a@contoso.example>")
        client.docmd("RCPT", "TO:<bounces@contoso.example>")
        assert client.data(MESSAGE)[0] == 452
    assert [one["event"] for one in said] == ["message_not_kept"]


def test_too_many_recipients_and_connections_are_asked_to_wait(
    listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the bounds the answer is a temporary one: 452 for a recipient, 421 for a connection."""
    monkeypatch.setattr(smtp, "MAX_RECIPIENTS", 2)
    monkeypatch.setattr(smtp, "MAX_SESSIONS", 1)
    listener = listen()
    with connected(listener) as client:
        client.ehlo()
        client.docmd("MAIL", "FROM:<a@contoso.example>")
        codes = [client.docmd("RCPT", f"TO:<{one}@fabrikam.example>")[0] for one in "abc"]
        assert codes == [250, 250, 452]
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            connected(listener)
        assert refused.value.smtp_code == 421
    for _ in range(100):  # the place of a client that went away is free again
        try:
            with connected(listener):
                break
        except smtplib.SMTPConnectError:
            continue
    else:
        pytest.fail("The place of a client that went away stayed taken.")


def test_client_that_goes_away_in_the_middle_leaves_nothing(listen: Callable[..., Listener], folder: Path) -> None:
    """Half a message is no message."""
    listener = listen()
    client = connected(listener)
    client.ehlo()
    client.docmd("MAIL", "FROM:<a@contoso.example>")
    client.docmd("RCPT", "TO:<bounces@contoso.example>")
    client.docmd("DATA")
    client.send(MESSAGE)
    client.close()
    with connected(listener) as other:
        other.noop()
    listener.stop()
    assert not folder.exists()


def test_addresses_stay_out_of_the_log(listen: Callable[..., Listener], caplog: pytest.LogCaptureFixture) -> None:
    """What is logged of a message names its digest, size and peer, and neither sender nor recipient."""
    caplog.set_level(0)
    with structlog.testing.capture_logs() as said, connected(listen()) as client:
        client.sendmail("karl.holm@contoso.example", ["bounces@contoso.example"], MESSAGE)
    everything = repr(said) + "".join(one.getMessage() for one in caplog.records if one.name == "mail.log")
    assert "message_kept" in everything
    assert "karl.holm" not in everything
    assert "bounces@" not in everything


def test_address_that_is_taken_is_said(folder: Path) -> None:
    """A port that another program has stops the start with a sentence that names the setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Misconfigured, match=r"serve\.smtp"):
            Listener(address, (), FolderInbox(folder), lambda: DAY).start()


@pytest.mark.parametrize(
    "content",
    [
        b"#Software: Microsoft Exchange Server\r\n#Log-type: SMTP Send Protocol Log\r\n",
        b"2026-10-20T10:02:00.000Z,Outbound,08D92C6B00000001,0,192.0.2.10:1025,203.0.113.25:25,+,,\r\n",
        b"PK\x03\x04" + b"\0" * 60,
        b"\x1f\x8b\x08" + b"\0" * 60,
        b"From x Tue Oct 20 09:14:11 2026\r\n\r\n#Software: Microsoft Exchange Server\r\n",
        b"A:b\r\n"
        + b"2026-10-20T10:02:00.000Z,Outbound,08D92C6B00000001,0,192.0.2.10:1025,203.0.113.25:25,+,,\r\n" * 2,
    ],
)
def test_what_is_no_message_is_refused(content: bytes, client: smtplib.SMTP, folder: Path) -> None:
    """A log or an archive cannot be slipped in as mail: logs are believed as our own, so they come as files."""
    client.mail("karl.holm@contoso.example")
    client.rcpt("bounces@contoso.example")
    assert client.data(content)[0] == 554
    assert [path for path in folder.rglob("*") if path.is_file()] == []
