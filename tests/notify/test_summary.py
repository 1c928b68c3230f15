"""How long the first step takes, and what it restarts."""

from typing import Any

import pytest

from triage.model import Step
from triage.notify import Texts
from triage.notify.summary import effort


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
