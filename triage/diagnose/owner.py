"""Whose fault is it, and who has to act: two questions, answered from the rule, the hosts and the settings."""

import re
from typing import TYPE_CHECKING, Literal

from triage.diagnose.case import Case
from triage.hosts import Hosts
from triage.model import Responsible
from triage.model.words import OWN_RECORDS, UNVERIFIED, Actor, Confidence, ResponsibleKind, Side, rank

if TYPE_CHECKING:
    from triage.diagnose.rulebook import CategoryDefaults
    from triage.diagnose.schema import Rule

MACHINES = ("host", "device", "connector")
OF_TENANTS = ("policy", "relay-denied")
"""What a service that many share refuses for one of them: his rules, his list of domains."""
OF_MICROSOFT = ("exchange-online", "microsoft")

_OF_A_SYSTEM = re.compile(r"(?i)(?:microsoftexchange[0-9a-f]{32}|postmaster|mailer-daemon)@(?P<domain>[^\s<>@]{1,253})")
"""Senders behind which is no person: Exchange's own (system mail, journal reports), and RFC 5321's postmaster."""


def responsible_for(
    rule: "Rule | None", defaults: "CategoryDefaults", case: Case, hosts: Hosts, confidence: Confidence
) -> Responsible:
    """Give who or what has to be mended. `rule` is None where the category, not the rule, decides.

    A bounce can be written by anybody: whom it accuses is never certain by a bounce that nobody verified, neither by what it
    says nor by the build that it gives to a host whose handshakes our own log shows to fail.
    """
    said = rule.responsible if rule is not None else None
    kind = said.kind if said and said.kind else defaults.responsible.kind
    side = said.side if said and said.side else defaults.responsible.side
    family = (rule.family or defaults.family) if rule is not None and rule.states_cause else None
    host = _host(kind, side, case, hosts, tells=family == "content-and-policy")
    if kind == "host" and side == "receiving" and _decided_by_tenant(rule, case):
        kind, host = "tenant", None
    most = said.confidence if said else None
    if _is_claim(rule, side, case):
        most = _least("probable", most)
    return Responsible(
        kind=kind,
        side=side,
        host=host,
        ours=_is_ours(kind, side, host, case, hosts),
        confidence=_least(confidence, most) if host is not None else None,
    )


def _decided_by_tenant(rule: "Rule | None", case: Case) -> bool:
    """Say whether Exchange Online refused by a setting of the tenant to which it received: his admin can change it."""
    return rule is not None and rule.category in OF_TENANTS and case.receiving == "exchange-online"


def _is_claim(rule: "Rule | None", side: Side | None, case: Case) -> bool:
    """Say whether the accusation rests on a bounce that nobody verified."""
    if case.seen.source == "ndr" and case.seen.trust.level != "high":
        return True
    told_by = case.sending_told_by if side == "sending" else case.receiving_told_by
    rests_on_build = rule is not None and not rule.states_cause
    return rests_on_build and told_by is not None and told_by.endswith(UNVERIFIED)


def _least(confidence: Confidence, most: Confidence | None) -> Confidence:
    return confidence if most is None or rank(confidence) <= rank(most) else most


def _host(kind: ResponsibleKind | None, side: Side | None, case: Case, hosts: Hosts, *, tells: bool) -> str | None:
    if side not in ("sending", "receiving"):
        return None
    if kind in MACHINES and side == "receiving" and _refused_itself(case, hosts, tells=tells):
        return hosts.canonical(case.seen.reported_by)
    if kind in MACHINES:
        return case.sending_host if side == "sending" else case.receiving_host
    return domain_of(side, case) if kind == "domain" else None


def _refused_itself(case: Case, hosts: Hosts, *, tells: bool) -> bool:
    """Say whether a server refused a message and reported it itself: no other server was asked.

    Of a server that is not ours only where the text tells that somebody refused (`tells`): it may have asked one that its
    report does not name. What a service such as Exchange Online refuses was decided by one of its tenants.
    """
    if (case.sending_host or case.receiving_host) is not None:
        return False
    reporter = case.seen.reported_by
    if case.seen.source == "tracking-log":
        return tells and reporter is not None
    if case.seen.source != "ndr":
        return False
    return hosts.is_ours(reporter) is True or (tells and hosts.kind(reporter) == "other")


