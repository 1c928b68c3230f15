"""`triage store audit`, `export`, `rebuild`, `retain`: what an operator does with the store as a whole."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from triage.cli.options import SettingsFile, Store
from triage.cli.screen import not_read, say

if TYPE_CHECKING:
    from triage.settings import Settings
    from triage.upkeep import Audit, Missing
    from triage.upkeep.rebuild import Step

app = typer.Typer(help="Prove, write out, rebuild and clear the store.", no_args_is_help=True)

KINDS = ("incidents", "readings", "inputs", "others")
INBOX = "inbox"


@app.command("audit")
def audit(store: Store = None, settings: SettingsFile = None) -> None:
    """Count everything again from the stored readings, and name each value of an incident that differs.

    Nothing is changed. The committer waits meanwhile; on a laptop let no `triage run` write to the store. Exit code 1
    means that something differs.
    """
    from triage.settings import load_settings
    from triage.upkeep import audit as audited
    from triage.wiring import existing_store_of, lease_of, now, parts_of

    values = load_settings(settings)
    parts = parts_of(values)
    with existing_store_of(values, store) as documents:
        found = audited(documents, parts, now(), lease_of(values, store))
    _print_audit(found)
    if found.differences:
        say(
            "Whose a host is follows from the settings: audit with those with which the mail was read"
            f" ({'--settings ' + str(settings) if settings else 'triage.toml here, or --settings FILE'}).",
            error=True,
        )
        raise typer.Exit(1)


def _print_audit(found: "Audit") -> None:
    for one in found.differences:
        say(f"{one.what} {one.field}: stored {_shown(one.stored)}, recomputed {_shown(one.recomputed)}")
    for one in found.verdicts:
        say(f"{one.what} {one.field}: stored {one.stored}, by today's rules {one.recomputed}")
    for incident_id, reports in found.past_retention.items():
        say(f"{incident_id}: not auditable, inputs past retention ({reports} of its reports)")
    if found.waiting:
        say(f"{found.waiting} readings wait to be counted.")
    if found.left_open:
        say(
            f"{found.left_open} of {found.tickets} tickets are open as far as we know, and their incidents past retention."
        )
    if found.unread:
        say(f"{found.unread} inputs were written down and never read: feed them again.")
    verb = f"{len(found.differences)} differences" if found.differences else "no difference"
    say(f"{found.incidents} incidents counted again from {found.readings} readings: {verb}.")


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


@app.command("export")
def export(
    target: Annotated[str, typer.Argument(metavar="DIR", help="A folder for the files, or - for standard output.")],
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Write every document as a line of JSON: incidents with all counts, readings, journal entries.

    A folder gets incidents.jsonl, readings.jsonl, inputs.jsonl and others.jsonl. Personal data is written as it is
    stored: addresses, subjects, message texts and, where bytes are kept, whole messages.
    """
    from triage.model.wire import json_line
    from triage.settings import load_settings
    from triage.upkeep import export as exported
    from triage.wiring import existing_store_of

    counts = dict.fromkeys(KINDS, 0)
    with existing_store_of(load_settings(settings), store) as documents, _files(target) as files:
        for kind, line in exported(documents):
            files[kind].write(json_line(line) + b"\n")
            counts[kind] += 1
    if target != "-":
        say(", ".join(f"{count} {kind}" for kind, count in counts.items()) + f": {target}")


@contextmanager
def _files(target: str) -> Iterator[dict[str, IO[bytes]]]:
    from triage.errors import Misconfigured

    if target == "-":
        yield dict.fromkeys(KINDS, sys.stdout.buffer)
        return
    with ExitStack() as opened:
        try:
            Path(target).mkdir(parents=True, exist_ok=True)
            files: dict[str, IO[bytes]] = {
                kind: opened.enter_context(open(Path(target, f"{kind}.jsonl"), "wb")) for kind in KINDS
            }
        except OSError as error:
            raise Misconfigured(f"The folder {target} cannot be written: {error}.") from error
        yield files


@app.command("rebuild")
def rebuild(
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="INBOX",
            help="The journal: a store's file (its inputs are read where they lay), a folder of raw mail, or the word"
            " inbox for the cloud's container.",
        ),
    ],
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Make a new store from the journal: every input is read again by today's rules and counted from nothing.

    The store named must be empty; after an interruption the same command goes on. What people did (acknowledged,
    silenced, resolved) is done again. Exit code 1 means that something is missing or unreadable; each is named.
    """
    from triage.settings import load_settings
    from triage.upkeep import rebuild as rebuilt
    from triage.wiring import acts_of, parts_of, store_of

    values = load_settings(settings)
    missing: list[Missing] = []
    failed = read = 0
    with _batches(source, values, missing) as batches, store_of(values, store) as documents:
        journal = acts_of(values, documents, store)
        for reading, _ in rebuilt(documents, batches, parts_of(values), journal, missing):
            read += 1
            if reading.kind == "unreadable":
                failed += 1
                not_read(reading)
    for one in missing:
        say(f"missing: {one.path} ({one.sha256[:12]}…): {one.why}", error=True)
    say(f"{read} inputs read again; {len(missing)} missing.")
    if missing or failed:
        raise typer.Exit(1)


@contextmanager
def _batches(source: str, values: "Settings", missing: "list[Missing]") -> "Iterator[Iterator[Step]]":
    from triage.errors import NotFound
    from triage.upkeep import from_entries, from_raw
    from triage.wiring import existing_store_of, raw_mail_of

    if Path(source).is_file():
        with existing_store_of(values, source) as old:
            yield from_entries(old, missing)
        return
    mail = raw_mail_of(values, Path(source) if Path(source).is_dir() or source != INBOX else None)
    if mail is None:
        raise NotFound("No storage account is set, so there is no inbox. Name a store's file or a folder: --from FILE.")
    yield from_raw(mail)


@app.command("retain")
def retain(
    inbox: Annotated[
        Path | None, typer.Option("--inbox", metavar="DIR", help="The folder with raw mail; else the cloud's inbox.")
    ] = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Remove what is older than the settings `retention.…` keep it, and say how much that was.

    Open incidents stay, whatever their age. Safe to repeat.
    """
    from triage.settings import load_settings
    from triage.upkeep import retain as retained
    from triage.wiring import existing_store_of, now, periods_of, raw_mail_of

    values = load_settings(settings)
    with existing_store_of(values, store) as documents:
        gone = retained(
            documents, raw_mail_of(values, inbox) if store is None or inbox else None, periods_of(values), now()
        )
    say(
        f"Removed: {gone.raw} raw inputs, the bytes of {gone.kept_bytes} journal entries, {gone.entries} entries,"
        f" {gone.readings} readings, {gone.incidents} incidents, {gone.tickets} rows of closed tickets."
    )
