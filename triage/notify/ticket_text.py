"""What a ticket in another system says: its title, its body, and the comments that come later, in our own Markdown.

Each ends with a mark that names the notices it tells: by it a comment that was written before a process died is known
again, and our comments are told from people's.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from triage.notify.letter import Letter
from triage.notify.names import Names
from triage.notify.news import kind_of, reasons
from triage.notify.redaction import Redaction
from triage.notify.summary import LONG_REASON, headline, summarise
from triage.notify.ticket import steps_markdown, ticket_markdown
from triage.safe_text import markdown, markdown_code, one_line

MARK = "bounce-triage:"
"""Begins the last line of all that we write."""

KEY = "bounce-triage-"
"""Begins the name by which a ticket of ours is found in its system."""

WHY_LIMIT = 2_000
"""Characters of all the reasons in a comment together."""

_NAMES = 4
"""Notices that a mark names in full."""

Case = Literal["news", "joined", "closing", "taken over", "others open", "back"]


@dataclass(frozen=True, slots=True)
class Text:
    """What is written: Markdown of our own, its mark, and the sentence that says that it was cut."""

    title: str
    body: str
    tail: str
    mark: str
    cut_here: str


def mark_of(letter: Letter, sink: str) -> str:
    """Give the mark of a message: the same at each try of the same notices, another one where others joined them."""
    names = [one.name for one in letter.notices]
    joined = "+".join(names[:_NAMES])
    if len(names) > _NAMES:
        joined += "+" + hashlib.sha256("+".join(names).encode()).hexdigest()[:12]
    return f"{MARK} {letter.incident.id}/{joined or 'preview'}/{sink}"


def ticket_text(letter: Letter, sink: str, instead_of: str | None = None) -> Text:
    """Give the title and the work order itself."""
    texts, redact = letter.texts, letter.redact
    body = ticket_markdown(letter.incident, letter.runbook, (), texts, redact=redact, now=letter.now, is_elsewhere=True)
    if instead_of is not None:
        body = f"{texts.phrase('remote.instead', text=markdown(instead_of))}\n\n{body}"
    return _text(letter, sink, body)


def comment_text(letter: Letter, sink: str, case: Case, others: tuple[str, ...] = ()) -> Text:
    """Give a comment: why now, how it stands, and what this means for the ticket that others share."""
    texts, redaction = letter.texts, Redaction(letter.incident, letter.redact)
    told = summarise(letter.incident, texts, redaction, letter.now, reasons(letter.notices), reason=LONG_REASON)
    parts = [f"**{markdown(told.why, WHY_LIMIT)}**"]
    if case == "joined":
        names = Names(letter.incident, texts)
        values = {
            "text": letter.incident.id,
            "sending": markdown(names.sending),
            "receiving": markdown(names.receiving),
        }
        parts.insert(0, texts.phrase("remote.joined", **values))
    elif case != "news":
        values = {"text": ", ".join(others), "n": texts.number(len(others))}
        parts.append(texts.phrase(f"remote.{case.replace(' ', '_')}", **values))
    if letter.incident.state == "resolved":
        parts += [texts.phrase("remote.was", text=markdown(told.headline)), *_afterwards(letter)]
    else:
        parts += [f"{markdown(told.headline)}. {markdown(told.verdict)}.", markdown(told.counts)]
    if case in ("news", "joined"):
        supports = [f"- {markdown(one)}" for one in told.supports[:3]] + [
            f"- {markdown(one)}" for one in told.against[:3]
        ]
        parts.append("\n".join(supports))
        if case == "news" and letter.incident.state != "resolved" and _has_other_steps(letter):
            steps = steps_markdown(letter.incident, letter.runbook, texts, redact=letter.redact, now=letter.now)
            parts += [texts.phrase("remote.steps"), steps]
        parts.append(texts.phrase("remote.all", text=letter.incident.id))
    return _text(letter, sink, "\n\n".join(filter(None, parts)))


def _has_other_steps(letter: Letter) -> bool:
    """Tell whether what is to be done may be another thing now than the ticket says."""
    return any(kind_of(one) == "verdict-changed" for one in letter.notices)


def _afterwards(letter: Letter) -> list[str]:
    """Say what becomes of the mail that did not arrive, once its fault is over."""
    counts, texts = letter.incident.counts, letter.texts
    is_session = letter.incident.family == "session"
    told = [("resend", counts.returned), ("waited", counts.waiting)]
    return [texts.phrase(f"remote.{name}", text=letter.incident.id) for name, count in told if count and is_session]


def _text(letter: Letter, sink: str, body: str) -> Text:
    mark = mark_of(letter, sink)
    return Text(
        title=_title(letter),
        body=body,
        tail=markdown_code(mark),
        mark=mark,
        cut_here=letter.texts.phrase("remote.cut", text=letter.incident.id),
    )


def _title(letter: Letter) -> str:
    """Give the line that names the incident in a list, as plain text of one line."""
    incident, redaction = letter.incident, Redaction(letter.incident, letter.redact)
    return one_line(redaction.text(headline(incident, Names(incident, letter.texts), letter.texts)))
