"""The real parts, put together once: settings in, stages ready to work out."""

import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from triage.azure_storage import Account, account_of, blob_service, in_our_words
from triage.collect.files import unpacked
from triage.diagnose import Rulebook
from triage.errors import NotFound
from triage.group import BlobDocuments, BlobLease, FileLease, Lease, SqliteDocuments, incidents
from triage.hosts import Hosts
from triage.mend import Shelf
from triage.model.wire import json_line, reading_json
from triage.notify import Texts
from triage.outbox import write_out
from triage.pipeline import Parts, read, take_in
from triage.settings import Settings, load_settings
from triage.upkeep.raw import ContainerMail, FolderMail, RawMail
from triage.upkeep.retention import Periods

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

Store = SqliteDocuments | BlobDocuments


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


def container_of(settings: Settings, name: str) -> "ContainerClient | None":
    """Give a container of the storage account that settings or environment name; None where they name none."""
    account = account_of(os.environ, settings.storage.blob_url)
    return None if account is None else _service(account).get_container_client(name)


@cache
def _service(account: Account) -> "BlobServiceClient":
    # One client for a process: it holds the connections and the token.
    return blob_service(account)


def store_of(settings: Settings, path: str | Path | None = None) -> Store:
    """Open the file that the command line names, else the cloud's store where there is one, else the settings' file.

    A store that does not exist is made.
    """
    container = container_of(settings, settings.storage.container) if path is None else None
    if container is not None:
        return BlobDocuments(container)
    return SqliteDocuments(path if path is not None else settings.store)


def store_option(settings: Settings, path: str | Path | None = None) -> str:
    """Give what is added to a command to mean the store that `store_of` opens; nothing for the cloud's."""
    if path is None and account_of(os.environ, settings.storage.blob_url) is not None:
        return ""
    return f" --store {path if path is not None else settings.store}"


def lease_of(settings: Settings, path: str | Path | None = None) -> Lease:
    """Give the committer's lease of the store that `store_of` opens."""
    container = container_of(settings, settings.storage.container) if path is None else None
    if container is not None:
        return BlobLease(container)
    return FileLease(Path(path if path is not None else settings.store))


def inbox_of(settings: Settings, folder: Path | None = None) -> RawMail | None:
    """Give the raw mail in a folder, else in the cloud's inbox; None where there is neither."""
    if folder is not None:
        return FolderMail(folder)
    container = container_of(settings, settings.storage.inbox)
    return None if container is None else ContainerMail(container)


def periods_of(settings: Settings) -> Periods:
    """Give the periods of the settings."""

    def days(value: int | str) -> int | None:
        return value if isinstance(value, int) else None

    kept = settings.retention
    return Periods(
        raw_days=days(kept.raw_days),
        readings_days=days(kept.readings_days),
        incidents_days=days(kept.incidents_days),
    )


def existing_store_of(settings: Settings, path: str | Path | None = None) -> Store:
    """Open the store as `store_of` does. Raises `NotFound` where there is none: asking must not make one."""
    container = container_of(settings, settings.storage.container) if path is None else None
    if container is not None:
        with in_our_words(f"looking for the container {container.container_name}"):
            if not container.exists():
                raise NotFound(f"There is no container {container.container_name} in the storage account yet.")
        return BlobDocuments(container)
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
