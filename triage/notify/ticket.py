"""The ticket: the work order, the same in Markdown and in one self-contained HTML page."""

from collections.abc import Sequence
from typing import Any

from triage.model import Affected, FilledRunbook, Incident, Step
from triage.model.words import OWN_RECORDS
from triage.notify.affected import advice
from triage.notify.facts import raw_facts
from triage.notify.moments import moment
from triage.notify.phrases import Texts
from triage.notify.redaction import Redaction
from triage.notify.summary import Summary, by_name, counts_line, effort, first_step, sentence, summarise, tls_was_spoken

LISTED = 10
"""Affected messages printed in the ticket itself; all of them stand in `affected.csv`."""

_EVIDENCE = 40
"""Pieces of evidence printed for each side: a ticket is read, `triage why` shows everything."""

View = dict[str, Any]


def ticket_markdown(
    incident: Incident,
    runbook: FilledRunbook,
    affected: Sequence[Affected],
    texts: Texts,
    *,
    redact: bool = False,
    now: str,
    is_elsewhere: bool = False,
) -> str:
    """Give the ticket as Markdown (CommonMark with tables). `now` is RFC 3339.

    `is_elsewhere` where it goes to another system: without the files that lie beside it here, and without the list of
    affected mail unless there is one.
    """
    from triage.notify.templates import render_markdown

    return render_markdown(_view(incident, runbook, affected, texts, redact, now, is_elsewhere), texts)


def steps_markdown(incident: Incident, runbook: FilledRunbook, texts: Texts, *, redact: bool = False, now: str) -> str:
    """Give of the ticket what is to be done, as Markdown for another system. `now` is RFC 3339."""
    from triage.notify.templates import render_markdown

    view = _view(incident, runbook, (), texts, redact, now, is_elsewhere=True)
    return render_markdown({**view, "steps_only": True}, texts)


def ticket_html(
    incident: Incident,
    runbook: FilledRunbook,
    affected: Sequence[Affected],
    texts: Texts,
    *,
    redact: bool = False,
    now: str,
    is_elsewhere: bool = False,
) -> str:
    """Give the ticket as one HTML page that loads nothing and runs nothing. `now` is RFC 3339."""
    from triage.notify.templates import render_html

    return render_html(_view(incident, runbook, affected, texts, redact, now, is_elsewhere), texts)


def _view(
    incident: Incident,
    runbook: FilledRunbook,
    affected: Sequence[Affected],
    texts: Texts,
    redact: bool,
    now: str,
    is_elsewhere: bool,
) -> View:
    """Collect what the templates print: plain strings that they escape, and steps in Markdown of our own."""
    redaction = Redaction(incident, redact)
    summary = summarise(incident, texts, redaction, now)
    category, wanted = incident.verdict.category, first_step(incident, runbook)
    return {
        "steps_only": False,
        "headline": summary.headline,
        "verdict_line": summary.verdict,
        "counts_line": counts_line(incident, texts, now, tuple(affected)),
        "why_line": summary.why,
        "state": incident.state,
        "confidence": incident.verdict.confidence,
        "meaning": texts.phrase(f"verdict.meaning.{incident.verdict.confidence}"),
        "what": _what(incident, summary, texts),
        "reply": _reply(incident, texts, redaction),
        "way_round": runbook.way_round,
        "no_way_round": texts.phrase(f"ticket.{_no_way_round(incident)}"),
        "hit": _hit(incident, affected, texts, redaction, now, is_elsewhere),
        "supports": summary.supports[:_EVIDENCE],
        "against": summary.against[:_EVIDENCE],
        "nothing_for": texts.phrase("card.nothing_for"),
        "nothing_against": texts.phrase("card.nothing_against"),
        "alternatives": _alternatives(incident, texts),
        "linked": texts.phrase("ticket.linked", text=", ".join(incident.linked)) if incident.linked else "",
        "next_check": _decides(incident, texts, redaction),
        "trust": _trust(incident, texts),
        "first": redaction.text(wanted[0]),
        "first_effort": effort(wanted[1], incident.family, texts),
        "groups": _groups(runbook, texts),
        "before": [_step(step, None, texts) for step in runbook.before],
        "before_title": texts.phrase(f"ticket.{'registry' if _touches_registry(runbook) else 'before'}"),
        "do_not": runbook.do_not,
        "withheld": runbook.withheld,
        "all_servers": texts.phrase("ticket.all_servers") if _many_may_send(incident) else "",
        "files": _files(incident, runbook, texts, is_elsewhere),
        "afterwards": _afterwards(incident, affected, summary, texts),
        "facts": raw_facts(incident, texts, redaction, now),
        "changes": [_change(one.at, one.kind, one.text, texts, redaction, now) for one in incident.changes],
        "links": [link for link in runbook.links if link.url.startswith("https://")],
        "id": incident.id,
        "written": moment(now, now, texts),
        "t": lambda name, **values: texts.phrase(f"ticket.{name}", **values),
        "category": category,
        "locale": texts.locale,
    }


