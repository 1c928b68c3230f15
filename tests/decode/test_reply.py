"""Nested replies come apart down to their cause, and a code is never taken from a number that is none."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.decode.reply import address, endpoint_address, is_expiry, unwrap
from triage.model import Reply

FAILOVER = (
    " Attempted failover to alternate host, but that did not succeed. Either there are no alternate hosts, or delivery"
    " failed to all alternate hosts."
)

NESTED = {
    "arrows": (
        (
            "550 5.4.300 Message expired -> 451 4.4.397 Error communicating with target host. -> 421 4.4.2 Connection"
            " dropped due to SocketError"
        ),
        Reply(421, "4.4.2", "Connection dropped due to SocketError"),
        [(550, "5.4.300"), (451, "4.4.397")],
    ),
    "message in brackets": (
        (
            "450 4.4.317 Cannot connect to remote server [Message=451 5.7.3 STARTTLS is required to send mail]"
            " [LastAttemptedServerName=mx.fabrikam.example] [LastAttemptedIP=203.0.113.9:25] [SmtpSecurity=-2;-2]"
            " [AB1EOP0001.eop-nam01.prod.protection.outlook.com 2026-10-18T15:48:53.514Z 08DE0000000000AA]"
            "(451 5.7.3 STARTTLS is required to send mail)"
        ),
        Reply(451, "5.7.3", "STARTTLS is required to send mail"),
        [(450, "4.4.317")],
    ),
    "parentheses": (
        "550 5.4.317 Message expired, cannot connect to remote server(451 5.7.3 STARTTLS is required to send mail)",
        Reply(451, "5.7.3", "STARTTLS is required to send mail"),
        [(550, "5.4.317")],
    ),
    "cut off inside": (
        (
            "550 5.4.317 Message expired, cannot connect to remote server(450-4.4.317 Cannot connect to remote server"
            " [Message=550-5.7.0 Connection refused - Z9. 203.0.113.122 has a low score."
        ),
        Reply(550, "5.7.0", "Connection refused - Z9. 203.0.113.122 has a low score."),
        [(550, "5.4.317"), (450, "4.4.317")],
    ),
    "target address, colon": (
        f'451 4.4.0 Primary target IP address responded with: "454 4.7.0 Temporary authentication failure."{FAILOVER}',
        Reply(454, "4.7.0", "Temporary authentication failure."),
        [(451, "4.4.0")],
    ),
    "target address, no colon, in a proxy": (
        (
            "450 4.4.101 Proxy session setup failed on Frontend with '451 4.4.0 Primary target IP address responded with"
            f' "451 5.7.3 STARTTLS is required to send mail."{FAILOVER} The last endpoint attempted was 203.0.113.5:25\'.'
        ),
        Reply(451, "5.7.3", "STARTTLS is required to send mail."),
        [(450, "4.4.101"), (451, "4.4.0")],
    ),
    "curly quotes and wrapped lines": (
        (
            "451 4.4.0 Primary target IP address\r\n  responded with: \u201c421 4.4.1 Connection\r\n timed out.\u201d"
            " Attempted\u00a0failover"
        ),
        Reply(421, "4.4.1", "Connection timed out."),
        [(451, "4.4.0")],
    ),
    "a greeting that refuses": (
        "host mx.fabrikam.example[203.0.113.7] refused to talk to me: 421 4.7.0 Too many sessions",
        Reply(421, "4.7.0", "Too many sessions"),
        [],
    ),
    "generation B": (
        "#<mx.fabrikam.example #5.7.1 smtp;530 5.7.1 Client <a@b.example> was not authenticated> #SMTP#",
        Reply(530, "5.7.1", "Client <a@b.example> was not authenticated"),
        [(None, "5.7.1")],
    ),
    "a detail without a code stays": (
        (
            "451 4.4.397 Error communicating with target host. -> 421 4.2.1 Unable to connect -> SocketTimedout: Socket"
            " error code 10060"
        ),
        Reply(421, "4.2.1", "Unable to connect -> SocketTimedout: Socket error code 10060"),
        [(451, "4.4.397")],
    ),
}


@pytest.mark.parametrize(("text", "cause", "wrappers"), NESTED.values(), ids=NESTED)
def test_a_nested_reply_comes_down_to_its_cause(
    text: str, cause: Reply, wrappers: list[tuple[int | None, str | None]]
) -> None:
    """The innermost reply with a code is the cause; those around it follow, outermost first."""
    read = unwrap(text)
    assert read.cause == cause
    assert [(one.reply_code, one.status) for one in read.wrappers] == wrappers


PLAIN = {
    "code and status": ("smtp;550 5.1.1 User unknown", (550, "5.1.1", "User unknown")),
    "status behind a hash": ("smtp; 550 #5.1.0 Address rejected.", (550, "5.1.0", "Address rejected.")),
    "status at the end": ("553 no such box here (#5.7.1)", (553, "5.7.1", "no such box here (#5.7.1)")),
    "many lines": (
        "550-5.7.26 This mail is\r\n550-5.7.26 not signed. See\r\n550 5.7.26 https://x.example",
        (550, "5.7.26", "This mail is not signed. See https://x.example"),
    ),
    "many lines without status": ("550-Too bad\r\n550 really", (550, None, "Too bad really")),
    "postfix": (
        (
            "X-Postfix; host mx.fabrikam.example[203.0.113.5] said: 550 5.1.1 <a@b.example>: unknown (in reply to RCPT TO"
            " command)"
        ),
        (550, "5.1.1", "<a@b.example>: unknown"),
    ),
    "says": ("smtp;host mx.fabrikam.example:25 says: 550 5.4.1 Access denied", (550, "5.4.1", "Access denied")),
    "exim": (
        "SMTP error from remote mail server after RCPT TO:<a@b.example>: host mx.b.example [203.0.113.5]: 550 no",
        (550, None, "no"),
    ),
    "sendmail": (">>> RCPT To:<a@b.example> <<< 553 5.3.0 no such user", (553, "5.3.0", "no such user")),
    "said twice": ("smtp; 554 5.7.1 554 5.7.1 Looks bad", (554, "5.7.1", "Looks bad")),
    "local generation A": ("#550 5.1.1 RESOLVER.ADR.X; not found ##", (550, "5.1.1", "RESOLVER.ADR.X; not found")),
    "status alone": ("5.1.1 <a@b.example> unknown", (None, "5.1.1", "<a@b.example> unknown")),
    "yahoo's two numbers": ("554 30 Sorry, disabled (554.30).", (554, None, "30 Sorry, disabled (554.30).")),
    "exit status": ("x-unix; 255", (None, None, "255")),
    "nothing": ("SMTP; ", (None, None, None)),
}


@pytest.mark.parametrize(("text", "expected"), PLAIN.values(), ids=PLAIN)
def test_a_plain_reply_of_any_server_is_read(text: str, expected: tuple[int | None, str | None, str | None]) -> None:
    """Code, status and text come out of the forms that other servers and their reports use."""
    cause = unwrap(text).cause
    assert (cause.reply_code, cause.status, cause.text) == expected


NO_CODE = (
    "connect to mx.fabrikam.example[203.0.113.25]:25: Connection timed out",
    "Host or domain name not found. Name service error for name=b.example type=A",
    "message size 55018876 exceeds size limit 10485760",
    "203.0.113.5 refused to talk to us",
    "Delivery stopped at 22:45:50 after 550 MB",
    "queue id 4505C3F550 deferred",
    "Policy (5.2.1.1) matched",
)


@pytest.mark.parametrize("text", NO_CODE)
def test_no_code_is_taken_from_addresses_sizes_times_or_ids(text: str) -> None:
    """A number that is no reply code or status leaves both unknown."""
    cause = unwrap(text).cause
    assert (cause.reply_code, cause.status, cause.text) == (None, None, text)


LAST_ERRORS = {
    "2013": (
        "[{LRT=15-01-26 23:50:05};{LED=451 4.4.0 SMTPSEND.X; a, [b] = c};{FQDN=mx.fabrikam.example};{IP=203.0.113.5}]",
        ("SMTPSEND.X; a, [b] = c", "mx.fabrikam.example", "203.0.113.5", "15-01-26 23:50:05"),
    ),
    "2016": (
        (
            "[{LED=421 4.4.2 Connection dropped due to TimedOut};{MSG=};{FQDN=mx.fabrikam.example};{IP=2001:db8::5};"
            "{LRT=8/20/2026 12:00:39 AM}]"
        ),
        ("Connection dropped due to TimedOut", "mx.fabrikam.example", "2001:db8::5", "8/20/2026 12:00:39 AM"),
    ),
    "an opener was lost": (
        "[{LED=421 4.4.2 Connection dropped};{MSG=};mx.fabrikam.example};{IP=203.0.113.5};{LRT=8/20/2026 12:00:39 AM}]",
        ("Connection dropped", "mx.fabrikam.example", "203.0.113.5", "8/20/2026 12:00:39 AM"),
    ),
    "tracking log, empty values": (
        "{[{LRT=};{LED=550 5.7.1 RESOLVER.RST.AuthRequired; authentication required};{FQDN=};{IP=}]}",
        ("RESOLVER.RST.AuthRequired; authentication required", None, None, None),
    ),
    "a group alone": ("{LED=421 4.3.2 Service not available}", ("Service not available", None, None, None)),
    "no braces": ("LED=421 4.3.2 Service not available", ("Service not available", None, None, None)),
}


@pytest.mark.parametrize(("text", "expected"), LAST_ERRORS.values(), ids=LAST_ERRORS)
def test_the_groups_of_a_last_error_are_told_apart(text: str, expected: tuple[str | None, ...]) -> None:
    """Groups come in any order and damaged; semicolons inside a value do not end it."""
    read = unwrap(text)
    assert (read.cause.text, read.receiving_host, read.receiving_ip, read.last_retry) == expected


@pytest.mark.parametrize(
    "text",
    [
        "lost connection with mx.fabrikam.example[203.0.113.7] while performing the EHLO handshake",
        "conversation with mx.fabrikam.example[203.0.113.7] timed out while sending end of data",
        "connect to mx.fabrikam.example[203.0.113.7]:25: Connection timed out",
        "SSL_connect error to mx.fabrikam.example[203.0.113.7]:25: lost connection",
        "Certificate verification failed for mx.fabrikam.example[203.0.113.7]:25: certificate has expired",
    ],
    ids=["lost", "silent", "unreachable", "handshake", "certificate"],
)
def test_the_server_of_a_session_without_a_reply_is_named(text: str) -> None:
    """Where no reply came there is no Remote-MTA field: Postfix names the server in its own words alone."""
    read = unwrap(text)
    assert (read.receiving_host, read.receiving_ip) == ("mx.fabrikam.example", "203.0.113.7")


def test_a_failed_proxy_session_names_the_front_end_apart() -> None:
    """FQDN and IP of a proxy failure are the sender's own front end; the endpoint is the server that was tried."""
    read = unwrap(
        "[{LRT=};{LED=450 4.7.0 Proxy session setup failed on Frontend with '451 4.4.0 Primary target IP address"
        f' responded with: "451 4.4.0 Security\r\n\r\n    status InvalidToken."{FAILOVER} The last endpoint attempted'
        " was 2001:db8::25:25'};{FQDN=HQ-EX13A.CONTOSO.EXAMPLE};{IP=192.0.2.4}]"
    )
    assert (read.receiving_host, read.receiving_ip) == (None, "2001:db8::25")
    assert (read.frontend_host, read.frontend_ip) == ("HQ-EX13A.CONTOSO.EXAMPLE", "192.0.2.4")
    assert (read.error, read.phase) == ("InvalidToken", "handshake")


