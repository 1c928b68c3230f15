"""Verdict to steps: the runbook that mends one cause, filled in for the one host that has to be mended."""

from triage.mend.fill import fill
from triage.mend.shelf import Shelf

__all__ = ["Shelf", "fill"]
