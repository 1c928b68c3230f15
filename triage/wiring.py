"""The real parts, put together once: settings in, stages ready to work out."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from triage.diagnose import Rulebook
from triage.errors import NotFound
from triage.group import SqliteDocuments, incidents
from triage.hosts import Hosts
from triage.intake import Crew, Knowledge, crew_for, inputs_in, read
from triage.mend import Shelf
from triage.model.wire import json_line, reading_json
from triage.notify import Texts
from triage.outbox import write_out
from triage.pipeline import Parts, take_in
from triage.settings import Settings, load_settings


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
    )


def knowledge_of(settings: Settings) -> Knowledge:
    """Load what reading takes, as `parts_of` does, and nothing else."""
    return Knowledge(hosts=hosts_of(settings), rulebook=Rulebook.load(settings.rules), authserv_id=settings.authserv_id)


def crew_of(settings: Settings, size: int) -> Crew | None:
    """Give the processes that help to read `size` bytes of input; None where one is enough."""
    return crew_for(size, partial(knowledge_of, settings))


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
        for _ in take_in(inputs_in(content, name), documents, parts, now()):
            pass
        if settings.out is not None:
            write_out(list(incidents(documents)), documents, parts, settings.out, now())


def diagnose_bytes(content: bytes, name: str) -> bytes:
    """Give the contract's JSON lines for one upload; nothing is kept."""
    parts = parts_of(load_settings())
    return b"".join(json_line(reading_json(read(item, parts))) + b"\n" for item in inputs_in(content, name))
