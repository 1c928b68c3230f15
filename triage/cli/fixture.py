"""`triage fixture`: a private bounce becomes a test case that anybody may see."""

from pathlib import Path
from typing import Annotated

import typer

from triage.cli.options import SettingsFile
from triage.cli.screen import say


def fixture(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One message.", exists=True, dir_okay=False)],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there; without it to standard output.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="A file with a secret: with the same one, a name has the same stand-in in every file.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    settings: SettingsFile = None,
) -> None:
    """Make an anonymized test case of one message: stand-ins for names, the same structure and the same answer.

    Addresses, hosts, IPs, names, subjects and Message-IDs are replaced, each always by the same stand-in; servers of
    Microsoft and the large providers stay; what people wrote becomes x. Nothing is written where something of the
    original is still found in it (exit code 1). Where kind, codes or category become others, it is written and said (exit
    code 2). Read it before you share it: a name in running text that stands in no header is not known as one.
    """
    import os
    import sys

    from triage.curate.fixture import anonymized
    from triage.settings import load_settings
    from triage.wiring import knowledge_of

    secret = key.read_bytes() if key is not None else os.urandom(32)
    made = anonymized(file.read_bytes(), knowledge_of(load_settings(settings)), secret)
    for one in made.left:
        say(f"still in it: {one}", error=True)
    if made.left:
        say("Nothing was written: what is named above could not be replaced.", error=True)
        raise typer.Exit(1)
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(made.content)
        sys.stdout.buffer.flush()
    else:
        out.write_bytes(made.content)
    for one in made.differs:
        say(f"not the same: {one}", error=True)
    if made.differs:
        raise typer.Exit(2)
