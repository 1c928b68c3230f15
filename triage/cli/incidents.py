"""`triage incidents`, `show`, `ack`, `resolve`: what is open, and what people do with it."""

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import IncidentId, SettingsFile, Store
from triage.cli.screen import say, table
from triage.model.words import rank

if TYPE_CHECKING:
    from triage.model import ActKind, Incident
    from triage.pipeline import Parts
    from triage.settings import Settings

HEADINGS = ("id", "what is broken", "sure", "who acts", "returned", "waiting", "last seen (UTC)")
SPARE = (6, 3)
"""Columns that a narrow terminal does without: last seen, then who acts."""

LONGEST_NAME, LONGEST_REASON = 200, 2_000
"""Characters: these stand in tickets, cards and the journal."""

Who = Annotated[str | None, typer.Option("--by", help="Your name; else your user name.", show_default=False)]
For = Annotated[str | None, typer.Option("--for", metavar="SPAN", help="For how long: 30m, 8h, 2d, 1w.")]
Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Until when, with the zone: 2026-10-21T08:00Z.")
]


def in_order(incidents: "list[Incident]") -> "list[Incident]":
    """Put first what is open, then what is quiet; of these what hits most messages and is surest."""

    def weight(incident: "Incident") -> tuple[int, int, int, str]:
        size = incident.counts.returned + incident.counts.waiting
        return (
            ("open", "quiet", "resolved").index(incident.state),
            -size,
            -rank(incident.verdict.confidence),
            incident.id,
        )

    return sorted(incidents, key=weight)


def summary_row(incident: "Incident", parts: "Parts") -> tuple[str, ...]:
    """Give the cells that stand for an incident in a table."""
    from triage.notify import title

    verdict, counts = incident.verdict, incident.counts
    return (
        incident.id,
        title(incident, parts.texts),
        verdict.confidence,
        (verdict.actor or "unknown").replace("-", " "),
        str(counts.returned),
        str(counts.waiting),
        incident.last_seen[:16].replace("T", " ") if incident.last_seen else "unknown",
    )


def state_words(incident: "Incident") -> str:
    """Say how an incident stands: open, quiet or resolved, who has it, and whether it is silenced."""
    words: list[str] = [incident.state]
    if incident.acknowledged_by and incident.state != "resolved":
        words.append(f"{incident.acknowledged_by} has it")
    if incident.silenced_until:
        by = f" by {incident.silenced_by}" if incident.silenced_by else ""
        words.append(f"silenced until {incident.silenced_until[:16].replace('T', ' ')}{by}")
    return ", ".join(words)


def list_incidents(
    store: Store = None,
    every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, as in incidents.json.")] = False,
    settings: SettingsFile = None,
) -> None:
    """List the incidents that are open or quiet."""
    from triage.group import incidents
    from triage.model.wire import incident_json, json_line
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, lifetimes_of, now, parts_of

    values = load_settings(settings)
    with existing_store_of(values, store) as documents:
        found = list(incidents(documents, now(), lifetimes_of(values)))
    listed = [one for one in found if every or one.state != "resolved"]
    if as_json:
        sys.stdout.buffer.write(json_line([incident_json(one) for one in in_order(listed)]) + b"\n")
        return
    if not listed:
        say("No open incident.")
        return
    parts = parts_of(values)
    rows = [(*summary_row(one, parts), state_words(one)) for one in in_order(listed)]
    table((*HEADINGS, "state"), rows, wide=1, spare=SPARE)


def show(
    incident_id: IncidentId,
    store: Store = None,
    card: Annotated[bool, typer.Option("--card", help="Print the Teams message (JSON) instead.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write all its files there too.")] = None,
    settings: SettingsFile = None,
) -> None:
    """Print the ticket of one incident. With `--out` its files are written: ticket, card, list of mail, registry files."""
    from triage.group import find_incident
    from triage.outbox import write_one
    from triage.pipeline import tell
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, now, parts_of

    values = load_settings(settings)
    with existing_store_of(values, store) as documents:
        parts = parts_of(values)
        incident = find_incident(documents, incident_id, now(), parts.periods)
        files = tell(incident, documents, parts, now())
    if out is not None:
        sys.stderr.write(f"Written: {write_one(incident.id, files, out)}\n")
    say(files["teams.json" if card else "ticket.md"].decode("utf-8").rstrip("\n"))


def ack(
    incident_id: IncidentId,
    by: Who = None,
    span: For = None,
    time: Until = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Say that you have an incident, for a time (else the setting lifecycle.acknowledge_hours).

    It ends earlier when the incident is a hundred times as large, and when it comes back after its end.
    """
    from triage.settings import load_settings

    values = load_settings(settings)
    usual = f"{values.lifecycle.acknowledge_hours}h" if span is None and time is None else span
    incident = act(values, store, incident_id, "acknowledge", by, span=usual, time=time)
    say(f"{incident.id} is with {incident.acknowledged_by} until {incident.acknowledged_until}.")


def resolve(
    incident_id: IncidentId,
    reason: Annotated[str, typer.Option("--reason", help="What mended it.")] = "closed by hand",
    by: Who = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Close an incident; a later failure opens it again."""
    from triage.settings import load_settings

    incident = act(load_settings(settings), store, incident_id, "resolve", by, text=reason)
    say(f"{incident.id} is {incident.state}.")


def act(
    values: "Settings",
    store: "Path | None",
    incident_id: str,
    kind: "ActKind",
    by: str | None,
    *,
    text: str = "",
    span: str | None = None,
    time: str | None = None,
) -> "Incident":
    """Write down what somebody does to an incident, then do it."""
    from triage.cli.until import until
    from triage.group import act_on, find_incident
    from triage.wiring import acts_of, existing_store_of, now, policy_of

    at = now()
    end = until(span, time, at)
    with existing_store_of(values, store) as documents:
        return act_on(
            documents,
            find_incident(documents, incident_id).id,
            kind,
            (by or getpass.getuser())[:LONGEST_NAME],
            at,
            text=text[:LONGEST_REASON],
            until=end,
            route=policy_of(values),
            journal=acts_of(values, documents, store),
        )
