"""Who owns the far end of a hop, as far as its name tells: two ends are unrelated only where both owners are known."""

from triage.hosts import Hosts, is_address, pool_ids

OURS = "ours"

_OF_MICROSOFT = frozenset({"exchange-online", "exchange-online-submission", "outlook-consumer"})

_SHARED = frozenset("ac co com ed edu go gob gouv gov govt id ltd me mil ne net nhs nom or org plc sch web".split())
"""Second labels under which registries of countries give names to anybody (`co.uk`, `com.au`, `or.jp`)."""


def owner_of(end: str, hosts: Hosts) -> str | None:
    """Give what stands for the owner of an end: ourselves, its pool's, or the domain that somebody registered.

    None where the end does not tell: an address alone, or a name without a domain that is not known to be ours.
    """
    if hosts.is_ours(end) is True:
        return OURS
    if end in pool_ids():
        return "microsoft" if end in _OF_MICROSOFT else end
    labels = end.split(".")
    if len(labels) < 2 or is_address(end):
        return None
    is_shared = len(labels[-1]) == 2 and labels[-2] in _SHARED
    return ".".join(labels[-3:] if is_shared else labels[-2:])
