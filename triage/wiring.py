"""The real parts, put together once: settings in, stages ready to work out."""

import os
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

import triage
from triage.azure_storage import CONNECTION, INSTALL, Account, account_of, blob_service, in_our_words, quiet
from triage.diagnose import Rulebook
from triage.errors import BadInput, Misconfigured, NotFound, Transient
from triage.group import (
    ActJournal,
    BlobDocuments,
    BlobLease,
    DocumentActs,
    FileLease,
    InboxActs,
    Lease,
    SqliteDocuments,
)
from triage.group import Periods as Lifetimes
from triage.hosts import Hosts
from triage.intake import Crew, Knowledge, crew_for, inputs_in, read
from triage.mend import Shelf, Translation
from triage.model.mark import Mark
from triage.model.wire import json_line, reading_json
from triage.model.words import Family
from triage.notify import Policy, Texts, open_sinks, ready
from triage.pipeline import Parts, Relayed, is_wanted, kind_of, relay
from triage.settings import Settings, load_settings
from triage.upkeep.raw import ContainerMail, FolderMail, RawMail
from triage.upkeep.retention import Periods

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient

Store = SqliteDocuments | BlobDocuments

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from triage.collect.graph_mailbox import GraphMailbox
    from triage.collect.inbox import Inbox
    from triage.collect.mailbox import Polled
    from triage.collect.mailbox_look import Look
    from triage.collect.places import Failure
    from triage.group import Documents

POLL_SECONDS = 240.0
"""Of one reading of the mailbox: the next tick goes on before a function's five minutes are over."""


def hosts_of(settings: Settings) -> Hosts:
    """Give what is known of hosts, with what the settings call ours."""
    ours = settings.ours
    return Hosts(domains=ours.domains, hosts=ours.hosts, names=ours.names)


def parts_of(settings: Settings) -> Parts:
    """Load rules, runbooks and texts. Raises `Misconfigured` where one of them is wrong."""
    policy = policy_of(settings)
    return Parts(
        hosts=hosts_of(settings),
        rulebook=Rulebook.load(settings.rules),
        shelf=Translation.load(settings.locale, settings.runbooks).shelf(Shelf.load(settings.runbooks)),
        texts=Texts.load(settings.locale),
        authserv_id=settings.authserv_id,
        redact=settings.redact,
        mark=mark_of(settings),
        route=policy,
        timer=policy.when,
        ceiling=policy.ceiling,
        periods=lifetimes_of(settings),
    )


def lifetimes_of(settings: Settings) -> Lifetimes:
    """Give after how long incidents are quiet, and after how long they are closed."""
    own = settings.lifecycle
    without_proof: tuple[Family, ...] = ("recipient", "content-and-policy")
    days = own.close_recipient_days
    return Lifetimes(
        quiet_hours={
            "session": own.quiet_hours,
            "routing": own.quiet_hours,
            **dict.fromkeys(without_proof, own.quiet_recipient_hours),
        },
        close_days=dict.fromkeys(without_proof, days) if isinstance(days, int) else {},
    )


def acts_of(settings: Settings, documents: Store, path: str | Path | None = None) -> ActJournal:
    """Give the journal of what people do: the cloud's inbox, else the store that `store_of` opens."""
    container = container_of(settings, settings.storage.inbox) if path is None else None
    if container is None:
        return DocumentActs(documents)
    from triage.collect.inbox import BlobInbox

    return InboxActs(BlobInbox(container))


@lru_cache(maxsize=2)
def loaded_parts(settings: Settings) -> Parts:
    """Give what `parts_of` gives, loaded once for each process: a fifth of a second that no message should wait for."""
    return parts_of(settings)


def knowledge_of(settings: Settings) -> Knowledge:
    """Load what reading takes, as `parts_of` does, and nothing else."""
    return Knowledge(
        hosts=hosts_of(settings),
        rulebook=Rulebook.load(settings.rules),
        authserv_id=settings.authserv_id,
        mark=mark_of(settings),
    )


def crew_of(settings: Settings, size: int) -> Crew | None:
    """Give the processes that help to read `size` bytes of input; None where one is enough."""
    return crew_for(size, partial(knowledge_of, settings))


def mark_of(settings: Settings) -> Mark | None:
    """Give the mark of our notices; None where no sender of them is set."""
    notices = settings.notices
    if notices.sender is None:
        return None
    return Mark(notices.sender, notices.key.get_secret_value().encode() if notices.key is not None else None)


def policy_of(settings: Settings) -> Policy:
    """Give the routing of the settings, for the sinks that are set up. Raises `Misconfigured` where it cannot be."""
    return Policy(settings.routing, ready(settings.sinks), settings.notices)


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
    return f" --store {shlex.quote(str(path if path is not None else settings.store))}"


def lease_of(settings: Settings, path: str | Path | None = None) -> Lease:
    """Give the committer's lease of the store that `store_of` opens."""
    container = container_of(settings, settings.storage.container) if path is None else None
    if container is not None:
        return BlobLease(container)
    return FileLease(Path(path if path is not None else settings.store))


def raw_mail_of(settings: Settings, folder: Path | None = None) -> RawMail | None:
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


def diagnose_bytes(content: bytes, name: str) -> bytes:
    """Give the contract's JSON lines for one upload, by the settings of the environment; nothing is kept."""
    parts = loaded_parts(load_settings())
    return b"".join(json_line(reading_json(read(item, parts))) + b"\n" for item in inputs_in(content, name))


