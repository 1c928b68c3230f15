"""A parsed message → the document: which kind it is and what it says of each recipient."""

from functools import cached_property

import msgspec

from triage.decode import limits
from triage.decode.carried import doubted, read_carried, together
from triage.decode.exchange import Cause, HumanReport
from triage.decode.exchange_words import words as exchange_words
from triage.decode.failure import Failure, Report, read_address, utc
from triage.decode.found import Found, failed_recipients, find
from triage.decode.kinds import Form, form_of, is_mail_system
from triage.decode.label import labelled
from triage.decode.language import language_of
from triage.decode.mapi import Item, as_message
from triage.decode.message import Header, Mail, read_header, read_mail
from triage.decode.outcome import domain_of, human_causes, observation, outcome
from triage.decode.outlook import DAMAGED, as_own, items_of
from triage.decode.prose import About
from triage.decode.reader import Reader
from triage.decode.received import Way, read_received
from triage.decode.returned import Returned, bare_id, relayed, returned_text
from triage.decode.tls_report import report_in
from triage.decode.trust import Claims, assess
from triage.hosts import normal
from triage.model import Document, Observation, Original, Trust
from triage.model.mark import HEADER, Mark
from triage.model.words import Action, Kind

OWN_NOTICE = "own-notice"
"""What is counted where a report tells of a notice of ours: it is a loop of our own, and no fault of mail flow."""

MAX_ASKED = 50
"""Recipients of one report for whom the human part is read again, each time from its start."""


def assemble(mail: Mail, reader: Reader) -> Document:
    """Read a message and what is in it. A forward takes the kind of the report inside, a letter that of its export."""
    form = form_of(mail)
    return labelled(_assembled(mail, form, reader), mail, form)


def read_item(item: Item, reader: Reader) -> Document:
    """Read an Outlook item as the message that it stands for; attachments past a bound are counted."""
    document = assemble(read_mail(as_message(item)), reader)
    if not item.left_out:
        return document
    return msgspec.structs.replace(document, suppressed=document.suppressed | {"left-out": item.left_out})


def _assembled(mail: Mail, form: Form, reader: Reader) -> Document:
    items = items_of(mail, reader.room)
    if len(items) == 1 and (own := as_own(items[0], mail)):
        return read_item(own, reader)
    document = _read(mail, form, reader)
    if document.observations or OWN_NOTICE in document.suppressed or document.kind not in ("other", "auto-reply"):
        return document
    inside = [assemble(one, reader) for one in mail.attached]
    inside += [read_item(one, reader) if one else Document(kind="unreadable", error=DAMAGED) for one in items]
    carried = [] if document.kind == "auto-reply" or form.bulk else read_carried(mail, reader)
    every = [*inside, *carried]
    if not any(one.observations or OWN_NOTICE in one.suppressed for one in every):
        return _undecided(mail, form, document, every)
    found = together(doubted(every, mail, reader))
    ndr = any(one.source == "ndr" for one in found.observations)
    return msgspec.structs.replace(found, kind=_kind(found.observations)) if ndr else found


def _undecided(mail: Mail, form: Form, document: Document, inside: list[Document]) -> Document:
    """Give the kind of a message without a report: that of the one document that it passes on, else its own."""
    if any(leaf.kind == "application/ms-tnef" for leaf in mail.leaves) and form.report_subject:
        why = "The report is inside a winmail.dat attachment; save it as .eml or forward it as an attachment instead."
        return Document(kind="unreadable", error=why)
    passed_on = [one for one in inside if one.kind in ("feedback", "tls-report", "unreadable") or one.what]
    return passed_on[0] if len(inside) == 1 and passed_on and document.kind == "other" else document


