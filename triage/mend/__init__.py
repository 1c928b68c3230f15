"""Verdict to steps: the runbook that mends one cause, filled in for the one host that has to be mended."""

from triage.mend.fill import fill
from triage.mend.letter import letter
from triage.mend.note import KINDS, find_affected, note
from triage.mend.shelf import Shelf

__all__ = ["KINDS", "Shelf", "fill", "find_affected", "letter", "note"]