def poll_mailbox() -> None:
    """Read the shared mailbox as the cloud's timer does: settings from the environment, what was done into the log.

    Without `mailbox.address` there is nothing to do. Raises as `read_mailbox` does.
    """
    settings = load_settings()
    if settings.mailbox.address is None:
        structlog.get_logger().info("mailbox_not_set")
        return
    polled = read_mailbox(settings)
    structlog.get_logger().info(
        "mailbox_polled",
        kept=polled.kept,
        known=polled.known,
        moved=polled.moved,
        left=polled.left,
        failed=polled.failed,
        restarted=polled.restarted,
        stopped=polled.stopped,
    )


def read_mailbox(settings: Settings, store: str | Path | None = None, *, again: bool = False) -> "Polled":
    """Read the shared mailbox into the inbox, for four minutes at most.

    Raises `Misconfigured` where no mailbox is set, and as `collect.mailbox.poll` does.
    """
    from triage.collect.mailbox import Folders, poll

    wanted = partial(is_wanted, parts=loaded_parts(settings))
    folders = Folders(settings.mailbox.folder, settings.mailbox.done_folder)
    with mailbox_of(settings, _own_address(settings)) as mailbox, store_of(settings, store) as documents:
        inbox, version = inbox_of(settings), triage.__version__
        return poll(mailbox, inbox, documents, wanted, now(), folders=folders, version=version, again=again)


def look_into_mailbox(settings: Settings, at_most: int) -> "Look":
    """Say what a reading of the mailbox would do; nothing is changed anywhere."""
    from triage.collect.mailbox_look import look

    with mailbox_of(settings, _own_address(settings)) as mailbox:
        kinds = partial(kind_of, parts=loaded_parts(settings))
        return look(mailbox, settings.mailbox.folder, settings.mailbox.done_folder, kinds, at_most)


def failed_messages(settings: Settings, store: str | Path | None = None) -> "list[Failure]":
    """Give the messages of the mailbox that could not be read, oldest first; none where there is no store."""
    from triage.collect.places import Failures

    try:
        documents = existing_store_of(settings, store)
    except NotFound:
        return []
    with documents:
        return sorted(Failures(documents), key=lambda one: (one.first, one.id))


def reaches_mailbox(settings: Settings, address: str) -> bool:
    """Tell whether our application gets into this mailbox. Raises `Misconfigured` where there is no such mailbox."""
    with mailbox_of(settings, address) as mailbox:
        return mailbox.can_be_read()


def _own_address(settings: Settings) -> str:
    if settings.mailbox.address is None:
        raise Misconfigured("No mailbox is set: name it in the setting mailbox.address.")
    return settings.mailbox.address


@contextmanager
def mailbox_of(settings: Settings, address: str) -> Iterator["GraphMailbox"]:
    """Open a mailbox in Graph for one run. Raises `Misconfigured` where Azure's packages or an identity are missing."""
    import httpx

    from triage.collect.graph import AT_ONCE, Graph
    from triage.collect.graph_mailbox import GraphMailbox

    base, loopback = settings.mailbox.graph_url, settings.mailbox.allow_loopback
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    with httpx.Client(limits=limits, follow_redirects=False, trust_env=not loopback) as client:
        deadline = time.monotonic() + POLL_SECONDS
        graph = Graph(client, _graph_token(base), base, deadline=deadline, loopback=loopback)
        yield GraphMailbox(graph, address)


def inbox_of(settings: Settings) -> "Inbox":
    """Give the inbox: the container of the storage account that the host's settings name, else the folder `inbox`."""
    from triage.collect.inbox import BlobInbox, FolderInbox

    container = container_of(settings, settings.storage.inbox)
    return FolderInbox(settings.inbox) if container is None else BlobInbox(container)


def _graph_token(base: str) -> Callable[[], str]:
    """Give what fetches a token for Graph: a fresh one each time, for it is asked again only when one was refused."""

    def token() -> str:
        parts = urlsplit(base)
        return entra_token(f"{parts.scheme}://{parts.netloc}/.default", "Microsoft Graph", "docs/mailbox.md")

    return token


def entra_token(scope: str, what: str = "this sink", page: str = "docs/tickets.md") -> str:
    """Give a token of Entra for a scope. Raises `Misconfigured` without an identity, `Transient` without an answer."""
    credential = _credential()  # a new one: those keep a token until it expires, also one that was refused
    from azure.core.exceptions import AzureError, ClientAuthenticationError

    try:
        return credential.get_token(scope).token
    except ClientAuthenticationError as error:
        raise Misconfigured(
            f"No identity gives a token for {what}. In Azure it is the app's managed identity; elsewhere name an app"
            f" registration (AZURE_TENANT_ID, AZURE_CLIENT_ID and a certificate): {page}."
        ) from error
    except AzureError as error:
        raise Transient(f"The identity service cannot be reached for now ({type(error).__name__}).") from error


def _credential() -> "TokenCredential":
    """Give the identity: the app's managed one in Azure, else what azure-identity finds on this machine."""
    try:
        from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
    except ModuleNotFoundError as error:
        raise Misconfigured(
            f"Azure's packages are not installed, and what shows an identity needs them: {INSTALL}."
        ) from error
    quiet()
    if "IDENTITY_ENDPOINT" in os.environ:
        names = ("AZURE_CLIENT_ID", f"{CONNECTION}__clientId")
        return ManagedIdentityCredential(
            client_id=next((os.environ[one] for one in names if os.environ.get(one)), None)
        )
    return DefaultAzureCredential(exclude_managed_identity_credential=True)


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


def send_notices(
    settings: Settings, documents: "Documents", incident_id: str | None = None, *, held_too: bool = False
) -> Relayed:
    """Tell the sinks of the settings what they are to be told now. Raises `Misconfigured` where a sink is wrong."""
    sinks = open_sinks(settings.sinks, entra_token)
    return relay(documents, loaded_parts(settings), sinks, now, incident_id, held_too=held_too)
