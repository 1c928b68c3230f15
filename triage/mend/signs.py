"""What a reply, a rule or a host name tells about the variant of a cause, read from `signs.toml`.

Every sign is a gate: it opens steps and proves nothing. All patterns are plain substrings, so the time is linear.
"""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from triage.errors import Misconfigured
from triage.hosts import Hosts, pool_ids
from triage.model import Observation
from triage.typed import converted

MAX_TEXT = 8_192
"""Characters of a reply that are looked at: RFC 5321 §4.5.3.1.5 allows 512 for a line, and reports join some of them."""


class Sign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One gate, and what opens it: any match in any of the lists."""

    gate: str
    means: str
    rules: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()


class System(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail software: its names, and words that only it writes as the sender of a report or in its replies."""

    gate: str
    names: tuple[str, ...]
    sends: tuple[str, ...] = ()
    receives: tuple[str, ...] = ()


class Signs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    sign: tuple[Sign, ...]
    system: tuple[System, ...]


@functools.cache
def load() -> Signs:
    """Read the vendored file. Raises Misconfigured where it is wrong."""
    text = (Path(__file__).parent / "signs.toml").read_text(encoding="utf-8")
    try:
        return converted(tomllib.loads(text), Signs)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"signs.toml is wrong: {error}") from error


def meanings() -> Mapping[str, str]:
    """Give each sign's gate with its meaning."""
    return {sign.gate: sign.means for sign in load().sign}


def read(seen: Observation, rule: str | None, hosts: Hosts) -> frozenset[str]:
    """Give the gates of all signs that this observation and the verdict's rule show."""
    text = _text(seen)
    statuses = {_without_class(status) for status in (seen.status, *(one.status for one in seen.wrappers)) if status}
    receiving = {pool for name in (seen.receiving_host, seen.recipient_domain) if (pool := hosts.pool(name))}
    sending = hosts.pool(seen.sending_host)
    return frozenset(
        sign.gate
        for sign in load().sign
        if any(_is_rule(rule, wanted) for wanted in sign.rules)
        or not statuses.isdisjoint(sign.statuses)
        or not receiving.isdisjoint(sign.pools)
        or sending in sign.senders
        or any(phrase in text for phrase in sign.phrases)
    )


def system_named(named: str) -> str | None:
    """Give the gate of the software that a product's name (lower case) tells; None where it tells none."""
    return next((one.gate for one in load().system if any(name in named for name in one.names)), None)


def system_saying(seen: Observation, side: str | None) -> str | None:
    """Give the gate of the software at this end by words that only it writes; None where the words tell nothing.

    The words of an NDR are the sender's where the sending host wrote it; a reply or greeting that is quoted is the
    receiver's, unless the receiver itself wrote the source.
    """
    if side == "receiving":
        if seen.source == "receive-log":
            return None
    elif side is None or seen.source != "ndr" or seen.reported_by is None or seen.reported_by != seen.sending_host:
        return None
    text = _text(seen)
    for system in load().system:
        if any(phrase in text for phrase in (system.sends if side == "sending" else system.receives)):
            return system.gate
    return None


def problems() -> Iterable[str]:
    """Give what is wrong with the signs: one that nothing can open, an unknown pool, a phrase that never matches."""
    for sign in load().sign:
        where = f"signs.toml, {sign.gate}"
        if not (sign.rules or sign.statuses or sign.phrases or sign.pools or sign.senders):
            yield f"{where}: nothing opens this gate"
        for pool in (*sign.pools, *sign.senders):
            if pool not in pool_ids():
                yield f"{where}: there is no pool {pool!r} in knowledge/hosts.toml"
        for phrase in sign.phrases:
            if phrase != phrase.lower() or not phrase:
                yield f"{where}: the phrase {phrase!r} is not in lower case, so it never matches"


def _text(seen: Observation) -> str:
    pieces = [seen.diagnostic or "", *(one.text or "" for one in seen.wrappers)]
    return "\n".join(pieces)[:MAX_TEXT].lower()


def _without_class(status: str) -> str:
    return status.partition(".")[2]


def _is_rule(rule: str | None, wanted: str) -> bool:
    return rule is not None and (rule.startswith(wanted) if wanted.endswith(".") else rule == wanted)
