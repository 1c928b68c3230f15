"""`triage run`: the main job."""

import os
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import Paths, SettingsFile, Store
from triage.cli.screen import log_to_stderr, meter, not_read, say, table

if TYPE_CHECKING:
    from triage.group import Documents
    from triage.model import Incident, Reading
    from triage.pipeline import Parts, Progress
    from triage.settings import Settings


def run(
    paths: Paths,
    store: Store = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write incidents.json and a folder for each incident.")
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Tell the sinks of the settings what is new.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Read bounces, group them into incidents, and write a ticket and a Teams card for each.

    Repeating it is safe: what was counted before changes nothing, and an interrupted run goes on.
    Exit code 1 means that some input could not be read; each is named, and the rest was done.
    """
    from triage.group import incidents
    from triage.outbox import write_out
    from triage.pipeline import live_on
    from triage.settings import load_settings
    from triage.wiring import acts_of, loaded_parts, now, send_notices, store_of, store_option

    log_to_stderr()
    values = load_settings(settings)
    parts = loaded_parts(values)
    with store_of(values, store) as documents:
        progress, unreadable = _take_in(paths, documents, parts, values)
        live_on(documents, parts, acts_of(values, documents, store), now())
        found = list(incidents(documents))
        for reading in unreadable:
            not_read(reading)
        if out is not None:
            write_out(found, documents, parts, out, now())
        relayed = send_notices(values, documents) if send else None
    _print_summary(progress)
    if progress.read or found:
        _print_incidents(found, parts, out, store_option(values, store))
    if relayed is not None:
        from triage.cli.notices import say_relayed

        say_relayed(relayed)
    if unreadable:
        raise typer.Exit(1)


def _take_in(
    paths: list[str], documents: "Documents", parts: "Parts", values: "Settings"
) -> "tuple[Progress, list[Reading]]":
    """Read everything, with a progress line; give the progress and the documents that could not be read."""
    from triage.collect.files import measure
    from triage.intake import inputs
    from triage.pipeline import Progress, take_in
    from triage.wiring import crew_of, now

    unreadable: list[Reading] = []
    progress = Progress(kinds={})
    size = measure(paths)
    with meter(size) as shown, crew_of(values, size) or nullcontext() as crew:
        for reading, progress in take_in(inputs(paths), documents, parts, now(), crew, shown.move):
            shown.update(progress.consumed, f"{progress.read} documents")
            if reading.kind == "unreadable":
                unreadable.append(reading)
    return progress, unreadable


def _print_summary(progress: "Progress") -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(progress.kinds.items(), key=lambda kv: -kv[1]))
    known = f"; {progress.known} of them counted before" if progress.known else ""
    if not progress.read:
        say("Nothing was read: what was named holds no file.")
        return
    say(f"{progress.read} documents read: {kinds}{known}.")


def _print_incidents(found: "list[Incident]", parts: "Parts", out: Path | None, store: str) -> None:
    from triage.cli.incidents import HEADINGS, SPARE, in_order, summary_row

    if not found:
        say("No incident: none of this is a bounce that names a fault.")
        return
    say()
    table(HEADINGS, [summary_row(incident, parts) for incident in in_order(found)], wide=1, spare=SPARE)
    if out is not None:
        say()
        say(f"Tickets: {os.path.join(out, '<id>', 'ticket.md')} (and ticket.html, teams.json, affected.csv)")
        say(f"One of them here: {_own_name()} show <id>{store}")


def _own_name() -> str:
    """Give what to type to call this command again: as it was called, where its name alone would not find it."""
    if which("triage"):
        return "triage"
    if os.path.basename(sys.argv[0]) == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m triage"
    return shlex.quote(sys.argv[0])
