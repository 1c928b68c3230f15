"""What people see in a terminal, and the plain form of the same for a pipe."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from triage.interrupts import ctrl_c_waits
from triage.safe_text import terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from triage.model import Reading

REFRESH_DOCUMENTS = 25
"""How often, in documents, the progress line is renewed: often enough to see, too rarely to cost."""


def say(text: str = "", *, error: bool = False) -> None:
    """Print a line; characters that would steer a terminal are shown, not obeyed. Encodings that lack one get `?`."""
    stream = sys.stderr if error else sys.stdout
    line = terminal(text) + "\n"
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "replace").decode(encoding))


def put_line(pieces: Iterable[bytes]) -> None:
    """Write a line to standard output, whole: Ctrl-C comes before it or after it, where that is a file."""
    sys.stdout.flush()
    # A pipe may be full for as long as nobody reads it, and Ctrl-C must end that; a file takes what it is given.
    is_file = stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    with ctrl_c_waits() if is_file else nullcontext():
        sys.stdout.buffer.writelines(pieces)
        sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()


def log_to_stderr() -> None:
    """Let log lines go to standard error: standard output is for answers. A traceback shows no values of variables."""
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
            ),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def not_read(reading: "Reading") -> None:
    """Name on standard error a document that could not be read, and why."""
    say(f"not read: {reading.source.path} [{reading.source.index}]: {reading.error}", error=True)


def kind_of(reading: "Reading") -> str:
    """Give the kind of a document, with what it is more exactly where that is known: `other (read-receipt)`."""
    return f"{reading.kind} ({reading.what})" if reading.what else reading.kind


def proved(problems: Sequence[str], count: int, what: str) -> None:
    """Print the problems of a proof, or that all holds; exit code 1 where there is a problem."""
    for problem in problems:
        say(problem)
    if problems:
        import typer

        say(f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'} in {count} {what}.", error=True)
        raise typer.Exit(1)
    say(f"{count} {what} hold.")


LEAST_WIDE = 40
"""Characters that the column of sentences keeps on a narrow terminal; columns that can be spared go first."""

NARROWEST = 20
"""Characters below which words are torn: then other columns go too, from the right, but for the first."""


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, wide: int = 0, spare: Sequence[int] = ()) -> None:
    """Print a table: ruled on a terminal, with tabs between the cells in a pipe, where nothing is left out.

    Column `wide` may wrap; on a narrow terminal the `spare` columns are left out, in their order, until it has room.
    """
    cells = [[terminal(cell).replace("\n", " ") for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [list(headings), *cells]:
            say("\t".join(cell.replace("\t", " ") for cell in row))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    kept = _fitting([list(headings), *cells], console.width, wide, spare)
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index in kept:
        shown.add_column(headings[index], no_wrap=index != wide, overflow="fold" if index == wide else "ellipsis")
    for row in cells:
        shown.add_row(*(Text(row[index]) for index in kept))
    console.print(shown)


def _fitting(rows: list[list[str]], width: int, wide: int, spare: Sequence[int]) -> list[int]:
    """Give the columns that leave room for the wide one."""
    kept = list(range(len(rows[0])))
    widths = [max(len(row[index]) for row in rows) + 3 for index in kept]
    for index in spare:
        if width - sum(widths[one] for one in kept if one != wide) >= min(widths[wide], LEAST_WIDE):
            break
        kept.remove(index)
    while len(kept) > 2 and width - sum(widths[one] for one in kept if one != wide) < min(widths[wide], NARROWEST):
        kept.remove(next(one for one in reversed(kept) if one != wide))
    return kept


class Meter:
    """A progress line on standard error; silent where that is no terminal."""

    def __init__(self, progress: "Progress | None", task: "TaskID | None") -> None:
        self._progress, self._task, self._seen = progress, task, 0

    def update(self, consumed: int, text: str) -> None:
        """Show how many bytes were consumed, and a few words."""
        self._seen += 1
        if self._progress is not None and self._task is not None and self._seen % REFRESH_DOCUMENTS == 1:
            self._progress.update(self._task, completed=consumed, description=text)

    def move(self, consumed: int) -> None:
        """Show how many bytes were consumed, in the middle of a document."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=consumed)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the line off the screen while the block prints to the same terminal."""
        if self._progress is None or not sys.stdout.isatty():
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()


@contextmanager
def meter(total: int) -> Iterator[Meter]:
    """Show progress over `total` bytes while the block runs."""
    if not sys.stderr.isatty():
        yield Meter(None, None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Meter(progress, progress.add_task("reading", total=total or None))
