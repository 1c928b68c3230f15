"""What a colleague attaches to a mail or pastes into it is read like the file; a mail with other things stays as it is."""

import base64
import gzip
import json
import zlib
from pathlib import Path

import msgspec
import pytest

from triage.decode import decode
from triage.decode.carried import together
from triage.hosts import Hosts
from triage.model import Document

HOSTS = Hosts(domains=["contoso.example"])
KARL = "Karl Holm <karl.holm@contoso.example>"
STRANGER = "Pat Reed <pat@fabrikam.example>"
DROPPED = "421 4.4.2 Connection dropped due to SocketError"
ERROR = f"[{{LED={DROPPED}}};{{MSG=}};{{FQDN=mx.fabrikam.example}};{{IP=203.0.113.7}};{{LRT=10/18/2026 9:14:03 AM}}]"
LIST = f"Identity      : EX01\\3\nStatus        : Retry\nMessageCount  : 41\nLastError     : {ERROR}\n"
CSV = f'"Identity","Status","MessageCount","LastError"\r\n"EX01\\3","Retry","41","{ERROR}"\r\n'
TABLE = "Identity Status MessageCount NextHopDomain\n-------- ------ ------------ -------------\n"
TABLE += "EX01\\3   Retry            41 fabrikam.example\n"
TRACKING = (
    "ClientHostname  : EX01\nEventId         : FAIL\nSource          : SMTP\nMessageId       : <a@contoso.example>\n"
    "Recipients      : {anna@fabrikam.example}\nRecipientStatus : {550 5.7.1 Unable to relay}\n"
)
REPORT = json.dumps(
    {
        "report-id": "1",
        "policies": [{"failure-details": [{"result-type": "certificate-expired", "failed-session-count": 3}]}],
    }
)
LOG = Path(__file__).parents[2].joinpath("examples", "logs", "hq-ex10a", "SEND20261018-1.LOG").read_bytes()


def letter(
    *attachments: tuple[str, str, bytes],
    body: str = "Hello, here is the queue. Can you look?\n",
    sender: str = KARL,
    extra: str = "",
    kind: str = "text/plain",
) -> bytes:
    """Give a mail of a person; an attachment has a type, a file name and its content."""
    head = (
        f"From: {sender}\nTo: helpdesk@contoso.example\nSubject: queue\nDate: Tue, 20 Oct 2026 09:14:11 +0000\n{extra}"
    )
    parts = [f"Content-Type: {kind}; charset=utf-8\n\n{body}".encode()]
    for name_of_type, name, content in attachments:
        encoded = base64.encodebytes(content)
        named = f'Content-Type: {name_of_type}; name="{name}"\nContent-Transfer-Encoding: base64\n'
        parts.append(f'{named}Content-Disposition: attachment; filename="{name}"\n\n'.encode() + encoded)
    whole = b"".join(b"--frontier\n" + part + b"\n" for part in parts)
    return (
        f"{head}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=frontier\n\n".encode()
        + whole
        + b"--frontier--\n"
    )


def read(content: bytes, authserv_id: str | None = None) -> Document:
    """Read a document with settings that name our domain."""
    return decode(content, HOSTS, authserv_id)


def told(document: Document) -> tuple[str, list[tuple[str | None, int, str | None]]]:
    """Give what a document says in short."""
    return document.kind, [(one.reported_by, one.count, one.diagnostic) for one in document.observations]


QUEUE = ("queue", [("ex01", 41, DROPPED)])
ATTACHED = {
    "a list": (("text/plain", "queue.txt", LIST.encode()), QUEUE),
    "a list in UTF-16": (("text/plain", "queue.txt", LIST.encode("utf-16")), QUEUE),
    "a CSV, as Outlook types it": (("application/vnd.ms-excel", "queue.csv", CSV.encode()), QUEUE),
    "a CSV without a type": (("application/octet-stream", "queue", CSV.encode()), QUEUE),
    "a table": (("text/plain", "q.log", TABLE.encode()), ("queue", [("ex01", 41, None)])),
    "packed": (("application/gzip", "queue.csv.gz", gzip.compress(CSV.encode())), QUEUE),
    "JSON": (
        ("application/json", "q.json", json.dumps({"Identity": "EX01\\3", "MessageCount": 41, "LastError": ERROR}).encode()),
        QUEUE,
    ),
    "message tracking": (
        ("text/plain", "t.txt", TRACKING.encode()), ("queue", [("ex01", 1, "550 5.7.1 Unable to relay")]),
    ),
    "a TLS report": (("application/json", "r.json", REPORT.encode()), ("tls-report", [(None, 3, "certificate-expired")])),
    "a TLS report, packed": (
        ("application/gzip", "r.json.gz", gzip.compress(REPORT.encode())),
        ("tls-report", [(None, 3, "certificate-expired")]),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("attachment", "answer"), ATTACHED.values(), ids=ATTACHED)
def test_an_attached_export_gives_the_mail_its_kind(
    attachment: tuple[str, str, bytes], answer: tuple[str, list[tuple[str | None, int, str | None]]]
) -> None:
    """The content of the attachment tells what it is; type and name do not matter."""
    assert told(read(letter(attachment))) == answer


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "packed"])
def test_an_attached_log_says_what_the_log_says(packed: bool) -> None:
    """The sessions are those of the file."""
    content = gzip.compress(LOG) if packed else LOG
    document, alone = read(letter(("application/octet-stream", "SEND2026101809-1.LOG", content))), read(LOG)
    assert document.kind == "protocol-log"
    assert [one.count for one in document.observations] == [one.count for one in alone.observations]
    assert document.observations