_SEEN = frozenset({"connection-dropped", "expired", "unclassified"})
"""Categories that tell what was seen, not why: there a possible verdict leaves nothing to prove."""


def _what(incident: Incident, summary: Summary, texts: Texts) -> str:
    """Tell what happens; while the cause is only possible, say so before anybody takes it for a fact."""
    verdict = incident.verdict
    name = "what_spoken" if tls_was_spoken(incident) else "what"
    told = sentence(texts.phrase(f"category.{verdict.category}.{name}", **summary.names.values()))
    if verdict.confidence != "possible" or verdict.category in _SEEN:
        return told
    milder = texts.find(f"category.{verdict.category}.what_possible", **summary.names.values())
    if milder:
        return sentence(milder)
    return texts.phrase("ticket.if_so", name=texts.phrase(f"category.{verdict.category}.name"), text=told)


def _reply(incident: Incident, texts: Texts, redaction: Redaction) -> tuple[str, str] | None:
    """Give the decisive text and whose words it is; None where no report holds one."""
    seen = incident.sample
    if seen is None or not seen.diagnostic:
        return None
    kind = {"send-log": "log", "receive-log": "log", "queue": "queue"}.get(seen.source, "by")
    host = seen.reported_by or seen.sending_ip if kind == "log" else seen.reported_by
    label = texts.phrase(f"reply.{kind}", host=host) if host else texts.phrase("reply.report")
    return label, redaction.text(seen.diagnostic)


def _no_way_round(incident: Incident) -> str:
    """Say why none is printed: a runbook holds those for TLS faults back while the verdict is only possible."""
    verdict = incident.verdict
    is_held_back = verdict.confidence == "possible" and verdict.category.startswith("tls-")
    return "no_way_round_yet" if is_held_back else "no_way_round"


def _files(incident: Incident, runbook: FilledRunbook, texts: Texts, is_elsewhere: bool) -> str:
    """Name the files for the change, and how to get them where they do not lie beside the ticket."""
    names = ", ".join(f"`{name}`" for name, _ in runbook.files)
    if not names:
        return ""
    if is_elsewhere:
        return texts.phrase("remote.files", name=names, text=incident.id)
    return texts.phrase("ticket.files", text=names)


def _hit(
    incident: Incident,
    affected: Sequence[Affected],
    texts: Texts,
    redaction: Redaction,
    now: str,
    is_elsewhere: bool,
) -> View:
    sizes = [("recipients", incident.recipients), ("senders", incident.senders)]
    rows = []
    for one in affected[:LISTED]:
        told = redaction.affected(one)
        until = (
            texts.phrase("affected.advice.waiting_until", time=moment(one.tried_until, now, texts))
            if one.tried_until
            else ""
        )
        rows.append(
            (
                texts.phrase(f"affected.state.{one.state}"),
                until if one.state == "waiting" and until else advice(one, texts),
                told.recipient or texts.phrase("ticket.unknown"),
                moment(one.time, now, texts) if one.time else texts.phrase("ticket.unknown"),
            )
        )
    return {
        "sizes": ", ".join(texts.count(f"counts.{field}", n) for field, n in sizes if n > 0),
        "listed": texts.phrase("remote.listed", text=incident.id)
        if is_elsewhere and not affected
        else _listed(incident, len(affected), texts),
        "shown": texts.phrase("ticket.shown", n=texts.number(LISTED)) if len(affected) > LISTED else "",
        "rows": rows,
    }


