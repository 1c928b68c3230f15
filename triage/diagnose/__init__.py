"""Observations to diagnoses: rules as data, evidence added up, and the whole decision for who asks why."""

from triage.diagnose.engine import diagnose
from triage.diagnose.explain import Explanation, Matched, Tried, explain
from triage.diagnose.judge import judge
from triage.diagnose.rulebook import Rulebook

__all__ = ["Explanation", "Matched", "Rulebook", "Tried", "diagnose", "explain", "judge"]
