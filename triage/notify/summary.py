"""What a card and a ticket both say of an incident, in sentences that nothing has escaped yet."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from triage.model import Affected, Change, FilledRunbook, Incident, Step
from triage.model.words import TLS_SPOKEN, Family
from triage.notify.moments import ago, moment, past
from triage.notify.names import Names
from triage.notify.phrases import Texts
from triage.notify.redaction import Redaction
from triage.safe_text import cut, one_line

HEADLINE_LIMIT = 200
"""Characters of a headline: two lines of a card, also with two host names of honest length."""

LONGEST_REASON = 4_000
"""Characters of a change that are looked at: more than any sentence of ours has."""

REASON = 160
"""Characters of the one reason that a card gives."""

LONG_REASON = 600
"""Characters of each reason in a comment, which has room for all that moved a verdict."""

_SHORT_REASON = 90
"""Characters of a reason where one message gives several: when we speak next must still fit its line."""

_VERDICT_WORDS = re.compile(r"\b([a-z][a-z-]{2,30}) \((certain|probable|possible)\)")


@dataclass(frozen=True, slots=True)
class Summary:
    """The lines that open a card and a ticket; all may hold words of a message and are escaped where they go."""

    names: Names
    headline: str
    verdict: str
    counts: str
    why: str
    supports: tuple[str, ...]
    against: tuple[str, ...]


def summarise(
    incident: Incident,
    texts: Texts,
    redaction: Redaction,
    now: str,
    news: Sequence[Change] = (),
    *,
    reason: int = REASON,
) -> Summary:
    """Say what is broken, whose it is, how sure we are, how big it is, and why now: for `news`, else the last change.

    `reason` is how many characters a reason may have.
    """
    names = Names(incident, texts)
    evidence = [(one.supports, redaction.text(texts.retold(one.text))) for one in incident.verdict.evidence]
    return Summary(
        names=names,
        headline=redaction.text(headline(incident, names, texts)),
        verdict=verdict_line(incident, texts),
        counts=counts_line(incident, texts, now),
        why=why_line(incident, texts, redaction, news, reason),
        supports=tuple(text for supports, text in evidence if supports),
        against=tuple(text for supports, text in evidence if not supports),
    )


def headline(incident: Incident, names: Names, texts: Texts) -> str:
    """Lead with the fault and the host: never with a code."""
    verdict = incident.verdict
    certainty = "maybe" if verdict.confidence == "possible" else "sure"
    path = f"category.{verdict.category}.{certainty}"
    side = verdict.responsible.side
    directed = texts.find(f"{path}.{side}", **names.values()) if side in ("sending", "receiving") else None
    return cut(sentence(directed or texts.phrase(f"{path}.neutral", **names.values())), HEADLINE_LIMIT)


def title(incident: Incident, texts: Texts) -> str:
    """Give the one line that names an incident in a list; it may hold words of a message and is escaped where it goes."""
    return headline(incident, Names(incident, texts), texts)


def sentence(text: str) -> str:
    """Begin a sentence with a capital, unless it begins with a host name."""
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.isalpha() else text


def verdict_line(incident: Incident, texts: Texts) -> str:
    """Say how sure, whose it is and who acts."""
    verdict = incident.verdict
    values = {
        "confidence": texts.phrase(f"verdict.confidence.{verdict.confidence}"),
        "name": texts.phrase(f"category.{verdict.category}.name"),
        "whose": texts.phrase(f"verdict.whose.{_whose(incident)}"),
    }
    if verdict.actor is None:
        return texts.phrase("verdict.undecided", **values)
    if verdict.actor == "nobody":
        return texts.phrase("verdict.nobody", **values)
    values["actor"] = texts.phrase(f"verdict.actors.{verdict.actor}")
    # A dropped session that turns out to be about authentication is the look-alike of a TLS fault: say so first.
    look_alike = incident.family == "session" and (verdict.category == "authentication" or tls_was_spoken(incident))
    return texts.phrase(
        "verdict.hardly_tls" if look_alike and verdict.confidence == "possible" else f"verdict.{verdict.confidence}",
        **values,
    )


def tls_was_spoken(incident: Incident) -> bool:
    """Tell a lost session whose ends were seen to speak TLS 1.2: it looks like a TLS fault and is hardly one."""
    verdict = incident.verdict
    seen = any(one.supports and one.id in TLS_SPOKEN for one in verdict.evidence)
    return verdict.category == "connection-dropped" and seen


def _whose(incident: Incident) -> str:
    responsible = incident.verdict.responsible
    if responsible.side == "path":
        return "path"
    return {True: "ours", False: "theirs", None: "unknown"}[responsible.ours]


def counted(incident: Incident, texts: Texts) -> list[str]:
    """Give each count that is not nothing, by itself: what matters most first."""
    counts = incident.counts
    every = (
        ("waiting", counts.waiting),
        ("returned", counts.returned),
        ("sessions", counts.sessions),
        ("sent_unencrypted", counts.sent_unencrypted),
    )
    return [texts.count(f"counts.{field}", n) for field, n in every if n > 0]


def counts_line(incident: Incident, texts: Texts, now: str, affected: tuple[Affected, ...] = ()) -> str:
    """Give the counts, each by itself and never summed, since when, and until when waiting mail is tried."""
    parts = counted(incident, texts)
    if incident.domains > 0:
        parts.append(texts.count("counts.domains", incident.domains))
    if not parts:
        parts.append(texts.phrase("counts.none"))
    first, last = incident.first_seen, incident.last_seen
    if first and (first == last or not last):
        parts.append(texts.phrase("counts.once", time=moment(first, now, texts)))
    elif first:
        parts.append(texts.phrase("counts.since", time=moment(first, now, texts)))
    if last and last != first:
        parts.append(texts.phrase("counts.last", time=ago(last, now, texts)))
    return " ".join(filter(None, (", ".join(parts) + ".", _loss(incident, texts, now, affected))))


def _loss(incident: Incident, texts: Texts, now: str, affected: tuple[Affected, ...]) -> str:
    """Say until when waiting mail is tried: the first loss where the list of messages is at hand."""
    if not incident.counts.waiting:
        return ""
    until = min((one.tried_until for one in affected if one.state == "waiting" and one.tried_until), default=None)
    if until:
        return texts.phrase("counts.first_loss", time=moment(until, now, texts))
    until = incident.sample.retry_until if incident.sample else None
    if not until:
        return ""
    tense = "was_tried_until" if past(until, now) else "tried_until"
    return texts.phrase(f"counts.{tense}", time=moment(until, now, texts))


def why_line(
    incident: Incident, texts: Texts, redaction: Redaction, news: Sequence[Change] = (), reason: int = REASON
) -> str:
    """Say why now, for each of `news` or the last change, and when we speak next."""
    told = tuple(news) or incident.changes[-1:]
    limit = reason if len(told) < 2 or reason > REASON else _SHORT_REASON
    why = " ".join(_why(one, limit, texts, redaction) for one in told) or texts.phrase("why.unknown")
    following = "next_acknowledged" if incident.acknowledged_by else "next"
    following = "next_reminder" if any(one.kind == "reminder" for one in told) else following
    following = "next_resolved" if incident.state == "resolved" else following
    return f"{why} {texts.phrase(f'why.{following}', name=incident.id)}"


def _why(change: Change, limit: int, texts: Texts, redaction: Redaction) -> str:
    whole = one_line(texts.retold(by_name(change.text, texts)), LONGEST_REASON)
    told = _shortened(redaction.text(whole), limit, texts).rstrip(".")  # half an address would slip through
    return texts.find(f"why.{change.kind}", text=told) or texts.phrase("why.other", text=sentence(told))


def _shortened(text: str, limit: int, texts: Texts) -> str:
    """Bound a sentence of ours, after a whole word, and say in its language how much is left out."""
    if len(text) <= limit:
        return text
    room = max(limit - len(texts.count("why.cut", len(text))), 0)
    kept = text[:room].rpartition(" ")[0] or text[:room]
    return f"{kept}{texts.count('why.cut', len(text) - len(kept))}"


def by_name(text: str, texts: Texts) -> str:
    """Call the categories of a change by their names: "from dropped connection (possible) to …"."""

    def name(found: re.Match[str]) -> str:
        category = texts.find(f"category.{found[1]}.name")
        return f"{category} ({texts.phrase(f'verdict.confidence.{found[2]}').lower()})" if category else found[0]

    return _VERDICT_WORDS.sub(name, text)


def first_step(incident: Incident, runbook: FilledRunbook) -> tuple[str, Step | None]:
    """Give the title of the one first step, and the step itself where it stands among the steps of the runbook."""
    steps = (*runbook.before, *runbook.check, *runbook.change, *runbook.verify)
    wanted = runbook.first or incident.verdict.next_check or (steps[0].title if steps else "")
    return wanted, next((step for step in steps if step.title == wanted), None)


def effort(step: Step | None, family: Family, texts: Texts) -> str:
    """Say how long a step takes and whether it restarts anything; empty where neither is known.

    That nothing restarts is worth saying only where servers are mended: of session faults.
    """
    if step is None:
        return ""
    if step.minutes is None:
        return texts.phrase("card.needs_restart") if step.restart else ""
    takes = texts.count("time.takes", step.minutes)
    if not step.restart and family != "session":
        return takes
    return texts.phrase(f"card.{'takes_restart' if step.restart else 'takes_calm'}", takes=takes)