MEANING = {
    "a lost connection has no phase": ("421 4.4.2 Connection dropped due to SocketError", "SocketError", None, None),
    "demanded, not offered": ("451 5.7.3 STARTTLS is required to send mail", None, "starttls", True),
    "demanded by the server": ("530 5.7.0 Must issue a STARTTLS command first", None, "starttls", True),
    "winsock": (
        "Failed to connect. Winsock error code: 10060, Win32 error code: 10060",
        "Winsock 10060",
        "connect",
        None,
    ),
    "winsock wins over its name": (
        "SocketError: Failed to connect. Winsock error code: 10051",
        "Winsock 10051",
        "connect",
        None,
    ),
    "refused by the port": ("550 5.4.316 Message expired, connection refused", None, "connect", None),
    "refused by a policy": ("550 5.7.0 Connection refused - Z9. low score", None, None, None),
    "suspicious": ("451 4.4.0 SMTPSEND.SuspiciousRemoteServerError; x", "SuspiciousRemoteServerError", None, None),
    "no records": ("550 5.4.312 Message expired, DNS query failed(InfoNoRecords)", "InfoNoRecords", None, None),
    "root": (
        "454 4.7.0 Failed to establish appropriate TLS channel: UntrustedRoot: Access Denied",
        "UntrustedRoot",
        "handshake",
        None,
    ),
    "postfix handshake": ("Cannot start TLS: handshake failure", None, "handshake", None),
    "EHLO handshake is no TLS": ("lost connection with x while performing the EHLO handshake", None, "ehlo", None),
    "not offered": ("TLS is required, but was not offered by host mx.b.example", None, "starttls", True),
    "wrong name": (
        "450 4.4.317 Cannot connect [Message=SubjectMismatch Expected Subject: *.b.example]",
        "SubjectMismatch",
        "handshake",
        None,
    ),
    "not demanded": ("TLS is optional here", None, None, None),
}


