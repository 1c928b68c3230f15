"""Holds runbook texts against the vendored list of cmdlets, parameters and registry paths (`vocabulary.toml`)."""

import functools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from triage.mend.gates import VERSIONS, may_reach
from triage.mend.runbook import Entry
from triage.typed import converted

_CMDLET = re.compile(
    r"\b(?:Get|Set|New|Add|Remove|Enable|Disable|Test|Retry|Export|Import|Select|Where|Format|Send|Restart|Start|Stop"
    r"|Invoke|Move|Clear|Out|Sort|Resume|Suspend|Connect|Mount|Resolve|Group|Update|Search|Revoke|Dismount)-[A-Z][A-Za-z0-9]+\b"
)
_PARAMETER = re.compile(r"(?<=\s)-([A-Za-z]+)\b")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_REGISTRY = re.compile(r"(?:HKEY_LOCAL_MACHINE|HKLM):?\\[^'\"`\n,*]+?(?=['\"`\n,]|\Z)")


class Cmdlet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Cmdlets that share parameters. `since` is a name of `gates.VERSIONS`, `place` where alone they exist."""

    names: tuple[str, ...]
    source: str
    parameters: tuple[str, ...] = ()
    since: str | None = None
    place: Literal["tenant", "premises"] | None = None


class Phrase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phrase that asks for a version, or writes. Where `said` stands beside it, a host of unknown version may read
    it: the step says itself for whom it is."""

    text: str
    source: str
    since: str | None = None
    said: str | None = None
    writes: bool = False


class RegistryPath(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registry path, with HKLM for its root."""

    path: str
    source: str


class Never(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A phrase that no step may hold, and why."""

    text: str
    why: str


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole list."""

    docs: str
    cmdlet: tuple[Cmdlet, ...]
    phrase: tuple[Phrase, ...]
    registry: tuple[RegistryPath, ...]
    never: tuple[Never, ...]


@functools.cache
def load() -> Vocabulary:
    """Read the vendored list."""
    text = (Path(__file__).parent / "vocabulary.toml").read_text(encoding="utf-8")
    return converted(tomllib.loads(text), Vocabulary)


def problems(section: str, entry: Entry) -> Iterator[str]:
    """Give what is wrong with one step's words: unknown names, forbidden phrases, a version that lacks them."""
    words = load()
    text = "\n".join((entry.title, entry.body, entry.expected or "", entry.undo or ""))
    yield from (f"{never.text!r} must not be printed: {never.why}" for never in words.never if never.text in text)
    yield from _unknown(text, words)
    paths = {known.path.lower() for known in words.registry}
    for found in _REGISTRY.findall(text):
        path = found.strip().rstrip("\\").replace("HKEY_LOCAL_MACHINE", "HKLM").replace("HKLM:", "HKLM")
        if path.lower() not in paths:
            yield f"the registry path {path} is not in vocabulary.toml"
    for phrase in words.phrase:
        if phrase.text not in text:
            continue
        if phrase.writes and section == "Change" and "tls12-change" not in entry.gate.when:
            yield f"{phrase.text!r} writes to the registry, so the step needs the gate tls12-change"
        if phrase.since:
            yield from _too_old(entry, phrase.text, phrase.since, phrase.said is not None and phrase.said in text)
    named = frozenset(_CMDLET.findall(text))
    for cmdlet in words.cmdlet:
        for name in cmdlet.names:
            if name in named:
                yield from _too_old(entry, name, cmdlet.since, said=False) if cmdlet.since else ()
                yield from _elsewhere(entry, name, cmdlet.place)


def _elsewhere(entry: Entry, name: str, place: str | None) -> Iterator[str]:
    """Find a step that is taken where its cmdlet does not exist."""
    tenant = entry.gate.at == "tenant"
    if place == "premises" and tenant:
        yield f"{name} does not exist in Exchange Online, where this step is taken"
    if place == "tenant" and not tenant and "Exchange Online" not in (entry.gate.where or ""):
        yield f"{name} exists in Exchange Online alone, and this step is not taken there"


def _unknown(text: str, words: Vocabulary) -> Iterator[str]:
    """Find cmdlets, and parameters of their commands, that the list does not hold."""
    known = {name: cmdlet for cmdlet in words.cmdlet for name in cmdlet.names}
    for line in text.split("\n"):
        for segment in re.split(r"[|;]|\s=\s", line):
            found = _CMDLET.findall(segment)
            yield from (f"the cmdlet {name} is not in vocabulary.toml" for name in found if name not in known)
            if not found or found[0] not in known or not segment.strip().lstrip("(`").startswith(found[0]):
                continue
            given = _PARAMETER.findall(_QUOTED.sub("''", segment.partition("` ")[0]))
            allowed = {parameter.lower() for parameter in known[found[0]].parameters}
            yield from (
                f"{found[0]} has no -{name} in vocabulary.toml" for name in given if name.lower() not in allowed
            )


def _too_old(entry: Entry, what: str, since: str, said: bool) -> Iterator[str]:
    """Find the hosts that the step can reach although they lack what it names."""
    for version, label in VERSIONS.items():
        if version == since:
            break
        if may_reach(entry.gate.when, version):
            yield f"{what!r} reaches {label}, which does not have it"
    if not said and may_reach(entry.gate.when, None):
        yield f"{what!r} reaches a host of unknown version, which may not have it"
