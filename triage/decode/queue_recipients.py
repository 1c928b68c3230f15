"""The recipients of a queued message, as Get-Message shows them: `address;status;type;last error;code;destination`."""

import re
from collections.abc import Iterator

import msgspec

from triage.decode.export_row import word, words
from triage.decode.limits import MAX_ADDRESS, MAX_RECIPIENTS

_START = re.compile(
    r"(?:^|[,}\]\d;] ?,? ?)(?P<address>[^\s;,{}\[\]<>@]{1,64}+@[^\s;,{}\[\]<>@]{1,255}+);(?P<status>[A-Za-z0-9]{0,20})(?=;|$)"
)
_ALONE = re.compile(r"[^\s;,{}\[\]<>@]{1,64}+@[^\s;,{}\[\]<>@]{1,255}")
_TYPE = re.compile(r"^;[A-Za-z0-9]{0,20}(?=;|$)")
_TAIL = re.compile(r";\d{1,10};[^;\[\]{}]{0,1000}(?:;\d{1,10})?$")


class Queued(msgspec.Struct, frozen=True):
    """One recipient; `error` is None where it has none of its own."""

    address: str | None = None
    status: str | None = None
    error: str | None = None


def read_recipients(value: str | None) -> Iterator[Queued]:
    """Give the recipients, at most `MAX_RECIPIENTS`. Those that the console left out (`…, …...}`) are not known."""
    text = (value or "").strip()
    text = text.removeprefix("{").removesuffix("}").removesuffix("...").removesuffix("\u2026").strip()
    starts = [found for _, found in zip(range(MAX_RECIPIENTS), _START.finditer(text), strict=False)]
    if not starts:
        for _, alone in zip(range(MAX_RECIPIENTS), _ALONE.finditer(text), strict=False):
            if len(alone.group()) <= MAX_ADDRESS:
                yield Queued(alone.group())
        return
    for here, after in zip(starts, [*starts[1:], None], strict=True):
        rest = text[here.end() : after.start("address") if after else len(text)].rstrip(", ")
        address = here.group("address")
        if len(address) <= MAX_ADDRESS:
            status = word(here.group("status"), words().recipient_statuses)
            yield Queued(address, status, _error(rest))


def _error(rest: str) -> str | None:
    """Give the last error out of `;type;error;code;destination;pool`."""
    rest = _TYPE.sub("", rest, count=1)
    end = rest.rfind("}]")
    error = rest[: end + 2] if end >= 0 else _TAIL.sub("", rest, count=1)
    return error.strip(" ;") or None
