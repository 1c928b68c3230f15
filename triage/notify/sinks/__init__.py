"""Who can be told: one file and one row of this table for each sink, and its table in the settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from triage.errors import Misconfigured
from triage.notify.letter import Letter
from triage.notify.post import Line
from triage.notify.relay import Sink
from triage.notify.sinks import azure_devops, github, jira, mail, servicenow, teams, webhook
from triage.settings import Sinks


class Row(NamedTuple):
    """How a sink is made of the settings, and what it would send."""

    make: Callable[[Sinks, Line], Sink | None]
    message: Callable[[Letter], dict[str, Any]]


SINKS: dict[str, Row] = {
    "teams": Row(teams.make, teams.message),
    "webhook": Row(webhook.make, webhook.message),
    "servicenow": Row(servicenow.make, servicenow.message),
    "jira": Row(jira.make, jira.message),
    "azure_devops": Row(azure_devops.make, azure_devops.message),
    "github": Row(github.make, github.message),
    "mail": Row(mail.make, mail.message),
}


def open_sinks(settings: Sinks, token: Callable[[str], str] | None = None) -> dict[str, Sink]:
    """Give the sinks that are set up. Raises `Misconfigured` where one of them is wrong.

    `token` gives a token of Entra for a scope, to those that show one; it raises `Misconfigured` or `Transient`.
    """
    _check_certificates(settings.ca_file)
    line = Line(settings.proxy, settings.ca_file, settings.allow_loopback, token)
    made = {name: row.make(settings, line) for name, row in SINKS.items()}
    return {name: sink for name, sink in made.items() if sink is not None}


def _check_certificates(ca_file: Path | None) -> None:
    import ssl

    try:
        if ca_file is not None:
            ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:  # of which errors in certificates are a kind
        raise Misconfigured(f"The file of sinks.ca_file cannot be read: {error}.") from error


def ready(settings: Sinks) -> frozenset[str]:
    """Name the sinks that are set up, without looking whether they are right."""
    return frozenset(name for name in SINKS if getattr(settings, name).is_set)
