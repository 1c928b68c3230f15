"""Rows of a message tracking log without its head, as a search for one message or event gives them → rows by name."""

import re
from collections.abc import Iterable, Iterator

from triage.decode.copied import cut_at
from triage.decode.export_row import MAX_CELL, Row, cell
from triage.decode.export_text import record

_BEGINS = re.compile(r'"?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z"?,')
_WORD = re.compile(r"[A-Z]{2,40}")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAMES = (
    "datetime", "clientip", "clienthostname", "serverip", "serverhostname", "sourcecontext", "connectorid", "source",
    "eventid", "internalmessageid", "messageid",
)  # fmt: skip
_FROM_2013 = "networkmessageid"
_MORE = (
    "recipientaddress", "recipientstatus", "totalbytes", "recipientcount", "relatedrecipientaddress", "reference",
    "messagesubject", "senderaddress", "returnpath", "messageinfo",
)  # fmt: skip
"""The order of the columns since Exchange 2010; what follows is not read. From 2013 on an id stands between."""


def has_rows(lines: Iterable[str]) -> bool:
    """Tell whether a row of such a log stands in these lines."""
    return next(read_rows(lines), None) is not None


def read_rows(lines: Iterable[str]) -> Iterator[Row]:
    """Give the rows; other lines are passed over."""
    for line in lines:
        cut = cut_at(line[:MAX_CELL], _BEGINS)
        if cut is None:
            continue
        values = record(cut.text)
        at = len(_NAMES)
        if len(values) < at + len(_MORE) or not (_WORD.fullmatch(values[7]) and _WORD.fullmatch(values[8])):
            continue
        names = (*_NAMES, *([_FROM_2013] if _GUID.fullmatch(values[at]) else []), *_MORE)
        yield {name: cell(value) for name, value in zip(names, values, strict=False)}
