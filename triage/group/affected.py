"""The affected messages of an incident, each with the state that says whether to send it again."""

from collections.abc import Iterator
from typing import Literal

from triage.group.documents import Documents
from triage.group.fold import message_name, report_key
from triage.group.ledger import DELIVERED, MESSAGE, REPORT, RETURNED
from triage.group.packed import marked, split
from triage.group.readings import readings_of
from triage.group.stored import followed
from triage.model import Affected, Observation

State = Literal["returned", "waiting", "delivered-later"]


def affected(documents: Documents, incident_id: str) -> Iterator[Affected]:
    """Give each affected message of the incident once, in the order in which its first report came."""
    ledger = followed(documents, incident_id)
    if ledger is None:
        return
    reported = dict(marked(ledger.messages, MESSAGE))
    shown: set[bytes] = set()
    keys = split(ledger.reports, REPORT)
    for reading, index in readings_of(documents, keys):
        finding = reading.findings[index]
        seen = finding.observation
        if finding.diagnosis is None:
            continue
        name = message_name(seen, report_key(reading.sha256, index))
        if name in reported and name not in shown:
            shown.add(name)
            yield _row(seen, reported[name])


def _row(seen: Observation, reported: int) -> Affected:
    word: State = "returned" if reported & RETURNED else "delivered-later" if reported & DELIVERED else "waiting"
    return Affected(
        state=word,
        recipient=seen.recipient,
        sent_to=seen.original_recipient,
        sender=seen.original.from_,
        subject=seen.original.subject,
        message_id=seen.original.message_id,
        time=seen.time,
        tried_until=seen.retry_until,
        diagnostic=seen.diagnostic,
        language=seen.language,
    )
