"""The sentence that opens a human part: whose report it is, and whether a server says so itself."""

from triage.decode.prose_words import Introduction, phrases

OPENING = 16_384
"""Characters in which a server's own sentence is looked for; notes of a person who forwards stand before it."""


def introduction_of(lines: list[str], from_mail_system: bool, subject: str) -> tuple[Introduction, bool, int] | None:
    """Find the sentence that opens the report; with whether it is a server's own, and the line it stands in."""
    flat, starts = _flattened(lines)
    strong = _first(flat, "strong")
    if strong:
        introduction, at = strong
        return introduction, True, max(0, sum(start <= at for start in starts) - 1)
    if not from_mail_system:
        return None
    weak = _first(flat, "weak") or _first(" ".join(subject.lower().split()), "weak")
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


def _first(flat: str, strength: str) -> tuple[Introduction, int] | None:
    """Give the introduction whose phrase comes first; of those in the same place the one that stands first."""
    best: tuple[Introduction, int] | None = None
    for introduction in phrases().introductions:
        for phrase in getattr(introduction, strength):
            at = flat.find(phrase)
            if at >= 0 and (best is None or at < best[1]):
                best = (introduction, at)
    if best and best[0].action == "failed" and strength == "strong":
        for introduction in phrases().introductions:  # a delay report repeats the words of a failure
            if introduction.action == "delayed" and any(phrase in flat for phrase in introduction.strong):
                return introduction, best[1]
    return best
