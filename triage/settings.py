"""Every setting, in one table: type, default and help. `docs/settings.md` is made from it.

Values come from the file that `--settings` names, else from `triage.toml` in the working folder; the environment
(`TRIAGE_…`, two underscores between a table and its key) has the last word, as a cloud platform gives it. Secrets
come from the environment alone: a settings file that holds one is refused.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from triage.errors import Misconfigured, NotFound, mistake
from triage.routing import NoticeSettings, Route
from triage.sink_settings import Sinks, TeamsSettings, WebhookSettings

__all__ = ["Sinks", "TeamsSettings", "WebhookSettings"]

DEFAULT_FILE = "triage.toml"

Days = Annotated[int, Field(ge=1)] | Literal["forever"]
_CONTAINER = r"^[a-z0-9](-?[a-z0-9]){2,62}$"


def _table(field: FieldInfo) -> type[BaseModel] | None:
    """Give the class of a setting that is a table of settings."""
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


ADDRESS_AND_PORT = r"^(?:[0-9A-Za-z._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}$"


class Ours(BaseModel):
    """What belongs to us: decides whose fault a fault is, and who has to act."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domains: tuple[str, ...] = Field((), description="Mail domains that are ours; hosts below them are ours too.")
    hosts: tuple[str, ...] = Field((), description="Servers of ours outside those domains, by name or address.")
    names: tuple[tuple[str, ...], ...] = Field(
        (), description="Names and addresses of one server, one list for each server, its main name first."
    )


class MailboxSettings(BaseModel):
    """The shared mailbox that is read by Microsoft Graph."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str | None = Field(None, description="The shared mailbox that is read; without one none is.")
    folder: str = Field("inbox", description="The folder that is read: a well-known name of Graph's, or a folder's id.")
    done_folder: str = Field(
        "Done", description="The folder at the top of the mailbox to which reports are moved; made where it is missing."
    )
    graph_url: str = Field(
        "https://graph.microsoft.com/v1.0", description="Microsoft Graph; national clouds have addresses of their own."
    )
    allow_loopback: bool = Field(
        False, description="Take a Graph on this machine, without TLS too: for trials and tests alone."
    )


class Storage(BaseModel):
    """Where incidents are kept in the cloud; without an account they are in the file `store`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    blob_url: str | None = Field(
        None,
        description="Address of the storage account that keeps incidents and raw mail (https://NAME.blob.core.windows.net);"
        " else the variables of the connection TriageStorage say it, else there is none.",
    )
    container: str = Field("store", pattern=_CONTAINER, description="The container with the documents.")
    inbox: str = Field("inbox", pattern=_CONTAINER, description="The container with the raw mail: the journal.")


class Retention(BaseModel):
    """How long things are kept. Each is removed by `triage store retain`, in the cloud by a timer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    raw_days: Days = Field(
        90, description='Days that raw mail is kept: in the inbox, and bytes that came through a pipe. Or "forever".'
    )
    readings_days: Days = Field(
        180,
        description='Days that what was read in a message is kept, with addresses and subjects. Counts stay. Or "forever".',
    )
    incidents_days: Days = Field(
        730, description='Days that an incident is kept after it was resolved; an open one stays. Or "forever".'
    )

    @model_validator(mode="after")
    def _readings_go_first(self) -> Self:
        # An incident that went before its readings would come back as a difference in every audit.
        longest = float("inf")
        readings, incidents = (
            longest if days == "forever" else days for days in (self.readings_days, self.incidents_days)
        )
        if readings > incidents:
            raise ValueError("readings_days must not be longer than incidents_days")
        return self


class IntakeSettings(BaseModel):
    """How much is read here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    largest_mb: int = Field(
        2048,
        ge=1,
        le=4096,
        description="The largest input that the Functions app reads, in MB; for a larger one it says how to do it.",
    )


