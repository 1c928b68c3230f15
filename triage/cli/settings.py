"""`triage settings`: the table of settings."""

from typing import Annotated

import typer

from triage.cli.screen import say, table


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/settings.md.")] = False,
) -> None:
    """List every setting with its type, default and meaning."""
    from triage.settings import listed_settings

    rows = [(one.name, one.environment, one.kind, one.default, one.help) for one in listed_settings()]
    headings = ("setting", "environment", "type", "default", "meaning")
    if not markdown:
        table(headings, rows, wide=4)
        return
    say("# Settings\n")
    say("Written by `triage settings --markdown`. Values come from the file that `--settings` names, else from")
    say("`triage.toml` in the working folder; the environment has the last word. Lists are JSON in the environment:")
    say("`TRIAGE_OURS__DOMAINS='[\"contoso.example\"]'`.\n")
    for row in [headings, tuple("---" for _ in headings), *rows]:
        say("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
