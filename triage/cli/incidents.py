"""`triage incidents`, `show`, `ack`, `resolve`: what is open, and what people do with it."""

import getpass
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import IncidentId, SettingsFile, Store
from triage.cli.screen import say, table
from triage.model.words import rank

if TYPE_CHECKING:
    from triage.model import Incident
    from triage.pipeline import Parts

HEADINGS = ("id", "what is broken", "sure", "who acts", "returned", "waiting", "last seen (UTC)")
SPARE = (6, 3)
"""Columns that a narrow terminal does without: last seen, then who acts."""


def in_order(incidents: "list[Incident]") -> "list[Incident]":
    """Put first what is open, hits most messages and is surest."""

    def weight(incident: "Incident") -> tuple[bool, int, int, str]:
        size = incident.counts.returned + incident.counts.waiting
        return (incident.state == "resolved", -size, -rank(incident.verdict.confidence), incident.id)

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


def list_incidents(
    store: Store = None,
    every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list, as in incidents.json.")] = False,
    settings: SettingsFile = None,
) -> None:
    """List the incidents that are open."""
    from triage.group import incidents
    from triage.model.wire import incident_json, json_line
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, parts_of

    values = load_settings(settings)
    with existing_store_of(values, store) as documents:
        listed = [one for one in incidents(documents) if every or one.state != "resolved"]
    if as_json:
        sys.stdout.buffer.write(json_line([incident_json(one) for one in in_order(listed)]) + b"\n")
        return
    if not listed:
        say("No open incident.")
        return
    parts = parts_of(values)
    table(HEADINGS, [summary_row(one, parts) for one in in_order(listed)], wide=1, spare=SPARE)


def show(
    incident_id: IncidentId,
    store: Store = None,
    card: Annotated[bool, typer.Option("--card", help="Print the Teams message (JSON) instead.")] = False,
    settings: SettingsFile = None,
) -> None:
    """Print the ticket of one incident."""
    from triage.group import find_incident
    from triage.pipeline import tell
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, now, parts_of

    values = load_settings(settings)
    with existing_store_of(values, store) as documents:
        files = tell(find_incident(documents, incident_id), documents, parts_of(values), now())
    say(files["teams.json" if card else "ticket.md"].decode("utf-8").rstrip("\n"))


def ack(
    incident_id: IncidentId,
    by: Annotated[str | None, typer.Option("--by", help="Who has it; else your user name.")] = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Say that you have an incident."""
    from triage.group import acknowledge, find_incident
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, now, route_of

    values = load_settings(settings)
    with existing_store_of(values, store) as documents:
        found, name = find_incident(documents, incident_id), by or getpass.getuser()
        incident = acknowledge(documents, found.id, name, now(), route=route_of(values))
    say(f"{incident.id} is with {incident.acknowledged_by}.")


def resolve(
    incident_id: IncidentId,
    reason: Annotated[str, typer.Option("--reason", help="What mended it.")] = "closed by hand",
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Close an incident; a later failure opens it again."""
    from triage.group import find_incident
    from triage.group import resolve as close
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, now, route_of

    values = load_settings(settings)
    with existing_store_of(values, store) as documents:
        incident = close(documents, find_incident(documents, incident_id).id, reason, now(), route=route_of(values))
    say(f"{incident.id} is {incident.state}.")
