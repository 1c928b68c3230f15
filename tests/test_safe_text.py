"""Each place text goes: what a message says there stays words."""

import csv
import io
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from triage import safe_text

BIDI = "\u202e\u2066\u200f"
ONE_LINE: dict[str, Callable[[str], str]] = {
    name: getattr(safe_text, name)
    for name in ("html", "card_text", "markdown", "markdown_code", "csv_cell", "powershell", "log", "file_name")
}
EVERY_PLACE = ONE_LINE | {name: getattr(safe_text, name) for name in ("fence", "terminal")}


def rendered(markdown: str) -> str:
    """Render as the clients do that follow CommonMark with GitHub's tables and strikethrough."""
    return str(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)).strip()


def seen(markup: str) -> str:
    """Give the text that a reader sees of rendered Markdown or HTML."""
    import html

    return html.unescape(re.sub(r"<[^>]*>", "", markup)).strip()


@pytest.mark.parametrize("place", EVERY_PLACE)
def test_nothing_unseen_gets_through(place: str) -> None:
    """Controls, escape characters, bidirectional marks and lone surrogates reach no place."""
    text = EVERY_PLACE[place](f"a\x00b\x1b[31mc\x9b2J{BIDI}d\x7f\ud800\U000e0041\ufefff")
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]", text
    )
    assert "\U000e0041" not in text


@pytest.mark.parametrize("place", EVERY_PLACE)
def test_every_place_is_bounded_and_fast(place: str) -> None:
    """A megabyte of anything is cut within a second, whatever it repeats."""
    started = time.perf_counter()
    for unit in ("a", "@", "`", "\x1b]", "[", "\\", " ", "&#", "\x1b[", "_"):
        assert len(EVERY_PLACE[place](unit * 1_000_000)) <= 2 * safe_text.SCREEN_LIMIT
    assert time.perf_counter() - started < 1.0 * 10


@pytest.mark.parametrize("place", set(ONE_LINE) - {"file_name"})
def test_a_line_stays_one_line_and_says_that_it_was_cut(place: str) -> None:
    """No place of one line lets a line feed through, and a cut text says so."""
    text = ONE_LINE[place]("first\r\nsecond\u2028third\x85" + "x" * 100_000)
    assert "\n" not in text
    assert "\r" not in text
    assert "characters cut" in text


def test_the_cut_mark_counts_what_is_gone() -> None:
    """Kept and cut characters add up to the text, and the bound holds."""
    text = safe_text.cut("y" * 1_000, 100)
    gone = re.search(r"\[([0-9]+) characters cut\]", text)
    assert gone is not None
    assert text.count("y") + int(gone.group(1)) == 1_000
    assert len(text) <= 100
    assert safe_text.cut("y" * 100, 100) == "y" * 100


def test_html_escapes_what_ends_text_or_an_attribute() -> None:
    """Neither an element nor an attribute can be ended or opened."""
    assert safe_text.html("""<script>"a" & 'b'</script>""") == (
        "&lt;script&gt;&quot;a&quot; &amp; &#x27;b&#x27;&lt;/script&gt;"
    )


@pytest.mark.parametrize(
    "text",
    [
        "[click](https://evil.example/)",
        "![x](https://evil.example/p.png)",
        "<https://evil.example/>",
        "[x]: https://evil.example/",
        "<at>Everyone</at>",
        "&lt;at&gt;Everyone&lt;/at&gt;",
        "**bold** and __bold__ and _thin_ and ~~gone~~ and `code`",
        "# heading",
        "- item",
        "+ item",
        "12. item",
        "12) item",
        "---",
        "===",
        "_ _ _",
        "> quote",
        "| a | b |",
        r"\[x\](y)",
        r"\**x**",
    ],
)
def test_a_card_shows_words_only(text: str) -> None:
    """Rendered as CommonMark, the text of a card is one paragraph with nothing in it, and mentions nobody."""
    made = safe_text.card_text(text)
    inner = rendered(made).removeprefix("<p>").removesuffix("</p>")
    assert "<" not in inner
    assert "at>" not in made
    assert "://" not in made


@pytest.mark.parametrize("text", ["{{DATE(2026-01-01T00:00:00Z,SHORT)}}", "${name}", "&#91;x&#93;"])
def test_a_card_expands_nothing(text: str) -> None:
    """Date functions, template bindings and character references stay inert."""
    made = safe_text.card_text(text)
    assert not re.search(r"\{\{|\$\{|&#", made)


