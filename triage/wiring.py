"""The real parts, put together once: settings in, stages ready to work out."""

from datetime import UTC, datetime
from pathlib import Path

from triage.collect.files import unpacked
from triage.diagnose import Rulebook
from triage.errors import NotFound
from triage.group import SqliteDocuments
from triage.hosts import Hosts
from triage.mend import Shelf
from triage.model.wire import json_line, reading_json
from triage.notify import Texts
from triage.pipeline import Parts, read
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


def diagnose_bytes(content: bytes, name: str, parts: Parts | None = None) -> bytes:
    """Give the contract's JSON lines for one upload, by `parts` or by the settings; nothing is kept."""
    known = parts or parts_of(load_settings())
    return b"".join(json_line(reading_json(read(item, known))) + b"\n" for item in unpacked(content, name))
