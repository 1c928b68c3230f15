"""How long the first step takes, what it restarts, and why a message comes now."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from triage.model import Change, Incident, Step
from triage.notify import Texts
from triage.notify.redaction import Redaction
from triage.notify.summary import effort, why_line


@pytest.mark.parametrize(
    ("step", "family", "told"),
    [
        (None, "session", ""),
        (Step(title="x", body=""), "session", ""),
        (Step(title="x", body="", restart=True), "session", "needs a restart"),
        (Step(title="x", body="", minutes=5), "session", "5 minutes, no restart"),
        (Step(title="x", body="", minutes=1), "recipient", "1 minute"),
        (Step(title="x", body="", minutes=15, restart=True), "recipient", "15 minutes, needs a restart"),
    ],
)
def test_a_step_says_its_time_and_its_restart(step: Step | None, family: Any, told: str, texts: Texts) -> None:
    """Minutes where they are known, a restart wherever there is one, its absence only where a server is mended."""
    assert effort(step, family, texts) == told


@pytest.mark.parametrize("locale", ["en", "sk"])
def test_a_long_reason_is_cut_after_a_word_and_says_so(locale: str, make_incident: Callable[..., Incident]) -> None:
    """What is left out is counted in the reader's language, and an address is hidden before anything is cut."""
    reason = " ".join(["reason"] * 20) + " anna.berg@fabrikam.example " + " ".join(["reason"] * 20)
    changed = Change(kind="grew", at="2026-10-18T10:00:00Z", text=reason)
    told = why_line(make_incident(changes=(changed,)), Texts.load(locale), Redaction(None, redact=True))
    mark = re.search(r"(?P<kept>\S+)… \[(?:vynechaných )?(?P<n>[0-9]+) (?:characters cut|znakov)\]\.", told)
    assert mark is not None
    kept = told[told.index("reason") : mark.end("kept")]
    assert mark["kept"] in ("reason", "***@fabrikam.example")
    assert len(kept) + int(mark["n"]) == len(Redaction(None, redact=True).text(reason))
    assert "berg" not in told


def test_a_reason_of_one_word_is_cut_in_it(texts: Texts, make_incident: Callable[..., Incident]) -> None:
    """A word that is longer than the line is cut where the line ends."""
    changed = Change(kind="grew", at="2026-10-18T10:00:00Z", text="x" * 500)
    told = why_line(make_incident(changes=(changed,)), texts, Redaction(None, redact=False))
    found = re.search(r"(x+)… \[([0-9]+) characters cut\]", told)
    assert found is not None
    assert len(found[1]) + int(found[2]) == 500
    assert len(found[0]) <= 160
