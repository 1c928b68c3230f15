"""A work order that is longer than what a field of its system takes: the ticket's text, and parts that follow as comments.

Nothing is left out: it is divided where a section or a step ends, and each part says which one it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from triage.notify.own_markdown import blocks_of
from triage.notify.phrases import Texts
from triage.notify.ticket_rows import Part
from triage.notify.ticket_text import MARK, Text
from triage.safe_text import markdown_code

PARTS_AT_MOST = 12
"""Parts of one ticket: three times what the longest runbook fills where a field takes 4,000 characters."""

Render = Callable[[str], str]


def divided(text: Text, texts: Texts, limit: int, render: Render) -> tuple[Text, tuple[Part, ...]]:
    """Give the text of a ticket and the parts that follow it, each of which `render` makes fit into `limit` characters.

    A ticket that fits has no parts. What is more than `PARTS_AT_MOST` stays in the last one, which is cut when written.
    """
    whole = f"{text.body.strip()}\n\n{text.tail}"
    if len(render(whole)) <= limit:
        return text, ()
    around = "\n\n".join([_said(texts, PARTS_AT_MOST, PARTS_AT_MOST), markdown_code(_mark(text, 99, 99))])
    bodies = list(
        _bodies(text.body, limit - len(render(around)) - len(render(texts.phrase("remote.goes_on", n="99"))), render)
    )
    kept = (
        [*bodies[: PARTS_AT_MOST - 1], "\n\n".join(bodies[PARTS_AT_MOST - 1 :])]
        if len(bodies) > PARTS_AT_MOST
        else bodies
    )
    last = len(kept)
    if last == 1:
        return text, ()
    first = replace(text, body=f"{kept[0]}\n\n{texts.phrase('remote.goes_on', n=texts.number(last))}")
    rest = (
        Part(_mark(text, number, last), f"{_said(texts, number, last)}\n\n{body}")
        for number, body in enumerate(kept[1:], start=2)
    )
    return first, tuple(rest)


def part_text(part: Part, whole: Text) -> Text:
    """Give a part as what is written."""
    return replace(whole, body=part.body, tail=markdown_code(part.mark), mark=part.mark)


def _said(texts: Texts, number: int, last: int) -> str:
    return f"**{texts.phrase('remote.part', n=texts.number(number), text=texts.number(last))}**"


def _mark(text: Text, number: int, last: int) -> str:
    """Give the mark of a part. It does not hold the mark of the whole: that is looked for by itself."""
    return f"{MARK} {number} of {last}, {text.mark.removeprefix(MARK).strip()}"


def _bodies(markdown: str, room: int, render: Render) -> Iterator[str]:
    """Pack sections while they fit; one that fits nowhere is divided between its blocks."""
    packed: list[str] = []
    for section in _sections(blocks_of(markdown)):
        for piece in [section] if _fits(section, room, render) else [[block] for block in section]:
            if packed and not _fits([*packed, *piece], room, render):
                yield "\n\n".join(packed)
                packed = []
            packed = [*packed, *piece]
    yield "\n\n".join(packed)


def _fits(blocks: list[str], room: int, render: Render) -> bool:
    return len(render("\n\n".join(blocks))) <= room


def _sections(blocks: list[str]) -> Iterator[list[str]]:
    """Give the blocks from one heading to the next; headings without a word between them stay together."""
    section: list[str] = []
    for block in blocks:
        if block.startswith("#") and not all(one.startswith("#") for one in section):
            yield section
            section = []
        section.append(block)
    yield section
