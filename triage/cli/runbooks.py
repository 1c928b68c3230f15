"""`triage runbooks`: what mends what."""

from pathlib import Path
from typing import Annotated

import typer

from triage.cli.options import SettingsFile
from triage.cli.screen import proved, table

MAX_DAYS = 36_500
"""A hundred years: more would leave the calendar."""

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


StaleAfter = Annotated[
    int | None,
    typer.Option(
        "--stale-after", metavar="DAYS", min=0, help="Also list each source that nobody has read for so many days."
    ),
]


@app.command("check")
def check(runbooks: Folder = None, settings: SettingsFile = None, stale_after: StaleAfter = None) -> None:
    """Prove every runbook: sections filled, steps with their sources, gates that can hold. Exit code 1 where not."""
    import datetime

    from triage.mend import Shelf
    from triage.settings import load_settings

    today = datetime.datetime.now(datetime.UTC).date()
    since = None if stale_after is None else today - datetime.timedelta(days=min(stale_after, MAX_DAYS))
    shelf = Shelf.load(runbooks or load_settings(settings).runbooks)
    proved(shelf.check(since), len(shelf.runbooks), "runbooks")
