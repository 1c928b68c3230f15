"""The whole store as lines of JSON, one for each document, readable without this program."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from triage.collect.journal import INPUTS, decoded
from triage.group import Documents
from triage.group.incident import incident_of
from triage.group.lease import LEASES
from triage.group.ledger import DELIVERED, MESSAGE, REPORT, RETURNED, WAITING, read_ledger
from triage.group.packed import DIGEST, split
from triage.group.readings import READINGS, UNCOUNTED, read_reading
from triage.group.stored import INCIDENTS
from triage.model.wire import incident_json, reading_json

_REPORTED = {WAITING: "waiting", DELIVERED: "delivered", RETURNED: "returned"}


def export(documents: Documents) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give every document: its kind (`incidents`, `readings`, `inputs`, `others`) and an object that says it all.

    Packed sets are written out as lists. A document that cannot be read is given with `error` and its bytes in base64.
    Personal data is given as it is stored.
    """
    waiting = {listed.key.removeprefix(UNCOUNTED) for listed in documents.list(UNCOUNTED)}
    for listed in documents.list(""):
        if listed.key.startswith((LEASES, UNCOUNTED)):
            continue
        found = documents.get(listed.key)
        if found is None:
            continue
        kind, readable = _readable(listed.key)
        try:
            said = readable(found[0])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            said = {"error": str(error), "bytes": base64.b64encode(found[0]).decode("ascii")}
        line = {"key": listed.key, **said}
        if kind == "readings":
            line["counted"] = listed.key.removeprefix(READINGS) not in waiting
        yield kind, line


def _readable(key: str) -> tuple[str, Callable[[bytes], dict[str, Any]]]:
    if key.startswith(INCIDENTS):
        return "incidents", _incident
    if key.startswith(READINGS):
        return "readings", lambda body: {"reading": reading_json(read_reading(body))}
    if key.startswith(INPUTS):
        return "inputs", _input
    return "others", lambda body: {"document": _json_or_text(body)}


def _incident(body: bytes) -> dict[str, Any]:
    ledger = read_ledger(body)
    plain: dict[str, Any] = msgspec.to_builtins(ledger)
    plain["reports"] = [
        {"sha256_begins": one[:DIGEST].hex(), "index": int.from_bytes(one[DIGEST:], "big")}
        for one in split(ledger.reports, REPORT)
    ]
    plain["messages"] = [
        {"digest": one[:DIGEST].hex(), "reported": [word for bit, word in _REPORTED.items() if one[-1] & bit]}
        for one in split(ledger.messages, MESSAGE)
    ]
    for name in ("recipients", "senders", "domains"):
        plain[name] = [one.hex() for one in split(getattr(ledger, name))]
    return {"incident": incident_json(incident_of(ledger)) if ledger.is_incident else None, "ledger": plain}


def _input(body: bytes) -> dict[str, Any]:
    entry, content = decoded(body)
    kept = base64.b64encode(content).decode("ascii") if entry.kept else None
    return {"input": msgspec.to_builtins(entry), "bytes": kept}


def _json_or_text(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode("utf-8")