def _listed(incident: Incident, known: int, texts: Texts) -> str:
    """Say where the affected mail stands. A queue tells how many wait, and not always whose mail that is."""
    every = known >= incident.counts.returned + incident.counts.waiting
    name = "listed" if every else "listed_known" if known else "listed_none"
    return texts.phrase(f"ticket.{name}", n=texts.number(known))


def _alternatives(incident: Incident, texts: Texts) -> list[str]:
    return [
        f"{texts.phrase(f'verdict.confidence.{other.confidence}')}: {texts.phrase(f'category.{other.category}.name')}"
        for other in incident.verdict.alternatives
    ]


def _trust(incident: Incident, texts: Texts) -> list[str]:
    """Say how far a message can be believed; a record of an admin's own is no message."""
    if incident.sample is None:
        return []
    trust = incident.sample.trust
    if incident.sample.source in OWN_RECORDS and trust.level == "unknown" and not trust.reasons:
        return []
    return [texts.phrase(f"trust.{trust.level}"), *map(texts.retold, trust.reasons)]


def _groups(runbook: FilledRunbook, texts: Texts) -> list[View]:
    """Number the steps through: check, change, verify, undo."""
    groups, number = [], 0
    for name, steps in (
        ("check", runbook.check),
        ("change", runbook.change),
        ("verify", runbook.verify),
        ("undo", runbook.undo),
    ):
        numbered = []
        for step in steps:
            number += 1
            numbered.append(_step(step, number, texts))
        if numbered:
            groups.append({"name": name, "title": texts.phrase(f"ticket.{name}"), "steps": numbered})
    return groups


def _step(step: Step, number: int | None, texts: Texts) -> View:
    return {
        "number": texts.phrase("ticket.step", n=str(number)) if number else "",
        "title": step.title,
        "body": step.body,
        "where": step.where or "",
        "expected": step.expected or "",
        "undo": step.undo or "",
        "takes": texts.count("time.takes", step.minutes) if step.minutes is not None else "",
        "restart": step.restart,
        "effort": texts.phrase(f"ticket.{'restart' if step.restart else 'no_restart'}"),
    }


def _decides(incident: Incident, texts: Texts, redaction: Redaction) -> str:
    """Give the check that would decide; a certain verdict is decided."""
    verdict = incident.verdict
    if not verdict.next_check or verdict.confidence == "certain":
        return ""
    return redaction.text(texts.retold(verdict.next_check))


def _many_may_send(incident: Incident) -> bool:
    """Tell whether other servers of the same connector may have the same fault."""
    verdict = incident.verdict
    sends = verdict.responsible.side == "sending" and verdict.responsible.ours is not False
    return verdict.category.startswith("tls-") and sends and incident.ends.sending != "exchange-online"


def _touches_registry(runbook: FilledRunbook) -> bool:
    """Tell whether a change writes to the registry: a `.reg` file beside the ticket, or a step that names a key."""
    return bool(runbook.files) or any("HKLM" in step.body or "HKEY_" in step.body for step in runbook.change)


def _afterwards(incident: Incident, affected: Sequence[Affected], summary: Summary, texts: Texts) -> list[str]:
    """Say which mail to send again and when the ticket closes by itself."""
    states = {one.state for one in affected}
    counts = incident.counts
    returned = {"recipient": "returned_recipient", "content-and-policy": "returned_content"}.get(
        incident.family, "returned"
    )
    told = [
        texts.phrase(f"ticket.after.{name}")
        for name, there in (
            (returned, bool(counts.returned) or "returned" in states),
            ("waiting", bool(counts.waiting) or "waiting" in states),
            ("delivered", "delivered-later" in states),
        )
        if there
    ] or [texts.phrase("ticket.after.nothing")]
    closing = (incident.verdict.responsible.side or "neutral") if incident.family == "session" else "recipient"
    closing = "neutral" if closing == "path" else closing
    return [*told, texts.phrase(f"ticket.after.{closing}", **summary.names.values())]


def _change(at: str, kind: str, text: str, texts: Texts, redaction: Redaction, now: str) -> str:
    told = redaction.text(texts.retold(by_name(text, texts)))
    why = texts.find(f"why.{kind}", text=told) or texts.phrase("why.other", text=sentence(told))
    return f"{moment(at, now, texts)}: {why}"