def _read(mail: Mail, form: Form, reader: Reader) -> Document:
    if reader.mark is not None and _is_notice(mail, reader.mark):
        return Document(kind="other", suppressed={OWN_NOTICE: 1})
    if form.kind is not None:
        return (report_in(mail) if form.kind == "tls-report" else None) or Document(kind=form.kind)
    found = find(mail, form)
    if found is None:
        return Document(kind="auto-reply" if form.auto_reply else "other")
    source = _source(found)
    returned = Returned(source)
    told = _original(returned.original, found)
    original = told if told.from_ else msgspec.structs.replace(told, from_=_addressee(found))
    observations, more = _observations(found, returned, original, reader)
    if not observations:
        return Document(kind="other")
    if reader.mark is not None and _is_about_notice(source, told, found.mail, reader.mark):
        return Document(kind=_kind(observations), suppressed={OWN_NOTICE: 1})
    return Document(
        kind=_kind(observations), observations=observations, suppressed={"recipients": more} if more else {}
    )


def _kind(observations: tuple[Observation, ...]) -> Kind:
    actions = {one.action for one in observations if one.source == "ndr"}
    return "bounce" if "failed" in actions else "delay" if "delayed" in actions else "success"


def _is_notice(mail: Mail, mark: Mark) -> bool:
    """True for a notice of ours itself, which quotes bounces and is none."""
    return mark.is_on(
        header=mail.header(HEADER), sender=read_address(mail.words("from")), ids=[mail.header("message-id")]
    )


def _is_about_notice(source: Header | None, original: Original, report: Mail, mark: Mark) -> bool:
    """True for a report whose returned message is a notice of ours."""
    return mark.is_on(
        header=source.header(HEADER) if source is not None else None,
        sender=original.from_,
        ids=[original.message_id, report.header("in-reply-to")],
    )


def _observations(
    found: Found, returned: Returned, original: Original, reader: Reader
) -> tuple[tuple[Observation, ...], int]:
    """Give the observations of a report, the hops of the returned message last; and how many recipients are left out."""
    causes = human_causes(found.human)
    generating = normal(found.human.generating_server) if found.human else None
    language = language_of(found)
    trusts = _Trusts(found, returned, original, reader)
    out: list[Observation] = []
    failures, more = _failures(found)
    for by, failure in failures:
        cause = _cause(causes, failure, lonely=len(failures) == 1)
        prose = About(found.text, failure.recipient) if _wants_prose(found, failure, cause) else None
        one = outcome(_named(failure, prose, found.mail), cause, prose)
        out.append(
            observation(
                one,
                reported_by=by or generating,
                returned=returned,
                original=original,
                trust=trusts.of(one.failure.recipient),
                report_time=None if one.time else trusts.report_time,
                language=language,
            )
        )
    if out:
        out += relayed(returned, trusts.of(out[0].recipient))
    return tuple(out), more


def _failures(found: Found) -> tuple[list[tuple[str | None, Failure]], int]:
    """Give each recipient's failure and who reports it, within the bound; a gateway may attach the same twice."""
    reports = found.reports or [_as_report(found)]
    every = [(report.reported_by, failure) for report in reports for failure in report.failures]
    every = list(dict.fromkeys(every)) if len(every) > 1 else every
    kept = every[: limits.MAX_RECIPIENTS]
    return kept, len(every) - len(kept) + sum(report.more for report in reports)


def _cause(causes: dict[str | None, Cause], failure: Failure, *, lonely: bool) -> Cause | None:
    """Give what Exchange's human part says of a recipient; of a lone one whatever it says."""
    own = causes.get(failure.recipient.lower() if failure.recipient else None)
    return own or (causes.get(None) if lonely else None)


def _wants_prose(found: Found, failure: Failure, cause: Cause | None) -> bool:
    """True where the text may add to the machine part; of long reports it is not asked, that would cost too much."""
    if not found.reports or cause is not None or failure.action not in ("failed", "delayed"):
        return False
    return sum(len(report.failures) for report in found.reports) <= MAX_ASKED


def _named(failure: Failure, prose: About | None, mail: Mail) -> Failure:
    """Give the failure a recipient from elsewhere where the machine part names none that is an address."""
    if failure.recipient is not None:
        return failure
    known = failed_recipients(mail)
    name = known[0] if len(known) == 1 else prose.said.recipient if prose and prose.said else None
    return msgspec.structs.replace(failure, recipient=name)


