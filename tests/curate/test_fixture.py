"""A test case from private mail: nobody's names, the same structure, the same answer."""

import base64
import email
import re
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from triage.cli.app import app
from triage.curate import Fixture, anonymized
from triage.diagnose import Rulebook
from triage.errors import BadInput
from triage.hosts import Hosts
from triage.intake import Knowledge

KNOWLEDGE = Knowledge(hosts=Hosts(domains=["corp.test"]), rulebook=Rulebook.load(None))
KEY = b"a key of the tests"
MICROSOFT = "am6pr01mb1234.eurprd01.prod.outlook.com"
PRIVATE = (
    "karl.holm", "anna.berg", "corp.test", "partner.test", "Karl Holm", "Secret offer 4711", "offer-4711", "172.16.9.9",
    "8.8.4.4",
    "hq-ex13a", "partner-test", "Dear Anna",
)  # fmt: skip


@pytest.fixture
def private(ndr: Callable[..., Any]) -> bytes:
    """Give a report of a private server, with nothing in it that is an example."""
    made = ndr(
        generating="hq-ex13a.corp.test",
        receiving=MICROSOFT,
        receiving_ip="8.8.4.4",
        recipient="anna.berg@partner.test",
        sender="karl.holm@corp.test",
        subject="Secret offer 4711",
        message_id="offer-4711@corp.test",
        from_header="<postmaster@corp.test>",
    )
    return bytes(made).replace(b"192.0.2.10", b"172.16.9.9").replace(b"contoso.example", b"corp.test")


def decoded(content: bytes) -> str:
    """Give all that a reader can see in a message: its bytes, and every part decoded."""
    mail = email.message_from_bytes(content)
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    headers = [str(email.header.make_header(email.header.decode_header(str(value)))) for _, value in mail.items()]
    texts = [part.decode("utf-8", "replace") for part in parts if isinstance(part, bytes)]
    return "\n".join([content.decode("utf-8", "replace"), *headers, *texts])


def test_nothing_of_the_original_is_left_and_the_answer_is_the_same(private: bytes) -> None:
    """Every private word is gone; codes, kind and category are what they were; Microsoft's host stays."""
    made = anonymized(private, KNOWLEDGE, KEY)
    assert (made.left, made.differs) == ((), ())
    assert not [one for one in PRIVATE if one.lower() in decoded(made.content).lower()]
    assert MICROSOFT in made.content.decode()


def test_the_structure_stays(private: bytes) -> None:
    """Types of the parts, names of the headers, folding and line ends are those of the original."""
    made = anonymized(private, KNOWLEDGE, KEY).content
    was, now_is = email.message_from_bytes(private), email.message_from_bytes(made)
    assert [part.get_content_type() for part in was.walk()] == [part.get_content_type() for part in now_is.walk()]
    assert was.keys() == now_is.keys()
    assert made.count(b"\r\n") == private.count(b"\r\n")
    assert made.count(b"\r\n ") == private.count(b"\r\n ")


def test_a_name_has_one_stand_in(private: bytes) -> None:
    """An address is the same wherever it stands; with a key in every file, with another key another."""
    made = anonymized(private, KNOWLEDGE, KEY).content
    recipients = set(re.findall(rb"rfc822;(\S+)", made)) | set(re.findall(rb"\r\nTo: <(\S+)>\r\nSubject", made))
    assert len(recipients) == 1
    assert anonymized(private, KNOWLEDGE, KEY).content == made
    assert anonymized(private, KNOWLEDGE, b"another").content != made


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_names_are_found_in_every_encoding(encoding: str) -> None:
    """Base64, quoted-printable and encoded-words hide nothing, and stay what they are."""
    mail = EmailMessage()
    mail["From"] = "MAILER-DAEMON@mx.corp.test"
    mail["To"] = "Jörg Möller <joerg.moeller@corp.test>"
    mail["Subject"] = "Undelivered Mail Returned to Sender"
    mail["Return-Path"] = "<>"
    said = "<zoe.k@partner.test>: host mx.partner.test[8.8.4.4] said: 550 5.1.1 no such user\n"
    mail.set_content(f"This is the mail system at host mx.corp.test.\n\n{said}\nMit Grüßen\n", cte=encoding)
    made = anonymized(mail.as_bytes(), KNOWLEDGE, KEY)
    assert made.left == ()
    seen = decoded(made.content)
    assert not [one for one in ("zoe.k", "partner.test", "corp.test", "moeller", "Möller", "8.8.4.4") if one in seen]
    assert email.message_from_bytes(made.content)["Content-Transfer-Encoding"] == encoding


def test_what_people_wrote_becomes_x() -> None:
    """Of the returned message's text and its attachment the shape stays, and no word."""
    inner = EmailMessage()
    inner["From"], inner["To"], inner["Subject"] = "karl@corp.test", "anna@partner.test", "Dear Anna"
    inner.set_content("Dear Anna, the account is DE89 3704.\n")
    inner.add_attachment(b"salary list", maintype="application", subtype="pdf", filename="salaries-2026.pdf")
    outer = EmailMessage()
    outer["From"], outer["Return-Path"], outer["Subject"] = "MAILER-DAEMON@mx.corp.test", "<>", "failure notice"
    outer.set_content(
        "Hi. This is the qmail-send program at mx.corp.test.\n\n<anna@partner.test>:\n550 5.1.1 no such user\n"
    )
    outer.add_attachment(inner)
    made = anonymized(outer.as_bytes(), KNOWLEDGE, KEY)
    seen = decoded(made.content)
    assert made.left == ()
    assert "Xxxx Xxxx, xxx xxxxxxx xx XX00 0000." in seen
    assert not [
        one for one in ("Dear", "DE89", "salar", "karl", base64.b64encode(b"salary list").decode()) if one in seen
    ]


def test_what_cannot_be_made_is_an_error() -> None:
    """Nothing at all, and more than fits, are answered with a sentence."""
    with pytest.raises(BadInput, match="empty"):
        anonymized(b"", KNOWLEDGE, KEY)
    with pytest.raises(BadInput, match="larger"):
        anonymized(b"a" * 7 * 2**20, KNOWLEDGE, KEY)


def test_the_command_writes_nothing_where_something_is_left(
    private: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still in it is named, the file is not made, and the exit code is 1."""
    source, out = tmp_path / "private.eml", tmp_path / "fixture.eml"
    source.write_bytes(private)
    done = CliRunner().invoke(app, ["fixture", str(source), "--out", str(out)])
    assert done.exit_code == 0
    assert b"corp.test" not in out.read_bytes()
    out.unlink()
    monkeypatch.setattr("triage.curate.fixture.anonymized", lambda *_: Fixture(b"x", ("host hq",), ()))
    assert CliRunner().invoke(app, ["fixture", str(source), "--out", str(out)]).exit_code == 1
    assert not out.exists()