@pytest.mark.parametrize(
    "body",
    [
        f"Hello,\n\nhere is the queue:\n\n{LIST}\nRegards\nKarl Holm : IT\n",
        f"See below.\n\n{ERROR}\n\nAny idea?\n",
        f"Hello,\n\n{CSV}\nRegards, Karl\n",
        "".join(f"> {line}\n" for line in LIST.splitlines()),
        f"Forwarded:\n\nFrom: Eva Roth\nSent: Monday\nSubject: queue\n\n{LIST}",
    ],
    ids=["a list", "an error", "CSV", "quoted", "passed on"],
)
def test_a_pasted_export_gives_the_mail_its_kind(body: str) -> None:
    """What stands in the text between a greeting and a signature is read where it shows a fault."""
    document = read(letter(body=body))
    assert (document.kind, [one.diagnostic for one in document.observations]) == ("queue", [DROPPED])


def test_a_pasted_table_keeps_its_columns() -> None:
    """A table in a plain text is read like the file."""
    assert told(read(letter(body=f"Hello,\n\n{TABLE}\nRegards\n"))) == ("queue", [("ex01", 41, None)])


def test_a_pasted_log_is_a_log() -> None:
    """Rows of a protocol log in the text are sessions."""
    document = read(letter(body=f"Look at this:\n\n{LOG.decode()}"))
    assert document.kind == "protocol-log"
    assert document.observations


def test_an_html_mail_is_read_too() -> None:
    """Outlook writes HTML: the lines of a list are still lines in it."""
    lines = "".join(f"<p>{line}</p>" for line in ["Hello,", *LIST.splitlines()])
    assert told(read(letter(body=f"<html><body>{lines}</body></html>", kind="text/html"))) == QUEUE


def test_several_attachments_are_read_together() -> None:
    """A queue and a log are told in one document, of the kind of the first."""
    both = letter(("text/csv", "queue.csv", CSV.encode()), ("text/plain", "send.log", LOG))
    document, alone = read(both), read(LOG)
    assert document.kind == "queue"
    assert len(document.observations) == 1 + len(alone.observations)


def test_sessions_keep_their_digests_in_their_places() -> None:
    """Digests by which a session is counted once stand beside the observation that they belong to."""
    queue, log = read(CSV.encode()), read(LOG)
    digests = tuple(bytes([at]) * 8 for at, _ in enumerate(log.observations, 1))
    log = msgspec.structs.replace(log, members=digests)
    assert together([queue, log]).members == (b"", *digests)
    assert together([queue, queue]).members == ()


def test_a_forwarded_letter_is_read_for_its_attachment() -> None:
    """A mail attached to a mail may carry the export."""
    inner = letter(("text/csv", "queue.csv", CSV.encode()))
    head = "From: Eva Roth <eva.roth@contoso.example>\nTo: helpdesk@contoso.example\nSubject: FW: queue\nMIME-Version: 1.0\n"
    head += "Content-Type: multipart/mixed; boundary=outer\n\n--outer\nContent-Type: text/plain\n\nSee.\n\n--outer\n"
    whole = f"{head}Content-Type: message/rfc822\n\n".encode() + inner + b"\n--outer--\n"
    assert told(read(whole)) == QUEUE


