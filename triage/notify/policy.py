"""Who is told: the routing as a table of data. When they are told is the relay's work.

Quiet hours, digests and ceilings belong here too: a row that has more columns, and a routing that reads them.
"""

from collections.abc import Callable, Collection, Sequence

from triage.model import ChangeKind, Facts
from triage.model.words import rank
from triage.settings import Route


def router(rows: Sequence[Route], ready: Collection[str]) -> Callable[[Facts, ChangeKind], Sequence[str]]:
    """Give the function that names the sinks for a change: those of every row that fits and that are set up."""

    def route(facts: Facts, kind: ChangeKind) -> Sequence[str]:
        fitting = [row for row in rows if kind in row.changes and rank(facts.confidence) >= rank(row.at_least)]
        return sorted({sink for row in fitting for sink in row.sinks if sink in ready})

    return route
