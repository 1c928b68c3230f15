"""`triage runbooks`: what mends what."""

from pathlib import Path
from typing import Annotated

import typer

from triage.cli.options import SettingsFile
from triage.cli.screen import proved, table

app = typer.Typer(help="The runbooks: which there are, and whether they hold.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option("--runbooks", metavar="DIR", help="A folder with runbooks of your own; else the setting `runbooks`."),
]


@app.command("list")
def list_runbooks(runbooks: Folder = None, settings: SettingsFile = None) -> None:
    """List the runbooks."""
    from triage.mend import Shelf
    from triage.settings import load_settings

    shelf = Shelf.load(runbooks or load_settings(settings).runbooks)
    rows = [(name, one.front.category, one.front.read_on) for name, one in sorted(shelf.runbooks.items())]
    table(("runbook", "category", "read on"), [tuple(str(cell) for cell in row) for row in rows])


@app.command("check")
def check(runbooks: Folder = None, settings: SettingsFile = None) -> None:
    """Prove every runbook: sections filled, placeholders known, sources dated. Exit code 1 where one does not hold."""
    from triage.mend import Shelf
    from triage.settings import load_settings

    shelf = Shelf.load(runbooks or load_settings(settings).runbooks)
    proved(shelf.check(), len(shelf.runbooks), "runbooks")
