"""`triage diagnose`: what each document says, and what follows from it alone. Touches no store."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import Paths, SettingsFile
from triage.cli.screen import kind_of, log_to_stderr, meter, not_read, put_line, say

if TYPE_CHECKING:
    from triage.model import Reading


def diagnose(
    paths: Paths,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line (docs/contract.md).")] = False,
    suspects: Annotated[
        bool,
        typer.Option(
            "--suspects",
            help="Of protocol logs read only the sessions with peers of which some row speaks of a failed handshake, a "
            "demand for TLS, a lost connection or a masked banner: in half the time. What goes well with all others, "
            "refusals and failed connections are left out, and each log is read by itself.",
        ),
    ] = False,
    settings: SettingsFile = None,
) -> None:
    """Say of each document what it is, what failed where, and why. Keeps nothing.

    Exit code 1 means that some input could not be read; each is named.
    """
    from triage.collect.files import measure
    from triage.intake import Work, inputs, readings
    from triage.settings import load_settings
    from triage.wiring import crew_of, knowledge_of

    log_to_stderr()
    values = load_settings(settings)
    knowledge = knowledge_of(values)
    unreadable = seen = 0
    size = measure(paths)
    with meter(size) as shown, crew_of(values, size) or nullcontext() as crew:
        for work, reading in readings(map(Work, inputs(paths)), knowledge, crew, shown.move, suspects=suspects):
            seen += 1
            with shown.aside():
                _tell(reading, as_json)
            shown.update(work.item.consumed, f"{seen} documents")
            unreadable += reading.kind == "unreadable"
    if unreadable:
        raise typer.Exit(1)


def _tell(reading: "Reading", as_json: bool) -> None:
    from triage.model.wire import reading_pieces

    if as_json:
        put_line(reading_pieces(reading))
    else:
        _print(reading)
    if reading.kind == "unreadable":
        not_read(reading)


def _print(reading: "Reading") -> None:
    place = reading.source.path if not reading.source.index else f"{reading.source.path} [{reading.source.index}]"
    say(f"{place}: {kind_of(reading)}")
    for finding in reading.findings:
        seen, diagnosis = finding.observation, finding.diagnosis
        if diagnosis is None:
            continue
        who = seen.recipient or seen.recipient_domain or "unknown recipient"
        hop = f"{seen.sending_host or 'unknown'} → {seen.receiving_host or seen.receiving_ip or 'unknown'}"
        say(f"  {seen.action} {who}  ({hop})")
        say(f"    {diagnosis.category}, {diagnosis.confidence}: {seen.diagnostic or 'no diagnostic'}")
