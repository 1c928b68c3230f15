"""Fills the templates of a ticket. Both environments escape whatever a template does not mark as our own."""

from functools import cache
from typing import TYPE_CHECKING, Any

from triage.notify.own_markdown import to_html
from triage.notify.phrases import Texts
from triage.safe_text import block, fence, markdown, markdown_code, one_line

if TYPE_CHECKING:
    from jinja2 import Environment

BODY_LIMIT = 40_000
"""Characters of a step's body: many times the longest that we ship."""


class _Own(str):
    """Text that is Markdown already: ours, or escaped."""


def render_markdown(view: dict[str, Any], texts: Texts) -> str:
    """Fill the Markdown template: values are escaped unless a filter says what they are."""
    text = _markdown_environment(str(texts.folder)).get_template("ticket.md.jinja").render(view)
    return _squeezed(text)


def render_html(view: dict[str, Any], texts: Texts) -> str:
    """Fill the HTML template: values are escaped unless they are Markdown of our own, rendered."""
    return str(_html_environment(str(texts.folder)).get_template("ticket.html.jinja").render(view))


def _environment(folder: str, **options: Any) -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(  # noqa: S701 - the Markdown environment escapes by `finalize`
        loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, **options
    )


@cache
def _markdown_environment(folder: str) -> "Environment":
    made = _environment(folder, finalize=lambda value: value if isinstance(value, _Own) else markdown(str(value), BODY_LIMIT))
    made.filters["code"] = lambda text: _Own(markdown_code(str(text)))
    made.filters["fence"] = lambda text: _Own(fence(str(text)))
    made.filters["own"] = lambda text: _Own(str(text)[:BODY_LIMIT].strip())
    made.filters["cell"] = lambda text: _Own(markdown(str(text)).replace("\n", " "))
    made.filters["code_cell"] = lambda text: _Own(markdown_code(str(text)).replace("|", "\\|"))
    return made


@cache
def _html_environment(folder: str) -> "Environment":
    from markupsafe import Markup

    made = _environment(folder, autoescape=True, finalize=lambda value: one_line(value) if type(value) is str else value)
    made.filters["own"] = lambda text: Markup(to_html(str(text)[:BODY_LIMIT]))  # noqa: S704 - our own Markdown, rendered
    made.filters["block"] = lambda text: _Block(block(str(text)))
    return made


class _Block(str):
    """Text of several lines for a `pre` element: still escaped, its lines kept."""


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
