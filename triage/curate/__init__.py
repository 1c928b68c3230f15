"""What keeps the rules good: texts that none matches, test cases from private mail, and which rules earn their place."""

from triage.curate.coverage import Coverage, RuleUse, coverage
from triage.curate.propose import draft
from triage.curate.unmatched import Cluster, stored_readings, unmatched

__all__ = ["Cluster", "Coverage", "RuleUse", "coverage", "draft", "stored_readings", "unmatched"]
