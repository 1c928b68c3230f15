"""`triage texts`: what each language has, what it lacks, and what a translator has to write."""

from typing import Annotated

import typer

from triage.cli.options import SettingsFile
from triage.cli.screen import say

app = typer.Typer(help="The texts of each language: what is missing, unknown or wrong.", no_args_is_help=True)

Which = Annotated[str | None, typer.Argument(metavar="LOCALE", help="The language, such as sk; else all of them.")]


@app.command("check")
def check(locale: Which = None, settings: SettingsFile = None) -> None:
    """Hold the texts of a language, and its steps of runbooks, against the English ones.

    Exit code 1 where something is missing, wrong, or translated from words that changed since.
    """
    from triage.diagnose.evidence import facts
    from triage.diagnose.rulebook import Rulebook, categories
    from triage.errors import NotFound
    from triage.mend import Shelf, Translation
    from triage.notify.phrases import locales, said
    from triage.notify.retold import problems as problems_of_said
    from triage.notify.texts_check import check as problems_of
    from triage.settings import load_settings

    if locale is not None and locale not in locales():
        raise NotFound(f"There are no texts for the locale {locale!r}; there are: {', '.join(locales())}.")
    checked = locales() if locale is None else [locale]
    site = load_settings(settings).runbooks
    shelf, found = Shelf.load(site), []
    evidence = frozenset(fact.text for fact in facts().values())
    checks = frozenset(one.next_check for one in categories().values())
    rule_checks = frozenset(rule.next_check for rule in Rulebook.load().rules if rule.next_check)
    for one in checked:
        found += [f"{one}: {problem}" for problem in problems_of(one)]
        found += [f"{one}: {problem}" for problem in problems_of_said(said(one), evidence, checks, rule_checks)]
        translation = Translation.load(one, site)
        found += [f"{one}: {problem}" for problem in (*translation.problems(shelf), *translation.lacks(shelf))]
    for problem in found:
        say(problem)
    if found:
        say(f"{len(found)} problems in the texts of {', '.join(checked)}.", error=True)
        raise typer.Exit(1)
    say(f"The texts of {', '.join(checked)} hold.")


@app.command("steps")
def steps(
    locale: Annotated[str, typer.Argument(metavar="LOCALE", help="The language, such as sk.")],
    runbook: Annotated[str, typer.Argument(metavar="RUNBOOK", help="The runbook, such as tls-version.")],
    settings: SettingsFile = None,
) -> None:
    """Print the steps of a runbook that a language lacks, in the form in which its file holds them."""
    from triage.errors import NotFound
    from triage.mend import Shelf, Translation
    from triage.mend.translation import digest, to_translate
    from triage.settings import load_settings

    site = load_settings(settings).runbooks
    shelf = Shelf.load(site)
    if runbook not in shelf.runbooks:
        raise NotFound(f"There is no runbook {runbook!r}; `triage runbooks list` names them.")
    found = shelf.runbooks[runbook]
    title = found.front.title
    say(f"+++\ntitle = '{title}'\nof = '{digest(title)}'\n+++\n")
    for entry in Translation.load(locale, site).missing(found):
        say(to_translate(entry))