UNTOUCHED = {
    "a spreadsheet as text": ("text/csv", "sales.csv", b"Name,Status,Count\r\nanna,Retry,17\r\n"),
    "a picture": ("image/png", "queue.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "a document": ("application/pdf", "queue.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
    "other JSON": ("application/json", "x.json", b'{"Identity": "x", "Status": "Retry"}'),
    "other JSON, damaged": ("application/json", "x.json", b'{"Identity": "x", "Status": '),
    "something packed": ("application/gzip", "x.gz", gzip.compress(b"hello " * 99)),
    "gzip that is none": ("application/gzip", "x.gz", b"\x1f\x8b\x08 no"),
    "a healthy queue": ("text/plain", "q.txt", b"Identity : EX01\\3\nStatus : Ready\nMessageCount : 0\nLastError :\n"),
    "nothing": ("text/plain", "q.txt", b""),
}


@pytest.mark.parametrize("attachment", UNTOUCHED.values(), ids=UNTOUCHED)
def test_other_attachments_leave_a_mail_as_it_is(attachment: tuple[str, str, bytes]) -> None:
    """A mail with a table of something else is nobody's fault report."""
    document = read(letter(attachment))
    assert (document.kind, document.observations, document.error) == ("other", (), None)


@pytest.mark.parametrize(
    "extra",
    ["List-Id: <exchange.lists.example>\n", "X-Autoreply: yes\n"],
    ids=["a mailing list", "an automatic answer"],
)
def test_lists_and_answering_machines_pass_on_nothing(extra: str) -> None:
    """What a stranger shows on a mailing list is no fault of ours, and a machine's answer repeats what was sent to it."""
    assert read(letter(("text/csv", "queue.csv", CSV.encode()), extra=extra)).observations == ()


def test_prose_about_errors_is_no_queue() -> None:
    """A question that quotes a reply, and one that explains a property, stay questions."""
    body = f"The queue says {DROPPED}.\nWhat does Status : Retry mean?\n451 4.4.0 DNS query failed is new to me.\n"
    assert read(letter(body=body)).kind == "other"


def test_a_damaged_export_says_so() -> None:
    """JSON of a queue that was cut off makes the mail unreadable, and a sentence says why."""
    cut = json.dumps([{"Identity": "EX01\\3", "MessageCount": 41, "LastError": ERROR}])[:-30].encode()
    document = read(letter(("application/json", "queue.json", cut)))
    assert document.kind == "unreadable"
    assert "JSON" in (document.error or "")


def test_a_damaged_attachment_beside_a_good_one_is_counted() -> None:
    """What can be read is read; what cannot is told beside it."""
    cut = ("application/json", "q.json", b'[{"MessageCount": 41, "LastError": "4')
    document = read(letter(("text/csv", "queue.csv", CSV.encode()), cut))
    assert told(document) == QUEUE
    assert document.suppressed == {"unreadable-attachment": 1}


def test_an_export_in_a_mail_that_is_cut_is_not_half_read() -> None:
    """Of a mail past the bound the middle is missing: half a queue would count as all of it."""
    rows = f'"EX01\\3","Retry","41","{ERROR}"\r\n' * 50_000
    document = read(letter(("text/csv", "queue.csv", (CSV + rows).encode())))
    assert document.kind == "unreadable"
    assert "larger" in (document.error or "")


def bomb(start: bytes, mebibytes: int) -> bytes:
    """Give gzip that unpacks to a start and spaces."""
    packer = zlib.compressobj(9, wbits=31)
    spaces = b" " * 2**20
    return packer.compress(start) + b"".join(packer.compress(spaces) for _ in range(mebibytes)) + packer.flush()


def test_a_bomb_in_a_mail_is_not_unpacked() -> None:
    """Gzip that unpacks to more than the bound is said to be so where it begins like an export, else left alone."""
    document = read(letter(("application/gzip", "queue.csv.gz", bomb(CSV.encode(), 80))))
    assert document.kind == "unreadable"
    assert "64 MiB" in (document.error or "")
    assert read(letter(("application/gzip", "x.gz", bomb(b"hello", 80)))).kind == "other"


def test_many_bombs_share_one_bound() -> None:
    """What one document may unpack is bounded whatever is in it: past that, attachments are told as unreadable."""
    small = bomb(CSV.encode(), 40)
    document = read(letter(*[("application/gzip", f"{at}.csv.gz", small) for at in range(6)]))
    assert told(document) == QUEUE
    assert document.suppressed["unreadable-attachment"] == 5


FAILED = "Authentication-Results: mx.contoso.example; dmarc=fail header.from=contoso.example\n"
TRUSTS = {
    "a colleague": (KARL, "", "unknown"),
    "a stranger": (STRANGER, "", "low"),
    "a forged colleague": (KARL, FAILED, "low"),
}


@pytest.mark.parametrize(("sender", "extra", "level"), TRUSTS.values(), ids=TRUSTS)
def test_an_export_is_believed_as_far_as_the_mail(sender: str, extra: str, level: str) -> None:
    """Anyone can mail a queue that he made up: it is counted, and makes nothing more than possible."""
    mail = letter(("text/csv", "queue.csv", CSV.encode()), sender=sender, extra=extra)
    assert [one.trust.level for one in read(mail, "mx.contoso.example").observations] == [level]


def test_a_letter_of_ours_within_a_strangers_mail_is_a_strangers() -> None:
    """Whoever can write a mail can attach one that seems to be a colleague's."""
    inner = letter(("text/csv", "queue.csv", CSV.encode()))
    head = f"From: {STRANGER}\nTo: helpdesk@contoso.example\nSubject: FW: queue\nMIME-Version: 1.0\n"
    head += "Content-Type: multipart/mixed; boundary=outer\n\n--outer\nContent-Type: message/rfc822\n\n"
    assert [one.trust.level for one in read(head.encode() + inner + b"\n--outer--\n").observations] == ["low"]
