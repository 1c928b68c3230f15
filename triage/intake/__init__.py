"""Documents → readings: decoded and diagnosed in their order, on all cores, the logs of a folder joined."""

from triage.intake.crew import Crew, crew_for
from triage.intake.line import Done, Work, readings
from triage.intake.one import Knowledge, inputs, inputs_in, read
from triage.intake.pasted import pasted

__all__ = ["Crew", "Done", "Knowledge", "Work", "crew_for", "inputs", "inputs_in", "pasted", "read", "readings"]