class Serve(BaseModel):
    """The local host, `triage serve`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(
        Path("inbox"), description="The folder whose files are read as they come; forwarded mail is kept in it too."
    )
    smtp: str = Field(
        "127.0.0.1:2525",
        pattern="^$|" + ADDRESS_AND_PORT,
        description="Where forwarded mail is taken by SMTP, as address:port; empty: nowhere. Port 0: any free one.",
    )
    recipients: tuple[str, ...] = Field(
        ("bounces@localhost",),
        description="Whose mail is taken by SMTP: addresses, or @domain for all of a domain. Any other is refused.",
    )
    settle_seconds: float = Field(
        2, ge=0.1, le=3600, description="A file is taken once its size and time have not changed for so long."
    )
    http: str = Field(
        "127.0.0.1:7071",
        pattern=ADDRESS_AND_PORT,
        description="With --azurite: where the HTTP functions are served, as address:port.",
    )


class LifecycleSettings(BaseModel):
    """What time alone does to incidents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    acknowledge_hours: int = Field(
        72, ge=1, le=2160, description="Hours that an acknowledgement holds, if nobody says."
    )
    quiet_hours: int = Field(
        24, ge=1, description="Hours without news after which a fault of sessions or routing counts as quiet."
    )
    quiet_recipient_hours: int = Field(72, ge=1, description="The same for recipients, content and policies.")
    close_recipient_days: Days = Field(
        30, description='Days without news after which those are closed, without any proof. Or "forever": never.'
    )


