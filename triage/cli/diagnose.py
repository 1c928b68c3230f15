"""`triage diagnose`: what each document says, and what follows from it alone. Touches no store."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import Paths, SettingsFile
from triage.cli.screen import log_to_stderr, not_read, say

if TYPE_CHECKING:
    from triage.model import Reading


def diagnose(
    paths: Paths,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line (docs/contract.md).")] = False,
    settings: SettingsFile = None,
) -> None:
    """Say of each document what it is, what failed where, and why. Keeps nothing.

    Exit code 1 means that some input could not be read; each is named.
    """
    from triage.collect.files import walk
    from triage.model.wire import json_line, reading_json
    from triage.pipeline import read
    from triage.settings import load_settings
    from triage.wiring import parts_of

    log_to_stderr()
    parts = parts_of(load_settings(settings))
    unreadable = 0
    for item in walk(paths):
        reading = read(item, parts)
        if as_json:
            sys.stdout.buffer.write(json_line(reading_json(reading)) + b"\n")
        else:
            _print(reading)
        if reading.kind == "unreadable":
            unreadable += 1
            not_read(reading)
    sys.stdout.flush()
    if unreadable:
        raise typer.Exit(1)


def _print(reading: "Reading") -> None:
    place = reading.source.path if not reading.source.index else f"{reading.source.path} [{reading.source.index}]"
    say(f"{place}: {reading.kind}")
    for finding in reading.findings:
        seen, diagnosis = finding.observation, finding.diagnosis
        if diagnosis is None:
            continue
        who = seen.recipient or seen.recipient_domain or "unknown recipient"
        hop = f"{seen.sending_host or 'unknown'} → {seen.receiving_host or seen.receiving_ip or 'unknown'}"
        say(f"  {seen.action} {who}  ({hop})")
        say(f"    {diagnosis.category}, {diagnosis.confidence}: {seen.diagnostic or 'no diagnostic'}")
