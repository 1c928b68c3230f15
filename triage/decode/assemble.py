"""A parsed message → the document: which kind it is and what it says of each recipient."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from triage.decode import limits
from triage.decode.dsn import find_status, read_status
from triage.decode.exchange import HumanReport, read_human
from triage.decode.failure import Failure, Report, moment_of, read_address, utc
from triage.decode.kinds import Form, form_of, is_challenge, is_forwarded_text
from triage.decode.message import Mail, read_mail
from triage.decode.outcome import domain_of, human_causes, observation, outcome
from triage.decode.prose import Prose, read_prose, reason_for, report_text
from triage.decode.received import read_received
from triage.decode.returned import Returned, bare_id, relayed, returned_message, returned_text
from triage.decode.trust import Claims, assess
from triage.hosts import Hosts, normal
from triage.model import Document, Observation, Original, Trust
from triage.model.words import Kind

HEADERS_OF_TEXTS = 4
"""Text parts of one message that are read for its human part."""


class Found(msgspec.Struct, kw_only=True):
    """The parts of one report that could be read. `text` is the human part as text."""

    mail: Mail
    reports: list[Report]
    human: HumanReport | None = None
    prose: Prose | None = None
    text: str = ""


class Reader(msgspec.Struct, frozen=True):
    """What a reading needs to know from outside."""

    hosts: Hosts
    authserv_id: str | None = None


def assemble(mail: Mail, reader: Reader) -> Document:
    """Read a message and the messages attached to it. A forward takes the kind of the report inside."""
    document = _read(mail, reader)
    if document.observations or document.kind not in ("other", "auto-reply"):
        return document
    inside = [assemble(one, reader) for one in mail.attached]
    reports = [one for one in inside if one.observations]
    if not reports:
        return _undecided(mail, document, inside)
    observations = tuple(one for report in reports for one in report.observations)
    suppressed: dict[str, int] = {}
    for report in reports:
        for word, count in report.suppressed.items():
            suppressed[word] = suppressed.get(word, 0) + count
    return Document(kind=_kind(observations), suppressed=suppressed, observations=observations)


def _undecided(mail: Mail, document: Document, inside: list[Document]) -> Document:
    """Give the kind of a message without a report: that of the one message that it passes on, else its own."""
    if any(leaf.kind == "application/ms-tnef" for leaf in mail.leaves) and form_of(mail).report_subject:
        why = "The report is inside a winmail.dat attachment; save it as .eml or forward it as an attachment instead."
        return Document(kind="unreadable", error=why)
    passed_on = [one for one in inside if one.kind in ("feedback", "tls-report")]
    return passed_on[0] if len(inside) == 1 and passed_on and document.kind == "other" else document


def _read(mail: Mail, reader: Reader) -> Document:
    form = form_of(mail)
    if form.kind is not None:
        return Document(kind=form.kind)
    found = _find(mail, form)
    if found is None:
        return Document(kind="auto-reply" if form.auto_reply else "other")
    observations, more = _observations(found, reader)
    if not observations:
        return Document(kind="other")
    return Document(
        kind=_kind(observations), observations=observations, suppressed={"recipients": more} if more else {}
    )


def _kind(observations: tuple[Observation, ...]) -> Kind:
    actions = {one.action for one in observations if one.source == "ndr"}
    return "bounce" if "failed" in actions else "delay" if "delayed" in actions else "success"


def _find(mail: Mail, form: Form) -> Found | None:
    """Find the parts of a report in one message, the messages attached to it left aside."""
    reports = [report for leaf in mail.of_kind("text/delivery-status") if (report := read_status(leaf.text))]
    if not reports and mail.header("final-recipient") is not None:
        reports = [report for report in (read_status(_header_text(mail)),) if report]
    texts = list(_texts(mail))
    found = Found(mail=mail, reports=reports, text=texts[0] if texts else "")
    if reports:
        found.human = _human(mail, texts, reports)
        return None if _is_challenge_only(found) else found
    if (form.auto_reply and not form.mail_system) or form.bulk:
        return None
    found.human = _human(mail, texts, [])
    if found.human is not None and _is_whole(found.human, form, texts):
        return found
    found.human = None
    spoken = [text for text in texts if _may_report(form, text)]
    for text in spoken:
        stretch = find_status(report_text(text))
        if stretch and (report := read_status(stretch)):
            return msgspec.structs.replace(found, reports=[report], text=text)
    for text in spoken:
        if (prose := _prose(mail, text, form.mail_system)) is not None:
            return msgspec.structs.replace(found, prose=prose, text=text)
    known = _failed_header(mail) if form.mail_system else ()
    if known:
        found.prose = Prose(mailer="", strong=False, failures=tuple(Failure(recipient=one) for one in known))
    return found if known else None


def _may_report(form: Form, text: str) -> bool:
    """True where a text may hold a report of a mail system: it wrote the message, or a person passes one on."""
    return form.mail_system or form.forward or form.report_subject or is_forwarded_text(text)


def _is_whole(human: HumanReport, form: Form, texts: list[str]) -> bool:
    """True for Exchange's report; one line of it that somebody quotes in a conversation is none."""
    if form.mail_system:
        return bool(human.recipients)
    if not any(one.address for one in human.recipients):
        return False
    return human.generating_server is not None or any(_may_report(form, text) for text in texts)


