"""Fills the templates of a ticket. Both environments escape whatever a template does not mark as our own."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage.notify.own_markdown import to_html
from triage.notify.phrases import Texts
from triage.safe_text import block, fence, html, markdown, markdown_code, one_line

if TYPE_CHECKING:
    from jinja2 import Environment

_URL_ENDS = re.compile(r"[\s<>\\]")
"""What would end the target of a Markdown link in angle brackets."""

LINE_LIMIT = 2_000
"""Characters of a paragraph: ours with two host names stay far below, a message's words are cut there."""

BODY_LIMIT = 40_000
"""Characters of a step's body: many times the longest that we ship."""


class _Own(str):
    """Text that is Markdown already: ours, or escaped."""


class _Rendered(str):
    """HTML that `to_html` made of our own Markdown: jinja asks `__html__` and escapes it no more."""

    def __html__(self) -> str:
        return self


class _Block(str):
    """Text of several lines for a `pre` element: still escaped, its lines kept."""


def render_markdown(view: dict[str, Any], texts: Texts) -> str:
    """Fill the Markdown template: values are escaped unless a filter says what they are."""
    text = _markdown_environment(texts.folders).get_template("ticket.md.jinja").render(view)
    return _squeezed(text)


def render_html(view: dict[str, Any], texts: Texts) -> str:
    """Fill the HTML template: values are escaped unless they are Markdown of our own, rendered."""
    return str(_html_environment(texts.folders).get_template("ticket.html.jinja").render(view))


def render_text(name: str, view: dict[str, Any], texts: Texts) -> str:
    """Fill a template of plain text: each value is one line."""
    return _squeezed(_text_environment(texts.folders).get_template(name).render(view))


def _environment(folders: tuple[Path, ...], finalize: Callable[[Any], Any]) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(folders),
        # HTML is escaped by jinja, Markdown by `finalize`.
        autoescape=select_autoescape(enabled_extensions=("html.jinja",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finalize,
    )


@cache
def _text_environment(folders: tuple[Path, ...]) -> "Environment":
    return _environment(folders, lambda value: one_line(str(value), LINE_LIMIT))


@cache
def _markdown_environment(folders: tuple[Path, ...]) -> "Environment":
    made = _environment(folders, lambda value: value if isinstance(value, _Own) else markdown(str(value), LINE_LIMIT))
    made.filters["code"] = lambda text: _Own(markdown_code(str(text)))
    made.filters["fence"] = lambda text: _Own(fence(str(text)))
    made.filters["own"] = lambda text: _Own(str(text)[:BODY_LIMIT].strip())
    made.filters["item"] = lambda text: _Own(str(text)[:BODY_LIMIT].strip().replace("\n", "\n  "))
    made.filters["url"] = lambda text: _Own(_URL_ENDS.sub("", str(text)))
    made.filters["told"] = lambda text: _Own("".join(_told_markdown(str(text))))
    made.filters["code_cell"] = lambda text: _Own(markdown_code(str(text)).replace("|", "\\|"))
    return made


@cache
def _html_environment(folders: tuple[Path, ...]) -> "Environment":
    made = _environment(folders, lambda value: one_line(value, LINE_LIMIT) if type(value) is str else value)
    made.filters["own"] = lambda text: _Rendered(to_html(str(text)[:BODY_LIMIT]))
    made.filters["block"] = lambda text: _Block(block(str(text)))
    made.filters["told"] = lambda text: _Rendered("".join(_told_html(str(text))))
    return made


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Split a sentence of ours at its backticks: what stands between two of them is a command. A lone one is text."""
    parts = one_line(text, LINE_LIMIT).split("`")
    for number, part in enumerate(parts):
        yield part, number % 2 == 1 and number < len(parts) - 1


def _told_markdown(text: str) -> Iterator[str]:
    return (markdown_code(part) if is_code else markdown(part, LINE_LIMIT) for part, is_code in _pieces(text))


def _told_html(text: str) -> Iterator[str]:
    return (f"<code>{html(part)}</code>" if is_code else html(part) for part, is_code in _pieces(text))


def _squeezed(text: str) -> str:
    """Leave at most one empty line between blocks outside of code."""
    kept: list[str] = []
    fenced = ""
    for line in text.split("\n"):
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if not fenced and len(ticks) >= 3:
            fenced = ticks
        elif fenced and ticks.startswith(fenced) and line.strip() == ticks:
            fenced = ""
        if line.strip() or fenced or (kept and kept[-1].strip()):
            kept.append(line if fenced else line.rstrip())
    return "\n".join(kept).strip() + "\n"
