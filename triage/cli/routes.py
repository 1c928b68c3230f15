"""`triage routes`: who is told of an incident, by which row of the routing, and when."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import SettingsFile, Store
from triage.cli.screen import say, table
from triage.model import ChangeKind
from triage.model.words import Confidence

if TYPE_CHECKING:
    from triage.model import Facts
    from triage.notify import Placed, Policy
    from triage.routing import Day
    from triage.settings import Settings

app = typer.Typer(help="The routing: who is told of which incident, and when.", no_args_is_help=True)

ENVIRONMENT = "TRIAGE_ROUTING"


@app.command("list")
def list_routes(settings: SettingsFile = None) -> None:
    """List the rows in the order in which they are asked; the first that fits an incident decides."""
    from triage.settings import load_settings
    from triage.wiring import policy_of

    values = load_settings(settings)
    rows = policy_of(values).rows
    cells = [(_place(one, settings), _conditions(one), _told(one), _when(one, values)) for one in rows]
    table(("row", "for", "told", "when"), cells, wide=1)


@app.command("test")
def try_route(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID | FILE]", help="An incident's id, or the beginning of it; or a message: - is standard input."
        ),
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option("--sample", metavar="CATEGORY", help="Instead: a made-up incident of this cause, as follows."),
    ] = None,
    confidence: Annotated[Confidence, typer.Option("--confidence", help="How sure the sample is.")] = "certain",
    host: Annotated[
        list[str] | None, typer.Option("--host", metavar="NAME", help="A host or pool of the sample; repeatable.")
    ] = None,
    ours: Annotated[bool | None, typer.Option("--ours/--not-ours", help="Whose fault the sample is.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Who has to act on the sample.")] = None,
    impact: Annotated[
        list[str] | None,
        typer.Option(
            "--impact", metavar="WHAT", help="What came of its mail: returned, waiting, sent-unencrypted; repeatable."
        ),
    ] = None,
    change: Annotated[ChangeKind, typer.Option("--change", help="The kind of change that is told.")] = "opened",
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When it is told (2026-10-20T22:00Z); else now.")
    ] = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Show where an incident, a message or a made-up case would go: the row that decides, why not those before, and when.

    Nothing is sent and nothing is kept.
    """
    from triage.errors import NotFound
    from triage.settings import load_settings
    from triage.wiring import policy_of

    values = load_settings(settings)
    if (name is None) == (sample is None):
        raise NotFound("Name an incident or a message, or describe a case: --sample CATEGORY. One of them.")
    if sample is not None:
        cases = [("sample", _sample(sample, confidence, host or [], ours, actor, list(impact or [])))]
    elif name is not None and (name == "-" or Path(name).is_file()):
        cases = _of_file(name, values)
    else:
        cases = [_of_incident(name or "", values, store)]
    if not cases:
        say("No incident: this is no bounce that names a fault.")
    for title, facts in cases:
        _print(title, facts, change, _time(at), policy_of(values), settings)


def _time(given: str | None) -> str:
    from datetime import UTC, datetime

    from triage.errors import Misconfigured
    from triage.wiring import now

    if given is None:
        return now()
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise Misconfigured(f"“{given}” is no time; write it as 2026-10-20T22:00Z.") from None
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sample(
    category: str, confidence: Confidence, hosts: list[str], ours: bool | None, actor: str | None, impacts: list[str]
) -> "Facts":
    import msgspec

    from triage.diagnose.rulebook import categories
    from triage.errors import NotFound
    from triage.model import Facts

    known = {str(name): defaults for name, defaults in categories().items()}
    if category not in known:
        raise NotFound(f"There is no category “{category}”; there are: {', '.join(sorted(known))}.")
    values = {
        "family": known[category].family,
        "category": category,
        "confidence": confidence,
        "actor": actor,
        "ours": ours,
        "size": 1,
        "acknowledged": False,
        "hosts": hosts,
        "impacts": impacts or ["returned"],
    }
    try:
        return msgspec.convert(values, Facts)
    except msgspec.ValidationError as error:
        raise NotFound(f"The sample is wrong: {error}.") from None


def _of_incident(name: str, values: "Settings", store: Path | None) -> tuple[str, "Facts"]:
    from triage.group import facts_by_id, find_incident
    from triage.wiring import existing_store_of, now

    with existing_store_of(values, store) as documents:
        incident = find_incident(documents, name, now())
        until, by = incident.silenced_until, incident.silenced_by
        silent = f" (silenced until {until} by {by}: nothing of this goes out before)" if until else ""
        return f"incident {incident.id}{silent}", facts_by_id(documents, incident.id)


