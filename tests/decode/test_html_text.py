"""HTML becomes the lines that a person sees, whatever it is made of."""

import time

import pytest

from triage.decode.html_text import MAX_HTML, text_of_html

PAGES = [
    ("<p>One<br>two</p><div>three</div>", "One\ntwo\n\nthree"),
    ("<p>a\r\nb   c</p>", "a b c"),
    ("<pre>Received: from a\n by b</pre>", "Received: from a\n\tby b"),
    ("<table><tr><td>Status code:</td><td>550 5.7.1</td></tr></table>", "Status code: 550 5.7.1"),
    ("<head><title>t</title></head><style>p{}</style><script>x()</script><p>seen</p>", "seen"),
    ("&lt;anna@fabrikam.example&gt;&nbsp;said &#8217;no&#8217;", "<anna@fabrikam.example> said \u2019no\u2019"),
    ("no markup at all", "no markup at all"),
    ("", ""),
]


@pytest.mark.parametrize(("html", "text"), PAGES, ids=[text.split("\n")[0] or "empty" for _, text in PAGES])
def test_text_of_a_page(html: str, text: str) -> None:
    """Blocks and cells stay apart, the source's own line breaks do not count, hidden parts are left out."""
    assert text_of_html(html) == text


HOSTILE = {
    "open elements": "<div>" * 60_000,
    "misnested": "<b></i>" * 40_000,
    "angle brackets": "<" * MAX_HTML,
    "open entities": "&#" * 120_000,
    "nested tables": "<table><tr><td>" * 20_000,
}


@pytest.mark.parametrize("html", HOSTILE.values(), ids=HOSTILE)
def test_pathological_html_ends_soon(html: str) -> None:
    """Depth and length of a page cost no more than seconds."""
    start = time.perf_counter()
    text_of_html(html + "<p>end</p>")
    assert time.perf_counter() - start < 10
