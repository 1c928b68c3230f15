"""What people's addresses and subjects become where they are not to be shown."""

import msgspec

from triage.model import Affected, Incident
from triage.safe_text import HIDDEN, redact_address, redact_addresses, redact_subject

_SHORTEST = 5
"""Characters of a subject that is looked for in other texts: a shorter one would hide ordinary words."""


class Redaction:
    """Hides whose mail it is, or shows it all: one object for a card, a ticket or a list.

    With its incident it also hides that one's subject where other texts repeat it.
    """

    def __init__(self, incident: Incident | None, redact: bool) -> None:
        self._redact = redact
        subject = incident.sample.original.subject if incident and incident.sample else None
        self._subject = subject if subject and len(subject) >= _SHORTEST else None

    def text(self, text: str) -> str:
        """Hide addresses in running text, and the subject of the message where the text repeats it."""
        if not self._redact:
            return text
        if self._subject:
            text = text.replace(self._subject, HIDDEN)
        return redact_addresses(text)

    def address(self, address: str | None) -> str | None:
        """Hide the local part of an address."""
        return redact_address(address) if self._redact and address else address

    def subject(self, subject: str | None) -> str | None:
        """Hide a subject."""
        return redact_subject(subject) if self._redact and subject else subject

    def affected(self, one: Affected) -> Affected:
        """Hide whose message it is and what it is about; state, time and domains stay."""
        if not self._redact:
            return one
        diagnostic = one.diagnostic and (one.diagnostic.replace(one.subject, HIDDEN) if one.subject else one.diagnostic)
        return msgspec.structs.replace(
            one,
            recipient=self.address(one.recipient),
            sent_to=self.address(one.sent_to),
            sender=self.address(one.sender),
            subject=self.subject(one.subject),
            diagnostic=self.text(diagnostic) if diagnostic else None,
        )
