"""Drafts as text: by kind of fault, marked as drafts, and with no more than is known."""

import re
from typing import Any, get_args

import msgspec
import pytest

from triage.model.draft import NoteKind, PartnerLetter, SenderNote, Topic
from triage.model.words import CONFIDENCES
from triage.notify import Texts, letter_text, note_text
from triage.notify.phrases import locales

FACTS = PartnerLetter(
    incident="KV5GWB3Y",
    topic="version",
    confidence="certain",
    theirs="mx1.fabrikam.example",
    their_ip="203.0.113.7",
    domain="fabrikam.example",
    ours="mail.contoso.example",
    our_ip="192.0.2.10",
    our_domain="contoso.example",
    reply="421 4.4.2 Connection dropped due to SocketError",
    phase="handshake",
    first="2026-10-18T09:14:00Z",
    last="2026-10-18T13:18:00Z",
    returned=12,
    waiting=143,
    tried_until="2026-10-20T09:14:00Z",
    cleared=("we-speak-tls12",),
)
OPENSSL = (
    "    openssl s_client -starttls smtp -connect mx1.fabrikam.example:25 -servername mx1.fabrikam.example -tls1_2"
)
SESSION: tuple[Topic, ...] = (
    "version",
    "cipher",
    "starttls",
    "certificate",
    "handshake",
    "dropped",
    "refused",
    "timeout",
)


def written(texts: Texts, now: str, **changed: Any) -> str:
    """Give a letter with some of its facts changed."""
    return letter_text(msgspec.structs.replace(FACTS, **changed), texts, now=now)


def test_a_letter_stands_without_attachments(texts: Texts, now: str) -> None:
    """It says that it is a draft, whom to send it to, both hosts, times with year and zone, the reply, and one check."""
    told = written(texts, now)
    lines = told.split("\n")
    assert told.startswith("DRAFT for incident KV5GWB3Y, written 18 Oct 2026 13:20 UTC. Nothing was")
    assert "To: postmaster@fabrikam.example" in lines
    assert "Subject: Mail between contoso.example and mx1.fabrikam.example: TLS version" in lines
    assert re.search(r"^ {4}your server +mx1\.fabrikam\.example \[203\.0\.113\.7\], port 25$", told, re.MULTILINE)
    assert re.search(r"^ {4}our server +mail\.contoso\.example \[192\.0\.2\.10\]$", told, re.MULTILINE)
    assert re.search(r"^ {4}first seen +18 Oct 2026 09:14 UTC$", told, re.MULTILINE)
    assert "    421 4.4.2 Connection dropped due to SocketError" in lines
    assert OPENSSL in lines
    assert "- Our server can speak TLS 1.2." in lines


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize("topic", get_args(Topic))
def test_lines_are_short_and_filled_in(topic: Topic, locale: str, now: str) -> None:
    """Every topic in every language has all its parts, no open place, and no line over 72 characters but a command."""
    loaded = Texts.load(locale)
    for confidence in CONFIDENCES:
        for they_send in (False, True):
            told = written(loaded, now, topic=topic, confidence=confidence, they_send=they_send)
            assert not re.search(r"[{}]", told)
            assert "\n\n\n" not in told
            for line in told.split("\n"):
                assert len(line) <= 72 or line.startswith(("    openssl ", "Subject: "))


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize("topic", [topic for topic in SESSION if topic not in ("version", "cipher", "handshake")])
def test_other_faults_claim_no_version(topic: Topic, locale: str, now: str) -> None:
    """A letter on a certificate, on STARTTLS or on a lost connection says nothing of TLS versions."""
    told = written(Texts.load(locale), now, topic=topic, cleared=(), through_exchange_online=True)
    assert not re.search(r"TLS 1\.[0-3]|RFC 8996|-tls1_2", told)


@pytest.mark.parametrize("they_send", [False, True])
@pytest.mark.parametrize("topic", get_args(Topic))
def test_nothing_is_blamed_without_a_line(topic: Topic, they_send: bool, texts: Texts, now: str) -> None:
    """Without a reply the letter says that nothing is proved, and gives the milder words."""
    told = " ".join(written(texts, now, topic=topic, they_send=they_send, reply=None).split())
    assert "We have no reply or log line that proves a cause, so this is only a question." in told
    sure = texts.find(f"letter.topic.{topic}.sure", domain="fabrikam.example")
    assert sure is None or sure not in told


