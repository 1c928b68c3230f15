"""A message comes apart into headers, own parts and attached messages, also where it is damaged."""

import base64

import pytest

from triage.decode import limits
from triage.decode.encoded import decode_text, decode_words
from triage.decode.message import bounded, read_mail

HEAD = b"From: a@contoso.example\nSubject: x\nMIME-Version: 1.0\n"
ATTACHED = b"From: b@contoso.example\nSubject: inside\n\ninside text\n"


def test_attached_message_is_apart_from_own_parts() -> None:
    """The text of a forward and the message attached to it are never mixed up."""
    content = (
        HEAD + b"Content-Type: multipart/mixed; boundary=q\n\n--q\n\nown text\n--q\nContent-Type: message/rfc822\n\n"
    )
    mail = read_mail(content + ATTACHED + b"--q--\n")
    assert [leaf.text.strip() for leaf in mail.leaves] == ["own text"]
    assert [one.header("subject") for one in mail.attached] == ["inside"]


def test_encoded_attached_message_is_decoded() -> None:
    """RFC 2046 forbids base64 for attached messages; mail clients use it all the same."""
    content = (
        HEAD + b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(ATTACHED)
    )
    wrapped = HEAD + b"Content-Type: multipart/mixed; boundary=q\n\n--q\n" + content[len(HEAD) :] + b"\n--q--\n"
    assert read_mail(wrapped).attached[0].header("subject") == "inside"


SAVED = {
    "named": ('application/octet-stream; name="Undeliverable.eml"', True),
    "text that is named": ('text/plain; name="Undeliverable.eml"', True),
    "neither name nor headers enough": ("application/octet-stream", False),
    "text": ("text/plain", False),
}


@pytest.mark.parametrize(("kind", "is_message"), SAVED.values(), ids=SAVED)
def test_saved_message_is_known_whatever_its_type(kind: str, is_message: bool) -> None:
    """Webmail attaches a saved message as a file of no known type; text that begins like a header stays text."""
    part = f"--q\nContent-Type: {kind}\nContent-Transfer-Encoding: base64\n\n".encode() + base64.encodebytes(ATTACHED)
    mail = read_mail(HEAD + b"Content-Type: multipart/mixed; boundary=q\n\n" + part + b"\n--q--\n")
    assert [one.header("subject") for one in mail.attached] == (["inside"] if is_message else [])


DAMAGED = {
    "wrong boundary": b"Content-Type: multipart/report; boundary=p\n\nMIME\n--q\nContent-Type: text/plain\n\nfound\n--q--\n",
    "no boundary": b"Content-Type: multipart/report\n\n--q\nContent-Type: text/plain\n\nfound\n--q--\n",
    "end missing": b"Content-Type: multipart/report; boundary=q\n\n--q\nContent-Type: text/plain\n\nfound\n",
    "no parts": b"Content-Type: multipart/report; boundary=q\n\nfound\n",
    "unknown charset": b"Content-Type: text/plain; charset=x-never-heard-of\n\nfound\n",
    "damaged base64": b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nZm91bmQ\n",
}  # fmt: skip


@pytest.mark.parametrize("rest", DAMAGED.values(), ids=DAMAGED)
def test_text_of_a_damaged_message_is_found(rest: bytes) -> None:
    """Lost boundaries, unknown charsets and cut ends cost no text."""
    assert "found" in "".join(leaf.text for leaf in read_mail(HEAD + rest).leaves)


BEFORE = [b"\n\n  ", b"\xef\xbb\xbf", b"From karl Sun Oct 18 09:14:03 2026\n", b"\x00\x00"]


@pytest.mark.parametrize("before", BEFORE, ids=["blank lines", "byte order mark", "mbox separator", "zeros"])
def test_what_stands_before_the_headers_is_skipped(before: bytes) -> None:
    """A saved message may start with blank lines, a mark or a separator."""
    assert read_mail(before + HEAD + b"\ntext").header("subject") == "x"


