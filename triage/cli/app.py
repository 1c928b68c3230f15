"""All commands, in the order in which help shows them."""

from typing import Annotated

import typer

import triage
from triage.cli import (
    diagnose,
    fixture,
    incidents,
    letter,
    mailbox,
    notices,
    poison,
    probe,
    routes,
    rules,
    run,
    runbooks,
    serve,
    settings,
    silence,
    store,
    texts,
    unmatched,
    why,
)

app = typer.Typer(
    name="triage",
    help="Read bounces, say what is broken, whose it is and how to mend it: one ticket for each fault.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"triage {triage.__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Read bounces, say what is broken, whose it is and how to mend it: one ticket for each fault."""


app.command("run")(run.run)
app.command("serve")(serve.serve)
app.command("diagnose")(diagnose.diagnose)
app.command("why")(why.why)
app.command("incidents")(incidents.list_incidents)
app.command("show")(incidents.show)
app.command("ack")(incidents.ack)
app.command("resolve")(incidents.resolve)
app.command("silence")(silence.silence)
app.command("unsilence")(silence.unsilence)
app.command("silences")(silence.silences)
app.command("letter")(letter.letter)
app.command("note")(letter.note)
app.command("unmatched")(unmatched.unmatched)
app.command("fixture")(fixture.fixture)
app.command("probe")(probe.probe)
app.command("settings")(settings.settings)
app.add_typer(mailbox.app, name="mailbox")
app.add_typer(notices.app, name="notices")
app.add_typer(routes.app, name="routes")
app.add_typer(rules.app, name="rules")
app.add_typer(runbooks.app, name="runbooks")
app.add_typer(store.app, name="store")
app.add_typer(poison.app, name="poison")
app.add_typer(texts.app, name="texts")