def domain_of(side: Side | None, case: Case) -> str | None:
    """Give the mail domain of one side: the recipient's, or the sender's where the original names one."""
    if side == "receiving":
        domain = case.seen.recipient_domain
    else:
        domain = (case.seen.original.from_ or "").rpartition("@")[2].rstrip(">").strip()
    return domain.lower().rstrip(".") or None if domain else None


def _is_ours(
    kind: ResponsibleKind | None, side: Side | None, host: str | None, case: Case, hosts: Hosts
) -> bool | None:
    if side not in ("sending", "receiving"):
        return None
    kind_of_host = case.sending if side == "sending" else case.receiving
    if kind in MACHINES and host is not None and _wrote_it(host, case, hosts):
        return True
    if kind in ("host", "device") or (kind == "connector" and kind_of_host != "exchange-online"):
        return hosts.is_ours(host)
    # A connector of Exchange Online, a tenant, a domain and an address belong to whoever owns the domain.
    return hosts.is_our_domain(domain_of(side, case))


def actor_for(
    said: Actor | Literal["owner"] | None, responsible: Responsible, case: Case, hosts: Hosts
) -> Actor | None:
    """Give who must act. "owner" is whoever owns the host; a named actor holds unless the host is another's."""
    if said == "owner":
        return _owner(said, responsible, hosts)
    if said == "sender" and _is_nobody(case.seen.original.from_, hosts):
        return "mail-team"
    owned = responsible.kind in ("host", "device") or (responsible.kind, responsible.side) == ("tenant", "receiving")
    if said in ("mail-team", "partner-postmaster") and owned:
        return _owner(said, responsible, hosts)
    if said == "network-team" and case.sending == "exchange-online":
        return _network_before(case, hosts)
    return said


def _is_nobody(sender: str | None, hosts: Hosts) -> bool:
    """Say whether a message was sent by a system of ours, such as journaling: nobody reads what comes back to it."""
    found = _OF_A_SYSTEM.match((sender or "").rpartition("<")[2])
    return found is not None and hosts.is_our_domain(found["domain"].lower().rstrip(".")) is not False


def _network_before(case: Case, hosts: Hosts) -> Actor | None:
    """Give whose network lies between Exchange Online and the receiving server: that of the receiving server."""
    ours = hosts.is_ours(case.receiving_host)
    return None if ours is None else "network-team" if ours else "partner-postmaster"


def _owner(said: str, responsible: Responsible, hosts: Hosts) -> Actor | None:
    if responsible.ours is True:
        return "mail-team"
    if responsible.ours is False:
        return "microsoft" if hosts.kind(responsible.host) in OF_MICROSOFT else "partner-postmaster"
    if hosts.kind(responsible.host) in OF_MICROSOFT and responsible.kind == "host":
        return "microsoft"
    if said == "partner-postmaster":
        return "partner-postmaster"
    if said == "mail-team" or responsible.side != "receiving":
        # The server that sends for the reader's users, or a side that is not decided: the reader looks first.
        return "mail-team"
    return None


def owns(host: str | None, case: Case, hosts: Hosts) -> bool | None:
    """Say whether a host is ours: who wrote the reader's own record is, whatever the settings leave open."""
    return True if host is not None and _wrote_it(host, case, hosts) else hosts.is_ours(host)


def _wrote_it(host: str, case: Case, hosts: Hosts) -> bool:
    """Say whether a host wrote the record itself: then it is the reader's, whatever the settings leave open."""
    seen = case.seen
    if seen.source not in OWN_RECORDS:
        return False
    if seen.reported_by is None:  # a log names its server by its address alone
        return host == {"send-log": case.sending_host, "receive-log": case.receiving_host}.get(seen.source)
    return hosts.canonical(seen.reported_by) == host
