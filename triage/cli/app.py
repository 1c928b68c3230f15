"""All commands, in the order in which help shows them."""

from collections.abc import Callable
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

EXAMPLES = {
    "run": "triage run ~/bounces queues.txt SmtpSend --out out",
    "serve": "triage serve --folder inbox --out out",
    "diagnose": "triage diagnose --suspects SEND2026102009-1.LOG",
    "why": "triage why bounce.eml",
    "show": "triage show KV5G",
    "ack": "triage ack KV5G --for 8h",
    "resolve": "triage resolve KV5G --reason 'Exchange updated'",
    "silence": "triage silence KV5G --for 2d --reason 'change window'",
    "letter": "triage letter NYTB --out letter.txt",
    "note": "triage note KV5G --recipient anna.berg@fabrikam.example",
    "unmatched": "triage unmatched ~/bounces --write rules/ours.toml",
    "fixture": "triage fixture private.eml --out test.eml",
    "probe": "triage probe mx1.northwind.example --for NYTB",
}
"""One line that can be typed, for each command that people begin with; help shows it below the options."""


def _command(name: str, function: Callable[..., None]) -> None:
    app.command(name, epilog=f"Example: {EXAMPLES[name]}" if name in EXAMPLES else None)(function)


app = typer.Typer(
    name="triage",
    epilog="Begin with `triage run FOLDER --out out`, then `triage incidents` and `triage show ID`.",
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


_command("run", run.run)
_command("serve", serve.serve)
_command("diagnose", diagnose.diagnose)
_command("why", why.why)
_command("incidents", incidents.list_incidents)
_command("show", incidents.show)
_command("ack", incidents.ack)
_command("resolve", incidents.resolve)
_command("silence", silence.silence)
_command("unsilence", silence.unsilence)
_command("silences", silence.silences)
_command("letter", letter.letter)
_command("note", letter.note)
_command("unmatched", unmatched.unmatched)
_command("fixture", fixture.fixture)
_command("probe", probe.probe)
_command("settings", settings.settings)
app.add_typer(mailbox.app, name="mailbox")
app.add_typer(notices.app, name="notices")
app.add_typer(routes.app, name="routes")
app.add_typer(rules.app, name="rules")
app.add_typer(runbooks.app, name="runbooks")
app.add_typer(store.app, name="store")
app.add_typer(poison.app, name="poison")
app.add_typer(texts.app, name="texts")
