"""What becomes of a session, by the step at which it ended: Send logs, Receive logs and their mirror images."""

import pytest

from tests.decode.protocol_log.conftest import (
    EXCHANGE_ONLINE,
    OURS,
    log_of,
    received_rows,
    session_rows,
    succeeded,
)
from triage.decode.protocol_log import read_protocol_log
from triage.hosts import Hosts

FRONT = "am6eur05ft012.mail.protection.outlook.com"
POD = "mail-am6eur05on2040.outbound.protection.outlook.com"
CONNECTED = ("*,,attempting to connect", "+,,", f"<,220 {FRONT} Microsoft ESMTP MAIL Service ready,")
EHLO = (">,EHLO mail.contoso.example,", f"<,250-{FRONT} Hello [192.0.2.10],", "<,250-SIZE 157286400,")
OFFERED = (*EHLO, "<,250-STARTTLS,", "<,250 CHUNKING,")
NOT_OFFERED = (*EHLO, "<,250 CHUNKING,")
STARTTLS = (">,STARTTLS,", "<,220 2.0.0 SMTP server ready,")
ENVELOPE = (
    ">,MAIL FROM:<anna@contoso.example> SIZE=4711,",
    "<,250 2.1.0 Sender OK,",
    ">,RCPT TO:<jo@fabrikam.example>,",
    "<,250 2.1.5 Recipient OK,",
)
HANDED = (*ENVELOPE, ">,BDAT 4711 LAST,", "<,250 2.6.0 <1@contoso.example> Queued mail for delivery,")
GOODBYE = (">,QUIT,", "<,221 2.0.0 Service closing transmission channel,", "-,,Local")
SECURED = (*CONNECTED, *OFFERED, *STARTTLS, succeeded(), *NOT_OFFERED)


@pytest.mark.parametrize(
    "error", ["SocketError", "NoCredentials", "UnknownCredentials", "InvalidToken", "UnsupportedFunction"]
)
def test_a_failed_handshake_is_a_failure_with_its_error(read, error):
    """The name that the log gives is kept, with the row that decides and the step that failed."""
    failed = f"*,,TLS negotiation failed with error {error}"
    [seen] = read(*session_rows([*CONNECTED, *OFFERED, *STARTTLS, failed, "-,,Remote"])).observations
    assert (seen.source, seen.action, seen.impact) == ("send-log", "failed", "none")
    assert (seen.tls.phase, seen.tls.error) == ("handshake", error)
    assert seen.diagnostic == f"TLS negotiation failed with error {error}"
    assert (seen.receiving_host, seen.receiving_ip, seen.sending_ip) == (FRONT, EXCHANGE_ONLINE, OURS)
    assert (seen.time, seen.count, seen.sessions) == ("2026-10-18T09:14:00Z", 1, ("08D92C6B00000001",))


def test_a_handshake_that_the_peer_cuts_off_is_a_failed_handshake(read):
    """Where no TLS row follows the 220 to STARTTLS, the disconnect is the row that decides."""
    [seen] = read(*session_rows([*CONNECTED, *OFFERED, *STARTTLS, "-,,Remote(ConnectionReset)"])).observations
    assert (seen.tls.phase, seen.tls.error, seen.diagnostic) == (
        "handshake",
        "ConnectionReset",
        "Remote(ConnectionReset)",
    )


@pytest.mark.parametrize(
    ("reply", "code", "status"),
    [
        ("<,451 5.7.3 Must issue a STARTTLS command first,", 451, "5.7.3"),
        ("<,530 5.7.0 Must issue a STARTTLS command first,", 530, "5.7.0"),
        ("*,,451 5.7.3 STARTTLS is required to send mail", 451, "5.7.3"),
    ],
    ids=["451", "530", "our own demand"],
)
def test_tls_that_is_demanded_is_told_with_the_reply(read, reply, code, status):
    """A reply that demands STARTTLS makes the session a failure, with code, status and TLS required."""
    [seen] = read(*session_rows([*CONNECTED, *NOT_OFFERED, ENVELOPE[0], reply, *GOODBYE])).observations
    assert (seen.reply_code, seen.status) == (code, status)
    assert (seen.tls.phase, seen.tls.required, seen.action) == ("starttls", True, "failed")
    assert "STARTTLS" in (seen.diagnostic or "")


