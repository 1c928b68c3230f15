"""The sentence that opens a human part: whose report it is, and whether a server says so itself."""

from triage.decode.prose_words import Introduction, phrases

OPENING = 16_384
"""Characters in which a server's own sentence is looked for; notes of a person who forwards stand before it."""


def introduction_of(lines: list[str], from_mail_system: bool, subject: str) -> tuple[Introduction, bool, int] | None:
    """Find the sentence that opens the report; with whether it is a server's own, and the line it stands in."""
    flat, starts = _flattened(lines)
    strong = _first(flat, is_strong=True)
    if strong:
        introduction, at = strong
        return introduction, True, max(0, sum(start <= at for start in starts) - 1)
    if not from_mail_system:
        return None
    weak = _first(flat, is_strong=False) or _first(" ".join(subject.lower().split()), is_strong=False)
    return (weak[0], False, 0) if weak else None


def _flattened(lines: list[str]) -> tuple[str, list[int]]:
    """Put lines on one, in lower case, and give where each of them begins there."""
    out: list[str] = []
    starts: list[int] = []
    length = 0
    for line in lines:
        starts.append(length)
        flat = " ".join(line.strip("# *").lower().split())
        if flat:
            out.append(flat)
            length += len(flat) + 1
        if length > OPENING:
            break
    return " ".join(out), starts


def _first(flat: str, *, is_strong: bool) -> tuple[Introduction, int] | None:
    """Give the introduction whose phrase comes first; of those in the same place the one that stands first."""
    said = (phrases().strong if is_strong else phrases().weak).within(flat)
    if not said:
        return None
    best, at = min(said, key=lambda one: one[1])
    if best.action == "failed" and is_strong:  # a report of a delay or a success repeats the words of a failure
        best = next((introduction for introduction, _ in said if introduction.action != "failed"), best)
    return best, at
