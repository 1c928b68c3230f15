"""HTML → the text that a person would see, one line for each line on the page."""

import re

MAX_HTML = 256 * 1024
"""Characters of one HTML part that are read: Exchange's are below 60,000."""
MAX_DEPTH = 300
"""Elements that may stand open at once; deeper text is read without its markup."""

_PRE = re.compile(r"(?is)(<pre\b[^>]{0,500}>)")
_BLOCK = re.compile(
    r"(?i)<(?!/div>\s{0,100}<div[\s>]|/p>\s{0,100}<p\b[^<>]{0,300}\bMso)(/?)(br|p|div|tr|li|ul|ol|h[1-6]|table|tbody|pre|blockquote|hr|section|center|title)(?=[\s/>])"
)
"""Elements that begin a line. Where two stand one below the other without a margin, divs and Outlook's paragraphs, the end
of the first begins none: else each line of a forward would be followed by a blank one."""
_CELL = re.compile(r"(?i)</(td|th)(?=[\s>])")
_TAG = re.compile(r"<[!/?a-zA-Z][^<>]{0,2000}>")
_INDENT = "\ue000"
"""Stands for the indent of a line inside <pre>, which continues a header field there (a private-use character)."""
_SPACES = re.compile(r"[\t\xa0\u200b][ \t\xa0\u200b]*| [ \t\xa0\u200b]+")
"""Blanks that are not one space by itself."""
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")


def text_of_html(html: str) -> str:
    """Give the text of an HTML part; line breaks where the page breaks its lines. Never raises."""
    marked = _CELL.sub(r" \g<0>", _BLOCK.sub(r"\n\g<0>", _one_line(html[:MAX_HTML])))
    text = _parsed(marked) if _depth_bound(marked) <= MAX_DEPTH else _TAG.sub("", marked)
    lines = map(str.strip, _SPACES.sub(" ", text).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).replace(_INDENT, "\t").strip()


def _parsed(html: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    tree.strip_tags(["script", "style", "head", "template"])
    return tree.body.text() if tree.body is not None else ""


def _one_line(html: str) -> str:
    """Fold the source's own line breaks, which mean nothing in HTML, except inside of <pre>."""
    html = html.replace("\r\n", "\n").replace("\r", "\n")
    if "<pre" not in html.lower():
        return html.replace("\n", " ")
    pieces = _PRE.split(html)
    out = [pieces[0].replace("\n", " ")]
    for tag, rest in zip(pieces[1::2], pieces[2::2], strict=True):
        at = rest.lower().find("</pre")
        inside, after = (rest, "") if at < 0 else (rest[:at], rest[at:])
        inside = re.sub(r"\n[ \t]+(?=\S)", f"\n{_INDENT}", inside)
        out += [tag.replace("\n", " "), inside, after.replace("\n", " ")]
    return "".join(out)


def _depth_bound(html: str) -> int:
    """Give an upper bound of the nesting: how far the tags that open run ahead of those that close."""
    if html.count("<") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    for found in re.finditer(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})", html):
        if found.group(2).lower() in ("br", "hr", "img", "meta", "link", "input", "p", "li", "td", "tr", "th"):
            continue
        depth += -1 if found.group(1) else 1
        deepest = max(deepest, depth)
    return deepest