def test_a_peer_that_offers_no_starttls_and_gets_no_mail_is_a_failure(read):
    """The row that decides is the answer to EHLO; our words before it say what it lacks."""
    [seen] = read(*session_rows([*CONNECTED, *NOT_OFFERED, *GOODBYE])).observations
    assert (seen.action, seen.tls.phase) == ("failed", "starttls")
    assert seen.diagnostic == f"EHLO answered without STARTTLS: 250-{FRONT} Hello [192.0.2.10]"


@pytest.mark.parametrize(
    ("banner", "capability", "phase"),
    [
        ("<,220 ****************************2****0**200**,", "<,250-XXXXXXXA,", "banner"),
        (f"<,220 {FRONT} ready,", "<,250-XXXXXXXA,", "ehlo"),
        (f"<,220 {FRONT} ready,", "<,250-XXXX,", "ehlo"),
    ],
    ids=["banner", "verb", "short verb"],
)
def test_a_masked_banner_or_verb_is_told(read, banner, capability, phase):
    """A firewall that overwrites the banner or takes STARTTLS away shows in the text; the demand is kept around it."""
    demand = "<,451 5.7.3 Must issue a STARTTLS command first,"
    steps = ["+,,", banner, *EHLO, capability, "<,250 CHUNKING,", ENVELOPE[0], demand, *GOODBYE]
    [seen] = read(*session_rows(steps)).observations
    assert (seen.action, seen.tls.phase, seen.tls.required) == ("failed", phase, True)
    assert "****" in seen.diagnostic or "XXXX" in seen.diagnostic
    assert [(one.reply_code, one.status) for one in seen.wrappers] == [(451, "5.7.3")]


def test_a_masked_session_that_is_refused_keeps_the_refusal(read):
    """The masked row names the cause, the refusal what came of it."""
    steps = ["+,,", "<,220 ****************,", *EHLO, "<,250 XXXXXXXA,", ENVELOPE[0], "<,550 5.7.1 No,", *GOODBYE]
    [seen] = read(*session_rows(steps)).observations
    assert (seen.diagnostic, [one.reply_code for one in seen.wrappers]) == ("220 ****************", [550])


def test_x_exps_is_no_masked_verb(read):
    """Capabilities that begin with X are Exchange's own, not a firewall's."""
    steps = [*CONNECTED, *EHLO, "<,250-X-EXPS NTLM,", "<,250-XEXCH50,", "<,250 XSHADOW,", *HANDED, *GOODBYE]
    [seen] = read(*session_rows(steps)).observations
    assert (seen.action, seen.diagnostic) == ("relayed", None)


@pytest.mark.parametrize(
    ("steps", "phase"),
    [
        ([">,AUTH LOGIN,", "<,235 2.7.0 Authentication successful,"], "auth"),
        (ENVELOPE, "envelope"),
        ([*ENVELOPE, ">,DATA,", "<,354 Start mail input,"], "data"),
        ([*ENVELOPE, ">,BDAT 9000,"], "data"),
        ([*ENVELOPE, ">,BDAT 9000,", "<,250 2.6.0 CHUNK received OK,"], "data"),
        ([*HANDED, *ENVELOPE, ">,BDAT 9000 LAST,"], "data"),
        ([*ENVELOPE[::2], ">,BDAT 9000 LAST,", *ENVELOPE[1::2]], "data"),
    ],
    ids=[
        "after AUTH",
        "after RCPT",
        "after DATA",
        "after BDAT",
        "between two chunks",
        "in the second message",
        "with commands sent ahead",
    ],
)
def test_a_session_cut_off_later_keeps_its_tls_version(read, steps, phase):
    """A drop after the handshake names its step, and the TLS version that the session spoke."""
    [seen] = read(*session_rows([*SECURED, *steps, "-,,Remote(SocketError)"])).observations
    assert (seen.action, seen.tls.phase, seen.tls.version) == ("failed", phase, "1.2")
    assert (seen.diagnostic, seen.tls.error) == ("Remote(SocketError)", "SocketError")


