"""Markdown of our own (tickets, the bodies of runbook steps) for other places: HTML, plain text, Jira's documents, GitHub.

No raw HTML, no images, https links alone. What came from a message was escaped by whoever filled it in.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

_Node = dict[str, Any]


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


def _tree(markdown: str) -> "SyntaxTreeNode":
    from markdown_it.tree import SyntaxTreeNode

    return SyntaxTreeNode(_renderer().parse(markdown))


def fitted(markdown: str, tail: str, sentence: str, limit: int, render: Callable[[str], str]) -> str:
    """Give Markdown whose rendering has at most `limit` characters: whole blocks from the top, then the tail.

    Where blocks were left out, `sentence` stands before the tail and says so.
    """
    whole = f"{markdown.strip()}\n\n{tail}"
    if len(render(whole)) <= limit:
        return whole
    end = f"{sentence}\n\n{tail}"
    blocks = blocks_of(markdown)
    room, kept = limit - len(render(end)), 0
    for block in blocks:
        room -= len(render(block)) + 2
        if room < 0:
            break
        kept += 1
    while kept and len(render("\n\n".join([*blocks[:kept], end]))) > limit:
        kept -= 1
    return "\n\n".join([*blocks[:kept], end])


def blocks_of(markdown: str) -> list[str]:
    """Split Markdown at the empty lines outside of code."""
    found: list[list[str]] = [[]]
    fence = ""
    for line in markdown.strip().split("\n"):
        inside = line.strip()  # a fence within a list is indented
        ticks = inside[: len(inside) - len(inside.lstrip("`"))]
        if not fence and len(ticks) >= 3:
            fence = ticks
        elif fence and inside == ticks and ticks.startswith(fence):
            fence = ""
        if not inside and not fence:
            found.append([])
        else:
            found[-1].append(line)
    return ["\n".join(lines) for lines in found if lines]


# ---- plain text


def to_plain(markdown: str) -> str:
    """Give our own Markdown as plain text: marks taken away, links with their address behind."""
    return "\n\n".join(filter(None, map(_plain_block, _tree(markdown).children))).strip()


def _plain_block(node: "SyntaxTreeNode") -> str:
    if node.type in ("fence", "code_block"):
        return node.content.rstrip("\n")
    if node.type in ("bullet_list", "ordered_list"):
        return "\n".join(_plain_items(node))
    if node.type == "table":
        rows = [row for part in node.children for row in part.children]
        return "\n".join(" | ".join(_plain_inline(cell) for cell in row.children) for row in rows)
    if node.type in ("heading", "paragraph"):
        return _plain_inline(node)
    return "\n\n".join(filter(None, map(_plain_block, node.children)))


def _plain_items(node: "SyntaxTreeNode") -> Iterator[str]:
    number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else 0
    for item in node.children:
        mark = f"{number}." if number else "-"
        number += bool(number)
        text = "\n".join(filter(None, map(_plain_block, item.children)))
        yield f"{mark} " + text.replace("\n", "\n  ")


def _plain_inline(node: "SyntaxTreeNode") -> str:
    if node.type in ("softbreak", "hardbreak"):
        return "\n"
    if node.type == "link":
        return f"{''.join(map(_plain_inline, node.children))} ({node.attrs.get('href', '')})"
    return "".join(map(_plain_inline, node.children)) if node.children else node.content


# ---- the Atlassian Document Format


def to_adf(markdown: str) -> _Node:
    """Give our own Markdown as a document of Jira's (ADF 1): no text in it is read as anything but text."""
    return {"type": "doc", "version": 1, "content": [part for one in _tree(markdown).children for part in _adf(one)]}


def _adf(node: "SyntaxTreeNode", *, nested: bool = False) -> list[_Node]:
    """Give the blocks of a node; `nested` in lists and cells, where the format takes no headings."""
    if node.type in ("paragraph", "heading"):
        content = _adf_inline(node, ())
        if node.type == "heading" and not nested:
            return [{"type": "heading", "attrs": {"level": int(node.tag[1:])}, "content": content}]
        return [{"type": "paragraph", "content": content}]
    if node.type in ("fence", "code_block"):
        text = node.content.rstrip("\n")
        return [{"type": "codeBlock", "content": [{"type": "text", "text": text}] if text else []}]
    if node.type in ("bullet_list", "ordered_list"):
        return [_adf_list(node)]
    if node.type == "table" and not nested:
        return [_adf_table(node)]
    return [part for child in node.children for part in _adf(child, nested=True)]


def _adf_list(node: "SyntaxTreeNode") -> _Node:
    items = []
    for item in node.children:
        parts = [part for child in item.children for part in _adf(child, nested=True)]
        if not parts or parts[0]["type"] not in ("paragraph", "codeBlock"):
            parts.insert(0, {"type": "paragraph", "content": []})
        items.append({"type": "listItem", "content": parts})
    if node.type == "bullet_list":
        return {"type": "bulletList", "content": items}
    return {"type": "orderedList", "attrs": {"order": int(node.attrs.get("start", 1))}, "content": items}


def _adf_table(node: "SyntaxTreeNode") -> _Node:
    rows = []
    for row in (row for part in node.children for row in part.children):
        cells: list[_Node] = [
            {
                "type": "tableHeader" if cell.type == "th" else "tableCell",
                "attrs": {},
                "content": [{"type": "paragraph", "content": _adf_inline(cell, ())}],
            }
            for cell in row.children
        ]
        rows.append({"type": "tableRow", "content": cells})
    return {"type": "table", "content": rows}


_MARKS = {"strong": {"type": "strong"}, "em": {"type": "em"}}


def _adf_inline(node: "SyntaxTreeNode", marks: tuple[_Node, ...]) -> list[_Node]:
    if node.type == "softbreak":
        return [{"type": "text", "text": " "}]
    if node.type == "hardbreak":
        return [{"type": "hardBreak"}]
    if node.type == "code_inline":
        # The format lets code be a link, and nothing else besides.
        marks = (*(one for one in marks if one["type"] == "link"), {"type": "code"})
    if node.children:
        if node.type == "link":
            marks = (*marks, {"type": "link", "attrs": {"href": str(node.attrs.get("href", ""))}})
        elif node.type in _MARKS:
            marks = (*marks, _MARKS[node.type])
        return [part for child in node.children for part in _adf_inline(child, marks)]
    if not node.content:
        return []
    return [{"type": "text", "text": node.content, **({"marks": list(marks)} if marks else {})}]


# ---- GitHub

_BETWEEN = "<!-- -->"
"""What GitHub shows nothing of, and what ends a mention or a reference."""

_CODE_OR_TARGET = re.compile(r"(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)|\]\(<[^>\n]*>\)", re.DOTALL)
_CALLS = re.compile(r"@(?=[A-Za-z0-9])|#(?=[0-9])|(?<=[Gg][Hh])-(?=[0-9])")


def to_github(markdown: str) -> str:
    """Give our own Markdown so that nothing in it calls a person (@name) or refers to an issue (#1, GH-1, closes #1).

    Code and the targets of links stay as they are: GitHub finds no names in them.
    """
    return (
        "\n\n".join(block if block.startswith("```") else "".join(_calm(block)) for block in blocks_of(markdown)) + "\n"
    )


def _calm(block: str) -> Iterator[str]:
    at = 0
    for found in _CODE_OR_TARGET.finditer(block):
        yield _CALLS.sub(_ended, block[at : found.start()])
        yield found.group()
        at = found.end()
    yield _CALLS.sub(_ended, block[at:])


def _ended(found: re.Match[str]) -> str:
    return found.group() + _BETWEEN
