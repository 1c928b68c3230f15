"""Our own Markdown in other places: plain text, Jira's documents, GitHub, and cut to what a field takes."""

from collections.abc import Callable

import pytest

from tests.servers.jira import check, words
from triage.model import FilledRunbook, Incident
from triage.notify import Texts, ticket_markdown
from triage.notify.own_markdown import fitted, to_adf, to_github, to_html, to_plain
from triage.safe_text import markdown, markdown_code

ALL = """# A *title*

One **bold** `code <b>` [link](<https://contoso.example/x>).

- first
- second
  - below

3. third

| a | b |
| --- | --- |
| `c` | d |

```powershell
Get-Thing '@x #1'

Set-Thing
```
"""


def test_plain_text_keeps_the_words_and_drops_the_marks() -> None:
    """Headings, lists, tables, code and links in a field that knows no marks."""
    assert to_plain(ALL) == (
        "A title\n\nOne bold code <b> link (https://contoso.example/x).\n\n- first\n- second\n  - below\n\n3. third\n\n"
        "a | b\nc | d\n\nGet-Thing '@x #1'\n\nSet-Thing"
    )


def test_jiras_document_has_each_part_as_its_format_wants_it() -> None:
    """Levels, marks, lists within lists, the number a list begins with, tables and code (ADF version 1)."""
    document = to_adf(ALL)
    check(document)
    kinds = [one["type"] for one in document["content"]]
    assert kinds == ["heading", "paragraph", "bulletList", "orderedList", "table", "codeBlock"]
    heading, paragraph, bullets, numbers, table, code = document["content"]
    assert heading["attrs"] == {"level": 1}
    assert heading["content"][1] == {"type": "text", "text": "title", "marks": [{"type": "em"}]}
    assert {"type": "text", "text": "bold", "marks": [{"type": "strong"}]} in paragraph["content"]
    assert {"type": "text", "text": "code <b>", "marks": [{"type": "code"}]} in paragraph["content"]
    linked = {"type": "link", "attrs": {"href": "https://contoso.example/x"}}
    assert {"type": "text", "text": "link", "marks": [linked]} in paragraph["content"]
    assert [part["type"] for part in bullets["content"][1]["content"]] == ["paragraph", "bulletList"]
    assert numbers["attrs"] == {"order": 3}
    assert [cell["type"] for cell in table["content"][0]["content"]] == ["tableHeader", "tableHeader"]
    assert code["content"] == [{"type": "text", "text": "Get-Thing '@x #1'\n\nSet-Thing"}]


@pytest.mark.parametrize(
    "text", ["**`code`**", "[`code`](<https://contoso.example>)", "- # heading in a list", "", "> quoted"]
)
def test_jira_gets_no_document_that_it_refuses(text: str) -> None:
    """Marks that exclude each other, headings where none may stand, and nothing at all."""
    check(to_adf(text))


def test_no_link_of_a_message_becomes_one() -> None:
    """Only https links of ours are links: other schemes stay words."""
    assert "link" not in str(to_adf("[x](javascript:alert(1))"))


def test_a_whole_ticket_is_a_document_of_jiras(
    make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """Everything that a ticket holds keeps the rules of the format, and no word of it is lost."""
    ticket = ticket_markdown(make_incident(), runbook, (), texts, now=now, is_elsewhere=True)
    document = to_adf(ticket)
    check(document)
    shown = "".join(words(document).split())
    assert "".join(runbook.first.split()) in shown
    assert "SP_PROT_TLS1_2_CLIENT" in shown


@pytest.mark.parametrize(
    "text",
    [
        "@octocat",
        "@contoso/mail-team",
        "#123",
        "closes #1",
        "fixes contoso/mail#99",
        "GH-26",
        "gh-26",
        "(@a)",
        "**@a** #1",
    ],
)
def test_github_calls_nobody_and_refers_to_nothing(text: str) -> None:
    """A mention or a reference is broken by what GitHub does not show (docs.github.com: autolinked references)."""
    calm = to_github(text)
    assert calm.replace("<!-- -->", "").strip() == text
    for call in ("@o", "@c", "@a", "#1", "#9", "GH-2", "gh-2"):
        assert call not in calm


def test_github_gets_code_and_links_untouched() -> None:
    """In code GitHub finds no names, and somebody copies it; the target of a link is no text."""
    for text in (
        "`@octocat #1`",
        "``a ` @b #2``",
        "```text\n@octocat\n\n#1\n```",
        "- a\n  ```\n  @b\n\n  #2\n  ```",
        "[x](<https://contoso.example/#1@a>)",
    ):
        assert to_github(text).strip() == text


def test_words_of_a_message_call_nobody_on_github() -> None:
    """Also after our own escaping of Markdown."""
    calm = to_github(markdown("thanks @octocat, closes #5 and \\#6") + " " + markdown_code("@x"))
    assert "@octocat" not in calm
    assert "#5" not in calm
    assert "#6" not in calm
    assert "`@x`" in calm


@pytest.mark.parametrize("render", [to_plain, to_html, to_github], ids=["plain", "html", "github"])
@pytest.mark.parametrize("limit", [200, 500, 2_000, 100_000])
def test_what_does_not_fit_is_cut_at_a_block_and_says_so(render: Callable[[str], str], limit: int) -> None:
    """Whole blocks from the top, then the sentence, then the mark; code is never left open."""
    text = "\n\n".join(f"Block {number} of *many*.\n\n```text\nline\n\n{number}\n```" for number in range(40))
    cut = fitted(text, "`mark`", "Cut here.", limit, render)
    assert len(render(cut)) <= limit
    assert cut.endswith("`mark`")
    assert ("Cut here." in cut) == (limit < 2_000 or len(render(text)) > limit)
    assert cut.startswith("Block 0")
    assert cut.count("```") % 2 == 0


def test_one_block_that_is_too_long_is_left_out() -> None:
    """Then only the sentence and the mark stand there."""
    assert fitted("x" * 500, "`mark`", "Cut here.", 100, to_plain) == "Cut here.\n\n`mark`"
