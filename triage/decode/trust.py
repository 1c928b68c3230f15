"""How far a report itself can be believed: its authentication results, and whether its own statements agree.

Anyone can write a bounce. Authentication-Results (RFC 8601) count only from the server that the settings name; a pass
counts only for the domain that passed. So `high` needs a pass for a domain that may speak for the reporting server or
the recipient, and nothing that contradicts it; no pass is `unknown`, for genuine reports often carry none.
"""

import re
from collections.abc import Sequence

import msgspec

from triage.hosts import Hosts
from triage.model import Trust

MAX_HEADERS = 20
MAX_LENGTH = 8192
"""Authentication-Results headers read, and characters of each: real ones are few and below a kilobyte."""

_RESULT = re.compile(r"^\s*(?P<method>[a-z-]{2,20})(?:/\d{1,3})?\s*=\s*(?P<result>[a-z]{2,20})(?![\w-])", re.IGNORECASE)
_PROPERTY = re.compile(
    r"\b(?P<name>header\.(?:from|d|i)|smtp\.(?:mailfrom|helo))\s*=\s*\"?(?:[^\s;\"@]{0,64}@)?(?P<domain>[^\s;\"@>]{1,255})",
    re.IGNORECASE,
)
_SPEAKS_FOR = {"dmarc": ("header.from",), "dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom", "smtp.helo")}
_NULL_SENDERS = ("", "<>", "<mailer-daemon>", "mailer-daemon")


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a report says of itself, as plain values; hosts as written, None where it does not say.

    `authentication_results` are the header values of the report, topmost first. `hops` are the hosts that its own
    Received headers name, newest first, of each the client before the server (from, by, from, by …); not those of the
    returned message. `remote_hosts_*` are all hosts that the machine part (Remote-MTA) and the human part give as the
    other end. `recipient_domain` is None where a report has recipients of several domains. `by_mail_system`: a mail system
    wrote it, as far as its form tells. `original_domain` is the one of the From of the message that came back, and
    `original_hops` are the hosts that its Received headers name.
    """

    authentication_results: Sequence[str] = ()
    return_path: str | None = None
    from_domain: str | None = None
    recipient_domain: str | None = None
    reporting_mta: str | None = None
    generating_server: str | None = None
    hops: Sequence[str] = ()
    remote_hosts_machine: Sequence[str] = ()
    remote_hosts_human: Sequence[str] = ()
    by_mail_system: bool = False
    original_domain: str | None = None
    original_hops: Sequence[str] = ()


class Verified(msgspec.Struct, frozen=True):
    """What our own server found: methods that passed with their domains, and methods that failed."""

    passed: dict[str, tuple[str, ...]]
    failed: tuple[str, ...]


def assess(claims: Claims, hosts: Hosts, authserv_id: str | None = None) -> Trust:
    """Judge a report. Gives `low` for a contradiction or a failed result of our own server, `high` only for a pass
    that speaks for the reporting server or the recipient, else `unknown`; each with its reasons in sentences.
    """
    doubts = [*_contradictions(claims, hosts), *_not_of_ours(claims, hosts), *_with_a_sender(claims, hosts)]
    verified = read_results(claims.authentication_results, authserv_id)
    if verified and (failure := _failure(verified)):
        doubts.append(failure)
    if doubts:
        return Trust(level="low", reasons=tuple(doubts))
    if verified is None or not verified.passed:
        return Trust(level="unknown", reasons=(_why_unknown(verified, authserv_id),))
    if claims.return_path is not None and claims.return_path.strip().lower() not in _NULL_SENDERS:
        return Trust(level="unknown", reasons=("It was not sent with an empty envelope sender, as a report is.",))
    domain = _authority(verified, claims, hosts)
    if domain is None:
        names = ", ".join(sorted({name for names in verified.passed.values() for name in names}))
        return Trust(
            level="unknown", reasons=(f"Our server verified {names or 'it'}, which does not speak for the reporter.",)
        )
    return Trust(level="high", reasons=(f"Our server verified {domain}, and the report agrees with itself.",))


def read_results(values: Sequence[str], authserv_id: str | None) -> Verified | None:
    """Read the topmost Authentication-Results of `authserv_id`; None where there is none (RFC 8601 §2.2, §5)."""
    if not authserv_id:
        return None
    for value in values[:MAX_HEADERS]:
        first, *results = _fields(value[:MAX_LENGTH])
        words = first.split()
        if not words or words[0].strip('"').lower() != authserv_id.lower():
            continue
        passed: dict[str, tuple[str, ...]] = {}
        failed = []
        for result in results:
            found = _RESULT.match(result)
            if not found:
                continue
            method, outcome = found.group("method").lower(), found.group("result").lower()
            if outcome == "pass" and method in _SPEAKS_FOR:
                passed[method] = passed.get(method, ()) + _domains(method, result)
            elif outcome == "fail":
                failed.append(method)
        return Verified(passed, tuple(failed))
    return None


def _fields(value: str) -> list[str]:
    """Split at semicolons outside comments and quoted strings, and drop the comments."""
    fields = [""]
    depth = 0
    quoted = escaped = False
    kept: list[str] = []
    for char in value:
        if escaped:
            escaped = False
        elif char == "\\" and (quoted or depth):
            escaped = True
        elif char == '"' and not depth:
            quoted = not quoted
        elif not quoted and char == "(":
            depth += 1
        elif not quoted and char == ")" and depth:
            depth -= 1
            continue
        elif char == ";" and not quoted and not depth:
            fields[-1] = "".join(kept)
            fields.append("")
            kept = []
            continue
        if not depth:
            kept.append(char)
    fields[-1] = "".join(kept)
    return fields


def _domains(method: str, result: str) -> tuple[str, ...]:
    """Give the domains that a passed method speaks for."""
    names = _SPEAKS_FOR[method]
    found = [
        one.group("domain").lower().rstrip(".")
        for one in _PROPERTY.finditer(result)
        if one.group("name").lower() in names
    ]
    return tuple(dict.fromkeys(found))


def _failure(verified: Verified) -> str | None:
    """Say which failed result counts: DMARC, or SPF with no DKIM signature that passed; DKIM alone proves nothing."""
    if "dmarc" in verified.failed:
        return "Our own server found that it does not come from the domain in its From (DMARC failed)."
    if "spf" in verified.failed and not verified.passed:
        return "Our own server found that its sender may not send for that domain (SPF failed, nothing else passed)."
    return None


def _why_unknown(verified: Verified | None, authserv_id: str | None) -> str:
    """Say why nothing is known of the report's origin."""
    if not authserv_id:
        return "The settings name no server whose Authentication-Results count."
    if verified is None:
        return f"It carries no Authentication-Results of {authserv_id}."
    return f"{authserv_id} verified no domain."