@pytest.mark.parametrize(
    "protocol", ["SP_PROT_TLS1_{}_CLIENT", "SP_PROT-TLS1_{}_CLIENT"], ids=["underscore", "dash as Microsoft prints it"]
)
@pytest.mark.parametrize("minor", [0, 1, 2, 3])
def test_mail_handed_over_tells_its_tls_version(read, protocol, minor):
    """The version stands in the name of the protocol, which two spellings are known of."""
    row = succeeded(minor=minor).replace(f"SP_PROT_TLS1_{minor}_CLIENT", protocol.format(minor))
    [seen] = read(*session_rows([*CONNECTED, *OFFERED, *STARTTLS, row, *NOT_OFFERED, *HANDED, *GOODBYE])).observations
    assert (seen.action, seen.tls.version, seen.tls.cipher) == ("relayed", f"1.{minor}", "CALG_AES_256")
    assert (seen.tls.phase, seen.impact) == (None, "none")


@pytest.mark.parametrize(
    ("steps", "phase", "version"),
    [
        (CONNECTED[:2], "connect", None),
        (CONNECTED, "banner", None),
        ([*CONNECTED, *OFFERED], "ehlo", None),
        (SECURED, "envelope", "1.2"),
    ],
    ids=["before the banner", "before EHLO", "after EHLO", "after the handshake"],
)
def test_a_send_session_that_the_peer_cuts_off_is_a_failure_at_any_step(read, steps, phase, version):
    """We came to hand over mail: there are no probes in a Send log. After the handshake comes the envelope."""
    [seen] = read(*session_rows([*steps, "-,,Remote(SocketError)"])).observations
    assert (seen.tls.phase, seen.tls.version, seen.diagnostic) == (phase, version, "Remote(SocketError)")


def test_a_login_that_fails_is_told_by_its_row(read):
    """Its error name is no TLS error."""
    failed = "*,,Outbound Authentication failed with LogonDenied"
    [seen] = read(*session_rows([*SECURED, ">,X-EXPS EXCHANGEAUTH SHA256,", failed, "-,,Local"])).observations
    assert (seen.tls.phase, seen.diagnostic, seen.tls.error) == (
        "auth",
        "Outbound Authentication failed with LogonDenied",
        None,
    )


def test_a_message_taken_back_is_no_lost_message(read):
    """After RSET nothing is under way, so that what was handed over before counts."""
    steps = [*SECURED, *HANDED, ENVELOPE[0], "<,250 2.1.0 Sender OK,", ">,RSET,", "<,250 2.0.0 Resetting,", "-,,Remote"]
    assert [one.action for one in read(*session_rows(steps)).observations] == ["relayed"]


def test_mail_handed_over_in_clear_text_alone_is_no_harm_shown(read):
    """Without a failed handshake before it, clear text is the peers' own choice."""
    [seen] = read(*session_rows([*CONNECTED, *NOT_OFFERED, *HANDED, *GOODBYE])).observations
    assert (seen.action, seen.impact, seen.tls.version) == ("relayed", "none", "none")


@pytest.mark.parametrize(
    ("after", "impact"),
    [(3, "sent-unencrypted"), (59, "sent-unencrypted"), (600, "none")],
    ids=["3 s", "59 s", "10 min"],
)
def test_clear_text_right_after_a_failed_handshake_is_sent_unencrypted(read, after, impact):
    """The same peer within seconds: an opportunistic connector fell back. Ten minutes later nothing says so."""
    failed = "*,,TLS negotiation failed with error SocketError"
    first = session_rows([*CONNECTED, *OFFERED, *STARTTLS, failed, "-,,Remote"])
    second = session_rows([*CONNECTED, *NOT_OFFERED, *HANDED, *GOODBYE], key="08D92C6B00000002", at=after)
    _, seen = read(*first, *second).observations
    assert (seen.action, seen.tls.version, seen.impact) == ("relayed", "none", impact)
    assert seen.tls.error == ("SocketError" if impact == "sent-unencrypted" else None)


def test_clear_text_to_another_peer_is_no_fallback(read):
    """A failed handshake says nothing of what goes to somebody else."""
    failed = "*,,TLS negotiation failed with error SocketError"
    first = session_rows([*CONNECTED, *OFFERED, *STARTTLS, failed, "-,,Remote"])
    steps = [one.replace(FRONT, "mx.fabrikam.example") for one in (*CONNECTED, *NOT_OFFERED, *HANDED, *GOODBYE)]
    second = session_rows(steps, key="08D92C6B00000002", at=3, remote="203.0.113.9:25")
    assert {one.impact for one in read(*first, *second).observations} == {"none"}


