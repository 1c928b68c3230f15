"""What a person, or a probe that a person asked for, did: an entry of the journal, written once."""

from typing import Literal

import msgspec

from triage.model.incident import Ends
from triage.model.words import Family

ActKind = Literal["acknowledge", "resolve", "silence", "unsilence"]


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All incidents of a host (`*` is any text, and a name without a domain is meant in any), or of a category."""

    kind: Literal["host", "category"]
    value: str


class Act(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One act on one incident, or on all that a `scope` covers, those that come later among them.

    A rebuilt store finds the incident by its id, else by family and ends, which later rules do not change. `at` and `until`
    are UTC, RFC 3339; `text` says why, in the words of whoever did it. What is not said is left out of the entry, so that
    an older program reads all that it knows.
    """

    id: str
    kind: ActKind
    at: str
    by: str
    incident: str = ""
    family: Family | None = None
    ends: Ends = Ends()
    scope: Scope | None = None
    text: str = ""
    until: str | None = None
