"""What reads bytes from outside never raises and never hangs: old findings again, and a short run for new ones."""

import time
from pathlib import Path

import pytest

from fuzz.engine import Finding, fuzz, try_one
from fuzz.targets import TARGETS, seeds

FINDINGS = Path(__file__).parent / "findings"
RUNS = 120
"""Inputs of each target in every run of the tests: some seconds in all. `python fuzz/run.py --minutes 60` is the long run."""


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_finding_comes_back(name: str) -> None:
    """Whatever was found once, by this target or another, is read without an error."""
    for path in sorted(FINDINGS.iterdir()):
        if path.suffix != ".md":
            try_one(TARGETS[name], path.read_bytes())


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_short_run_finds_nothing(name: str) -> None:
    """A number of inputs made of examples, reports and replies, always the same ones, gives no error."""
    runs, _ = fuzz(TARGETS[name], seeds(), seconds=120, seed=1, runs=RUNS)
    assert runs >= RUNS


def _guarded(content: bytes) -> None:
    if content[:2] == b"ab" and b"--" in content:
        raise ValueError("here")


def test_the_fuzzer_finds_what_is_there() -> None:
    """A fault behind two conditions is found within its share, and what it gives makes the target fail again."""
    with pytest.raises(Finding, match="ValueError: here") as found:
        fuzz(_guarded, [b"abcdef", b"xyz"], seconds=60, seed=1)
    with pytest.raises(ValueError, match="here"):
        _guarded(found.value.content)


def test_an_input_that_takes_too_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time counts like an error."""
    monkeypatch.setattr("fuzz.engine.SECONDS", 0.01)
    with pytest.raises(Finding, match="took"):
        try_one(lambda _: time.sleep(0.05), b"")
