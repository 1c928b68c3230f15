"""The words that the stages share: a file each, no behaviour."""

from triage.model.act import Act, ActKind, Scope
from triage.model.diagnosis import Alternative, Diagnosis, Evidence, Responsible
from triage.model.incident import Affected, Change, Counts, Ends, Incident, Proof, Surroundings, Tallied
from triage.model.notice import ChangeKind, Facts, HeldBy, Notice, Sent, Timing
from triage.model.observation import Document, Observation, Original, Product, Reply, Software, Tls, Trust
from triage.model.reading import Finding, Place, Reading
from triage.model.runbook import FilledRunbook, Link, Step

__all__ = [
    "Act",
    "ActKind",
    "Affected",
    "Alternative",
    "Change",
    "ChangeKind",
    "Counts",
    "Diagnosis",
    "Document",
    "Ends",
    "Evidence",
    "Facts",
    "FilledRunbook",
    "Finding",
    "HeldBy",
    "Incident",
    "Link",
    "Notice",
    "Observation",
    "Original",
    "Place",
    "Product",
    "Proof",
    "Reading",
    "Reply",
    "Responsible",
    "Scope",
    "Sent",
    "Software",
    "Step",
    "Surroundings",
    "Tallied",
    "Timing",
    "Tls",
    "Trust",
]
