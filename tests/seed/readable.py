"""What a person reads of a ticket in each system: made of what its server was sent, by none of our own code."""

import email
import email.policy
import re
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

from markdown_it import MarkdownIt

_BLOCKS = frozenset({"p", "li", "pre", "h1", "h2", "h3", "h4", "tr", "div", "section", "td", "th", "title"})
_UNSEEN = frozenset({"style", "script", "head"})


class _Words(HTMLParser):
    """Collects what is seen, with the addresses of links behind their words."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._unseen = 0
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block on a new line."""
        self._unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.found.append("\n")
        if tag == "a":
            self._links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        """Show where a link leads."""
        self._unseen -= tag in _UNSEEN
        if tag == "a":
            self.found.append(f" ({self._links.pop()})")

    def handle_data(self, data: str) -> None:
        """Keep what is seen."""
        if not self._unseen:
            self.found.append(data)


def of_html(text: str) -> str:
    """Give what a browser shows of HTML."""
    words = _Words()
    words.feed(text)
    return "".join(words.found)


def of_markdown(text: str) -> str:
    """Give what GitHub shows of Markdown, by CommonMark with tables; its comments are not shown."""
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(re.sub(r"<!--.*?-->", "", text))
    return of_html(str(shown))


def of_document(node: Any) -> str:
    """Give what Jira shows of a document, with the addresses of links behind their words."""
    if isinstance(node, list):
        return "".join(map(of_document, node))
    if node["type"] == "text":
        links = [mark["attrs"]["href"] for mark in node.get("marks", []) if mark["type"] == "link"]
        return str(node["text"]) + "".join(f" ({one})" for one in links)
    inside = of_document(node.get("content", []))
    return f"\n{inside}" if node["type"] in ("paragraph", "heading", "codeBlock") else inside


def of_mail(raw: bytes) -> tuple[str, str, str]:
    """Give the subject of a mail, what its plain text says, and what its HTML shows."""
    made = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(made, EmailMessage)
    plain, page = made.get_body(("plain",)), made.get_body(("html",))
    assert plain is not None
    assert page is not None
    return str(made["Subject"]).strip(), plain.get_content(), of_html(page.get_content())


def squeezed(text: str) -> str:
    """Give a text with its white space as one space each: where a line breaks is the system's matter."""
    return " ".join(text.split())