def _as_report(found: Found) -> Report:
    """Give the failures that stand in prose alone the form of a machine part."""
    if found.prose is not None:
        return Report(reported_by=found.prose.reported_by, failures=found.prose.failures)
    human = found.human
    if human is None:
        return Report()
    action: Action = "delayed" if _is_delay(human, found.text.lower) else "failed"
    return Report(
        reported_by=normal(human.generating_server),
        failures=tuple(Failure(recipient=one.address, action=action) for one in human.recipients),
    )


def _is_delay(human: HumanReport, lower: str) -> bool:
    """True where Exchange's newest line says that the message is delayed (`400 4.4.7 Message delayed`), or gives a transient
    reply below a text that speaks of a delay.
    """
    newest = [one.lines[0].reply.lower() for one in human.recipients if one.lines]
    told = "" if any(map(lower.__contains__, exchange_words().delayed)) else "message delayed"
    return bool(newest) and all(told in reply and (told or reply.startswith("4")) for reply in newest)


def _source(found: Found) -> Header | None:
    """Find the returned message: attached, its headers as a part, or behind the human part's text."""
    mail = found.mail
    source: Header | None = mail.attached[0] if mail.attached else None
    if source is None and (parts := mail.of_kind("text/rfc822-headers")):
        source = read_header(parts[0].text.lstrip("\r\n"))
    if source is None and found.human is not None and found.human.original_headers:
        source = returned_text(found.human.original_headers)
    if source is None and found.prose is not None and found.prose.original:
        source = returned_text(found.prose.original)
    return source


def _original(known: Original, found: Found) -> Original:
    """Fill in from the report itself what the returned message does not say."""
    human = found.human
    replied = bare_id(found.mail.header("in-reply-to")) if found.reports or found.form.mail_system else None
    return Original(
        message_id=known.message_id
        or replied
        or next((one.message_id for one in found.reports if one.message_id), None),
        from_=known.from_ or (human.sender if human else None),
        to=known.to,
        subject=known.subject or (human.subject if human else None),
    )


def _addressee(found: Found) -> str | None:
    """Give to whom a report is written that no person passed on: the sender of what bounced (RFC 3464 section 2).

    A report about what a system sent goes to the system, and a copy to the postmaster: then it is not told.
    """
    if not found.form.mail_system or found.form.forward or found.mail.header("to") is None:
        return None
    addresses = found.mail.words("to").split(",")
    one = read_address(addresses[0]) if len(addresses) == 1 else None
    return None if one is None or is_mail_system(one) else one


class _Trusts:
    """How far one report can be believed, for each recipient's domain; judged once for each."""

    def __init__(self, found: Found, returned: Returned, original: Original, reader: Reader) -> None:
        self._found = found
        self._returned = returned
        self._sender = domain_of((original.from_ or "").partition(",")[0])
        self._reader = reader
        self._known: dict[str | None, Trust] = {}
        self._hops = Way(read_received(found.mail.raw_values("received")[: limits.MAX_HOPS]))

    @cached_property
    def report_time(self) -> str | None:
        """When the report was written: it stands for the failure's own time where none is told."""
        return utc(self._found.mail.header("date"))

    def of(self, recipient: str | None) -> Trust:
        """Give the trust in what the report says of this recipient."""
        domain = domain_of(recipient)
        if domain not in self._known:
            self._known[domain] = self._assess(domain)
        return self._known[domain]

    def _assess(self, domain: str | None) -> Trust:
        mail, human = self._found.mail, self._found.human
        machine = [one.receiving_host for report in self._found.reports for one in report.failures[:20]]
        lines = [line for one in human.recipients[:20] for line in one.lines] if human else []
        claims = Claims(
            authentication_results=mail.headers("authentication-results") if self._reader.authserv_id else (),
            return_path=mail.header("return-path"),
            from_domain=domain_of(read_address(mail.words("from"))),
            recipient_domain=domain,
            reporting_mta=next((report.reported_by for report in self._found.reports), None),
            generating_server=human.generating_server if human else None,
            hops=self._hops,
            remote_hosts_machine=[host for host in machine if host],
            remote_hosts_human=[line.host for line in lines if line.host and not line.own],
            by_mail_system=self._found.form.mail_system,
            original_domain=self._sender,
            original_hops=Way(self._returned.hops),
        )
        return assess(claims, self._reader.hosts, self._reader.authserv_id)