def _authority(verified: Verified, claims: Claims, hosts: Hosts) -> str | None:
    """Give the verified domain that may speak for the report; None where none does.

    Only a domain of ours or of the recipient counts: anyone can have a pass for a domain of his own. It speaks for
    servers of its own; and for a shared pool where the report came by that pool (Exchange Online serves everybody, so
    the pool alone proves nothing).
    """
    reporters = [host for host in (claims.reporting_mta, claims.generating_server) if host]
    for domain in (name for names in verified.passed.values() for name in names):
        of_recipient = _is_below(claims.recipient_domain, domain) or _is_below(domain, claims.recipient_domain or "-")
        if "." not in domain or not (hosts.is_our_domain(domain) is True or of_recipient):
            continue
        if reporters and all(_is_below(host, domain) or _both_ours(host, domain, hosts) for host in reporters):
            return domain
        pools = {hosts.pool(host) for host in reporters}
        if len(pools) == 1 and None not in pools and pools <= {hosts.pool(hop) for hop in claims.hops}:
            return domain
    return None


def _both_ours(host: str, domain: str, hosts: Hosts) -> bool:
    return hosts.is_ours(host) is True and hosts.is_our_domain(domain) is True


def _contradictions(claims: Claims, hosts: Hosts) -> list[str]:
    """Give a sentence for each pair of statements that cannot both be true."""
    said = []
    machine, human = claims.reporting_mta, claims.generating_server
    if machine and human and not _together(machine, human, hosts):
        said.append(f"Its machine part was written by {machine}, its text by {human}.")
    for reporter in dict.fromkeys(host for host in (machine, human) if host):
        said.extend(_false_origin(reporter, claims, hosts))
    remote, told = claims.remote_hosts_machine, claims.remote_hosts_human
    if remote and told and not any(_together(one, other, hosts) for one in remote for other in told):
        said.append(f"Its machine part names {remote[0]} as the other server, its text {told[0]}.")
    return said