def test_a_reply_that_refuses_the_message_is_told_in_a_send_log(read):
    """What the peer says to MAIL decides, with code and status."""
    refusal = "<,450 4.7.230 Connecting Exchange server version is out-of-date,"
    [seen] = read(*session_rows([*SECURED, ENVELOPE[0], refusal, *GOODBYE])).observations
    assert (seen.action, seen.reply_code, seen.status) == ("failed", 450, "4.7.230")
    assert (seen.tls.phase, seen.tls.version) == ("envelope", "1.2")


def test_a_connection_that_is_not_made_is_told(read):
    """A Send log names the Winsock error; there is no local endpoint then."""
    text = '*,,"Failed to connect. Winsock error code: 10060, Win32 error code: 10060, Destination domain: fabrikam.example"'
    [seen] = read(*session_rows(["*,,attempting to connect", text, "-,,Local"], local="")).observations
    assert (seen.action, seen.tls.phase, seen.sending_ip) == ("failed", "connect", None)
    assert "10060" in seen.diagnostic


# Receive logs


def mirrored(*steps):
    """Give the steps as the other side logs them: what one sends, the other receives."""
    swap = {"<": ">", ">": "<"}
    return [swap.get(step[0], step[0]) + step[1:] for step in steps]


RECEIVED = mirrored(
    "+,,", "<,220 hq-ex10a.contoso.example Microsoft ESMTP MAIL Service ready,", f">,EHLO {POD},",
    "<,250  hq-ex10a.contoso.example Hello [198.51.100.20] SIZE 37748736 PIPELINING STARTTLS 8BITMIME CHUNKING,",
)  # fmt: skip


def test_exchange_online_as_the_client_of_a_receive_log_is_the_mirror_direction(read):
    """Sending and receiving swap: the log's server receives, and the handshake that fails is the one it answers."""
    failed = "*,,TLS negotiation failed with error SocketError"
    [seen] = read(*received_rows([*RECEIVED, *mirrored(*STARTTLS), failed, "-,,Remote"]), side="receive").observations
    assert (seen.source, seen.action, seen.tls.phase) == ("receive-log", "failed", "handshake")
    assert (seen.sending_host, seen.sending_ip) == (POD, EXCHANGE_ONLINE)
    assert (seen.receiving_host, seen.receiving_ip) == ("hq-ex10a.contoso.example", OURS)
    assert seen.reported_by == "hq-ex10a.contoso.example"


def test_exchange_online_that_finds_no_starttls_and_leaves_is_a_failure(read):
    """Our server offers none, on one row as newer builds write it: the certificate may be missing."""
    steps = [one.replace("STARTTLS ", "") for one in RECEIVED]
    document = read(*received_rows([*steps, "<,QUIT,", "-,,Local"]), side="receive")
    assert [one.tls.phase for one in document.observations] == ["starttls"]


def test_our_own_demand_for_tls_is_told_in_a_receive_log(read):
    """Row 4 of the support case, seen by the server that demands."""
    steps = [*RECEIVED, "<,MAIL FROM:<jo@fabrikam.example>,", ">,451 5.7.3 Must issue a STARTTLS command first,"]
    [seen] = read(*received_rows([*steps, "<,QUIT,", "-,,Local"]), side="receive").observations
    assert (seen.reply_code, seen.status, seen.tls.phase, seen.tls.required) == (451, "5.7.3", "starttls", True)


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        (["+,,", "-,,Remote(SocketError)"], "probe"),
        (["+,,", ">,220 hq-ex10a.contoso.example ready,", "-,,Remote(SocketError)"], "probe"),
        (["+,,", ">,220 hq-ex10a.contoso.example ready,", "<,QUIT,", "-,,Local"], "probe"),
        ([*RECEIVED, "<,QUIT,", "-,,Local"], "no-mail"),
        ([*RECEIVED, *mirrored(ENVELOPE[0]), ">,550 5.7.1 Unable to relay,", "-,,Remote"], "rejected"),
        ([*RECEIVED, *mirrored(*STARTTLS)], "unfinished"),
    ],
    ids=["no banner", "banner only", "QUIT only", "EHLO and QUIT", "refused by us", "cut off by the end of the log"],
)
def test_sessions_that_show_no_fault_are_counted_only(read, steps, reason):
    """Probes of a load balancer are the biggest noise of a Receive log."""
    document = read(*received_rows(steps), side="receive")
    assert (document.observations, document.suppressed) == ((), {reason: 1})


