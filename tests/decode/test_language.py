"""The language of a report: told by the report itself, or not known."""

import pytest

from tests.conftest import Ndr
from tests.decode.conftest import build_report
from triage.decode import decode
from triage.decode.exchange_words import words
from triage.hosts import Hosts

GERMAN = {
    "Undeliverable:": "Unzustellbar:",
    "Diagnostic information for administrators": "Diagnoseinformationen für Administratoren",
    "Generating server": "Generierender Server",
    "us-ascii": "utf-8",
}


def language(content: bytes) -> str | None:
    """Give the language of the one failure that the report tells."""
    (failure,) = [one for one in decode(content, Hosts(())).observations if one.source == "ndr"]
    return failure.language


def translated(text: str) -> str:
    """Give the text with Exchange's German words."""
    for english, german in GERMAN.items():
        text = text.replace(english, german)
    return text


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("sk-SK", "sk"),
        ("en-US", "en"),
        ("SK", "sk"),
        ("zh-Hant-TW", "zh"),
        ("fr-FR, fr-BE", "fr"),
        ("en-US, fr-FR", None),
        ("x-klingon", None),
        ("und", None),
        ("sk_SK; evil", None),
        ("", None),
    ],
)
def test_content_language_tells_the_language(declared: str, told: str | None) -> None:
    """The first part of its tag (RFC 5646) in lower case; several languages, none, or what is no tag, tell nothing."""
    assert language(build_report(extra=f"Content-Language: {declared}\n")) == told


def test_a_report_that_tells_nothing_has_no_language() -> None:
    """English words are no statement: most mail systems know no others."""
    assert language(build_report()) is None
    assert language(Ndr().text().encode()) is None


def test_words_of_one_language_tell_it() -> None:
    """Exchange's headings and labels stand in for a header that is not there; the header wins."""
    report = translated(Ndr().text())
    assert language(report.encode()) == "de"
    assert language(report.replace("MIME-Version", "Content-Language: sk-SK\r\nMIME-Version").encode()) == "sk"


def test_words_of_two_languages_tell_none() -> None:
    """A report with German words and a Slovak prefix in front of its subject is of no known language."""
    assert language(translated(Ndr().text()).replace("Unzustellbar:", "Nedoručiteľné:").encode()) is None


def test_the_header_of_a_person_who_forwards_is_not_the_report_s() -> None:
    """The forwarding mail says in which language its sender writes: the report inside keeps its own."""
    head, _, body = Ndr().attached().partition(b"MIME-Version")
    forwarded = head + b"Content-Language: sk-SK\r\nMIME-Version" + body
    assert b"\r\nContent-Language: sk-SK" in forwarded
    assert language(forwarded) is None
    own = forwarded.replace(
        b"X-MS-Exchange-Message-Is-Ndr:", b"Content-Language: fr-FR\r\nX-MS-Exchange-Message-Is-Ndr:"
    )
    assert language(own) == "fr"


def test_every_word_of_a_language_is_one_that_is_known() -> None:
    """Each word stands in the lists of labels, headings and prefixes too, and tells one language."""
    known = words()
    elsewhere = {*known.kinds, *known.undeliverable, *known.delayed}
    assert known.languages.keys() <= elsewhere
    assert "en" not in known.languages.values()
