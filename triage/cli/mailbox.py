"""`triage mailbox …`: the shared mailbox that is read by Microsoft Graph."""

from typing import Annotated

import typer

from triage.cli.options import SettingsFile, Store
from triage.cli.screen import say, table

app = typer.Typer(name="mailbox", help="Read a shared mailbox by Microsoft Graph.", no_args_is_help=True)


@app.command("poll")
def poll(
    store: Store = None,
    again: Annotated[
        bool, typer.Option("--again", help="Try again, too, the messages that were given up in runs before.")
    ] = False,
    settings: SettingsFile = None,
) -> None:
    """Keep each report in the mailbox in the inbox, then move it; all other mail is left untouched and unread.

    Ends after four minutes at most, and goes on from there the next time. Repeating it is safe.
    Exit code 1 means that some message could not be read or moved; each is named, and the rest was done.
    """
    from triage.settings import load_settings
    from triage.wiring import read_mailbox

    polled = read_mailbox(load_settings(settings), store, again=again)
    say(f"{polled.kept} kept, {polled.known} kept before, {polled.moved} moved, {polled.left} left where they are.")
    if polled.restarted:
        say("The service had forgotten how far we were, so all of the folder was listed anew.")
    if polled.stopped:
        say(f"Not finished: {polled.stopped}")
    for sentence in polled.failed:
        say(f"not read: {sentence}", error=True)
    if polled.failed:
        raise typer.Exit(1)


@app.command("check")
def check(
    other: Annotated[
        str | None,
        typer.Option("--other", metavar="ADDRESS", help="Prove that this other mailbox cannot be reached."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, max=50, help="Messages to look at.")] = 10,
    store: Store = None,
    settings: SettingsFile = None,
) -> None:
    """Say what a reading would take from the mailbox and what failed before, and change nothing.

    Exit code 1 means that the other mailbox can be reached, or that this could not be proved.
    """
    from triage.settings import load_settings
    from triage.wiring import failed_messages, look_into_mailbox

    values = load_settings(settings)
    found = look_into_mailbox(values, limit)
    rows = [(one.received or "unknown", one.kind or "not read", _fate(one.kind, one.trouble)) for one in found.messages]
    say(f"The mailbox {values.mailbox.address}, folder {values.mailbox.folder}, can be read.")
    if rows:
        table(("received", "kind", "what would be done"), rows, wide=2)
    elif not found.more:
        say("The folder is empty.")
    if found.more:
        say("There are more messages.")
    if not found.has_done_folder:
        say(f"The folder {values.mailbox.done_folder} does not exist; the first reading makes it.")
    if failed := failed_messages(values, store):
        say("On record, since they could not be read or moved:")
        told = [
            (one.received or "unknown", str(one.attempts), "yes" if one.final else "no", one.reason) for one in failed
        ]
        table(("received", "tries", "given up", "why"), told, wide=3)
    say("Nothing was changed. Whether messages may be moved is known only once one is.")
    if other is not None:
        _prove_out_of_reach(values.mailbox.address or "", other, settings)


def _fate(kind: str | None, trouble: str | None) -> str:
    from triage.pipeline import NOT_OURS

    if trouble is not None:
        return f"tried again: {trouble}"
    return "left untouched and unread" if kind in NOT_OURS else "kept and moved"


def _prove_out_of_reach(own: str, other: str, settings: SettingsFile) -> None:
    from triage.errors import Misconfigured
    from triage.settings import load_settings
    from triage.wiring import reaches_mailbox

    if own.lower() == other.lower():
        raise Misconfigured("The option --other wants another mailbox than the one that is read.")
    try:
        reached = reaches_mailbox(load_settings(settings), other)
    except Misconfigured as error:
        say(f"Not proved: {error}", error=True)
        raise typer.Exit(1) from error
    if reached:
        say(f"The mailbox {other} can be reached too: the application has more than it needs.", error=True)
        raise typer.Exit(1)
    say(f"The mailbox {other} cannot be reached (403).")