def _prose(mail: Mail, text: str, is_report: bool) -> Prose | None:
    known = _failed_header(mail)
    prose = read_prose(text, from_mail_system=is_report, known=known, subject=mail.words("subject"))
    if prose is None or is_challenge(text):
        return None
    named = [one for one in prose.failures if one.recipient]
    if named or (is_report and prose.strong):
        return prose
    said = is_report and any(one.diagnostic for one in prose.failures)
    return prose if said and (form_of(mail).report_subject or not _is_chatter(text)) else None


def _is_chatter(text: str) -> bool:
    """True for a long text in which no recipient is named: a page about mail, not a report."""
    return len(text) > 8 * limits.MAX_ADDRESS


def _is_challenge_only(found: Found) -> bool:
    """True for a request to confirm that is dressed up as a report: nothing failed, and the text asks for an answer."""
    actions = {failure.action for report in found.reports for failure in report.failures}
    return "failed" not in actions and is_challenge(found.text)


def _failed_header(mail: Mail) -> tuple[str, ...]:
    """Give the recipients that Exim and Gmail name in X-Failed-Recipients."""
    values = ",".join(mail.headers("x-failed-recipients")[:20]).split(",")
    return tuple(address for value in values[:100] if "@" in value and (address := read_address(value)))


def _texts(mail: Mail) -> Iterator[str]:
    """Give the texts of the human part: plain ones, then HTML; what follows the machine part is the returned message."""
    leaves = mail.leaves
    machine = next((at for at, leaf in enumerate(leaves) if leaf.kind == "text/delivery-status"), None)
    mine = leaves[:machine] if machine else leaves
    plain = [leaf for leaf in mine if leaf.kind == "text/plain"][:HEADERS_OF_TEXTS]
    html = [leaf for leaf in mine if leaf.kind == "text/html"][:HEADERS_OF_TEXTS]
    for leaf in (*plain, *html):
        if leaf.text.strip():
            yield leaf.text


def _human(mail: Mail, texts: list[str], reports: list[Report]) -> HumanReport | None:
    """Read Exchange's human part, plain or else HTML."""
    arrival = next((report.arrival for report in reports if report.arrival), None)
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


def _observations(found: Found, reader: Reader) -> tuple[tuple[Observation, ...], int]:
    """Give the observations of a report, the hops of the returned message last."""
    mail, human = found.mail, found.human
    returned, original = _returned(found)
    causes = human_causes(human)
    generating = normal(human.generating_server) if human else None
    lonely = sum(len(report.failures) for report in found.reports) == 1
    report_time = utc(mail.header("date"))
    trusts = _Trusts(found, reader)
    out: list[Observation] = []
    seen: set[Failure] = set()  # a gateway may attach the machine part twice
    more = 0
    for report in found.reports or [_as_report(found)]:
        more += report.more
        for failure in report.failures:
            if failure in seen:
                continue
            seen.add(failure)
            if len(out) >= limits.MAX_RECIPIENTS:
                more += 1
                continue
            cause = causes.get((failure.recipient or "").lower()) or (causes.get(None) if lonely else None)
            if not found.reports and human is not None:
                cause = causes.get(failure.recipient.lower() if failure.recipient else None)
            prose = reason_for(found.text, failure.recipient) if _wants_prose(found, failure, cause is None) else None
            one = outcome(_named(failure, prose, mail), cause, prose)
            by = report.reported_by or generating
            out.append(
                observation(
                    one,
                    reported_by=by,
                    returned=returned,
                    original=original,
                    trust=trusts.of(one.failure.recipient, one.host),
                    report_time=report_time,
                )
            )
    if out:
        out += relayed(returned, trusts.of(out[0].recipient, None))
    return tuple(out), more


