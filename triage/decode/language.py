"""In which language a report is written, where it tells so itself: by a header, else by words of one language alone.

Exchange writes a report in the language of its reader and says so in Content-Language (RFC 3282). A system that knows
no other language than English tells nothing of its reader: English is taken from that header alone.
"""

import re
from functools import cache

from triage.decode.exchange_words import words
from triage.decode.found import Found

MAX_TEXT = 4096
"""Characters of a human part in which words are looked for: headings and labels stand near its start."""

_TAG = re.compile(r"\s*(?P<language>[A-Za-z]{2,3})(?:-[A-Za-z0-9]{1,8}){0,4}\s*")
"""A language tag (RFC 5646 §2.1), as far as its first part tells the language; `x-…` and `i-…` tell none."""


_NO_LANGUAGE = frozenset({"mis", "mul", "und", "zxx"})
"""ISO 639: uncoded, several, undetermined, and no language at all."""


def language_of(found: Found) -> str | None:
    """Give the language of a report as its tag has it ("sk"); None where it tells none, or more than one."""
    mail = found.mail
    if found.form.mail_system and (declared := mail.header("content-language")):
        # In any other message the header is that of the person who passed the report on.
        return _only({_language(tag) for tag in declared.split(",")})
    text = f"{mail.words('subject')} {found.text.text[:MAX_TEXT]}".lower()
    known = _phrases()[text.isascii()]
    if not any(map(text.__contains__, known)):
        return None
    text = " ".join(text.split())
    return _only({language for phrases in known.values() for phrase, language in phrases if phrase in text})


@cache
def _phrases() -> tuple[dict[str, list[tuple[str, str]]], dict[str, list[tuple[str, str]]]]:
    """Give the phrases that tell a language by the longest word of each: all of them, and those of plain ASCII."""
    every: dict[str, list[tuple[str, str]]] = {}
    for phrase, language in words().languages.items():
        every.setdefault(max(phrase.split(), key=len), []).append((phrase, language))
    return every, {word: phrases for word, phrases in every.items() if word.isascii()}


def _language(tag: str) -> str | None:
    found = _TAG.fullmatch(tag)
    language = found.group("language").lower() if found else None
    return None if language in _NO_LANGUAGE else language


def _only(languages: set[str | None] | set[str]) -> str | None:
    return next(iter(languages)) if len(languages) == 1 else None
