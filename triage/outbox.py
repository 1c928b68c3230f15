"""Tickets and cards as files: a folder for each incident, each file replaced whole."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from triage.errors import Misconfigured
from triage.group import Documents
from triage.model import Incident
from triage.model.wire import incident_json
from triage.pipeline import Parts, tell


def write_out(incidents: Sequence[Incident], documents: Documents, parts: Parts, folder: Path, now: str) -> None:
    """Write `incidents.json` and a folder for each incident below `folder`.

    A reader never sees half a file. Raises `Misconfigured` where the folder cannot be written.
    """
    for incident in incidents:
        write_one(incident.id, tell(incident, documents, parts, now), folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        listed = msgspec.json.encode([incident_json(incident) for incident in incidents])
        _replace(folder / "incidents.json", msgspec.json.format(listed, indent=2) + b"\n")
    except OSError as error:
        raise Misconfigured(f"The folder {folder} cannot be written: {error}.") from error


def write_one(incident_id: str, files: Mapping[str, bytes], folder: Path) -> Path:
    """Write the files that `tell` gave into a folder of the incident's own below `folder`, and give that.

    Raises `Misconfigured` where it cannot be written.
    """
    place = folder / incident_id
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _replace(place / name, content)
        _remove_stale(place, set(files))
    except OSError as error:
        raise Misconfigured(f"The folder {folder} cannot be written: {error}.") from error
    return place


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too leaves no half-written file
        temporary.unlink(missing_ok=True)
        raise


def _remove_stale(place: Path, names: set[str]) -> None:
    """Remove what an earlier verdict offered and this one does not: files that change a server, a letter."""
    for pattern in ("*.reg", "*.ps1", "letter.txt"):
        for path in place.glob(pattern):
            if path.name not in names:
                path.unlink()
