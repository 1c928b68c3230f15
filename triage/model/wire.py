"""The JSON contract (`docs/contract.md`): what the words look like outside this program."""

from typing import Any

import msgspec

from triage.model.incident import Incident
from triage.model.reading import Reading

_HEAD = [name for name in Reading.__struct_fields__ if name != "findings"]


def reading_json(reading: Reading) -> dict[str, Any]:
    """Give the object that `triage diagnose --json` prints for one document."""
    plain = msgspec.to_builtins(reading)
    observations = [{**found["observation"], "diagnosis": found["diagnosis"]} for found in plain.pop("findings")]
    return {**plain, "observations": observations}


def reading_line(reading: Reading) -> bytes:
    """Give what `json_line(reading_json(reading))` gives, without holding all of it as objects: logs say much."""
    try:
        head = msgspec.json.encode({name: getattr(reading, name) for name in _HEAD})
        observations = b",".join(
            b'%s,"diagnosis":%s}' % (msgspec.json.encode(one.observation)[:-1], msgspec.json.encode(one.diagnosis))
            for one in reading.findings
        )
    except UnicodeEncodeError:
        return json_line(reading_json(reading))
    return b'%s,"observations":[%s]}' % (head[:-1], observations)


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