def many_that_leave(count, *more, remote="40.107.7.12:40211"):
    """Give sessions in which Exchange Online is offered STARTTLS and leaves, one a minute, and some rows more."""
    steps = [*RECEIVED, "<,QUIT,", "-,,Local"]
    rows = [
        received_rows(steps, key=f"08D92C6B000001{number:02}", at=60 * number, remote=remote) for number in range(count)
    ]
    return [*(row for session in rows for row in session), *more]


def test_starttls_that_exchange_online_does_not_use_was_taken_away(read):
    """Three sessions that leave after an answer with STARTTLS show a device between; two may be anybody's look."""
    [seen] = read(*many_that_leave(3), side="receive").observations
    assert (seen.action, seen.count, seen.tls.phase) == ("failed", 3, "starttls")
    assert seen.diagnostic.startswith("EHLO answered with STARTTLS, which the client did not use")
    assert read(*many_that_leave(2), side="receive").suppressed == {"no-mail": 2}


def test_who_only_calls_itself_exchange_online_shows_nothing(read):
    """A stranger may give any name in EHLO and leave: only an address that Microsoft publishes counts."""
    assert read(*many_that_leave(5, remote="203.0.113.66:40211"), side="receive").suppressed == {"no-mail": 5}


def test_starttls_that_the_same_peer_uses_was_not_taken_away(read):
    """Where Exchange Online delivers in TLS in the same log, sessions without mail show no fault."""
    steps = [*RECEIVED, *mirrored(*STARTTLS), succeeded("SERVER"), *mirrored(*HANDED), "<,QUIT,", "-,,Local"]
    good = received_rows(steps, key="08D92C6B00000999", at=900, remote="40.107.7.12:40211")
    document = read(*many_that_leave(5, *good), side="receive")
    assert [one.action for one in document.observations] == ["relayed"]
    assert document.suppressed == {"no-mail": 5}


def test_our_own_tls_that_cannot_start_is_a_failure(read):
    """What our server refuses is its work, but for STARTTLS that it offered itself."""
    steps = [*RECEIVED, "<,STARTTLS,", ">,454 4.7.0 TLS not available due to local problem,", "<,QUIT,", "-,,Local"]
    [seen] = read(*received_rows(steps), side="receive").observations
    assert (seen.reply_code, seen.status, seen.tls.phase) == (454, "4.7.0", "starttls")


def test_verbs_in_small_letters_are_verbs(read):
    """RFC 5321 §2.4: a client may write them as it likes."""
    steps = [*RECEIVED, *mirrored(*STARTTLS), succeeded("SERVER"), *mirrored(*HANDED), "<,QUIT,", "-,,Local"]
    rows = received_rows([one.lower() if one[0] == "<" else one for one in steps])
    [seen] = read(*rows, side="receive").observations
    assert (seen.action, seen.tls.version, seen.sending_host) == ("relayed", "1.2", POD)


def test_a_log_without_its_header_tells_its_side_by_the_ports():
    """Who listens on port 25 receives."""
    steps = [*RECEIVED, *mirrored(*STARTTLS), "*,,TLS negotiation failed with error SocketError", "-,,Remote"]
    failed = session_rows([*CONNECTED, *OFFERED, *STARTTLS, steps[-2], "-,,Remote"], key="08D92C6B00000002")
    rows = log_of(*received_rows(steps), *failed).partition(b"context\r\n")[2]
    seen = read_protocol_log([rows], Hosts()).observations
    assert [(one.source, one.tls.error) for one in seen] == [
        ("receive-log", "SocketError"),
        ("send-log", "SocketError"),
    ]


def test_both_certificate_styles_are_passed_over(read):
    """One row for each field of a certificate, or one row for all of it: neither says anything of the session."""
    one_row = (
        "*,CN=mail.contoso.example CN=CA 3F00 9A0B 2026-01-01T00:00:00.000Z mail.contoso.example,Sending certificate"
    )
    rows = ["*,,Sending certificate", '*,"CN=mail, O=Contoso",Certificate subject', "*,9A0B,Certificate thumbprint"]
    documents = [
        read(*session_rows([*CONNECTED, *OFFERED, *STARTTLS, *style, succeeded(), *HANDED, *GOODBYE]))
        for style in ([one_row], rows)
    ]
    assert documents[0] == documents[1]
    assert [one.tls.version for one in documents[0].observations] == ["1.2"]
