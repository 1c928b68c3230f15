"""The numbers of X.400 with which MAPI and Exchange 5.5 to 2003 say why a message was not delivered, by a table."""

import re
import tomllib
from functools import cache
from pathlib import Path

import msgspec

from triage.typed import converted

TABLE = Path(__file__).parent / "phrases" / "x400.toml"
NO_DIAGNOSTIC = -1
"""MAPI_DIAG_NO_DIAGNOSTIC: the reason alone is given."""

_SERVER_LINE = re.compile(r"\bMSEXCH:[^()\n]{1,200}\((?P<number>[0-9A-F]{8})\)")


class Meaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a number says: its name, and the status where the documents tell exactly one (`phrases/x400.toml`)."""

    name: str
    status: str | None = None


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `phrases/x400.toml`."""

    sources: dict[str, str]
    diagnostic: dict[str, Meaning]
    reason: dict[str, Meaning]
    server: dict[str, Meaning]


@cache
def numbers() -> Numbers:
    """Load the table, once."""
    return converted(tomllib.loads(TABLE.read_text(encoding="utf-8")), Numbers)


def meaning_of(diagnostic: int | None, reason: int | None) -> Meaning | None:
    """Give what PR_NDR_DIAG_CODE and PR_NDR_REASON_CODE say; the reason counts without a diagnostic code.

    Both are taken as they are stored, unsigned. None where neither is there, or where the number is in no document.
    """
    if diagnostic is not None and _signed(diagnostic) != NO_DIAGNOSTIC:
        return numbers().diagnostic.get(str(diagnostic))
    return numbers().reason.get(str(reason)) if reason is not None else None


def status_in(text: str) -> str | None:
    """Give the status that the number in an `MSEXCH:` line stands for; None without one."""
    found = _SERVER_LINE.search(text) if "MSEXCH:" in text else None
    meaning = numbers().server.get(found.group("number")) if found else None
    return meaning.status if meaning else None


def _signed(number: int) -> int:
    return number - 2**32 if number >= 2**31 else number
