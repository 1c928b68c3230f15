"""`triage silence`, `unsilence`, `silences`: what nobody is told of for a time, and until when."""

import getpass
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triage.cli.incidents import LONGEST_NAME, LONGEST_REASON, For, Until, Who, act
from triage.cli.options import SettingsFile, Store
from triage.cli.screen import say, table

if TYPE_CHECKING:
    from pathlib import Path

    from triage.group import Documents, Silence
    from triage.model import Incident, Scope
    from triage.settings import Settings

AnyIncident = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="The incident's id, or the beginning of it; else --host or --category."),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="HOST",
        help="All incidents of this host or pool: an end, or the host that is blamed. * is any text.",
    ),
]
OfCategory = Annotated[
    str | None, typer.Option("--category", metavar="CATEGORY", help="All incidents of this cause, such as tls-version.")
]


def silence(
    incident_id: AnyIncident = None,
    host: Host = None,
    category: OfCategory = None,
    span: For = None,
    time: Until = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the others.")] = "",
    by: Who = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Tell nobody for a time of an incident, or of all of a host or a category, those that come among them.

    Everything is counted as ever. What came meanwhile is told in one message when the time is over.
    """
    from triage.settings import load_settings

    if span is None and time is None:
        raise typer.BadParameter("Say for how long: --for 2d, or --until TIME.")
    values, scope = load_settings(settings), _scope(incident_id, host, category)
    if scope is None:
        incident = act(values, store, incident_id or "", "silence", by, text=reason, span=span, time=time)
        say(f"{incident.id} is silent until {incident.silenced_until}.")
        return
    known, covered = _silence_all(values, store, scope, by, reason, span, time)
    now_open = (
        "none is open now" if not covered else "1 is open now" if len(covered) == 1 else f"{len(covered)} are open now"
    )
    say(f"Incidents of {known.scope.value} are silent until {known.until}: {now_open}, and those that come.")


def unsilence(
    incident_id: AnyIncident = None,
    host: Host = None,
    category: OfCategory = None,
    by: Who = None,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """End a silence: of an incident, or of a host or category as `triage silences` names it."""
    from triage.settings import load_settings

    values, scope = load_settings(settings), _scope(incident_id, host, category)
    if scope is None:
        incident = act(values, store, incident_id or "", "unsilence", by)
        say(f"{incident.id} is told of again.")
        return
    known, _ = _silence_all(values, store, scope, by)
    say(f"Incidents of {known.scope.value} are told of again.")


def _scope(incident_id: str | None, host: str | None, category: str | None) -> "Scope | None":
    """Give what is meant, None for an incident. Raises where it is not exactly one of the three."""
    from triage.model import Scope

    if sum(one is not None for one in (incident_id, host, category)) != 1:
        raise typer.BadParameter("Name one of them: an incident's id, --host or --category.")
    if host is not None:
        return Scope("host", host.strip().rstrip(".").lower())
    return None if category is None else Scope("category", category.strip().lower())


def _silence_all(
    values: "Settings",
    store: "Path | None",
    scope: "Scope",
    by: str | None,
    reason: str = "",
    span: str | None = None,
    time: str | None = None,
) -> "tuple[Silence, list[Incident]]":
    """Write down a silence of many incidents, or without a time its end, then do it. Gives the open ones that it covers."""
    from triage.cli.until import until
    from triage.errors import NotFound
    from triage.group import silence_all, silent_now
    from triage.wiring import acts_of, existing_store_of, now

    at = now()
    end = until(span, time, at)
    with existing_store_of(values, store) as documents:
        scope = _named(scope, documents, values)
        if end is None and not any(one.scope == scope for one in silent_now(documents, at)):
            raise NotFound(f"Incidents of “{scope.value}” are not silent. `triage silences` lists what is.")
        known = silence_all(
            documents,
            scope,
            (by or getpass.getuser())[:LONGEST_NAME],
            at,
            until=end,
            text=reason[:LONGEST_REASON],
            journal=acts_of(values, documents, store),
        )
        return known, _covered(documents, known)


def _named(scope: "Scope", documents: "Documents", values: "Settings") -> "Scope":
    """Give the scope by the name that incidents have for the host. Raises `BadInput` for a server of a pool."""
    from triage.errors import BadInput
    from triage.group import known_names
    from triage.model import Scope
    from triage.wiring import hosts_of

    if scope.kind != "host" or "*" in scope.value:
        return scope
    hosts = known_names(documents, hosts_of(values))
    pool = hosts.pool(scope.value)
    if pool is not None and pool != scope.value:
        raise BadInput(f"Incidents know {scope.value[:80]} as {pool}, with all its servers: --host {pool}.")
    return Scope("host", hosts.canonical(scope.value) or scope.value)


def _covered(documents: "Documents", known: "Silence") -> "list[Incident]":
    from triage.group import incidents

    return [one for one in incidents(documents) if one.state != "resolved" and known.covers(one)]


def silences(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """List what is silent, until when and why: incidents, hosts, categories."""
    from triage.group import incidents, silent_now
    from triage.model.wire import json_line
    from triage.settings import load_settings
    from triage.wiring import existing_store_of, now

    at = now()
    with existing_store_of(load_settings(settings), store) as documents:
        known = list(incidents(documents))
        rows = [
            _row(
                one.scope.kind,
                one.scope.value,
                one.until,
                one.by,
                one.reason,
                sum(one.covers(incident) and incident.state != "resolved" for incident in known),
            )
            for one in silent_now(documents, at)
        ]
    rows += [
        _row("incident", one.id, one.silenced_until, one.silenced_by, one.silence_reason, int(one.state != "resolved"))
        for one in known
        if (one.silenced_until or "") > at
    ]
    if as_json:
        sys.stdout.buffer.write(json_line(rows) + b"\n")
    elif not rows:
        say("Nothing is silent.")
    else:
        cells = [(row["of"], row["until"], row["by"] or "", str(row["open"]), row["reason"] or "") for row in rows]
        table(("of", "until (UTC)", "by", "open", "why"), cells, wide=4, spare=(3,))


def _row(kind: str, of: str, until: str | None, by: str | None, reason: str | None, still_open: int) -> dict[str, Any]:
    return {"kind": kind, "of": of, "until": until, "by": by, "reason": reason or None, "open": still_open}
