"""The JSON contract (`docs/contract.md`): what the words look like outside this program."""

from collections.abc import Iterator
from typing import Any

import msgspec

from triage.model.incident import Incident
from triage.model.observation import Document, Observation
from triage.model.reading import Reading

_HEAD = [name for name in Reading.__struct_fields__ if name != "findings"]


def reading_json(reading: Reading) -> dict[str, Any]:
    """Give the object that `triage diagnose --json` prints for one document."""
    plain = msgspec.to_builtins(reading)
    observations = [{**found["observation"], "diagnosis": found["diagnosis"]} for found in plain.pop("findings")]
    return {**plain, "observations": observations}


def reading_pieces(reading: Reading) -> Iterator[bytes]:
    """Give what `json_line(reading_json(reading))` gives, piece by piece: a log says more than one would hold twice."""
    head = {name: msgspec.to_builtins(getattr(reading, name)) for name in _HEAD}
    yield json_line(head)[:-1] + b',"observations":['
    for number, found in enumerate(reading.findings):
        try:
            observation = msgspec.json.encode(found.observation)
        except UnicodeEncodeError:
            observation = json_line(msgspec.to_builtins(found.observation))
        diagnosis = json_line(msgspec.to_builtins(found.diagnosis))
        yield b'%s%s,"diagnosis":%s}' % (b"," if number else b"", observation[:-1], diagnosis)
    yield b"]}"


def sound(document: Document) -> Document:
    """Give a document whose observations can be written: a lone surrogate, which UTF-8 cannot carry, becomes `?`.

    Octets that are no text come in so, and escapes of JSON that are none. One of them must not stop a whole run.
    """
    try:
        msgspec.json.encode(document.observations)
    except UnicodeEncodeError:
        plain = _clean(msgspec.to_builtins(document.observations))
        return msgspec.structs.replace(document, observations=msgspec.convert(plain, tuple[Observation, ...]))
    return document


def incident_json(incident: Incident) -> dict[str, Any]:
    """Give the object that stands for one incident in `incidents.json`."""
    plain: dict[str, Any] = msgspec.to_builtins(incident)
    plain.pop("sample")
    return plain


def json_line(value: Any) -> bytes:
    """Give one line of UTF-8 JSON, without the line's end. Lone surrogates, which UTF-8 cannot carry, become `?`."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_clean(value))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value
