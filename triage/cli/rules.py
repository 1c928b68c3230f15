"""`triage rules`: what is known of failure texts."""

from pathlib import Path
from typing import Annotated

import typer

from triage.cli.options import SettingsFile, Store
from triage.cli.screen import proved, say, table
from triage.cli.unmatched import Given, read_all

app = typer.Typer(help="The rules: what they say, and whether they hold.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option("--rules", metavar="DIR", help="A folder with rules of your own; else the setting `rules`."),
]


@app.command("list")
def list_rules(
    category: Annotated[str | None, typer.Option("--category", help="Only rules of this category.")] = None,
    categories: Annotated[bool, typer.Option("--categories", help="List the categories instead.")] = False,
    rules: Folder = None,
    settings: SettingsFile = None,
) -> None:
    """List the rules in the order in which they are tried: the first that matches decides."""
    from triage.diagnose import Rulebook
    from triage.diagnose.rulebook import categories as known_categories
    from triage.settings import load_settings

    if categories:
        rows = [(name, one.family, one.title) for name, one in known_categories().items()]
        table(("category", "family", "what it means"), rows, wide=2)
        return
    book = Rulebook.load(rules or load_settings(settings).rules)
    chosen = [rule for rule in book.rules if category in (None, rule.category)]
    table(("rule", "category", "sure", "title"), [(r.id, r.category, r.confidence, r.title) for r in chosen], wide=3)


@app.command("check")
def check(rules: Folder = None, settings: SettingsFile = None) -> None:
    """Prove every rule: its samples match and win, its not-samples do not. Exit code 1 where one does not hold."""
    from triage.diagnose import Rulebook
    from triage.mend import Shelf
    from triage.settings import load_settings

    values = load_settings(settings)
    book = Rulebook.load(rules or values.rules)
    problems = book.check(set(Shelf.load(values.runbooks).runbooks))
    proved(problems, len(book.rules), "rules")


@app.command("coverage")
def show_coverage(
    paths: Given = None,
    store: Store = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with every rule.")] = False,
    rules: Folder = None,
    settings: SettingsFile = None,
) -> None:
    """Show which rules these messages exercise: those that win, those that another always beats, those never tried."""
    from triage.curate import coverage
    from triage.diagnose import Rulebook
    from triage.settings import load_settings
    from triage.wiring import knowledge_of

    values = load_settings(settings)
    book = Rulebook.load(rules or values.rules)
    found = coverage(read_all(paths, values, store), book, knowledge_of(values).hosts)
    if as_json:
        import msgspec

        every = [{**msgspec.to_builtins(one), "state": one.state} for one in found.rules]
        say(msgspec.json.encode({"failures": found.failures, "unmatched": found.unmatched, "rules": every}).decode())
        return
    order = {"always beaten": 0, "wins": 1, "not exercised": 2}
    ranked = sorted(found.rules, key=lambda one: (order[one.state], -one.wins, one.rule))
    rows = [
        (one.rule, one.state, str(one.wins), str(one.matches), ", ".join(list(one.beaten_by)[:3])) for one in ranked
    ]
    table(("rule", "state", "wins", "matches", "beaten by"), rows, wide=4)
    used = sum(one.wins > 0 for one in found.rules)
    say(f"{used} of {len(found.rules)} rules won; {found.unmatched} of {found.failures} failures matched none.")
