"""Every setting, in one table: type, default and help. `docs/settings.md` is made from it.

Values come from the file that `--settings` names, else from `triage.toml` in the working folder; the environment
(`TRIAGE_…`, two underscores between a table and its key) has the last word, as a cloud platform gives it.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from triage.errors import Misconfigured, NotFound

DEFAULT_FILE = "triage.toml"

ADDRESS_AND_PORT = r"^(?:[0-9A-Za-z._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}$"


class Ours(BaseModel):
    """What belongs to us: decides whose fault a fault is, and who has to act."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domains: tuple[str, ...] = Field((), description="Mail domains that are ours; hosts below them are ours too.")
    hosts: tuple[str, ...] = Field((), description="Servers of ours outside those domains, by name or address.")
    names: tuple[tuple[str, ...], ...] = Field(
        (), description="Names and addresses of one server, one list for each server, its main name first."
    )


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
    intake: IntakeSettings = Field(IntakeSettings(), description="How much is read here.")
    serve: Serve = Field(Serve(), description="The local host.")

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
    for name in ("rules", "runbooks", "store", "out"):
        if isinstance(values.get(name), str):
            values[name] = os.path.join(file.parent, values[name])
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
    for module in ("typing.", "pathlib._local.", "pathlib."):
        annotation = annotation.replace(module, "")
    default = field.default
    return Listed(
        name=name,
        environment="TRIAGE_" + name.upper().replace(".", "__"),
        kind=annotation,
        default="" if default is None else str(list(default) if isinstance(default, tuple) else default),
        help=field.description or "",
    )
