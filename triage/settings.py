"""Every setting, in one table: type, default and help. `docs/settings.md` is made from it.

Values come from the file that `--settings` names, else from `triage.toml` in the working folder; the environment
(`TRIAGE_…`, two underscores between a table and its key) has the last word, as a cloud platform gives it.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from triage.errors import Misconfigured, NotFound

DEFAULT_FILE = "triage.toml"


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


class NoticeSettings(BaseModel):
    """How notices of ours are known again when they come back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender: str | None = Field(
        None, description="The address from which our notices come; a bounce of one of them opens no incident."
    )
    key: SecretStr | None = Field(
        None, description="The key with which notices are marked, so that nobody can make up the mark. A secret."
    )


class Settings(BaseSettings):
    """All settings. Unknown names are an error, so that a misspelt one does not go unseen."""

    model_config = SettingsConfigDict(
        env_prefix="TRIAGE_", env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False
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
    notices: NoticeSettings = Field(NoticeSettings(), description="How notices of ours are known again.")

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
    try:
        return Settings(**values)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}" for one in error.errors())
        raise Misconfigured(f"Settings are wrong ({file if values else 'environment'}): {wrong}.") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"The settings file {file} cannot be read: {error}.") from error
    for name in ("rules", "runbooks", "store", "out", "inbox"):
        if isinstance(values.get(name), str):
            values[name] = os.path.join(file.parent, values[name])
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
    rows: list[Listed] = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            rows += [_listed(f"{name}.{inner}", one) for inner, one in field.annotation.model_fields.items()]
        else:
            rows.append(_listed(name, field))
    return rows


def _listed(name: str, field: FieldInfo) -> Listed:
    annotation = str(
        getattr(field.annotation, "__name__", field.annotation) if not get_args(field.annotation) else field.annotation
    )
    for module in ("typing.", "pathlib._local.", "pathlib.", "pydantic.types."):
        annotation = annotation.replace(module, "")
    default = field.default
    return Listed(
        name=name,
        environment="TRIAGE_" + name.upper().replace(".", "__"),
        kind=annotation,
        default="" if default is None else str(list(default) if isinstance(default, tuple) else default),
        help=field.description or "",
    )
