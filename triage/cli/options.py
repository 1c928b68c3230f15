"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

PATHS = "Messages, logs, exports, mbox files, Maildirs, folders, .zip or .gz files; - is standard input"
Paths = Annotated[list[str], typer.Argument(metavar="PATH…", help=f"{PATHS}.", show_default=False)]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="Settings (TOML); else triage.toml here.", show_default=False),
]
Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="FILE", help="The file that keeps the incidents; else the setting `store`."),
]


def incident_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Give the ids that begin so, each with what is broken, for a shell that completes; of a store in a file alone."""
    from triage.errors import TriageError
    from triage.group import incidents
    from triage.notify import Texts, title
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, store_option

    try:
        values = load_settings(context.params.get("settings"))
        file = context.params.get("store")
        if not store_option(values, file):
            return []  # nobody waits for a network while he types
        with existing_store_of(values, file) as documents:
            texts = Texts.load(values.locale)
            return [
                (one.id, title(one, texts)) for one in incidents(documents) if one.id.startswith(incomplete.upper())
            ]
    except TriageError:
        return []


IncidentId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The incident's id, or the beginning of it.", autocompletion=incident_ids),
]
