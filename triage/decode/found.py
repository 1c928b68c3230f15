"""Which parts of a report one message holds: machine part, Exchange's human part or another server's prose."""

import re
from collections.abc import Iterator
from datetime import datetime
from operator import ge

import msgspec

from triage.decode.dsn import find_status, read_status
from triage.decode.exchange import HumanReport, may_be_human, read_human
from triage.decode.failure import Failure, Report, moment_of, read_address
from triage.decode.joined import holds_another, relined
from triage.decode.kinds import Form, answers, forwarded_report, is_challenge, is_forwarded_text, words
from triage.decode.message import Mail
from triage.decode.prose import HumanText, Prose, read_prose, read_unknown, read_wordless, report_text
from triage.decode.prose_words import is_service
from triage.decode.ses_notice import read_notice

MAX_TEXTS = 4
"""Text parts of one message that are read for its human part."""
MAX_NAMELESS = 2560
"""Characters of a report without subject and recipient; what is longer is a page about mail."""

_CODE = re.compile(r"(?<![\d.])[45](?:\d\d|\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
"""A reply code or a status: without one, without a recipient and a subject, words like "delivery failed" say nothing."""


class Found(msgspec.Struct, kw_only=True):
    """The parts of one report that could be read. `text` is the human part."""

    mail: Mail
    form: Form
    reports: list[Report]
    human: HumanReport | None = None
    prose: Prose | None = None
    text: HumanText


def find(mail: Mail, form: Form) -> Found | None:
    """Find the parts of a report in one message, the messages attached to it left aside."""
    reports = [report for leaf in mail.of_kind("text/delivery-status") if (report := read_status(leaf.text))]
    if not reports and (mail.header("final-recipient") or mail.header("reporting-mta")) is not None:
        reports = [report for report in (read_status(_header_text(mail)),) if report]
    texts = list(_texts(mail))
    cut_once = list(map(HumanText, texts))
    found = Found(mail=mail, form=form, reports=reports, text=cut_once[0] if cut_once else HumanText(""))
    if not reports and (notice := next((one for text in texts if (one := read_notice(text))), None)):
        reports = found.reports = [notice[0]]
        found.prose = Prose(mailer="Amazon SES", strong=True, failures=(), original=notice[1])
    if reports:
        found.human = _human(mail, texts, reports)
        return None if _is_challenge_only(found) else found
    if (form.auto_reply and not form.mail_system) or form.bulk:
        return None
    found.human = _human(mail, texts, [])
    if found.human is not None and _is_whole(found.human, form, texts):
        return found
    found.human = None
    # Without headers it is a saved text.
    spoken = [
        one for one in cut_once if not mail.has_headers or _may_report(form, one.text) or _is_pasted(mail, one.text)
    ]
    for text in spoken:
        stretch = find_status(report_text(text))
        if stretch and (report := read_status(stretch)):
            return msgspec.structs.replace(found, reports=[report], text=text)
    for text in spoken:
        if told := _told(mail, text, form):
            return msgspec.structs.replace(found, prose=told[0], text=told[1])
    known = failed_recipients(mail) if form.mail_system else ()
    if known:
        found.prose = read_unknown(found.text, known)
    return found if known else None


def _may_report(form: Form, text: str) -> bool:
    """True where a text may hold a report of a mail system: it wrote the message, or a person passes one on."""
    return form.mail_system or form.forward or form.report_subject or is_forwarded_text(text)


def _is_pasted(mail: Mail, text: str) -> bool:
    """True where a person who answers nobody puts a server's report into a mail of his own, without its headers."""
    if not any(mark in text for mark in words().bodies["pasted"]):
        return False
    return mail.header("in-reply-to") is None and not answers(mail.words("subject"))


def _is_whole(human: HumanReport, form: Form, texts: list[str]) -> bool:
    """True for Exchange's report; one line of it that somebody quotes in a conversation is none."""
    if form.mail_system:
        return bool(human.recipients)
    if not any(one.address for one in human.recipients):
        return False
    return human.generating_server is not None or any(_may_report(form, text) for text in texts)


def _told(mail: Mail, text: HumanText, form: Form) -> tuple[Prose, HumanText] | None:
    """Give what a text says, and the text; where it tells too little, with the lines that it seems to have had."""
    prose = _prose(mail, text, form)
    if _is_enough(prose) or (lines := relined(text.text)) is None:
        return (prose, text) if prose else None
    again = HumanText(lines)
    more = _prose(mail, again, form)
    if more is not None and (prose is None or _says_more(more, prose)):
        return more, again
    return (prose, text) if prose else None


def _is_enough(prose: Prose | None) -> bool:
    """True where each failure has its recipient, a reply about nobody else, and the server that gave it."""
    return prose is not None and all(
        one.recipient
        and _CODE.search(one.diagnostic or "")
        and _has_end(one)
        and not holds_another(one.diagnostic or "")
        for one in prose.failures
    )


def _says_more(more: Prose, prose: Prose) -> bool:
    """True where one reading gives recipients, codes or servers beyond those of another, and loses none.

    A recipient about whom nothing with a code is said may have been another address of the text; so may a mailbox to which
    the reader of a report may turn.
    """
    told = (one.recipient for one in prose.failures if one.recipient and _CODE.search(one.diagnostic or ""))
    named = {one for one in told if not is_service(one)}
    counts, before = _counts(more), _counts(prose)
    found = {one.recipient for one in more.failures}
    better = counts != before or (None not in found and any(map(is_service, {*_recipients(prose)} - found)))
    return better and named <= found and all(map(ge, counts, before))


def _recipients(prose: Prose) -> Iterator[str]:
    return (one.recipient for one in prose.failures if one.recipient)


def _counts(prose: Prose) -> tuple[int, int, int]:
    """Give how many failures have a recipient, a code, and a server at the other end."""
    failures = prose.failures
    return (
        sum(one.recipient is not None for one in failures),
        sum(_CODE.search(one.diagnostic or "") is not None for one in failures),
        sum(map(_has_end, failures)),
    )


def _has_end(one: Failure) -> bool:
    return one.receiving_host is not None or one.receiving_ip is not None


def _prose(mail: Mail, text: HumanText, form: Form) -> Prose | None:
    is_report = form.mail_system
    known = failed_recipients(mail)
    sender = read_address(mail.words("from")) or ""
    domain = sender.rpartition("@")[2].lower() or None
    own = frozenset(one.lower() for one in (sender, read_address(mail.words("to"))) if one)
    prose = read_prose(
        text,
        from_mail_system=is_report,
        known=known,
        subject=mail.words("subject"),
        domain=domain,
        own=own if is_report and not form.doubtful else None,
    )
    behind, sure = text, is_report and not form.doubtful
    if not is_report and not _names(prose) and (passed_on := forwarded_report(text.text, form.report_subject)):
        quoted, sure = passed_on
        behind = HumanText(quoted)
        again = read_prose(behind, from_mail_system=True, subject=mail.words("subject"), own=own if sure else None)
        prose = again or prose
    if prose is None and sure and not known:
        prose = read_wordless(behind, own)
    if prose is None or is_challenge(text.text):
        return None
    named = [one for one in prose.failures if one.recipient]
    coded = any(_CODE.search(one.diagnostic or "") for one in prose.failures)
    if (named and (coded or prose.strong or sure)) or (is_report and prose.strong):
        return prose
    is_report = is_report and not form.doubtful
    said = [one.diagnostic for one in prose.failures if is_report and one.diagnostic]
    short = len(text.text) <= MAX_NAMELESS and any(map(_CODE.search, said))
    return prose if said and (form.report_subject or short) else None


def _names(prose: Prose | None) -> bool:
    """True where a report names a recipient."""
    return prose is not None and any(one.recipient for one in prose.failures)


def _is_challenge_only(found: Found) -> bool:
    """True for a request to confirm that is dressed up as a report: nothing failed, and the text asks for an answer."""
    actions = {failure.action for report in found.reports for failure in report.failures}
    return "failed" not in actions and is_challenge(found.text.text)


def failed_recipients(mail: Mail) -> tuple[str, ...]:
    """Give the recipients that Exim and Gmail name in X-Failed-Recipients."""
    values = ",".join(mail.headers("x-failed-recipients")[:20]).split(",")
    return tuple(address for value in values[:100] if "@" in value and (address := read_address(value)))


def _texts(mail: Mail) -> Iterator[str]:
    """Give the texts of the human part: plain ones, then HTML; what follows the machine part is the returned message."""
    leaves = mail.leaves
    machine = next((at for at, leaf in enumerate(leaves) if leaf.kind == "text/delivery-status"), None)
    mine = leaves[:machine] if machine else leaves
    plain = [leaf for leaf in mine if leaf.kind == "text/plain"][:MAX_TEXTS]
    html = [leaf for leaf in mine if leaf.kind == "text/html"][:MAX_TEXTS]
    for leaf in (*plain, *html):
        if leaf.text.strip():
            yield leaf.text


def _human(mail: Mail, texts: list[str], reports: list[Report]) -> HumanReport | None:
    """Read Exchange's human part, plain or else HTML."""
    texts = [text for text in texts if may_be_human(text)]
    if not texts:
        return None
    arrival = next(filter(None, (report.arrival for report in reports)), None)
    reference = moment_of(mail.header("date")) if arrival is None else None
    for text in texts:
        human = read_human(text, reference or _moment(arrival))
        if human is not None and (human.recipients or reports):
            return human
    return None


def _moment(arrival: str | None) -> datetime | None:
    return datetime.fromisoformat(arrival) if arrival else None


def _header_text(mail: Mail) -> str:
    lines = [f"{name}: {value}" for name, value in mail.node.raw_items()]
    return "\n".join(lines) + "\n\n" + "\n".join(leaf.text for leaf in mail.leaves[:1])
