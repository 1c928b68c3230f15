"""The `triage` command: a file for each noun, each command a few lines that call one function."""

import os
import signal
import sys
from typing import Any, NoReturn

from triage.errors import TriageError

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count."""

UNREAD = 141
"""128 and the number of SIGPIPE: the signal itself stays off, since it would end a process that writes to a closed socket."""


def main() -> None:
    """Run the command line and exit.

    0 done, 1 some input could not be read, 2 wrong use, 130 interrupted, 141 nobody reads the output any more.
    """
    first = _kept_output()
    try:
        from triage.cli.app import app

        app()
    except TriageError as error:
        sys.stderr.write(f"triage: {error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _unread()
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as ended:
        # The libraries that call the commands and draw on the screen made these of Ctrl-C and of a closed pipe.
        if ended.code == INTERRUPTED:
            _interrupted()
        if _was_unread(first):
            _unread()
        raise


def _kept_output() -> tuple[Any, int] | None:
    """Keep the standard output as it is at first, by a number of our own; None where there is none."""
    try:
        return sys.stdout, os.dup(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):
        return None


def _was_unread(first: tuple[Any, int] | None) -> bool:
    """Tell whether a write failed for want of a reader: what waits to be written, or what a library has hidden."""
    if first is None:
        return False
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return True
    # Whoever hides it puts something silent in the place of the output: an object, or the file below it.
    return sys.stdout is not first[0] or not os.path.sameopenfile(first[1], sys.stdout.fileno())


def _unread() -> NoReturn:
    """End as a tool does whose reader went away (`| head`): nothing to say, and nobody to say it to.

    What processes that helped say of it while they end is not for people either.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    sys.exit(UNREAD)


def _interrupted() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would only break what ends already
    sys.stderr.write("triage: interrupted. What `triage run` counted stays; the same command goes on from there.\n")
    sys.exit(INTERRUPTED)
