"""What makes reading fast leaves out only what could not have been found."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from triage.decode.patterns import Patterns
from triage.decode.prose_words import phrases
from triage.decode.received import Hop, _any_clauses, _plain_clauses

WORDS = st.sampled_from(
    (
        "host mx.fabrikam.example [192.0.2.1]", "Giving up on 192.0.2.1.", "said: 550 5.1.1 no", "<anna@fabrikam.example>:",
        "this is a copy of the message", "Return-Path: <>", "> <<< 550 no", "the response was: x", "state 13): 550 no",
        "-------server message", "Reporting-MTA: <mx.fabrikam.example>", "ERROR_CODE :", "*** returned message", "\u3000",
        " ", "\t", "é", "\x0b", "\x1f", "--", "while talking to mx.fabrikam.example.:", "remote host said", "(reason: 550 x",
    )
)  # fmt: skip
SERVERS = (
    "host mx.fabrikam.example[192.0.2.1]", "connect to mx.fabrikam.example[192.0.2.1]", "connect to mx.fabrikam.example",
    "mx.fabrikam.example [192.0.2.1] did not like our DATA", "server mx.fabrikam.example [192.0.2.1] said:",
    "host: mx.fabrikam.example (192.0.2.1)", "(host mx.fabrikam.example rejected command DATA", "host mx.fabrikam.example says:",
    "Server:  <mx.fabrikam.example>[192.0.2.1]", "Connecting to mx.fabrikam.example [192.0.2.1:25]", "[192.0.2.1], 550 no",
    "mx.fabrikam.example [192.0.2.1] responded with failure", "while talking to mx.fabrikam.example.:",
    "by mx.fabrikam.example. [192.0.2.1]", "recipient domain fabrikam.example by mx.fabrikam.example. [192.0.2.1]",
    "(1) mx.fabrikam.example. [192.0.2.1]:25: 550 no", "192.0.2.1 does not like recipient.", "Connected to 192.0.2.1 but no",
    "host 192.0.2.1: 550 no", "Giving up on 192.0.2.1.", "Remote server (192.0.2.1) issued an error",
    "destination host DE - 192.0.2.1", "verification failed for mx.fabrikam.example[192.0.2.1]",
    "Name service error for name=mx.fabrikam.example type=A",
)  # fmt: skip
LINES = st.lists(st.lists(WORDS | st.text("ab.:<>[]()@ 0123456789", max_size=6), max_size=4).map("".join), max_size=6)


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_no_pattern_that_matches_is_left_out(lines: list[str]) -> None:
    """A pattern found in one of the lines is among those that are possible, whatever the letters."""
    known = phrases()
    every: list[Patterns] = [known.original, known.recipient, known.replies, known.labels, known.ends, known.servers]
    for patterns in every:
        possible = patterns.possible(lines)
        assert [one for one in patterns if any(one.search(line) for line in lines) and one not in possible] == []


@settings(max_examples=300, deadline=None)
@given(LINES, st.data())
def test_no_sign_is_missing_where_a_pattern_matches_lines_put_together(lines: list[str], data: st.DataObject) -> None:
    """Whatever lines of a text are left out and how the others are joined: what matches them leaves a sign in the text."""
    kept = [line.strip() for line in lines if data.draw(st.booleans())]
    known = phrases()
    matched = any(one.search(text) for one in known.servers for text in (*kept, " ".join(kept).strip()))
    assert known.server_signs.stand_in("\n".join(lines)) >= matched


@pytest.mark.parametrize("pattern", phrases().servers, ids=lambda one: one.pattern)
def test_every_server_leaves_a_sign_when_its_words_stand_on_lines_of_their_own(pattern: re.Pattern[str]) -> None:
    """Each pattern's words, with other lines wherever it takes a space, are a sign of it."""
    said = next(text for text in SERVERS if pattern.search(text))
    assert phrases().server_signs.stand_in(said.replace(" ", " \r\nHello\n"))


def test_most_texts_need_no_pattern() -> None:
    """An ordinary sentence rules out every pattern at once: that is what the set is for."""
    assert list(phrases().servers.possible(["Thank you for your letter.", "Kind regards"])) == []


def test_a_long_text_is_left_to_the_patterns_themselves() -> None:
    """Past the bound nothing is ruled out, so the memory of the set stays what it is."""
    patterns = Patterns.of([re.compile("abc"), re.compile("def")])
    assert list(patterns.possible(["x" * 70_000])) == list(patterns)


PIECES = st.sampled_from(
    (
        "from ", "by ", "with ", "id ", "for ", "envelope-from ", "with cipher ", "mx.fabrikam.example ", "(", ")", "[", "]", "<",
        ">", ";", '"', "\\", " ", "(a (b) c) ", "[192.0.2.1] ", "<a@b.example>", "2026-01-01 10:00:00.123456789 +0000 UTC m=+1.2",
        "; Mon, 2 Nov 2026 10:00:00 +0000", "\x00", "\x01", "x",
    )
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
@example("from a (b; by c) by d (with (id e) f) with ESMTP id g for <for h>; Mon, 2 Nov 2026 10:00:00 +0000")
@example("from a by b with cipher c id d; x")
@example("from a (from b)by c; x")
def test_a_plain_stamp_is_split_as_the_scanner_splits_it(value: str) -> None:
    """What is read the short way, is read as mail-parser reads it."""
    raw = Hop(value).raw
    plain = _plain_clauses(raw)
    assert plain is None or plain == _any_clauses(raw)


def test_the_usual_stamp_is_read_the_short_way() -> None:
    """A stamp as Exchange writes it does not need the scanner."""
    host = "b.contoso.example ([2001:db8::1])"
    found = _plain_clauses(
        f"from a.contoso.example (192.0.2.1) by {host} with Microsoft SMTP Server (TLS) id 15.1.1.1; x"
    )
    assert found is not None
    assert found[0]["by"] == host
