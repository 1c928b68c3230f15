"""`triage why`: the whole decision on one document."""

from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import SettingsFile
from triage.cli.screen import kind_of, say

if TYPE_CHECKING:
    from triage.diagnose import Explanation


def why(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="One message, or - for standard input: a message, or a reply that was pasted."
        ),
    ],
    settings: SettingsFile = None,
) -> None:
    """Show what was read in a document, the rule that won with the text that it matched, and the rules that lost.

    Exit code 1 means that the document could not be read.
    """
    from triage.diagnose import explain
    from triage.intake import inputs, pasted, read
    from triage.settings import load_settings
    from triage.wiring import parts_of

    parts = parts_of(load_settings(settings))
    unreadable = False
    for item in inputs([file]):
        reading = pasted(item, parts) or read(item, parts)
        say(f"{reading.source.path} [{reading.source.index}] is: {kind_of(reading)}")
        if reading.kind == "unreadable":
            unreadable = True
            say(f"  {reading.error}")
        for number, finding in enumerate(reading.findings):
            say()
            say(f"Observation {number}")
            _print(explain(finding.observation, parts.rulebook, parts.hosts))
    if unreadable:
        raise typer.Exit(1)


def _print(explained: "Explanation") -> None:
    for name, value in explained.facts:
        say(f"  {name:<20} {value}")
    diagnosis = explained.diagnosis
    if diagnosis is None:
        say("  A hop that delivered: evidence, and nothing to diagnose.")
        return
    say(f"Rule      {explained.winner or 'none matched: unclassified'}")
    if explained.title:
        say(f"  {explained.title}  (source: {explained.source or 'none'})")
    if explained.matched:
        text, start, end = explained.matched.text, explained.matched.start, explained.matched.end
        say(f"  matched »{text[start:end]}« at characters {start} to {end} of the diagnostic")
    say(f"Verdict   {diagnosis.category}, {diagnosis.confidence}")
    responsible = diagnosis.responsible
    side, actor = responsible.side or "side unknown", diagnosis.actor or "unknown"
    say(f"  to be mended: {responsible.host or 'no host named'} ({side}); acts: {actor}")
    for other in diagnosis.alternatives:
        say(f"  or: {other.category}, {other.confidence}")
    for one in diagnosis.evidence:
        say(f"{'For' if one.supports else 'Against':<9} {one.text}")
    if diagnosis.next_check:
        say(f"Decides   {diagnosis.next_check}")
    if explained.tried:
        say("Lost")
    for tried in explained.tried:
        say(f"  {tried.rule}: {tried.reason}")
