"""What is a protocol log, and what only looks like one."""

import codecs

import pytest

from tests.decode.protocol_log.conftest import header, log_of, session_rows
from tests.decode.protocol_log.test_rows import HEALTHY, SENT
from triage.decode.protocol_log import is_protocol_log

LOG = log_of(*session_rows(SENT))
ROWS = "\r\n".join(session_rows(HEALTHY)).encode()
MAIL = b"Received: from a by b\r\nSubject: our log\r\nTo: jo@fabrikam.example\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        LOG,
        log_of(*session_rows(SENT), side="receive"),
        codecs.BOM_UTF8 + LOG,
        codecs.BOM_UTF16_LE + LOG.decode().encode("utf-16-le"),
        codecs.BOM_UTF16_BE + LOG.decode().encode("utf-16-be"),
        LOG.replace(b"Log-type", b"Log-Type"),
        LOG.partition(b"\r\n")[2],
        "\r\n".join(header("send")[-1:]).encode(),
        ROWS,
        ROWS[30:],
        b"\r\n" + ROWS,
        ROWS.partition(b"\r\n")[0],
        "\r\n".join(session_rows(SENT, local="[2001:db8::1]:25", connector='"a, b"')).encode(),
        "\r\n".join(session_rows(SENT, local="", connector="Исходящий")).encode("cp1251"),
    ],
    ids=[
        "send", "receive", "utf-8 mark", "utf-16-le", "utf-16-be", "as the documentation spells it", "first line cut",
        "fields line only", "no header", "first row cut", "empty line first", "one row", "ipv6 and quotes", "odd code page",
    ],
)  # fmt: skip
def test_a_protocol_log_is_known_by_its_beginning(head):
    """With its header, without it, and cut."""
    assert is_protocol_log(head[:4096])


@pytest.mark.parametrize(
    "head",
    [
        MAIL + LOG,
        MAIL + ROWS,
        b"\r\n" + MAIL + ROWS,
        b"From jo@fabrikam.example Sun Oct 18 09:14:00 2026\n" + ROWS,
        b"Hello,\r\nhere are the rows:\r\n" + ROWS,
        LOG.replace(b"SMTP Send Protocol Log", b"Message Tracking Log").replace(b"connector-id", b"client-ip"),
        b"#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n#Log-type: Transport Connectivity Log\r\n" + ROWS,
        b"#!/bin/sh\necho 1,2,3\n",
        b"# 2026-10-18T09:14:00.000Z\n",
        b"RunspaceId : 1\r\nIdentity : HQ-EX10A\\3\r\n",
        b"2026-10-18T09:14:00Z,1,2,3,4,5,+,\r\n" * 3,
        b"",
        b"\xff\xfe",
        b"\x00" * 50,
    ],
    ids=[
        "mail with a log", "mail with rows", "mail after an empty line", "mbox", "a note with rows", "tracking log",
        "connectivity log", "script", "comment", "queue", "other table", "empty", "mark only", "zeros",
    ],
)  # fmt: skip
def test_what_is_none_is_not_taken_for_one(head):
    """Never a mail message, whatever it quotes, nor another log of Exchange."""
    assert not is_protocol_log(head[:4096])
