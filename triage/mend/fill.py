"""Fills a runbook in for the host of one incident: only the steps that this host needs and its version has."""

from collections.abc import Iterator

from msgspec import structs

from triage.hosts import Hosts
from triage.mend import registry, script
from triage.mend.gates import VERSIONS, holds
from triage.mend.host import Mended, read
from triage.mend.runbook import Entry, Gate, Runbook
from triage.mend.shelf import Shelf
from triage.mend.template import Missing, render, stand_in
from triage.mend.words import Words
from triage.model import FilledRunbook, Incident, Link, Step
from triage.model.words import Confidence

Values = dict[str, str | None]

# Exchange Server build numbers; the KB numbers from "Exchange Server TLS configuration best practices", KB3140245 and
# [MS-TLSP] for KB4019276. Windows Server 2016 and later need none.
_LAST_UPDATE = {
    "exchange-2010": "SP3 RU32 (14.3.513.0)",
    "exchange-2013": "CU23",
    "exchange-2016": "CU23",
    "exchange-2019": "CU15",
    "exchange-se": "the newest of Exchange SE",
}
_ANY_LAST_UPDATE = "2010 SP3 RU32 (14.3.513.0), 2013 CU23, 2016 CU23, 2019 CU15, or the newest of SE"
_OLD = "2008 R2 SP1 wants KB3140245, KB3154518 and KB3161949; 2012 wants KB3161949, KB2973337 and KB3154519"
_WINDOWS_UPDATES = {
    "exchange-2010": f"2008 SP2 wants KB4019276; {_OLD}",
    "exchange-2013": "2008 R2 SP1, 2012 and 2012 R2 want KB3161949, and the last two KB2973337 as well",
    "exchange-2016": "2012 and 2012 R2 want KB3161949 and KB2973337, 2016 wants no particular one",
    "exchange-2019": "no particular one",
    "exchange-se": "no particular one",
}
_ANY_WINDOWS_UPDATES = f"2008 SP2 wants KB4019276; {_OLD}; 2012 R2 wants KB3161949 and KB2973337; later ones none"

_FIRST = ("Way round", "Before", "Check", "Change", "Verify")
"""Where the one first step is looked for, in this order."""

_STEPS = ("Way round", "Before", "Check", "Change", "Verify", "Undo")


def fill(incident: Incident, shelf: Shelf, hosts: Hosts) -> FilledRunbook:
    """Fill in the runbook of the incident's verdict.

    Every incident of the session family whose host is, or may be, a Windows server gets the read-only check of the
    TLS 1.2 keys, whatever its runbook says: last, and never as the first step. While the verdict is only possible no
    step changes a server.
    """
    verdict = incident.verdict
    words = shelf.words
    mended = _named(read(incident, hosts), words)
    values = _in_words(_values(mended), words)
    runbook = shelf.find(verdict.runbook, verdict.category)
    chosen = {section: _chosen(runbook, section, mended, verdict.confidence) for section in runbook.sections}
    chosen["Check"] = _with_keys_check(chosen.get("Check", []), shelf, mended)
    steps = {
        section: tuple(_step(entry, mended, values, words) for entry in chosen.get(section, [])) for section in _STEPS
    }
    way_round = "\n\n".join(f"{step.title}.\n\n{step.body}" for step in steps["Way round"])
    return FilledRunbook(
        id=runbook.front.id,
        title=_title(runbook, values, mended, words),
        host=mended.host,
        first=_first(chosen, values, mended, verdict.confidence),
        way_round=way_round,
        before=steps["Before"],
        check=steps["Check"],
        change=steps["Change"],
        verify=steps["Verify"],
        undo=steps["Undo"],
        do_not=tuple(render(entry.body, values, mended.gates) for entry in chosen.get("Do not", [])),
        withheld=tuple(_withheld(incident, mended, words)),
        links=_links(runbook, chosen.get("Further reading", [])),
        files=(*registry.files(mended.host), script.file(mended.host)) if _gives_files(mended) else (),
    )


def _named(mended: Mended, words: Words) -> Mended:
    """Call both ends by words of the language where their names are not known."""
    return structs.replace(mended, label=words.name(mended.label), peer_label=words.name(mended.peer_label))


def _in_words(values: Values, words: Words) -> Values:
    """Give the values in words of the language, but for those that are somebody's names; unknown ones stay marked."""
    return {
        name: Missing(words.name(stand_in(name))) if value is None else words.name(value)
        for name, value in values.items()
    }


def _title(runbook: Runbook, values: Values, mended: Mended, words: Words) -> str:
    """Give the heading, which claims nothing while the verdict is only possible."""
    title = render(runbook.front.title, values, mended.gates, "plain")
    return words.say("to_be_checked", title=title) if "possible" in mended.gates else title


def _gives_files(mended: Mended) -> bool:
    """A `.reg` is for a server that we may touch: a partner gets the steps in words."""
    return "tls12-change" in mended.gates and "not-ours" not in mended.gates


def _chosen(runbook: Runbook, section: str, mended: Mended, confidence: Confidence) -> list[Entry]:
    entries = [entry for entry in runbook.sections[section] if holds(entry.gate.when, mended.gates)]
    if section in ("Change", "Undo") and confidence == "possible":
        entries = [entry for entry in entries if entry.gate.safe]
    if section in ("Check", "Change", "Verify") and "not-ours" in mended.gates:
        # What our own admin can do comes before what the other side's admin has to do.
        entries.sort(key=lambda entry: entry.gate.at == "server")
    return entries


