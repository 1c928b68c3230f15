"""Markdown of our own (the bodies of runbook steps) as HTML: no raw HTML, no images, https links alone."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


@cache
def _renderer() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "html_block", "html_inline"])
    # Assigned to the instance: what the library offers for a policy of links of one's own.
    renderer.validateLink = lambda url: url.startswith("https://")  # type: ignore[method-assign]
    return renderer


def to_html(markdown: str) -> str:
    """Render our own Markdown. Host values inside were escaped by whoever filled them in."""
    return str(_renderer().render(markdown))