def test_text_without_headers_is_all_text() -> None:
    """A report that somebody saved as text is read from its first line."""
    mail = read_mail(b"Generating server: mx.contoso.example\n\nanna@fabrikam.example\n")
    assert not mail.has_headers
    assert mail.leaves[0].text.startswith("Generating server")


CHARSETS = [
    ("Grüße".encode("latin-1"), "iso-8859-1", "Grüße"),
    ("Grüße".encode(), "us-ascii", "Grüße"),
    ("Grüße".encode("cp1252"), None, "Grüße"),
    ("配信".encode("iso-2022-jp"), "ISO-2022-JP", "配信"),
    (b"abc", "punycode", "abc"),
    (b"abc", "../../etc", "abc"),
]


@pytest.mark.parametrize(("content", "charset", "text"), CHARSETS, ids=[str(one[1]) for one in CHARSETS])
def test_charset_is_tried_and_then_guessed(content: bytes, charset: str | None, text: str) -> None:
    """The declared charset counts where it is one; else UTF-8, else Windows-1252."""
    assert decode_text(content, charset) == text


WORDS = [
    ("=?utf-8?B?0KLQtdC80LA=?=", "Тема"),
    ("=?iso-8859-1?Q?Non_remis_=3A?= Angebot", "Non remis : Angebot"),
    ("=?broken?Q?=zz?=", "=zz"),
    ("plain", "plain"),
]


@pytest.mark.parametrize(("value", "text"), WORDS, ids=[text for _, text in WORDS])
def test_encoded_words_of_a_header(value: str, text: str) -> None:
    """RFC 2047 words are decoded, broken ones cost nothing."""
    assert decode_words(value) == text


def test_large_message_keeps_both_ends() -> None:
    """Of a message over the bound, start and end are read: a report stands at one of them."""
    content = b"Start: 1\n\n" + b"x" * (limits.HEAD_BYTES + limits.TAIL_BYTES) + b"\nend"
    cut = bounded(content)
    assert len(cut) <= limits.HEAD_BYTES + limits.TAIL_BYTES + 1
    assert cut.startswith(b"Start: 1")
    assert cut.endswith(b"end")


NO_CHARSETS = [b"us\x00ascii", b"idna", b"undefined", b"punycode", b"hex", b"x" * 50, b"utf-8; utf-8", b"\xff\xfe"]


@pytest.mark.parametrize("charset", NO_CHARSETS, ids=[repr(one)[:20] for one in NO_CHARSETS])
def test_a_charset_that_is_none_stops_nothing(charset: bytes) -> None:
    """Whatever stands for a charset, the text is read, in UTF-8; the standard library fails on some of these."""
    head = b"From: a@contoso.example\nContent-Type: text/plain; charset=" + charset + b"\n\n"
    assert read_mail(head + "Größe\n".encode()).leaves[0].text == "Größe\n"


def test_a_repaired_message_says_its_header_as_text() -> None:
    """Octets that are no ASCII beside a lost boundary: each value is a text, as in a message that is whole."""
    mail = read_mail(
        HEAD + b"Content-Type: multipart/report; x=\xe4\n\n--q\nContent-Type: text/plain\n\nfound\n--q--\n"
    )
    assert [leaf.text for leaf in mail.leaves] == ["found"]
    assert all(isinstance(value, str) for value in mail.raw_values("content-type"))
    assert mail.raw_values("subject") == ["x"]


def test_a_short_header_that_comes_again_is_read_again() -> None:
    """What is kept of a part's header belongs to no message: a change in one of them stays there."""
    content = (
        HEAD + b"Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: text/plain; name=a.txt\n\nx\n--q--\n"
    )
    first, second = read_mail(content), read_mail(content)
    first.node.parts[0].replace_header("Content-Type", "text/html; name=b.txt")
    assert first.node.parts[0].get_content_type() == "text/html"
    third = read_mail(content)
    assert [[(leaf.kind, leaf.filename) for leaf in one.leaves] for one in (second, third)] == [
        [("text/plain", "a.txt")]
    ] * 2
