"""What keeps the rules good: texts that none matches, test cases from private mail, and which rules earn their place."""

from triage.curate.coverage import Coverage, RuleUse, coverage
from triage.curate.fixture import Fixture, anonymized
from triage.curate.propose import draft
from triage.curate.unmatched import Cluster, stored_readings, unmatched

__all__ = [
    "Cluster",
    "Coverage",
    "Fixture",
    "RuleUse",
    "anonymized",
    "coverage",
    "draft",
    "stored_readings",
    "unmatched",
]
