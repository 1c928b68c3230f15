"""`triage texts`: what each language has, and what it lacks."""

from typing import Annotated

import typer

from triage.cli.screen import proved

app = typer.Typer(help="The texts of each language: what is missing, unknown or wrong.", no_args_is_help=True)

Which = Annotated[str | None, typer.Argument(metavar="LOCALE", help="The language, such as sk; else all of them.")]


@app.callback()
def texts() -> None:
    """Let the group have one command."""


@app.command("check")
def check(locale: Which = None) -> None:
    """Hold the texts of a language against the English ones. Exit code 1 where something is missing or wrong."""
    from triage.errors import NotFound
    from triage.notify.phrases import locales
    from triage.notify.texts_check import check as problems_of

    if locale is not None and locale not in locales():
        raise NotFound(f"There are no texts for the locale {locale!r}; there are: {', '.join(locales())}.")
    checked = locales() if locale is None else [locale]
    proved([f"{one}: {problem}" for one in checked for problem in problems_of(one)], len(checked), "languages")
