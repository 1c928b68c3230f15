"""`triage poison`: what the Functions app gave up on."""

from typing import Annotated, Literal

import typer

from triage.cli.screen import say, table

app = typer.Typer(help="Messages that the Functions app gave up on after five tries.", no_args_is_help=True)

QueueName = Literal["inputs", "notices"]
Queue = Annotated[QueueName, typer.Option("--queue", metavar="NAME", help="inputs or notices.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Ids from `triage poison list`.")]
All = Annotated[bool, typer.Option("--all", help="Every message of the queue.")]

HEADINGS = ("queue", "id", "given up (UTC)", "looked at", "about")


@app.command("list")
def list_messages() -> None:
    """List the oldest messages of both poison queues, with what each is about.

    The storage account is the environment's `TriageStorage`, as in the app's settings.
    """
    from triage.cloud.poison import QUEUES, poisoned
    from triage.cloud.storage import storage_of

    storage = storage_of()
    rows: list[tuple[str, ...]] = []
    left_out = 0
    for queue in QUEUES:
        shown, count = poisoned(storage, queue)
        rows += [(one.queue, one.id, one.at, str(one.tries), one.about) for one in shown]
        left_out += max(count - len(shown), 0)
    if not rows:
        say("No message was given up on.")
        return
    table(HEADINGS, rows, wide=4)
    if left_out:
        say(f"{left_out} more are not shown.", error=True)


@app.command("replay")
def replay(ids: Ids = None, queue: Queue = "inputs", every: All = False) -> None:
    """Put messages back, to be tried again: mend first what made them fail."""
    from triage.cloud.poison import replay as put_back
    from triage.cloud.storage import storage_of

    chosen = _chosen(ids, every)
    say(f"{put_back(storage_of(), queue, chosen)} messages are back in {queue}.")


@app.command("drop")
def drop(ids: Ids = None, queue: Queue = "inputs", every: All = False) -> None:
    """Take messages away for good. The inputs themselves stay in the inbox."""
    from triage.cloud.poison import drop as take_away
    from triage.cloud.storage import storage_of

    chosen = _chosen(ids, every)
    say(f"{take_away(storage_of(), queue, chosen)} messages are dropped.")


def _chosen(ids: list[str] | None, every: bool) -> list[str]:
    if bool(ids) == every:
        raise typer.BadParameter("Name messages by their ids, or say --all.")
    return ids or []
