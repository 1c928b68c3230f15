"""ConvertTo-Json → rows: one object or a list of them; enumerations as numbers or names; collections whole or as text."""

from collections.abc import Iterator
from typing import Any

from triage.decode.export_row import MAX_ITEMS, Row, cell, is_export, plain

MAX_AROUND = 50
"""Values of an object around a list that are looked at."""


def rows_in(value: Any) -> list[dict[str, Any]] | None:
    """Give the objects of an export in decoded JSON; None where it is something else."""
    if isinstance(value, dict):
        inner = None if is_export(map(plain, map(str, value))) else _inner(value)
        value = [value] if inner is None else inner
    if not isinstance(value, list):
        return None
    objects = [one for one in value if isinstance(one, dict)]
    return objects if any(is_export(plain(str(name)) for name in one) for one in objects[:20]) else None


def _inner(value: dict[str, Any]) -> list[Any] | None:
    """Give the list that an object holds under some name: a shell's or a web service's answer."""
    lists = [one for one in list(value.values())[:MAX_AROUND] if isinstance(one, list)]
    return next((one for one in lists if any(isinstance(member, dict) for member in one[:20])), None)


def read_objects(objects: list[dict[str, Any]]) -> Iterator[Row]:
    """Give a row for each object."""
    for one in objects:
        yield {plain(str(name)): _text(value) for name, value in one.items()}


def _text(value: Any) -> str | None:
    """Give a value as the other formats show it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool | int | float):
        return str(value)[:400]
    if isinstance(value, list):
        return cell(f"{{{', '.join(text for one in value[:MAX_ITEMS] if (text := _member(one)))}}}")
    return cell(_member(value) or "")


def _member(value: Any) -> str | None:
    """Give an object's text: a recipient, an identity, or an enumeration that was written with its number."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else None
    named = {plain(str(name)): inner for name, inner in value.items()}
    if isinstance(named.get("address"), str):
        error = named.get("lasterror")
        return f"{named['address']};{named.get('status', '')};0;{error if isinstance(error, str) else ''}"
    if isinstance(named.get("server"), str):
        row = named.get("rowid", named.get("type", ""))
        return f"{named['server']}\\{row if isinstance(row, str | int) else ''}"
    if isinstance(inner := named.get("queueidentity"), dict):
        return _member(inner)
    shown = named.get("value")
    return shown if isinstance(shown, str) else str(shown) if isinstance(shown, int) else None