@pytest.mark.parametrize(("text", "error", "phase", "required"), MEANING.values(), ids=MEANING)
def test_error_phase_and_demand_are_what_the_text_says(
    text: str, error: str | None, phase: str | None, required: bool | None
) -> None:
    """Names, the failed step and a demand for TLS come from words in the text, and are None without them."""
    read = unwrap(text)
    assert (read.error, read.phase, read.required) == (error, phase, required)


def test_the_stamp_of_exchange_online_gives_its_host_and_time() -> None:
    """The closing brackets of Exchange Online name the host that wrote the reply, and the time in UTC."""
    read = unwrap("450 4.4.318 Closed [AB1EOP0001.namprd01.prod.outlook.com 2026-10-18T15:48:53.514Z 08DE0000000000AA]")
    assert (read.stamped_by, read.time) == ("AB1EOP0001.namprd01.prod.outlook.com", "2026-10-18T15:48:53Z")


@pytest.mark.parametrize(
    ("text", "expiry"),
    [
        ("550 4.4.7 QUEUE.Expired; message expired", True),
        ("400 4.4.7 Message delayed", True),
        ("550 5.4.300 Message expired", True),
        ("550 5.4.316 Message expired, connection refused(Socket error code 10061)", False),
        ("421 4.4.2 Connection dropped due to SocketError", False),
    ],
)
def test_an_expiry_is_told_from_a_cause(text: str, expiry: bool) -> None:
    """A reply that only gives up or announces a delay is no cause."""
    assert is_expiry(unwrap(text).cause) is expiry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.5:25", "203.0.113.5"),
        ("[2001:db8::25]:25", "2001:db8::25"),
        ("2001:db8::25:25", "2001:db8::25"),
        ("203.0.113.5.", "203.0.113.5"),
        ("2xx.xx.xx.xx:25", None),
        ("<endpoint>", None),
    ],
)
def test_an_endpoint_gives_its_address(text: str, expected: str | None) -> None:
    """The port is taken off in every spelling; masked digits give nothing."""
    assert endpoint_address(text) == expected
    assert address("no address") is None


@pytest.mark.parametrize(
    "text",
    ["'" * 100_000, "x -> 550 " * 20_000, "[Message=550 " * 20_000, "550 5.4.317 a(" * 20_000, "[{LED=" * 170_000, " " * 10**6],
    ids=["quotes", "arrows", "brackets", "parentheses", "groups", "spaces"],
)  # fmt: skip
def test_hostile_nesting_ends_soon(text: str) -> None:
    """A megabyte of openers is read in a fraction of a second, with few wrappers."""
    begun = time.perf_counter()
    read = unwrap(text)
    assert time.perf_counter() - begun < 1
    assert len(read.wrappers) <= 12


PIECES = st.sampled_from(
    ["550", " ", "5.4.317", "-> ", "(", ")", "[Message=", "]", "'", '"', "{LED=", "};", "responded with: ", "#", "smtp;", "\n"]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_any_text_is_read_without_an_error(text: str) -> None:
    """Whatever the text, an answer comes: a code has three digits, a status three numbers."""
    cause = unwrap(text).cause
    assert cause.reply_code is None or 200 <= cause.reply_code < 600
    assert cause.status is None or cause.status.count(".") == 2
