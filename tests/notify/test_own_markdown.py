"""Markdown of our own as HTML: what runbooks use, and nothing that could load or run."""

import pytest

from triage.notify.own_markdown import to_html


def test_what_runbooks_use_is_rendered() -> None:
    """Paragraphs, lists, code, tables and https links."""
    html = to_html(
        "Do `x`.\n\n- one\n- two\n\n```powershell\nGet-Queue\n```\n\n[page](https://example.com/a)\n\n| a |\n| - |\n| b |\n"
    )
    for part in (
        "<code>x</code>",
        "<li>one</li>",
        "Get-Queue\n</code></pre>",
        '<a href="https://example.com/a">',
        "<td>b</td>",
    ):
        assert part in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://evil.example/p.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,hi)",
        "[x](http://evil.example)",
        "[x](//evil.example)",
        "<javascript:alert(1)>",
    ],
)
def test_nothing_loads_or_runs(text: str) -> None:
    """Raw HTML, images and links other than https stay words."""
    html = to_html(text)
    assert not any(tag in html for tag in ("<script", "<img", 'href="java', 'href="data', 'href="http:', 'href="//'))
