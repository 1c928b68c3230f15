"""The `triage` command: a file for each noun, each command a few lines that call one function."""

import os
import signal
import sys
from typing import NoReturn

from triage.errors import TriageError

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells count."""


def main() -> None:
    """Run the command line and exit: 0 done, 1 some input could not be read, 2 wrong use, 130 interrupted."""
    try:
        from triage.cli.app import app

        app()
    except TriageError as error:
        sys.stderr.write(f"triage: {error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing to say, and nobody to say it to. What processes that
        # helped say of it while they end is not for people either.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.dup2(nowhere, sys.stderr.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # the library that calls the commands made this of Ctrl-C
            _interrupted()
        raise


def _interrupted() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would only break what ends already
    sys.stderr.write("triage: interrupted. What `triage run` counted stays; the same command goes on from there.\n")
    sys.exit(INTERRUPTED)