def _of_file(name: str, values: "Settings") -> list[tuple[str, "Facts"]]:
    """Give what would become of a message: its incidents, in a store that nobody sees."""
    from triage.cli.screen import not_read
    from triage.group import MemoryDocuments, facts_by_id, incidents
    from triage.intake import inputs
    from triage.pipeline import take_in
    from triage.wiring import now, parts_of

    documents = MemoryDocuments()
    for reading, _ in take_in(inputs([name]), documents, parts_of(values), now()):
        if reading.kind == "unreadable":
            not_read(reading)
    return [(f"{name}", facts_by_id(documents, one.id)) for one in incidents(documents)]


def _print(title: str, facts: "Facts", kind: ChangeKind, now: str, policy: "Policy", file: Path | None) -> None:
    say(f"{title}: {facts.category}, {facts.confidence}")
    whose = {True: "ours", False: "not ours", None: "not known whose"}[facts.ours]
    hosts, mail = ", ".join(facts.hosts) or "none known", ", ".join(facts.impacts) or "none"
    say(f"  {facts.family}; {whose}; acts: {facts.actor or 'unknown'}; hosts: {hosts}; mail: {mail}")
    found = policy.decide(facts, kind)
    for one, reason in found.lost:
        say(f"  {_place(one, file)} does not fit: {reason}")
    winner = found.winner
    if winner is None:
        say("  No row fits: nobody is told.")
    else:
        say(f"  {_place(winner, file)} decides: {_conditions(winner)}")
        if winner.row.team:
            say(f"  team: {winner.row.team}")
    told = dict.fromkeys((*(winner.row.sinks if winner is not None else ()), *policy(facts, kind)))
    if not told:
        say(f"{kind} at {now}: nobody is told")
        return
    say(f"{kind} at {now} is told to")
    for sink in told:
        say(f"  {sink:<12} {_timing(policy, facts, kind, sink, now)}")


def _timing(policy: "Policy", facts: "Facts", kind: ChangeKind, sink: str, now: str) -> str:
    timing = policy.when(facts, kind, sink, now)
    when = {None: "now", "digest": "in the digest of", "quiet-hours": "held by quiet hours until"}[timing.by]
    parts = [f"{when} {timing.until}" if timing.until else when]
    if timing.remind_hours is not None:
        parts.append(f"again {timing.remind_hours} hours after the last word while mail waits and nobody has it")
    ceiling = policy.ceiling(sink)
    if ceiling is not None:
        parts.append(f"{ceiling} messages an hour at most")
    if sink not in policy.ready:
        from triage.sink_settings import variables

        parts.append(f"not set up here: that takes {', '.join(variables(sink))}")
    return "; ".join(parts)


def _place(one: "Placed", file: Path | None) -> str:
    """Say where a row stands: its file, and its number there."""
    if not one.is_own:
        return f"triage/notify/routing.toml, row {one.number}"
    from triage.settings import DEFAULT_FILE

    return f"{ENVIRONMENT if ENVIRONMENT in os.environ else file or DEFAULT_FILE}, row {one.number}"


def _conditions(one: "Placed") -> str:
    row = one.row
    lists = {
        "cause": row.categories,
        "family": row.families,
        "host": row.hosts,
        "acts": row.actors,
        "mail": row.impacts,
        "change": row.changes if len(row.changes) < len(type(row).model_fields["changes"].default) else (),
    }
    parts = [f"{name}: {' or '.join(words)}" for name, words in lists.items() if words]
    if row.at_least != "possible":
        parts.append(f"{row.at_least} at least")
    if row.ours is not None:
        parts.append("ours" if row.ours else "not ours")
    return "; ".join(parts) or "everything"


def _told(one: "Placed") -> str:
    return ", ".join(one.row.sinks) + (f" ({one.row.team})" if one.row.team else "") if one.row.sinks else "nobody"


def _days(days: "tuple[Day, ...]") -> str:
    from triage.routing import DAYS

    return "" if set(days) == set(DAYS) else " ".join(days) + " "


def _when(one: "Placed", values: "Settings") -> str:
    row, zone = one.row, one.row.zone or values.notices.zone
    if row.digest is not None:
        return f"digest at {row.digest} ({zone})"
    quiet = values.notices.quiet_hours if row.quiet_hours is None else row.quiet_hours
    held = ", ".join(f"{_days(hours.days)}{hours.begin}-{hours.end}" for hours in quiet)
    awake = [sink for sink in row.sinks if sink in values.notices.programs]
    parts = ["at once"]
    if held and len(awake) < len(row.sinks):
        parts = [f"not {held} ({zone})" + (f" but {', '.join(awake)} at once" if awake else "")]
    if row.remind_hours is not None:
        parts.append(f"reminder after {row.remind_hours} hours")
    return "; ".join(parts)
