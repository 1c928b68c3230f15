"""A reply pasted into standard input: answered where there is one, left alone where there is a document."""

import pytest

from triage.collect.item import Item, document
from triage.intake import Knowledge, pasted
from triage.model import Place


def given(text: str, path: str = "-") -> Item:
    """Give a text as it comes out of a pipe, or of a file."""
    return document(Place(path), text.encode("utf-8"))


ANSWERED = {
    "a reply": ("451 5.7.3 Must issue a STARTTLS command first\n", 451, "5.7.3", "tls-required"),
    "a label before it": ("Diagnostic-Code: smtp; 550 5.1.1 User unknown\n", 550, "5.1.1", "recipient-unknown"),
    "a queue's error": (
        'LastError : 451 4.4.0 Primary target IP address responded with: "421 4.4.2 Connection dropped due to'
        ' SocketError."\n',
        421,
        "4.4.2",
        "connection-dropped",
    ),
    "a row of a protocol log": (
        "2026-10-18T09:14:05.100Z,Out,08D9,21,192.0.2.10:16501,203.0.113.20:25,<,"
        '"451 5.7.3 STARTTLS is required to send mail",\r\n',
        451,
        "5.7.3",
        "tls-required",
    ),
    "two lines of one reply": (
        "550 5.1.1 <jo@fabrikam.example>:\n   User unknown\n",
        550,
        "5.1.1",
        "recipient-unknown",
    ),
}


@pytest.mark.parametrize("case", ANSWERED)
def test_a_pasted_reply_is_answered(known: Knowledge, case: str) -> None:
    """Whatever stands around the reply where it was copied, its code, status and cause are found."""
    text, code, status, category = ANSWERED[case]
    reading = pasted(given(text), known)
    assert reading is not None
    assert (reading.kind, reading.what) == ("other", "pasted-reply")
    (finding,) = reading.findings
    assert (finding.observation.reply_code, finding.observation.status) == (code, status)
    assert finding.diagnosis is not None
    assert finding.diagnosis.category == category


def test_a_line_of_postfix_names_the_server_that_answered(known: Knowledge) -> None:
    """The host in front of the reply is kept: it is the one to ask."""
    line = "status=deferred (host mx.fabrikam.example[198.51.100.7] said: 450 4.7.1 Greylisted (in reply to RCPT TO command))"
    reading = pasted(given(line), known)
    assert reading is not None
    assert reading.findings[0].observation.receiving_host == "mx.fabrikam.example"


def test_an_error_without_a_code_is_answered(known: Knowledge) -> None:
    """A protocol log writes a lost handshake without any code: its name is enough."""
    reading = pasted(given("TLS negotiation failed with error SocketError"), known)
    assert reading is not None
    assert reading.findings[0].observation.tls.error == "SocketError"


def test_a_pasted_reply_counts_no_message(known: Knowledge) -> None:
    """Nobody knows whether a message came back or waits, so it has no impact and its trust says why."""
    reading = pasted(given("550 5.1.1 User unknown"), known)
    assert reading is not None
    observation = reading.findings[0].observation
    assert (observation.impact, observation.recipient, observation.trust.level) == ("none", None, "unknown")
    assert "pasted" in observation.trust.reasons[0]


DOCUMENTS = {
    "nothing that is a reply": given("see you at nine\n"),
    "an answer of success": given("250 2.1.0 Sender OK\n"),
    "a mail that speaks of one": given("From: a@contoso.example\nSubject: why\n\nIt says 550 5.1.1 User unknown.\n"),
    "a file": given("550 5.1.1 User unknown\n", "note.txt"),
    "a long text": given("a line of a log\n" * 30 + "550 5.1.1 User unknown\n"),
    "nothing": given(""),
}


@pytest.mark.parametrize("what", DOCUMENTS)
def test_what_is_no_pasted_reply_is_left_alone(known: Knowledge, what: str) -> None:
    """A document keeps its own reading, and a text without a reply is no failure."""
    assert pasted(DOCUMENTS[what], known) is None
