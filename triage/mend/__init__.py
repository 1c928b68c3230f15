"""Verdict to steps: the runbook that mends one cause, filled in for the one host that has to be mended."""

from triage.mend.fill import fill
from triage.mend.letter import letter
from triage.mend.note import KINDS, find_affected, note
from triage.mend.shelf import Shelf
from triage.mend.translation import Translation

__all__ = ["KINDS", "Shelf", "Translation", "fill", "find_affected", "letter", "note"]