def _not_of_ours(claims: Claims, hosts: Hosts) -> list[str]:
    """Say so where the message that came back was none of ours: backscatter, of which we know nothing at first hand.

    Neither server that writes the report, no address and no stamp of the message may be ours then. Where the sender's
    address is ours, the stamps decide, if all of them name strangers; one of Exchange Online may have been for us.
    """
    reporters = [host for host in (claims.reporting_mta, claims.generating_server) if host]
    if claims.original_domain is None or any(hosts.is_ours(host) is not False for host in reporters):
        return []
    is_from_ours = hosts.is_our_domain(claims.original_domain)
    if is_from_ours is None:
        return []
    ends = [*reporters, *claims.original_hops]
    if not is_from_ours:
        touched = any(hosts.is_ours(host) for host in ends) or hosts.is_our_domain(claims.recipient_domain) is not False
        return [] if touched else [f"The message that it returns is from {claims.original_domain}, and never was ours."]
    strangers = all("." in host and hosts.kind(host) not in ("ours", "exchange-online", None) for host in ends)
    if claims.original_hops and strangers:
        return ["No server of ours stamped the message that it returns."]
    return []


def _with_a_sender(claims: Claims, hosts: Hosts) -> list[str]:
    """Say so where a stranger sent what claims to be a server's report with an envelope sender (RFC 3464 §2).

    Of an address of ours it may be a colleague who passes it on.
    """
    sender = (claims.return_path or "").strip().lower()
    if sender in _NULL_SENDERS or not claims.by_mail_system:
        return []
    domain = sender.rpartition("@")[2].rstrip(">")
    return (
        [f"It was sent in the name of {domain}, not with an empty envelope sender, as a report is."]
        if (hosts.is_our_domain(domain) is False)
        else []
    )


def _false_origin(reporter: str, claims: Claims, hosts: Hosts) -> list[str]:
    """Say so where a report claims to come from our servers or Exchange Online, and its way shows others only."""
    kind = hosts.kind(reporter)
    if kind not in ("ours", "exchange-online"):
        return []
    whose = "ours" if kind == "ours" else "Exchange Online's"
    said = []
    if kind == "ours" and claims.from_domain and hosts.is_our_domain(claims.from_domain) is False:
        said.append(f"It claims to be written by {reporter}, which is ours, but its From is of {claims.from_domain}.")
    if outside := _came_by(claims.hops, reporter, hosts):
        said.append(f"It claims to be written by {reporter}, which is {whose}, but came by {outside}.")
    return said


def _came_by(hops: Sequence[str], reporter: str, hosts: Hosts) -> str | None:
    """Give the outside server that handed the report over, where nothing before it shows the reporter's side.

    Our own and Exchange Online's servers stand at the receiving end of every report, a forged one too, so only what
    is older than the hand-over speaks for the reporter, and only if the outside server stamped it too. That part can be
    forged: it saves from `low`, no more.
    """
    for index, hop in enumerate(hops):
        if "." not in hop or hosts.kind(hop) in ("ours", "exchange-online") or _together(hop, reporter, hosts):
            continue
        older = hops[index + 2 :]  # the next one is the server that took the report from it
        took_it = any(_together(one, hop, hosts) for one in older)  # a server on the way stamps what it is given
        return None if took_it and any(_together(one, reporter, hosts) for one in older) else hop
    return None


def _together(one: str, other: str, hosts: Hosts) -> bool:
    """True where two names can belong to one organisation: the same host, pool, or domain, or both ours."""
    one, other = hosts.canonical(one) or one, hosts.canonical(other) or other
    pool = hosts.pool(one)
    if one == other or (pool is not None and pool == hosts.pool(other)):
        return True
    if hosts.is_ours(one) and hosts.is_ours(other):
        return True
    if "." not in one or "." not in other:
        return one.partition(".")[0] == other.partition(".")[0]
    return one.split(".")[-2:] == other.split(".")[-2:]


def _is_below(name: str | None, domain: str) -> bool:
    name = (name or "").lower().rstrip(".")
    return name == domain or name.endswith(f".{domain}")
