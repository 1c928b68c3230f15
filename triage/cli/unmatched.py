"""`triage unmatched`: the replies that no rule matches, and a draft of a rule for each shape of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triage.cli.options import SettingsFile, Store
from triage.cli.screen import say, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from triage.curate.unmatched import Unmatched
    from triage.model import Reading
    from triage.settings import Settings

MAX_SHOWN = 50
Given = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH…]", help="Messages, logs and exports; without any, what the store holds."),
]


def unmatched(
    paths: Given = None,
    store: Store = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a shape, each with its draft.")
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write", metavar="FILE", help="Add the drafts to this file of rules, as comments: none is active."
        ),
    ] = None,
    settings: SettingsFile = None,
) -> None:
    """Show the replies that no rule matches, those of one shape together, the most frequent first, with drafts of rules.

    Hosts, addresses, numbers, ids and times are masked, and drafts hold example names alone. A person decides: a draft says
    no category that the status code does not say, and `triage rules check` refuses one that is left open.
    """
    from triage.curate.unmatched import unmatched as gathered
    from triage.settings import load_settings
    from triage.wiring import knowledge_of

    values = load_settings(settings)
    knowledge = knowledge_of(values)
    found = gathered(read_all(paths, values, store), knowledge.rulebook, knowledge.hosts)
    drafts = _drafts(found)
    if as_json:
        import msgspec

        for cluster, drafted in zip(found.clusters, drafts, strict=True):
            say(msgspec.json.encode({**msgspec.to_builtins(cluster), "draft": drafted}).decode())
    else:
        rows = [(str(one.count), str(one.reply_code or ""), one.status or "", one.mask) for one in found.clusters]
        table(("read", "code", "status", "what stays the same"), rows[:MAX_SHOWN], wide=3)
        for drafted in drafts[:MAX_SHOWN]:
            say()
            say(drafted.rstrip())
        say()
        _sum_up(found)
    if write is not None and drafts:
        with write.open("a", encoding="utf-8") as out:
            out.write(
                "\n".join(
                    [
                        "",
                        "# Drafts of rules for texts that none matches. Finish one, then take the marks away.",
                        *drafts,
                    ]
                )
            )
        say(f"{len(drafts)} drafts added to {write}, as comments.", error=True)


def _drafts(found: "Unmatched") -> list[str]:
    from triage.curate.propose import draft
    from triage.wiring import now

    return [draft(cluster, now()[:10]) for cluster in found.clusters]


def _sum_up(found: "Unmatched") -> None:
    read = sum(one.count for one in found.clusters) + found.without_text + found.rest
    say(f"{read} of {found.failures} failures match no rule, in {len(found.clusters)} shapes.")
    if found.without_text:
        say(f"{found.without_text} of them have no text to go by.")
    if found.rest:
        say(f"{found.rest} came after more shapes than are kept apart.")


def read_all(paths: list[str] | None, values: "Settings", store: Path | None) -> "Iterator[Reading]":
    """Give the readings of what a person named, or those of the store."""
    if paths:
        from contextlib import nullcontext

        from triage.collect.files import measure
        from triage.intake import Work, inputs, readings
        from triage.wiring import crew_of, knowledge_of

        with crew_of(values, measure(paths)) or nullcontext() as crew:
            for _, reading in readings(map(Work, inputs(paths)), knowledge_of(values), crew):
                yield reading
        return
    from triage.curate.unmatched import stored_readings
    from triage.wiring import existing_store_of

    with existing_store_of(values, store) as documents:
        yield from stored_readings(documents)
