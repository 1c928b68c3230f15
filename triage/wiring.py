"""The real parts, put together once: settings in, stages ready to work out."""

from datetime import UTC, datetime
from pathlib import Path

from triage.diagnose import Rulebook
from triage.group import SqliteDocuments
from triage.hosts import Hosts
from triage.mend import Shelf
from triage.notify import Texts
from triage.pipeline import Parts
from triage.settings import Settings


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
    """Open the store that the command line names, else the settings'."""
    return SqliteDocuments(path if path is not None else settings.store)


def now() -> str:
    """Give the time of the machine's clock: UTC, RFC 3339, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
