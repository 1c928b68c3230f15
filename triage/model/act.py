"""What a person, or a probe that a person asked for, did to an incident: an entry of the journal, written once."""

from typing import Literal

import msgspec

from triage.model.incident import Ends
from triage.model.words import Family

ActKind = Literal["acknowledge", "resolve", "silence", "unsilence"]


class Act(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One act. A rebuilt store finds the incident by its id, else by family and ends, which later rules do not change.

    `at` and `until` are UTC, RFC 3339; `text` says why, in the words of whoever did it.
    """

    id: str
    kind: ActKind
    at: str
    by: str
    incident: str
    family: Family
    ends: Ends
    text: str = ""
    until: str | None = None
