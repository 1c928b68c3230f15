"""What is plainly a mail is nothing else, whatever stands in it."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzz.targets import seeds
from triage.decode.exports import read_announced, read_export
from triage.decode.label import is_dmarc_report
from triage.decode.message import read_mail
from triage.decode.outlook import is_item
from triage.decode.plain_mail import is_plainly_mail
from triage.decode.protocol_log import copied_log, is_protocol_log
from triage.hosts import Hosts

HOSTS = Hosts()
ROW = b'2026-10-18T09:14:03.001Z,"To contoso",08DAF1D2E3C4B5A6,%d,192.0.2.10:4312,203.0.113.5:25,<,220 ready,\r\n'
ROWS = b"".join(ROW % number for number in range(3))
NAMES = (
    b"Received",
    b"To",
    b"X-Data",
    b"Subject",
    b"from",
    b"X-a.log-1",
    b"event",
    b"data",
    b"LastError",
    b"C",
    b"Identity",
)
SENDERS = (
    b"MAILER-DAEMON",
    b"a.log-b@c.example",
    b"x@a.log",
    b"C:a.txt:1",
    b"date-time,session-id,event,data,context",
    b"",
)
TLSRPT = b'Content-Type: multipart/report; report-type="tlsrpt"; boundary=b\n\n--b\nContent-Type: application/tlsrpt+json\n\n{}\n'
BEFORE = (b"", b"> ", b"\xef\xbb\xbf")
COLONS = (b":", b": ", b" : ")
VALUES = (b"x", b"a.log:14:", b'{"NextHopDomain": 1}', b"", b"#Fields: x", b"[{LED=450 4.4.316", b"\0")
DATES = (b"Mon Oct 18 09:14:03 2026", b" Mon Oct  8 09:14 2026", b"x")
FIRST = st.one_of(
    st.tuples(*map(st.sampled_from, (BEFORE, NAMES, COLONS, VALUES))),
    st.tuples(st.just(b"From "), st.sampled_from(SENDERS), st.just(b" "), st.sampled_from(DATES)),
).map(b"".join)
REST = st.lists(
    st.sampled_from(
        (
            b"",
            ROWS,
            b"Identity,Status,MessageCount,NextHopDomain\r\n",
            b'{"NextHopDomain": "x"}\n',
            b"Identity : a\\1\n",
            b"\0",
        )
    ),
    max_size=4,
).map(b"\r\n".join)


@settings(max_examples=500)
@given(FIRST, st.sampled_from((b"\n", b"\r\n", b"")), REST)
@example(b"Received: from a.contoso.example", b"\r\n", ROWS)
def test_what_is_plainly_a_mail_would_be_read_as_one_anyway(first: bytes, end: bytes, rest: bytes) -> None:
    """No other reader takes a document that is plainly a mail, whatever follows its first line."""
    content = first + end + rest
    if not is_plainly_mail(content):
        return
    assert content.strip(b" \t\r\n\x00")
    assert not is_protocol_log(content)
    assert copied_log(content) is None
    assert read_export(content, HOSTS) == read_announced(read_mail(content), content)
    assert not is_dmarc_report(content)
    assert not is_item(content)


def test_examples_of_mail_are_plainly_mail() -> None:
    """The quick answer is a usual one: it is given for a good part of the examples."""
    assert sum(map(is_plainly_mail, seeds())) > 20


@pytest.mark.parametrize(
    "content", [b"", b"Hello", b"#Software: Microsoft Exchange Server\r\n", b"Status: Retry\r\n", ROWS]
)
def test_what_may_be_something_else_is_not_plainly_a_mail(content: bytes) -> None:
    """An empty document, a letter, a log and an export are left to all the other questions."""
    assert not is_plainly_mail(content)
