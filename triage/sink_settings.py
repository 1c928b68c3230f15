"""The settings of the sinks, a table for each: what `triage.settings` puts under `sinks`.

A table says by `is_set` whether its sink is on. Secrets come from the environment alone.
"""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class SinkTable(BaseModel):
    """The settings of one sink. `needs` names those without which it cannot work: the first one turns it on."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    needs: ClassVar[tuple[str, ...]]

    @property
    def is_set(self) -> bool:
        """Tell whether this sink is set up."""
        return getattr(self, self.needs[0]) is not None


class TeamsSettings(SinkTable):
    """A channel of Teams, reached by a workflow that takes a webhook request."""

    needs = ("url",)

    url: SecretStr | None = Field(None, description="The address of the workflow; who has it can post. A secret.")
    auth: Literal["anyone", "entra"] = Field(
        "anyone",
        description='Whom the workflow takes: anyone with its address, or ("entra") who shows a token of the tenant.',
    )
    audience: str = Field(
        "https://service.flow.microsoft.com/", description="For whom that token is; a sovereign cloud has its own."
    )
    hosts: tuple[str, ...] = Field(
        (".environment.api.powerplatform.com", ".logic.azure.com"),
        description="Ends of host names at which workflows are served; a sovereign cloud has its own.",
    )


class WebhookSettings(SinkTable):
    """Any program that takes signed requests by the Standard Webhooks specification."""

    needs = ("url", "hosts", "secret")

    url: SecretStr | None = Field(None, description="Where changes are posted to. A secret.")
    hosts: tuple[str, ...] = Field(
        (), description="The hosts that it may name, exactly, with `:port` where that is not 443."
    )
    secret: SecretStr | None = Field(None, description="The key that signs, `whsec_` and base64. A secret.")
    previous_secret: SecretStr | None = Field(
        None, description="The key before it: both sign while receivers change over. A secret."
    )
    auth: Literal["none", "entra"] = Field(
        "none", description='"entra": show a token of Entra too, as the app\'s managed identity.'
    )
    audience: str | None = Field(None, description="For whom that token is: the receiver's application id URI.")


_FIELDS = "More fields of a new ticket, each `name=value`"


class ServiceNowSettings(SinkTable):
    """Incidents in ServiceNow, by its Table API."""

    needs = ("url", "password or api_key")

    url: str | None = Field(None, description="The instance, `https://NAME.service-now.com`; with it the sink is on.")
    hosts: tuple[str, ...] = Field((".service-now.com",), description="Hosts, or ends of names, that it may be at.")
    user: str | None = Field(None, description="The user whose password is used; without one `api_key` is.")
    password: SecretStr | None = Field(None, description="The password of that user. A secret.")
    api_key: SecretStr | None = Field(
        None, description="A key of the instance's REST API, in place of a user. A secret."
    )
    table: str = Field("incident", pattern=r"^[a-z][a-z0-9_]{0,79}$", description="The table of the tickets.")
    fields: tuple[str, ...] = Field((), description=f"{_FIELDS}, such as `assignment_group=` and its sys_id.")
    close_state: str = Field("6", pattern=r"^-?[0-9]{1,4}$", description="The state of a ticket that we close.")
    open_state: str = Field("2", pattern=r"^-?[0-9]{1,4}$", description="The state of a ticket that we open again.")
    done_states: tuple[str, ...] = Field(("6", "7", "8"), description="States in which a ticket is finished.")
    close_code: str = Field("Solution provided", description="The resolution code of a ticket that we close.")
    text_limit: int = Field(
        32_000,
        ge=4_000,
        le=1_000_000,
        description="Characters of a description or a work note. What is longer goes on in work notes: 4000 where a rule "
        "of the instance enforces the length that its dictionary names.",
    )


class JiraSettings(SinkTable):
    """Issues in Jira Cloud."""

    needs = ("url", "user", "token", "project")

    url: str | None = Field(None, description="The site, `https://NAME.atlassian.net`; with it the sink is on.")
    hosts: tuple[str, ...] = Field(
        (".atlassian.net", "api.atlassian.com"), description="Hosts, or ends of names, that it may be at."
    )
    user: str | None = Field(None, description="The address of the account whose API token is used.")
    token: SecretStr | None = Field(None, description="The API token of that account. A secret.")
    project: str = Field("", pattern=r"^$|^[A-Z][A-Z0-9_]{1,254}$", description="The key of the project.")
    issue_type: str = Field("Task", description="The type of a new issue, by its name.")
    fields: tuple[str, ...] = Field((), description=f"{_FIELDS}; a value may be JSON.")
    close_transition: str | None = Field(
        None, description="The transition that closes an issue, by its name; else the first one to a done status."
    )
    open_transition: str | None = Field(
        None, description="The transition that opens it again, by its name; else the first one to a status not done."
    )


class AzureDevOpsSettings(SinkTable):
    """Work items in Azure Boards."""

    needs = ("url", "project")

    url: str | None = Field(None, description="The organization, `https://dev.azure.com/NAME`; with it the sink is on.")
    hosts: tuple[str, ...] = Field(
        ("dev.azure.com", ".visualstudio.com"), description="Hosts, or ends of names, that it may be at."
    )
    token: SecretStr | None = Field(
        None, description="A personal access token; without one the app's managed identity is used. A secret."
    )
    project: str = Field("", description="The project.")
    type: str = Field("Issue", pattern=r"^[^/\\?#$&%]{1,128}$", description="The type of a new work item.")
    body_field: str | None = Field(
        None, description="The field of the text; else ReproSteps of a Bug, Description of any other."
    )
    fields: tuple[str, ...] = Field((), description=f"{_FIELDS}, such as `System.AreaPath=Mail`.")
    close_state: str | None = Field(
        None, description="The state of an item that we close; else the first completed one."
    )
    open_state: str | None = Field(
        None, description="The state of one that we open again; else the first proposed one."
    )


class GitHubSettings(SinkTable):
    """Issues on GitHub."""

    needs = ("repository", "token")

    repository: str | None = Field(
        None, pattern=r"^[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}$", description="`owner/name`; with it the sink is on."
    )
    url: str = Field("https://api.github.com", description="The API; GitHub Enterprise has one of its own.")
    hosts: tuple[str, ...] = Field(("api.github.com", ".ghe.com"), description="Hosts, or ends of names, it may be at.")
    token: SecretStr | None = Field(None, description="A token that may write issues there. A secret.")
    labels: tuple[str, ...] = Field(("bounce-triage",), description="Labels of a new issue, besides its own.")


class MailSettings(SinkTable):
    """Mail by SMTP, through a server that relays for us."""

    needs = ("host", "to")

    host: str | None = Field(
        None, pattern=r"^[0-9A-Za-z.:-]{1,253}$", description="The server that relays for us; with it the sink is on."
    )
    port: int = Field(587, ge=1, le=65535, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="TLS, verified: asked for with STARTTLS, from the first byte, or none."
    )
    user: str | None = Field(None, description="Who logs in there; without one nobody does.")
    password: SecretStr | None = Field(None, description="The password. A secret.")
    to: tuple[str, ...] = Field((), description="Who gets the mail.")
    envelope_sender: str = Field(
        "", description="Where bounces of our mail go (MAIL FROM); empty: nowhere, so that none can loop."
    )
    attach_affected: bool = Field(True, description="Attach the list of affected mail, as CSV.")


class Sinks(BaseModel):
    """Who is told of changes, and how they are reached. A sink without an address is not set up."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    teams: TeamsSettings = Field(TeamsSettings(), description="A channel of Teams.")
    webhook: WebhookSettings = Field(WebhookSettings(), description="A signed webhook.")
    servicenow: ServiceNowSettings = Field(ServiceNowSettings(), description="Incidents in ServiceNow.")
    jira: JiraSettings = Field(JiraSettings(), description="Issues in Jira Cloud.")
    azure_devops: AzureDevOpsSettings = Field(AzureDevOpsSettings(), description="Work items in Azure Boards.")
    github: GitHubSettings = Field(GitHubSettings(), description="Issues on GitHub.")
    mail: MailSettings = Field(MailSettings(), description="Mail by SMTP.")
    proxy: SecretStr | None = Field(
        None, description="The proxy to use, `http://host:port`; the machine's are not. A secret."
    )
    ca_file: Path | None = Field(None, description="Certificates (PEM) to trust instead of the public ones.")
    allow_loopback: bool = Field(
        False, description="Send to this machine, without TLS too: for trials and tests alone."
    )


def variables(sink: str) -> list[str]:
    """Name the variables of the environment that set a sink up; `A or B` where one of two is enough."""
    table: SinkTable = Sinks.model_fields[sink].default
    return [" or ".join(f"TRIAGE_SINKS__{sink}__{one}".upper() for one in need.split(" or ")) for need in table.needs]
