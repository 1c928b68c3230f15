"""What the rules conclude from one observation, or from all that is known of an incident."""

import msgspec

from triage.model.words import Actor, Category, Confidence, Family, Permanence, ResponsibleKind, Side


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of evidence in words that an admin can check. `where` is the part, line or field it stands in."""

    id: str
    supports: bool
    text: str
    where: str | None = None
    time: str | None = None


class Alternative(msgspec.Struct, frozen=True):
    """Another category that the evidence leaves open."""

    category: Category
    confidence: Confidence
    runbook: str | None = None


class Responsible(msgspec.Struct, frozen=True, kw_only=True):
    """Who or what has to be mended: not the same question as who must act."""

    kind: ResponsibleKind | None = None
    side: Side | None = None
    host: str | None = None
    ours: bool | None = None
    confidence: Confidence | None = None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of the contract, and `family`, which decides what is grouped with what.

    Cause (`category`), permanence, who is responsible and who must act are different things: no field
    stands for two of them.
    """

    rule: str | None = None
    family: Family = "session"
    category: Category = "unclassified"
    permanence: Permanence | None = None
    confidence: Confidence = "possible"
    alternatives: tuple[Alternative, ...] = ()
    responsible: Responsible = Responsible()
    actor: Actor | None = None
    evidence: tuple[Evidence, ...] = ()
    next_check: str | None = None
    runbook: str | None = None