class Settings(BaseSettings):
    """All settings. Unknown names are an error, so that a misspelt one does not go unseen."""

    model_config = SettingsConfigDict(
        env_prefix="TRIAGE_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        case_sensitive=False,
        hide_input_in_errors=True,  # an error must not print a secret
    )

    ours: Ours = Field(Ours(), description="What belongs to us.")
    authserv_id: str | None = Field(
        None, description="The authserv-id of our own mail server, whose Authentication-Results (RFC 8601) we trust."
    )
    locale: str = Field("en", description="The language of cards and tickets: a folder of texts.")
    redact: Literal["nothing", "cards", "all"] = Field(
        "cards", description="Where recipients' addresses and subjects are redacted: nowhere, in cards, everywhere."
    )
    rules: Path | None = Field(None, description="A folder with rules of your own (*.toml), read before ours.")
    runbooks: Path | None = Field(None, description="A folder with runbooks of your own (*.md), read before ours.")
    out: Path | None = Field(None, description="The folder for tickets and cards, where no command line names one.")
    store: Path = Field(Path("triage.sqlite"), description="The file in which incidents are kept.")
    inbox: Path = Field(
        Path("inbox"), description="The folder in which raw inputs are kept, where no storage account does it."
    )
    mailbox: MailboxSettings = Field(MailboxSettings(), description="The shared mailbox that is read.")
    notices: NoticeSettings = Field(NoticeSettings(), description="When people are told, and the mark of our notices.")
    sinks: Sinks = Field(Sinks(), description="Who is told of changes.")
    routing: tuple[Route, ...] = Field(
        (),
        description="Who is told of which incidents, and when: the first row that fits decides; ours come after them.",
    )
    storage: Storage = Field(Storage(), description="Where incidents are kept in the cloud.")
    retention: Retention = Field(Retention(), description="How long things are kept.")
    intake: IntakeSettings = Field(IntakeSettings(), description="How much is read here.")
    serve: Serve = Field(Serve(), description="The local host.")
    lifecycle: LifecycleSettings = Field(LifecycleSettings(), description="What time alone does to incidents.")

    @model_validator(mode="after")
    def _mail_has_a_sender(self) -> Self:
        # Without one our notices would not be known again, and their bounces would open incidents.
        if self.sinks.mail.is_set and self.notices.sender is None:
            raise ValueError("sinks.mail.host is set, so notices.sender must be: the address that our mail comes from")
        return self

    @model_validator(mode="after")
    def _sinks_are_known(self) -> Self:
        known = [name for name, field in Sinks.model_fields.items() if _table(field)]
        named = {name for row in self.routing for name in row.sinks} | {one.sink for one in self.notices.ceilings}
        named |= set(self.notices.programs)
        if unknown := sorted(named - set(known)):
            raise ValueError(f"there is no sink {', '.join(unknown)}; there are: {', '.join(known)}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment overrule what the file says; no other source counts."""
        return env_settings, init_settings


def load_settings(path: str | Path | None = None) -> Settings:
    """Read the settings from `path`, else from `triage.toml` here if there is one, and from the environment.

    Relative folders and the store in a file are taken from the file's own folder. Raises `NotFound` for a named
    file that is not there, `Misconfigured` with the name of each wrong setting.
    """
    file = Path(path) if path is not None else Path(DEFAULT_FILE)
    if path is not None and not file.is_file():
        raise NotFound(f"There is no settings file {file}.")
    values = _read(file) if file.is_file() else {}
    if secret := _first_secret(values, Settings.model_fields):
        raise Misconfigured(
            f"{secret} is a secret and stands in {file}. Set it as {_environment(secret)} in the environment (in Azure a"
            " reference to Key Vault), take it out of the file, and change it where others could read it."
        )
    try:
        return Settings(**values)
    except SettingsError as error:
        raise Misconfigured(f"The environment is wrong: {error}. Lists and tables are JSON there.") from None
    except ValidationError as error:
        found: dict[str, list[str]] = {}
        for one in error.errors():
            name, words = _mistake(one["type"], one["msg"], one["loc"])
            found.setdefault(name, []).append(words)
        wrong = "; ".join(f"{_where(name)}: {', or '.join(dict.fromkeys(words))}" for name, words in found.items())
        raise Misconfigured(f"Settings are wrong ({file if values else 'environment'}): {wrong}.") from None


def _mistake(kind: str, message: str, place: tuple[int | str, ...]) -> tuple[str, str]:
    """Give the name of a wrong setting, and what is wrong with it; its meaning where the form is not kept."""
    fields, field = Settings.model_fields, None
    names: list[str] = []
    for part in map(str, place):
        field = fields.get(part)
        names.append(part)
        table = _table(field) if field is not None else None
        if table is None:
            break
        fields = table.model_fields
    rest = place[len(names) :]
    if rest and isinstance(rest[0], int):  # a row of a list, and what is wrong in it
        names += map(str, rest)
        field = None
    words = mistake(kind, message, names[-1] if names else "", fields if field is None and not rest else ())
    if kind == "extra_forbidden" and len(names) == 2 and names[1] in Settings.model_fields:
        words = f"it stands below [{names[0]}] and belongs above the first table of the file"
    if field is not None and field.description and kind == "string_pattern_mismatch":
        words += f" ({field.description.rstrip('.')})"
    return ".".join(names) or "settings", words


def _where(name: str) -> str:
    """Give a setting's name, with the variable that says it where the environment does."""
    variable = _environment(name)
    return f"{name} (in the environment, {variable})" if variable in os.environ else name


def _first_secret(values: dict[str, Any], fields: dict[str, FieldInfo]) -> str | None:
    """Name the first secret that a settings file holds."""
    for name, field in fields.items():
        value = values.get(name)
        if value is not None and SecretStr in (field.annotation, *get_args(field.annotation)):
            return name
        if isinstance(value, dict) and (table := _table(field)):
            inner = _first_secret(value, table.model_fields)
            if inner:
                return f"{name}.{inner}"
    return None


def _environment(name: str) -> str:
    return "TRIAGE_" + name.upper().replace(".", "__")


def _read(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"The settings file {file} cannot be read: {error}.") from error
    for name in ("rules", "runbooks", "store", "out", "inbox"):
        if isinstance(values.get(name), str):
            values[name] = os.path.join(file.parent, values[name])
    sinks = values.get("sinks")
    if isinstance(sinks, dict) and isinstance(sinks.get("ca_file"), str):
        sinks["ca_file"] = os.path.join(file.parent, sinks["ca_file"])
    serve = values.get("serve")
    if isinstance(serve, dict) and isinstance(serve.get("folder"), str):
        serve["folder"] = os.path.join(file.parent, serve["folder"])
    return values


class Listed(BaseModel):
    """One setting as the documentation shows it."""

    name: str
    environment: str
    kind: str
    default: str
    help: str


def listed_settings() -> list[Listed]:
    """Give every setting with its name in a file and in the environment, its type, its default and its help."""
    return _listed_fields(Settings.model_fields)


def _listed_fields(fields: dict[str, FieldInfo], prefix: str = "") -> list[Listed]:
    rows: list[Listed] = []
    for name, field in fields.items():
        table = _table(field)
        if table is not None:
            rows += _listed_fields(table.model_fields, f"{prefix}{name}.")
        else:
            rows.append(_listed(f"{prefix}{name}", field))
    return rows


def _listed(name: str, field: FieldInfo) -> Listed:
    annotation = str(
        getattr(field.annotation, "__name__", field.annotation) if not get_args(field.annotation) else field.annotation
    )
    annotation = annotation.replace(str(Days), "int | 'forever'")
    for module in (
        "typing.",
        "pathlib._local.",
        "pathlib.",
        "pydantic.types.",
        "triage.settings.",
        "triage.sink_settings.",
        "triage.routing.",
    ):
        annotation = annotation.replace(module, "")
    return Listed(
        name=name,
        environment=_environment(name),
        kind=annotation,
        default=_shown(field.default),
        help=field.description or "",
    )


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        shown = [one.model_dump_json() if isinstance(one, BaseModel) else repr(one) for one in default]
        return f"[{', '.join(shown)}]"
    return "" if default is None else str(default)
