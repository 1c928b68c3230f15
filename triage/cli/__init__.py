"""The `triage` command: a file for each noun, each command a few lines that call one function."""

import signal
import sys

from triage.errors import TriageError


def main() -> None:
    """Run the command line and exit: 0 done, 1 some input could not be read, 2 wrong use, 130 interrupted."""
    from triage.cli.app import app

    try:
        app()
    except TriageError as error:
        sys.stderr.write(f"triage: {error}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing to say, and nobody to say it to.
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would only break what ends already
        sys.stderr.write("triage: interrupted. What was read is kept; the same command goes on from there.\n")
        sys.exit(130)
