"""`triage notices`: who is to be told what, what became of it, and what failed."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage.cli.options import IncidentId, SettingsFile, Store
from triage.cli.screen import log_to_stderr, say, table

if TYPE_CHECKING:
    from triage.model import Notice, Sent
    from triage.pipeline import Relayed

app = typer.Typer(help="The notices: who is told of a change, what waits, what failed.", no_args_is_help=True)

AnyIncident = Annotated[
    str | None, typer.Argument(metavar="ID", help="The incident's id, or the beginning of it; else all.")
]
OneSink = Annotated[str | None, typer.Option("--sink", metavar="NAME", help="Only this sink, such as teams or jira.")]


@app.command("list")
def list_notices(
    failed: Annotated[bool, typer.Option("--failed", help="Only what nobody tries any more.")] = False,
    every: Annotated[bool, typer.Option("--all", help="What was sent, and reminders that are planned, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """List what waits to be told and what failed, with the reason."""
    from triage.group import notices_of
    from triage.model.wire import json_line
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, now

    with existing_store_of(load_settings(settings), store) as documents:
        rows = [_row(incident_id, one, now()) for incident_id, one in notices_of(documents)]
    wanted = ("failed",) if failed else ("waiting", "held", "being sent", "put off", "failed")
    wanted = (*wanted, "sent", "planned") if every and not failed else wanted
    rows = [row for row in rows if row["state"] in wanted]
    if as_json:
        sys.stdout.buffer.write(json_line(rows) + b"\n")
    elif not rows:
        say("No notice has failed." if failed else "No notice waits, and none has failed.")
    else:
        cells = [(row["id"], row["at"], row["state"], row["told"] or "") for row in rows]
        table(("notice", "of (UTC)", "state", "what is known"), cells, wide=3, spare=(1,))


def _row(incident_id: str, one: "Notice | Sent", now: str) -> dict[str, Any]:
    from triage.model import Sent

    row = {"id": f"{incident_id}/{one.name}/{one.sink}", "incident": incident_id, "sink": one.sink, "at": one.at}
    if isinstance(one, Sent):
        told = f"at {one.told_at}" + (f" as {one.remote}" if one.remote else "")
        return {**row, "state": "sent", "told": told, "next_try": None}
    if one.failed is not None:
        return {**row, "state": "failed", "told": one.failed, "next_try": None}
    if one.claimed_until is not None and one.claimed_until > now:
        return {**row, "state": "being sent", "told": None, "next_try": None}
    return {**row, **_later(one, now)}


def _later(one: "Notice", now: str) -> dict[str, Any]:
    """Say what a notice that nobody sends now waits for."""
    if one.held_until is not None:
        return {"state": "held", "told": f"until {one.held_until}: {one.held_by}", "next_try": one.held_until}
    if one.next_try is not None and one.trouble is None and one.next_try > now:
        return {"state": "planned", "told": f"for {one.next_try}, if mail waits", "next_try": one.next_try}
    if one.next_try is not None:
        return {"state": "put off", "told": f"until {one.next_try}: {one.trouble}", "next_try": one.next_try}
    return {"state": "waiting", "told": None, "next_try": None}


@app.command("send")
def send(incident_id: AnyIncident = None, store: Store = None, settings: SettingsFile = None) -> None:
    """Tell the sinks what they are to be told now. What waits for its hour goes on waiting.

    Exit code 1 means that something failed for good; `triage notices list --failed` names it.
    """
    from triage.errors import Misconfigured
    from triage.group import find_incident
    from triage.notify import ready
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, send_notices

    values = load_settings(settings)
    if not ready(values.sinks):
        raise Misconfigured("No sink is set up: TRIAGE_SINKS__TEAMS__URL, or the setting of another one, names one.")
    log_to_stderr()
    with existing_store_of(values, store) as documents:
        one = None if incident_id is None else find_incident(documents, incident_id).id
        relayed = send_notices(values, documents, one, held_too=True)
    say_relayed(relayed)
    if relayed.failed:
        raise typer.Exit(1)


def say_relayed(relayed: "Relayed") -> None:
    """Say how many messages went out, were put off and failed."""
    say(f"Messages: {relayed.sent} sent, {relayed.put_off} put off, {relayed.failed} failed.")


@app.command("replay")
def replay_failed(
    incident_id: AnyIncident = None, sink: OneSink = None, store: Store = None, settings: SettingsFile = None
) -> None:
    """Put back what failed, to be sent again; what a later message told meanwhile is marked as told."""
    from triage.group import find_incident, notices_of, replay
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, now

    with existing_store_of(load_settings(settings), store) as documents:
        if incident_id is not None:
            ids = [find_incident(documents, incident_id).id]
        else:
            ids = sorted({one for one, _ in notices_of(documents)})
        done = [replay(documents, one, now(), sink) for one in ids]
    back, told = sum(one for one, _ in done), sum(one for _, one in done)
    say(f"{back} notices go out again" + (f"; {told} were told by a later message." if told else "."))


@app.command("preview")
def preview(
    incident_id: IncidentId,
    sink: Annotated[
        str | None,
        typer.Option("--sink", metavar="NAME", help="Only this sink, such as teams or jira; else all that are told."),
    ] = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Print the JSON that sinks would be sent now: of one with --sink, else an object with each that is told.

    Nothing is sent. What waits for its hour is shown as it would look now.
    """
    from triage.errors import NotFound
    from triage.group import facts_by_id, find_incident, peek
    from triage.model.wire import json_line
    from triage.notify import SINKS, Policy
    from triage.pipeline import with_names, write
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, now, parts_of

    if sink is not None and sink not in SINKS:
        raise NotFound(f"There is no sink “{sink}”; there are: {', '.join(SINKS)}.")
    values = load_settings(settings)
    with existing_store_of(values, store) as documents:
        found = find_incident(documents, incident_id).id
        # Also of sinks that are not set up here: what they would be sent is worth a look before they are.
        told = Policy(values.routing, SINKS, values.notices)(facts_by_id(documents, found), "opened")
        claims = [peek(documents, found, name) for name in ([sink] if sink is not None else told)]
        parts, time = with_names(documents, parts_of(values)), now()
        messages = {one.sink: SINKS[one.sink].message(write(documents, one, parts, time)) for one in claims}
    if not claims:
        say("The routing tells nobody of this incident: `triage routes test` shows why.", error=True)
    for claimed in claims:
        if not claimed.notices:
            say(f"Nothing waits for {claimed.sink}: this is how the incident would look there.", error=True)
    _print_json(json_line(messages if sink is None else messages[sink]))


def _print_json(line: bytes) -> None:
    import msgspec

    say(msgspec.json.format(line, indent=2).decode("utf-8"))
