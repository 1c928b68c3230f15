"""`triage serve`: the local host."""

from pathlib import Path
from typing import Annotated

import typer

from triage.cli.options import SettingsFile, Store


def serve(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="The watched folder; else the setting serve.folder.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Keep the tickets there up to date; else the setting `out`."),
    ] = None,
    azurite: Annotated[
        bool, typer.Option("--azurite", help="Run the Functions app itself, on Azurite or on `TriageStorage`.")
    ] = False,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Read what is put into a folder and what is forwarded by SMTP, until told to stop (Ctrl-C, SIGTERM).

    Files stay where they are. A restart, even after a loss of power, loses and repeats nothing.
    """
    from triage.settings import load_settings

    values = load_settings(settings)
    if azurite:
        from triage.local.emulated import serve_emulated

        serve_emulated(values, Path())
        return
    from triage.local.embedded import serve_embedded

    serve_embedded(values, store or values.store, folder or values.serve.folder, out or values.out)