def _wants_prose(found: Found, failure: Failure, no_cause: bool) -> bool:
    return (
        bool(found.reports)
        and no_cause
        and len(found.reports[0].failures) <= 50
        and failure.action
        in (
            "failed",
            "delayed",
        )
    )


def _named(failure: Failure, prose: Failure | None, mail: Mail) -> Failure:
    """Give the failure a recipient from elsewhere where the machine part names none that is an address."""
    if failure.recipient is not None:
        return failure
    known = _failed_header(mail)
    name = known[0] if len(known) == 1 else prose.recipient if prose else None
    return msgspec.structs.replace(failure, recipient=name)


def _as_report(found: Found) -> Report:
    """Give the failures that stand in prose alone the form of a machine part."""
    if found.prose is not None:
        return Report(reported_by=found.prose.reported_by, failures=found.prose.failures)
    human = found.human
    if human is None:
        return Report()
    action = "delayed" if _is_delay(human) else "failed"
    return Report(
        reported_by=normal(human.generating_server),
        failures=tuple(Failure(recipient=one.address, action=action) for one in human.recipients),  # type: ignore[arg-type]
    )


def _is_delay(human: HumanReport) -> bool:
    """True where Exchange's newest line says that the message is delayed (`400 4.4.7 Message delayed`)."""
    newest = [one.lines[0].reply.lower() for one in human.recipients if one.lines]
    return bool(newest) and all("message delayed" in reply for reply in newest)


def _returned(found: Found) -> tuple[Returned, Original]:
    """Find the returned message: attached, its headers as a part, or behind the human part's text."""
    mail = found.mail
    source = mail.attached[0] if mail.attached else None
    if source is None and (parts := mail.of_kind("text/rfc822-headers")):
        source = read_mail(parts[0].text.lstrip("\r\n").encode("utf-8", "replace"))
    if source is None and found.human is not None and found.human.original_headers:
        source = returned_text(found.human.original_headers)
    if source is None and found.prose is not None and found.prose.original:
        source = returned_text(found.prose.original)
    returned = returned_message(source) if source is not None else Returned()
    return returned, _original(returned.original, found)


def _original(known: Original, found: Found) -> Original:
    """Fill in from the report itself what the returned message does not say."""
    human = found.human
    replied = bare_id(found.mail.header("in-reply-to")) if found.reports or form_of(found.mail).mail_system else None
    return Original(
        message_id=known.message_id or replied,
        from_=known.from_ or (human.sender if human else None),
        to=known.to,
        subject=known.subject or (human.subject if human else None),
    )


class _Trusts:
    """How far one report can be believed, for each recipient's domain; judged once for each."""

    def __init__(self, found: Found, reader: Reader) -> None:
        self._found = found
        self._reader = reader
        self._known: dict[tuple[str | None, str | None], Trust] = {}
        mail = found.mail
        hops = read_received(mail.headers("received")[: limits.MAX_HOPS])
        self._hops = [host for hop in hops for host in (hop.from_host, hop.by_host) if host]

    def of(self, recipient: str | None, host: str | None) -> Trust:
        domain = domain_of(recipient)
        key = (domain, host)
        if key not in self._known:
            self._known[key] = self._assess(domain)
        return self._known[key]

    def _assess(self, domain: str | None) -> Trust:
        mail, human = self._found.mail, self._found.human
        machine = [one.receiving_host for report in self._found.reports for one in report.failures[:20]]
        lines = [line for one in human.recipients[:20] for line in one.lines] if human else []
        claims = Claims(
            authentication_results=mail.headers("authentication-results"),
            return_path=mail.header("return-path"),
            from_domain=domain_of(read_address(mail.words("from"))),
            recipient_domain=domain,
            reporting_mta=next((report.reported_by for report in self._found.reports), None),
            generating_server=human.generating_server if human else None,
            hops=self._hops,
            remote_hosts_machine=[host for host in machine if host],
            remote_hosts_human=[line.host for line in lines if line.host and not line.own],
        )
        return assess(claims, self._reader.hosts, self._reader.authserv_id)