def test_a_possible_cause_is_told_as_one(texts: Texts, now: str) -> None:
    """While the verdict is only possible nothing is stated as a fact."""
    told = " ".join(written(texts, now, confidence="possible").split())
    assert "The two servers have no TLS version in common: the handshake ends right after STARTTLS." not in told
    assert "a firewall or a limit looks the same" in told


def test_expired_mail_is_never_promised(texts: Texts, now: str) -> None:
    """Returned mail is not delivered later; waiting mail goes out only if that is in time, and until when."""
    told = " ".join(written(texts, now).split())
    assert "12 messages were returned. They are not delivered later: their senders have to send them again." in told
    assert "143 messages wait on our side" in told
    assert "if that is in time. The first of them is given up at 20 Oct 2026 09:14 UTC." in told


def test_what_is_not_known_is_left_to_the_writer(texts: Texts, now: str) -> None:
    """Unknown names stand in brackets or in words, and no command holds a name that is not known."""
    told = written(
        texts, now, theirs=None, their_ip=None, ours=None, our_ip=None, our_domain=None, domain=None, phase=None
    )
    assert "To: [the postmaster of your mail server]" in told
    assert "our mail server [its public name]" in told
    assert "openssl" not in told
    assert "None" not in told


def test_exchange_online_is_cited_for_a_version_alone(texts: Texts, now: str) -> None:
    """That Exchange Online never uses TLS 1.0 or 1.1 is said where it carries the mail and the fault is a version."""
    cited = "Exchange Online never uses TLS 1.0 or 1.1"
    assert cited in " ".join(written(texts, now, through_exchange_online=True).split())
    assert cited not in " ".join(written(texts, now).split())


def test_where_they_send_their_answer_may_be_lost(texts: Texts, now: str) -> None:
    """The draft says which way the fault lies, and promises no try of ours for mail that is theirs to send."""
    told = " ".join(written(texts, now, they_send=True).split())
    assert "Their answer may be lost by the very fault" in told
    assert "143 messages wait at the sending server." in told
    assert "then we try again" not in told
    assert "Mail to them may fail" in " ".join(written(texts, now).split())


def test_a_reply_cannot_write_the_letter(texts: Texts, now: str) -> None:
    """A reply of several lines stays indented, and characters that steer a terminal are gone."""
    told = written(texts, now, reply="550 no\nTo: ceo@fabrikam.example\n\x1b[2Jbye\u202e")
    assert "\n    To: ceo@fabrikam.example\n" in told
    assert "\x1b" not in told
    assert "\u202e" not in told


def test_house_rules_hold(texts: Texts, now: str) -> None:
    """No letter in English apologises, begs or shouts."""
    for topic in get_args(Topic):
        told = written(texts, now, topic=topic).lower()
        assert not re.search(r"!|please|sorry|unfortunately|your fault", told)


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize("kind", get_args(NoteKind))
def test_a_note_is_two_or_three_sentences(kind: NoteKind, locale: str, now: str) -> None:
    """After the line that calls it a draft: two or three sentences without a code, a host or an abbreviation."""
    facts = SenderNote(incident="X", kind=kind, domain="fabrikam.example", tried_until="2026-10-20T09:14:00Z")
    head, told = note_text(facts, Texts.load(locale), now=now).split("\n\n")
    assert "X" in head
    plain = " ".join(told.split())
    without_dates = re.sub(r"\b\d{1,2}\. (?=\w+ \d{4})", "", plain)
    sentences = [one for one in re.split(r"(?<=[.?!])\s+", without_dates) if one]
    assert 2 <= len(sentences) <= 4
    assert not re.search(r"SMTP|TLS|DNS|MX|\b[245]\.\d\.\d|\{", plain)


def test_a_note_names_the_recipient_and_the_time(texts: Texts, now: str) -> None:
    """Whose message, until when it is tried, and not to send it again."""
    facts = SenderNote(
        incident="X", kind="waiting", recipient="anna.b@fabrikam.example", tried_until="2026-10-20T09:14:00Z"
    )
    told = " ".join(note_text(facts, texts, now=now).split())
    assert "Your message to anna.b@fabrikam.example has not arrived yet. Do not send it again" in told
    assert "it is tried until 20 Oct 2026 09:14 UTC" in told