def _with_keys_check(chosen: list[Entry], shelf: Shelf, mended: Mended) -> list[Entry]:
    titles = {entry.title for entry in shelf.keys_check}
    if "session" not in mended.gates or any(entry.title in titles for entry in chosen):
        return chosen
    added = (entry for entry in shelf.keys_check if holds(entry.gate.when, mended.gates))
    return chosen + [structs.replace(entry, gate=structs.replace(entry.gate, first=())) for entry in added]


def _values(mended: Mended) -> Values:
    both = {"sending": ("Client", "sends"), "receiving": ("Server", "receives")}
    key, role = both.get(mended.side or "", ("Client and Server", "sends or receives"))
    return {
        "host": mended.label,
        "server": mended.host,
        "peer": mended.peer_label,
        "sender": mended.sender,
        "receiver": mended.receiver,
        "mx": mended.mx,
        "mx_ip": mended.mx_ip,
        "domain": mended.domain,
        "sender_domain": mended.sender_domain,
        "last_update": _LAST_UPDATE.get(mended.version or "", _ANY_LAST_UPDATE),
        "windows_updates": _WINDOWS_UPDATES.get(mended.version or "", _ANY_WINDOWS_UPDATES),
        "product": VERSIONS.get(mended.version or ""),
        "build": mended.build,
        "level": mended.level,
        "key": key,
        "role": role,
    }


_SHELL = "Exchange Management Shell"
"""What only an Exchange server has: where nothing tells what the host runs, the step says so."""


def _step(entry: Entry, mended: Mended, values: Values, words: Words) -> Step:
    body = render(entry.body, values, mended.gates)
    return Step(
        title=render(entry.title, values, mended.gates, "plain"),
        body=f"{body}\n\n{words.say('hint')}".strip() if entry.gate.hint else body,
        where=_where(entry.gate, mended, values, words),
        expected=render(entry.expected, values, mended.gates) if entry.expected else None,
        undo=render(entry.undo, values, mended.gates) if entry.undo else None,
        minutes=entry.gate.minutes,
        restart=entry.gate.restart,
    )


def _where(gate: Gate, mended: Mended, values: Values, words: Words) -> str | None:
    """Say where a step is taken, and by whom where that is not us."""
    where = render(gate.where, values, mended.gates, "plain") if gate.where else None
    if where is not None and _SHELL in where and "unknown-system" in mended.gates:
        where = words.say("if_exchange", where=where)
    if gate.at != "server":
        return where
    whose = "their_admin" if "not-ours" in mended.gates else "on"
    if where is None:
        return words.say(whose, host=mended.label)
    return words.say(f"{whose}_where", host=mended.label, where=where)


def _first(chosen: dict[str, list[Entry]], values: Values, mended: Mended, confidence: Confidence) -> str:
    """Give the title of the one step to take first: the one that its gate names for this confidence, else the first
    check, else the first step of all."""
    ordered = [entry for section in _FIRST for entry in chosen.get(section, [])]
    checks = chosen.get("Check", [])
    if "not-ours" in mended.gates:
        # On somebody else's server the first step is one that we can take ourselves.
        ordered = [entry for entry in ordered if entry.gate.at != "server"] or ordered
        checks = [entry for entry in checks if entry.gate.at != "server"]
        checks = checks or [entry for entry in chosen.get("Change", []) if entry.gate.at != "server"]
    named = [entry for entry in ordered if confidence in entry.gate.first]
    fallback = checks + ordered
    pick = (named + fallback)[:1]
    return render(pick[0].title, values, mended.gates, "plain") if pick else ""


def _links(runbook: Runbook, chosen: list[Entry]) -> tuple[Link, ...]:
    sources = {source.id: source for source in runbook.front.sources}
    found = (sources[entry.body] for entry in chosen if entry.body in sources)
    return tuple(
        Link(source.title, source.url, source.read_on.isoformat() if source.read_on else None) for source in found
    )


def _withheld(incident: Incident, mended: Mended, words: Words) -> Iterator[str]:
    """Say why a change that one might expect is not printed."""
    gates, host = mended.gates, mended.label
    if "session" not in gates:
        return
    if "exchange-online" in gates:
        yield words.say("exchange_online")
        return
    if incident.verdict.confidence == "possible":
        yield words.say("only_possible", host=host)
    if incident.verdict.category == "tls-version":
        yield from _withheld_keys(mended, words)
    elif "windows" in gates:
        yield words.say("not_a_version")
    if _may_find_it_off(mended):
        yield words.say("if_off", host=host)


def _may_find_it_off(mended: Mended) -> bool:
    """Tell whether the check of the keys may find the fault, and no step says what to do then."""
    gates = mended.gates
    is_checked = "windows" in gates or "unknown-system" in gates
    no_key_helps = gates & {"tls12-change", "below-code-limit", "exchange-2007-or-older", "device", "trust-low"}
    return is_checked and not no_key_helps


def _withheld_keys(mended: Mended, words: Words) -> Iterator[str]:
    gates, host = mended.gates, mended.label
    if "trust-low" in gates:
        yield words.say("forged")
    if "exchange-2007-or-older" in gates:
        yield words.say("too_old")
    elif "below-code-limit" in gates:
        floor = "SP3 RU9 (14.3.235.1)" if "exchange-2010" in gates else "CU8 (15.0.1076.9)"
        yield words.say("below_limit", build=mended.build or words.name("unknown"), floor=floor)
    elif "windows" in gates and "speaks-tls12" not in gates:
        yield words.say("build_unknown", host=host)
    elif "unknown-system" in gates:
        yield words.say("system_unknown", host=host)
    if "tls12-change" in gates and "not-ours" in gates:
        yield words.say("no_file", host=host)
