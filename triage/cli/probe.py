"""`triage probe`: ask a receiving server itself."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import SettingsFile, Store
from triage.cli.screen import say, table

if TYPE_CHECKING:
    from triage.probe import Probed
    from triage.settings import Settings

UNKNOWN = 3
"""The exit code for a server that was not reached, or that said nothing that decides."""


def probe(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="HOST[:PORT]", help="The server, by name or address; without a port 25.", show_default=False
        ),
    ] = None,
    for_incident: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="ID", help="Probe every address that failed, and close the incident if all pass."
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=120, help="The most that one session may take.")
    ] = 15,
    ca: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="Roots (PEM) to trust beside this machine's own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead.")] = False,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Ask a server: is STARTTLS offered, which of TLS 1.0 to 1.3 does it take, with which certificate?

    It proves the receiving role alone: how that server sends, no probe can see. An address that only a message named
    is not probed unless you name it. Exit code 0: TLS 1.2 is taken at every address; 1: it is not; 3: not known.
    """
    from triage.errors import BadInput, Transient, WrongUse
    from triage.probe.versions import library
    from triage.settings import load_settings

    if target is None and for_incident is None:
        raise typer.BadParameter("Name a HOST, or an incident with --for ID.")
    values = load_settings(settings)
    try:
        results = _asked(values, store, target, for_incident, seconds, str(ca) if ca else None)
    except BadInput as error:
        raise WrongUse(str(error)) from error  # nobody was asked, so no answer of the server is meant
    except Transient as error:
        say(f"triage: {error}", error=True)
        raise typer.Exit(UNKNOWN) from error
    _print(results, as_json)
    if not as_json:
        say(f"\nAsked with {library()}. A probe says nothing of how this server sends.")
    raise typer.Exit(_code(results))


def _asked(
    values: "Settings", store: Path | None, target: str | None, for_incident: str | None, seconds: float, ca: str | None
) -> "list[Probed]":
    """Ask every address, and close the incident where that proves it mended."""
    from triage.group import find_incident
    from triage.proof import ask, close, proves, targets
    from triage.wiring import acts_of, existing_store_of, hosts_of, now, policy_of

    if for_incident is None:
        return ask(targets(None, target, None, hosts_of(values)), seconds, ca)
    with existing_store_of(values, store) as documents:
        incident = find_incident(documents, for_incident)
        addresses = targets(incident, target, documents, hosts_of(values))
        results = ask(addresses, seconds, ca)
        if proves(incident, results):
            journal = acts_of(values, documents, store)
            incident = close(documents, incident, results, now(), route=policy_of(values), journal=journal)
            sys.stderr.write(f"Incident {incident.id} is resolved: every address that failed passes.\n")
        elif incident.state != "resolved":
            sys.stderr.write(f"Incident {incident.id} stays open: not every address that failed passes.\n")
    return results


def _print(results: "list[Probed]", as_json: bool) -> None:
    if as_json:
        from triage.model.wire import json_line

        sys.stdout.buffer.write(json_line(results) + b"\n")
        return
    table(("address", "STARTTLS", "TLS 1.0", "1.1", "1.2", "1.3", "why"), [_row(one) for one in results], wide=6)
    for one in results:
        shown = one.certificate
        if shown is not None:
            say(f"\nCertificate at {one.address.ip}: {shown.subject}, issued by {shown.issuer}")
            say(f"  names {', '.join(shown.names) or 'none'}; from {shown.not_before} to {shown.not_after}")
            say(
                f"  {'A careful client refuses it: ' + shown.problem if shown.problem else 'Nothing is wrong with it.'}"
            )


def _row(one: "Probed") -> tuple[str, ...]:
    answers = {version.version: version.answer for version in one.versions}
    offered = {True: "offered", False: "not offered", None: "unknown"}[one.starttls]
    why = one.why or next((version.why for version in one.versions[::-1] if version.why), None) or ""
    versions = (answers.get("1.0"), answers.get("1.1"), answers.get("1.2"), answers.get("1.3"))
    return (f"{one.address.ip}:{one.address.port}", offered, *(answer or "-" for answer in versions), why)


def _code(results: "list[Probed]") -> int:
    spoken = [one.speaks_tls12 for one in results]
    if all(spoken) and spoken:
        return 0
    return 1 if False in spoken else UNKNOWN
