"""What is done to the store as a whole: audit, export, rebuild, retention."""

from triage.upkeep.audit import Audit, Difference, audit
from triage.upkeep.export import export
from triage.upkeep.raw import ContainerMail, FolderMail, RawMail
from triage.upkeep.rebuild import Missing, from_entries, from_raw, rebuild
from triage.upkeep.retention import Periods, Removed, retain

__all__ = [
    "Audit",
    "ContainerMail",
    "Difference",
    "FolderMail",
    "Missing",
    "Periods",
    "RawMail",
    "Removed",
    "audit",
    "export",
    "from_entries",
    "from_raw",
    "rebuild",
    "retain",
]
