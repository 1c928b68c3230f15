"""The real command, killed by signal between writes to the cloud's store, and typed again."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.needs_node

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("at", [5, 10])
def test_a_command_that_was_killed_goes_on(
    at: int,
    proxy: Any,
    azurite: Any,
    worker: Any,
    mail: Callable[[int], list[str]],
    seen: Callable[[str], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """`triage run`, killed after its n-th write and repeated, leaves exactly what one run leaves."""
    paths = mail(2)
    whole = str(tmp_path / "whole.sqlite")
    worker.run({"do": "take in", "store": whole, "paths": paths})
    direct = azurite.connection()
    through = direct.replace(azurite.url, proxy.url)
    proxy.begin(lambda number, writes: "kill" if writes and number == at else "pass")
    with _run(through, paths) as first:
        proxy.name_victim(first.pid)
        assert first.wait(timeout=60) == -9
    with _run(direct, paths) as second:
        assert second.wait(timeout=60) == 0
    state, expected = seen(direct), seen(whole)
    assert state["left over"] == []
    assert [one["counts"] for one, _, _ in state["incidents"]] == [one["counts"] for one, _, _ in expected["incidents"]]
    assert [rest for _, *rest in state["incidents"]] == [rest for _, *rest in expected["incidents"]]
    assert state["readings"] == expected["readings"]


def _run(where: str, paths: list[str]) -> "subprocess.Popen[bytes]":
    own = {"TRIAGE_OURS__DOMAINS": '["contoso.example"]', "TriageStorage": where, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "triage", "run", *paths], env={**os.environ, **own}, stdout=subprocess.DEVNULL
    )
