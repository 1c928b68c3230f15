"""How much memory a process and all that it started hold together, as Linux tells it."""

from collections.abc import Iterator
from pathlib import Path


def family(process: int) -> Iterator[int]:
    """Give a process and all processes below it."""
    yield process
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def memory(process: int) -> int:
    """Give the kB that a process holds, its share of what several hold."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
