"""The real parts, put together once: settings in, stages ready to work out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from triage.collect.files import unpacked
from triage.diagnose import Rulebook
from triage.errors import BadInput, NotFound
from triage.group import Router, SqliteDocuments, incidents
from triage.hosts import Hosts
from triage.mend import Shelf
from triage.model.wire import json_line, reading_json
from triage.notify import Texts, open_sinks, ready, router
from triage.outbox import write_out
from triage.pipeline import Parts, Relayed, read, relay, take_in
from triage.settings import Settings, load_settings

if TYPE_CHECKING:
    from triage.group import Documents


def hosts_of(settings: Settings) -> Hosts:
    """Give what is known of hosts, with what the settings call ours."""
    ours = settings.ours
    return Hosts(domains=ours.domains, hosts=ours.hosts, names=ours.names)


def parts_of(settings: Settings) -> Parts:
    """Load rules, runbooks and texts. Raises `Misconfigured` where one of them is wrong."""
    return Parts(
        hosts=hosts_of(settings),
        rulebook=Rulebook.load(settings.rules),
        shelf=Shelf.load(settings.runbooks),
        texts=Texts.load(settings.locale),
        authserv_id=settings.authserv_id,
        redact=settings.redact,
        route=route_of(settings),
    )


def route_of(settings: Settings) -> Router:
    """Give the routing of the settings, for the sinks that are set up."""
    return router(settings.routing, ready(settings.sinks))


def store_of(settings: Settings, path: str | Path | None = None) -> SqliteDocuments:
    """Open the store that the command line names, else the settings'; make it where there is none."""
    return SqliteDocuments(path if path is not None else settings.store)


def existing_store_of(settings: Settings, path: str | Path | None = None) -> SqliteDocuments:
    """Open the store as `store_of` does. Raises `NotFound` where there is none: asking must not make one."""
    file = Path(path if path is not None else settings.store)
    if not file.is_file():
        raise NotFound(f"There is no store {file}. Name the one that `triage run` wrote: --store FILE.")
    return SqliteDocuments(file)


def now() -> str:
    """Give the time of the machine's clock: UTC, RFC 3339, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def take_in_bytes(content: bytes, name: str) -> None:
    """Take in one upload as the cloud's triggers do: settings from the environment, tickets to the setting `out`."""
    settings = load_settings()
    parts = parts_of(settings)
    with store_of(settings) as documents:
        for _ in take_in(unpacked(content, name), documents, parts, now()):
            pass
        if settings.out is not None:
            write_out(list(incidents(documents)), documents, parts, settings.out, now())


def diagnose_bytes(content: bytes, name: str) -> bytes:
    """Give the contract's JSON lines for one upload; nothing is kept."""
    parts = parts_of(load_settings())
    return b"".join(json_line(reading_json(read(item, parts))) + b"\n" for item in unpacked(content, name))


def relay_incident(message: str) -> None:
    """Tell what an incident has to tell, as the body of a kick names it: `{"incident": ID}`."""
    import msgspec

    try:
        incident_id = msgspec.json.decode(message, type=dict[str, str])["incident"]
    except (msgspec.DecodeError, KeyError):
        raise BadInput('A kick names its incident: {"incident": ID}.') from None
    settings = load_settings()
    with store_of(settings) as documents:
        send_notices(settings, documents, incident_id)


def relay_waiting() -> None:
    """Tell whatever waits and is due."""
    settings = load_settings()
    with store_of(settings) as documents:
        send_notices(settings, documents)


def send_notices(settings: Settings, documents: "Documents", incident_id: str | None = None) -> Relayed:
    """Tell the sinks of the settings what they are to be told now. Raises `Misconfigured` where a sink is wrong."""
    return relay(documents, parts_of(settings), open_sinks(settings.sinks), now, incident_id)
