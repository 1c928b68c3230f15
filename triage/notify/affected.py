"""The list of affected mail: for each message whether to send it again."""

from collections.abc import Iterable

from triage.model import Affected
from triage.notify.moments import moment
from triage.notify.phrases import Texts
from triage.notify.redaction import Redaction
from triage.safe_text import csv_cell

_BYTE_ORDER_MARK = "\ufeff"
"""Excel takes a CSV file without it for the machine's old code page and garbles every accent; programs that
read UTF-8 as `utf-8-sig` skip it."""


def affected_csv(affected: Iterable[Affected], texts: Texts | None = None, *, redact: bool = False) -> str:
    """Give a CSV file (RFC 4180, comma, CRLF, byte order mark) with one row for each affected message.

    Columns: state, advice, recipient, sender, subject, message id, time (UTC), diagnostic. No cell is a formula.
    With `redact` people's addresses keep only their domain, and subjects are hidden.
    """
    texts, redaction = texts or Texts.load(), Redaction(None, redact)
    rows = [texts.words("affected.header"), *(_row(redaction.affected(one), texts) for one in affected)]
    return _BYTE_ORDER_MARK + "".join(",".join(csv_cell(cell) for cell in row) + "\r\n" for row in rows)


def advice(one: Affected, texts: Texts) -> str:
    """Say whether to send a message again: sending a waiting one twice does harm."""
    if one.state == "waiting" and one.tried_until:
        return texts.phrase("affected.advice.waiting_until", time=moment(one.tried_until, "", texts))
    return texts.phrase(f"affected.advice.{one.state}")


def _row(one: Affected, texts: Texts) -> tuple[str, ...]:
    return (
        texts.phrase(f"affected.state.{one.state}"),
        advice(one, texts),
        one.recipient or "",
        one.sender or "",
        one.subject or "",
        one.message_id or "",
        one.time or "",
        one.diagnostic or "",
    )