def test_a_card_keeps_host_names_and_codes_readable() -> None:
    """What honest lines are made of is unchanged."""
    for text in ("hq-ex10a.contoso.example 421 4.4.2, 57 of 57", "SP_PROT_TLS1_2_CLIENT", r"HKLM\SYSTEM (read-only)"):
        assert safe_text.card_text(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab1 *_[]()<>~`#-+=.!|&:/\\{}$@;\n\t\"'", max_size=60))
def test_markdown_shows_exactly_the_words(text: str) -> None:
    """Inline Markdown renders back to the words that went in, with no markup of theirs."""
    words = " ".join(text.split())
    if not words:
        return
    inner = rendered(safe_text.markdown(text)).removeprefix("<p>").removesuffix("</p>")
    assert "<" not in inner
    assert seen(inner) == words


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab `~\n<>", max_size=40))
def test_code_shows_exactly_the_words(text: str) -> None:
    """A code span and a fence hold their words, however many backticks stand in them."""
    words = " ".join(text.split())
    if words:
        assert rendered(safe_text.markdown_code(text)).count("<code>") == 1
        assert seen(rendered(safe_text.markdown_code(text))) == words
    fenced = rendered(safe_text.fence(text))
    assert fenced.count("<pre>") == 1
    assert fenced.endswith("</code></pre>")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "\uff1d1",
        "\x00=1",
        "\u200b=1",
        '=HYPERLINK("https://evil.example","x")',
        "a;=1",
        'a,"=1',
        "x; -2",
    ],
)
def test_no_cell_is_a_formula(text: str) -> None:
    """Wherever a comma or semicolon splits the line, no part starts as a formula; the cell is one CSV cell."""
    made = safe_text.csv_cell(text)
    (row,) = csv.reader(io.StringIO(made), strict=True)
    assert len(row) == 1
    for part in re.split(r"[;,]", row[0]):
        assert not re.match('[\\s"]*[=+\\-@\uff1d\t\r]', part)


def test_an_honest_cell_is_unchanged() -> None:
    """Addresses, hosts and replies stand in a cell as they are."""
    assert safe_text.csv_cell("421 4.4.2 Connection dropped; hq-ex10a") == '"421 4.4.2 Connection dropped; hq-ex10a"'


@pytest.mark.parametrize("quote", ["'", "\u2018", "\u2019", "\u201a", "\u201b"])
def test_powershell_doubles_each_quote_that_ends_a_literal(quote: str) -> None:
    """The plain quote and the four typographic ones are doubled, nothing is expanded."""
    assert safe_text.powershell(f"a{quote}; $(calc) `n") == f"'a{quote}{quote}; $(calc) `n'"


def test_a_terminal_gets_no_sequence_and_keeps_its_columns() -> None:
    """Colours, titles and links vanish with their parameters; tabs, spaces and lines stay."""
    text = "a\x1b[1;31mred\x1b[0m\t  b\x1b]0;title\x07\n\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\"
    assert safe_text.terminal(text) == "ared\t  b\nlink"


def test_a_log_line_cannot_be_forged() -> None:
    """What looks like a second log line stays in the first."""
    assert safe_text.log("ok\r\n2026-11-23 ERROR \x1b[31mforged") == "ok 2026-11-23 ERROR forged"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("a:b|c?.reg", "a-b-c-.reg"),
        (".hidden. ", "hidden"),
        ("tls12-hq-ex10a.reg", "tls12-hq-ex10a.reg"),
    ],
)
def test_a_file_name_is_one_plain_part_of_a_path(text: str, name: str) -> None:
    """No separators, no device names, never empty."""
    assert safe_text.file_name(text) == name


@pytest.mark.parametrize(
    ("address", "left"),
    [
        ("anna.b@fabrikam.example", "…@fabrikam.example"),
        ('"a b@c"@fabrikam.example', "…@fabrikam.example"),
        ("<anna@fabrikam.example>", "…@fabrikam.example"),
        ("no address", "…"),
        ("anna@a b<script>", "…"),
        ("", "…"),
    ],
)
def test_a_redacted_address_keeps_only_its_domain(address: str, left: str) -> None:
    """Whose address it was cannot be read any more."""
    assert safe_text.redact_address(address) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("550 5.1.1 <anna.b@fabrikam.example> unknown", "550 5.1.1 <…@fabrikam.example> unknown"),
        ('to "anna b"@fabrikam.example now', "to …@fabrikam.example now"),
        ("a+tag=x@b.example,c@d.example", "…@b.example,…@d.example"),
        ("srs0=x=y=fabrikam.example=anna@relay.example", "…@relay.example"),
        ("no address @ all", "no address @ all"),
    ],
)
def test_addresses_in_running_text_are_redacted(text: str, left: str) -> None:
    """A diagnostic that names the recipient names only the domain after redaction."""
    assert safe_text.redact_addresses(text) == left


def test_a_redacted_subject_says_that_it_is_hidden() -> None:
    """Nothing of the subject is left."""
    assert safe_text.redact_subject("Offer for Anna") == "… (subject hidden)"
    assert safe_text.redact_subject("") == ""
