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
IncidentId = Annotated[str, typer.Argument(metavar="ID", help="The incident's id, or the beginning of it.")]
