"""A reply that somebody pastes into standard input: a queue's error, a line of a log, the words of a bounce.

It is no document of any kind, and nothing tells whose session it was. So it is answered and never counted: `triage
diagnose` and `triage why` ask here, `triage run` does not.
"""

import re

import msgspec

from triage.collect.files import Item
from triage.decode.failure import Failure
from triage.decode.outcome import observation, outcome
from triage.decode.reply import flat, unwrap
from triage.decode.returned import Returned
from triage.intake.one import Knowledge, read, reading_of
from triage.model import Document, Observation, Original, Reading, Trust
from triage.model.words import Action

STANDARD_INPUT = "-"

MAX_PASTED = 8192
"""Bytes: what a person marks and pastes; anything longer is a document."""
MAX_LINES = 20

_MAIL = re.compile(
    r"^(?:From |(?:From|To|Subject|Date|Received|Return-Path|Message-ID|MIME-Version):)", re.MULTILINE | re.IGNORECASE
)
_STATUS = r"#?[245]\.\d{1,3}\.\d{1,3}(?![.\d])"
_REPLY = re.compile(rf"(?<![\w.:/-])(?:[45]\d\d(?:[ -]{_STATUS}|[ -](?=\D))|{_STATUS})")
"""Where a reply begins: a code of a failure, with an enhanced status code or words behind it, or that code alone."""

_CLOSING = " \"',;"
"""What the place that a reply was copied from puts behind it."""

_TRUST = Trust(reasons=("It was pasted: nothing tells who wrote it, or whose session it was.",))


def pasted(item: Item, knowledge: Knowledge) -> Reading | None:
    """Give the reading of a reply in standard input; None for anything that is a document, or holds no reply."""
    if item.place.path != STANDARD_INPUT or item.error is not None or not 0 < item.size <= MAX_PASTED:
        return None
    known = read(item, knowledge)
    if known.kind != "other" or known.what is not None or known.findings:
        return None
    text = item.content.decode("utf-8", "replace").strip("\ufeff\0 \t\r\n")
    if text.count("\n") >= MAX_LINES or _MAIL.search(text):
        return None
    found = _observed(flat(text))
    if found is None:
        return None
    return reading_of(item, Document(kind="other", what="pasted-reply", observations=(found,)), knowledge)


def _observed(text: str) -> Observation | None:
    """Read the reply in a text of one line; None where it has neither a code of a failure nor the name of an error."""
    text = text.rstrip(_CLOSING)
    said = unwrap(text)
    if not said.wrappers and said.receiving_host is None and (start := _REPLY.search(text)):
        text = text[start.start() :]  # what stands before it is a label, a prompt or the columns of a log
        said = unwrap(text)
    code, status = said.cause.reply_code, said.cause.status
    if str(code or status or "")[:1] in ("2", "3") or (code is None and status is None and said.error is None):
        return None
    action: Action = "delayed" if str(code or status or "5")[0] == "4" else "failed"
    one = outcome(Failure(recipient=None, action=action, diagnostic=text), None, None)
    whole = observation(one, reported_by=None, returned=Returned(), original=Original(), trust=_TRUST, report_time=None)
    return msgspec.structs.replace(whole, impact="none")
