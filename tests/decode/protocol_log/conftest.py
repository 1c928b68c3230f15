"""Protocol logs in the shapes that Exchange writes, made row by row."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from triage.decode.protocol_log import LogReader, read_protocol_log
from triage.hosts import Hosts
from triage.model import Document

FIELDS = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
START = datetime(2026, 10, 18, 9, 14, tzinfo=UTC)
SEND = "Outbound to Office 365"
RECEIVE = r"HQ-EX10A\Default HQ-EX10A"
OURS = "192.0.2.10"
EXCHANGE_ONLINE = "198.51.100.20"
CLIENT_TLS = (
    '"TLS protocol SP_PROT_TLS1_{minor}_{role} negotiation succeeded using bulk encryption algorithm CALG_AES_256 with '
    "strength 256 bits, MAC hash algorithm CALG_SHA_384 with strength 0 bits and key exchange algorithm CALG_ECDH_EPHEM "
    'with strength 384 bits"'
)


def succeeded(role="CLIENT", minor=2):
    """Give the row that tells of a handshake that came through."""
    return f"*,,{CLIENT_TLS.format(role=role, minor=minor)}"


def header(side: str, version: str = "15.0.0.0") -> list[str]:
    """Give the five lines that a log begins with."""
    return [
        "#Software: Microsoft Exchange Server",
        f"#Version: {version}",
        f"#Log-type: SMTP {side.title()} Protocol Log",
        "#Date: 2026-10-18T09:14:09.000Z",
        f"#Fields: {FIELDS}",
    ]


def session_rows(
    steps: Iterable[str],
    key: str = "08D92C6B00000001",
    connector: str = SEND,
    local: str = f"{OURS}:16547",
    remote: str = f"{EXCHANGE_ONLINE}:25",
    at: float = 0,
) -> list[str]:
    """Give the rows of one session, a tenth of a second apart; `at` is its start in seconds after 09:14."""
    rows = []
    for number, step in enumerate(steps):
        time = START + timedelta(seconds=at, milliseconds=100 * number)
        stamp = f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"
        rows.append(f"{stamp},{connector},{key},{number},{local},{remote},{step}")
    return rows


def received_rows(steps: Iterable[str], **given) -> list[str]:
    """Give the rows of one session of a Receive log, from an outbound address of Exchange Online if none is given."""
    ends = {"connector": RECEIVE, "local": f"{OURS}:25", "remote": f"{EXCHANGE_ONLINE}:40211"}
    return session_rows(steps, **{**ends, **given})


def log_of(*rows: str, side: str = "send", version: str = "15.0.0.0") -> bytes:
    """Give a whole log: header and rows."""
    return ("\r\n".join([*header(side, version), *rows]) + "\r\n").encode()


def in_turn(*logs: bytes, hosts: Hosts | None = None) -> list[Document]:
    """Give what each log says when they are read one after another; what is open at the end belongs to the last."""
    reader = LogReader(hosts or Hosts())
    documents = []
    for number, log in enumerate(logs, start=1):
        reader.take(log)
        documents.append(reader.end(last=number == len(logs)))
    return documents


Read = Callable[..., Document]


@pytest.fixture
def read() -> Read:
    """Give a function that reads rows as a Send log, or as `side` says."""

    def reading(*rows: str, side: str = "send", hosts: Hosts | None = None, version: str = "15.0.0.0") -> Document:
        return read_protocol_log([log_of(*rows, side=side, version=version)], hosts or Hosts())

    return reading
