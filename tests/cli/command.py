"""The command as a person runs it: a process of its own, in a folder of theirs."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def run(
    folder: Path, *arguments: str, stdin: bytes | None = None, encoding: str | None = None, **environment: str
) -> subprocess.CompletedProcess[Any]:
    """Run `triage` in a folder and give what came of it: bytes, or text where an encoding is named."""
    return subprocess.run(
        [sys.executable, "-m", "triage", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        check=False,
        encoding=encoding,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **environment},
    )
