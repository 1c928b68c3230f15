"""What the notices of one message say together: why it comes now, and what it is about."""

from collections.abc import Sequence

from triage.model import Change, ChangeKind, Notice

_KINDS: dict[str, ChangeKind] = {
    "opened": "opened",
    "grew": "grew",
    "verdict": "verdict-changed",
    "resolved": "resolved",
    "reopened": "reopened",
    "reminder": "reminder",
}
_SHOWN = 3
"""Reasons that one message gives: a card has room for no more."""


def kind_of(notice: Notice) -> ChangeKind:
    """Give the kind of change that a notice tells."""
    return _KINDS[notice.name.partition(":")[0]]


def main_kind(notices: Sequence[Notice]) -> ChangeKind:
    """Give the kind that a message is about: how it ended last, else that it began, else the verdict."""
    kinds = [kind_of(one) for one in notices]
    turns = [kind for kind in kinds if kind in ("resolved", "reopened")]
    return turns[-1] if turns else min(kinds, key=tuple(_KINDS.values()).index, default="opened")


def is_word_of_silence(notices: Sequence[Notice]) -> bool:
    """Tell what is told only because a silence is over: nothing happened that would be news."""
    return bool(notices) and all(why.kind == "silence-ended" for one in notices for why in one.whys)


def reasons(notices: Sequence[Notice]) -> tuple[Change, ...]:
    """Give the changes to tell, in order: the last of each kind; growth needs no word where the incident is new."""
    told = [why for one in notices for why in one.whys]
    is_new = [one for one in notices if kind_of(one) == "opened"]
    last = {why.kind: why for why in sorted(told, key=lambda why: why.at)}
    last.pop("opened", None)
    if is_new:
        last.pop("grew", None)
    opened = [Change(kind="opened", at=is_new[0].at, text="first seen")] if is_new else []
    return (*opened, *sorted(last.values(), key=lambda why: why.at))[:_SHOWN]
